"""Values that one definition has, read where others compute them again."""

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
    dependencies,
)
from symgrad.simplify.operations import count_functions
from symgrad.simplify.rewriting import merge_terms, with_definitions

__all__ = ["share_sums", "share_values"]


def share_values(program: Program) -> Program:
    """p[i] = exp(u[i]), g[i] = exp(u[i]) − y[i] -> g[i] = p[i] − y[i].

    For values of costly functions over the same indices. Index letters must be those of
    `name_indices`, one for an extent, so that equal values have equal bodies.
    """
    known: dict[sympy.Expr, Access] = {}
    extents: dict[str, tuple[sympy.Expr, ...]] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            loops = dict(zip(statement.indices, statement.shape, strict=True))
            terms = tuple(
                replace(t, body=_with_values(t.body, known, extents, loops)) if not t.axes else t
                for t in statement.terms
            )
            if terms != statement.terms:
                statement = replace(statement, terms=terms)
            body = _value(statement)
            if body is not None and body not in known:
                known[body] = statement.access
                extents[statement.name] = statement.shape
        kept.append(statement)
    return with_definitions(program, kept)


def _with_values(
    body: sympy.Expr,
    known: dict[sympy.Expr, Access],
    extents: dict[str, tuple[sympy.Expr, ...]],
    loops: dict[sympy.Symbol, sympy.Expr],
) -> sympy.Expr:
    """A body with the elements that hold parts of it, if these have its loops."""
    usable: dict[sympy.Basic, sympy.Basic] = {}
    for part in sympy.preorder_traversal(body):
        access = known.get(part)
        if access is not None:
            pairs = zip(access.subscripts, extents[access.name], strict=True)
            if all(loops.get(index) == extent for index, extent in pairs):
                usable[part] = access
    return body.xreplace(usable) if usable else body


def _value(definition: Definition) -> sympy.Expr | None:
    """The body of a definition that is one costly value, stored without rounding to a type."""
    if len(definition.terms) != 1:
        return None
    (term,) = definition.terms
    if term.axes or term.guards or not accesses(term.body) or definition.dtype != "float64":
        return None
    return term.body if count_functions(term.body) else None


def share_sums(program: Program) -> Program:
    """s[j] = Σ_i f(i,j), z[j] = Σ_i c(j)·f(i,j) -> z[j] = c(j)·s[j], wherever s stands.

    As in `share_values`, index letters must be those of `name_indices`.
    """
    sums = {
        (term.body, term.axes): statement
        for statement in reversed(program.definitions)
        if isinstance(statement, Definition) and len(statement.terms) == 1
        for term in statement.terms
        if term.reduction == "sum" and term.axes and not term.guards
    }
    order = {statement.name: k for k, statement in enumerate(program.definitions)}
    placed: dict[str, Statement] = {}
    for statement in program.definitions:
        if isinstance(statement, Definition):
            terms = []
            for term in statement.terms:
                found = _shared_sum(statement, term, sums)
                if found is not None and found.name not in placed:
                    early = all(name in placed or name not in order for name in dependencies(found))
                    found = found if early else None
                if found is None:
                    terms.append(term)
                    continue
                placed.setdefault(found.name, found)
                terms.append(Term(_outside(term) * found.access))
            if tuple(terms) != statement.terms:
                statement = replace(statement, terms=merge_terms(terms))
        placed.setdefault(statement.name, statement)
    return with_definitions(program, placed.values())


def _outside(term: Term) -> sympy.Expr:
    """The factors of a term that its sum does not run over."""
    summed = {axis.index for axis in term.axes}
    factors = sympy.Mul.make_args(term.body)
    return sympy.Mul(*(x for x in factors if not x.free_symbols & summed))


def _shared_sum(
    definition: Definition, term: Term, sums: dict[tuple[sympy.Expr, tuple[Axis, ...]], Definition]
) -> Definition | None:
    """The definition that has a term's sum without its outer factors."""
    if term.reduction != "sum" or not term.axes or term.guards:
        return None
    outside = _outside(term)
    found = sums.get((term.body / outside, term.axes))
    if found is None or found.name == definition.name or found.dtype != definition.dtype:
        return None
    loops = dict(zip(definition.indices, definition.shape, strict=True))
    same = all(loops.get(axis.index) == axis.extent for axis in found.axes)
    return found if same else None
