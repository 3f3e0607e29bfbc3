"""Where the outer derivative underflows and the inner one overflows, the gradient is no NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symgrad.differentiate import pull_back
from symgrad.program import evaluate
from tests.support import build

BIG = [1e3, -1e3, 0.5]
SATURATED: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "tanh of exp": (lambda x: np.tanh(np.exp(x)), BIG),
    "sigmoid of exp": (lambda x: 1 / (1 + np.exp(-np.exp(x))), BIG),
    "exp of -exp": (lambda x: np.exp(-np.exp(x)), BIG),
    "complementary log-log": (lambda x: 1 - np.exp(-np.exp(x)), BIG),
    "tanh of a square of exp": (lambda x: np.tanh(np.exp(x) ** 2), BIG),
    "tanh of a pole": (lambda x: np.tanh(1 / x), [1e-200, -1e-200, 0.5]),
    "root less exp": (lambda x: np.sqrt(1 + np.exp(x) ** 2) - np.exp(x), BIG),
}


@pytest.mark.parametrize("name", SATURATED)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_saturated_functions_of_what_overflows(name: str, target: Any) -> None:
    function, points = SATURATED[name]
    x = np.array(points)
    built = build(function, {"x": "f64[n]"})
    _, (found,) = built.vjp(target, {"x": x}, [np.ones(3)])
    step = 1e-30j
    wanted = np.imag(function(x[2] + step)) / step.imag
    np.testing.assert_allclose(found[2], wanted, rtol=1e-12)
    assert np.isfinite(found).all() and abs(found[0]) < 1e-300


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinite_derivatives_and_nan_come_out() -> None:
    built = build(lambda x: np.sqrt(x) + np.tanh(np.exp(x)), {"x": "f64[n]"})
    x = np.array([0.0, np.nan, 1.0])
    _, (found,) = built.vjp("numpy", {"x": x}, [np.ones(3)])
    assert found[0] == np.inf and np.isnan(found[1]) and np.isfinite(found[2])


def test_the_second_derivative_where_the_first_is_zero() -> None:
    """d²(eˣ − 1)²/dx² = 2 at 0, where the adjoint of eˣ is exactly 0."""
    built = build(lambda x: np.tanh((np.exp(x) - 1.0) ** 2), {"x": "f64[n]"})
    gradient = built.derived.gradient
    again = pull_back(gradient.program, ("x",))
    zero = np.zeros(1)
    given = {"x": zero, **dict.fromkeys(gradient.cotangents, zero + 1)}
    given |= dict(zip(again.cotangents, (zero, zero + 1), strict=True))
    found = evaluate(again.program, given)[again.adjoints[0]]
    np.testing.assert_allclose(found, [2.0], rtol=1e-15)
