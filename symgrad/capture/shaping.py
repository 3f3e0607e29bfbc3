"""Other shapes of the same elements: reshape, transposes, new axes, broadcasts, flips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, View, define
from symgrad.capture.dispatch import implements
from symgrad.capture.operands import (
    Shape,
    as_array,
    as_operand,
    elementwise,
    shape_text,
)
from symgrad.capture.reductions import normalise_axes, normalise_axis
from symgrad.capture.sizes import as_size
from symgrad.capture.tracer import current_tracer, fail, slot
from symgrad.program import Access, Term

__all__ = ["as_shape", "permute", "ravel", "reshape", "reshape_array"]


def as_shape(operation: str, shape: Any) -> Shape:
    """A shape argument (an int, a size, or a tuple of them) as extents."""
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    extents = tuple(as_size(operation, "an entry of the shape", entry) for entry in entries)
    return extents


def share(array: SymbolicArray) -> View:
    """The relation of a result that shares its elements with `array`."""
    return View(array, array.version)


def select_axes(
    operation: str, array: SymbolicArray, shape: Shape, sources: Sequence[int | None]
) -> SymbolicArray:
    """y[i…] = x[…]: axis k of x reads output axis sources[k], or is at 0."""
    subscripts = [sympy.S.Zero if s is None else slot(s) for s in sources]
    body = Access(array.read(operation), *subscripts)
    result = define(operation, shape, array.kind, [Term(body)], share(array))
    result.is_scalar = False
    return result


# --- reshape -----------------------------------------------------------------------------------


@implements(np.reshape)
def reshape(
    a: Any, /, shape: Any = None, order: str = "C", *, copy: bool | None = None
) -> SymbolicArray:
    """The elements of x in row-major order with another shape."""
    if order != "C":
        fail("np.reshape", f"order='{order}' is not captured", "x.T.reshape(...)")
    array = as_array("np.reshape", a)
    return reshape_array(array, as_shape("np.reshape", shape))


@implements(name="ndarray.reshape", method="reshape")
def reshape_method(a: Any, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """The elements of x in row-major order with another shape."""
    given = shape[0] if len(shape) == 1 else shape
    return reshape(a, given, order)


def reshape_array(array: SymbolicArray, shape: Shape) -> SymbolicArray:
    """A reshape; one that only adds or drops axes of length 1 is an ordinary definition."""
    tracer = current_tracer()
    source = tuple(map(tracer.resolve, array.extents))
    target = _complete(array, source, shape)
    sources = _unit_axes_only(source, target)
    if sources is not None:
        return select_axes("np.reshape", array, target, sources)
    name = tracer.reshape(target, array.kind, array.read("np.reshape"))
    return SymbolicArray(name, target, array.kind, is_scalar=False, view=share(array))


def _complete(array: SymbolicArray, source: Shape, shape: Shape) -> Shape:
    """The new shape with −1 replaced, after checking that the sizes agree."""
    total = sympy.expand(sympy.Mul(*source))
    open_axes = [k for k, extent in enumerate(shape) if extent == -1]
    known = sympy.Mul(*(extent for extent in shape if extent != -1))
    what = f"{current_tracer().label(array.reference)} of shape {shape_text(source)}"
    if len(open_axes) > 1:
        fail("np.reshape", "only one entry of the shape can be -1")
    if open_axes:
        quotient = exact_quotient(total, known)
        if quotient is None:
            fail(
                "np.reshape",
                f"{what} does not divide by {shape_text(shape)} for every size",
                "annotate the axis so that it divides, for example '2*m' in place of 'n'",
            )
        return tuple(quotient if extent == -1 else extent for extent in shape)
    if not current_tracer().same_extent(total, sympy.expand(known)):
        fail("np.reshape", f"{what} does not have as many elements as {shape_text(shape)}")
    return shape


def exact_quotient(total: sympy.Expr, known: sympy.Expr) -> sympy.Expr | None:
    """total/known, if it is an integer for all sizes: n·d/n = d.

    >>> exact_quotient(sympy.Integer(6), sympy.Integer(4)) is None
    True
    """
    if known == 0:
        return sympy.S.Zero if total == 0 else None
    quotient = total / known
    if not quotient.is_integer:
        quotient = sympy.cancel(quotient)
    return sympy.expand(quotient) if quotient.is_integer else None


def _unit_axes_only(source: Shape, target: Shape) -> list[int | None] | None:
    """For each source axis the target axis with the same elements, if only units differ."""
    long_source = [k for k, extent in enumerate(source) if extent != 1]
    long_target = [k for k, extent in enumerate(target) if extent != 1]
    if len(long_source) != len(long_target):
        return None
    pairs = list(zip(long_source, long_target, strict=True))
    if any(sympy.expand(source[p] - target[q]) != 0 for p, q in pairs):
        return None
    sources: list[int | None] = [None] * len(source)
    for p, q in pairs:
        sources[p] = q
    return sources


@implements(np.ravel, method="ravel")
def ravel(a: Any, order: str = "C") -> SymbolicArray:
    """The elements of x in row-major order on one axis."""
    array = as_array("np.ravel", a)
    if order not in ("C", "K", "A"):
        fail("np.ravel", f"order='{order}' is not captured", "x.T.ravel()")
    return array if array.ndim == 1 else reshape_array(array, (sympy.Integer(-1),))


@implements(name="ndarray.flatten", method="flatten")
def flatten(a: Any, order: str = "C") -> SymbolicArray:
    """A copy of the elements of x in row-major order on one axis."""
    return ravel(a, order).copy()


# --- permutations of axes ----------------------------------------------------------------------


def permute(operation: str, array: SymbolicArray, order: Sequence[int]) -> SymbolicArray:
    """Axis k of the result is axis order[k] of x."""
    shape = tuple(array.extents[k] for k in order)
    sources: list[int | None] = [list(order).index(k) for k in range(array.ndim)]
    return select_axes(operation, array, shape, sources)


@implements(np.transpose)
def transpose(a: Any, axes: Any = None) -> SymbolicArray:
    """y[j, i] = x[i, j]: axes reversed, or in the given order."""
    array = as_array("np.transpose", a)
    if axes is None:
        return permute("np.transpose", array, range(array.ndim)[::-1])
    order = [normalise_axis("np.transpose", axis, array.ndim) for axis in axes]
    if sorted(order) != list(range(array.ndim)):
        fail("np.transpose", f"axes {axes} is not a permutation of the {array.ndim} axes")
    return permute("np.transpose", array, order)


@implements(name="ndarray.transpose", method="transpose")
def transpose_method(a: Any, *axes: Any) -> SymbolicArray:
    """y[j, i] = x[i, j]: axes reversed, or in the given order."""
    if not axes or axes == (None,):
        return transpose(a)
    return transpose(a, axes[0] if isinstance(axes[0], (tuple, list)) else axes)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> SymbolicArray:
    """The last two axes exchanged."""
    return swapaxes(x, -1, -2)


@implements(np.swapaxes, method="swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> SymbolicArray:
    """Two axes exchanged."""
    array = as_array("np.swapaxes", a)
    first, second = (normalise_axis("np.swapaxes", k, array.ndim) for k in (axis1, axis2))
    order = list(range(array.ndim))
    order[first], order[second] = order[second], order[first]
    return permute("np.swapaxes", array, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> SymbolicArray:
    """Axes moved to other places, the rest in order."""
    array = as_array("np.moveaxis", a)
    lists = [list(x) if isinstance(x, (tuple, list)) else [x] for x in (source, destination)]
    if len(lists[0]) != len(lists[1]):
        fail("np.moveaxis", "source and destination must have the same number of axes")
    sources, places = (
        [normalise_axis("np.moveaxis", k, array.ndim) for k in axes] for axes in lists
    )
    order = [k for k in range(array.ndim) if k not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return permute("np.moveaxis", array, order)


# --- axes of length 1 --------------------------------------------------------------------------


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> SymbolicArray:
    """New axes of length 1 at the given places of the result."""
    array = as_array("np.expand_dims", a)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    places = normalise_axes("np.expand_dims", axis, array.ndim + count)
    old = [k for k in range(array.ndim + count) if k not in places]
    shape = [sympy.S.One] * (array.ndim + count)
    for k, place in enumerate(old):
        shape[place] = array.extents[k]
    return select_axes("np.expand_dims", array, tuple(shape), old)


@implements(np.squeeze, method="squeeze")
def squeeze(a: Any, axis: Any = None) -> SymbolicArray:
    """Axes of literal length 1 dropped."""
    array = as_array("np.squeeze", a)
    units = tuple(k for k, extent in enumerate(array.extents) if extent == 1)
    axes = units if axis is None else normalise_axes("np.squeeze", axis, array.ndim)
    for k in axes:
        if k not in units:
            fail(
                "np.squeeze",
                f"axis {k} of {current_tracer().label(array.reference)} has the length "
                f"{array.extents[k]}, not 1",
                "annotate the axis with the literal 1 if it always has one element",
            )
    kept = [k for k in range(array.ndim) if k not in axes]
    sources = [kept.index(k) if k in kept else None for k in range(array.ndim)]
    return select_axes("np.squeeze", array, tuple(array.extents[k] for k in kept), sources)


def _at_least(a: Any, rank: int, after: int) -> SymbolicArray:
    array = as_array("np.atleast", a)
    missing = rank - array.ndim
    if missing <= 0:
        return array
    behind = min(after, missing) if array.ndim else 0
    return array[(*[None] * (missing - behind), ..., *[None] * behind)]


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """The array with at least one axis."""
    results = tuple(_at_least(a, 1, 0) for a in arys)
    return results[0] if len(results) == 1 else results


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """The array with at least two axes, new ones in front."""
    results = tuple(_at_least(a, 2, 0) for a in arys)
    return results[0] if len(results) == 1 else results


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """The array with at least three axes, the last one new."""
    results = tuple(_at_least(a, 3, 1) for a in arys)
    return results[0] if len(results) == 1 else results


# --- flips -------------------------------------------------------------------------------------


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> SymbolicArray:
    """y[i] = x[n − 1 − i]."""
    array = as_array("np.flip", m)
    axes = normalise_axes("np.flip", axis, array.ndim)
    subscripts = [
        array.extents[k] - 1 - slot(k) if k in axes else slot(k) for k in range(array.ndim)
    ]
    body = Access(array.read("np.flip"), *subscripts)
    return define("np.flip", array.extents, array.kind, [Term(body)], share(array))


@implements(np.fliplr)
def fliplr(m: Any) -> SymbolicArray:
    """y[i, j] = x[i, n − 1 − j]."""
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> SymbolicArray:
    """y[i] = x[n − 1 − i]."""
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> SymbolicArray:
    """A rotation by k right angles in the plane of two axes."""
    array = as_array("np.rot90", m)
    first, second = (normalise_axis("np.rot90", axis, array.ndim) for axis in axes)
    turns = k % 4
    if turns == 0:
        return _identity_view(array)
    if turns == 2:
        return flip(array, (first, second))
    if turns == 1:
        return swapaxes(flip(array, second), first, second)
    return flip(swapaxes(array, first, second), second)


def _identity_view(array: SymbolicArray) -> SymbolicArray:
    operand = as_operand("np.rot90", array)
    return elementwise("np.rot90", [operand], operand.dtype, lambda x: x)
