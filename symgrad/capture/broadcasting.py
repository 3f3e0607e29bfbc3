"""Arrays spread over new axes, and shapes and types as values."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.operands import (
    Operand,
    Shape,
    as_array,
    as_operand,
    broadcast_shapes,
    fits_into,
    shape_text,
)
from symgrad.capture.shaping import as_shape, atleast_1d
from symgrad.capture.tracer import fail, slots
from symgrad.program import Term

__all__ = ["broadcast_arrays", "broadcast_to"]


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> SymbolicArray:
    """y[i, j] = x[j]: x repeated along new axes and axes of length 1."""
    operand = as_operand("np.broadcast_to", array)
    target = as_shape("np.broadcast_to", shape)
    if not fits_into(operand.shape, target):
        fail(
            "np.broadcast_to",
            f"{operand.label} of shape {shape_text(operand.shape)} cannot be broadcast to "
            f"{shape_text(target)}",
            "x[:, None] brings the axes in line",
        )
    return _spread("np.broadcast_to", operand, target)


def _spread(operation: str, operand: Operand, shape: Shape) -> SymbolicArray:
    body = operand.broadcast_at(slots(len(shape)), shape)
    return define(operation, shape, operand.dtype, [Term(body)])


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[SymbolicArray, ...]:
    """Every array with the common shape."""
    operands = [as_operand("np.broadcast_arrays", a) for a in args]
    shape = broadcast_shapes("np.broadcast_arrays", operands)
    return tuple(_spread("np.broadcast_arrays", operand, shape) for operand in operands)


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True
) -> tuple[SymbolicArray, ...]:
    """Coordinates of a grid: X[i, j] = x[j], Y[i, j] = y[i] ('xy') or X[i, j] = x[i] ('ij')."""
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        axes[0], axes[1] = 1, 0
    placed = []
    for axis, values in zip(axes, xi, strict=True):
        array = atleast_1d(values)
        placed.append(array[tuple(slice(None) if k == axis else None for k in range(len(xi)))])
    return tuple(placed) if sparse else broadcast_arrays(*placed)


# --- shapes as values --------------------------------------------------------------------------


@implements(np.shape)
def shape_(a: Any) -> Any:
    """The shape as a tuple of integers and sizes."""
    return as_array("np.shape", a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    """The number of axes."""
    return as_array("np.ndim", a).ndim


@implements(np.size)
def size(a: Any, axis: int | None = None) -> Any:
    """The number of elements, of all axes or of one."""
    array = as_array("np.size", a)
    return array.size if axis is None else array.shape[axis]


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    """NumPy's promotion of element types."""
    given = [x.dtype if isinstance(x, SymbolicArray) else x for x in arrays_and_dtypes]
    return np.result_type(*given)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Never: a program holds real numbers."""
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Always: a program holds real numbers."""
    return True
