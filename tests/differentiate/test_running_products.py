"""Cumulative products: derivatives without division, in as many steps as there are pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support import build


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("flipped", [False, True])
def test_gradient_of_cumulative_products_with_zeros(target: Any, flipped: bool) -> None:
    def model(x):
        return np.cumprod(x[:, ::-1] if flipped else x, axis=1)

    x = np.array([[0.5, -2.0, 0.0, 3.0], [1.5, 0.0, 0.0, 2.0], [0.7, 1.1, -0.3, 0.9]])
    weights = np.arange(1.0, 13.0).reshape(3, 4)
    _, (found,) = build(model, {"x": "f64[m, n]"}).vjp(target, {"x": x}, [weights])
    wanted = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[place] += 1e-30j
        wanted[place] = np.sum(weights * model(moved)).imag / 1e-30
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_a_long_product_costs_pairs_and_not_triples() -> None:
    built = build(lambda x: np.cumprod(x), {"x": "f64[n]"})
    x = np.random.default_rng(0).uniform(0.9, 1.1, 1500)
    _, (found,) = built.vjp("numpy", {"x": x}, [np.ones(1500)])
    products = np.cumprod(x)
    wanted = np.cumsum(products[::-1])[::-1] / x
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    scans = [s for s in built.derived.gradient.program.definitions if "_after" in s.name]
    assert all(len(term.guards) == 1 for s in scans for term in s.terms), "not a running product"
