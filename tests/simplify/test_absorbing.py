"""Sums moved into the only definition that reads them."""

from __future__ import annotations

import numpy as np
import sympy

from symgrad.program import Access, Axis, Guard, Term
from symgrad.simplify.absorbing import absorb_sums
from tests.simplify.vocabulary import COLUMN, ROW, X, d, define, i, j, n, program, total, w, x, y
from tests.support import assert_same_values

PRODUCT = total(X(i, j) * w(j), *COLUMN)


def test_a_sum_joins_its_reader(rng: np.random.Generator) -> None:
    before = program(define("t", ROW, PRODUCT), define("z", ROW, 2 * Access("t", i) + x()))
    after = absorb_sums(before)
    (definition,) = after.definitions
    assert [bool(t.axes) for t in definition.terms].count(True) == 1
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_contraction_stays_one() -> None:
    before = program(define("t", ROW, PRODUCT), define("z", ROW, -Access("t", i) + y()))
    (definition,) = absorb_sums(before).definitions
    (summed,) = (t for t in definition.terms if t.axes)
    factors = [f for f in sympy.Mul.make_args(summed.body) if not f.is_Number]
    assert len(factors) == 2 and all(isinstance(f, Access) for f in factors)


def test_not_into_a_product_with_an_array() -> None:
    before = program(define("t", ROW, PRODUCT), define("z", ROW, Access("t", i) * x()))
    assert absorb_sums(before) == before


def test_not_into_a_function() -> None:
    before = program(define("t", ROW, PRODUCT), define("z", ROW, sympy.sin(Access("t", i))))
    assert absorb_sums(before) == before


def test_not_if_read_twice(rng: np.random.Generator) -> None:
    before = program(
        define("t", ROW, PRODUCT),
        define("z", ROW, Access("t", i) + x()),
        define("v", ROW, Access("t", i) * Access("z", i)),
    )
    assert absorb_sums(before) == before


def test_not_if_read_twice_by_one_body(rng: np.random.Generator) -> None:
    """tanh(t) + t reads t twice, although it is one access."""
    t = Access("t", i)
    before = program(define("t", ROW, PRODUCT), define("z", ROW, sympy.tanh(t) + t))
    assert_same_values(before, absorb_sums(before), rng, n=3, d=2, m=2)


def test_not_at_other_elements(rng: np.random.Generator) -> None:
    shifted = Access("t", i + 1)
    before = program(define("t", ROW, PRODUCT), define("z", (Axis(i, n - 1),), shifted + x()))
    assert absorb_sums(before) == before


def test_not_an_output() -> None:
    before = program(
        define("t", ROW, PRODUCT), define("z", ROW, Access("t", i) + x()), outputs=("t", "z")
    )
    assert absorb_sums(before) == before


def test_not_with_another_type() -> None:
    before = program(
        define("t", ROW, PRODUCT, dtype="float32"), define("z", ROW, Access("t", i) + x())
    )
    assert absorb_sums(before) == before


def test_the_domain_of_the_reader_goes_along(rng: np.random.Generator) -> None:
    guard = (Guard(i, "<", n - 1),)
    before = program(
        define("t", ROW, PRODUCT), define("z", ROW, Term(Access("t", i), (), "sum", guard), x())
    )
    assert_same_values(before, absorb_sums(before), rng, n=3, d=2, m=2)


def test_letters_do_not_collide(rng: np.random.Generator) -> None:
    """t[i] = Σ_j …, z[j] = t[j] + …: the summed letter is the reader's own."""
    square = Axis(j, n)
    before = program(
        define("t", ROW, total(x(i) * y(j), square)), define("z", (square,), Access("t", j) + x(j))
    )
    after = absorb_sums(before)
    assert len(after.definitions) == 1
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_transposed_reads(rng: np.random.Generator) -> None:
    axes = (Axis(i, n), Axis(j, n))
    third = Axis(sympy.Symbol("k", integer=True, nonnegative=True), d)
    body = X(i, third.index) * X(j, third.index) * x(i)
    before = program(
        define("t", axes, total(body, third)), define("z", axes, Access("t", j, i) + x(i))
    )
    assert_same_values(before, absorb_sums(before), rng, n=3, d=2, m=2)
