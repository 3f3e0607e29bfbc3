"""Equalities between indices: loops that they make needless, columns that they fix.

Σ_r [r = e] f(r) -> f(e)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from symgrad.program import Access, Axis, Guard
from symgrad.program.affine import coefficient, extents_by_index, proves

__all__ = ["components", "decide", "eliminate", "is_legal", "is_whole", "solve_ties", "touches"]


def touches(part: sympy.Expr | Guard, loops: Sequence[Axis]) -> bool:
    symbols = (
        part.left.free_symbols | part.right.free_symbols
        if isinstance(part, Guard)
        else part.free_symbols
    )
    return any(axis.index in symbols for axis in loops)


def components(
    loops: tuple[Axis, ...], factors: Sequence[sympy.Expr], guards: Sequence[Guard]
) -> list[tuple[Axis, ...]]:
    """Loops that occur together, directly or through others."""
    components: list[tuple[Axis, ...]] = [(axis,) for axis in loops]
    for part in (*factors, *guards):
        touched = [c for c in components if touches(part, c)]
        if len(touched) > 1:
            joined = tuple(axis for axis in loops if any(axis in c for c in touched))
            components = [c for c in components if c not in touched]
            components.append(joined)
    return components


def is_legal(expression: sympy.Expr) -> bool:
    return all(
        isinstance(subscript, Access) or not subscript.has(Access)
        for access in expression.atoms(Access)
        for subscript in access.subscripts
    )


def is_whole(guard: Guard) -> bool:
    """Whether no side of a guard holds arithmetic on an array element."""
    sides = (guard.left, guard.right)
    return all((isinstance(s, Access) or not s.has(Access)) and is_legal(s) for s in sides)


def eliminate(
    outer: tuple[Axis, ...],
    loops: tuple[Axis, ...],
    guards: tuple[Guard, ...],
    factors: list[sympy.Expr],
) -> tuple[tuple[Axis, ...], tuple[Guard, ...], list[sympy.Expr]] | None:
    """Σ_r [r = e] f(r) -> f(e), on the domain where e lies in the range of r."""
    while True:
        decided = decide(guards, extents_by_index(outer + loops))
        if decided is None:
            return None
        guards = decided
        for guard in guards:
            solved = solve(guard, loops)
            if solved is None:
                continue
            axis, value = solved
            change = {axis.index: value}
            others = tuple(g.xreplace(change) for g in guards if g != guard)
            moved = [x.xreplace(change) for x in factors]
            if value.has(Access) and not (all(map(is_legal, moved)) and all(map(is_whole, others))):
                continue
            loops = tuple(a for a in loops if a != axis)
            factors = moved
            guards = others
            if not isinstance(value, Access):
                bounds = (Guard(sympy.S.Zero, "<=", value), Guard(value, "<", axis.extent))
                guards = (*guards, *bounds)
            break
        else:
            return loops, guards, factors


def decide(
    guards: tuple[Guard, ...], box: dict[sympy.Symbol, sympy.Expr]
) -> tuple[Guard, ...] | None:
    """Guards that are not settled by the ranges of the indices; None if one never holds."""
    kept: dict[Guard, None] = {}
    for guard in guards:
        verdict = proves(guard, box)
        if verdict is False:
            return None
        if verdict is None:
            kept.setdefault(guard)
    return tuple(kept)


def solve(guard: Guard, loops: Iterable[Axis]) -> tuple[Axis, sympy.Expr] | None:
    """The axis that an equality fixes, and the value it fixes it to."""
    if guard.relation != "==":
        return None
    difference = guard.left - guard.right
    for axis in loops:
        slope = coefficient(difference, axis.index)
        if slope not in (1, -1):
            continue
        rest = sympy.expand(-(difference - slope * axis.index) / slope)
        whole = isinstance(rest, Access) or not rest.has(Access)
        if whole and axis.index not in rest.free_symbols:
            return axis, rest
    return None


def solve_ties(
    guards: tuple[Guard, ...], factors: Sequence[sympy.Expr], columns: tuple[Axis, ...]
) -> tuple[tuple[Guard, ...], list[sympy.Expr]]:
    """Equalities as `column == value`, with the value in place of the column everywhere else."""
    pending = list(guards)
    ties: list[Guard] = []
    result = list(factors)
    free = list(columns)
    position = 0
    while position < len(pending):
        solved = solve(pending[position], reversed(free))
        if solved is not None:
            axis, value = solved
            change = {axis.index: value}
            moved = [x.xreplace(change) for x in result]
            others = [g.xreplace(change) for k, g in enumerate(pending) if k != position]
            earlier = [Guard(g.left, "==", g.right.xreplace(change)) for g in ties]
            if all(map(is_legal, moved)) and all(map(is_whole, (*others, *earlier))):
                result, pending, position = moved, others, 0
                free.remove(axis)
                ties = [*earlier, Guard(axis.index, "==", value)]
                continue
        position += 1
    return (*sorted(ties, key=lambda g: str(g.left)), *pending), result
