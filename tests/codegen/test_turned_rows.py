"""Gathered rows of eight columns or more are turned in squares, with the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support import build


def curved(C: Any, label: Any, x: Any) -> Any:
    """Reads each of the columns of a gathered row several times."""
    rows, width = C[label], C.shape[1]
    parts = [
        rows[:, j] * rows[:, (j + 1) % width]
        + x * rows[:, (j + 2) % width] * rows[:, (j + 5) % width]
        for j in range(width)
    ]
    return np.sum(np.stack(parts, axis=1) ** 2 * np.sum(rows**2, axis=1)[:, None])


@pytest.mark.parametrize(("columns", "dtype"), [(11, "f64"), (8, "f32")])
def test_values_of_turned_rows(columns: int, dtype: str, rng: np.random.Generator) -> None:
    kind = np.float64 if dtype == "f64" else np.float32
    shapes = {"C": f"{dtype}[k, {columns}]", "label": "i64[n]", "x": f"{dtype}[n]"}
    built = build(curved, shapes, wrt=("C", "x"))
    assert "_turn(C_at_index1, C, index1, " in built.source()
    for n in (0, 5, 8, 1003):
        arguments = {
            "C": rng.normal(size=(4, columns)).astype(kind),
            "label": rng.integers(-4, 4, n),
            "x": rng.normal(size=n).astype(kind),
        }
        expected = built.vjp("numpy", arguments, [kind(1)])
        found = built.vjp("cpu", arguments, [kind(1)], jit=True)
        for one, other in zip(found[1], expected[1], strict=True):
            scale = np.max(np.abs(other), initial=1.0)
            assert (
                np.max(np.abs(one - other), initial=0.0)
                < (1e-12 if dtype == "f64" else 1e-4) * scale
            )


def test_narrow_rows_are_copied_as_before() -> None:
    shapes = {"C": "f64[k, 7]", "label": "i64[n]", "x": "f64[n]"}
    source = build(curved, shapes, wrt=("C", "x")).source()
    assert "C_at_index1" in source
    assert "_turn(" not in source
