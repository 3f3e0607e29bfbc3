"""Masks of adjoints: where a selection did not take a value, that value's adjoint is exactly zero.

A mask is a condition outside which an adjoint vanishes. It travels backwards with the adjoint, and
is put around a product that could turn that zero into NaN (0 times infinity): the branch not taken
never reaches a gradient, however many definitions lie between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import sympy

from symgrad.differentiate.scalar import saturates
from symgrad.differentiate.ties import is_legal
from symgrad.program import Access, Definition, Reshape, Statement, Term
from symgrad.program import functions as f

__all__ = [
    "ZeroMasks",
    "absorbing",
    "both_masks",
    "combine_masks",
    "is_everywhere",
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
_MOST_PARTS = 8  # of a conjunction


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
    found: dict[sympy.Expr, frozenset[sympy.Expr]] = {}
    for mask in masks:
        if mask is None:
            return None
        found.setdefault(mask, frozenset(_conditions(mask)))
    # A ∨ (A ∧ B) = A
    conditions = [m for m, p in found.items() if not any(other < p for other in found.values())]
    if not conditions or len(conditions) > _MOST_CONDITIONS:
        return None
    if any(f.negation(condition) in conditions for condition in conditions):
        return None
    total = conditions[0]
    for condition in conditions[1:]:
        total = f.disjunction(total, condition)
    return total


def both_masks(a: sympy.Expr | None, b: sympy.Expr | None) -> sympy.Expr | None:
    """Where both conditions hold, each written once; no condition holds everywhere."""
    if a is None or b is None:
        return b if a is None else a
    parts = {*_conditions(a), *_conditions(b)}
    if len(parts) > _MOST_PARTS:
        return a
    total, *rest = sorted(parts, key=sympy.default_sort_key)
    for part in rest:
        total = f.conjunction(total, part)
    return total


def _conditions(mask: sympy.Expr) -> list[sympy.Expr]:
    if not isinstance(mask, f.conjunction):
        return [mask]
    return [part for side in mask.args for part in _conditions(side)]


def is_everywhere(mask: sympy.Expr, term: Term, definition: Definition) -> bool:
    """Whether the mask of a term can be read at every index of its definition.

    Not if it depends on a summed index, or may lie outside of its arrays where guards fail.
    """
    loops = {axis.index for axis in term.axes} - {axis.index for axis in definition.axes}
    return not (mask.free_symbols & loops or (term.guards and mask.has(Access)))


def outside_selections(expression: sympy.Expr) -> sympy.Expr:
    """The expression with 1 for each selection: who selects has said where the values are good."""
    selections: dict[sympy.Basic, sympy.Basic] = dict.fromkeys(
        expression.atoms(f.select), sympy.S.One
    )
    return expression.xreplace(selections)


def _factor_names(expression: sympy.Expr) -> Iterator[str]:
    """The arrays that are factors of a product, or of a summand; not those in functions."""
    if isinstance(expression, f.absorbing_product):
        yield from _factor_names(expression.args[0])
    elif expression.is_Mul or expression.is_Add:
        for part in expression.args:
            yield from _factor_names(part)
    elif isinstance(expression, Access):
        yield expression.name


class ZeroMasks:
    """Conditions outside of which arrays are exactly zero, by the statements seen so far.

    `vanishing` names arrays with zeros that no condition tells: sums of selections, reshaped ones,
    and adjoints that underflow.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[tuple[sympy.Symbol, ...], sympy.Expr]] = {}
        self.vanishing: set[str] = set()
        self.saturating: set[str] = set()

    def note(self, statement: Statement) -> None:
        """Remembers the mask of an array, if its statement shows one."""
        if isinstance(statement, Reshape) and (
            statement.source in self.vanishing or statement.source in self.known
        ):
            self.vanishing.add(statement.name)
        if not isinstance(statement, Definition):
            return
        if statement.dtype == "bool":
            self.known[statement.name] = statement.indices, statement.access
            return
        mask = combine_masks(self._of_term(statement, term) for term in statement.terms)
        if mask is not None:
            self.known[statement.name] = statement.indices, mask
        elif any(self.vanishes(term.body) for term in statement.terms):
            self.vanishing.add(statement.name)
        elif any(self._may_be_zero(term.body) for term in statement.terms):
            self.saturating.add(statement.name)
        for term in statement.terms:
            for product in term.body.atoms(f.absorbing_product):
                self.vanishing.update(_factor_names(product.args[0]))

    def vanishes(self, factor: sympy.Expr) -> bool:
        """Whether a factor can be exactly 0 by a selection or an underflow."""
        if factor.is_Mul or factor.is_Add:
            return any(map(self.vanishes, factor.args))
        if isinstance(factor, f.select):
            return sympy.S.Zero in factor.args[1:]
        if isinstance(factor, Access):
            return factor.name in self.vanishing or factor.name in self.known
        return isinstance(factor, f.absorbing_product)

    def absorbed(
        self, factors: Sequence[sympy.Expr], is_finite: Callable[[sympy.Expr], bool]
    ) -> list[sympy.Expr]:
        """Factors of a product that is 0 where one that can vanish is, also times infinity.

        What is finite and can vanish is the zero; else what is known to vanish as an adjoint does,
        before what only saturates.
        """
        endless = [factor for factor in factors if not is_finite(factor)]
        zeros = [x for x in factors if x not in endless and self._may_be_zero(x)]
        if not zeros and len(endless) > 1:
            zeros = [x for x in endless if self.vanishes(x)] or [
                x for x in endless if self._may_be_zero(x)
            ]
            del zeros[1:]
            endless = [x for x in endless if x not in zeros]
        if not endless or not zeros:
            return list(factors)
        kept = [x for x in factors if x not in endless and x not in zeros]
        return [*kept, absorbing(sympy.Mul(*zeros), sympy.Mul(*endless))]

    def _may_be_zero(self, factor: sympy.Expr) -> bool:
        if self.vanishes(factor) or saturates(factor):
            return True
        if factor.is_Add or factor.is_Mul:
            return any(map(self._may_be_zero, factor.args))
        return isinstance(factor, Access) and factor.name in self.saturating

    def _of_term(self, definition: Definition, term: Term) -> sympy.Expr | None:
        if term.axes and term.reduction != "sum":
            return None
        mask = self.of((term.body,))
        return mask if mask is not None and is_everywhere(mask, term, definition) else None

    def of(self, factors: Iterable[sympy.Expr]) -> sympy.Expr | None:
        """The condition outside of which a product is zero, by all of its factors."""
        mask = None
        for factor in factors:
            mask = both_masks(mask, self._of_factor(factor))
        return mask

    def _of_factor(self, factor: sympy.Expr) -> sympy.Expr | None:
        if factor.is_Add:
            return combine_masks(self._of_factor(part) for part in factor.args)
        if factor.is_Mul:
            return self.of(factor.args)
        if isinstance(factor, f.select):
            condition, a, b = factor.args
            if b == 0:
                return both_masks(condition, self._of_factor(a))
            if a == 0:
                return both_masks(f.negation(condition), self._of_factor(b))
            return combine_masks((self._of_factor(a), self._of_factor(b)))
        if isinstance(factor, Access) and factor.name in self.known:
            indices, mask = self.known[factor.name]
            moved = mask.xreplace(dict(zip(indices, factor.subscripts, strict=True)))
            return moved if is_legal(moved) else None
        return mask_of(factor)
