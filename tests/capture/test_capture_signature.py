"""Parameters: annotations, shape texts, constants, what to differentiate by."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, Int64, Num, Shaped
from numpy import ndarray as Array

from symgrad.capture import capture, parse_named_shape, parse_shape, program
from symgrad.errors import ModelError
from symgrad.program import evaluate, size_symbol

n, d = size_symbol("n"), size_symbol("d")


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("f64[n, d]", (n, d), "float64"),
        ("f32[]", (), "float32"),
        ("f64", (), "float64"),
        ("int64[2*d+1]", (2 * d + 1,), "int64"),
        ("i32[n - 1, 3]", (n - 1, 3), "int32"),
        ("bool[n//2]", (sympy.floor(n / 2),), "bool"),
        (" f64 [ n*d ] ", (n * d,), "float64"),
    ],
)
def test_shape_text(text: str, shape: tuple[object, ...], dtype: str) -> None:
    spec = parse_shape(text)
    assert spec.shape == shape
    assert spec.dtype == dtype


def test_named_shape() -> None:
    name, spec = parse_named_shape("X: f64[n, 3]")
    assert name == "X"
    assert spec.shape == (n, 3)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("f16[n]", "'f16.n.' is not a shape: write an element type"),
        ("n, d", "is not a shape"),
        ("f64[n", "is not a shape"),
        ("f64[...]", "the size '...' is not supported"),
        ("f64[*b]", "the size '.b' is not supported"),
        ("f64[_]", "the size '_' is not supported"),
        ("f64[n+]", "'n.' is not a size"),
        ("f64[n**2]", "is not a size: names, whole numbers"),
        ("f64[f(n)]", "is not a size"),
        ("f64[2.5]", "is not a size"),
        ("f64[-3]", "is negative"),
        ("f64[n//0]", "divides by 0"),
    ],
)
def test_wrong_shape_text(text: str, pattern: str) -> None:
    with pytest.raises(ModelError, match=pattern):
        parse_shape(text)


def test_wrong_named_shape() -> None:
    with pytest.raises(ModelError, match="is not a named shape: write it as 'X: f64"):
        parse_named_shape("f64[n]")


def test_annotations_of_every_type() -> None:
    def model(
        a: Float64[Array, "n d"],
        b: Float32[Array, "n 3"],
        c: Float[Array, ""],
        e: Int32[Array, "2*d+1"],
        f: Int64[Array, "n-1"],
        g: Int[Array, "n"],
        h: Bool[Array, "d"],
        i: Num[Array, "n"],
        j: float,
    ):
        return a

    arguments = capture(model).program.arguments
    assert [a.dtype for a in arguments] == [
        "float64", "float32", "float64", "int32", "int64", "int64", "bool", "float64", "float64",
    ]  # fmt: skip
    assert [a.shape for a in arguments] == [
        (n, d), (n, 3), (), (2 * d + 1,), (n - 1,), (n,), (d,), (n,), (),
    ]  # fmt: skip


def test_shapes_win_over_annotations_and_dtype_over_both() -> None:
    def model(x: Float64[Array, "n"], i: Int64[Array, "n"]):
        return x

    captured = capture(model, shapes={"x": "f64[d, 2]"}, dtype="float32")
    assert captured.program.arguments[0].shape == (d, 2)
    assert [a.dtype for a in captured.program.arguments] == ["float32", "int64"]


def test_parameters_with_defaults_are_constants() -> None:
    def model(x: Float64[Array, "n"], power: int = 3, scale: float = 0.5, flip: bool = True, k=2):
        y = x**power * scale * k
        return -y if flip else y

    captured = capture(model)
    assert [a.name for a in captured.program.arguments] == ["x"]
    values = evaluate(captured.program, {"x": np.array([2.0])})
    np.testing.assert_allclose(values["model"], [-8.0])


def test_keyword_only_parameters() -> None:
    def model(*, x: Float64[Array, "n"], y: Float64[Array, "n"]):
        return x - y

    captured = capture(model)
    values = evaluate(captured.program, {"x": np.array([2.0]), "y": np.array([5.0])})
    np.testing.assert_allclose(values["model"], [-3.0])


def test_wrt() -> None:
    def model(x: Float64[Array, "n"], i: Int64[Array, "n"], y: Float64[Array, "n"]):
        return x + y * i

    assert capture(model).wrt == ("x", "y")
    assert not capture(model).single_wrt
    assert capture(model, wrt="y").wrt == ("y",)
    assert capture(model, wrt="y").single_wrt
    assert capture(program(wrt="x")(model)).single_wrt
    assert capture(program(wrt=["y", "x"])(model)).wrt == ("y", "x")


@pytest.mark.parametrize(
    ("wrt", "pattern"),
    [
        ("i", "names 'i', which is int64: derivatives exist only for floating arguments: x"),
        ("z", "names 'z', which is not an argument; the floating ones are: x"),
        ("k", "names 'k', which has a default and no array annotation, so it is a constant"),
        (("x", "x"), "names an argument twice"),
        ((), "names no argument"),
    ],
)
def test_wrong_wrt(wrt: object, pattern: str) -> None:
    def model(x: Float64[Array, "n"], i: Int64[Array, "n"], k: float = 1.0):
        return x * k

    with pytest.raises(ModelError, match=pattern):
        capture(model, wrt=wrt)


def _unannotated(x):
    return x


def _starred(*x):
    return x


def _variadic(x: Float64[Array, "*b n"]):
    return x


def _shaped(x: Shaped[Array, "n"]):
    return x


def _unknown_name(x: Float65[Array, "n"]):
    return x


@pytest.mark.parametrize(
    ("function", "pattern"),
    [
        (_unannotated, r"parameter 'x': its shape is not known.*Float64\[Array.*--shape \"x: f64"),
        (_starred, r"the parameter \*x cannot be compiled"),
        (_variadic, r"parameter 'x': the size '\*b' is not supported"),
        (_shaped, r"parameter 'x': the element type of .*use Float64"),
        (_unknown_name, r"annotations of '_unknown_name' cannot be evaluated: NameError"),
    ],
)
def test_wrong_parameters(function: object, pattern: str) -> None:
    with pytest.raises(ModelError) as caught:
        capture(function)
    assert re.search(pattern, str(caught.value), re.DOTALL)


def test_shapes_for_an_unknown_parameter() -> None:
    with pytest.raises(ModelError, match="shapes names 'z', which is not a parameter; they are: x"):
        capture(_unannotated, shapes={"x": "f64[n]", "z": "f64[n]"})


def test_marked_program_runs_as_it_is() -> None:
    @program
    def double(x):
        """Twice x."""
        return 2 * x

    assert double(3) == 6
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice x."
    assert double.wrt is None
