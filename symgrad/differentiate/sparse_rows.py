"""Sparse matrices beside each other, their rows of equal length written as two arrays.

data[row, w]     the values of all parts, one after the other
columns[row, w]  the column of each value, over all arguments flattened
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy

from symgrad.differentiate.pattern import Pattern, SparsePart
from symgrad.program import Access, Axis, Definition, DType, Guard, Term

__all__ = ["JoinedRows", "join_rows"]


@dataclass(frozen=True, slots=True)
class JoinedRows:
    """Compressed rows of `width` values each, over `columns` columns."""

    data: str
    indices: str
    width: int
    rows: tuple[sympy.Expr, ...]
    columns: sympy.Expr
    definitions: tuple[Definition, ...]


def join_rows(
    patterns: Sequence[Pattern],
    dtype: DType,
    fresh: Callable[[str], str],
    axes_of: Callable[[tuple[sympy.Expr, ...]], tuple[Axis, ...]],
) -> JoinedRows | None:
    """The patterns as one matrix, or None if a row's length is not a number known now.

    Args:
        patterns: sparse patterns with the same rows.
        dtype: the type of the values.
        fresh: gives an unused name that starts like its argument.
        axes_of: gives fresh axes for the extents of a shape.
    """
    parts = [(pattern, part) for pattern in patterns for part in pattern.parts]
    widths = [_width(pattern, part) for pattern, part in parts]
    if not parts or any(width is None for width in widths):
        return None
    rows = axes_of(patterns[0].rows)
    total = sum(width for width in widths if width is not None)
    (along,) = axes_of((sympy.Integer(total),))
    values: list[Term] = []
    places: list[Term] = []
    position = 0
    for (pattern, part), width in zip(parts, widths, strict=True):
        assert width is not None
        local = along.index - position
        guards = (
            Guard(sympy.S.Zero, "<=", local),
            Guard(local, "<", sympy.Integer(width)),
        )
        indices = [axis.index for axis in rows]
        free = [local] if None in part.ties else []
        values.append(Term(Access(part.values, *indices, *free), (), "sum", guards))
        before = _columns_before(patterns, pattern)
        places.append(Term(before + _place(pattern, part, indices, local), (), "sum", guards))
        position += width
    data = Definition(fresh("data"), (*rows, along), dtype, tuple(values))
    columns = Definition(fresh("columns"), (*rows, along), "int32", tuple(places))
    return JoinedRows(
        data.name,
        columns.name,
        total,
        patterns[0].rows,
        sympy.Add(*(sympy.Mul(*pattern.columns) for pattern in patterns)),
        (data, columns),
    )


def _width(pattern: Pattern, part: SparsePart) -> int | None:
    """Values of a part in one row: those of at most one free axis of literal length."""
    free = [extent for extent, tie in zip(pattern.columns, part.ties, strict=True) if tie is None]
    if part.inside is not None or len(free) > 1 or any(not e.is_Integer for e in free):
        return None
    return int(free[0]) if free else 1


def _columns_before(patterns: Sequence[Pattern], pattern: Pattern) -> sympy.Expr:
    position = next(k for k, other in enumerate(patterns) if other is pattern)
    return sympy.Add(*(sympy.Mul(*other.columns) for other in patterns[:position]))


def _place(
    pattern: Pattern, part: SparsePart, rows: Sequence[sympy.Symbol], local: sympy.Expr
) -> sympy.Expr:
    """The flat column within one argument."""
    place: sympy.Expr = sympy.S.Zero
    for extent, tie, axes in zip(pattern.columns, part.ties, part.tie_axes, strict=True):
        own = local if tie is None else Access(tie, *(rows[k] for k in axes))
        place = place * extent + own
    return sympy.expand(place)
