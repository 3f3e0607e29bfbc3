"""The door of a generated module: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import re
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.support import build


def loss(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def field(x, k, flag):
    return np.where(flag, x * k, x[0]), np.sum(x)


def padded(x, z):
    return np.sum(x) * np.sum(z)


SHAPES: dict[str, dict[str, str]] = {
    "loss": {"w": "f64[d]", "b": "f64[]", "X": "f64[n, d]", "y": "f64[n]"},
    "field": {"x": "f64[n]", "k": "i64[n]", "flag": "bool[n]"},
    "padded": {"x": "f64[2*d + 1]", "z": "f64[3, d]"},
}


@cache
def module(name: str) -> ModuleType:
    return build(globals()[name], SHAPES[name], name=name).module("numpy")


def given(**changes: Any) -> dict[str, Any]:
    """Good arguments of `loss`, with changes."""
    good = {"w": np.ones(2), "b": 0.5, "X": np.ones((4, 2)), "y": np.zeros(4)}
    return {**good, **changes}


def fields(**changes: Any) -> dict[str, Any]:
    good = {"x": np.ones(3), "k": np.arange(3), "flag": np.array([True, False, True])}
    return {**good, **changes}


# --- refused -----------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "dtype": (
        "loss",
        given(X=np.ones((4, 2), np.float32)),
        TypeError,
        r"loss: argument 'X' has dtype float32, expected float64; pass X\.astype\(np\.float64\)",
    ),
    "integers for floats": (
        "loss",
        given(y=np.zeros(4, int)),
        TypeError,
        r"argument 'y' has dtype int64, expected float64",
    ),
    "complex": (
        "loss",
        given(w=np.ones(2, complex)),
        TypeError,
        "argument 'w' has dtype complex128, expected float64",
    ),
    "text": ("loss", given(w="abc"), TypeError, "argument 'w' has dtype <U3, expected float64"),
    "objects": (
        "loss",
        given(w=np.array([1, None])),
        TypeError,
        "argument 'w' has dtype object, expected float64",
    ),
    "floats for integers": (
        "field",
        fields(k=np.ones(3)),
        TypeError,
        "argument 'k' has dtype float64, expected int64",
    ),
    "integers for truth values": (
        "field",
        fields(flag=np.ones(3, int)),
        TypeError,
        "argument 'flag' has dtype int64, expected bool",
    ),
    "rank too high": (
        "loss",
        given(w=np.ones((2, 1))),
        ValueError,
        r"loss: argument 'w' has 2 axes \(shape \(2, 1\)\), expected 1: \[d\]",
    ),
    "rank too low": (
        "loss",
        given(X=np.ones(2)),
        ValueError,
        r"argument 'X' has 1 axes \(shape \(2,\)\), expected 2: \[n, d\]",
    ),
    "array for a number": (
        "loss",
        given(b=np.ones(2)),
        ValueError,
        r"loss: argument 'b' has shape \(2,\), expected 0-d",
    ),
    "size clash": (
        "loss",
        given(X=np.ones((4, 3))),
        ValueError,
        r"loss: axis 1 of argument 'X' has 3 elements, expected d = 2 \(axis 0 of 'w'\)",
    ),
    "size clash of rows": (
        "loss",
        given(y=np.ones(5)),
        ValueError,
        r"axis 0 of argument 'y' has 5 elements, expected n = 4 \(axis 0 of 'X'\)",
    ),
    "literal size": (
        "padded",
        {"x": np.ones(5), "z": np.ones((2, 2))},
        ValueError,
        "padded: axis 0 of argument 'z' has 2 elements, expected 3",
    ),
    "expression": (
        "padded",
        {"x": np.ones(4), "z": np.ones((3, 2))},
        ValueError,
        r"axis 0 of argument 'x' has 4 elements, expected 2 \* d \+ 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("suffix", ["", "_vjp"])
def test_refused(case: str, suffix: str) -> None:
    name, arguments, error, message = WRONG[case]
    if suffix and name == "field":
        arguments = {**arguments, "cotangents": (np.ones(3), 1.0)}
    elif suffix:
        arguments = {**arguments, "cotangent": 1.0}
    with pytest.raises(error, match=message):
        getattr(module(name), name + suffix)(**arguments)


def test_size_in_an_expression_alone_is_solved_for() -> None:
    solved = build(lambda x: np.sum(x), {"x": "f64[2*d + 1]"}).module("numpy")
    assert solved.f(np.ones(5)) == 5
    for length in (4, 0):
        with pytest.raises(ValueError, match=rf"'x' has {length} elements, which is not 2·d \+ 1"):
            solved.f(np.ones(length))


def test_product_of_sizes_is_solved_for() -> None:
    solved = build(lambda x, y: np.sum(x) * np.sum(y), {"x": "f64[n]", "y": "f64[n*d]"})
    assert solved.module("numpy").f(np.ones(2), np.ones(6)) == 12
    with pytest.raises(ValueError, match=r"'y' has 5 elements, which is not"):
        solved.module("numpy").f(np.ones(2), np.ones(5))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0, 3], r"f: 'p' holds 3, outside axis 0 of 'x', which has 3 elements"),
        ([-4, 0], r"f: 'p' holds -4, outside axis 0 of 'x', which has 3 elements"),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_index_out_of_range(index: list[int], message: str, target: Any) -> None:
    gather = build(lambda x, p: x[p], {"x": "f64[n]", "p": "i64[m]"}).module(target)
    with pytest.raises(IndexError, match=message):
        gather.f(np.ones(3), np.array(index))
    assert gather.f(np.array([1.0, 2.0, 3.0]), np.array([-1, 0])).tolist() == [3.0, 1.0]


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_maximum_over_nothing(target: Any) -> None:
    largest = build(lambda x: np.max(x), {"x": "f64[n]"}).module(target)
    with pytest.raises(ValueError, match=r"max over an axis of size n, which is 0 \(line \d+"):
        largest.f(np.ones(0))


def test_a_size_that_the_model_needs() -> None:
    third = build(lambda x: x[3], {"x": "f64[n]"}).module("numpy")
    assert third.f(np.arange(4.0)) == 3
    with pytest.raises(ValueError, match=r"f: the model needs .*, got n = 2"):
        third.f(np.ones(2))


# --- accepted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"w": [1.0, 1.0]},
        {"w": [1, 1]},
        {"w": (1, 1.0)},
        {"b": np.float64(0.5)},
        {"b": np.array(0.5)},
        {"X": np.asfortranarray(np.ones((4, 2)))},
        {"X": np.ones((8, 4))[::2, ::2]},
        {"y": np.zeros(4).astype(">f8")},
        {"y": np.zeros(8)[::-2]},
    ],
    ids=str,
)
def test_accepted(changes: dict[str, Any]) -> None:
    assert module("loss").loss(**given(**changes)) == pytest.approx(6.25)
    value, gradient = module("loss").loss_value_and_grad(**given(**changes))
    assert value == pytest.approx(6.25)
    assert gradient.w.tolist() == [5.0, 5.0]


def test_narrow_integers_are_widened() -> None:
    found, _ = module("field").field(**fields(k=np.arange(3, dtype=np.int32)))
    assert found.tolist() == [0.0, 1.0, 2.0]


def test_subclasses_and_array_likes() -> None:
    class Holder:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(4)

    assert module("loss").loss(**given(y=Holder())) == pytest.approx(6.25)


def test_arguments_are_not_changed() -> None:
    arguments = given(X=np.ones((4, 2)))
    before = {name: np.array(value) for name, value in arguments.items()}
    module("loss").loss_value_and_grad(**arguments)
    for name, value in arguments.items():
        assert np.array_equal(value, before[name])


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x,
        lambda x: np.reshape(x, (-1,)),
        lambda x: x.T,
        lambda x: x[:, None],
        lambda x: (x, x),
        lambda x: np.broadcast_to(x, (2, *x.shape)),
    ],
)
def test_results_are_arrays_of_their_own(function: Any, target: Any) -> None:
    """Neither values nor gradients share memory with arguments, cotangents or each other."""
    found = build(function, {"x": "f64[n, d]"})
    x = np.arange(6.0).reshape(2, 3)
    values = found.value(target, {"x": x})
    seeds = [np.ones(v.shape) for v in values]
    values, gradients = found.vjp(target, {"x": x}, seeds)
    arrays = [*values, *gradients]
    for position, array in enumerate(arrays):
        for other in [x, *seeds, *arrays[:position]]:
            assert not np.shares_memory(array, other)


# --- results -----------------------------------------------------------------------------------


def test_gradients_are_named() -> None:
    _, gradient = module("loss").loss_value_and_grad(**given())
    assert type(gradient).__name__ == "LossGradients"
    assert gradient._fields == ("w", "b", "X", "y")
    assert [g.shape for g in gradient] == [(2,), (), (4, 2), (4,)]
    only = module("loss").loss_grad(**given())
    assert all(np.array_equal(a, b) for a, b in zip(only, gradient, strict=True))


def test_a_single_name_gives_a_bare_array() -> None:
    single = build(loss, SHAPES["loss"], wrt="w").module("numpy")
    assert isinstance(single.f_grad(**given()), np.ndarray)
    out = np.zeros(2)
    assert single.f_grad(**given(), out=out) is out
    assert out.tolist() == [5.0, 5.0]


def test_scalar_vjp_is_the_gradient_times_the_cotangent() -> None:
    value, gradient = module("loss").loss_vjp(**given(), cotangent=-2.0)
    assert value == pytest.approx(6.25)
    assert gradient.w.tolist() == [-10.0, -10.0]
    with pytest.raises(ValueError, match=r"cotangent' has shape \(1,\), expected 0-d"):
        module("loss").loss_vjp(**given(), cotangent=np.ones(1))


def test_cotangents() -> None:
    run = module("field").field_vjp
    seeds = (np.array([1.0, 10.0, 100.0]), 0.5)
    values, gradient = run(**fields(), cotangents=seeds)
    assert [np.shape(v) for v in values] == [(3,), ()]
    assert gradient.x.tolist() == [0 + 10 + 0.5, 0.5, 200.5]
    with pytest.raises(ValueError, match=r"field_vjp: 1 cotangents given, expected 2"):
        run(**fields(), cotangents=seeds[:1])
    with pytest.raises(ValueError, match=r"the cotangent of 'field_0' has shape \(2,\), expected"):
        run(**fields(), cotangents=(np.ones(2), 0.5))
    with pytest.raises(TypeError, match=r"cotangent of field_0' has dtype float32"):
        run(**fields(), cotangents=(np.ones(3, np.float32), 0.5))
    with pytest.raises(ValueError, match=r"has 2 axes"):
        run(**fields(), cotangents=(np.ones((3, 1)), 0.5))


# --- out and accumulate ------------------------------------------------------------------------


def zeros() -> tuple[np.ndarray, ...]:
    return np.zeros(2), np.zeros(()), np.zeros((4, 2)), np.zeros(4)


@pytest.mark.parametrize("run", ["loss_grad", "loss_value_and_grad", "loss_vjp"])
def test_out_is_filled_and_returned(run: str) -> None:
    out = zeros()
    extra = {"cotangent": 1.0} if run == "loss_vjp" else {}
    result = getattr(module("loss"), run)(**given(), **extra, out=out)
    assert (result if run == "loss_grad" else result[1]) is out
    fresh = module("loss").loss_grad(**given())
    for filled, wanted in zip(out, fresh, strict=True):
        assert np.array_equal(filled, wanted)


def test_accumulate_adds() -> None:
    out = zeros()
    for _ in range(3):
        module("loss").loss_grad(**given(), out=out, accumulate=True)
    assert out[0].tolist() == [15.0, 15.0]
    assert float(out[1]) == 15.0
    module("loss").loss_grad(**given(), out=out)
    assert out[0].tolist() == [5.0, 5.0]


def test_out_may_be_strided() -> None:
    large = np.zeros((4, 4))
    out = (np.zeros(4)[::2], np.zeros(()), large[:, ::2], np.zeros(4))
    module("loss").loss_grad(**given(), out=out)
    assert np.array_equal(large[:, ::2], module("loss").loss_grad(**given()).X)
    assert not large[:, 1::2].any()


BAD_OUT: dict[str, tuple[Any, type[Exception], str]] = {
    "count": (zeros()[:2], ValueError, "out has 2 arrays, expected 4: w, b, X, y"),
    "shape": (
        (np.zeros(3), *zeros()[1:]),
        ValueError,
        r"out for 'w' must be an array of shape \(2,\), not \(3,\)",
    ),
    "no array": (
        ([0.0, 0.0], *zeros()[1:]),
        ValueError,
        "out for 'w' must be an array .* not list",
    ),
    "dtype": (
        (np.zeros(2, np.float32), *zeros()[1:]),
        TypeError,
        "out for 'w' has dtype float32, expected float64",
    ),
}


@pytest.mark.parametrize("case", BAD_OUT)
@pytest.mark.parametrize("accumulate", [False, True])
def test_wrong_out(case: str, accumulate: bool) -> None:
    out, error, message = BAD_OUT[case]
    with pytest.raises(error, match=message):
        module("loss").loss_grad(**given(), out=out, accumulate=accumulate)
    assert not any(np.any(a) for a in out if isinstance(a, np.ndarray)), "nothing is half written"


def test_accumulate_needs_out() -> None:
    with pytest.raises(ValueError, match="accumulate=True needs out="):
        module("loss").loss_grad(**given(), accumulate=True)


def test_messages_name_the_public_function() -> None:
    for name, arguments, _, _ in WRONG.values():
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(module(name), name)(**arguments)
        assert re.match(rf"{name}: ", str(caught.value))
