"""Index keys: `x[1:, -1, None, index]` as one item per axis, with bounds checked if known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray
from symgrad.capture.sizes import SizeRatio, decide, size_value
from symgrad.capture.tracer import current_tracer, fail

__all__ = [
    "Item",
    "NewAxis",
    "Picked",
    "Point",
    "Range",
    "nonnegative",
    "parse_key",
    "position_in_axis",
    "slice_range",
]


@dataclass(frozen=True, slots=True)
class Range:
    """A slice of an axis: elements start + step·k, k < extent."""

    axis: int
    start: sympy.Expr
    step: int
    extent: sympy.Expr


@dataclass(frozen=True, slots=True)
class Point:
    """One position of an axis."""

    axis: int
    position: sympy.Expr


@dataclass(frozen=True, slots=True)
class Picked:
    """Positions of an axis given by an integer array of the program or a literal one."""

    axis: int
    index: SymbolicArray | np.ndarray


@dataclass(frozen=True, slots=True)
class NewAxis:
    """A new axis of length 1."""


Item = Range | Point | Picked | NewAxis


def parse_key(operation: str, array: SymbolicArray, key: Any) -> list[Item]:
    """The items of a key, an Ellipsis and missing axes filled up with whole slices."""
    entries = _expand_masks(operation, list(key) if isinstance(key, tuple) else [key])
    used = sum(1 for entry in entries if entry is not None and entry is not Ellipsis)
    label = current_tracer().label(array.reference)
    if used > array.ndim:
        fail(operation, f"{used} indices for {label}, which has {array.ndim} axes")
    dots = [k for k, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        fail(operation, "an index can have only one ellipsis")
    place = dots[0] if dots else len(entries)
    missing: list[Any] = [slice(None)] * (array.ndim - used)
    entries = [*entries[:place], *missing, *entries[place + len(dots) :]]
    items: list[Item] = []
    axis = 0
    for entry in entries:
        if entry is None:
            items.append(NewAxis())
            continue
        items.append(_item(operation, array, axis, entry))
        axis += 1
    return items


def _expand_masks(operation: str, entries: list[Any]) -> list[Any]:
    """Literal masks become the positions where they hold; symbolic ones cannot."""
    expanded: list[Any] = []
    for entry in entries:
        if isinstance(entry, list):
            entry = np.asarray(entry, dtype=None if entry else np.int64)
        if isinstance(entry, (bool, np.bool_)):
            fail(operation, "True and False are not positions", "0 and 1, or slices")
        if isinstance(entry, SymbolicArray) and entry.kind == "bool":
            fail(
                operation,
                f"the elements where the mask {current_tracer().label(entry.reference)} holds "
                "are as many as its values say",
                "np.where(mask, x, 0), which keeps the shape (a sum or mean then ignores the rest)",
            )
        if isinstance(entry, np.ndarray) and entry.dtype == bool:
            expanded.extend(np.nonzero(entry))
        else:
            expanded.append(entry)
    return expanded


def _item(operation: str, array: SymbolicArray, axis: int, entry: Any) -> Item:
    extent = current_tracer().resolve(array.extents[axis])
    if isinstance(entry, slice):
        return slice_range(operation, entry, axis, extent)
    position = size_value(entry)
    if position is not None:
        return Point(axis, position_in_axis(operation, array, axis, position, extent))
    if isinstance(entry, SymbolicArray) and entry.kind in ("int64", "int32"):
        return Picked(axis, entry)
    if isinstance(entry, np.ndarray) and entry.dtype.kind in "iu":
        return Picked(axis, entry.astype(np.int64))
    if isinstance(entry, tuple) and all(isinstance(e, (int, np.integer)) for e in entry):
        return Picked(axis, np.asarray(entry, dtype=np.int64))
    kind = entry.kind if isinstance(entry, SymbolicArray) else type(entry).__name__
    if isinstance(entry, (SizeRatio, float)):
        fail(operation, "a position must be an integer", "// in place of /")
    fail(operation, f"an index of type {kind} is not an integer", "index.astype(np.int64)")


def position_in_axis(
    operation: str, array: SymbolicArray, axis: int, position: sympy.Expr, extent: sympy.Expr
) -> sympy.Expr:
    """A position counted from the front; what is not certain is noted as a requirement."""
    negative = decide(position, "<")
    place = sympy.expand(extent + position) if negative else position
    below, above = decide(place, ">="), decide(place - extent, "<")
    if below is False or above is False:
        label = current_tracer().label(array.reference)
        fail(
            operation,
            f"index {position} is out of range for axis {axis} of {label}, which has "
            f"{extent} elements",
        )
    current_tracer().require_nonnegative(place)
    current_tracer().require_nonnegative(extent - 1 - place)
    return place


def slice_range(operation: str, key: slice, axis: int, extent: sympy.Expr) -> Range:
    """start:stop:step of an axis, as NumPy clips it, for every size.

    x[1:] has n − 1 elements, x[:k] min(k, n), x[::-2] ⌊(n + 1)/2⌋.
    """
    step_value = size_value(1 if key.step is None else key.step)
    if step_value is None or not step_value.is_Integer or step_value == 0:
        fail(operation, "the step of a slice must be a literal integer, not 0")
    step = int(step_value)
    start, stop = (
        None if bound is None else _bound(operation, bound) for bound in (key.start, key.stop)
    )
    if step > 0:
        first = sympy.S.Zero if start is None else _clip_low(start, extent, sympy.S.Zero)
        last = extent if stop is None else _clip(stop, extent, sympy.S.Zero, extent)
        span = last - first
    else:
        top = extent - 1
        first = top if start is None else _clip(start, extent, sympy.Integer(-1), top)
        last = sympy.Integer(-1) if stop is None else _clip_low(stop, extent, sympy.Integer(-1))
        span = first - last
    count = sympy.floor(sympy.expand(span + abs(step) - 1) / abs(step))
    return Range(axis, sympy.expand(first), step, nonnegative(sympy.expand(count)))


def _bound(operation: str, bound: Any) -> sympy.Expr:
    value = size_value(bound)
    if value is None:
        if isinstance(bound, SymbolicArray):
            fail(
                operation,
                "the bound of a slice depends on values, so the length of the result would",
                "np.where(np.arange(n) < k, x, 0), which keeps the shape",
            )
        fail(operation, f"the bound of a slice must be an integer or a size, not {bound!r}")
    return value


def _clip_low(value: sympy.Expr, extent: sympy.Expr, low: sympy.Expr) -> sympy.Expr:
    """A bound counted from the front, clipped below only: the count clips the rest."""
    if decide(value, "<"):
        place = sympy.expand(extent + value)
        return place if decide(place - low, ">=") else sympy.Max(place, low)
    current_tracer().require_nonnegative(value)
    return value


def _clip(value: sympy.Expr, extent: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> sympy.Expr:
    """A bound counted from the front, clipped on both sides."""
    place = _clip_low(value, extent, low)
    if decide(value, "<"):
        return place  # counted from the end, it is never behind it
    room = sympy.expand(high - place)
    if decide(room, ">="):
        current_tracer().require_nonnegative(room)
        return place
    return sympy.Min(place, high)


def nonnegative(expression: sympy.Expr) -> sympy.Expr:
    """max(0, expression), plain where the expression is certain to be nonnegative.

    max(0, max(0, n − 2) − 1) becomes max(0, n − 3), so that equal lengths look alike.
    """
    if decide(expression, ">="):
        return expression
    parts = sympy.Add.make_args(expression)
    inner = [part for part in parts if isinstance(part, sympy.Max)]
    if len(inner) == 1:
        rest = expression - inner[0]
        return sympy.Max(0, *(sympy.expand(option + rest) for option in inner[0].args))
    return sympy.Max(0, expression)
