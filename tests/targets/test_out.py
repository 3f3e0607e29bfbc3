"""`out=` and `accumulate=`: gradients in arrays of the caller."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.support import build


def loss(w, X, y):
    return np.sum((np.tanh(X @ w) - y) ** 2)


SHAPES = {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}
WRT = ("w", "X")


@pytest.fixture(scope="module", params=["numpy", "cpu"])
def module(request: pytest.FixtureRequest) -> ModuleType:
    return build(loss, SHAPES, wrt=WRT).module(request.param)


@pytest.fixture
def arguments(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.normal(size=3), rng.normal(size=(7, 3)), rng.normal(size=7)]


def empty_like(arguments: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.full_like(arguments[0], np.nan), np.full_like(arguments[1], np.nan)


def test_gradients_are_written_into_out(module: ModuleType, arguments: list[np.ndarray]) -> None:
    value, expected = module.f_value_and_grad(*arguments)
    out = empty_like(arguments)
    again, delivered = module.f_value_and_grad(*arguments, out=out)
    assert delivered is out and again == value
    for actual, wanted in zip(out, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_products_are_written_into_out(module: ModuleType, arguments: list[np.ndarray]) -> None:
    _, expected = module.f_value_and_grad(*arguments)
    out = empty_like(arguments)
    module.f_vjp(*arguments, 3.0, out=out)
    for actual, wanted in zip(out, expected, strict=True):
        np.testing.assert_allclose(actual, 3.0 * wanted, rtol=1e-15)


def test_large_gradients_are_not_copied(arguments: list[np.ndarray]) -> None:
    """The kernel's own array is the caller's."""
    module = build(loss, SHAPES, wrt=WRT).module("cpu")
    out = empty_like(arguments)
    checked = module._check_f(*arguments)
    assert module._in_place(out, False, *arguments) is out
    _, gradients = module._run_f_grad(*checked, targets=out)
    assert gradients[1] is out[1]


def test_accumulate_adds(module: ModuleType, arguments: list[np.ndarray]) -> None:
    _, expected = module.f_value_and_grad(*arguments)
    out = np.ones(3), np.ones((7, 3))
    module.f_value_and_grad(*arguments, out=out, accumulate=True)
    for actual, wanted in zip(out, expected, strict=True):
        np.testing.assert_allclose(actual, 1 + wanted, rtol=1e-15)


def test_out_may_be_an_argument(module: ModuleType, arguments: list[np.ndarray]) -> None:
    """What is read and written at once is computed apart and then copied."""
    _, expected = module.f_value_and_grad(*arguments)
    w, X, y = (a.copy() for a in arguments)
    module.f_value_and_grad(w, X, y, out=(w, X))
    np.testing.assert_array_equal(w, expected[0])
    np.testing.assert_array_equal(X, expected[1])


def test_out_may_overlap_an_argument(module: ModuleType, arguments: list[np.ndarray]) -> None:
    _, expected = module.f_value_and_grad(*arguments)
    memory = np.empty((8, 3))
    memory[1:] = arguments[1]
    out = np.empty(3), memory[:-1]
    module.f_value_and_grad(arguments[0], memory[1:], arguments[2], out=out)
    np.testing.assert_array_equal(out[1], expected[1])


def test_out_need_not_be_contiguous(module: ModuleType, arguments: list[np.ndarray]) -> None:
    _, expected = module.f_value_and_grad(*arguments)
    out = np.empty((3, 2))[:, 0], np.empty((3, 7)).T
    module.f_value_and_grad(*arguments, out=out)
    for actual, wanted in zip(out, expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (np.zeros((3, 7)), r"out for 'X' must be an array of shape \(7, 3\), not \(3, 7\)"),
        (np.zeros((7, 3), np.float32), "out for 'X' has dtype float32, expected float64"),
        ([0.0], "out for 'X' must be an array of shape"),
    ],
)
def test_nothing_is_written_if_one_does_not_fit(
    module: ModuleType, arguments: list[np.ndarray], second: object, message: str
) -> None:
    first = np.full(3, 5.0)
    with pytest.raises((ValueError, TypeError), match=message):
        module.f_value_and_grad(*arguments, out=(first, second))
    np.testing.assert_array_equal(first, 5.0)


def test_read_only_arrays_are_refused(module: ModuleType, arguments: list[np.ndarray]) -> None:
    first, second = empty_like(arguments)
    second.flags.writeable = False
    with pytest.raises(ValueError, match="out for 'X' is read-only"):
        module.f_value_and_grad(*arguments, out=(first, second))
    assert np.isnan(first).all()


def test_too_few_arrays(module: ModuleType, arguments: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="out has 1 arrays, expected 2: w, X"):
        module.f_value_and_grad(*arguments, out=(np.empty(3),))
    with pytest.raises(ValueError, match="accumulate=True needs out="):
        module.f_value_and_grad(*arguments, accumulate=True)
