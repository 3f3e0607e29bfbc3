"""Passes over sums: factors pulled out, deltas eliminated, sums distributed over contractions."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    DType,
    Guard,
    Origin,
    Program,
    Statement,
    Term,
)
from symgrad.program.affine import coefficient, extents_by_index, proves
from symgrad.program.naming import FreshNames
from symgrad.simplify.rewriting import merge_terms, subscripts_are_legal, with_definitions

__all__ = ["eliminate_deltas", "factor_bodies", "hoist_factors"]


# --- deltas ------------------------------------------------------------------------------------


def eliminate_deltas(program: Program) -> Program:
    """Σ_r [r = e] f(r) -> f(e), on the domain where e lies in the range of r."""
    ranges = _ranges_of_index_arrays(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            terms = tuple(_eliminate(statement, term, ranges) for term in statement.terms)
            if terms != statement.terms:
                statement = replace(statement, terms=merge_terms(terms))
        kept.append(statement)
    return with_definitions(program, kept)


def _ranges_of_index_arrays(program: Program) -> dict[str, sympy.Expr]:
    """Integer arrays whose values are known to lie in [0, extent)."""
    ranges: dict[str, sympy.Expr] = {}
    for statement in program.definitions:
        if isinstance(statement, Definition):
            if len(statement.terms) == 1 and statement.terms[0].reduction in ("argmax", "argmin"):
                ranges[statement.name] = statement.terms[0].axes[0].extent
        elif hasattr(statement, "extent"):
            ranges[statement.name] = statement.extent
    return ranges


def _eliminate(definition: Definition, term: Term, ranges: dict[str, sympy.Expr]) -> Term:
    changed = True
    while changed and term.axes and term.reduction == "sum":
        changed = False
        for guard in term.guards:
            solved = _solve_delta(term, guard)
            if solved is None:
                continue
            axis, value = solved
            others = tuple(g for g in term.guards if g != guard)
            rest = tuple(a for a in term.axes if a != axis)
            solved_term = Term(term.body, rest, "sum", others).xreplace({axis.index: value})
            if isinstance(value, Access) and not _is_legal(solved_term):
                continue
            term = solved_term
            extents = extents_by_index(definition.axes + rest)
            if not (isinstance(value, Access) and ranges.get(value.name) == axis.extent):
                for bound in (Guard(sympy.S.Zero, "<=", value), Guard(value, "<", axis.extent)):
                    if proves(bound, extents) is not True:
                        term = replace(term, guards=(*term.guards, bound))
            changed = True
            break
    return term


def _is_legal(term: Term) -> bool:
    """Whether an element put in for an index left no arithmetic on it in subscripts or guards."""
    sides = [side for guard in term.guards for side in (guard.left, guard.right)]
    whole = all(isinstance(side, Access) or not side.has(Access) for side in sides)
    return whole and all(subscripts_are_legal(part) for part in (term.body, *sides))


def _solve_delta(term: Term, guard: Guard) -> tuple[Axis, sympy.Expr] | None:
    """The summed axis that an equality fixes, and the value it fixes it to."""
    if guard.relation != "==":
        return None
    difference = guard.left - guard.right
    for axis in term.axes:
        slope = coefficient(difference, axis.index)
        if slope not in (1, -1):
            continue
        rest = difference - slope * axis.index
        if any(axis.index in a.free_symbols for a in rest.atoms(Access)):
            continue
        return axis, sympy.expand(-rest / slope)
    return None


# --- factors -----------------------------------------------------------------------------------


def factor_bodies(program: Program) -> Program:
    """c·a + c·b -> c·(a + b): factors that every addend of a body shares are written once."""
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            terms = tuple(replace(t, body=_factor(t.body)) for t in statement.terms)
            if terms != statement.terms:
                statement = replace(statement, terms=terms)
        kept.append(statement)
    return with_definitions(program, kept)


def _factor(body: sympy.Expr) -> sympy.Expr:
    if body.is_Mul and any(x.is_Add for x in body.args):
        return sympy.Mul(*(_factor(x) if x.is_Add else x for x in body.args))
    if not body.is_Add:
        return body
    factors = [sympy.Mul.make_args(part) for part in body.args]
    shared = [x for x in factors[0] if not x.is_Number and all(x in other for other in factors[1:])]
    if not shared:
        return body
    rest = []
    for part in factors:
        remaining = list(part)
        for factor in shared:
            remaining.remove(factor)
        rest.append(sympy.Mul(*remaining))
    combined = sympy.Add(*rest)
    addends = sum(len(sympy.Add.make_args(part)) for part in rest)
    if any(part.is_Add for part in rest) and len(sympy.Add.make_args(combined)) == addends:
        return body  # (a − b)·x + c·x: a − b is rounded before c is added, unless a or b cancel
    return sympy.Mul(*shared, combined)


# --- hoisting ----------------------------------------------------------------------------------


def hoist_factors(program: Program) -> Program:
    """Σ_r c·f(r) -> c·Σ_r f(r), Σ_r c -> c·extent, Σ_{r,s} a(r)·b(s) -> Σ_s b·Σ_r a.

    Only where the inner sum then has fewer loops than the term had: it becomes a definition of
    its own over the axes it needs.
    """
    fresh = FreshNames(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            kept.append(statement)
            continue
        hoister = _Hoister(statement, fresh)
        terms: list[Term] = []
        for term in statement.terms:
            terms.extend(hoister.rewrite(term))
        kept.extend(hoister.inner)
        if tuple(terms) != statement.terms:
            statement = replace(statement, terms=merge_terms(terms))
        kept.append(statement)
    return with_definitions(program, kept)


class _Hoister:
    """Rewrites the terms of one definition; `inner` collects the sums that became definitions."""

    def __init__(self, definition: Definition, fresh: FreshNames) -> None:
        self.name = definition.name
        self.axes = definition.axes
        self.dtype: DType = definition.dtype
        self.origin: Origin | None = definition.origin
        self.fresh = fresh
        self.inner: list[Definition] = []

    def rewrite(self, term: Term) -> list[Term]:
        if term.reduction != "sum" or not term.axes or term.guards:
            return [term]
        bound = {axis.index for axis in term.axes}
        if term.body.is_Add:
            return self._split_sum(term, bound)
        return [self._rewrite_product(term)]

    def _split_sum(self, term: Term, bound: set[sympy.Symbol]) -> list[Term]:
        """Σ_r (f(r) + c) -> Σ_r f(r) + c·extent."""
        free = [part for part in term.body.args if not part.free_symbols & bound]
        if not free:
            return [term]
        count = sympy.Mul(*(axis.extent for axis in term.axes))
        rest = sympy.Add(*(part for part in term.body.args if part not in free))
        parts = [Term(sympy.Add(*free) * count)]
        return [*parts, replace(term, body=rest)] if rest != 0 else parts

    def _rewrite_product(self, term: Term) -> Term:
        factors = sympy.Mul.make_args(term.body)
        for axis in term.axes:
            reading = [x for x in factors if axis.index in x.free_symbols]
            others = [x for x in factors if axis.index not in x.free_symbols]
            rest = tuple(a for a in term.axes if a != axis)
            if not reading:
                # Σ_r c -> c·extent
                return self.rewrite_again(Term(axis.extent * term.body, rest))
            if not any(x.has(Access) or x.free_symbols for x in others):
                continue
            loops = self.axes + term.axes
            needed = tuple(
                a for a in loops if a != axis and any(a.index in x.free_symbols for x in reading)
            )
            if len(needed) + 1 < len(loops):
                access = self._define(needed, sympy.Mul(*reading), axis)
                return self.rewrite_again(Term(sympy.Mul(*others) * access, rest))
        return term

    def rewrite_again(self, term: Term) -> Term:
        return self._rewrite_product(term) if term.axes else term

    def _define(self, axes: tuple[Axis, ...], body: sympy.Expr, bound: Axis) -> Access:
        sizes: list[sympy.Expr] = []
        inside: list[sympy.Expr] = []
        for factor in sympy.Mul.make_args(body):
            (inside if factor.has(Access) or factor.free_symbols else sizes).append(factor)
        name = self.fresh(f"{self.name}_sum")
        term = Term(sympy.Mul(*inside), (bound,))
        definition = Definition(name, axes, self.dtype, (term,), self.origin)
        self.inner.append(definition)
        return sympy.Mul(*sizes) * definition.access
