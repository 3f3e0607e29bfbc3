"""Deviations from a mean sum to zero; sums that a program has twice are taken once."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from symgrad.program import Access, Argument, Axis, Definition, Program, Term, verify
from symgrad.simplify.centring import drop_deviations
from symgrad.simplify.sharing import share_sums
from tests.simplify.vocabulary import (
    COLUMN,
    MATRIX,
    ROW,
    X,
    d,
    define,
    i,
    j,
    n,
    program,
    total,
    w,
    x,
)
from tests.support import assert_same_values, build, formulas


def centred(*, divisor: sympy.Expr = n, outer: sympy.Expr = sympy.S.One) -> Program:
    """mean[j] = Σ_i X[i,j]/divisor, z[j] = Σ_i outer·(X[i,j] − mean[j])."""
    mean = define("mean", COLUMN, total(X() / divisor, *ROW))
    deviation = X() - Access("mean", j)
    return program(mean, define("z", COLUMN, total(outer * deviation, *ROW)), outputs=("z",))


def test_deviations_from_the_mean_vanish(rng: np.random.Generator) -> None:
    before = centred(outer=w())
    after = drop_deviations(before)
    assert formulas(after)[-1] == "z[j] = 0"
    assert_same_values(before, after, rng, n=3, d=4, m=2)


@pytest.mark.parametrize("outer", [x(i), X()])
def test_weighted_deviations_do_not(outer: sympy.Expr) -> None:
    before = centred(outer=outer)
    assert drop_deviations(before) == before


def test_another_divisor_is_no_mean() -> None:
    before = centred(divisor=n + 1)
    assert drop_deviations(before) == before


def test_what_is_added_stays(rng: np.random.Generator) -> None:
    """Through a definition of its own, which something else reads too."""
    mean = define("mean", COLUMN, total(X() / n, *ROW))
    inner = define("t", MATRIX, Term(2 * w() * (Access("mean", j) - X()) + x(i)))
    outer = define("z", COLUMN, total(3 * Access("t", i, j), *ROW))
    before = program(mean, inner, outer, outputs=("z", "t"))
    after = drop_deviations(before)
    assert formulas(after)[-1] == "z[j] = 3·Σ_i x[i]"
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_mean_over_other_axes_is_another_mean() -> None:
    mean = define("mean", ROW, total(X() / d, *COLUMN))
    summed = define("z", COLUMN, total(X() - Access("mean", i), *ROW))
    before = program(mean, summed, outputs=("z",))
    assert drop_deviations(before) == before


def test_a_sum_is_taken_once_wherever_it_stands(rng: np.random.Generator) -> None:
    scaled = define("z", COLUMN, total(w() * X(), *ROW))
    plain = define("s", COLUMN, total(X(), *ROW))
    before = program(scaled, plain, outputs=("z", "s"))
    after = share_sums(before)
    assert formulas(after) == ["s[j] = Σ_i X[i,j]", "z[j] = s[j]·w[j]"]
    assert_same_values(before, after, rng, n=3, d=4, m=2)


def test_a_sum_that_comes_from_the_reader_is_not_moved() -> None:
    scaled = define("z", COLUMN, total(w() * X(), *ROW))
    later = Definition("u", MATRIX, "float64", (Term(X() * Access("z", j)),))
    again = define("s", COLUMN, total(Access("u", i, j), *ROW))
    before = verify(program(scaled, later, again, outputs=("z", "s")))
    assert share_sums(before) == before


def test_batch_norm_reads_its_data_in_four_passes() -> None:
    def normalise(X, gain, bias):
        mean = np.mean(X, axis=0)
        variance = np.mean((X - mean) ** 2, axis=0)
        return (X - mean) / np.sqrt(variance + 1e-5) * gain + bias

    shapes = {"X": "f64[n, d]", "gain": "f64[d]", "bias": "f64[d]"}
    built = build(normalise, shapes, wrt=("X", "gain", "bias"))
    statements = built.derived.gradient.program.definitions
    sums = [s for s in statements for t in s.terms if any(a.extent.name == "n" for a in t.axes)]
    assert len(sums) == 4  # mean, variance, and the gradients of gain and bias
    rng = np.random.default_rng(3)
    arguments = {
        "X": rng.normal(size=(40, 3)) + 5,
        "gain": rng.normal(size=3),
        "bias": rng.normal(size=3),
    }
    cotangent = rng.normal(size=(40, 3))
    _, expected = built.reference_vjp(arguments, [cotangent])
    for target in ("numpy", "cpu"):
        _, gradients = built.module(target).f_vjp(*arguments.values(), cotangent)
        for actual, wanted in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-11, atol=1e-12)


def test_axes_of_one_extent_are_not_confused() -> None:
    square = Axis(j, n)
    mean = Definition("mean", (square,), "float64", (Term(Access("A", i, j) / n, ROW),))
    deviation = Access("A", j, i) - Access("mean", j)
    summed = Definition("z", (square,), "float64", (Term(deviation, ROW),))
    arguments = (Argument("A", (n, n), "float64"),)
    before = verify(Program("f", arguments, (mean, summed), ("z",)))
    assert drop_deviations(before) == before
