"""What is divided by without a thought, because it is never near zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.differentiate.floors import Floors
from tests.support import build, captured


def floors_of(function: Callable[..., Any]) -> tuple[bool, bool]:
    """Whether the result is known to be nonnegative, and to be above a positive number."""
    program = captured(function, x="f64[n]")
    floors = Floors(program)
    (output,) = program.outputs
    return output in floors.nonnegative, output in floors.positive


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x**2) + 1e-5,
        lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2) + 1e-5),
        lambda x: 2 * np.sqrt(np.abs(x) + 0.5),
        lambda x: np.cosh(x),
        lambda x: np.sum(special.expit(x)) + np.sum(np.exp(x)) + 1,
        lambda x: (1 + x**4) ** 1.5,
    ],
)
def test_above_a_positive_number(function: Callable[..., Any]) -> None:
    assert floors_of(function) == (True, True)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.exp(x),
        lambda x: np.sum(x**2),
        lambda x: 1 / (1 + x**2),
        lambda x: x**2 + 1e-40,
        lambda x: np.where(x > 0, 1.0, 0.0) * 1.0,
    ],
)
def test_nonnegative_or_unknown_but_perhaps_zero(function: Callable[..., Any]) -> None:
    assert not floors_of(function)[1]


def test_signs_are_not_guessed() -> None:
    assert floors_of(lambda x: np.sum(x) + 1.0) == (False, False)
    assert floors_of(lambda x: x**3 + 1.0) == (False, False)
    assert floors_of(lambda x: x**2 - 1.0) == (False, False)


def test_what_is_divided_by_a_floor_needs_no_guard() -> None:
    def scaled(x: Any, g: Any) -> Any:
        return g @ (x / np.sqrt(np.mean(x**2) + 1e-5))

    def unscaled(x: Any, g: Any) -> Any:
        return g @ (x / np.sqrt(np.mean(x**2)))

    shapes = {"x": "f64[n]", "g": "f64[n]"}
    assert "== 0.0" not in build(scaled, shapes, wrt="x").source()
    assert "== 0.0" in build(unscaled, shapes, wrt="x").source()
