"""Extremes found while the sums they are of are computed, four at a time."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.schedule import freeze, schedule
from symgrad.schedule.plan import RunTiled
from tests.support import Built, build

SHAPES = {"centres": "f64[K, d]", "X": "f64[n, d]"}


def nearest(centres, X):
    distances = np.sum((X[:, None, :] - centres) ** 2, axis=2)
    return np.sum(np.min(distances, axis=1))


def furthest(centres, X):
    return np.sum(np.max(np.einsum("nd,kd->nk", X, centres), axis=1))


def with_sums(centres, X):
    distances = np.sum((X[:, None, :] - centres) ** 2, axis=2)
    return np.sum(np.min(distances, axis=1) * np.sum(np.exp(-distances), axis=1))


@pytest.fixture(scope="module")
def by_nearest() -> Built:
    return build(nearest, SHAPES, wrt=("centres",))


def held(built: Built) -> dict[str, tuple[str, ...]]:
    steps = schedule(freeze(built.derived.gradient.program)).steps
    return {b.name: b.shape for s in steps if isinstance(s, RunTiled) for b in s.scratch}


def test_four_rows_of_sums_are_held(by_nearest: Built) -> None:
    assert held(by_nearest)["distances"] == ("4", "n")
    program = by_nearest.derived.gradient.program
    decisions = schedule(freeze(program)).decisions
    assert any("is found while distances is computed" in line for line in decisions)


def test_sums_that_others_read_are_kept() -> None:
    assert held(build(with_sums, SHAPES, wrt=("centres",)))["distances"] != ("4", "n")


@pytest.mark.parametrize("function", [nearest, furthest])
def test_every_remainder_agrees_with_the_reference(function) -> None:
    built = build(function, SHAPES, wrt=("centres",))
    rng = np.random.default_rng(0)
    for K, d, n in [(1, 1, 1), (3, 5, 2), (4, 4, 9), (5, 3, 70), (7, 8, 11), (2, 0, 3), (9, 6, 40)]:
        given = {"centres": rng.normal(size=(K, d)), "X": rng.normal(size=(n, d))}
        (value,), (gradient,) = built.reference_vjp(given, [np.array(1.0)])
        for variant in (built, built.in_small_tiles()):
            found, (by,) = variant.module("cpu").f_value_and_grad(**given)
            np.testing.assert_allclose(found, value, rtol=1e-13)
            np.testing.assert_allclose(by, gradient, rtol=1e-12, atol=1e-13)


def test_the_first_of_equal_centres_is_taken(by_nearest: Built) -> None:
    centres = np.array([[3.0], [1.0], [1.0], [1.0], [1.0], [9.0]])
    X = np.linspace(0.0, 2.0, 21)[:, None]
    _, (gradient,) = by_nearest.module("cpu").f_value_and_grad(centres, X)
    wanted = np.zeros_like(centres)
    for (x,) in X:
        place = np.argmin((centres[:, 0] - x) ** 2)
        wanted[place] += 2.0 * (centres[place] - x)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("place", [0, 1, 4, 5])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_centre_that_is_nan_is_the_nearest(by_nearest: Built, place: int) -> None:
    rng = np.random.default_rng(1)
    centres, X = rng.normal(size=(6, 3)), rng.normal(size=(12, 3))
    centres[place, 1] = np.nan
    value, (gradient,) = by_nearest.module("cpu").f_value_and_grad(centres, X)
    assert np.isnan(value)
    assert np.isnan(gradient[place, 1])
    assert np.all(gradient[np.arange(6) != place] == 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinite_distances_leave_the_first_position(by_nearest: Built) -> None:
    centres, X = np.full((5, 2), 1e200), np.zeros((3, 2))
    value, (gradient,) = by_nearest.module("cpu").f_value_and_grad(centres, X)
    assert value == np.inf
    assert np.all(gradient[1:] == 0)
    np.testing.assert_allclose(gradient[0], 6e200)
