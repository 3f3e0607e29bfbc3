"""Several arrays in one, and one array in parts: terms with disjoint guards, shifted subscripts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.operands import (
    Operand,
    Shape,
    as_array,
    as_operand,
    checked_dtype,
    fail_shapes,
)
from symgrad.capture.reductions import normalise_axis
from symgrad.capture.shaping import as_shape, atleast_1d, atleast_2d, exact_quotient, reshape_array
from symgrad.capture.sizes import as_size, size_value
from symgrad.capture.tracer import current_tracer, fail, slot, slots
from symgrad.program import Access, DType, Guard, Term

__all__ = ["concatenate", "stack"]


# --- joining -----------------------------------------------------------------------------------


def _joined_type(operation: str, operands: Sequence[Operand], dtype: Any) -> DType:
    """NumPy's promotion of arrays: a Python number becomes an array first, so it is not weak."""
    kind = np.result_type(*(operand.dtype for operand in operands)) if dtype is None else dtype
    return checked_dtype(operation, kind)


def _listed(operation: str, arrays: Any) -> list[Any]:
    if isinstance(arrays, SymbolicArray):
        return list(arrays)
    entries = list(arrays)
    if not entries:
        fail(operation, "there must be at least one array")
    return entries


@implements(np.concatenate)
def concatenate(
    arrays: Any,
    /,
    axis: Any = 0,
    out: None = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> SymbolicArray:
    """y[i] = a[i] for i < n, b[i − n] from there on."""
    operation = "np.concatenate"
    operands = [as_operand(operation, a) for a in _listed(operation, arrays)]
    if axis is None:
        flat = [as_array(operation, a).ravel() for a in arrays]
        return concatenate(flat, 0, dtype=dtype)
    first = operands[0]
    if not first.shape:
        fail(operation, "0-d arrays cannot be concatenated", "np.stack")
    position = normalise_axis(operation, axis, len(first.shape))
    _check_joinable(operation, operands, position)
    offset: sympy.Expr = sympy.S.Zero
    terms = []
    for number, operand in enumerate(operands):
        terms.append(_part(operand, position, offset, number == len(operands) - 1))
        offset = sympy.expand(offset + operand.shape[position])
    shape = [*first.shape]
    shape[position] = offset
    return define(operation, shape, _joined_type(operation, operands, dtype), terms)


def _check_joinable(operation: str, operands: Sequence[Operand], axis: int) -> None:
    first = operands[0]
    same = current_tracer().same_extent
    for operand in operands[1:]:
        if len(operand.shape) != len(first.shape) or not all(
            k == axis or same(left, right)
            for k, (left, right) in enumerate(zip(first.shape, operand.shape, strict=True))
        ):
            fail_shapes(operation, first, operand)


def _part(operand: Operand, axis: int, offset: sympy.Expr, last: bool) -> Term:
    """The term of one array: offset ≤ i < offset + n, read at i − offset."""
    index = slot(axis)
    subscripts = list(slots(len(operand.shape)))
    subscripts[axis] = index - offset
    guards = []
    if offset != 0:
        guards.append(Guard(offset, "<=", index))
    if not last:
        guards.append(Guard(index, "<", sympy.expand(offset + operand.shape[axis])))
    return Term(operand.at(subscripts), guards=tuple(guards))


@implements(np.stack)
def stack(
    arrays: Any, axis: Any = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind"
) -> SymbolicArray:
    """y[k, i] = a_k[i]."""
    operation = "np.stack"
    operands = [as_operand(operation, a) for a in _listed(operation, arrays)]
    first = operands[0]
    rank = len(first.shape) + 1
    position = normalise_axis(operation, axis, rank)
    same = current_tracer().same_extent
    for operand in operands[1:]:
        if len(operand.shape) != rank - 1 or not all(map(same, first.shape, operand.shape)):
            fail_shapes(operation, first, operand)
    subscripts = [slot(k) for k in range(rank) if k != position]
    guards = [Guard(slot(position), "==", sympy.Integer(k)) for k in range(len(operands))]
    terms = [
        Term(operand.at(subscripts), guards=(guard,) if len(operands) > 1 else ())
        for operand, guard in zip(operands, guards, strict=True)
    ]
    shape = [*first.shape]
    shape.insert(position, sympy.Integer(len(operands)))
    return define(operation, shape, _joined_type(operation, operands, dtype), terms)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> SymbolicArray:
    """Arrays below each other."""
    return concatenate([atleast_2d(a) for a in _listed("np.vstack", tup)], 0, dtype=dtype)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> SymbolicArray:
    """Arrays beside each other."""
    arrays = [atleast_1d(a) for a in _listed("np.hstack", tup)]
    return concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype)


@implements(np.column_stack)
def column_stack(tup: Any) -> SymbolicArray:
    """Vectors as columns of a matrix."""
    arrays = [atleast_1d(a) for a in _listed("np.column_stack", tup)]
    return concatenate([a[:, None] if a.ndim == 1 else a for a in arrays], 1)


@implements(np.dstack)
def dstack(tup: Any) -> SymbolicArray:
    """Arrays behind each other, along the third axis."""
    from symgrad.capture.shaping import atleast_3d

    return concatenate([atleast_3d(a) for a in _listed("np.dstack", tup)], 2)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> SymbolicArray:
    """Elements behind those of an array."""
    return concatenate([as_array("np.append", arr), as_array("np.append", values)], axis)


# --- splitting ---------------------------------------------------------------------------------


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[SymbolicArray]:
    """Parts of an axis: of equal length, or cut at given positions."""
    array = as_array("np.split", ary)
    position = normalise_axis("np.split", axis, array.ndim)
    sections = size_value(indices_or_sections)
    if sections is None:
        return _cut(array, list(indices_or_sections), position)
    if not sections.is_Integer or sections <= 0:
        fail("np.split", "the number of parts must be a literal integer above 0")
    extent = current_tracer().resolve(array.extents[position])
    part = exact_quotient(extent, sections)
    if part is None:
        fail(
            "np.split",
            f"an axis of length {extent} does not divide into {sections} equal parts for every "
            "size",
            f"annotate the axis as '{sections}*m', or np.array_split",
        )
    return [_range(array, k * part, part, position) for k in range(int(sections))]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[SymbolicArray]:
    """Parts of an axis, the first ones longer by one if it does not divide."""
    array = as_array("np.array_split", ary)
    position = normalise_axis("np.array_split", axis, array.ndim)
    sections = size_value(indices_or_sections)
    if sections is None:
        return _cut(array, list(indices_or_sections), position)
    extent = current_tracer().resolve(array.extents[position])
    if not sections.is_Integer or not extent.is_Integer:
        if sections.is_Integer and exact_quotient(extent, sections) is not None:
            return split(ary, indices_or_sections, axis)
        fail(
            "np.array_split",
            f"parts of an axis of length {extent} have different lengths for different sizes",
            "slices x[:k] and x[k:]",
        )
    short, longer = divmod(int(extent), int(sections))
    lengths = [short + 1] * longer + [short] * (int(sections) - longer)
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    return [
        _range(array, sympy.Integer(s), sympy.Integer(n), position)
        for s, n in zip(starts, lengths, strict=True)
    ]


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[SymbolicArray]:
    """Parts of the first axis."""
    return split(ary, indices_or_sections, 0)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[SymbolicArray]:
    """Parts of the second axis (of the only one)."""
    array = as_array("np.hsplit", ary)
    return split(array, indices_or_sections, 0 if array.ndim == 1 else 1)


def _cut(array: SymbolicArray, positions: list[Any], axis: int) -> list[SymbolicArray]:
    cuts = [None, *positions, None]
    before = (slice(None),) * axis
    return [array[(*before, slice(start, stop))] for start, stop in itertools.pairwise(cuts)]


def _range(array: SymbolicArray, start: sympy.Expr, length: sympy.Expr, axis: int) -> SymbolicArray:
    """y[i] = x[start + i]."""
    from symgrad.capture.shaping import share

    subscripts = list(slots(array.ndim))
    subscripts[axis] = slot(axis) + start
    shape = [*array.extents]
    shape[axis] = length
    body = Access(array.read("np.split"), *subscripts)
    return define("np.split", shape, array.kind, [Term(body)], share(array))


# --- shifting, padding, repeating --------------------------------------------------------------


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> SymbolicArray:
    """y[i] = x[i − s] for i ≥ s, x[i − s + n] before, with s = shift mod n."""
    array = as_array("np.roll", a)
    if axis is None:
        flat = roll(array.ravel(), shift, 0)
        return flat if array.ndim == 1 else reshape_array(flat, array.extents)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(axes) == 1 and len(shifts) > 1:
        axes = tuple(axes) * len(shifts)
    for one, by in zip(axes, shifts, strict=True):
        array = _roll_axis(array, by, normalise_axis("np.roll", one, array.ndim))
    return array


def _roll_axis(array: SymbolicArray, shift: Any, axis: int) -> SymbolicArray:
    extent = current_tracer().resolve(array.extents[axis])
    by = sympy.Mod(as_size("np.roll", "the shift", shift), extent) if extent != 0 else sympy.S.Zero
    name = array.read("np.roll")

    def term(offset: sympy.Expr, *guards: Guard) -> Term:
        subscripts = list(slots(array.ndim))
        subscripts[axis] = slot(axis) + offset
        return Term(Access(name, *subscripts), guards=guards)

    if by == 0:
        terms = [term(sympy.S.Zero)]
    else:
        terms = [
            term(-by, Guard(by, "<=", slot(axis))),
            term(extent - by, Guard(slot(axis), "<", by)),
        ]
    return define("np.roll", array.extents, array.kind, terms)


@implements(np.pad)
def pad(
    array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0
) -> SymbolicArray:
    """y[i] = x[i − before] inside, a constant outside."""
    if mode != "constant":
        fail("np.pad", f"mode='{mode}' is not captured", "np.concatenate of the parts")
    source = as_array("np.pad", array)
    widths = _pairs(source.ndim, pad_width, "pad_width")
    values = _pairs(source.ndim, constant_values, "constant_values")
    shape: Shape = tuple(
        sympy.expand(extent + before + after)
        for extent, (before, after) in zip(source.extents, widths, strict=True)
    )
    guards: list[Guard] = []
    for k, (before, after) in enumerate(widths):
        if before != 0:
            guards.append(Guard(before, "<=", slot(k)))
        if after != 0:
            guards.append(Guard(slot(k), "<", sympy.expand(before + source.extents[k])))
    subscripts = [slot(k) - widths[k][0] for k in range(source.ndim)]
    terms = [Term(Access(source.read("np.pad"), *subscripts), guards=tuple(guards))]
    terms += _padding_terms(source, widths, values)
    return define("np.pad", shape, source.kind, terms)


def _padding_terms(
    source: SymbolicArray,
    widths: Sequence[tuple[sympy.Expr, sympy.Expr]],
    values: Sequence[tuple[sympy.Expr, sympy.Expr]],
) -> list[Term]:
    """The constants outside: later axes win in the corners, as in NumPy."""
    terms: list[Term] = []
    inner: list[Guard] = []
    for k in reversed(range(source.ndim)):
        (before, after), (low, high) = widths[k], values[k]
        end = sympy.expand(before + source.extents[k])
        if before != 0:
            if low != 0:
                terms.append(Term(low, guards=(*inner, Guard(slot(k), "<", before))))
            inner.append(Guard(before, "<=", slot(k)))
        if after != 0:
            if high != 0:
                terms.append(Term(high, guards=(*inner, Guard(end, "<=", slot(k)))))
            inner.append(Guard(slot(k), "<", end))
    return terms


def _pairs(rank: int, given: Any, what: str) -> list[tuple[sympy.Expr, sympy.Expr]]:
    """(before, after) of each axis from the forms that np.pad takes."""
    convert = _pad_value if what == "constant_values" else _pad_size
    if not isinstance(given, (tuple, list)):
        return [(convert(given), convert(given))] * rank
    entries = list(given)
    if all(not isinstance(entry, (tuple, list)) for entry in entries):
        if len(entries) == 1:
            entries = [entries[0], entries[0]]
        entries = [tuple(entries)] * rank
    if len(entries) == 1:
        entries = entries * rank
    if len(entries) != rank or any(len(entry) not in (1, 2) for entry in entries):
        fail("np.pad", f"{what} must be a number, a pair, or a pair for each of the {rank} axes")
    return [(convert(entry[0]), convert(entry[-1])) for entry in entries]


def _pad_size(value: Any) -> sympy.Expr:
    return as_size("np.pad", "a width", value)


def _pad_value(value: Any) -> sympy.Expr:
    operand = as_operand("np.pad", value)
    if operand.shape:
        fail("np.pad", "constant_values must be numbers")
    return operand.at(())


@implements(np.tile)
def tile(A: Any, reps: Any) -> SymbolicArray:
    """y[r·n + i] = x[i]: copies one after the other."""
    array = as_array("np.tile", A)
    counts = list(as_shape("np.tile", reps))
    rank = max(len(counts), array.ndim)
    counts = [sympy.S.One] * (rank - len(counts)) + counts
    extents = (sympy.S.One,) * (rank - array.ndim) + array.extents
    shape = [entry for pair in zip(counts, extents, strict=True) for entry in pair]
    subscripts = [slot(2 * k + 1) for k in range(rank - array.ndim, rank)]
    body = Access(array.read("np.tile"), *subscripts)
    spread = define("np.tile", shape, array.kind, [Term(body)])
    merged = tuple(sympy.expand(c * n) for c, n in zip(counts, extents, strict=True))
    return reshape_array(spread, merged)


@implements(np.repeat, method="repeat")
def repeat(a: Any, repeats: Any, axis: Any = None) -> SymbolicArray:
    """y[i·r + s] = x[i]: each element several times."""
    array = as_array("np.repeat", a)
    count = size_value(repeats)
    if count is None:
        fail("np.repeat", "different counts for different elements are not captured", "x[index]")
    if axis is None:
        array, axis = array.ravel(), 0
    position = normalise_axis("np.repeat", axis, array.ndim)
    shape = [*array.extents]
    shape.insert(position + 1, count)
    subscripts = [slot(k if k <= position else k + 1) for k in range(array.ndim)]
    body = Access(array.read("np.repeat"), *subscripts)
    spread = define("np.repeat", shape, array.kind, [Term(body)])
    merged = [*array.extents]
    merged[position] = sympy.expand(merged[position] * count)
    return reshape_array(spread, tuple(merged))
