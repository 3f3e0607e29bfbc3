"""Axes of one element, as keepdims leaves them, removed from the definitions between."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import Access, Axis, Definition, Program, Statement, Term, dependencies
from symgrad.program import functions as f
from symgrad.simplify.rewriting import map_term, merge_terms, with_definitions

__all__ = ["drop_unit_axes"]


def drop_unit_axes(program: Program) -> Program:
    """t[i,q] with q < 1 -> t[i], Σ_q [q < 1] f(q) -> f(0): outputs and sources keep their shape."""
    fixed = set(program.outputs)
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            fixed.update(dependencies(statement))
    removed: dict[str, tuple[int, ...]] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            statement = _read_without_units(statement, removed)
            statement = _without_bound_units(statement)
            units = tuple(k for k, axis in enumerate(statement.axes) if axis.extent == 1)
            if units and statement.name not in fixed:
                removed[statement.name] = units
                axes = tuple(a for k, a in enumerate(statement.axes) if k not in units)
                statement = replace(statement, axes=axes)
        kept.append(statement)
    return with_definitions(program, kept)


def _read_without_units(definition: Definition, removed: dict[str, tuple[int, ...]]) -> Definition:
    """The definition with the subscripts of removed axes left out."""

    def rule(access: Access) -> Access:
        units = removed.get(access.name)
        if not units:
            return access
        return Access(access.name, *(s for k, s in enumerate(access.subscripts) if k not in units))

    if not removed:
        return definition
    terms = tuple(map_term(term, rule) for term in definition.terms)
    return definition if terms == definition.terms else replace(definition, terms=terms)


def _without_bound_units(definition: Definition) -> Definition:
    """The definition with the index of every unit axis put to 0, summed unit axes gone."""
    axes = [*definition.axes, *(axis for term in definition.terms for axis in term.axes)]
    if not any(axis.extent == 1 for axis in axes):
        return definition
    outer = _zeros(definition.axes)
    terms = []
    for term in definition.terms:
        term = term.xreplace({**outer, **_zeros(term.axes)})
        rest = tuple(axis for axis in term.axes if axis.extent != 1)
        if term.reduction in ("argmax", "argmin") and not rest:
            term = Term(sympy.S.Zero)
        elif term.reduction == "norm" and not rest:
            term = Term(f.absolute(term.body), (), "sum", term.guards)
        elif rest != term.axes:
            term = Term(term.body, rest, term.reduction if rest else "sum", term.guards)
        terms.append(term)
    return replace(definition, terms=merge_terms(terms))


def _zeros(axes: tuple[Axis, ...]) -> dict[sympy.Basic, sympy.Basic]:
    return {axis.index: sympy.S.Zero for axis in axes if axis.extent == 1}
