"""Element assignment `y[key] = v`: the object means a new definition from then on.

y′[i] = v[…] inside the box of the key, y[i] outside; the outside is a disjoint union of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, fail_view_write
from symgrad.capture.elementwise import cast_body, fail_argument_write
from symgrad.capture.indexing import comparable_key
from symgrad.capture.keys import Item, NewAxis, Picked, Point, Range, parse_key
from symgrad.capture.operands import Operand, Shape, as_operand, fits_into, shape_text
from symgrad.capture.tracer import current_tracer, fail, slot, slots
from symgrad.program import Access, Axis, Guard, Term
from symgrad.program import functions as f

__all__ = ["set_item"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an axis: conditions on its index, and extents of the indices they bind."""

    guards: tuple[Guard, ...] = ()
    bound: tuple[Axis, ...] = ()

    def joined(self, other: Piece) -> Piece:
        """Both parts' conditions, for parts of different axes."""
        return Piece(self.guards + other.guards, self.bound + other.bound)


def set_item(array: SymbolicArray, key: Any, value: Any) -> None:
    """y[key] = value, for y made by the model itself."""
    if array.is_argument:
        fail_argument_write(array)
    _settle_pending(array, key, value)
    if array.view is not None:
        _fail_view_assignment(array)
    mask = _as_mask(array, key)
    if mask is not None:
        terms = [_masked(array, mask, value)]
    else:
        items = parse_key("assignment", array, key)
        terms = _boxed(array, items, as_operand("assignment", value))
    tracer = current_tracer()
    name = tracer.define("assignment", array.extents, array.kind, terms)
    hint = tracer.drafts[array.reference].hint if array.reference in tracer.drafts else ""
    tracer.suggest(name, hint)
    array.rebind(name)


def _fail_view_assignment(array: SymbolicArray) -> None:
    base = array.view.base if array.view is not None else array
    while base.view is not None:
        base = base.view.base
    if base.is_argument:
        fail_argument_write(base)
    fail(
        "assignment",
        f"it would change {current_tracer().label(base.reference)} through a view of it",
        "one index on the array itself: y[i, j] = v, not y[i][j] = v",
    )


def _settle_pending(array: SymbolicArray, key: Any, value: Any) -> None:
    """`y[1:] += v` reaches here with the sum as value: it is then no write through a view."""
    pending = current_tracer().pending
    if id(value) not in pending:
        return
    view = value.view
    if view is None or view.base is not array or view.key != comparable_key(key):
        fail_view_write(value)
    del pending[id(value)]
    value.view = None


# --- masks -------------------------------------------------------------------------------------


def _as_mask(array: SymbolicArray, key: Any) -> Operand | None:
    if not isinstance(key, (SymbolicArray, np.ndarray)) or key.dtype.name != "bool":
        return None
    mask = as_operand("assignment", key)
    if not fits_into(mask.shape, array.extents[: len(mask.shape)]):
        fail(
            "assignment",
            f"the mask of shape {shape_text(mask.shape)} does not fit the array of shape "
            f"{shape_text(array.extents)}",
        )
    return mask


def _masked(array: SymbolicArray, mask: Operand, value: Any) -> Term:
    """y′[i] = select(mask[i], v, y[i])."""
    given = as_operand("assignment", value)
    rank, covered = array.ndim, len(mask.shape)
    rest: Shape = array.extents[covered:]
    if not fits_into(given.shape, rest):
        fail(
            "assignment",
            "as many values as the mask has true entries cannot be captured",
            "y = np.where(mask, values, y) with values of the full shape",
        )
    indices = slots(rank)
    new = cast_body(given.broadcast_at(indices[covered:], rest), given.dtype, array.kind)
    old = Access(array.read("assignment"), *indices)
    return Term(f.select(mask.at(indices[:covered]), new, old))


# --- boxes -------------------------------------------------------------------------------------


def _boxed(array: SymbolicArray, items: list[Item], value: Operand) -> list[Term]:
    """One term for the box, and one for each part of its outside."""
    region = _region_shape(items)
    _check_value(value, region)
    old = Access(array.read("assignment"), *slots(array.ndim))
    definition = current_tracer().definition(array.reference)
    keep_old = definition is None or bool(definition.terms)
    inside = Piece()
    outside: list[Piece] = []
    for item in items:
        if isinstance(item, (Range, Point)):
            extent = current_tracer().resolve(array.extents[item.axis])
            within, beyond = _split_axis(item, extent, array.ndim)
            outside.extend(inside.joined(piece) for piece in beyond)
            inside = inside.joined(within)
    new = value.broadcast_at(_value_subscripts(items, array.ndim), region)
    body = cast_body(new, value.dtype, array.kind)
    terms = [Term(body, inside.bound, "sum", inside.guards)] if body != 0 else []
    if keep_old:
        terms += [Term(old, piece.bound, "sum", piece.guards) for piece in outside]
    return terms


def _check_value(value: Operand, region: Shape) -> None:
    if not fits_into(value.shape, region):
        fail(
            "assignment",
            f"shape clash: the value {value.label} has shape {shape_text(value.shape)}, the "
            f"place it is assigned to has shape {shape_text(region)}",
        )


def _region_shape(items: list[Item]) -> Shape:
    shape: list[sympy.Expr] = []
    for item in items:
        if isinstance(item, Range):
            shape.append(item.extent)
        elif isinstance(item, NewAxis):
            shape.append(sympy.S.One)
        elif isinstance(item, Picked):
            fail(
                "assignment",
                "assigning at the positions of an index array is not captured",
                "np.where with a comparison, such as np.where(np.arange(n) == index, v, y)",
            )
    return tuple(shape)


def _stride_index(axis: int, rank: int) -> sympy.Symbol:
    """The bound index that counts the steps of a strided slice of an axis."""
    return slot(rank + 2 * axis)


def _split_axis(item: Range | Point, extent: sympy.Expr, rank: int) -> tuple[Piece, list[Piece]]:
    """The part of an axis inside a key, and the disjoint parts outside.

    A slice of stride s > 1 is { low + s·q }, the gaps in it { low + s·q + 1 + r : r < s − 1 }.
    """
    index = slot(item.axis)
    if isinstance(item, Point):
        inside = Piece((Guard(index, "==", item.position),))
        return inside, [Piece((Guard(index, "!=", item.position),))]
    stride = abs(item.step)
    low = item.start if item.step > 0 else item.start + (item.extent - 1) * item.step
    low = sympy.expand(low)
    end = sympy.expand(low + stride * item.extent)
    outside: list[Piece] = []
    guards: list[Guard] = []
    if low != 0:
        guards.append(Guard(low, "<=", index))
        outside.append(Piece((Guard(index, "<", low),)))
    if end != extent:
        guards.append(Guard(index, "<", end))
        outside.append(Piece((Guard(end, "<=", index),)))
    if stride == 1:
        return Piece(tuple(guards)), outside
    step, gap = Axis(_stride_index(item.axis, rank), item.extent), slot(rank + 2 * item.axis + 1)
    position = low + stride * step.index
    between = Piece(
        (Guard(index, "==", position + gap + 1),), (step, Axis(gap, sympy.Integer(stride - 1)))
    )
    return Piece((Guard(index, "==", position),), (step,)), [*outside, between]


def _value_subscripts(items: list[Item], rank: int) -> list[sympy.Expr]:
    """Where in the value the element for index i of the array stands."""
    subscripts: list[sympy.Expr] = []
    for item in items:
        if isinstance(item, NewAxis):
            subscripts.append(sympy.S.Zero)
        elif isinstance(item, Range):
            index = slot(item.axis)
            if abs(item.step) == 1:
                subscripts.append(sympy.expand((index - item.start) * item.step))
            else:
                count = _stride_index(item.axis, rank)
                subscripts.append(count if item.step > 0 else item.extent - 1 - count)
    return subscripts
