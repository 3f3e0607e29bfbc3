"""Masks of adjoints: where a selection did not take a value, that value's adjoint is exactly zero.

A mask is a condition outside which an adjoint vanishes. It travels backwards with the adjoint, and
is put around a product that could turn that zero into NaN (0 times infinity): the branch not taken
never reaches a gradient, however many definitions lie between.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from symgrad.program import Access, Definition, is_index
from symgrad.program import functions as f

__all__ = [
    "ZeroMasks",
    "absorbing",
    "combine_masks",
    "mask_of",
    "outside_selections",
    "pull_selection",
]

_CONDITIONS = (
    f.less,
    f.less_equal,
    f.equal,
    f.not_equal,
    f.conjunction,
    f.disjunction,
    f.negation,
)
_MOST_CONDITIONS = 3  # a longer disjunction costs more than it protects


def mask_of(coefficient: sympy.Expr) -> sympy.Expr | None:
    """The condition outside which a product is exactly zero, by its own factors."""
    for factor in sympy.Mul.make_args(coefficient):
        if isinstance(factor, _CONDITIONS):
            return factor
        if isinstance(factor, f.exceeds):
            return f.less_equal(factor.args[1], factor.args[0])
        if isinstance(factor, f.select):
            condition, a, b = factor.args
            if b == 0:
                return condition
            if a == 0:
                return f.negation(condition)
    return None


def pull_selection(expression: sympy.Expr) -> sympy.Expr:
    """x·select(c, a, 0) -> select(c, x·a, 0): what multiplies a zero is not even formed."""
    factors = sympy.Mul.make_args(expression)
    for position, factor in enumerate(factors):
        if not isinstance(factor, f.select) or sympy.S.Zero not in factor.args[1:]:
            continue
        condition, a, b = factor.args
        others = factors[:position] + factors[position + 1 :]
        if not others:
            return expression
        rest = pull_selection(sympy.Mul(*others))
        return f.select(condition, a * rest, b * rest)
    return expression


def absorbing(adjoint: sympy.Expr, coefficient: sympy.Expr) -> sympy.Expr:
    """adjoint·coefficient, and 0 where the adjoint is 0, although the coefficient is infinite.

    The outer derivative of tanh(exp(x)) underflows where the inner one overflows.
    """
    factors = sympy.Mul.make_args(coefficient)
    for position, factor in enumerate(factors):
        if isinstance(factor, f.select) and sympy.S.Zero in factor.args[1:]:
            condition, a, b = factor.args
            rest = sympy.Mul(*factors[:position], *factors[position + 1 :])
            branches = (absorbing(adjoint, x * rest) if x != 0 else x for x in (a, b))
            return f.select(condition, *branches)
    number, rest = coefficient.as_coeff_Mul()
    return number * f.absorbing_product(adjoint, rest)


def combine_masks(masks: Iterable[sympy.Expr | None]) -> sympy.Expr | None:
    """The mask of a sum: where any part may be nonzero; None if one part may be so anywhere."""
    found: dict[sympy.Expr, None] = {}
    for mask in masks:
        if mask is None:
            return None
        found.setdefault(mask)
    if not found or len(found) > _MOST_CONDITIONS:
        return None
    conditions = list(found)
    total = conditions[0]
    for condition in conditions[1:]:
        total = f.disjunction(total, condition)
    return total


def outside_selections(expression: sympy.Expr) -> sympy.Expr:
    """The expression with 1 for each selection: who selects has said where the values are good."""
    selections: dict[sympy.Basic, sympy.Basic] = dict.fromkeys(
        expression.atoms(f.select), sympy.S.One
    )
    return expression.xreplace(selections)


class ZeroMasks:
    """Conditions outside of which arrays are exactly zero, by the definitions seen so far."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[tuple[sympy.Symbol, ...], sympy.Expr]] = {}

    def note(self, definition: Definition) -> None:
        """Remembers the mask of an array, if its definition shows one."""
        if len(definition.terms) != 1:
            return
        (term,) = definition.terms
        if term.axes or term.guards:
            return
        mask = self.of((term.body,))
        if mask is not None:
            self.known[definition.name] = definition.indices, mask

    def of(self, factors: Iterable[sympy.Expr]) -> sympy.Expr | None:
        """A condition outside of which a product is zero, by one of its factors."""
        return next((m for factor in factors if (m := self._of_factor(factor)) is not None), None)

    def _of_factor(self, factor: sympy.Expr) -> sympy.Expr | None:
        if factor.is_Add:
            found = {self._of_factor(part) for part in factor.args}
            return found.pop() if len(found) == 1 else None
        if factor.is_Mul:
            return self.of(factor.args)
        if isinstance(factor, Access) and factor.name in self.known:
            indices, mask = self.known[factor.name]
            if all(map(is_index, factor.subscripts)):
                return mask.xreplace(dict(zip(indices, factor.subscripts, strict=True)))
        return mask_of(factor)
