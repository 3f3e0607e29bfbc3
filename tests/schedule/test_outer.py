"""Outer loops of consecutive nests made one, and what scratch then needs."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.schedule import freeze, schedule
from symgrad.schedule.loops import Loop, Node
from symgrad.schedule.plan import RunTiled
from tests.support import build


def mixture(mu, L, X):
    centred = X[:, None, :] - mu
    whitened = np.einsum("kij,nkj->nki", np.tril(L), centred)
    joint = -0.5 * np.sum(whitened**2, axis=2)
    peak = np.max(joint, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(joint - peak), axis=1)) + peak[:, 0])


SHAPES = {"mu": "f64[K, d]", "L": "f64[K, d, d]", "X": "f64[n, d]"}


def tiled(function, shapes, wrt) -> RunTiled:
    gradient = build(function, shapes, wrt=wrt).derived.gradient
    steps = schedule(freeze(gradient.program)).steps
    return max((s for s in steps if isinstance(s, RunTiled)), key=lambda s: len(s.scratch))


def outer(step: RunTiled, extent: str) -> list[Node]:
    nodes = [node for _, nodes in step.kernel.nests for node in nodes]
    return [node for node in nodes if isinstance(node, Loop) and node.extent == extent]


def test_a_mixture_runs_component_by_component() -> None:
    step = tiled(mixture, SHAPES, ("mu", "L"))
    # Forward, exponentials, their total by fours and the rest of it, backward.
    assert len(outer(step, "K")) == 5
    shapes = {b.name: b.shape for b in step.scratch}
    assert shapes["whitened"] == ("K", "d", "n")  # both passes over components read it
    assert shapes["centred"] == ("d", "n")  # computed again in the second
    # whitened, joint and the exponentials that the softmax divides
    assert sum("K" in shape for shape in shapes.values()) == 3


@pytest.mark.parametrize("n", [1, 2, 7, 150])
@pytest.mark.parametrize("K", [1, 3])
def test_fused_loops_change_no_result(n: int, K: int) -> None:
    rng = np.random.default_rng(n)
    arguments = {
        "mu": rng.normal(size=(K, 3)),
        "L": rng.normal(size=(K, 3, 3)),
        "X": rng.normal(size=(n, 3)),
    }
    built = build(mixture, SHAPES, wrt=("mu", "L"))
    (value,), gradients = built.reference_vjp(arguments, [np.array(1.0)])
    for variant in (built, built.in_small_tiles()):
        found, by = variant.module("cpu").f_value_and_grad(**arguments)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for actual, wanted in zip(by, gradients, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


def prefix(A, X):
    """Each column's values depend on the column before: nothing may alternate."""
    running = np.cumsum(A[None, :, :] * X[:, None, :], axis=1)
    return np.sum(np.tanh(running) * np.flip(running, axis=1))


def test_loops_that_read_other_runs_stay_apart() -> None:
    rng = np.random.default_rng(5)
    arguments = {"A": rng.normal(size=(4, 3)), "X": rng.normal(size=(9, 3))}
    built = build(prefix, {"A": "f64[k, d]", "X": "f64[n, d]"}, wrt=("A", "X"))
    (value,), gradients = built.reference_vjp(arguments, [np.array(1.0)])
    for variant in (built, built.in_small_tiles()):
        found, by = variant.module("cpu").f_value_and_grad(**arguments)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for actual, wanted in zip(by, gradients, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


def test_a_sum_over_a_loop_keeps_its_start_beside_it() -> None:
    def model(x, y, A, s):
        least = np.min(y - y, keepdims=True)
        half = 0.5 * np.outer(x, least)
        scaled = half / (1.5 + s * s)
        left = scaled - A
        powers = (1.2 + y * y) ** np.tril(half)
        spread = np.var(np.maximum(scaled, A), axis=0, keepdims=True)
        return spread + 0.1 * np.sum(left) + 0.1 * np.sum(left[0]) + 0.1 * np.sum(powers)

    rng = np.random.default_rng(6)
    shapes = {"x": "f64[n]", "y": "f64[d]", "A": "f64[n, d]", "s": "f64"}
    arguments = {"x": rng.normal(size=3), "y": rng.normal(size=2), "A": rng.normal(size=(3, 2))}
    arguments["s"] = np.float64(0.5)
    built, cotangents = build(model, shapes), [rng.normal(size=(1, 2))]
    (value,), gradients = built.reference_vjp(arguments, cotangents)
    (found,), by = built.vjp("cpu", arguments, cotangents, jit=False)
    np.testing.assert_allclose(found, value, rtol=1e-12)
    for actual, wanted in zip(by, gradients, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)
