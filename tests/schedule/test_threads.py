"""The same bits for any number of threads, tile and block boundaries included."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from tests.support import assert_close, build


def loss(w, X, y):
    z = np.tanh(X @ w)
    return np.mean((z - y) ** 2) + 0.1 * np.sum(w * w)


SHAPES = {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}


@pytest.mark.slow
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_same_bits_for_one_and_two_threads(rng: np.random.Generator) -> None:
    built = build(loss, SHAPES)
    module = built.module("cpu", jit=True)
    blocked = [k for name, k in vars(module).items() if name.endswith("_blocks")]
    assert blocked
    before = numba.get_num_threads()
    for n, d in ((100_003, 7), (60_000, 33)):
        arguments = {
            "w": rng.normal(size=d),
            "X": rng.normal(size=(n, d)),
            "y": rng.normal(size=n),
        }
        assert module._count_blocks(n, 3 * d, 1) > 1, "large enough to run in parallel"
        results = []
        try:
            for threads in (1, 2, 2):
                numba.set_num_threads(threads)
                results.append(module.f_value_and_grad(**arguments))
        finally:
            numba.set_num_threads(before)
        for value, gradient in results[1:]:
            assert value == results[0][0]
            for mine, first in zip(gradient, results[0][1], strict=True):
                assert np.array_equal(mine, first)
        reference, products = built.reference_vjp(arguments, [np.float64(1.0)])
        assert_close(results[0][0], reference[0], 1e-12)
        for mine, wanted in zip(results[0][1], products, strict=True):
            assert_close(mine, wanted, 1e-9, atol=1e-14)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 255, 256, 257, 513])
def test_tile_boundaries(n: int, rng: np.random.Generator) -> None:
    built = build(loss, SHAPES)
    arguments = {"w": rng.normal(size=2), "X": rng.normal(size=(n, 2)), "y": rng.normal(size=n)}
    values, products = built.reference_vjp(arguments, [np.float64(1.0)])
    found_values, found = built.vjp("cpu", arguments, [np.float64(1.0)])
    for mine, wanted in zip((*found_values, *found), (*values, *products), strict=True):
        assert_close(mine, wanted, 1e-12, atol=1e-15)
