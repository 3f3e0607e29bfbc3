"""Second derivatives are finite and right wherever the exact ones are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad
from symgrad.autograd.rules import Rule
from symgrad.differentiate import pull_back
from symgrad.precision import evaluate_exactly
from symgrad.simplify import simplify
from tests.support import build

SPREAD = np.array([1.0, 0.5, -0.25])
WEIGHTS = np.array([0.7, 1.1, 1.3])
DIRECTION = np.array([0.3, -1.2, 0.8])
SIZES = (1.0, 30.0, 1e5, 1e154, 1e160, 1e300, 1e-5, 1e-150, 1e-160, 1e-200, 1e-290)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x)),
    "log-softmax": lambda x: x - np.log(np.sum(np.exp(x))),
    "norm": lambda x: np.sqrt(np.sum(x**2)),
    "norm by name": lambda x: np.linalg.norm(x),
    "hypot": lambda x: np.hypot(x, 2 * x[::-1]),
}
# Next to one probability of nearly 1, differences of numbers near 1 are right to a rounding of 1.
FLOOR = {"logsumexp": 1e-15, "softmax": 1e-15, "log-softmax": 1e-15}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_of_a_slope(name: str) -> None:
    """∂/∂x Σ v·x̄, where x̄ is the gradient of Σ w·f: the Hessian of Σ w·f times v."""
    gradient = build(FUNCTIONS[name], {"x": "f64[n]"}).derived.gradient
    again = pull_back(replace(gradient.program, outputs=gradient.adjoints), ("x",))
    program = simplify(again.program, without={"stabilise"}).program
    shapes = {a.name: a.shape for a in program.arguments}
    told = 0
    for size in (*SIZES, *(-s for s in SIZES)):
        given = {c: WEIGHTS if shapes[c] else 1.0 for c in gradient.cotangents}
        given |= {"x": size * SPREAD, again.cotangents[0]: DIRECTION}
        exact = evaluate_exactly(again.program, given)[again.adjoints[0]].astype(np.float64)
        with np.errstate(all="ignore"):
            found = Rule(program).run([np.asarray(given[a.name]) for a in program.arguments])[-1]
        assert np.isfinite(found).all(), size
        scale = np.abs(exact).max()
        np.testing.assert_allclose(
            found, exact, rtol=0, atol=max(1e-10 * scale, FLOOR.get(name, 1e-300))
        )
        told += scale > 1e-300
    assert told >= 4


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_slopes_of_saturated_functions(target: str) -> None:
    """tanh' = sech² and its derivative have all digits where tanh is ±1 by rounding."""
    x = np.array([0.0, 1e-300, 1e-5, -0.3, 1.0, -5.0, 19.0, 25.0, -100.0, 340.0])
    exact = [mpmath.sech(v) ** 2 for v in x]

    def total(x):
        return np.sum(np.tanh(x))

    slope = symgrad.grad(total, target=target)(x)
    np.testing.assert_allclose(slope, np.array(exact, float), rtol=2e-15)
    second = symgrad.hvp(total, target=target)(x, np.ones_like(x))
    wanted = np.array([-2 * mpmath.tanh(v) * s for v, s in zip(x, exact, strict=True)], float)
    np.testing.assert_allclose(second, wanted, rtol=4e-15)


SQUARES: dict[str, Callable[..., Any]] = {
    "three": lambda x, y, z: np.sqrt(x**2 + y**2 + z**2),
    "over lines": lambda x, y, z: np.sqrt((x * x + 4 * y**2) + z**2 / 4),
    "below a fraction": lambda x, y, z: 1 / np.sqrt(x**2 + y * y + 2 * z**2),
    "with a number": lambda x, y, z: np.sqrt(x**2 + y**2 + z**2 + 9.0),
    "one square twice": lambda x, y, z: np.sqrt((x**2 + y**2) + (x * x + z**2)),
    "a product of its parts": lambda x, y, z: np.sqrt(x * x + 4 * y**2 + z**2 + 0.25 * x * x),
}


@pytest.mark.parametrize("name", SQUARES)
def test_roots_of_several_squares(name: str) -> None:
    """Value and gradients of a root of written squares over the whole exponent range."""
    built = build(SQUARES[name], dict.fromkeys("xyz", "f64[n]"))
    gradient, raw = built.derived.gradient, pull_back(built.model.program, ("x", "z"))
    told = 0
    for size in (1.0, 1e100, 1e154, 1e200, 1e300, 1e-100, 1e-160, 1e-200, 1e-290):
        given = dict(zip("xyz", size * np.array([[1, -2], [3, 1], [0.5, 0.25]]), strict=True))
        seeds = dict.fromkeys(gradient.cotangents, np.array([0.7, -1.1]))
        exact = evaluate_exactly(
            raw.program, {**given, **dict.fromkeys(raw.cotangents, seeds[gradient.cotangents[0]])}
        )
        with np.errstate(all="ignore"):
            found = Rule(gradient.program).run(
                [{**given, **seeds}[a.name] for a in gradient.program.arguments]
            )
        values = dict(zip(("value", *"xyz"), found, strict=True))
        for key, output in zip(("value", "x", "z"), raw.program.outputs, strict=True):
            wanted = exact[output]
            if not all(1e-300 < abs(v) < 1.7e308 for v in wanted):
                continue
            told += 1
            np.testing.assert_allclose(values[key], wanted.astype(float), rtol=1e-14)
    assert told >= 9


def test_kernels_of_products_with_the_hessian_of_a_norm() -> None:
    """(v − u·(u·v))/norm in compiled loops, which may reorder: 1/norm² is never formed."""
    product = symgrad.hvp(lambda x: np.sqrt(np.sum(x**2)), target="cpu")
    unit = SPREAD / np.linalg.norm(SPREAD)
    wanted = (DIRECTION - unit * (unit @ DIRECTION)) / np.linalg.norm(SPREAD)
    for size in (1.0, 1e-150, 1e-200, 1e-300, 1e150, 1e200, 1e300):
        found = product(size * SPREAD, DIRECTION) * size
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


SATURATING: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (
        lambda x: 1 / (1 + np.exp(-np.exp(x))),
        lambda x: 1 / (1 + mpmath.exp(-mpmath.exp(x))),
    ),
    "tanh": (lambda x: np.tanh(np.exp(x)), lambda x: mpmath.tanh(mpmath.exp(x))),
    "twice": (
        lambda x: np.tanh(np.exp(x)) * np.exp(-np.exp(x)),
        lambda x: mpmath.tanh(mpmath.exp(x)) * mpmath.exp(-mpmath.exp(x)),
    ),
}


@pytest.mark.parametrize("name", SATURATING)
def test_second_derivatives_of_saturated_exponentials(name: str) -> None:
    """The slope of the outer function rounds to 0 where that of the inner one is infinite."""
    function, exactly = SATURATING[name]

    def total(x):
        return np.sum(function(x))

    x = np.array([800.0, 6.5, 3.0, 0.3, -1.0, -700.0])
    with mpmath.workdps(400):
        exact = [mpmath.diff(exactly, mpmath.mpf(v), 2) if v < 10 else 0 for v in x]
    wanted = np.array(exact, float)
    found = symgrad.hessian(total, target="numpy")(x)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-10, atol=1e-300)
    found = symgrad.hvp(total, target="numpy")(x, np.ones_like(x))
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-300)
