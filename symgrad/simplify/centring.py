"""Deviations from a mean, which sum to zero."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import Access, Axis, Definition, Program, Statement, Term
from symgrad.simplify.rewriting import substitute_indices, with_definitions

__all__ = ["drop_deviations"]


def drop_deviations(program: Program) -> Program:
    """m = 1/n·Σ_i x_i: Σ_i (c·(x_i − m) + g) -> Σ_i g, where c has no index i.

    The sum may read the deviations through one definition without loops of its own, as the
    derivative of a variance does. What is left out is a rounding error of the mean.
    """
    means: dict[str, Definition] = {}
    known: dict[str, Definition] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            terms = tuple(_without_deviations(term, known, means) for term in statement.terms)
            if terms != statement.terms:
                left = tuple(term for term in terms if term.body != 0)
                statement = replace(statement, terms=left or (Term(sympy.S.Zero),))
            if _is_mean(statement):
                means[statement.name] = statement
            known[statement.name] = statement
        kept.append(statement)
    return with_definitions(program, kept)


def _is_mean(definition: Definition) -> bool:
    """Whether a definition is 1/n·Σ x over axes of n elements in all."""
    if len(definition.terms) != 1:
        return False
    (term,) = definition.terms
    count = sympy.Mul(*(axis.extent for axis in term.axes))
    plain = bool(term.axes) and term.reduction == "sum" and not term.guards
    return plain and isinstance(term.body * count, Access)


def _without_deviations(
    term: Term, known: dict[str, Definition], means: dict[str, Definition]
) -> Term:
    if term.reduction != "sum" or not term.axes or term.guards:
        return term
    body = _read_through(term.body, known)
    factors = sympy.Mul.make_args(body)
    sums = [x for x in factors if x.is_Add]
    if body.is_Add or not sums:
        parts, outside = list(sympy.Add.make_args(body)), sympy.S.One
    else:
        parts = list(sums[0].args)
        outside = sympy.Mul(*(x for x in factors if x is not sums[0]))
        if _vanishes(body, term.axes, means):
            return replace(term, body=sympy.S.Zero)
    left = [part for part in parts if not _vanishes(outside * part, term.axes, means)]
    if len(left) == len(parts):
        return term
    return replace(term, body=outside * sympy.Add(*left))


def _read_through(body: sympy.Expr, known: dict[str, Definition]) -> sympy.Expr:
    """A multiple of one element with that element's formula in its place, if it has no loops."""
    factors = sympy.Mul.make_args(body)
    read = [x for x in factors if x.has(Access)]
    if len(read) != 1 or not isinstance(read[0], Access) or read[0].name not in known:
        return body
    source = known[read[0].name]
    if len(source.terms) != 1 or source.terms[0].axes or source.terms[0].guards:
        return body
    formula = substitute_indices(source.terms[0].body, source, read[0])
    return sympy.Mul(*(formula if x is read[0] else x for x in factors))


def _vanishes(part: sympy.Expr, axes: tuple[Axis, ...], means: dict[str, Definition]) -> bool:
    """Whether an addend is a deviation times what does not change along the summed axes."""
    summed = {axis.index for axis in axes}
    changing = [x for x in sympy.Mul.make_args(part) if x.free_symbols & summed]
    if len(changing) != 1 or not changing[0].is_Add or len(changing[0].args) != 2:
        return False
    first, second = changing[0].args
    return _is_deviation(first, second, axes, means) or _is_deviation(second, first, axes, means)


def _is_deviation(
    element: sympy.Expr, other: sympy.Expr, axes: tuple[Axis, ...], means: dict[str, Definition]
) -> bool:
    """Whether element + other is x − m or its negative, m the mean of x over exactly the axes."""
    sign, access = other.as_coeff_Mul()
    if not isinstance(access, Access) or access.name not in means:
        return False
    mean = means[access.name]
    (term,) = mean.terms
    if len(term.axes) != len(axes):
        return False
    count = sympy.Mul(*(axis.extent for axis in term.axes))
    averaged = substitute_indices(term.body * count, mean, access)
    names = _matching_indices(axes, term.axes)
    return names is not None and bool(averaged.xreplace(names) * -sign == element)


def _matching_indices(
    axes: tuple[Axis, ...], own: tuple[Axis, ...]
) -> dict[sympy.Basic, sympy.Basic] | None:
    """The mean's summed indices under the names of the sum's, matched by their extents."""
    indices = {axis.extent: axis.index for axis in axes}
    if len(indices) < len(axes) or {axis.extent for axis in own} != set(indices):
        return None
    return {axis.index: indices[axis.extent] for axis in own}
