"""NaN and infinities in every position of a tile: no reduction makes a finite number of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import special

from tests.support import Built, build

REDUCTIONS: dict[str, Callable[[np.ndarray, int], Any]] = {
    "sum": lambda x, axis: np.sum(x, axis=axis),
    "mean": lambda x, axis: np.mean(x, axis=axis),
    "prod": lambda x, axis: np.prod(x, axis=axis),
    "max": lambda x, axis: np.max(x, axis=axis),
    "min": lambda x, axis: np.min(x, axis=axis),
    "var": lambda x, axis: np.var(x, axis=axis),
    "norm": lambda x, axis: np.linalg.norm(x, axis=axis),
    "norm of order 1": lambda x, axis: np.linalg.norm(x, 1, axis=axis),
    "cumsum": lambda x, axis: np.cumsum(x, axis=axis),
    "logsumexp": lambda x, axis: special.logsumexp(x, axis=axis),
    "softmax": lambda x, axis: special.softmax(x, axis=axis),
    "maximum": lambda x, axis: np.sum(np.maximum(x, 0.5), axis=axis),
    "clip": lambda x, axis: np.sum(np.clip(x, 0.1, 0.9), axis=axis),
}
COMPILED = ("max", "norm", "logsumexp", "maximum")
SHAPE = (5, 3)
STRANGE = (np.nan, np.inf, -np.inf)


@cache
def built(name: str, axis: int) -> Built:
    return build(lambda x: REDUCTIONS[name](x, axis), {"x": "f64[n, d]"}).in_small_tiles()


def inputs(rng: np.random.Generator) -> list[np.ndarray]:
    """An array for each position and each strange number, and some with two of them."""
    base = rng.uniform(0.2, 1.2, SHAPE)
    found = []
    for position in np.ndindex(*SHAPE):
        for value in STRANGE:
            found.append(base.copy())
            found[-1][position] = value
    for first, second in ((np.inf, -np.inf), (np.nan, np.inf), (-np.inf, -np.inf)):
        found.append(base.copy())
        found[-1][1, 1], found[-1][3, 1] = first, second
        found.append(base.copy())
        found[-1][2, 0], found[-1][2, 2] = first, second
    found.append(np.full(SHAPE, -np.inf))
    found.append(np.full(SHAPE, np.nan))
    return found


def wanted(name: str, axis: int, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        if name == "logsumexp":  # SciPy's keeps an infinity beside a NaN
            return np.where(np.isnan(x).any(axis), np.nan, special.logsumexp(x, axis=axis))
        if name == "softmax":
            return np.exp(
                x - wanted("logsumexp", axis, x).reshape(np.sum(x, axis, keepdims=True).shape)
            )
        if name == "norm":
            return np.where(np.isnan(x).any(axis), np.nan, np.linalg.norm(x, axis=axis))
        return REDUCTIONS[name](x, axis)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_position(name: str, axis: int, target: Any, rng: np.random.Generator) -> None:
    arrays = inputs(rng)
    for x in arrays if target == "numpy" else arrays[::2]:
        found = built(name, axis).value(target, {"x": x})[0]
        right = wanted(name, axis, x)
        np.testing.assert_allclose(found, right, rtol=1e-12, err_msg=f"{name} of\n{x}")


@cache
def together() -> Built:
    """Several reductions over rows in one module, so that it is compiled once."""
    return build(
        lambda x: tuple([REDUCTIONS[name](x, 0) for name in COMPILED]), {"x": "f64[n, d]"}
    ).in_small_tiles()


def test_compiled_kernels(rng: np.random.Generator) -> None:
    for x in inputs(rng)[::4]:
        values = together().value("cpu", {"x": x}, jit=True)
        for name, found in zip(COMPILED, values, strict=True):
            np.testing.assert_allclose(found, wanted(name, 0, x), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", ["sum", "max", "logsumexp", "norm", "maximum", "clip"])
def test_gradients_are_not_finite_where_values_are_not(name: str, rng: np.random.Generator) -> None:
    """A NaN reaches the gradient of whatever depends on it, and only that."""
    x = rng.uniform(0.2, 0.8, SHAPE)
    x[2, 1] = np.nan
    module = build(lambda x: REDUCTIONS[name](x, 1) ** 2, {"x": "f64[n, d]"})
    for target in ("numpy", "cpu"):
        _, (gradient,) = module.vjp(target, {"x": x}, [np.ones(5)])
        assert np.isnan(gradient[2]).any() and np.isfinite(np.delete(gradient, 2, 0)).all()


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_means_of_nothing_are_not_a_number(target: Any) -> None:
    built = build(lambda x: (np.mean(x, axis=0), np.var(x)), {"x": "f64[n, d]"})
    values, (gradient,) = built.vjp(target, {"x": np.zeros((0, 2))}, [np.ones(2), np.ones(())])
    assert values[0].shape == (2,) and gradient.shape == (0, 2)
    assert all(np.isnan(value).all() for value in values)
