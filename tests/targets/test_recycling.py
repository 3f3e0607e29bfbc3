"""Memory of results: used again once nobody holds it, and never before."""

from __future__ import annotations

import threading
from types import ModuleType

import numpy as np
import pytest

from tests.support import build

LARGE = 20_000


def scaled(x, weight):
    return np.sum(weight * x**2)


@pytest.fixture
def module() -> ModuleType:
    return build(scaled, {"x": "f64[n]", "weight": "f64"}, wrt="x").module("cpu")


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_of_a_dropped_result_is_used_again(module: ModuleType) -> None:
    x = np.ones(LARGE)
    first = module.f_grad(x, 1.0)
    place = address(first)
    del first
    assert address(module.f_grad(x, 2.0)) == place


@pytest.mark.parametrize("hold", [lambda a: a, lambda a: a[5:10], memoryview, lambda a: a[::-1].T])
def test_memory_that_somebody_holds_is_left_alone(module: ModuleType, hold) -> None:
    x = np.arange(float(LARGE))
    held = hold(module.f_grad(x, 1.0))
    expected = np.array(held)
    later = [module.f_grad(x, factor) for factor in (2.0, 3.0, 4.0)]
    np.testing.assert_array_equal(np.asarray(held), expected)
    for factor, gradient in zip((2.0, 3.0, 4.0), later, strict=True):
        np.testing.assert_array_equal(gradient, 2 * factor * x)


def test_small_results_are_arrays_of_their_own(module: ModuleType) -> None:
    assert module.f_grad(np.ones(50), 1.0).flags.owndata


def test_memory_kept_is_limited(module: ModuleType) -> None:
    results = [module.f_grad(np.ones(LARGE + 9000 * k), 1.0) for k in range(4)]
    assert module._kept() >= sum(r.nbytes for r in results)
    assert not module._make_room(2**40)
    assert module._kept() >= sum(r.nbytes for r in results), "held memory was given up"
    del results
    assert not module._make_room(2**40)
    assert module._kept() == 0


def test_a_result_beyond_the_limit_is_right_and_not_kept(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_make_room", lambda size: False)
    x = np.arange(float(LARGE))
    gradient = module.f_grad(x, 1.0)
    assert gradient.flags.owndata
    np.testing.assert_array_equal(gradient, 2 * x)


def test_threads_never_share_memory(module: ModuleType) -> None:
    x = np.arange(float(LARGE))
    wrong: list[float] = []

    def work(factor: float) -> None:
        for _ in range(40):
            kept = [module.f_grad(x, factor + k) for k in range(3)]
            wrong.extend(
                factor
                for k, gradient in enumerate(kept)
                if not np.array_equal(gradient, 2 * (factor + k) * x)
            )

    threads = [threading.Thread(target=work, args=(10.0 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_partial_sums_begin_at_zero_in_memory_that_was_used(module: ModuleType) -> None:
    gradient = build(
        lambda W, X: np.sum(np.tanh(X @ W)), {"W": "f64[d, h]", "X": "f64[n, d]"}, wrt="W"
    ).module("cpu")
    rng = np.random.default_rng(1)
    W, X = rng.normal(size=(120, 90)), rng.normal(size=(40, 120))
    first = gradient.f_grad(W, X).copy()
    for _ in range(3):
        np.testing.assert_array_equal(gradient.f_grad(W, X), first)
    assert gradient._kept() > 0
