"""Maxima over the samples: partial values of tiles and blocks, combined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from symgrad.schedule import freeze, schedule
from symgrad.schedule.plan import RunTiled
from tests.support import Built, build

ROWS = 11


def extremes(x, A):
    return np.max(x * 2.0), np.min(A, axis=0), np.max(A), special.logsumexp(x)


SHAPES = {"x": "f64[n]", "A": "f64[n, d]"}


@pytest.fixture(scope="module")
def built() -> Built:
    return build(extremes, SHAPES)


def arguments(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=ROWS), "A": rng.normal(size=(ROWS, 3))}


def test_a_maximum_over_samples_runs_in_blocks(built: Built) -> None:
    steps = schedule(freeze(built.derived.forward)).steps
    found = [a.reduction for s in steps if isinstance(s, RunTiled) for a in s.accumulators]
    assert found.count("max") == 2
    assert found.count("min") == 1
    assert found.count("peak") == 1
    assert found.count("sum") == 1


@pytest.mark.parametrize("small", [False, True])
def test_values_are_those_of_numpy(built: Built, small: bool) -> None:
    variant = built.in_small_tiles() if small else built
    given = arguments(1)
    for actual, expected in zip(variant.value("cpu", given), extremes(**given), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("special_value", [np.nan, -np.nan, np.inf, -np.inf])
def test_nan_and_infinities_in_every_row(built: Built, special_value: float) -> None:
    small = built.in_small_tiles()
    for row in range(ROWS):
        given = arguments(2)
        given["x"][row] = given["A"][row, 1] = special_value
        for variant in (built, small):
            for actual, expected in zip(
                variant.value("cpu", given), extremes(**given), strict=True
            ):
                np.testing.assert_allclose(actual, expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_logsumexp_of_nothing_but_minus_infinity(built: Built) -> None:
    given = arguments(3)
    given["x"][:] = -np.inf
    assert built.value("cpu", given)[3] == -np.inf


def test_gradients_agree_with_the_reference(built: Built) -> None:
    given = arguments(4)
    rng = np.random.default_rng(5)
    cotangents = [rng.normal(size=shape) for shape in ((), (3,), (), ())]
    _, expected = built.reference_vjp(given, cotangents)
    for variant in (built, built.in_small_tiles()):
        _, actual = variant.vjp("cpu", given, cotangents)
        for left, right in zip(actual, expected, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-14)


def test_single_precision() -> None:
    built = build(lambda x: np.max(x) + special.logsumexp(x), {"x": "f32[n]"})
    x = np.linspace(-3, 90, 13, dtype=np.float32)
    (value,) = built.in_small_tiles().value("cpu", {"x": x})
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, x.max() + special.logsumexp(x.astype(float)), rtol=1e-6)
