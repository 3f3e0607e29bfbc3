"""Passes that remove what has no effect: zero terms, decided guards, dead and equal definitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import sympy

from symgrad.program import (
    SOLVES,
    Access,
    Axis,
    Definition,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    dependencies,
    index_symbol,
)
from symgrad.program.affine import extents_by_index, proves
from symgrad.simplify.rewriting import (
    has_pole,
    merge_terms,
    rename_access,
    replace_accesses,
    with_definitions,
)

__all__ = ["drop_zeros", "merge_equal", "remove_dead"]


def drop_zeros(program: Program) -> Program:
    """Σ 0 -> nothing: zero terms and terms on empty domains go; reads of zero arrays become 0.

    Guards that always hold are dropped from their terms.
    """
    zeros: set[str] = set()
    kept: list[Statement] = []
    for statement in program.definitions:
        if _is_zero(statement, zeros):
            indices = [index_symbol(f"z{k}") for k in range(len(statement.shape))]
            axes = tuple(Axis(i, e) for i, e in zip(indices, statement.shape, strict=True))
            statement = Definition(statement.name, axes, statement.dtype, (), statement.origin)
        if isinstance(statement, Definition):
            terms = [_read_zeros(term, zeros) for term in statement.terms]
            decided = [_decide_guards(statement, term) for term in terms]
            present = merge_terms(term for term in decided if term is not None)
            if present != statement.terms:
                statement = replace(statement, terms=present)
            if not present:
                zeros.add(statement.name)
        kept.append(statement)
    return with_definitions(program, kept)


def _is_zero(statement: Statement, zeros: set[str]) -> bool:
    """Whether a statement that is no definition is 0 because of what it reads: solve(A, 0)."""
    if isinstance(statement, MatrixOperation):
        return statement.routine in SOLVES and statement.operands[1] in zeros
    return isinstance(statement, Reshape) and statement.source in zeros


def _read_zeros(term: Term, zeros: set[str]) -> Term:
    if not zeros:
        return term
    read = replace_accesses(term, lambda a: sympy.S.Zero if a.name in zeros else None)
    return term if has_pole(read.body) else read


def _decide_guards(definition: Definition, term: Term) -> Term | None:
    """The term without guards that always hold, or None if one never does."""
    if not term.guards:
        return term
    extents = extents_by_index(definition.axes + term.axes)
    pending = []
    for guard in dict.fromkeys(term.guards):
        verdict = proves(guard, extents)
        if verdict is False and term.reduction == "sum":
            return None
        if verdict is not True:
            pending.append(guard)
    return term if len(pending) == len(term.guards) else replace(term, guards=tuple(pending))


def remove_dead(program: Program) -> Program:
    """Definitions that no output depends on go; index checks stay, since they may raise."""
    live = set(program.outputs)
    kept = []
    for statement in reversed(program.definitions):
        if statement.name in live or isinstance(statement, IndexCheck):
            live.update(dependencies(statement))
            kept.append(statement)
    if len(kept) == len(program.definitions):
        return program
    return with_definitions(program, reversed(kept))


def merge_equal(program: Program) -> Program:
    """a = e, b = e -> b reads a: definitions that are equal up to the names of their indices."""
    seen: dict[object, str] = {}
    names: dict[str, str] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        renamed = rename_access(statement, names) if names else statement
        key = _key(renamed)
        first = seen.setdefault(key, renamed.name)
        if first == renamed.name:
            kept.append(renamed)
        elif renamed.name in program.outputs:
            kept.append(_copy_of(renamed, first))
        else:
            names[renamed.name] = first
    return with_definitions(program, kept)


def _copy_of(statement: Statement, source: str) -> Statement:
    if not isinstance(statement, Definition):
        return statement
    body = Access(source, *statement.indices)
    return replace(statement, terms=(Term(body),))


def _key(statement: Statement) -> object:
    """What a statement computes, whatever it and its indices are called."""
    if isinstance(statement, Reshape):
        return ("reshape", statement.source, statement.shape)
    if isinstance(statement, IndexCheck):
        return ("index", statement.source, statement.extent)
    if isinstance(statement, MatrixOperation):
        return replace(statement, name="", origin=None)
    outer = {index: position for position, index in enumerate(statement.indices)}
    terms = []
    for term in statement.terms:
        bound = {axis.index: -1 - position for position, axis in enumerate(term.axes)}
        numbers = {**outer, **bound}
        terms.append(
            (
                term.reduction,
                tuple(axis.extent for axis in term.axes),
                _fingerprint(term.body, numbers),
                tuple(
                    (_fingerprint(g.left, numbers), g.relation, _fingerprint(g.right, numbers))
                    for g in term.guards
                ),
            )
        )
    return ("define", statement.shape, statement.dtype, tuple(terms))


def _fingerprint(node: sympy.Basic, numbers: dict[sympy.Symbol, int]) -> object:
    """The expression as nested tuples, with indices by number: far cheaper than renaming them."""
    if not node.args:
        return numbers.get(node, node)
    parts = tuple(_fingerprint(argument, numbers) for argument in node.args)
    if node.is_Add or node.is_Mul:
        return (node.func, frozenset(Counter(parts).items()))
    return (node.func, parts)
