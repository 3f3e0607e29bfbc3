"""What is divided by without a thought, because it is never near zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from scipy import special

from symgrad.differentiate.floors import Floors
from tests.support import build, captured


def floor_of(function: Callable[..., Any]) -> float | None:
    """What the result is known to be at least; None if its sign is not known."""
    program = captured(function, x="f64[n]")
    (output,) = program.outputs
    return Floors(program).bounds.get(output)


@pytest.mark.parametrize(
    ("function", "least"),
    [
        (lambda x: np.sum(x**2) + 1e-5, 1e-5),
        (lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2) + 1e-6), 1e-3),
        (lambda x: 2 * np.sqrt(np.abs(x) + 0.25), 1.0),
        (lambda x: np.cosh(x), 1.0),
        (lambda x: np.sum(special.expit(x)) + np.sum(np.exp(x)) + 1, 1.0),
        (lambda x: (4 + x**4) ** 1.5, 8.0),
        (lambda x: (2 + x**2) * (3 + np.abs(x)), 6.0),
        (lambda x: (1e-200 + x**2) ** 0.5, 1e-100),
    ],
)
def test_above_a_positive_number(function: Callable[..., Any], least: float) -> None:
    assert floor_of(function) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.exp(x),
        lambda x: np.sum(x**2),
        lambda x: 1 / (1 + x**2),
        lambda x: (1e-300 + x**2) ** 2,
        lambda x: np.where(x > 0, 1.0, 0.0) * 1.0,
    ],
)
def test_nonnegative_or_unknown_but_perhaps_zero(function: Callable[..., Any]) -> None:
    assert not floor_of(function)


def test_signs_are_not_guessed() -> None:
    assert floor_of(lambda x: np.sum(x) + 1.0) is None
    assert floor_of(lambda x: x**3 + 1.0) is None
    assert floor_of(lambda x: x**2 - 1.0) is None


@pytest.mark.parametrize(
    ("least", "exponent", "guarded"), [(1e-5, 2, False), (1e-5, 8, True), (1e-200, 0.25, True)]
)
def test_a_quotient_is_judged_by_what_it_divides_by(
    least: float, exponent: float, guarded: bool
) -> None:
    """1e-5 + x² is above zero, and its eighth power is not in single precision."""
    floors = Floors(captured(lambda x: x, x="f64[n]"))
    quotient = 1 / (least + sympy.Symbol("g") ** 2) ** sympy.Float(exponent)
    plain = floors.without_divisions(quotient)
    assert (plain == quotient) == guarded


def test_what_is_divided_by_a_floor_needs_no_guard() -> None:
    def scaled(x: Any, g: Any) -> Any:
        return g @ (x / np.sqrt(np.mean(x**2) + 1e-5))

    def unscaled(x: Any, g: Any) -> Any:
        return g @ (x / np.sqrt(np.mean(x**2)))

    shapes = {"x": "f64[n]", "g": "f64[n]"}
    assert "== 0.0" not in build(scaled, shapes, wrt="x").source()
    assert "== 0.0" in build(unscaled, shapes, wrt="x").source()
