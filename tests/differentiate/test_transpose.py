"""Inversion of index maps: which loops and guards a transposed access is left with."""

from __future__ import annotations

import pytest
import sympy

from symgrad.differentiate.transpose import transpose
from symgrad.program import Access, Axis, Term, index_symbol, size_symbol

n, m = size_symbol("n"), size_symbol("m")
i, j, o, r, u, v = (index_symbol(name) for name in "ijoruv")


def transposed(
    subscripts: tuple[sympy.Expr, ...],
    target: tuple[tuple[sympy.Symbol, sympy.Expr], ...],
    loops: tuple[tuple[sympy.Symbol, sympy.Expr], ...],
) -> Term:
    """The transpose of `Y[loops] = X[subscripts]`, weighted by Ȳ."""
    body = Access("Ybar", *(index for index, _ in loops))
    axes = tuple(Axis(*pair) for pair in loops)
    return transpose(subscripts, tuple(Axis(*pair) for pair in target), axes, body, ())


def guards(term: Term) -> set[str]:
    return {f"{g.left} {g.relation} {g.right}" for g in term.guards}


def test_identity_needs_neither_loop_nor_guard() -> None:
    assert transposed((o,), ((u, n),), ((o, n),)) == Term(Access("Ybar", u))


def test_transposition() -> None:
    term = transposed((r, o), ((u, m), (v, n)), ((o, n), (r, m)))
    assert term == Term(Access("Ybar", v, u))


def test_broadcast_becomes_a_sum() -> None:
    term = transposed((o,), ((u, n),), ((o, n), (r, m)))
    assert term == Term(Access("Ybar", u, r), (Axis(r, m),))


def test_sum_becomes_a_broadcast() -> None:
    """Y = Σ_r X[r]: the loop of the sum is what the target fixes."""
    axes = (Axis(r, n),)
    assert transpose((r,), (Axis(u, n),), axes, Access("Ybar"), ()) == Term(Access("Ybar"))


def test_shift_becomes_a_shift_back() -> None:
    """Y[o] = X[o + 1], o < n − 1."""
    term = transposed((o + 1,), ((u, n),), ((o, n - 1),))
    assert term.body == Access("Ybar", u - 1)
    assert not term.axes
    assert guards(term) == {"0 <= u - 1"}


def test_reversal_is_its_own_transpose() -> None:
    assert transposed((n - 1 - o,), ((u, n),), ((o, n),)) == Term(Access("Ybar", n - 1 - u))


def test_diagonal_keeps_an_equality() -> None:
    """Y[o] = X[o, o]: what remains is a scatter to the diagonal."""
    term = transposed((o, o), ((u, n), (v, n)), ((o, n),))
    assert term.body == Access("Ybar", u)
    assert not term.axes
    assert guards(term) in ({"v == u"}, {"u == v"})


def test_convolution_becomes_a_correlation() -> None:
    """Y[o] = Σ_r X[o + r]·w[r]: one loop is solved for, the other stays a sum."""
    body = Access("Ybar", o) * Access("w", r)
    term = transpose((o + r,), (Axis(u, n),), (Axis(o, n - m + 1), Axis(r, m)), body, ())
    assert term.body == Access("Ybar", u - r) * Access("w", r)
    assert term.axes == (Axis(r, m),)
    assert guards(term) == {"0 <= -r + u", "-r + u < -m + n + 1"}


def test_stride_keeps_its_loop() -> None:
    term = transposed((2 * o,), ((u, 2 * n),), ((o, n),))
    assert term.axes == (Axis(o, n),)
    assert guards(term) == {"u == 2*o"}


def test_gather_keeps_its_loop() -> None:
    index = Access("index", o)
    term = transposed((index,), ((u, n),), ((o, m),))
    assert term.axes == (Axis(o, m),)
    assert guards(term) == {"u == Access(index, o)"}


def test_constant_subscript_is_an_equality() -> None:
    term = transpose((sympy.S.Zero,), (Axis(u, n),), (), Access("Ybar"), ())
    assert guards(term) == {"u == 0"}


@pytest.mark.parametrize("extent", [n, n + 2])
def test_guards_that_always_hold_are_left_out(extent: sympy.Expr) -> None:
    """Y[o] = X[o] with X at least as long as Y needs a guard only if X is longer."""
    term = transposed((o,), ((u, extent),), ((o, n),))
    assert guards(term) == (set() if extent == n else {"u < n"})
