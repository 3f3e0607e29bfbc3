"""Deltas eliminated, factors pulled out, sums distributed."""

from __future__ import annotations

import numpy as np
import sympy

from symgrad.program import Access, Argument, Axis, Definition, Guard, Program, Term, verify
from symgrad.simplify.sums import eliminate_deltas, factor_bodies, hoist_factors
from tests.simplify.vocabulary import (
    COLUMN,
    MATRIX,
    ROW,
    X,
    d,
    define,
    i,
    j,
    k,
    m,
    n,
    program,
    total,
    w,
    x,
    y,
)
from tests.support import assert_same_values, formulas

# --- eliminate_deltas --------------------------------------------------------------------------


def test_a_delta_fixes_its_index(rng: np.random.Generator) -> None:
    summed = Term(x(j) * y(i), (Axis(j, n),), "sum", (Guard(i, "==", j),))
    before = program(define("z", ROW, summed))
    after = eliminate_deltas(before)
    assert formulas(after) == ["z[i] = x[i]·y[i]"]
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_a_shifted_delta_leaves_its_range(rng: np.random.Generator) -> None:
    summed = Term(x(j), (Axis(j, n),), "sum", (Guard(j, "==", i + 1),))
    before = program(define("z", ROW, summed))
    after = eliminate_deltas(before)
    (term,) = after.definitions[0].terms
    assert not term.axes and len(term.guards) == 1
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_two_deltas(rng: np.random.Generator) -> None:
    axes = (Axis(j, n), Axis(k, n))
    summed = Term(x(j) * y(k), axes, "sum", (Guard(i, "==", j), Guard(k, "==", j)))
    before = program(define("z", ROW, summed))
    after = eliminate_deltas(before)
    assert formulas(after) == ["z[i] = x[i]·y[i]"]
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_a_stride_is_not_inverted(rng: np.random.Generator) -> None:
    """Σ_j [2·j = i] x[j] has terms for even i only."""
    summed = Term(x(j), (Axis(j, n),), "sum", (Guard(2 * j, "==", i),))
    before = program(define("z", ROW, summed))
    assert eliminate_deltas(before) == before


def test_a_maximum_keeps_its_domain() -> None:
    found = Term(x(j), (Axis(j, n),), "max", (Guard(i, "==", j),))
    before = program(define("z", ROW, found))
    assert eliminate_deltas(before) == before


def test_a_known_position_needs_no_range_check(rng: np.random.Generator) -> None:
    """Σ_j [j = argmax] y[j] = y[argmax]."""
    position = define("a", (), Term(x(), ROW, "argmax"), dtype="int64")
    summed = Term(y(j), (Axis(j, n),), "sum", (Guard(j, "==", Access("a")),))
    before = program(position, define("z", (), summed))
    after = eliminate_deltas(before)
    assert after.definitions[-1].terms == (Term(y(Access("a"))),)
    assert_same_values(before, after, rng, n=4, d=2, m=2)


# --- factor_bodies -----------------------------------------------------------------------------


def test_shared_factors_are_written_once(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, x() * y() + x() * y() ** 2 + x()))
    after = factor_bodies(before)
    assert sum(f == x() for f in sympy.Mul.make_args(after.definitions[0].terms[0].body)) == 1
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_without_a_shared_factor_nothing_changes() -> None:
    before = program(define("z", ROW, x() + y()))
    assert factor_bodies(before) == before


def test_numbers_are_not_factored() -> None:
    before = program(define("z", ROW, 2 * x() + 2 * y()))
    assert factor_bodies(before) == before


# --- hoist_factors -----------------------------------------------------------------------------


def test_a_constant_sum_is_a_multiple(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, total(x(i), *COLUMN)))
    after = hoist_factors(before)
    assert formulas(after) == ["z[i] = d·x[i]"]
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_sum_of_a_product_of_sums(rng: np.random.Generator) -> None:
    """Σ_{i,j} x[i]·w[j]: two sums of one loop instead of one of two."""
    before = program(define("z", (), total(x() * w(), *MATRIX)))
    after = hoist_factors(before)
    loops = [len(s.axes) + len(t.axes) for s in after.definitions for t in s.terms]
    assert max(loops) == 1
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_row_sum_is_taken_first(rng: np.random.Generator) -> None:
    """Σ_{i,j} X[i,j]·w[j] = Σ_j w[j]·Σ_i X[i,j] or Σ_i Σ_j X·w: the same cost, one product less."""
    before = program(define("z", (), total(X() * w(), *MATRIX)))
    assert_same_values(before, hoist_factors(before), rng, n=3, d=4, m=2)


def test_matrix_product_with_a_vector_is_not_a_cube(rng: np.random.Generator) -> None:
    """Σ_{j,k} A[i,j]·B[j,k]·v[k] -> Σ_j A[i,j]·(Σ_k B[j,k]·v[k])"""
    arguments = (
        Argument("A", (n, m), "float64"),
        Argument("B", (m, d), "float64"),
        Argument("v", (d,), "float64"),
    )
    body = Access("A", i, j) * Access("B", j, k) * Access("v", k)
    definition = Definition("z", ROW, "float64", (Term(body, (Axis(j, m), Axis(k, d))),))
    before = verify(Program("f", arguments, (definition,), ("z",)))
    after = hoist_factors(before)
    assert max(len(s.axes) + len(t.axes) for s in after.definitions for t in s.terms) == 2
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_constant_addend(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, total(X() + x(i), *COLUMN)))
    after = hoist_factors(before)
    assert_same_values(before, after, rng, n=3, d=4, m=2)
    summed = [t for t in after.definitions[-1].terms if t.axes]
    assert all(not t.body.has(x(i)) for t in summed)


def test_guarded_and_other_reductions_are_left_alone() -> None:
    guarded = Term(x(i) * w(j), COLUMN, "sum", (Guard(j, "<", i),))
    largest = Term(x(i) * w(j), COLUMN, "max")
    before = program(define("a", ROW, guarded), define("z", ROW, largest), outputs=("a", "z"))
    assert hoist_factors(before) == before


def test_an_empty_sum_is_zero(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, total(x(i) * w(j), *COLUMN)))
    assert_same_values(before, hoist_factors(before), rng, n=3, d=0, m=2)
