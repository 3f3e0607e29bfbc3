"""Products of many factors under a sum, multiplied in pairs first where a pair has fewer loops."""

from __future__ import annotations

import math
from dataclasses import replace

import sympy

from symgrad.program import Access, Definition, Program, Statement, Term, is_index
from symgrad.program.naming import FreshNames
from symgrad.simplify.rewriting import with_definitions

__all__ = ["pair_factors"]

_LONG = 64  # what a symbolic length counts for, beside literal ones


def pair_factors(program: Program) -> Program:
    """Σ_i a(i,j)·b(i)·c(i,k) -> t(i,j) = a·b, Σ_i t·c: two factors are left under the sum.

    Only where all loops together are more than those of each pair, so that the pair's array is
    smaller than the sum's domain. Nothing is reordered that would be computed more often.
    """
    fresh = FreshNames(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            kept.append(statement)
            continue
        pairer = _Pairer(statement, fresh)
        terms = tuple(pairer.rewrite(term) for term in statement.terms)
        kept.extend(pairer.inner)
        kept.append(replace(statement, terms=terms) if pairer.inner else statement)
    return with_definitions(program, kept)


class _Pairer:
    """Rewrites the terms of one definition; `inner` collects the products of pairs."""

    def __init__(self, definition: Definition, fresh: FreshNames) -> None:
        self.definition = definition
        self.fresh = fresh
        self.inner: list[Definition] = []

    def rewrite(self, term: Term) -> Term:
        if term.reduction != "sum" or not term.axes or term.guards or not term.body.is_Mul:
            return term
        factors = [x for x in term.body.args if _indices(x)]
        outside = [x for x in term.body.args if not _indices(x)]
        whole = frozenset[sympy.Symbol]().union(*map(_indices, factors))
        if not all(_is_plain(factor) for factor in factors):
            return term
        changed = False
        while len(factors) > 2:
            pair = _best_pair(factors, whole, self._volume(term))
            if pair is None:
                break
            first, second = pair
            product = self._define(term, factors[first] * factors[second])
            factors = [x for k, x in enumerate(factors) if k not in pair] + [product]
            changed = True
        return replace(term, body=sympy.Mul(*outside, *factors)) if changed else term

    def _volume(self, term: Term) -> dict[sympy.Symbol, int]:
        """The length of each loop, a symbolic one taken as long."""
        return {
            axis.index: int(axis.extent) if axis.extent.is_Integer else _LONG
            for axis in (*self.definition.axes, *term.axes)
        }

    def _define(self, term: Term, body: sympy.Expr) -> sympy.Expr:
        used = _indices(body)
        for position, earlier in enumerate(self.inner):
            if earlier.access in body.args and set(earlier.indices) == used:
                # t = a·b, t·c with no more loops than t: one product of three
                body = sympy.Mul(earlier.terms[0].body, body / earlier.access)
                del self.inner[position]
                break
        loops = [axis for axis in (*self.definition.axes, *term.axes) if axis.index in used]
        first = _leading_index(body)
        axes = tuple(sorted(loops, key=lambda axis: axis.index != first))
        name = self.fresh(f"{self.definition.name}_pair")
        definition = Definition(
            name, axes, self.definition.dtype, (Term(body),), self.definition.origin
        )
        self.inner.append(definition)
        return definition.access


def _indices(expression: sympy.Expr) -> frozenset[sympy.Symbol]:
    return frozenset(symbol for symbol in expression.free_symbols if is_index(symbol))


def _leading_index(body: sympy.Expr) -> sympy.Symbol | None:
    """The index along which the largest factor is stored: usually that of the samples."""
    factors = sorted(body.args, key=lambda x: (-len(_indices(x)), sympy.default_sort_key(x)))
    for factor in factors:
        access = factor if isinstance(factor, Access) else factor.base
        for subscript in access.subscripts:
            if is_index(subscript):
                return subscript
    return None


def _is_plain(factor: sympy.Expr) -> bool:
    """An element, or a power of one: what is cheap to multiply ahead."""
    return isinstance(factor, Access) or (factor.is_Pow and isinstance(factor.base, Access))


def _best_pair(
    factors: list[sympy.Expr],
    whole: frozenset[sympy.Symbol],
    lengths: dict[sympy.Symbol, int],
) -> tuple[int, int] | None:
    """The pair whose product adds the fewest loops to its factors, and has fewer than all."""
    best: tuple[int, int, int, int] | None = None
    for second in range(len(factors)):
        for first in range(second):
            own = [_indices(factors[first]), _indices(factors[second])]
            loops = own[0] | own[1]
            growth = len(loops) - max(map(len, own))  # a factor that another one covers goes first
            size = math.prod(lengths[index] for index in loops)
            if loops < whole and (best is None or (growth, size) < best[:2]):
                best = (growth, size, first, second)
    return None if best is None else best[2:]
