"""Softmaxes over an inner axis: their exponentials are computed once and divided by their sum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from symgrad.program.definitions import DType
from symgrad.schedule import freeze, schedule
from symgrad.schedule.frozen import FrozenDefinition, FrozenProgram
from symgrad.schedule.plan import RunTiled
from tests.support import Built, build


def cross_entropy(Z, y):
    return np.sum(special.logsumexp(Z, axis=1)) - np.sum(Z * y)


def attention(Q, K, V):
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    return special.softmax(scores, axis=1) @ V


SHAPES_1D = {"x": "f64[n]", "w": "f64[n]"}
SHAPES = {"Z": "f64[n, k]", "y": "f64[n, k]"}


@pytest.fixture(scope="module")
def entropy() -> Built:
    return build(cross_entropy, SHAPES)


def exponentials(program: FrozenProgram) -> int:
    """How many definitions call exp."""
    return sum(
        operation.name == "exp"
        for statement in schedule(program).program.statements
        if isinstance(statement, FrozenDefinition)
        for term in statement.terms
        for operation in term.operations
    )


def test_a_softmax_is_computed_with_one_exponential(entropy: Built) -> None:
    assert exponentials(freeze(entropy.derived.gradient.program)) == 1


def test_so_is_one_of_scaled_scores() -> None:
    built = build(attention, {"Q": "f64[n, d]", "K": "f64[m, d]", "V": "f64[m, p]"})
    assert exponentials(freeze(built.derived.forward)) == 1


def test_over_the_samples_they_lie_in_the_result() -> None:
    built = build(lambda x: special.logsumexp(x), {"x": "f64[n]"})
    plan = schedule(freeze(built.derived.gradient.program))
    assert exponentials(freeze(built.derived.gradient.program)) == 1
    made = [b.name for step in plan.steps if isinstance(step, RunTiled) for b in step.outputs]
    assert made == ["x_bar"]


def test_over_the_samples_two_readers_compute_them_again() -> None:
    built = build(lambda x, w: special.logsumexp(x) + special.softmax(x) @ w, SHAPES_1D)
    assert exponentials(freeze(built.derived.gradient.program)) > 1


def test_nothing_is_computed_that_nothing_reads(entropy: Built) -> None:
    program = schedule(freeze(entropy.derived.gradient.program)).program
    read = {
        operation.value.array
        for statement in program.statements
        if isinstance(statement, FrozenDefinition)
        for term in statement.terms
        for operation in term.operations
        if operation.name == "load"
    }
    assert {s.name for s in program.statements} <= read | set(program.outputs)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_are_softmaxes(dtype: DType, offset: float) -> None:
    built = build(cross_entropy, dict.fromkeys(("Z", "y"), f"{dtype}[n, k]"))
    rng = np.random.default_rng(1)
    Z = (offset + rng.normal(scale=30.0, size=(9, 5))).astype(dtype)
    y = rng.random((9, 5)).astype(dtype)
    for variant in (built, built.in_small_tiles()):
        _, (Z_bar, *_) = variant.vjp("cpu", {"Z": Z, "y": y}, [np.ones((), dtype)])
        expected = special.softmax(Z.astype(float), axis=1) - y
        tolerance = 1e-14 if dtype == "float64" else 1e-6
        np.testing.assert_allclose(Z_bar, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_of_extremes(entropy: Built) -> None:
    Z = np.array(
        [[-np.inf, 0.0, 1.0], [800.0, -800.0, 0.0], [np.nan, 0.0, 1.0], [np.inf, 0.0, 1.0]]
    )
    given = {"Z": Z, "y": np.zeros((4, 3))}
    _, (Z_bar, *_) = entropy.vjp("cpu", given, [np.float64(1.0)])
    np.testing.assert_allclose(Z_bar[:2], special.softmax(Z[:2], axis=1), rtol=1e-14)
    assert np.isnan(Z_bar[2]).all()
    assert np.isnan(Z_bar[3, 0])
