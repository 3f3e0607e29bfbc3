"""Affine integer expressions: coefficients, bounds, and what can be proved from the axes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy

from symgrad.program.definitions import Axis, Guard
from symgrad.program.symbols import Access

__all__ = [
    "coefficient",
    "extents_by_index",
    "is_affine",
    "lower_bound",
    "proves",
    "upper_bound",
]


def extents_by_index(axes: Iterable[Axis]) -> dict[sympy.Symbol, sympy.Expr]:
    """Extent of each axis, by its index."""
    return {axis.index: axis.extent for axis in axes}


def coefficient(expression: sympy.Expr, index: sympy.Symbol) -> sympy.Expr | None:
    """The coefficient of `index` if the expression is affine in it, else None.

    >>> from symgrad.program.symbols import index_symbol
    >>> i = index_symbol("i")
    >>> coefficient(2 * i + 1, i)
    2
    """
    if index not in expression.free_symbols:
        return sympy.S.Zero
    total: sympy.Expr = sympy.S.Zero
    for part in sympy.Add.make_args(expression):
        if index not in part.free_symbols:
            continue
        factor = part.coeff(index, 1)
        if factor == 0 or index in factor.free_symbols or part != factor * index:
            return None
        total += factor
    return total


def is_affine(expression: sympy.Expr, indices: Iterable[sympy.Symbol]) -> bool:
    """Whether the expression is affine with integer coefficients in all given indices."""
    if expression.has(Access):
        return False
    factors = [coefficient(expression, index) for index in indices]
    return all(factor is not None and factor.is_Integer for factor in factors)


def _extreme(
    expression: sympy.Expr, extents: Mapping[sympy.Symbol, sympy.Expr], largest: bool
) -> sympy.Expr | None:
    if expression.has(Access):
        return None
    replacement: dict[sympy.Basic, sympy.Basic] = {}
    for index, extent in extents.items():
        if index not in expression.free_symbols:
            continue
        factor = coefficient(expression, index)
        if factor is None or not factor.is_Integer:
            return None
        replacement[index] = extent - 1 if (factor > 0) == largest else sympy.S.Zero
    return sympy.expand(expression.xreplace(replacement))


def upper_bound(
    expression: sympy.Expr, extents: Mapping[sympy.Symbol, sympy.Expr]
) -> sympy.Expr | None:
    """The largest value over the box 0 ≤ index < extent, or None if it is not affine."""
    return _extreme(expression, extents, largest=True)


def lower_bound(
    expression: sympy.Expr, extents: Mapping[sympy.Symbol, sympy.Expr]
) -> sympy.Expr | None:
    """The smallest value over the box 0 ≤ index < extent, or None if it is not affine."""
    return _extreme(expression, extents, largest=False)


def proves(guard: Guard, extents: Mapping[sympy.Symbol, sympy.Expr]) -> bool | None:
    """True if the guard holds on the whole box, False if it holds nowhere, None if it depends."""
    difference = sympy.expand(guard.right - guard.left)
    low, high = lower_bound(difference, extents), upper_bound(difference, extents)
    if low is None or high is None:
        return None
    if guard.relation == "<=":
        return _decide(low.is_nonnegative, high.is_negative)
    if guard.relation == "<":
        return _decide(low.is_positive, high.is_nonpositive)
    if guard.relation == "==":
        return _decide(low == 0 and high == 0, low.is_positive or high.is_negative)
    return _decide(low.is_positive or high.is_negative, low == 0 and high == 0)


def _decide(always: bool | None, never: bool | None) -> bool | None:
    if always:
        return True
    return False if never else None
