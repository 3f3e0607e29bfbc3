"""Products and sums of entries: what a statement makes of its operands' Jacobians."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from symgrad.differentiate.entries import Entry
from symgrad.differentiate.masks import ZeroMasks, mask_of, pull_selection
from symgrad.differentiate.poles import Poles
from symgrad.differentiate.ties import components, eliminate, solve_ties, touches
from symgrad.program import (
    Access,
    Axis,
    Definition,
    Guard,
    Statement,
    Term,
    is_index,
)
from symgrad.program import functions as f
from symgrad.program.affine import extents_by_index, proves

__all__ = ["EntryMaker"]

_MOST_ENTRIES = 6  # of one array's Jacobian with the same guards; more are added into one


class EntryMaker:
    """Makes entries in the indices of a statement and of `columns`, and definitions they need.

    Args:
        wrt: names the definitions.
        columns: axes of the argument that is differentiated by.
        fresh: gives an unused name that starts like its argument.
        add: takes a new statement, and the name of the one that it follows.
        poles: which arrays can be infinite; new ones are added.
        zero: where arrays are known to be zero; new ones are noted.
    """

    def __init__(
        self,
        wrt: str,
        columns: tuple[Axis, ...],
        fresh: Callable[[str], str],
        add: Callable[[str, Statement], None],
        poles: Poles,
        zero: ZeroMasks,
    ) -> None:
        self.wrt = wrt
        self.columns = columns
        self.fresh = fresh
        self.add = add
        self.poles = poles
        self.zero = zero

    def product(
        self,
        statement: Definition,
        given: sympy.Expr,
        axes: tuple[Axis, ...],
        guards: tuple[Guard, ...],
        entry: Entry,
    ) -> Entry | None:
        """Σ_axes [guards] given · entry, None if it is zero everywhere."""
        factors = [*sympy.Mul.make_args(given), *entry.factors]
        mask = self.zero.of(factors)
        factors = self._absorbed(factors) if mask is None else self._masked(mask, factors)
        guards = (*guards, *entry.guards)
        solved = eliminate(statement.axes + self.columns, axes, guards, factors)
        if solved is None:
            return None
        loops, remaining, factors = solved
        return self._normal(statement, *self._sum(statement, loops, remaining, factors))

    def _masked(self, mask: sympy.Expr, factors: list[sympy.Expr]) -> list[sympy.Expr]:
        """Factors that may be infinite as 0 where the mask is false: 0·∞ would be NaN.

        One by one where that keeps their indices, else as one product.
        """
        endless = [
            factor
            for factor in factors
            if not self.poles.is_finite(factor) and self.zero.of((factor,)) != mask
        ]
        if not endless:
            return factors
        kept = [factor for factor in factors if factor not in endless]
        if all(_indices(mask) <= _indices(factor) for factor in endless):
            return [*kept, *(_select(mask, factor) for factor in endless)]
        return [*kept, _select(mask, pull_selection(sympy.Mul(*endless)))]

    def _absorbed(self, factors: list[sympy.Expr]) -> list[sympy.Expr]:
        """Factors that may be infinite under one that can vanish, where no condition says where."""
        return self.zero.absorbed(factors, self.poles.is_finite)

    def _sum(
        self,
        statement: Definition,
        loops: tuple[Axis, ...],
        guards: tuple[Guard, ...],
        factors: list[sympy.Expr],
    ) -> tuple[tuple[Guard, ...], list[sympy.Expr]]:
        """Σ_{r,s} a(r)·b(s)·c -> (Σ_r a)·(Σ_s b)·c: each sum a definition of its own."""
        outside = [x for x in factors if not touches(x, loops)]
        kept = tuple(g for g in guards if not touches(g, loops))
        pending = [x for x in factors if touches(x, loops)]
        waiting = [g for g in guards if touches(g, loops)]
        for component in components(loops, pending, waiting):
            inner = [x for x in pending if touches(x, component)]
            inside = tuple(g for g in waiting if touches(g, component))
            if not inner and not inside:
                outside.extend(axis.extent for axis in component)
                continue
            outside.append(self._contract(statement, component, inner, inside))
        return kept, outside

    def _contract(
        self,
        statement: Definition,
        loops: tuple[Axis, ...],
        factors: list[sympy.Expr],
        guards: tuple[Guard, ...],
    ) -> sympy.Expr:
        """Σ_{r,s} a(r)·b(r,s) -> Σ_r a(r)·t(r), t = Σ_s b: loops of few factors first."""
        while True:
            best: tuple[int, Axis, list[sympy.Expr], tuple[Guard, ...]] | None = None
            every = frozenset[sympy.Symbol]().union(*map(_indices, factors))
            for axis in loops:
                own = [x for x in factors if touches(x, (axis,))]
                inside = tuple(g for g in guards if touches(g, (axis,)))
                size = len(frozenset[sympy.Symbol]().union(*map(_indices, own)))
                if len(own) > 1 and size < len(every) and (best is None or size < best[0]):
                    best = (size, axis, own, inside)
            if best is None or len(loops) < 2:
                break
            _, axis, own, inside = best
            term = Term(sympy.Mul(*own), (axis,), "sum", inside)
            rest = tuple(a for a in loops if a != axis)
            access = self._define(statement, (term,), rest)
            factors = [*(x for x in factors if x not in own), access]
            guards = tuple(g for g in guards if g not in inside)
            loops = rest
        return self._define(statement, (Term(sympy.Mul(*factors), loops, "sum", guards),))

    def _normal(
        self, statement: Definition, guards: tuple[Guard, ...], factors: Sequence[sympy.Expr]
    ) -> Entry:
        """The entry with solved ties, columns written by what they equal, and plain factors."""
        guards, factors = solve_ties(guards, factors, self.columns)
        box = extents_by_index(statement.axes + self.columns)
        guards = tuple(g for g in guards if g.relation == "==" or proves(g, box) is not True)
        number = sympy.Mul(*(x for x in factors if not _indices(x) and not x.has(Access)))
        groups: dict[frozenset[sympy.Symbol], list[sympy.Expr]] = {}
        for factor in factors:
            if _indices(factor) or factor.has(Access):
                groups.setdefault(_indices(factor), []).append(factor)
        plain: list[sympy.Expr] = [] if number == 1 else [number]
        for group in groups.values():
            if all(isinstance(factor, Access) for factor in group):
                plain.extend(group)
            else:
                plain.append(self._define(statement, (Term(sympy.Mul(*group)),)))
        return Entry(guards, tuple(plain))

    # --- sums of entries -------------------------------------------------------------------------

    def merge(self, statement: Definition, entries: list[Entry]) -> list[Entry]:
        """f·a + f·b -> f·(a + b) where that needs no more loops than a or b do alone."""
        groups: dict[frozenset[Guard], list[Entry]] = {}
        for entry in entries:
            group = groups.setdefault(frozenset(entry.guards), [])
            for position, other in enumerate(group):
                merged = self._add_entries(statement, other, entry)
                if merged is not None:
                    group[position] = merged
                    break
            else:
                group.append(entry)
        result: list[Entry] = []
        for group in groups.values():
            if len(group) > _MOST_ENTRIES:
                terms = tuple(Term(entry.body) for entry in group)
                result.append(Entry(group[0].guards, (self._define(statement, terms),)))
            else:
                result.extend(entry for entry in group if entry.body != 0)
        return result

    def _add_entries(self, statement: Definition, a: Entry, b: Entry) -> Entry | None:
        shared: list[sympy.Expr] = []
        rest = list(b.factors)
        own = []
        for factor in a.factors:
            if factor in rest and not factor.is_Number:
                rest.remove(factor)
                shared.append(factor)
            else:
                own.append(factor)
        first, second = sympy.Mul(*own), sympy.Mul(*rest)
        total = first + second
        if not _indices(total) and not total.has(Access):
            return Entry(a.guards, (*shared, total))
        if not (_indices(first) <= _indices(second) or _indices(second) <= _indices(first)):
            return None
        access = self._define(statement, (Term(first), Term(second)))
        return Entry(a.guards, (*shared, access))

    # --- definitions -----------------------------------------------------------------------------

    def _define(
        self, statement: Definition, terms: tuple[Term, ...], loops: tuple[Axis, ...] = ()
    ) -> sympy.Expr:
        """A definition over the indices that its terms need, read at these indices.

        These are indices of the statement, of the columns, or of `loops`.
        """
        used: set[sympy.Symbol] = set()
        for term in terms:
            used |= _indices(term.body)
            for guard in term.guards:
                used |= _indices(guard.left) | _indices(guard.right)
        axes = tuple(a for a in (*loops, *statement.axes, *self.columns) if a.index in used)
        if all(not term.axes and not term.guards for term in terms):
            terms = (Term(sympy.Add(*(term.body for term in terms))),)
        name = self.fresh(f"{statement.name}_by_{self.wrt}")
        definition = Definition(name, axes, statement.dtype, terms, statement.origin)
        self.add(statement.name, definition)
        self.zero.note(definition)
        if not all(self.poles.is_finite(term.body) for term in terms):
            self.poles.unsafe.add(name)
        return definition.access


def _indices(expression: sympy.Expr) -> frozenset[sympy.Symbol]:
    return frozenset(symbol for symbol in expression.free_symbols if is_index(symbol))


def _select(mask: sympy.Expr, expression: sympy.Expr) -> sympy.Expr:
    """The expression where the mask holds, 0 elsewhere; itself if it is 0 there already."""
    if mask_of(expression) == mask:
        return expression
    return f.select(mask, expression, sympy.S.Zero)
