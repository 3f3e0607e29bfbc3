"""Values that one definition has, read where others compute them again."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import Access, Definition, Program, Statement, accesses
from symgrad.simplify.operations import count_functions
from symgrad.simplify.rewriting import with_definitions

__all__ = ["share_values"]


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
            usable: dict[sympy.Basic, sympy.Basic] = {
                body: access
                for body, access in known.items()
                if all(
                    loops.get(index) == extent
                    for index, extent in zip(access.subscripts, extents[access.name], strict=True)
                )
            }
            terms = tuple(
                replace(t, body=t.body.xreplace(usable)) if not t.axes else t
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


def _value(definition: Definition) -> sympy.Expr | None:
    """The body of a definition that is one costly value, stored without rounding to a type."""
    if len(definition.terms) != 1:
        return None
    (term,) = definition.terms
    if term.axes or term.guards or not accesses(term.body) or definition.dtype != "float64":
        return None
    return term.body if count_functions(term.body) else None
