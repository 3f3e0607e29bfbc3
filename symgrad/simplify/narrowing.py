"""Arrays that are read on a diagonal only are computed on that diagonal only."""

from __future__ import annotations

from dataclasses import replace

from symgrad.program import (
    Access,
    Definition,
    Program,
    Statement,
    accesses,
    dependencies,
    term_accesses,
)
from symgrad.simplify.rewriting import map_term, with_definitions

__all__ = ["narrow_reads"]


def narrow_reads(program: Program) -> Program:
    """t[i,j] = f(i,j); z reads t[k,k] alone -> t[i] = f(i,i): the diagonal of a Hessian."""
    pairs = _equal_axes(program)
    if not pairs:
        return program
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            statement = _read_narrowed(statement, pairs)
            if statement.name in pairs:
                statement = _narrowed(statement, *pairs[statement.name])
        kept.append(statement)
    return with_definitions(program, kept)


def _equal_axes(program: Program) -> dict[str, tuple[int, int]]:
    """For each definition, the first two axes that every read of it has at one index."""
    candidates: dict[str, list[tuple[int, int]]] = {}
    fixed = set(program.outputs)
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            fixed.update(dependencies(statement))
            continue
        for access in (a for term in statement.terms for a in term_accesses(term)):
            seen = _repeated(access)
            known = candidates.get(access.name)
            candidates[access.name] = seen if known is None else [p for p in known if p in seen]
    found: dict[str, tuple[int, int]] = {}
    for statement in program.definitions:
        if isinstance(statement, Definition) and statement.name not in fixed:
            shape = statement.shape
            for first, second in candidates.get(statement.name, ()):
                if shape[first] == shape[second]:
                    found[statement.name] = (first, second)
                    break
    return found


def _repeated(access: Access) -> list[tuple[int, int]]:
    subscripts = access.subscripts
    return [
        (first, second)
        for second in range(len(subscripts))
        for first in range(second)
        if subscripts[first] == subscripts[second] and not accesses(subscripts[first])
    ]


def _read_narrowed(definition: Definition, pairs: dict[str, tuple[int, int]]) -> Definition:
    def rule(access: Access) -> Access:
        pair = pairs.get(access.name)
        if pair is None:
            return access
        return Access(access.name, *(s for k, s in enumerate(access.subscripts) if k != pair[1]))

    if not any(name in pairs for name in dependencies(definition)):
        return definition
    return replace(definition, terms=tuple(map_term(term, rule) for term in definition.terms))


def _narrowed(definition: Definition, first: int, second: int) -> Definition:
    change = {definition.axes[second].index: definition.axes[first].index}
    axes = tuple(axis for k, axis in enumerate(definition.axes) if k != second)
    return replace(definition, axes=axes, terms=tuple(t.xreplace(change) for t in definition.terms))
