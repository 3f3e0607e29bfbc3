"""How the error of long sums grows: partial sums of a limited number of rows, added in pairs."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from tests.support import Built, build

COUNTS = (10**3, 10**5, 2 * 10**6)


@cache
def weighted_sum(short: str) -> Built:
    return build(lambda x, w: np.sum(x * w), {"x": f"{short}[n]", "w": f"{short}[n]"})


@pytest.mark.parametrize("short", ["f64", "f32"])
def test_totals_are_right_to_a_few_roundings(short: str) -> None:
    """The naive sum of two million float32 numbers has lost three digits."""
    dtype = {"f64": np.float64, "f32": np.float32}[short]
    rng = np.random.default_rng(0)
    for count in COUNTS:
        x, w = rng.uniform(0.5, 1.0, count).astype(dtype), np.full(count, 0.1, dtype)
        (value,) = weighted_sum(short).value("cpu", {"x": x, "w": w}, jit=True)
        exact = math.fsum((x.astype(np.float64) * w.astype(np.float64)).tolist())
        error = abs(float(value) - exact) / exact / float(np.finfo(dtype).eps)
        assert error <= 1.5, f"{error} roundings of {count} {short}"


@cache
def columns(short: str) -> Built:
    """Sums of columns, and a product of matrices that sums over the rows."""
    return build(
        lambda x, w: (np.sum(x, axis=0), x.T @ w), {"x": f"{short}[n, d]", "w": f"{short}[n, k]"}
    )


@pytest.mark.parametrize("short", ["f64", "f32"])
def test_columns_are_as_right_for_many_rows_as_for_few(short: str) -> None:
    """A run of a thousand rows loses up to a dozen roundings; more rows are added in pairs."""
    dtype = {"f64": np.float64, "f32": np.float32}[short]
    rng = np.random.default_rng(0)
    for count in COUNTS:
        x, w = (rng.uniform(0.5, 1.0, (count, width)).astype(dtype) for width in (4, 3))
        found = columns(short).value("cpu", {"x": x, "w": w}, jit=True)
        wide, weights = x.astype(np.float64), w.astype(np.float64)
        exact = (
            [math.fsum(column) for column in wide.T],
            [[math.fsum(a * b) for b in weights.T] for a in wide.T],
        )
        for value, right in zip(found, exact, strict=True):
            assert value.dtype == dtype
            error = float(np.max(np.abs(value / np.array(right) - 1))) / float(np.finfo(dtype).eps)
            most = 12 if count <= 1000 else 3
            assert error <= most, f"{error} roundings of {count} {short}"
        if short == "f32":  # sums of columns are added in float64 throughout
            assert np.max(np.abs(found[0] / np.array(exact[0]) - 1)) < 2 * np.finfo(dtype).eps
