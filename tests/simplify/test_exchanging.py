"""Sums over sums in the order with fewer loops."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.program import Access, Argument, Axis, Definition, Guard, Program, Term, verify
from symgrad.simplify import simplify
from symgrad.simplify.exchanging import exchange_sums
from tests.simplify.vocabulary import X, d, i, j, k, m, n
from tests.support import assert_same_values, build, formulas

ARGUMENTS = (Argument("X", (n, d), "float64"), Argument("B", (d, m), "float64"))
PRODUCT = Term(X() * Access("B", j, k), (Axis(j, d),))


def column_sums(*terms: Term, outputs: tuple[str, ...] = ("z",), scale: float = -2.0) -> Program:
    """t[i,k] = terms, z[k] = scale·Σ_i t[i,k]."""
    inner = Definition("t", (Axis(i, n), Axis(k, m)), "float64", terms)
    outer = Term(scale * Access("t", i, k), (Axis(i, n),))
    summed = Definition("z", (Axis(k, m),), "float64", (outer,))
    return verify(Program("f", ARGUMENTS, (inner, summed), outputs))


def most_loops(program: Program, names: set[str]) -> int:
    """The longest nest that the named definitions need, with all that they read."""
    loops = 0
    for statement in reversed(program.definitions):
        assert isinstance(statement, Definition)
        if statement.name in names:
            loops = max(loops, *(len(statement.axes) + len(t.axes) for t in statement.terms))
            names |= {a.name for t in statement.terms for a in t.body.atoms(Access)}
    return loops


def test_a_total_of_a_product_needs_no_product(rng: np.random.Generator) -> None:
    before = column_sums(PRODUCT)
    after = exchange_sums(before)
    assert formulas(after)[1:] == ["z_sum[j] = Σ_i X[i,j]", "z[k] = -2.0·Σ_j z_sum[j]·B[j,k]"]
    assert most_loops(after, {"z"}) == 2
    assert_same_values(before, after, rng, n=3, d=4, m=2)


@pytest.mark.parametrize(("n", "d", "m"), [(3, 4, 2), (1, 1, 1), (0, 3, 2), (3, 0, 2)])
def test_guards_stay_with_the_inner_sum(n: int, d: int, m: int, rng: np.random.Generator) -> None:
    """A triangle and a diagonal beside it, as in the gradient of a mixture's means."""
    triangle = Term(PRODUCT.body, PRODUCT.axes, "sum", (Guard(k, "<", j),))
    before = column_sums(triangle, Term(Access("X", i, 0) * Access("B", 0, k))) if d else None
    before = before or column_sums(triangle)
    after = exchange_sums(before)
    assert most_loops(after, {"z"}) == 2
    assert_same_values(before, after, rng, n=n, d=d, m=m)


def test_what_others_read_is_left_alone() -> None:
    before = column_sums(PRODUCT, outputs=("z", "t"))
    assert exchange_sums(before) == before


def test_a_guard_on_the_outer_index_is_left_alone() -> None:
    before = column_sums(Term(PRODUCT.body, PRODUCT.axes, "sum", (Guard(j, "<=", i),)))
    assert exchange_sums(before) == before


def test_no_loop_to_save() -> None:
    """Σ_i Σ_j X[i,j]·B[j,i] has two loops either way."""
    inner = Definition(
        "t", (Axis(i, n),), "float64", (Term(X() * Access("B", j, i), PRODUCT.axes),)
    )
    outer = Definition("z", (), "float64", (Term(Access("t", i), (Axis(i, n),)),))
    arguments = (ARGUMENTS[0], Argument("B", (d, n), "float64"))
    before = verify(Program("f", arguments, (inner, outer), ("z",)))
    assert exchange_sums(before) == before


def test_means_of_a_mixture_cost_no_product() -> None:
    def squares(mu, L, X):
        return np.sum(np.einsum("kij,nkj->nki", L, X[:, None, :] - mu) ** 2)

    shapes = {"mu": "f64[K, d]", "L": "f64[K, d, d]", "X": "f64[n, d]"}
    gradient = build(squares, shapes, wrt=("mu", "L")).derived.gradient
    assert gradient is not None
    simple = simplify(gradient.program).program
    products = [
        statement
        for statement in simple.definitions
        if isinstance(statement, Definition)
        for term in statement.terms
        if len(statement.axes) + len(term.axes) == 4
    ]
    assert len(products) == 2  # L·(x − mu), and the gradient by L
