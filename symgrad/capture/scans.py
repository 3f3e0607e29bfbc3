"""Cumulative sums and products, and differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import cast_body
from symgrad.capture.joining import concatenate
from symgrad.capture.operands import as_array, as_operand, checked_dtype, result_dtype
from symgrad.capture.reductions import normalise_axis
from symgrad.capture.tracer import current_tracer, fail, slot, slots
from symgrad.program import Access, Axis, Guard, Reduction, Term, is_floating
from symgrad.program import functions as f

__all__ = ["cumprod", "cumsum", "diff"]


def _scan(operation: str, reduction: Reduction, a: Any, axis: Any, dtype: Any) -> SymbolicArray:
    """y[i] = reduction of x[k] over k ≤ i."""
    array = as_array(operation, a)
    if axis is None:
        array, axis = array.ravel(), 0
    position = normalise_axis(operation, axis, array.ndim)
    plain = array.kind if is_floating(array.kind) else "int64"
    kind = plain if dtype is None else checked_dtype(operation, dtype)
    running = slot(array.ndim)
    subscripts = list(slots(array.ndim))
    subscripts[position] = running
    body = cast_body(Access(array.read(operation), *subscripts), array.kind, kind)
    bound = (Axis(running, array.extents[position]),)
    term = Term(body, bound, reduction, (Guard(running, "<=", slot(position)),))
    return define(operation, array.extents, kind, [term])


@implements(np.cumsum, method="cumsum")
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> SymbolicArray:
    """y[i] = Σ_{k ≤ i} x[k]."""
    return _scan("np.cumsum", "sum", a, axis, dtype)


@implements(np.cumprod, method="cumprod")
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> SymbolicArray:
    """y[i] = Π_{k ≤ i} x[k]."""
    return _scan("np.cumprod", "prod", a, axis, dtype)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """y[i] = x[i + 1] − x[i], n times."""
    array = as_array("np.diff", a)
    position = normalise_axis("np.diff", axis, array.ndim)
    parts = [_edge(prepend, array, position), array, _edge(append, array, position)]
    present = [part for part in parts if part is not None]
    if len(present) > 1:
        array = concatenate(present, position)
    for _ in range(int(n)):
        array = _neighbours(array, position)
    return array


def _edge(values: Any, array: SymbolicArray, axis: int) -> SymbolicArray | None:
    if values is None:
        return None
    edge = as_array("np.diff", values)
    if edge.ndim:
        return edge
    shape = [*array.extents]
    shape[axis] = sympy.S.One
    return define("np.diff", shape, edge.kind, [Term(Access(edge.reference))])


def _neighbours(array: SymbolicArray, axis: int) -> SymbolicArray:
    low: list[Any] = [slice(None)] * array.ndim
    shape = [*array.extents]
    low[axis] = slice(1, None)
    from symgrad.capture.keys import slice_range

    extent = current_tracer().resolve(shape[axis])
    shape[axis] = slice_range("np.diff", slice(1, None), axis, extent).extent
    subscripts = list(slots(array.ndim))
    before = Access(array.read("np.diff"), *subscripts)
    subscripts[axis] = slot(axis) + 1
    after = Access(array.reference, *subscripts)
    body = f.not_equal(after, before) if array.kind == "bool" else after - before
    return define("np.diff", shape, array.kind, [Term(body)])


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Σ (y[i] + y[i + 1])/2·(x[i + 1] − x[i])."""
    array = as_array("np.trapezoid", y)
    position = normalise_axis("np.trapezoid", axis, array.ndim)
    low, high = [slice(None)] * array.ndim, [slice(None)] * array.ndim
    low[position], high[position] = slice(None, -1), slice(1, None)
    width = dx
    if x is not None:
        width = diff(x)
        if width.ndim != array.ndim:
            width = width[(slice(None), *[None] * (array.ndim - position - 1))]
    return (width * (array[tuple(high)] + array[tuple(low)]) / 2.0).sum(position)


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """Vector products of the last axes, which have three elements."""
    left, right = as_array("np.cross", a), as_array("np.cross", b)
    if axis is not None:
        axisa = axisb = axisc = axis
    left, right = _last(left, axisa), _last(right, axisb)
    same = current_tracer().same_extent
    for vector in (left, right):
        if not same(vector.extents[-1], sympy.Integer(3)):
            fail("np.cross", "vectors of 3 elements are captured only", "annotate the axis with 3")
    result_dtype("np.cross", [as_operand("np.cross", v) for v in (left, right)])
    p, q = ([v[..., k] for k in range(3)] for v in (left, right))
    parts = [p[k - 2] * q[k - 1] - p[k - 1] * q[k - 2] for k in range(3)]
    from symgrad.capture.joining import stack

    return stack(parts, axisc)


def _last(array: SymbolicArray, axis: int) -> SymbolicArray:
    from symgrad.capture.shaping import moveaxis

    position = normalise_axis("np.cross", axis, array.ndim)
    return array if position == array.ndim - 1 else moveaxis(array, position, -1)
