"""Names of the model that generated code uses itself."""

from __future__ import annotations

import keyword
from typing import Any

import numpy as np
import pytest

from symgrad.errors import ModelError
from symgrad.settling import RESERVED
from tests.support import build


def model(arguments: str, body: str) -> Any:
    scope: dict[str, Any] = {"np": np}
    exec(f"def f({arguments}):\n    {body}\n", scope)
    return scope["f"]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_argument_is_refused(name: str) -> None:
    function = model(name, f"return {name} * {name}")
    if name == "np":
        return
    with pytest.raises(ModelError, match=rf"argument '{name}', a name that generated code needs"):
        build(function, {name: "f64[n]"})


def test_private_argument_is_refused() -> None:
    with pytest.raises(ModelError, match="argument '_x'"):
        build(model("_x", "return _x * 2"), {"_x": "f64[n]"})


# Names that occur in generated code but may be used by models: sizes, helpers, loop letters.
FREE = [
    "n",
    "i",
    "j",
    "k",
    "v",
    "v2",
    "tile",
    "dtype",
    "name",
    "value",
    "function",
    "shape",
    "array",
    "f",
    "f_grad",
    "f_vjp",
    "f_1",
    "f_bar",
    "x_bar",
    "x_bar_blocks",
    "x_tile",
    "x_sum",
    "x_rows",
    "n_x",
    "inf",
    "nan",
    "pi",
    "exp",
    "t1",
    "sum1",
    "index1",
    "work",
    "extent",
    "self",
    "arguments",
    "rng",
    "seed",
    "total",
    "direction",
    "zip",
    "list",
    "dict",
    "ValueError",
    "isinstance",
    "f_sum",
    "E",
    "S",
    "N",
    "lower",
]


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_other_names_work(name: str, target: Any) -> None:
    """An argument of this name beside an x: f = Σ tanh(x @ a)·x[0] + Σ a²."""
    assert not keyword.iskeyword(name)
    function = model(
        f"x, {name}", f"return np.sum(np.tanh(x @ {name}) * x[0]) + np.sum({name} ** 2)"
    )
    try:
        built = build(function, {"x": "f64[m, m]", name: "f64[m]"})
    except ModelError as error:
        assert f"'{name}'" in str(error)  # refused, and named
        return
    x, a = np.arange(9.0).reshape(3, 3) / 10, np.array([0.3, -0.2, 0.5])
    (value,), gradients = built.vjp(target, {"x": x, name: a}, [np.float64(1.0)])
    assert value == pytest.approx(function(x, a), rel=1e-13)
    slope = 1 - np.tanh(x @ a) ** 2
    np.testing.assert_allclose(gradients[1], x.T @ (slope * x[0]) + 2 * a, rtol=1e-12)


@pytest.mark.parametrize(
    "size", ["np", "rows", "x", "start", "i", "f", "v", "out", "tile", "lambda_"]
)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_sizes_may_have_any_name(size: str, target: Any) -> None:
    built = build(model("x", "return np.sum(np.sin(x))"), {"x": f"f64[{size}]"})
    _, (gradient,) = built.vjp(target, {"x": np.zeros(3)}, [np.float64(2.0)])
    assert gradient.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("variable", ["rows", "start", "v", "sum", "tile", "values", "_a", "f_bar"])
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_variables_may_have_any_name(variable: str, target: Any) -> None:
    function = model("x", f"{variable} = np.exp(x); return {variable} * {variable}[0]")
    built = build(function, {"x": "f64[n]"})
    x = np.array([0.1, 0.2])
    (value,), _ = built.vjp(target, {"x": x}, [np.ones(2)])
    np.testing.assert_allclose(value, np.exp(x) * np.exp(x[0]), rtol=1e-14)
