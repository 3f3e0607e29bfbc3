"""Axes of one element removed between definitions."""

from __future__ import annotations

import numpy as np
import sympy

from symgrad.program import Access, Axis, Term, index_symbol
from symgrad.simplify.units import drop_unit_axes
from tests.simplify.vocabulary import COLUMN, ROW, X, define, i, j, program, total, x
from tests.support import assert_same_values

q = index_symbol("q")
UNIT = Axis(q, sympy.S.One)


def test_kept_axes_go(rng: np.random.Generator) -> None:
    """X / X.sum(axis=1, keepdims=True)"""
    before = program(
        define("t", (*ROW, UNIT), total(X(), *COLUMN)),
        define("z", (*ROW, *COLUMN), X() / Access("t", i, sympy.S.Zero)),
    )
    after = drop_unit_axes(before)
    assert after.definitions[0].axes == ROW
    assert after.definitions[1].terms[0].body == X() / Access("t", i)
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_outputs_keep_their_shape() -> None:
    before = program(define("z", (*ROW, UNIT), x(i)))
    assert drop_unit_axes(before).definitions[0].axes == (*ROW, UNIT)


def test_sums_over_one_element_go(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, total(x(i) + q, UNIT)))
    after = drop_unit_axes(before)
    assert after.definitions[0].terms == (Term(x(i)),)
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_the_position_of_one_element_is_zero(rng: np.random.Generator) -> None:
    before = program(define("z", ROW, Term(x(i), (UNIT,), "argmax"), dtype="int64"))
    assert_same_values(before, drop_unit_axes(before), rng, n=3, d=2, m=2)


def test_other_axes_stay() -> None:
    before = program(define("t", ROW, total(X(i, j), *COLUMN)), define("z", ROW, Access("t", i)))
    assert drop_unit_axes(before) == before
