"""Large results of short rows are written past the caches, with the same values."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from symgrad.schedule.frozen import Affine
from symgrad.schedule.loops import Bound, Loop
from symgrad.schedule.pieces import join_loops
from tests.support import build


def rows(X, W):
    """Each row of the result is 4 elements that are computed as vectors over rows."""
    image = -X[:, :2] / X[:, 2:]
    radius2 = np.sum(image**2, axis=1)
    return np.exp(np.sin(radius2))[:, None] * (image @ W)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_streamed_rows_are_equal(dtype: str) -> None:
    kind = np.float64 if dtype == "f64" else np.float32
    rng = np.random.default_rng(0)
    arguments = {
        n: rng.uniform(0.5, 1.5, s).astype(kind) for n, s in (("X", (3001, 3)), ("W", (2, 4)))
    }
    shapes = {"X": f"{dtype}[n, 3]", "W": f"{dtype}[2, 4]"}
    plain = build(rows, shapes)
    width = 8 if dtype == "f64" else 4
    assert f"if {width} * n * 4 > 8388608:" in plain.source()
    (wanted,) = plain.value("cpu", arguments, jit=True)
    with patch("symgrad.codegen.kernels.LEAST_BYTES", 0):
        streamed = build(rows, shapes)
        assert f"if {width} * n * 4 > 0:" in streamed.source()
        (found,) = streamed.value("cpu", arguments, jit=True)
        np.testing.assert_array_equal(found, wanted)
        (found,) = streamed.value("cpu", arguments)
        np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype == "f64" else 1e-4)


def turned(X, W):
    """Computed with the samples last, then turned into rows, read four at a time."""
    h = np.tanh(X @ W)
    rows = np.stack([h[:, 0] * h[:, 1], h[:, 0] - h[:, 1], h[:, 1] ** 2], axis=1)
    return rows * np.sum(h, axis=1)[:, None] + h[:, :1] * h[:, 1:2]


def test_transposed_copies_are_streamed_row_by_row() -> None:
    rng = np.random.default_rng(0)
    arguments = {"X": rng.normal(size=(3003, 9)), "W": rng.normal(size=(9, 2))}
    with patch("symgrad.codegen.kernels.LEAST_BYTES", 0):
        built = build(turned, {"X": "f64[n, 9]", "W": "f64[9, 2]"})
        kernel = built.source().partition("# f[i,l] = f_packed[l,i]\n")[2]
        streamed, _, plain = kernel.partition("else:")
        assert "_stream(f, (i, l), f_packed[l, i])" in streamed
        assert "% 4" not in streamed
        assert "range(0, rows - rows % 4, 4)" in plain
        (found,) = built.value("cpu", arguments, jit=True)
    (wanted,) = built.value("numpy", arguments)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_long_rows_and_what_is_read_again_are_not_streamed() -> None:
    long = build(lambda X: np.exp(X) * 2, {"X": "f64[n, 64]"})
    assert "_stream(" not in long.source()
    again = build(lambda X: np.sum(np.exp(X), axis=1), {"X": "f64[n, 3]"})
    assert "_stream(exp" not in again.source()


def test_loops_with_the_same_header_are_joined() -> None:
    inner = [Loop("s", "5", (), upper=(Bound(Affine((), str(k))),)) for k in (2, 3)]
    nests = [Loop("k", "n", (loop,), tile=True) for loop in inner]
    assert join_loops(nests) == (Loop("k", "n", tuple(inner), tile=True),)
    other = Loop("k", "m", (), tile=True)
    assert join_loops([nests[0], other]) == (nests[0], other)
