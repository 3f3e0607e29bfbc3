"""How the error of long sums grows: blocks of tiles, float32 products added in float64."""

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
        assert error <= 1 + 0.25 * math.log2(count), f"{error} roundings of {count} {short}"
