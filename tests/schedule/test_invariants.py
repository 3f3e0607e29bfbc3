"""Quotients and functions that no sample changes, computed once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.schedule import freeze, schedule
from symgrad.schedule.frozen import FrozenDefinition
from tests.support import build


def scale(X, g, s):
    return np.sum(np.tanh(X / s) * (X - s / g), axis=1)


SHAPES = {"X": "f64[n, d]", "g": "f64[d]", "s": "f64[d]"}


def normalise(X, g, s):
    mean = np.mean(X, axis=0)
    variance = np.mean((X - mean) ** 2, axis=0)
    return (X - mean) / np.sqrt(variance + 1e-5) * g + s


def names(function: Any) -> list[str]:
    gradient = build(function, SHAPES, wrt="X").derived.gradient
    program = schedule(freeze(gradient.program, ("X",))).program
    return [s.name for s in program.statements if isinstance(s, FrozenDefinition)]


def test_quotients_without_a_sample_are_computed_once() -> None:
    found = names(normalise)
    assert [name for name in found if name.endswith("_factor")] == ["X_bar_factor"]
    assert [name for name in found if name.endswith("_inverse")] == ["t6_inverse"]


@pytest.mark.parametrize(
    "function",
    [
        lambda X, g, s: np.sum(X / X[0], axis=1),  # another sample's value
        lambda X, g, s: np.sum(X / 3.0, axis=1),  # a number
        lambda X, g, s: np.sum(X * g * s, axis=1),  # cheap
    ],
)
def test_what_is_left_in_the_loops(function: Any) -> None:
    found = names(function)
    assert not [name for name in found if name.endswith(("_factor", "_inverse"))]


@pytest.mark.parametrize("n", [0, 1, 150])
def test_results(n: int) -> None:
    rng = np.random.default_rng(n)
    arguments = {
        "X": rng.normal(size=(n, 3)),
        "g": 2 + rng.random(3),
        "s": 2 + rng.random(3),
    }
    cotangent = rng.normal(size=n)
    built = build(scale, SHAPES, wrt=("X", "g", "s"))
    (value,), expected = built.reference_vjp(arguments, [cotangent])
    for variant in (built, built.in_small_tiles()):
        found, gradients = variant.module("cpu").f_vjp(*arguments.values(), cotangent)
        np.testing.assert_allclose(found, value, rtol=1e-13)
        for actual, wanted in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-11, atol=1e-13)
