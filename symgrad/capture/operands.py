"""Operands of an operation: arrays, literals and numbers behind one way to read an element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.numbers import number, supported_dtype
from symgrad.capture.sizes import Size, SizeNumber
from symgrad.capture.tracer import current_tracer, fail, slots
from symgrad.program import Access, DType, Term

__all__ = [
    "Operand",
    "as_array",
    "as_operand",
    "broadcast_shapes",
    "contains_symbolic",
    "elementwise",
    "fits_into",
    "result_dtype",
    "shape_text",
]

Shape = tuple[sympy.Expr, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """One input of an operation: shape, NumPy type (int or float if weak), and its elements."""

    shape: Shape
    token: Any
    name: str = ""
    value: sympy.Expr | None = None

    @property
    def label(self) -> str:
        return current_tracer().label(self.name) if self.name else str(self.value)

    @property
    def dtype(self) -> DType:
        """The element type; a weak number has that of an array made of it."""
        return supported_dtype(self.token) or "float64"

    @property
    def promotion(self) -> Any:
        """What `np.result_type` takes for it: a type, or a Python number if it is weak."""
        return {int: 1, float: 1.0}.get(self.token, self.token)

    def at(self, subscripts: Sequence[sympy.Expr]) -> sympy.Expr:
        """The element at the given subscripts."""
        return self.value if self.value is not None else Access(self.name, *subscripts)

    def broadcast_at(self, indices: Sequence[sympy.Expr], shape: Shape) -> sympy.Expr:
        """The element that broadcasting puts at `indices` of an array of `shape`."""
        offset = len(shape) - len(self.shape)
        subscripts = [
            sympy.S.Zero if extent == 1 and shape[offset + k] != 1 else indices[offset + k]
            for k, extent in enumerate(self.shape)
        ]
        return self.at(subscripts)


def as_operand(operation: str, value: Any) -> Operand:
    """Any value that NumPy takes as an array-like, as an operand."""
    if isinstance(value, SymbolicArray):
        return Operand(value.extents, value.dtype, value.read(operation))
    if isinstance(value, SizeNumber):
        weak = int if isinstance(value, Size) else float
        return Operand((), weak, "", value.expression)
    if type(value) is bool:
        return Operand((), np.dtype(bool), "", number(value))
    if type(value) in (int, float):
        return Operand((), type(value), "", number(value))
    if contains_symbolic(value):
        return as_operand(operation, stack_nested(operation, value))
    return _literal(operation, value)


def _literal(operation: str, value: Any) -> Operand:
    try:
        array = np.asarray(value)
    except ValueError as error:
        fail(operation, f"an operand is not an array: {error}")
    if array.dtype.kind not in "fiub":
        fail(
            operation,
            f"an operand of type {type(value).__name__} ({array.dtype}) is not a real array",
            "real numbers: complex numbers, strings and objects cannot be captured",
        )
    if array.ndim == 0:
        return Operand((), array.dtype, "", number(array[()]))
    shape = tuple(sympy.Integer(n) for n in array.shape)
    name = current_tracer().constant(operation, array)
    return Operand(shape, array.dtype, name)


def as_array(operation: str, value: Any) -> SymbolicArray:
    """Any array-like as a symbolic array; numbers become 0-d definitions, literals constants."""
    if isinstance(value, SymbolicArray):
        value.read(operation)
        return value
    operand = as_operand(operation, value)
    if operand.value is not None:
        return define(operation, (), operand.dtype, [Term(operand.value)])
    return SymbolicArray(operand.name, operand.shape, operand.dtype)


def contains_symbolic(value: Any) -> bool:
    """Whether a value is symbolic, or a (nested) list or tuple with a symbolic entry."""
    if isinstance(value, (SymbolicArray, SizeNumber)):
        return True
    if isinstance(value, (list, tuple)):
        return any(contains_symbolic(entry) for entry in value)
    return False


def stack_nested(operation: str, value: Any) -> Any:
    """A nested list with symbolic entries as one array: y[k, …] = value_k[…]."""
    from symgrad.capture.joining import stack

    if not isinstance(value, (list, tuple)):
        return value
    return stack([stack_nested(operation, entry) for entry in value])


def shape_text(shape: Sequence[sympy.Expr]) -> str:
    """A shape as Python prints one: (n, 3); with examples also their lengths: (x_0=5, 3)."""
    inner = ", ".join(map(current_tracer().extent_text, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def broadcast_shapes(operation: str, operands: Sequence[Operand]) -> Shape:
    """The common shape of several operands: only axes of literal length 1 stretch."""
    tracer = current_tracer()
    rank = max((len(operand.shape) for operand in operands), default=0)
    shape: list[sympy.Expr] = [sympy.S.One] * rank
    givers: list[Operand | None] = [None] * rank
    for operand in operands:
        offset = rank - len(operand.shape)
        for k, extent in enumerate(operand.shape):
            if extent == 1:
                continue
            giver = givers[offset + k]
            if giver is None:
                shape[offset + k], givers[offset + k] = extent, operand
            elif not tracer.same_extent(shape[offset + k], extent):
                fail_shapes(operation, giver, operand)
    return tuple(shape)


def fail_shapes(operation: str, left: Operand, right: Operand) -> None:
    """Two shapes that do not fit: both names, both shapes, and the ways out."""
    fail(
        operation,
        f"shape clash: {left.label} has shape {shape_text(left.shape)} and {right.label} has "
        f"shape {shape_text(right.shape)}, and only axes of literal length 1 are stretched",
        "give sizes that are equal the same name in the annotations, or bring the axes in line "
        "with x[:, None], x.T or reshape",
    )


def fits_into(source: Sequence[sympy.Expr], target: Sequence[sympy.Expr]) -> bool:
    """Whether an array of one shape can be broadcast to another."""
    same = current_tracer().same_extent
    offset = len(target) - len(source)
    return offset >= 0 and all(
        extent == 1 or same(extent, target[offset + k]) for k, extent in enumerate(source)
    )


def result_dtype(operation: str, operands: Sequence[Operand]) -> DType:
    """NumPy's promotion: Python numbers (and sizes) are weak."""
    return checked_dtype(operation, np.result_type(*(o.promotion for o in operands)))


def checked_dtype(operation: str, dtype: Any) -> DType:
    """The element type of a result, or a CaptureError that says what to convert."""
    try:
        known = supported_dtype(dtype)
    except TypeError:
        fail(operation, f"{dtype!r} is not an element type")
    if known is None:
        fail(
            operation,
            f"its result would have the type {np.dtype(dtype)}, which a program cannot hold",
            "convert an operand first, for example x.astype(np.float64)",
        )
    return known


def elementwise(
    operation: str,
    operands: Sequence[Operand],
    dtype: DType,
    build: Callable[..., sympy.Expr],
) -> SymbolicArray:
    """y[i…] = build(a[i…], b[i…], …), operands broadcast."""
    shape = broadcast_shapes(operation, operands)
    indices = slots(len(shape))
    body = build(*(operand.broadcast_at(indices, shape) for operand in operands))
    return define(operation, shape, dtype, [Term(sympy.sympify(body))])
