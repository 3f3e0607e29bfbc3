"""The form of captured definitions, which later passes rely on."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import sympy
from scipy import special

from symgrad.capture import capture
from symgrad.capture.numbers import number
from symgrad.program import (
    INFINITY,
    NOT_A_NUMBER,
    Access,
    Definition,
    Guard,
    IndexCheck,
    Reshape,
    accesses,
    index_symbol,
    size_symbol,
)

i, j = index_symbol("i"), index_symbol("j")
n = size_symbol("n")


def statements(function, **shapes):
    return capture(function, shapes=shapes).program.definitions


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, sympy.Integer(3)),
        (3.0, sympy.Integer(3)),
        (True, sympy.Integer(1)),
        (0.5, sympy.Rational(1, 2)),
        (1 / 1024, sympy.Rational(1, 1024)),
        (np.float64(-0.75), sympy.Rational(-3, 4)),
        (float("inf"), INFINITY),
        (float("-inf"), -INFINITY),
        (float("nan"), NOT_A_NUMBER),
    ],
)
def test_numbers(value: object, expected: sympy.Expr) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e300, 2.0**60, 1e-320, 1 / 4096])
def test_floats_keep_every_bit(value: float) -> None:
    assert float(number(value)) == value


def test_contraction_is_a_plain_product() -> None:
    (definition,) = statements(lambda A, B: A @ B, A="f64[n, k]", B="f64[k, m]")
    (term,) = definition.terms
    assert {a.name for a in term.body.args} == {"A", "B"}
    assert all(isinstance(a, Access) for a in term.body.args)
    assert len(term.axes) == 1
    assert term.guards == ()


def test_einsum_of_three_is_two_contractions() -> None:
    first, second = statements(
        lambda a, b, c: np.einsum("i,ij,j->", a, b, c), a="f64[n]", b="f64[n, m]", c="f64[m]"
    )
    assert len(first.terms[0].axes) == len(second.terms[0].axes) == 1


def test_mean_divides_inside_the_sum() -> None:
    (definition,) = statements(lambda x: x.mean(), x="f64[n]")
    assert definition.terms[0].body == Access("x", i) / n


def test_cumulative_sum_is_one_guarded_term() -> None:
    (definition,) = statements(lambda x: np.cumsum(x), x="f64[n]")
    (term,) = definition.terms
    (axis,) = term.axes
    assert term.guards == (Guard(axis.index, "<=", i),)


def test_maximum_over_two_axes_is_two_reductions() -> None:
    first, second = statements(lambda x: x.max(), x="f64[n, m]")
    assert [len(d.terms[0].axes) for d in (first, second)] == [1, 1]


def test_units_are_no_reshape_and_others_are() -> None:
    (plain,) = statements(lambda x: x.reshape(-1, 1), x="f64[n]")
    assert isinstance(plain, Definition)
    (reshaped,) = statements(lambda x: x.ravel(), x="f64[n, m]")
    assert isinstance(reshaped, Reshape)
    assert reshaped.shape == (n * size_symbol("m"),)


def test_gather_by_range_is_affine() -> None:
    definitions = statements(lambda x: x[np.arange(1, x.shape[0])], x="f64[n]")
    assert definitions[-1].terms[0].body == Access("x", definitions[-1].indices[0] + 1)
    assert not any(isinstance(d, IndexCheck) for d in definitions)


def test_gather_by_argument_is_checked_once() -> None:
    definitions = statements(lambda x, k: x[k] + x[k], x="f64[n]", k="i64[m]")
    checks = [d for d in definitions if isinstance(d, IndexCheck)]
    assert [(c.source, c.array, c.extent) for c in checks] == [("k", "x", n)]


def test_gather_by_argmax_needs_no_check() -> None:
    definitions = statements(lambda x: x[np.argmax(x)], x="f64[n]")
    assert not any(isinstance(d, IndexCheck) for d in definitions)


def test_concatenation_has_disjoint_guards() -> None:
    (definition,) = statements(lambda x, y: np.concatenate([x, y]), x="f64[n]", y="f64[m]")
    first, second = definition.terms
    (index,) = definition.indices
    assert first.guards == (Guard(index, "<", n),)
    assert second.guards == (Guard(n, "<=", index),)
    assert second.body == Access("y", index - n)


def test_extents_of_slices() -> None:
    def extent(key: slice) -> sympy.Expr:
        return statements(lambda x: x[key], x="f64[n]")[0].shape[0]

    assert extent(slice(1, None)) == n - 1
    assert extent(slice(None, -1)) == n - 1
    assert extent(slice(1, -1)) == sympy.Max(0, n - 2)
    assert extent(slice(None, None, -1)) == n
    assert extent(slice(None, 3)) == sympy.Min(3, n)
    assert extent(slice(None, None, 2)) == sympy.floor(n / 2 + sympy.Rational(1, 2))


def test_zero_masks_of_softmax() -> None:
    total, result = statements(lambda x: special.softmax(x, axis=1), x="f64[n, m]")
    assert total.terms[0].reduction == "logsumexp"
    assert sorted(a.name for a in accesses(result.terms[0].body)) == sorted(["x", total.name])


def test_requirements_on_sizes() -> None:
    captured = capture(lambda x: x[2] + x[-1], shapes={"x": "f64[n]"})
    assert captured.requirements == (Guard(sympy.Integer(3), "<=", n),)
    assert capture(lambda x: x[1:], shapes={"x": "f64[n]"}).requirements == ()


def test_work_grows_with_the_length_of_the_program() -> None:
    def chain(x, count=1000):
        for _ in range(count):
            x = x * 1.5
        return x

    def calls(count: int) -> int:
        """Function calls that a capture takes, which are the same in every run."""
        made = [0]

        def note(frame: object, event: str, argument: object) -> None:
            made[0] += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            program = capture(chain, shapes={"x": "f64[n]"}, examples={"count": count}).program
        finally:
            sys.setprofile(None)
        assert len(program.definitions) == count
        return made[0]

    calls(10)
    assert calls(4000) < 4.5 * calls(1000)
