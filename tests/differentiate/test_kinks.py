"""The value of the gradient at each kink, tie and singular point, as docs/numerics.md states it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from tests.support import build

INF, NAN = np.inf, np.nan

# The formula, its arguments, and the gradient by each of them; weights of the outputs are 1.
KINKS: dict[str, tuple[Callable[..., Any], dict[str, list[float]], list[list[float]]]] = {
    "abs": (lambda x: abs(x), {"x": [0.0, -2.0, 3.0]}, [[0, -1, 1]]),
    "sign": (lambda x: np.sign(x) + np.floor(x) + np.rint(x) + 0 * x, {"x": [0.0, 1.0]}, [[0, 0]]),
    "maximum": (
        lambda x, y: np.maximum(x, y),
        {"x": [1.0, 2.0, 1.0], "y": [1.0, 1.0, 2.0]},
        [[0.5, 1, 0], [0.5, 0, 1]],
    ),
    "minimum": (
        lambda x, y: np.minimum(x, y),
        {"x": [1.0, 2.0, 1.0], "y": [1.0, 1.0, 2.0]},
        [[0.5, 0, 1], [0.5, 1, 0]],
    ),
    "maximum with 0": (lambda x: np.maximum(x, 0), {"x": [0.0, -1.0, 1.0]}, [[0.5, 0, 1]]),
    "max over an axis": (lambda x: np.max(x), {"x": [1.0, 3.0, 3.0]}, [[0, 1, 0]]),
    "min over an axis": (lambda x: np.min(x), {"x": [3.0, 1.0, 1.0]}, [[0, 1, 0]]),
    "fmax": (lambda x, y: np.fmax(x, y), {"x": [NAN, 1.0], "y": [2.0, NAN]}, [[0, 1], [1, 0]]),
    "clip": (
        lambda x, y: np.clip(x, y, 2.0),
        {"x": [1.0, 2.0, 0.0, 3.0], "y": [1.0, 0.0, 1.0, 1.0]},
        [[1, 1, 0, 0], [0, 0, 1, 0]],
    ),
    "where": (
        lambda x, y: np.where(x > 0, np.log(x), y),
        {"x": [0.0, -1.0, 2.0], "y": [NAN, INF, NAN]},
        [[0, 0, 0.5], [1, 1, 0]],
    ),
    "comparison as a factor": (lambda x: (x > 0) * np.sqrt(x + 1), {"x": [-0.5, 3.0]}, [[0, 0.25]]),
    "norm": (lambda x: np.linalg.norm(x), {"x": [0.0, 0.0]}, [[0, 0]]),
    "root of squares": (lambda x: np.sqrt(np.sum(x * x)), {"x": [0.0, 0.0]}, [[0, 0]]),
    "root mean square": (lambda x: np.sqrt(np.mean(x**2)), {"x": [0.0, 0.0]}, [[0, 0]]),
    "root of two squares": (
        lambda x, y: np.sqrt(x**2 + y**2),
        {"x": [0.0, 3.0], "y": [0.0, 4.0]},
        [[0, 0.6], [0, 0.8]],
    ),
    "root of three squares": (
        lambda x, y: np.sqrt(x**2 + y**2 + (x - y) ** 2),
        {"x": [0.0], "y": [0.0]},
        [[0], [0]],
    ),
    "hypot": (lambda x, y: np.hypot(x, y), {"x": [0.0], "y": [0.0]}, [[0], [0]]),
    "std": (lambda x: np.std(x), {"x": [2.0, 2.0]}, [[0, 0]]),
    "sqrt": (lambda x: np.sqrt(x), {"x": [0.0, 4.0]}, [[INF, 0.25]]),
    "cbrt": (lambda x: np.cbrt(x), {"x": [0.0, 8.0]}, [[INF, 1 / 12]]),
    "power below 1": (lambda x: x**0.75, {"x": [0.0]}, [[INF]]),
    "power above 1": (lambda x: x**2.5, {"x": [0.0]}, [[0]]),
    "power by exponent": (
        lambda x, y: x**y,
        {"x": [0.0, -2.0], "y": [2.0, 2.0]},
        [[0, -4], [0, NAN]],
    ),
    "log": (lambda x: np.log(x), {"x": [0.0]}, [[INF]]),
    "x log y": (
        lambda x, y: x * np.log(y),
        {"x": [0.0, 0.0, 2.0], "y": [0.0, 3.0, 4.0]},
        [[0, np.log(3.0), np.log(4.0)], [0, 0, 0.5]],
    ),
    "x log x": (lambda x: x * np.log(x), {"x": [0.0, 1.0]}, [[0, 1]]),
    "x log1p y": (
        lambda x, y: x * np.log(1 + y),
        {"x": [0.0, 0.0], "y": [-1.0, 1.0]},
        [[0, np.log(2.0)], [0, 0]],
    ),
    "prod": (lambda x: np.prod(x), {"x": [0.0, 2.0, 3.0]}, [[6, 0, 0]]),
    "prod of zeros": (lambda x: np.prod(x), {"x": [0.0, 0.0, 3.0]}, [[0, 0, 0]]),
    "sinc": (lambda x: np.sin(x) / x, {"x": [0.0]}, [[0]]),
    "numpy's sinc": (lambda x: np.sinc(x), {"x": [0.0]}, [[0]]),
    "versine": (lambda x: (1 - np.cos(x)) / x**2, {"x": [0.0]}, [[0]]),
    "logsumexp": (lambda x: special.logsumexp(x), {"x": [-INF, -INF]}, [[NAN, NAN]]),
    "copysign": (lambda x, y: np.copysign(x, y), {"x": [2.0], "y": [-1.0]}, [[-1], [0]]),
    "mod": (lambda x: np.mod(x, 2.0), {"x": [2.0, 3.0]}, [[1, 1]]),
}
VALUES = {
    "x log y": [0.0, 0.0, 2 * np.log(4.0)],
    "x log x": [0.0, 0.0],
    "sinc": [1.0],
    "numpy's sinc": [1.0],
    "versine": [0.5],
    "logsumexp": -INF,
    "where": [NAN, INF, np.log(2.0)],
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradient_at_a_kink(name: str, target: Any) -> None:
    function, points, wanted = KINKS[name]
    arguments = {key: np.array(values) for key, values in points.items()}
    built = build(function, dict.fromkeys(points, "f64[n]"))
    value = built.value(target, arguments)[0]
    _, gradients = built.vjp(target, arguments, [np.ones(value.shape)])
    for found, right in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(found, np.array(right, float), rtol=1e-14, atol=1e-300)
    if name in VALUES:
        np.testing.assert_allclose(value, VALUES[name], rtol=1e-14)


def test_the_second_derivative_of_a_sinc_at_0() -> None:
    from symgrad.differentiate import pull_back
    from symgrad.program import evaluate

    built = build(lambda x: np.where(x == 0, 1, np.sin(x) / x), {"x": "f64[n]"})
    gradient = built.derived.gradient
    again = pull_back(gradient.program, ("x",))
    zero = np.zeros(1)
    given = {"x": zero, **dict.fromkeys(gradient.cotangents, zero + 1)}
    given |= dict(zip(again.cotangents, (zero, zero + 1), strict=True))
    found = evaluate(again.program, given)[again.adjoints[0]]
    np.testing.assert_allclose(found, [-1 / 3], rtol=1e-15)


def test_every_line_of_the_document_is_tested() -> None:
    """The table of docs/numerics.md and this file name the same functions."""
    document = Path(__file__).resolve().parents[2] / "docs" / "numerics.md"
    table = document.read_text(encoding="utf-8").partition("## Kinks")[2].partition("\n## ")[0]
    for word in ("abs", "maximum", "clip", "where", "norm", "hypot", "std", "sqrt", "cbrt", "prod"):
        assert f"`{word}" in table and any(word in name for name in KINKS)
