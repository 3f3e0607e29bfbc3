"""Element types follow NumPy's promotion, Python numbers and sizes being weak."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.capture import capture
from symgrad.capture.numbers import DTYPES
from symgrad.errors import CaptureError
from symgrad.program import evaluate

Binary = Callable[[Any, Any], Any]

BINARY: dict[str, Binary] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "power": lambda a, b: a**b,
    "maximum": lambda a, b: np.maximum(a, b),
    "less": lambda a, b: a < b,
    "not_equal": lambda a, b: a != b,
    "logical_and": lambda a, b: np.logical_and(a, b),
    "logical_xor": lambda a, b: np.logical_xor(a, b),
    "hypot": lambda a, b: np.hypot(a, b),
    "arctan2": lambda a, b: np.arctan2(a, b),
    "where": lambda a, b: np.where(a > 1, a, b),
    "clip": lambda a, b: np.clip(a, 0, b),
    "concatenate": lambda a, b: np.concatenate([a, b]),
    "stack": lambda a, b: np.stack([a, b]),
    "matmul": lambda a, b: a @ b,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "negative": lambda a: -a,
    "absolute": lambda a: np.abs(a),
    "square": lambda a: np.square(a),
    "sqrt": lambda a: np.sqrt(a),
    "exp": lambda a: np.exp(a),
    "floor": lambda a: np.floor(a),
    "rint": lambda a: np.rint(a),
    "sign": lambda a: np.sign(a),
    "reciprocal": lambda a: np.reciprocal(a),
    "isfinite": lambda a: np.isfinite(a),
    "invert": lambda a: ~a,
    "logical_not": lambda a: np.logical_not(a),
    "sum": lambda a: a.sum(),
    "prod": lambda a: a.prod(),
    "mean": lambda a: a.mean(),
    "var": lambda a: np.var(a),
    "max": lambda a: a.max(),
    "cumsum": lambda a: np.cumsum(a),
    "diff": lambda a: np.diff(a),
    "norm": lambda a: np.linalg.norm(a),
    "argmax": lambda a: np.argmax(a),
    "all": lambda a: np.all(a),
    "ones_like": lambda a: np.ones_like(a),
    "add 1": lambda a: a + 1,
    "add 0.5": lambda a: a + 0.5,
    "add True": lambda a: a + True,
    "add float32": lambda a: a + np.float32(0.5),
    "add float64": lambda a: a + np.float64(0.5),
    "add int64": lambda a: np.int64(2) + a,
    "add size": lambda a: a + a.shape[0],
    "times ratio": lambda a: a * (1 / a.shape[0]),
    "size + float64": lambda a: a * (np.float64(0.5) * a.shape[0]),
    "where number": lambda a: np.where(a > 0, a, 0.0),
    "float64 array": lambda a: a * np.array([0.1, 0.2, 0.3]),
    "full": lambda a: np.full(3, a[0]),
    "linspace": lambda a: np.linspace(a[0], 2, 4),
}
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "arctan2(x, 1)": lambda x: np.arctan2(x, 1),
    "arctan2(x, 0)": lambda x: np.arctan2(x, 0),
    "arctan2(0, x)": lambda x: np.arctan2(0, x),
    "arctan2(x, -2)": lambda x: np.arctan2(x, -2.0),
    "hypot(x, 0)": lambda x: np.hypot(x, 0.0),
    "maximum(x, inf)": lambda x: np.maximum(x, np.inf),
    "minimum(x, -inf)": lambda x: np.minimum(-np.inf, x),
    "x**0": lambda x: x**0,
    "x**1": lambda x: x**1.0,
    "0**x": lambda x: 0.0 ** (x * x),
    "1**x": lambda x: 1.0**x,
    "(-2)**x": lambda x: (-2.0) ** np.round(x),
    "logaddexp(x, 0)": lambda x: np.logaddexp(x, 0),
    "logaddexp(x, -inf)": lambda x: np.logaddexp(x, -np.inf),
    "copysign(1, x)": lambda x: np.copysign(1.0, x),
    "heaviside(x, 0)": lambda x: np.heaviside(x, 0),
    "xlogy(0, x)": lambda x: special.xlogy(0.0, x * x),
    "fmod(5, x)": lambda x: np.fmod(5.0, x),
    "5 % x": lambda x: 5.0 % x,
    "5 // x": lambda x: 5 // x,
    "x/inf": lambda x: x / np.inf,
    "x*inf": lambda x: x * np.inf,
    "x - inf": lambda x: x - np.inf,
    "nan": lambda x: np.where(x > 0, x, np.nan),
    "clip(x, -inf, 1)": lambda x: np.clip(x, -np.inf, 1),
    "x/0": lambda x: x / 0.0,
    "x == x": lambda x: x == x,
    "sqrt(size)": lambda x: x * np.sqrt(4 * x.shape[0]),
    "log(size)": lambda x: x * np.log(x.shape[0] ** 2),
    "arctan2(x, size)": lambda x: np.arctan2(x, x.shape[0]),
    "abs(size)": lambda x: x * np.abs(1 - x.shape[0]),
    "min(size)": lambda x: x * np.minimum(x.shape[0], 2),
    "exp(-size)": lambda x: x * np.exp(-x.shape[0]),
    "tiny": lambda x: x * 1e-300 * 1e-10,
    "pi": lambda x: np.sin(x + np.pi) * 2 * np.pi,
}
VALUES = np.array([2, 1, 3])


def argument(dtype: str) -> np.ndarray:
    return VALUES.astype(dtype)


def compare(function: Callable[..., Any], arguments: dict[str, np.ndarray]) -> None:
    """Same type and value as NumPy; where NumPy refuses or leaves our types, an error of ours."""
    shapes = {name: f"{value.dtype.name}[3]" for name, value in arguments.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wanted = np.asarray(function(*arguments.values()))
        except (TypeError, ValueError):
            wanted = None
    if wanted is None or wanted.dtype.name not in DTYPES:
        with pytest.raises(CaptureError):
            capture(function, shapes=shapes)
        return
    try:
        program = capture(function, shapes=shapes).program
    except CaptureError as error:
        assert "booleans are not captured" in str(error)
        return
    (name,) = program.outputs
    assert program.dtypes()[name] == wanted.dtype.name
    np.testing.assert_allclose(evaluate(program, arguments)[name], wanted, rtol=1e-6)


@pytest.mark.parametrize("name", BINARY)
def test_two_arrays(name: str) -> None:
    for left, right in itertools.product(DTYPES, DTYPES):
        compare(BINARY[name], {"a": argument(left), "b": argument(right)})


@pytest.mark.parametrize("name", UNARY)
def test_one_array(name: str) -> None:
    for dtype in DTYPES:
        compare(UNARY[name], {"a": argument(dtype)})
    compare(UNARY[name], {"a": np.array([True, False, True])})


@pytest.mark.parametrize("name", NUMBERS)
def test_array_and_number(name: str) -> None:
    x = np.array([-1.75, -0.5, 0.25, 3.0])
    program = capture(NUMBERS[name], shapes={"x": "f64[n]"}).program
    with np.errstate(all="ignore"):
        wanted = NUMBERS[name](x)
    np.testing.assert_allclose(evaluate(program, {"x": x})[program.outputs[0]], wanted, rtol=1e-13)


@pytest.mark.parametrize("target", DTYPES)
def test_conversion(target: str) -> None:
    for source in DTYPES:
        compare(lambda a: a.astype(target), {"a": argument(source)})
        compare(lambda a: np.zeros_like(a, dtype=target) + a, {"a": argument(source)})
        compare(lambda a: a.sum(dtype=target), {"a": argument(source)})
