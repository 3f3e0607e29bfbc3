"""Sums moved into the only definition that reads them: t = Σ …; z = t + b -> z = Σ … + b."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    Program,
    Statement,
    Term,
    accesses,
    index_symbol,
    is_floating,
)
from symgrad.simplify.rewriting import count_reads, merge_terms, with_definitions

__all__ = ["absorb_sums"]


def absorb_sums(program: Program) -> Program:
    """t[o] = Σ_r f, z[o] = c·t[o] + g -> z[o] = Σ_r c·f + g, if only z reads t.

    c must be free of arrays, so that a contraction stays one. Where z reads t on a part of its
    domain only, the sum is taken on that part only.
    """
    uses = count_reads(program)
    known: dict[str, Definition] = {}
    absorbed: set[str] = set()
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            statement = _absorb(statement, known, absorbed)
            alone = uses[statement.name] == 1 and statement.name not in program.outputs
            if alone and _is_sum(statement):
                known[statement.name] = statement
        kept.append(statement)
    if not absorbed:
        return program
    return with_definitions(program, (s for s in kept if s.name not in absorbed))


def _is_sum(definition: Definition) -> bool:
    has_axes = any(term.axes for term in definition.terms)
    return has_axes and all(term.reduction == "sum" for term in definition.terms)


def _absorb(definition: Definition, known: dict[str, Definition], absorbed: set[str]) -> Definition:
    if not is_floating(definition.dtype):
        return definition
    terms: list[Term] = []
    for term in definition.terms:
        if term.axes:
            terms.append(term)
            continue
        rest = []
        parts = sympy.Add.make_args(term.body)
        for part in parts:
            found = _absorbable(definition, part, known)
            if found is None or sum(other.has(found[1]) for other in parts) > 1:
                rest.append(part)
                continue
            source, access, factor = found
            for moved in _scaled_terms(definition, source, access, factor):
                terms.append(replace(moved, guards=(*term.guards, *moved.guards)))
            absorbed.add(source.name)
        if rest:
            terms.append(replace(term, body=sympy.Add(*rest)))
    if tuple(terms) == definition.terms:
        return definition
    return replace(definition, terms=merge_terms(terms))


def _absorbable(
    definition: Definition, part: sympy.Expr, known: dict[str, Definition]
) -> tuple[Definition, Access, sympy.Expr] | None:
    """The sum that a part is a multiple of, read at the definition's own indices."""
    found = accesses(part)
    if len(found) != 1 or found[0].name not in known:
        return None
    (access,) = found
    source = known[access.name]
    if part != access and not (part.is_Mul and access in part.args):
        return None
    factor = part / access
    in_step = set(access.subscripts) == set(definition.indices)
    same = in_step and len(access.subscripts) == len(definition.axes)
    plain = not factor.free_symbols & set(definition.indices)
    return (source, access, factor) if same and plain and source.dtype == definition.dtype else None


def _scaled_terms(
    definition: Definition, source: Definition, access: Access, factor: sympy.Expr
) -> list[Term]:
    """The source's terms in the definition's indices, its summed indices renamed apart."""
    outer = dict(zip(source.indices, access.subscripts, strict=True))
    taken = {index.name for index in definition.indices}
    result = []
    for term in source.terms:
        inner: dict[sympy.Symbol, sympy.Symbol] = {}
        for axis in term.axes:
            name = axis.index.name
            while name in taken or name in {i.name for i in inner.values()}:
                name += "_"
            inner[axis.index] = index_symbol(name)
        moved = term.xreplace({**outer, **inner})
        axes = tuple(Axis(inner[a.index], a.extent) for a in term.axes)
        result.append(replace(moved, axes=axes, body=factor * moved.body))
    return result
