"""Transposition of a partial by inversion of its index map.

    dY[o] = Σ_r [G] c · dX[g(o, r)]      gives      X̄[x] += Σ_{o,r} [G] [x = g(o, r)] · c · Ȳ[o]

The bracket is removed wherever the map can be inverted (an index with coefficient ±1), which makes
a gather of it: each element of X̄ is written once. What is left stays a guard: a strided or a
data-dependent scatter.
"""

from __future__ import annotations

import sympy

from symgrad.program import Access, Axis, Guard, Term
from symgrad.program.affine import coefficient, extents_by_index, proves

__all__ = ["transpose"]


def transpose(
    subscripts: tuple[sympy.Expr, ...],
    target: tuple[Axis, ...],
    loops: tuple[Axis, ...],
    body: sympy.Expr,
    guards: tuple[Guard, ...],
) -> Term:
    """`Σ_loops [guards] [target = subscripts] body` with the loops that can go eliminated.

    Args:
        subscripts: g(loops), one for each target axis.
        target: the axes of X. A loop that runs along one of them as it is has its index already
            and is not among `loops`; no other loop has an index of a target axis.
        loops: the axes o and r, over which is summed.
        body: what is summed.
        guards: the domain of the sum.
    """
    term = Term(body, loops, "sum", guards)
    pending = list(subscripts)
    remaining = list(loops)
    known = extents_by_index(target)
    for position, axis in enumerate(target):
        subscript = pending[position]
        if subscript == axis.index:
            continue
        loop = _solvable(subscript, remaining)
        if loop is None:
            term = _with_guard(term, Guard(axis.index, "==", subscript))
            continue
        slope = coefficient(subscript, loop.index)
        solution = sympy.expand((axis.index - (subscript - slope * loop.index)) / slope)
        replacement = {loop.index: solution}
        remaining.remove(loop)
        term = term.xreplace(replacement)
        pending = [s.xreplace(replacement) for s in pending]
        box = known | extents_by_index(remaining)
        for guard in (Guard(sympy.S.Zero, "<=", solution), Guard(solution, "<", loop.extent)):
            if proves(guard, box) is not True:
                term = _with_guard(term, guard)
    return Term(term.body, tuple(remaining), "sum", term.guards)


def _solvable(subscript: sympy.Expr, loops: list[Axis]) -> Axis | None:
    """The first loop whose index stands alone in the subscript with coefficient ±1."""
    if subscript.has(Access):
        return None
    for loop in loops:
        if coefficient(subscript, loop.index) in (1, -1):
            return loop
    return None


def _with_guard(term: Term, guard: Guard) -> Term:
    return Term(term.body, term.axes, term.reduction, (*term.guards, guard))
