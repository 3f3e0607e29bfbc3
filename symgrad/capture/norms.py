"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import apply_elementwise, cast
from symgrad.capture.operands import as_array
from symgrad.capture.reductions import count_nonzero, normalise_axis, reduce_array
from symgrad.capture.tracer import fail
from symgrad.program import Reduction, is_floating
from symgrad.program import functions as f

__all__ = ["norm"]


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
    """y = (Σ |x|^p)^(1/p), by default p = 2; of matrices Frobenius, maximal row or column sum."""
    array = as_array("np.linalg.norm", x)
    if not is_floating(array.kind):
        array = cast(array, "float64")
    if axis is None and (ord is None or (ord == 2 and array.ndim == 1)):
        return _two_norm(array, tuple(range(array.ndim)), keepdims)
    given = axis if isinstance(axis, (tuple, list)) or axis is None else (axis,)
    axes = tuple(
        normalise_axis("np.linalg.norm", k, array.ndim)
        for k in (range(array.ndim) if given is None else given)
    )
    if len(axes) == 1:
        return _vector_norm(array, axes[0], 2 if ord is None else ord, keepdims)
    if len(axes) == 2:
        return _matrix_norm(array, axes, ord, keepdims)
    fail("np.linalg.norm", f"a norm over {len(axes)} axes with ord={ord!r} does not exist")


@implements(np.linalg.vector_norm)
def vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> SymbolicArray:
    """y = (Σ |x|^p)^(1/p) over one axis, or over all elements."""
    array = as_array("np.linalg.vector_norm", x)
    if axis is None and array.ndim != 1:
        if ord == 2:
            return _two_norm(array, tuple(range(array.ndim)), keepdims)
        fail("np.linalg.vector_norm", "only ord=2 is captured over several axes", "x.ravel()")
    return norm(array, ord, 0 if axis is None else axis, keepdims)


def _two_norm(array: SymbolicArray, axes: tuple[int, ...], keepdims: bool) -> SymbolicArray:
    if not axes:
        return apply_elementwise(np.absolute, (array,), {})
    return reduce_array("np.linalg.norm", "norm", array, axes, array.kind, keepdims=keepdims)


def _vector_norm(array: SymbolicArray, axis: int, order: Any, keepdims: bool) -> SymbolicArray:
    operation = "np.linalg.norm"
    if order == 2:
        return _two_norm(array, (axis,), keepdims)
    if isinstance(order, str) or not isinstance(order, (int, float)):
        fail(operation, f"ord={order!r} is not an order of a vector norm", "a plain number")
    if order in (np.inf, -np.inf):
        reduction: Reduction = "max" if order > 0 else "min"
        return reduce_array(
            operation, reduction, array, [axis], array.kind, keepdims=keepdims, body=f.absolute
        )
    if order == 0:
        return cast(count_nonzero(array, axis, keepdims=keepdims), array.kind)
    if order == 1:
        return reduce_array(
            operation, "sum", array, [axis], array.kind, keepdims=keepdims, body=f.absolute
        )
    powers = reduce_array(
        operation,
        "sum",
        array,
        [axis],
        array.kind,
        keepdims=keepdims,
        body=lambda x: f.absolute(x) ** sympy.nsimplify(order, rational=True),
    )
    return powers ** (1.0 / order)


def _matrix_norm(
    array: SymbolicArray, axes: tuple[int, ...], order: Any, keepdims: bool
) -> SymbolicArray:
    operation = "np.linalg.norm"
    if order in (None, "fro"):
        return _two_norm(array, tuple(sorted(axes)), keepdims)
    rows, columns = axes
    summed, compared = {1: (rows, columns), np.inf: (columns, rows)}.get(
        abs(order) if isinstance(order, (int, float)) else order, (None, None)
    )
    if summed is None or compared is None:
        fail(
            operation,
            f"the matrix norm ord={order!r} needs singular values, which are not captured",
            "ord='fro', 1, -1, np.inf or -np.inf",
        )
    sums = reduce_array(
        operation, "sum", array, [summed], array.kind, keepdims=True, body=f.absolute
    )
    reduction: Reduction = "max" if order > 0 else "min"
    result = reduce_array(operation, reduction, sums, [compared], array.kind, keepdims=True)
    return result if keepdims else result.squeeze(axis=axes)
