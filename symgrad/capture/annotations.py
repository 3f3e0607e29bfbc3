"""Annotations and shape texts as specifications: `Float64[Array, "n 2*d"]`, `f64[n, d]`."""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from symgrad.errors import ModelError
from symgrad.program import DType, size_symbol

__all__ = [
    "ArgumentSpec",
    "annotation_spec",
    "evaluated_annotations",
    "parse_named_shape",
    "parse_shape",
    "parse_size",
]

_SHORT_NAMES: dict[str, DType] = {
    "f64": "float64",
    "f32": "float32",
    "i64": "int64",
    "i32": "int32",
    "float": "float64",
    "int": "int64",
    "float64": "float64",
    "float32": "float32",
    "int64": "int64",
    "int32": "int32",
    "bool": "bool",
}
_PREFERRED: tuple[DType, ...] = ("float64", "int64", "bool", "float32", "int32")
_SHAPE_TEXT = re.compile(r"^\s*(?P<dtype>\w+)\s*(?:\[(?P<dims>.*)\])?\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ArgumentSpec:
    """Shape and element type of an argument."""

    shape: tuple[sympy.Expr, ...]
    dtype: DType


def parse_shape(text: str) -> ArgumentSpec:
    """`f64[n, d]`, `int64[2*m+1]`, `f32[]` or `f64` as a specification.

    >>> parse_shape("f64[n, 3]")
    ArgumentSpec(shape=(n, 3), dtype='float64')
    """
    match = _SHAPE_TEXT.match(text)
    if match is None or match["dtype"] not in _SHORT_NAMES:
        known = ", ".join(list(_SHORT_NAMES)[:4])
        raise ModelError(
            f"'{text}' is not a shape: write an element type ({known}, bool) and the sizes, such "
            "as 'f64[n, d]', or 'f64[]' for a single number"
        )
    dims = (match["dims"] or "").strip()
    entries = [entry.strip() for entry in dims.split(",")] if dims else []
    shape = tuple(parse_size(entry, f"shape '{text}'") for entry in entries)
    return ArgumentSpec(shape, _SHORT_NAMES[match["dtype"]])


def parse_named_shape(text: str) -> tuple[str, ArgumentSpec]:
    """`X: f64[n, d]` as the name of an argument and its specification.

    >>> parse_named_shape("X: f64[n]")
    ('X', ArgumentSpec(shape=(n,), dtype='float64'))
    """
    name, colon, shape = text.partition(":")
    if not colon or not name.strip().isidentifier():
        raise ModelError(f"'{text}' is not a named shape: write it as 'X: f64[n, d]'")
    return name.strip(), parse_shape(shape)


# --- sizes -------------------------------------------------------------------------------------


def parse_size(text: str, where: str) -> sympy.Expr:
    """One size: a name, a whole number, or an expression of them with + - * //.

    >>> parse_size("2*d + 1", "an example")
    2*d + 1
    """
    if not text or text[0] in "*#?_." or text == "...":
        raise ModelError(
            f"{where}: the size '{text}' is not supported: every axis needs a name, a whole "
            "number or an expression of them (no '...', '*name', '_' or '#name')"
        )
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ModelError(f"{where}: '{text}' is not a size: {error.msg}") from None
    size = sympy.expand(_size_of(tree, text, where))
    if size.is_Integer and size < 0:
        raise ModelError(f"{where}: the size '{text}' is negative")
    return size


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: sympy.floor(a / b),
}


def _size_of(node: ast.expr, text: str, where: str) -> sympy.Expr:
    if isinstance(node, ast.Name):
        return size_symbol(node.id)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return sympy.Integer(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_size_of(node.operand, text, where)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _size_of(node.left, text, where), _size_of(node.right, text, where)
        if isinstance(node.op, ast.FloorDiv) and right == 0:
            raise ModelError(f"{where}: the size '{text}' divides by 0")
        return _OPERATORS[type(node.op)](left, right)
    raise ModelError(
        f"{where}: '{text}' is not a size: names, whole numbers, + - * // and brackets are "
        "understood"
    )


# --- annotations -------------------------------------------------------------------------------


def evaluated_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function as objects, also if they are kept as text."""
    try:
        return _evaluated_annotations(function)
    except Exception as error:
        raise ModelError(
            f"{_place(function)}: the annotations of '{function.__name__}' cannot be evaluated: "
            f"{type(error).__name__}: {error}"
        ) from error


def _evaluated_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations with their texts evaluated, but shapes such as "f64[n, d]" left as they are."""
    written = inspect.get_annotations(function)
    shapes = {name: text for name, text in written.items() if _is_shape(text)}
    if not shapes:
        return inspect.get_annotations(function, eval_str=True)
    plain = types.FunctionType(function.__code__, function.__globals__)
    plain.__annotations__ = {n: text for n, text in written.items() if n not in shapes}
    return {**inspect.get_annotations(plain, eval_str=True), **shapes}


def _is_shape(annotation: Any) -> bool:
    if not isinstance(annotation, str) or "[" not in annotation:
        return False
    return annotation.partition("[")[0].strip() in _SHORT_NAMES


def annotation_spec(annotation: Any, where: str) -> ArgumentSpec | None:
    """The specification in an annotation of jaxtyping (or `float`, `int`, `bool`), None if none."""
    scalar: dict[Any, DType] = {float: "float64", int: "int64", bool: "bool"}
    if isinstance(annotation, type) and annotation in scalar:
        return ArgumentSpec((), scalar[annotation])
    if isinstance(annotation, str):
        return parse_shape(annotation)
    dims, dtypes = getattr(annotation, "dim_str", None), getattr(annotation, "dtypes", None)
    if dims is None:
        return _first_of_union(annotation, where)
    shape = tuple(parse_size(entry, where) for entry in str(dims).split())
    return ArgumentSpec(shape, _preferred_dtype(annotation, dtypes, where))


def _first_of_union(annotation: Any, where: str) -> ArgumentSpec | None:
    """`Float64[Array, "n"] | float` and the like: the first entry that gives a shape."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return None
    found = (annotation_spec(entry, where) for entry in typing.get_args(annotation))
    return next((spec for spec in found if spec is not None), None)


def _preferred_dtype(annotation: Any, dtypes: Any, where: str) -> DType:
    if isinstance(dtypes, (list, tuple)):
        for dtype in _PREFERRED:
            if dtype in dtypes:
                return dtype
    raise ModelError(
        f"{where}: the element type of {getattr(annotation, '__name__', annotation)} is not "
        "supported: use Float64, Float32, Int64, Int32 or Bool"
    )


def _place(function: Callable[..., Any]) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
