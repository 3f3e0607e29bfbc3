"""Reductions over axes: sums, extremes, moments, norms, and their positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import apply_elementwise, cast, cast_body
from symgrad.capture.operands import as_array, as_operand, checked_dtype, elementwise
from symgrad.capture.sizes import Size, make_size, size_value
from symgrad.capture.tracer import current_tracer, fail, slot
from symgrad.program import NOT_A_NUMBER, Access, Axis, DType, Reduction, Term, is_floating
from symgrad.program import functions as f

__all__ = ["normalise_axes", "normalise_axis", "reduce_array"]

Body = Callable[[Access], sympy.Expr]


def normalise_axis(operation: str, axis: Any, rank: int) -> int:
    """An axis counted from the front."""
    value = size_value(axis)
    if value is None or not value.is_Integer:
        fail(operation, f"axis must be an integer, not {axis!r}")
    position = int(value)
    if not -rank <= position < rank:
        fail(operation, f"axis {position} does not exist: the array has {rank} axes")
    return position % rank


def normalise_axes(operation: str, axis: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in order; None is all of them."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = sorted(normalise_axis(operation, a, rank) for a in given)
    if len(set(axes)) < len(axes):
        fail(operation, f"axis {axis} names an axis twice")
    return tuple(axes)


def reduce_array(
    operation: str,
    reduction: Reduction,
    array: SymbolicArray,
    axes: Sequence[int],
    dtype: DType,
    *,
    keepdims: bool = False,
    body: Body = lambda element: element,
) -> SymbolicArray:
    """y[o…] = reduction_{r…} body(x[…]); reduced axes stay with length 1 if `keepdims`."""
    if not axes:
        operand = as_operand(operation, array)
        return elementwise(operation, [operand], dtype, body)
    extents = array.extents
    kept = [k for k in range(array.ndim) if k not in axes]
    shape = [sympy.S.One if k in axes else extents[k] for k in range(array.ndim)]
    shape = shape if keepdims else [extents[k] for k in kept]
    rank = len(shape)
    subscripts = [sympy.S.Zero] * array.ndim
    for position, k in enumerate(kept):
        subscripts[k] = slot(k if keepdims else position)
    bound = []
    for position, k in enumerate(axes):
        subscripts[k] = slot(rank + position)
        bound.append(Axis(slot(rank + position), extents[k]))
    element = Access(array.read(operation), *subscripts)
    return define(operation, shape, dtype, [Term(body(element), tuple(bound), reduction)])


def extent_product(array: SymbolicArray, axes: Sequence[int]) -> sympy.Expr:
    """The number of elements that a reduction over `axes` takes together."""
    resolve = current_tracer().resolve
    return sympy.expand(sympy.Mul(*(resolve(array.extents[k]) for k in axes)))


def divided(body: sympy.Expr, count: sympy.Expr) -> sympy.Expr:
    """body/count; not a number for a literal count of 0."""
    return body * NOT_A_NUMBER if count == 0 else body / count


def _sum_type(operation: str, array: SymbolicArray, dtype: Any) -> DType:
    if dtype is not None:
        return checked_dtype(operation, dtype)
    return array.kind if is_floating(array.kind) else "int64"


def _mean_type(operation: str, array: SymbolicArray, dtype: Any) -> DType:
    if dtype is not None:
        return checked_dtype(operation, dtype)
    return array.kind if is_floating(array.kind) else "float64"


def _product_of_sizes(values: Any) -> int | Size | None:
    """The product of a tuple of sizes, such as a shape."""
    if not isinstance(values, (tuple, list)):
        return None
    sizes = [size_value(value) for value in values]
    if any(size is None for size in sizes):
        return None
    return make_size(sympy.expand(sympy.Mul(*sizes)))


@implements(np.sum, method="sum")
def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False
) -> Any:
    """y = Σ x."""
    array = as_array("np.sum", a)
    kind = _sum_type("np.sum", array, dtype)
    axes = normalise_axes("np.sum", axis, array.ndim)
    no_out("np.sum", out)
    return reduce_array(
        "np.sum",
        "sum",
        array,
        axes,
        kind,
        keepdims=keepdims,
        body=lambda x: cast_body(x, array.kind, kind),
    )


@implements(np.prod, method="prod")
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False
) -> Any:
    """y = Π x, one axis after another; the product of a shape is a size."""
    sizes = _product_of_sizes(a)
    if sizes is not None:
        return sizes
    array = as_array("np.prod", a)
    kind = _sum_type("np.prod", array, dtype)
    axes = normalise_axes("np.prod", axis, array.ndim)
    no_out("np.prod", out)
    first, *others = [[axis_number] for axis_number in reversed(axes)] or [[]]
    kind_before = array.kind
    result = reduce_array(
        "np.prod",
        "prod",
        array,
        first,
        kind,
        keepdims=keepdims,
        body=lambda x: cast_body(x, kind_before, kind),
    )
    for single in others:
        result = reduce_array("np.prod", "prod", result, single, kind, keepdims=keepdims)
    return result


@implements(np.mean, method="mean")
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False
) -> SymbolicArray:
    """y = Σ x/n."""
    array = as_array("np.mean", a)
    no_out("np.mean", out)
    axes = normalise_axes("np.mean", axis, array.ndim)
    count = extent_product(array, axes)
    return reduce_array(
        "np.mean",
        "sum",
        array,
        axes,
        _mean_type("np.mean", array, dtype),
        keepdims=keepdims,
        body=lambda x: divided(x, count),
    )


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """y = Σ w·x/Σ w."""
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    array, weight = as_array("np.average", a), as_array("np.average", weights)
    if weight.ndim != array.ndim:
        if axis is None or weight.ndim != 1:
            fail("np.average", "weights must have the shape of the array, or of its one axis")
        position = normalise_axis("np.average", axis, array.ndim)
        weight = weight[(slice(None), *[None] * (array.ndim - position - 1))]
    total = sum_(array * weight, axis, keepdims=keepdims)
    shape = [as_operand("np.average", value) for value in (weight, array)]
    spread = elementwise("np.average", shape, weight.kind, lambda w, _: w)
    return total / sum_(spread, axis, keepdims=keepdims)


def _variance(
    operation: str, a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: bool
) -> SymbolicArray:
    array = as_array(operation, a)
    axes = normalise_axes(operation, axis, array.ndim)
    kind = _mean_type(operation, array, dtype)
    centre = mean(array, axis=tuple(axes), dtype=kind, keepdims=True) if axes else array
    deviation = apply_elementwise(np.subtract, (cast(array, kind), centre), {})
    freedom = size_value(ddof)
    if freedom is None:
        fail(operation, "ddof must be an integer or a size")
    count = extent_product(array, axes) - freedom
    return reduce_array(
        operation,
        "sum",
        deviation,
        axes,
        kind,
        keepdims=keepdims,
        body=lambda x: divided(x**2, count),
    )


@implements(np.var, method="var")
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: bool = False,
) -> SymbolicArray:
    """y = Σ (x − mean)²/(n − ddof), in two passes."""
    no_out("np.var", out)
    return _variance("np.var", a, axis, dtype, ddof, keepdims)


@implements(np.std, method="std")
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: Any = 0,
    keepdims: bool = False,
) -> SymbolicArray:
    """y = sqrt(Σ (x − mean)²/(n − ddof)); the gradient at 0 is 0."""
    no_out("np.std", out)
    variance = _variance("np.std", a, axis, dtype, ddof, keepdims)
    return elementwise("np.std", [as_operand("np.std", variance)], variance.kind, f.norm_root)


def _extreme(
    operation: str, reduction: Reduction, a: Any, axis: Any, keepdims: bool
) -> SymbolicArray:
    """One reduction for each axis: max over i, j is the max over i of the max over j."""
    array = as_array(operation, a)
    axes = normalise_axes(operation, axis, array.ndim)
    if not axes:
        return as_array(operation, a)
    for axis_number in reversed(axes):
        array = reduce_array(
            operation, reduction, array, [axis_number], array.kind, keepdims=keepdims
        )
    return array


@implements(np.max, np.amax, method="max")
def max_(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> SymbolicArray:
    """y = max x."""
    no_out("np.max", out)
    return _extreme("np.max", "max", a, axis, keepdims)


@implements(np.min, np.amin, method="min")
def min_(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> SymbolicArray:
    """y = min x."""
    no_out("np.min", out)
    return _extreme("np.min", "min", a, axis, keepdims)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> SymbolicArray:
    """y = max x − min x."""
    no_out("np.ptp", out)
    high = _extreme("np.ptp", "max", a, axis, keepdims)
    return high - _extreme("np.ptp", "min", a, axis, keepdims)


def _position(
    operation: str, reduction: Reduction, a: Any, axis: Any, keepdims: bool
) -> SymbolicArray:
    from symgrad.capture.shaping import ravel

    array = as_array(operation, a)
    if axis is None:
        rank = array.ndim
        flat = array if rank == 1 else ravel(array)
        found = reduce_array(operation, reduction, flat, [0], "int64")
        return found.reshape((1,) * rank) if keepdims and rank else found
    axes = [normalise_axis(operation, axis, array.ndim)]
    return reduce_array(operation, reduction, array, axes, "int64", keepdims=keepdims)


@implements(np.argmax, method="argmax")
def argmax(a: Any, axis: Any = None, out: None = None, *, keepdims: bool = False) -> SymbolicArray:
    """The first position of the maximum."""
    no_out("np.argmax", out)
    return _position("np.argmax", "argmax", a, axis, keepdims)


@implements(np.argmin, method="argmin")
def argmin(a: Any, axis: Any = None, out: None = None, *, keepdims: bool = False) -> SymbolicArray:
    """The first position of the minimum."""
    no_out("np.argmin", out)
    return _position("np.argmin", "argmin", a, axis, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> SymbolicArray:
    """y = Σ [x ≠ 0]."""
    array = as_array("np.count_nonzero", a)
    axes = normalise_axes("np.count_nonzero", axis, array.ndim)
    return reduce_array(
        "np.count_nonzero",
        "sum",
        array,
        axes,
        "int64",
        keepdims=keepdims,
        body=lambda x: f.not_equal(x, 0),
    )


@implements(np.any, method="any")
def any_(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> SymbolicArray:
    """y = [Σ [x ≠ 0] ≠ 0]."""
    no_out("np.any", out)
    count = as_operand("np.any", count_nonzero(a, axis, keepdims=keepdims))
    return elementwise("np.any", [count], "bool", lambda x: f.not_equal(x, 0))


@implements(np.all, method="all")
def all_(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> SymbolicArray:
    """y = [Σ [x = 0] = 0]."""
    no_out("np.all", out)
    array = as_array("np.all", a)
    axes = normalise_axes("np.all", axis, array.ndim)
    zeros = reduce_array(
        "np.all", "sum", array, axes, "int64", keepdims=keepdims, body=lambda x: f.equal(x, 0)
    )
    return elementwise("np.all", [as_operand("np.all", zeros)], "bool", lambda x: f.equal(x, 0))


def no_out(operation: str, out: Any) -> None:
    if out is not None:
        fail(operation, "the argument 'out=' cannot be captured", "y = the result")
