"""Twelve everyday formulas, as people write them, against mpmath: values and gradients."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad.differentiate import pull_back
from symgrad.program import evaluate
from tests.simplify.everyday import FORMULAS, Formula, exact, relative_error
from tests.support import Built, build

DIGITS = 60
# Their exact derivatives are written with differences that cancel.
MORE_DIGITS = {"where(x == 0, 1, sin(x)/x)": 700, "sqrt(1 + x**2) - x": 700}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


@cache
def built(name: str, dtype: str) -> Built:
    short = {"float64": "f64", "float32": "f32"}[dtype]
    formula = FORMULAS[name]
    return build(formula.function, {"x": f"{short}[{formula.shape}]"})


def inputs(formula: Formula, dtype: str, count: int) -> np.ndarray:
    named = np.array(formula.named, dtype)
    return np.concatenate([named, formula.points(count, dtype)])


def weights(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(5).uniform(0.5, 1.5, shape).astype(dtype)


def wanted(name: str, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    formula = FORMULAS[name]
    with mpmath.workdps(MORE_DIGITS.get(name, DIGITS)):
        points = [mpmath.mpf(float(u)) for u in x]
        cotangents = [mpmath.mpf(float(u)) for u in np.ravel(w)]
        return exact(formula.value(points)), exact(formula.gradient(points, cotangents))


def check(name: str, dtype: str, x: np.ndarray, run: Any) -> None:
    """Compares values and gradients at an array of inputs, each a vector for the shape m."""
    formula = FORMULAS[name]
    rows = [x] if formula.shape == "n" else list(x)
    for row in rows:
        one = name in ("log(sum(exp(x)))", "sqrt(sum(x**2))")
        w = weights(() if one else row.shape, dtype)
        with np.errstate(all="ignore"):
            values, gradients = run(row, w)
        for found, right, what in zip(
            (values, gradients), wanted(name, row, w), ("value", "gradient"), strict=True
        ):
            error = relative_error(np.ravel(found), right, dtype)
            worst = int(np.argmax(error))
            assert error[worst] <= TOLERANCE[dtype], (
                f"{what} of {name} at {row if formula.shape == 'm' else row[worst]!r}: "
                f"{np.ravel(found)[worst]!r}, not {right[worst]!r}"
            )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
def test_compiled_for_numpy(name: str, dtype: str) -> None:
    def run(row: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (value,), (gradient,) = built(name, dtype).vjp("numpy", {"x": row}, [w])
        return value, gradient

    check(name, dtype, inputs(FORMULAS[name], dtype, 200), run)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_kernels_interpreted(name: str, dtype: str) -> None:
    def run(row: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (value,), (gradient,) = built(name, dtype).vjp("cpu", {"x": row}, [w])
        return value, gradient

    check(name, dtype, inputs(FORMULAS[name], dtype, 40), run)


def elementwise_names() -> list[str]:
    return [name for name, formula in FORMULAS.items() if formula.shape == "n"]


@cache
def all_elementwise() -> Built:
    """One module for the formulas of one number, each with an argument of its own."""
    names = elementwise_names()
    arguments = [f"x{k}" for k in range(len(names))]

    def together(*arrays: Any) -> Any:
        return tuple(FORMULAS[n].function(x) for n, x in zip(names, arrays, strict=True))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    together.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in arguments]
    )
    return build(together, dict.fromkeys(arguments, "f64[n]"))


@cache
def compiled_results() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Inputs, values and gradients of each formula, of one call."""
    names = elementwise_names()
    rows = [inputs(FORMULAS[n], "float64", 200) for n in names]
    rows = [np.resize(row, 202) for row in rows]
    w = weights((202,), "float64")
    given = {f"x{k}": row for k, row in enumerate(rows)}
    values, gradients = all_elementwise().vjp("cpu", given, [w] * len(names), jit=True)
    return dict(zip(names, zip(rows, values, gradients, strict=True), strict=True))


@pytest.mark.parametrize("name", elementwise_names())
def test_kernels_compiled(name: str) -> None:
    row, value, gradient = compiled_results()[name]
    check(name, "float64", row, lambda *_: (value, gradient))


@pytest.mark.parametrize("name", ["softmax", "sqrt(sum(x**2))"])
def test_kernels_of_vectors_compiled(name: str) -> None:
    """Arithmetic that may be reordered must not undo what keeps the digits."""
    formula = FORMULAS[name]

    def run(row: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (value,), (gradient,) = built(name, "float64").vjp("cpu", {"x": row}, [w], jit=True)
        return value, gradient

    check(name, "float64", inputs(formula, "float64", 60), run)
    shifted = 1e10 + np.array([[0.0, 1.0, 2.0], [7.0, 5.0, -3.0]])
    check(name, "float64", shifted, run)


# Where, for x > 0, the second derivative is no larger than the largest float64.
REPRESENTABLE = {
    "where(x > 0, x**-1.5, 0)": (1e-80, math.inf),
    "where(x > 0, sqrt(x), 0)": (1e-200, math.inf),
    "exp(x) - 1": (0.0, 700.0),
}


def second_derivative(name: str, x: np.ndarray) -> np.ndarray:
    """d/dx of the compiled gradient of Σ f, by the reference evaluator."""
    gradient = built(name, "float64").derived.gradient
    slope = replace(gradient.program, outputs=gradient.adjoints)
    again = pull_back(slope, ("x",))
    ones = np.ones_like(x)
    given = dict.fromkeys((*gradient.cotangents, *again.cotangents), ones)
    return evaluate(again.program, {"x": x, **given})[again.adjoints[0]]


@pytest.mark.parametrize("name", elementwise_names())
def test_second_derivatives(name: str) -> None:
    """Finite over the whole range, and right where differences of the exact slope can tell."""
    formula = FORMULAS[name]
    x = inputs(formula, "float64", 200)
    low, high = REPRESENTABLE.get(name, (0.0, math.inf))
    x = x[(x <= 0) | ((x > low) & (x < high))]
    found = second_derivative(name, x)
    assert np.isfinite(found).all(), x[~np.isfinite(found)]
    near = np.array([1e-6, 1e-3, 0.3, 2.0, 30.0])
    near = np.concatenate([near, -near[:3]])
    with mpmath.workdps(60):
        one = [mpmath.mpf(1)]
        right = [
            float(mpmath.diff(lambda u: formula.gradient([u], one)[0], mpmath.mpf(u))) for u in near
        ]
    np.testing.assert_allclose(second_derivative(name, near), right, rtol=1e-11, atol=1e-300)
