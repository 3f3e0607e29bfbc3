"""New arrays: filled ones and ranges; symbolic sizes reach them through the tracing namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import cast_body
from symgrad.capture.keys import nonnegative
from symgrad.capture.operands import (
    Operand,
    Shape,
    as_array,
    as_operand,
    broadcast_shapes,
    checked_dtype,
    fits_into,
    shape_text,
)
from symgrad.capture.shaping import as_shape
from symgrad.capture.sizes import SizeNumber, as_size, size_value
from symgrad.capture.tracer import fail, slot, slots
from symgrad.program import DType, Term, is_floating

__all__ = ["arange", "filled"]


def filled(operation: str, shape: Shape, value: sympy.Expr, dtype: DType) -> SymbolicArray:
    """y[i…] = value; an array of zeros has no term at all."""
    terms = [] if value == 0 else [Term(value)]
    result = define(operation, shape, dtype, terms)
    result.is_scalar = False
    return result


@implements(np.zeros, always=True)
def zeros(shape: Any, dtype: Any = float, order: str = "C") -> SymbolicArray:
    """y[i…] = 0."""
    kind = checked_dtype("np.zeros", dtype)
    return filled("np.zeros", as_shape("np.zeros", shape), sympy.S.Zero, kind)


@implements(np.empty, always=True)
def empty(shape: Any, dtype: Any = float, order: str = "C") -> SymbolicArray:
    """y[i…] = 0: elements that nobody has assigned are zeros."""
    kind = checked_dtype("np.empty", dtype)
    return filled("np.empty", as_shape("np.empty", shape), sympy.S.Zero, kind)


@implements(np.ones, always=True)
def ones(shape: Any, dtype: Any = float, order: str = "C") -> SymbolicArray:
    """y[i…] = 1."""
    kind = checked_dtype("np.ones", dtype)
    return filled("np.ones", as_shape("np.ones", shape), sympy.S.One, kind)


@implements(np.full, always=True)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> SymbolicArray:
    """y[i…] = value, broadcast to the shape."""
    return _full("np.full", as_shape("np.full", shape), fill_value, dtype)


def _full(operation: str, shape: Shape, fill_value: Any, dtype: Any) -> SymbolicArray:
    value = as_operand(operation, fill_value)
    kind = value.dtype if dtype is None else checked_dtype(operation, dtype)
    if not fits_into(value.shape, shape):
        fail(
            operation,
            f"a value of shape {shape_text(value.shape)} does not fill {shape_text(shape)}",
        )
    body = cast_body(value.broadcast_at(slots(len(shape)), shape), value.dtype, kind)
    return filled(operation, shape, body, kind)


def _like(operation: str, a: Any, dtype: Any, shape: Any) -> tuple[Shape, DType]:
    array = as_array(operation, a)
    extents = array.extents if shape is None else as_shape(operation, shape)
    return extents, (array.kind if dtype is None else checked_dtype(operation, dtype))


@implements(np.zeros_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> SymbolicArray:
    """y[i…] = 0 in the shape and type of x."""
    return filled("np.zeros_like", *_with(_like("np.zeros_like", a, dtype, shape), 0))


@implements(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> SymbolicArray:
    """y[i…] = 0 in the shape and type of x."""
    return filled("np.empty_like", *_with(_like("np.empty_like", prototype, dtype, shape), 0))


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> SymbolicArray:
    """y[i…] = 1 in the shape and type of x."""
    return filled("np.ones_like", *_with(_like("np.ones_like", a, dtype, shape), 1))


def _with(like: tuple[Shape, DType], value: int) -> tuple[Shape, sympy.Expr, DType]:
    return like[0], sympy.Integer(value), like[1]


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
) -> SymbolicArray:
    """y[i…] = value in the shape and type of x."""
    extents, kind = _like("np.full_like", a, dtype, shape)
    return _full("np.full_like", extents, fill_value, kind)


# --- ranges ------------------------------------------------------------------------------------


@implements(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> SymbolicArray:
    """y[i] = start + step·i, as long as it is before stop."""
    first, last = (0, start) if stop is None else (start, stop)
    bounds = [size_value(x) for x in (first, last, step)]
    if any(bound is None for bound in bounds) or not bounds[2].is_Integer or bounds[2] == 0:  # type: ignore[union-attr]
        fail(
            "np.arange",
            "with symbolic sizes, bounds are integers or sizes and the step a literal integer",
            "np.arange(n) * step, or np.linspace",
        )
    low, high, by = (bound for bound in bounds if bound is not None)
    count = sympy.floor(sympy.expand((high - low) * sympy.sign(by) + abs(by) - 1) / abs(by))
    kind = "int64" if dtype is None else checked_dtype("np.arange", dtype)
    body = low + by * slot(0)
    return define("np.arange", (nonnegative(sympy.expand(count)),), kind, [Term(body)])


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> SymbolicArray:
    """y[i] = start + (stop − start)·i/(n − 1), or /n without the end."""
    operation = "np.linspace"
    if retstep or axis != 0:
        fail(operation, "retstep= and axis= are not captured", "np.moveaxis on the result")
    count = as_size(operation, "num", num)
    operands = [as_operand(operation, x) for x in (start, stop)]
    inner = broadcast_shapes(operation, operands)
    indices = slots(len(inner), 1)
    low, high = (operand.broadcast_at(indices, inner) for operand in operands)
    intervals = sympy.Max(1, count - 1) if endpoint else count
    body = low + (high - low) * slot(0) / intervals
    kind = _linspace_type(operation, operands, dtype)
    return define(operation, (count, *inner), kind, [Term(sympy.sympify(body))])


def _linspace_type(operation: str, operands: list[Operand], dtype: Any) -> DType:
    if dtype is not None:
        kind = checked_dtype(operation, dtype)
        if not is_floating(kind):
            fail(operation, "an integer type is not captured", "np.arange")
        return kind
    return checked_dtype(operation, np.result_type(*(o.promotion for o in operands), 1.0))


@implements(len, name="len")
def length(x: Any) -> Any:
    """The length of the first axis: an integer or a size."""
    if isinstance(x, (SymbolicArray, SizeNumber)):
        array = as_array("len", x)
        if array.ndim == 0:
            fail("len", "a 0-d array has no length")
        return array.shape[0]
    return len(x)
