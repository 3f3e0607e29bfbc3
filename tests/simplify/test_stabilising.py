"""Naive spellings are recognised and replaced by stable functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.program import Definition, evaluate
from symgrad.simplify.stabilising import stabilise
from tests.support import assert_same_values, build, captured, formulas


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: np.log(1 + np.exp(x)), "softplus"),
        (lambda x: np.log1p(np.exp(x)), "softplus"),
        (lambda x: np.log(np.exp(x) + 1), "softplus"),
        (lambda x: 1 / (1 + np.exp(-x)), "sigmoid"),
        (lambda x: np.exp(x) / (1 + np.exp(x)), "sigmoid"),
        (lambda x: np.log(1 / (1 + np.exp(-x))), "softplus"),
        (lambda x: np.exp(x) - 1, "expm1"),
        (lambda x: np.log(1 + x), "log1p"),
        (lambda x: np.log(np.sum(np.exp(x))), "logsumexp"),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), "logsumexp"),
        (lambda x: np.sqrt(np.sum(x * x)), "norm_i"),
        (lambda x: 1 / (2 + np.exp(-x)), "sigmoid"),
        (lambda x: np.log(2 + np.exp(x)), "softplus"),
    ],
)
def test_naive_spellings(function: Callable[..., Any], name: str, rng: np.random.Generator) -> None:
    before = captured(function, x="f64[n]")
    after, notes = stabilise(before)
    assert any(name in line for line in formulas(after))
    assert notes and all(note.startswith("stabilised") for note in notes)
    assert_same_values(before, after, rng, n=4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.log(np.exp(x) - 2),
        lambda x: 1 / (np.exp(-x) - 2),
        lambda x: np.exp(x) - 2,
        lambda x: np.log(3 + x),
        lambda x: np.log(np.sum(x)),
        lambda x: np.sqrt(np.sum(x)),
        lambda x: np.exp(x) / np.sum(np.exp(2 * x)),
    ],
)
def test_near_misses_are_left_alone(function: Callable[..., Any], rng: np.random.Generator) -> None:
    before = captured(function, x="f64[n]")
    after, _ = stabilise(before)
    assert_same_values(before, after, rng, n=4)
    bad = ("softplus", "sigmoid", "expm1", "log1p", "norm_root")
    assert not any(name in line for line in formulas(after) for name in bad)


def test_softmax_along_an_axis(rng: np.random.Generator) -> None:
    def softmax(x):
        e = np.exp(x)
        return e / np.sum(e, axis=1, keepdims=True)

    before = captured(softmax, x="f64[n, d]")
    after, _ = stabilise(before)
    reductions = [
        t.reduction for s in after.definitions if isinstance(s, Definition) for t in s.terms
    ]
    assert "logsumexp" in reductions
    assert_same_values(before, after, rng, n=3, d=4)
    large = np.array([[1000.0, 999.0, 0.0]])
    values = evaluate(after, {"x": large})[after.outputs[0]]
    np.testing.assert_allclose(values, special.softmax(large, axis=1), rtol=1e-12)


def test_softmax_along_the_other_axis_is_no_softmax(rng: np.random.Generator) -> None:
    def mixed(x):
        e = np.exp(x)
        return e / np.sum(e, axis=0)[0]

    before = captured(mixed, x="f64[n, n]")
    assert_same_values(before, stabilise(before)[0], rng, n=3)


def test_products_with_logarithms_of_positive_values_are_left_alone() -> None:
    """2 + x² cannot vanish, so the logarithm is finite and needs no selection."""
    _, notes = stabilise(captured(lambda x: x * np.log(2 + x**2), x="f64[n]"))
    assert not notes


@pytest.mark.parametrize("at", [-800.0, -50.0, -1e-9, 0.0, 1e-9, 50.0, 800.0])
@pytest.mark.parametrize(
    ("naive", "stable"),
    [
        (lambda x: np.log(1 + np.exp(x)), lambda x: np.logaddexp(0, x)),
        (lambda x: 1 / (1 + np.exp(-x)), special.expit),
        (lambda x: np.exp(x) - 1, np.expm1),
        (lambda x: np.log(1 / (1 + np.exp(-x))), special.log_expit),
    ],
)
def test_compiled_values_are_stable(
    naive: Callable[..., Any], stable: Callable[..., Any], at: float
) -> None:
    found = build(naive, {"x": "f64[n]"}).value("numpy", {"x": np.array([at])})[0]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found, stable(np.array([at])), rtol=1e-14, atol=0)


def test_the_gradient_of_a_norm_at_zero_is_zero() -> None:
    module = build(lambda x: np.sqrt(np.sum(x * x)), {"x": "f64[n]"})
    _, (gradient,) = module.vjp("numpy", {"x": np.zeros(3)}, [np.float64(1.0)])
    assert gradient.tolist() == [0.0, 0.0, 0.0]


def test_notes_name_the_line_of_the_model() -> None:
    program = captured(lambda x: np.log(1 + np.exp(x)), x="f64[n]")
    _, (note, *_) = stabilise(program)
    assert "test_stabilising.py:" in note
