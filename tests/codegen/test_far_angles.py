"""Functions of angles in kernels are right for every finite angle, also beyond 2^46."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad.codegen.angles import calls_angular, count_far_angles
from symgrad.schedule.frozen import Affine, Element, Operation
from symgrad.schedule.loops import Block, Loop, Store
from tests.support import build

FAR = [2.0**46 * 1.001, -1e18, 6381956970095103 * 2.0**797, 1e300, -1.7976931348623157e308]
NEAR = [0.0, 1e-300, 0.5, -2.0, 3e13]


def exact(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    with mpmath.workprec(2400):
        return np.array([float(function(mpmath.mpf(float(u)))) for u in x])


def test_elementwise_values_and_gradients() -> None:
    built = build(
        lambda x: np.sin(x) + 2 * np.cos(x) + np.where(x == 0, 1.0, np.sin(x) / x), {"x": "f64[n]"}
    )
    x = np.array(FAR + NEAR)
    (value,), (slope,) = built.vjp("cpu", {"x": x}, [np.ones(x.size)])
    sine, cosine = exact(mpmath.sin, x), exact(mpmath.cos, x)
    with np.errstate(invalid="ignore", divide="ignore"):
        bessel = (sine / x - cosine) / x
    bessel[np.abs(x) < 1e-8] = x[np.abs(x) < 1e-8] / 3
    sinc = exact(lambda u: mpmath.sin(u) / u if u else 1, x)
    np.testing.assert_allclose(value, sine + 2 * cosine + sinc, rtol=0, atol=1e-15)
    np.testing.assert_allclose(slope, cosine - 2 * sine - bessel, rtol=0, atol=2e-15)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_sums_of_angles_that_the_kernel_computes(dtype: str) -> None:
    """The angle is a product of matrices; a far one lies in the last tile only."""
    built = build(
        lambda x, w: np.sum(1 - np.cos(x @ w)), {"x": f"{dtype}[n, d]", "w": f"{dtype}[d]"}
    ).in_small_tiles()
    kind = np.float64 if dtype == "f64" else np.float32
    x = np.array([[1.0, 0.0], [0.5, 0.5], [2.0**70, 0.0], [0.25, 2.0**100]], kind)
    w = np.array([1.0, 0.0], kind)
    (value,), (_, slope) = built.vjp("cpu", {"x": x, "w": w}, [kind(1)], jit=dtype == "f64")
    angle = (x @ w).astype(np.float64)
    tolerance = 1e-14 if dtype == "f64" else 2e-6
    wanted = np.sum(1 - exact(mpmath.cos, angle))
    np.testing.assert_allclose(value, wanted, rtol=tolerance)
    np.testing.assert_allclose(slope, exact(mpmath.sin, angle) @ x, rtol=tolerance)


def test_numbers_and_running_sums() -> None:
    built = build(
        lambda x, a: np.tan(a) * np.cumsum(np.sin(np.cumsum(x))), {"x": "f64[n]", "a": "f64"}
    )
    x = np.array([1e20, 1.0, 2.0**60])
    (value,) = built.value("cpu", {"x": x, "a": 1e22})
    np.testing.assert_allclose(value, np.tan(1e22) * np.cumsum(np.sin(np.cumsum(x))), rtol=1e-14)


def test_angles_that_the_nest_stores_are_not_looked_at_before_it() -> None:
    here = (Affine((("i", 1),)),)
    load = Operation("load", (), "float64", Element("u", here))
    sine = Block((load, Operation("sin", (0,), "float64")), (Store(Element("y", here), 1),))
    store = Block((load,), (Store(Element("u", here), 0),))
    assert calls_angular((Loop("i", "n", (sine,)),))
    assert count_far_angles((Loop("i", "n", (sine,)),)) is not None
    assert count_far_angles((Loop("i", "n", (store, sine)),)) is None
    assert count_far_angles((sine,)) is None
