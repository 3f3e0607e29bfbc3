"""The model's names for NumPy and SciPy are exchanged while it is captured, and put back."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from numpy import zeros as make_zeros
from scipy.special import logsumexp as lse
from scipy.special import softmax

import symgrad
from symgrad.capture import capture, load_model
from symgrad.errors import CaptureError
from symgrad.program import evaluate

SHAPES = {"x": "f64[n]"}


def _value(function, x):
    program = capture(function, shapes=SHAPES).program
    return evaluate(program, {"x": x})[program.outputs[0]]


def test_functions_imported_by_name() -> None:
    def model(x):
        return make_zeros(x.shape[0]) + lse(x) + softmax(x)

    x = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(_value(model, x), model(x))


def test_names_in_closures() -> None:
    from numpy import arange

    numpy = np

    def model(x):
        return arange(x.shape[0]) * x + numpy.ones(x.shape[0])

    x = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(_value(model, x), model(x))
    assert isinstance(arange, types.BuiltinFunctionType)
    assert numpy is np


def test_length_is_a_size() -> None:
    np.testing.assert_allclose(_value(lambda x: x / len(x), np.ones(4)), 0.25)
    assert "len" not in globals()


def test_names_are_put_back_after_an_error() -> None:
    before = dict(globals())
    with pytest.raises(CaptureError):
        capture(lambda x: np.sort(x), shapes=SHAPES)
    assert globals()["np"] is before["np"]
    assert globals()["lse"] is before["lse"]
    assert "len" not in globals()


def test_plain_arrays_stay_plain() -> None:
    def model(x):
        table = np.arange(3) * 2
        assert isinstance(table, np.ndarray)
        return x[table]

    program = capture(model, shapes={"x": "f64[5]"}).program
    np.testing.assert_allclose(evaluate(program, {"x": np.arange(5.0)})["model"], [0, 2, 4])
    assert program.constants == ()


def test_modules_of_the_user_are_reached(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text(
        "import numpy as np\ndef ramp(n):\n    return np.arange(n) / n\n"
    )
    (tmp_path / "model.py").write_text(
        "import helpers\n"
        "from jaxtyping import Float64\n"
        "from numpy import ndarray as Array\n"
        "from symgrad.capture import program\n"
        "@program\n"
        "def f(x: Float64[Array, 'n']):\n"
        "    slope = helpers.ramp(x.shape[0])\n"
        "    return (x * slope).sum()\n"
    )
    (model,) = load_model(tmp_path / "model.py")
    captured = capture(model, source="model.py")
    assert "helpers" not in sys.modules
    x = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(evaluate(captured.program, {"x": x})["f"], model(x))
    origins = [str(d.origin) for d in captured.program.definitions]
    assert origins[0] == "helpers.py:3"
    assert origins[-1] == "model.py:8"


def test_decorated_functions_run_with_their_decorators() -> None:
    import functools

    def doubled(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            return 2 * function(*arguments)

        return wrapper

    @doubled
    def model(x):
        return np.ones(x.shape[0]) * x

    np.testing.assert_allclose(_value(model, np.array([1.0, 2.0])), [2.0, 4.0])


def test_sizes_take_part_in_arithmetic() -> None:
    def model(x):
        n = x.shape[0]
        assert n == len(x)
        assert n + 1 > n
        assert (n * 2) // 2 == n
        assert x.shape == (n,)
        return x * (n - 1) / (2 * n) + np.log(n) + n % 3 + n**2 + 2.0 * n + np.float64(0.5) * n

    x = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(_value(model, x), model(x))


GENERATOR = np.random.default_rng(0)


def test_a_capture_inside_another_finds_names_that_are_exchanged_already() -> None:
    def inner(x):
        return np.sum(x**3)

    def outer(x):
        return np.sum(symgrad.grad(inner)(x))

    value, gradient = symgrad.value_and_grad(outer, target="numpy")(np.array([1.0, 2.0]))
    assert value == 15.0
    assert np.array_equal(gradient, [6.0, 12.0])
