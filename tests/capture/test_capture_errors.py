"""What cannot be captured: each error names the operation, the line, and what to write instead."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import linalg, special

from symgrad.capture import capture
from symgrad.errors import CaptureError, ModelError

VECTOR = {"x": "f64[n]"}
LARGE = np.arange(5000.0)
GENERATOR = np.random.default_rng(0)


def message(
    function: Callable[..., Any],
    shapes: dict[str, str],
    error: type[Exception] = CaptureError,
    **options: Any,
) -> str:
    with pytest.raises(error) as caught:
        capture(function, shapes=shapes, **options)
    text = str(caught.value)
    assert re.match(r"test_capture_errors\.py:\d+: ", text), text
    return text


def _branch(x):
    if x[0] > 0:
        return x
    return -x


def _loop_over_size(x):
    return sum(x[k] for k in range(x.shape[0]))


def _argument_element(x):
    x[0] = 1.0
    return x


def _argument_in_place(x):
    x += 1.0
    return x


def _view_of_argument(x):
    y = x[1:]
    y[0] = 1.0
    return y


def _through_view(x):
    y = x * 2
    v = y[1:]
    v += 1
    return y


def _chained_index(x):
    y = np.zeros((3, 3)) * x[0]
    y[0][1] = 2.0
    return y


def _stale_view(x):
    y = x * 2
    v = y[1:]
    y[0] = 3.0
    return v


def _index_assignment(x, i):
    y = x * 1
    y[i] = 0
    return y


def _add_at(x, i):
    y = np.zeros(3)
    np.add.at(y, i, x)
    return y


def _plain_array(x):
    y = np.array([0.0, 0.0])
    y[0] = x[0]
    return y


def _local_import(x):
    import numpy

    return numpy.zeros(x.shape[0])


def _wrong_value_shape(x):
    y = np.zeros((3, 2))
    y[0] = np.ones(3)
    return y * x[0]


def _size_branch(x):
    return x if x.shape[0] > 3 else -x


CASES: list[tuple[str, Callable[..., Any], dict[str, str], str]] = [
    ("branch", _branch, VECTOR, r"branch: .*'?np.greater.*np\.where\(condition, a, b\)"),
    ("python max", lambda x: max(x[0], x[1]), VECTOR, r"branch: .*np\.maximum for max"),
    ("loop", _loop_over_size, VECTOR, r"range or index: .*'n' cannot become a plain integer"),
    ("iteration", lambda x: [v * 2 for v in x], VECTOR, r"iteration: a loop over 'x' .*'n' times"),
    ("float", lambda x: float(x[0]), VECTOR, r"float: the value of .*astype\(np\.float64\)"),
    ("int", lambda x: int(x[0]), VECTOR, r"int: the value of .*astype\(np\.int64\)"),
    ("int of size", lambda x: int(x.shape[0]), VECTOR, r"int: .*without int\(\)"),
    ("float of size", lambda x: float(x.shape[0]), VECTOR, r"float: .*'n'.*without float\(\)"),
    ("size branch", _size_branch, VECTOR, r"comparison: 'n > 3' depends on the sizes of a call"),
    ("item", lambda x: x.item(), VECTOR, r"ndarray\.item: the value of 'x' is not known"),
    ("tolist", lambda x: x.tolist(), VECTOR, r"ndarray\.tolist: "),
    ("math", lambda x: math.exp(x[0]), VECTOR, r"math\.exp: .*\n  Instead: np\.exp"),
    ("math lgamma", lambda x: math.lgamma(x[0]), VECTOR, r"Instead: scipy\.special\.gammaln"),
    ("random", lambda x: x + np.random.rand(3), VECTOR, r"np\.random\.rand: .*baked into"),
    ("generator", lambda x: x + GENERATOR.normal(), VECTOR, r"Generator\.normal: random numbers"),
    ("random module", lambda x: x + random.random(), VECTOR, r"random\.random: random numbers"),
    ("random by name", lambda x: x + default_rng(0).normal(), VECTOR, r"np\.random\.default_rng: "),
    (
        "shape clash",
        lambda x, w: x + w,
        {"x": "f64[n, d]", "w": "f64[m]"},
        r"np\.add: shape clash: 'x' has shape \(n, d\) and 'w' has shape \(m,\)",
    ),
    (
        "matmul clash",
        lambda X, w: X @ w,
        {"X": "f64[n, d]", "w": "f64[n]"},
        r"np\.matmul: shape clash: 'X' has shape \(n, d\) and 'w' has shape \(n,\)",
    ),
    (
        "size 1 is not stretched",
        lambda x, y: np.stack([x, y]),
        {"x": "f64[n]", "y": "f64[n, 1]"},
        r"np\.stack: shape clash",
    ),
    (
        "concatenate clash",
        lambda x, y: np.concatenate([x, y]),
        {"x": "f64[n, d]", "y": "f64[n, k]"},
        r"np\.concatenate: shape clash",
    ),
    ("matmul 0-d", lambda x: x @ 2.0, VECTOR, r"np\.matmul: 2 is 0-d"),
    ("unknown", lambda x: np.sort(x), VECTOR, r"np\.sort: this operation cannot be captured"),
    (
        "nearest",
        lambda x: np.nanmax(x),
        VECTOR,
        r"np\.nanmax: .*the nearest that can be: .*np\.max",
    ),
    (
        "linalg",
        lambda x: np.linalg.svd(x),
        {"x": "f64[n, n]"},
        r"np\.linalg\.svd: .*factorisations",
    ),
    ("inv", lambda x: np.linalg.inv(x), {"x": "f64[n, d]"}, r"inv: 'x' has shape \(n, d\).*square"),
    ("inv of a vector", lambda x: np.linalg.inv(x), VECTOR, r"np\.linalg\.inv: .*needs a matrix"),
    (
        "solve",
        lambda x, b: np.linalg.solve(x, b),
        {"x": "f64[n, n]", "b": "f64[d]"},
        r"np\.linalg\.solve: shape clash: 'x' has shape \(n, n\) and 'b' has shape \(d,\)",
    ),
    (
        "assumption",
        lambda x: linalg.solve(x, x, assume_a="pos"),
        {"x": "f64[n, n]"},
        r"scipy\.linalg\.solve: assume_a='pos'.*cho_solve",
    ),
    ("scipy.linalg", lambda x: linalg.expm(x), {"x": "f64[n, n]"}, r"scipy.*expm: "),
    ("ufunc", lambda x: np.spacing(x), VECTOR, r"np\.spacing: this operation cannot be captured"),
    ("method", lambda x: x.sort(), VECTOR, r"ndarray\.sort: it cannot be captured"),
    ("ufunc method", lambda x: np.add.reduceat(x, [0]), VECTOR, r"np\.add\.reduceat: "),
    ("add.at", _add_at, {"x": "f64[n]", "i": "i64[n]"}, r"np\.add\.at: .*one-hot"),
    ("option", lambda x: np.sum(x, where=x > 0), VECTOR, r"np\.sum: .*'where'.*np\.sum\(a, axis"),
    ("ufunc where", lambda x: np.exp(x, where=x > 0), VECTOR, r"np\.exp: the argument 'where='"),
    ("mask", lambda x: x[x > 0], VECTOR, r"indexing: .*np\.where\(mask, x, 0\)"),
    ("where one argument", lambda x: np.where(x > 0), VECTOR, r"np\.where: positions"),
    ("argument element", _argument_element, VECTOR, r"assignment: it would change 'x', an arg"),
    ("argument in place", _argument_in_place, VECTOR, r"it would change 'x'.*x\.copy\(\)"),
    ("view of argument", _view_of_argument, VECTOR, r"it would change 'x', an argument"),
    ("through a view", _through_view, VECTOR, r"a view of 'y' is changed in place.*y\[1:\] \+= 1"),
    ("chained index", _chained_index, VECTOR, r"through a view of it.*y\[i, j\] = v"),
    ("stale view", _stale_view, VECTOR, r"a view of 'y' is used after .*\.copy\(\)"),
    ("index assignment", _index_assignment, {"x": "f64[n]", "i": "i64[m]"}, r"np\.arange\(n\) == "),
    (
        "value shape",
        _wrong_value_shape,
        VECTOR,
        r"assignment: shape clash: the value .*\(3,\).*\(2,\)",
    ),
    ("plain array", _plain_array, VECTOR, r"made by np\.zeros"),
    ("local import", _local_import, VECTOR, r"import numpy at the top of the module"),
    ("large literal", lambda x: x + LARGE, {"x": "f64[5000]"}, r"5000 elements .*as an argument"),
    ("complex", lambda x: x * 1j, VECTOR, r"np\.multiply: .*complex.*not a real array"),
    ("string", lambda x: x + "a", VECTOR, r"np\.add: an operand of type str"),
    ("boolean minus", lambda p: p - p, {"p": "bool[n]"}, r"np\.subtract: NumPy does not define"),
    ("boolean sqrt", lambda p: np.sqrt(p), {"p": "bool[n]"}, r"np\.sqrt: .*float16.*x\.astype"),
    ("integer power", lambda a: a**-1, {"a": "i64[n]"}, r"np\.power: integers to negative powers"),
    ("astype", lambda x: x.astype("complex128"), VECTOR, r"ndarray\.astype: .*complex128"),
    ("reshape", lambda x: x.reshape(2, -1), VECTOR, r"'x' of shape \(n,\) does not divide.*'2\*m'"),
    ("reshape size", lambda x: x.reshape(4, 2), VECTOR, r"does not have as many elements"),
    ("reshape order", lambda x: x.reshape(-1, order="F"), VECTOR, r"order='F' is not captured"),
    ("squeeze", lambda x: x.squeeze(0), VECTOR, r"axis 0 of 'x' has the length n, not 1"),
    ("axis", lambda x: x.sum(axis=1), VECTOR, r"np\.sum: axis 1 does not exist: .* 1 axes"),
    ("out of range", lambda x: x[:, 5], {"x": "f64[n, 3]"}, r"index 5 is out of range for axis 1"),
    ("too many", lambda x: x[0, 0], VECTOR, r"2 indices for 'x', which has 1 axes"),
    ("float index", lambda x: x[x], VECTOR, r"index of type float64 is not an integer"),
    ("slice by value", lambda x: x[: x[0].astype(int)], VECTOR, r"bound of a slice depends on val"),
    ("split", lambda x: np.split(x, 2), VECTOR, r"np\.split: .*length n does not divide into 2"),
    ("pad mode", lambda x: np.pad(x, 1, mode="edge"), VECTOR, r"np\.pad: mode='edge'"),
    (
        "einsum text",
        lambda x: np.einsum("ij->i", x),
        VECTOR,
        r"'ij' names 2 axes but 'x' has shape",
    ),
    ("einsum lists", lambda x: np.einsum(x, [0], [0]), VECTOR, r"np\.einsum: the form with lists"),
    ("norm", lambda x: np.linalg.norm(x, 2), {"x": "f64[n, d]"}, r"np\.linalg\.norm: .*singular"),
    ("repeat", lambda x, i: np.repeat(x, i), {"x": "f64[n]", "i": "i64[n]"}, r"np\.repeat: differ"),
    ("arange step", lambda x: np.arange(0, x.shape[0], 0.5), VECTOR, r"np\.arange: .*linspace"),
    (
        "polygamma",
        lambda x: special.polygamma(x, x),
        VECTOR,
        r"polygamma: the order must be a literal",
    ),
    ("out array", lambda x: np.exp(x, out=LARGE), VECTOR, r"np\.exp: .*written into a plain array"),
    ("iterator", lambda x: x.flat, VECTOR, r"ndarray\.flat: .*ravel"),
]


@pytest.mark.parametrize(
    ("function", "shapes", "pattern"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_capture_error(function: Callable[..., Any], shapes: dict[str, str], pattern: str) -> None:
    assert re.search(pattern, message(function, shapes), re.DOTALL)


def test_error_names_the_line_of_the_operation() -> None:
    def model(x):
        y = np.exp(x)
        return np.sort(y)

    line = model.__code__.co_firstlineno + 2
    assert message(model, VECTOR).startswith(f"test_capture_errors.py:{line}: np.sort: ")


def test_error_of_the_model_itself_is_a_model_error_with_its_line() -> None:
    def model(x):
        return x / (1 // 0)

    text = message(model, VECTOR, ModelError)
    line = model.__code__.co_firstlineno + 1
    assert f":{line}: the model raised ZeroDivisionError while it was captured" in text
    with pytest.raises(ModelError) as caught:
        capture(model, shapes=VECTOR)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("result", "pattern"),
    [(None, "returns nothing"), ({"a": 1}, "returns a dict"), ((), "returns an empty tuple")],
)
def test_wrong_result(result: object, pattern: str) -> None:
    assert re.search(pattern, message(lambda x: result, VECTOR, ModelError))


def test_endless_recursion() -> None:
    def model(x):
        return model(x)

    with pytest.raises(ModelError, match="calls itself without end"):
        capture(model, shapes=VECTOR)


def test_capture_inside_a_capture() -> None:
    def model(x):
        return capture(lambda y: y, shapes={"y": "f64[n]"})

    with pytest.raises(CaptureError, match="while another one is captured"):
        capture(model, shapes=VECTOR)


def test_array_kept_after_its_capture() -> None:
    kept = []

    def model(x):
        kept.append(x)
        return x * 2

    capture(model, shapes=VECTOR)
    with pytest.raises(CaptureError, match="after the capture of its model had ended"):
        kept[0] + 1


def test_not_a_function() -> None:
    with pytest.raises(ModelError, match="is not a Python function"):
        capture(np.exp, shapes=VECTOR)
