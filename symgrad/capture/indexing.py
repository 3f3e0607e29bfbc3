"""Reading parts of arrays: slices are shifted subscripts, index arrays are gathers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, View, define
from symgrad.capture.dispatch import implements
from symgrad.capture.keys import (
    Item,
    NewAxis,
    Picked,
    Point,
    Range,
    parse_key,
    position_in_axis,
)
from symgrad.capture.operands import (
    Operand,
    Shape,
    as_array,
    as_operand,
    broadcast_shapes,
    shape_text,
)
from symgrad.capture.reductions import normalise_axis
from symgrad.capture.sizes import decide
from symgrad.capture.tracer import current_tracer, fail, slot, slots
from symgrad.program import Access, Definition, Term, accesses
from symgrad.program.affine import lower_bound, upper_bound

__all__ = ["getitem", "picked_subscript"]

_DEEPEST_INDEX = 8


@implements(name="indexing")
def getitem(array: SymbolicArray, key: Any) -> SymbolicArray:
    """y[k…] = x[key]: affine subscripts for slices, accesses to index arrays for gathers."""
    items = parse_key("indexing", array, key)
    name = array.read("indexing")
    picked = [item for item in items if isinstance(item, Picked)]
    indices = [as_operand("indexing", item.index) for item in picked]
    block = broadcast_shapes("indexing", indices)
    place = _block_place(items) if picked else 0
    shape: list[sympy.Expr] = []
    subscripts: list[sympy.Expr] = [sympy.S.Zero] * array.ndim
    for position, item in enumerate(items):
        if picked and position == place:
            shape.extend(block)
        if isinstance(item, NewAxis):
            shape.append(sympy.S.One)
        elif isinstance(item, Range):
            subscripts[item.axis] = item.start + item.step * slot(len(shape))
            shape.append(item.extent)
        elif isinstance(item, Point):
            subscripts[item.axis] = item.position
    start = _axes_before(items[:place])
    for item, operand in zip(picked, indices, strict=True):
        own = slots(len(block), start)
        subscripts[item.axis] = picked_subscript(array, item.axis, operand, own, block)
    is_view = bool(shape) and not picked
    view = View(array, array.version, comparable_key(key)) if is_view else None
    return define("indexing", shape, array.kind, [Term(Access(name, *subscripts))], view)


def comparable_key(key: Any) -> object:
    """A key in a form that can be compared with another one."""
    return tuple(repr(entry) for entry in (key if isinstance(key, tuple) else (key,)))


def _axes_before(items: Sequence[Item]) -> int:
    return sum(1 for item in items if isinstance(item, (Range, NewAxis)))


def _block_place(items: Sequence[Item]) -> int:
    """Where the axes of the index arrays go: at the first of them, or in front if spread out."""
    advanced = [k for k, item in enumerate(items) if isinstance(item, (Picked, Point))]
    together = advanced[-1] - advanced[0] == len(advanced) - 1
    return advanced[0] if together else 0


def picked_subscript(
    array: SymbolicArray,
    axis: int,
    operand: Operand,
    indices: Sequence[sympy.Symbol],
    shape: Shape,
) -> sympy.Expr:
    """The subscript that an index array gives, checked unless it is certain to be in range."""
    extent = current_tracer().resolve(array.extents[axis])
    if operand.value is not None:
        return position_in_axis("indexing", array, axis, operand.value, extent)
    values = current_tracer().constant_values(operand.name)
    if values is not None:
        return _constant_subscript(array, axis, operand, values, indices, shape, extent)
    formula = _formula(operand.broadcast_at(indices, shape))
    if formula is not None and _in_range(formula, indices, shape, extent):
        return formula
    if _is_position_within(operand.name, extent):
        return operand.broadcast_at(indices, shape)
    return _checked(array, axis, operand, extent).broadcast_at(indices, shape)


def _checked(array: SymbolicArray, axis: int, operand: Operand, extent: sympy.Expr) -> Operand:
    """The index array behind a check that wraps negative entries."""
    tracer = current_tracer()
    key = (operand.name, extent)
    if key not in tracer.index_checks:
        tracer.index_checks[key] = tracer.check_index(
            operand.name, operand.shape, operand.dtype, array.reference, axis, extent
        )
    return Operand(operand.shape, operand.token, tracer.index_checks[key])


def _constant_subscript(
    array: SymbolicArray,
    axis: int,
    operand: Operand,
    values: np.ndarray,
    indices: Sequence[sympy.Symbol],
    shape: Shape,
    extent: sympy.Expr,
) -> sympy.Expr:
    """A literal index array: wrapped now if possible; equal steps are an affine subscript."""
    tracer = current_tracer()
    if extent.is_Integer:
        length = int(extent)
        if values.size and (values.min() < -length or values.max() >= length):
            label = tracer.label(array.reference)
            fail(
                "indexing",
                f"an index array reaches outside axis {axis} of {label}, which has {length} "
                f"elements: it holds {values.min()} to {values.max()}",
            )
        values = np.where(values < 0, values + length, values)
    elif values.size and values.min() < 0:
        return _checked(array, axis, operand, extent).broadcast_at(indices, shape)
    elif values.size:
        tracer.require_nonnegative(extent - 1 - int(values.max()))
    steps = np.diff(values) if values.ndim == 1 else np.array([])
    if values.ndim == 1 and values.size and (steps == (steps[0] if steps.size else 0)).all():
        step = int(steps[0]) if steps.size else 0
        index = indices[-1] if step else sympy.S.Zero
        return sympy.Integer(int(values[0])) + step * index
    name = tracer.constant("indexing", values)
    return Operand(operand.shape, operand.token, name).broadcast_at(indices, shape)


def _formula(access: sympy.Expr) -> sympy.Expr | None:
    """An element of an index array as a formula of indices and sizes, as for np.arange."""
    expression = access
    for _ in range(_DEEPEST_INDEX):
        found = accesses(expression)
        if not found:
            return sympy.expand(expression)
        replacement: dict[sympy.Basic, sympy.Basic] = {}
        for inner in found:
            definition = current_tracer().definition(inner.name)
            if definition is None or not _is_plain(definition):
                return None
            own = dict(zip(definition.indices, inner.subscripts, strict=True))
            replacement[inner] = definition.terms[0].body.xreplace(own)
        expression = expression.xreplace(replacement)
    return None


def _is_plain(definition: Definition) -> bool:
    if len(definition.terms) != 1 or definition.dtype not in ("int64", "int32"):
        return False
    term = definition.terms[0]
    return not term.axes and not term.guards


def _in_range(
    formula: sympy.Expr, indices: Sequence[sympy.Symbol], shape: Shape, extent: sympy.Expr
) -> bool:
    lengths = dict(zip(indices, map(current_tracer().resolve, shape), strict=True))
    low, high = lower_bound(formula, lengths), upper_bound(formula, lengths)
    if low is None or high is None:
        return False
    return bool(decide(low, ">=")) and bool(decide(sympy.expand(high - extent), "<"))


def _is_position_within(name: str, extent: sympy.Expr) -> bool:
    """Whether an index array holds positions (argmax) along an axis of at most this length."""
    definition = current_tracer().definition(name)
    if definition is None or not definition.terms:
        return False
    term = definition.terms[0]
    if term.reduction not in ("argmax", "argmin"):
        return False
    length = current_tracer().resolve(term.axes[0].extent)
    return bool(decide(sympy.expand(length - extent), "<="))


# --- functions of NumPy ------------------------------------------------------------------------


@implements(np.take, method="take")
def take(
    a: Any, indices: Any, axis: Any = None, out: None = None, mode: str = "raise"
) -> SymbolicArray:
    """y[…, k, …] = x[…, index[k], …]."""
    array = as_array("np.take", a)
    if mode != "raise":
        fail("np.take", f"mode='{mode}' is not captured", "np.clip or % on the indices")
    if axis is None:
        array, axis = array.ravel(), 0
    position = normalise_axis("np.take", axis, array.ndim)
    picked = np.asarray(indices) if isinstance(indices, (list, tuple)) else indices
    return getitem(array, (*[slice(None)] * position, picked))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> SymbolicArray:
    """y[i, k] = x[i, index[i, k]]."""
    operation = "np.take_along_axis"
    array, index = as_array(operation, arr), as_operand(operation, indices)
    if axis is None:
        array, axis = array.ravel(), 0
    position = normalise_axis(operation, axis, array.ndim)
    if len(index.shape) != array.ndim or index.dtype not in ("int64", "int32"):
        fail(
            operation,
            f"the indices of shape {shape_text(index.shape)} must be integers with as many axes "
            f"as the array of shape {shape_text(array.extents)}",
            "np.argmax(..., keepdims=True), or index[:, None]",
        )
    fixed = tuple(sympy.S.One if k == position else e for k, e in enumerate(array.extents))
    whole = Operand(fixed, array.dtype, array.read(operation))
    shape = broadcast_shapes(operation, [index, whole])
    subscripts: list[sympy.Expr] = [
        sympy.S.Zero if extent == 1 else slot(k) for k, extent in enumerate(array.extents)
    ]
    subscripts[position] = picked_subscript(array, position, index, slots(len(shape)), shape)
    return define(operation, shape, array.kind, [Term(Access(whole.name, *subscripts))])
