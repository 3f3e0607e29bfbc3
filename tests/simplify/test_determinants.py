"""Logarithms of determinants where these overflow, underflow or are negative, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad.program import MatrixOperation
from tests.support import Array, assert_close, build


def _autoregressive(count: int, variance: float) -> tuple[Array, float]:
    """σ²·ρ^|i − j| with ρ = 1/2, exact in floating point, and the logarithm of its determinant."""
    steps = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    with mpmath.workdps(50):
        determinant = mpmath.mpf(variance) ** count * mpmath.mpf("0.75") ** (count - 1)
        return variance * 0.5**steps, float(mpmath.log(determinant))


# Each with its value by the logarithm of the determinant and the size.
SPELLINGS: dict[str, tuple[Callable[..., Any], Callable[[float, int], float]]] = {
    "plain": (lambda A: np.log(np.linalg.det(A)), lambda log, n: log),
    "scaled": (
        lambda A: 0.5 * np.log(3.0 * np.linalg.det(A)),
        lambda log, n: (log + np.log(3)) / 2,
    ),
    "root": (lambda A: np.log(np.sqrt(np.linalg.det(A))), lambda log, n: log / 2),
    "density": (
        lambda A: np.log(1 / np.sqrt((2 * np.pi) ** A.shape[0] * np.linalg.det(A))),
        lambda log, n: -(log + n * np.log(2 * np.pi)) / 2,
    ),
    "absolute": (lambda A: np.log(np.abs(np.linalg.det(A))), lambda log, n: log),
    "square": (lambda A: np.log(np.linalg.det(A) ** 2), lambda log, n: 2 * log),
    "ratio": (
        lambda A: np.log(np.linalg.det(2 * A) / np.linalg.det(A)),
        lambda log, n: n * np.log(2),
    ),
    "with an exponential": (
        lambda A: np.log(np.linalg.det(A) * np.exp(-A[0, 0])),
        lambda log, n: log,
    ),
    "factor": (
        lambda A: 2 * np.log(np.prod(np.diag(np.linalg.cholesky(A)))),
        lambda log, n: log,
    ),
    "squared factor": (
        lambda A: np.log(np.prod(np.diagonal(np.linalg.cholesky(A))) ** 2),
        lambda log, n: log,
    ),
}


@pytest.mark.parametrize("variance", [2.0**-30, 2.0**40])
@pytest.mark.parametrize("name", SPELLINGS)
def test_logarithm_of_a_determinant_out_of_range(name: str, variance: float) -> None:
    """200 by 200: the determinant itself is 0 or infinite in double precision."""
    function, value = SPELLINGS[name]
    A, logarithm = _autoregressive(200, variance)
    with np.errstate(over="ignore"):
        assert np.linalg.det(A) in (0.0, np.inf)
    expected = value(logarithm, 200) - (A[0, 0] if name == "with an exponential" else 0.0)
    module = build(function, {"A": "f64[n, n]"})
    assert any("stabilised: log(" in note for note in module.derived.notes)
    (found,) = module.value("numpy", {"A": A})
    assert_close(found, np.asarray(expected), 1e-12, what=name)


@pytest.mark.parametrize("name", ["plain", "root", "density", "ratio", "scaled"])
def test_negative_determinants_have_no_logarithm(name: str) -> None:
    module = build(SPELLINGS[name][0], {"A": "f64[n, n]"})
    for A in (np.diag([2.0, -3.0, 1.0]), np.diag([2.0, 3.0, 1.0])):
        with np.errstate(invalid="ignore"):
            expected = np.asarray(SPELLINGS[name][0](A))
        (found,) = module.value("numpy", {"A": A})
        assert_close(found, expected, 1e-13, what=name)


def test_two_negative_determinants_have_one(rng: np.random.Generator) -> None:
    function = SPELLINGS["ratio"][0]
    module = build(function, {"A": "f64[n, n]"})
    A = np.diag([2.0, -3.0])
    (found,) = module.value("numpy", {"A": A})
    assert_close(found, np.asarray(np.log(4.0)), 1e-14)


def test_the_gradient_needs_no_determinant(rng: np.random.Generator) -> None:
    module = build(SPELLINGS["plain"][0], {"A": "f64[n, n]"})
    A, _ = _autoregressive(200, 2.0**-30)
    _, (gradient,) = module.vjp("numpy", {"A": A}, [np.asarray(1.0)])
    assert_close(gradient @ A.T, np.eye(200), 1e-12, atol=1e-12)
    statements = module.derived.gradient.program.definitions
    assert not any(
        isinstance(s, MatrixOperation) and s.routine == "determinant" for s in statements
    )


def test_what_may_be_negative_stays() -> None:
    """log(det(A)·a) with both negative is a number, which the logarithms of both are not."""
    module = build(lambda A: np.log(np.linalg.det(A) * A[0, 0]), {"A": "f64[n, n]"})
    assert not module.derived.notes
