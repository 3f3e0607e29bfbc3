"""Factors of contractions moved to the operand that is computed again."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.schedule.loops import Node
from symgrad.schedule.touches import touches
from tests.schedule.test_outer import SHAPES, mixture, outer, tiled
from tests.support import build


def arrays(node: Node, *, written: bool) -> set[str]:
    return {t.element.array for t in touches([node]) if t.written == written}


def test_a_mixture_scales_what_it_computes_again() -> None:
    """L_bar = Σ 2·(x − μ)·r·whitened: the adjoint of whitened, 2·r·whitened, is never stored."""
    step = tiled(mixture, SHAPES, ("mu", "L"))
    backward = outer(step, "K")[-1]
    assert {"whitened", "centred_scaled"} <= arrays(backward, written=False)
    assert "centred_scaled" in arrays(backward, written=True)
    assert "whitened_bar" not in {buffer.name for buffer in step.scratch}


def weighted(A, B, X, y):
    u = X[:, None, :] - A
    w = np.tanh(np.einsum("kij,nkj->nki", B, u))
    return np.sum(y[:, None, None] * w * w * np.sum(u, axis=2)[:, :, None])


@pytest.mark.parametrize("n", [1, 7, 100])
def test_moved_factors_change_no_result(n: int) -> None:
    rng = np.random.default_rng(n)
    shapes = {"A": "f64[K, d]", "B": "f64[K, d, d]", "X": "f64[n, d]", "y": "f64[n]"}
    arguments = {
        "A": rng.normal(size=(3, 4)),
        "B": rng.normal(size=(3, 4, 4)),
        "X": rng.normal(size=(n, 4)),
        "y": rng.normal(size=n),
    }
    for function, chosen, wrt in (
        (weighted, shapes, ("A", "B")),
        (mixture, SHAPES, ("mu", "L")),
        (mixture, SHAPES, ("mu", "L", "X")),
    ):
        given = (
            arguments
            if function is weighted
            else {"mu": arguments["A"], "L": arguments["B"], "X": arguments["X"]}
        )
        built = build(function, chosen, wrt=wrt)
        (value,), gradients = built.reference_vjp(given, [np.array(1.0)])
        for variant in (built, built.in_small_tiles()):
            found, by = variant.module("cpu").f_value_and_grad(**given)
            np.testing.assert_allclose(found, value, rtol=1e-12)
            for actual, wanted in zip(by, gradients, strict=True):
                np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


def test_what_more_than_contractions_read_is_stored() -> None:
    """By X too, the adjoint of whitened is read at another index: it stays an array."""
    step = tiled(mixture, SHAPES, ("mu", "L", "X"))
    names = {buffer.name for buffer in step.scratch}
    assert "whitened_bar" in names
    assert "centred_scaled" not in names
