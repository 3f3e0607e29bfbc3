"""Jacobians of matrix operations: the forward rule, with entries in the place of tangents.

What the rule defines is linear in the tangents, so each definition has entries as any other. A
solve acts on the rows of its right side alone: factors that have no row index stay outside of it,
and the columns of the Jacobian become further columns of the right side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sympy

from symgrad.differentiate.entries import Entry
from symgrad.differentiate.matrices import MatrixRules
from symgrad.program import (
    Access,
    Axis,
    Definition,
    Guard,
    MatrixOperation,
    Reshape,
    Term,
    dependencies,
)

if TYPE_CHECKING:
    from symgrad.differentiate.sweep import Sweep

__all__ = ["expand_operation"]


def expand_operation(sweep: Sweep, statement: MatrixOperation) -> None:
    """The entries of a matrix operation, from those of its operands."""
    space = sweep.space
    rules = MatrixRules(statement, space.shapes, space.fresh, space.index)
    tangents: dict[str, str] = {}
    for name in dependencies(statement):
        if name in sweep.moving():
            tangents[name] = space.fresh(f"{name}_dot")
            sweep.stand_in(tangents[name], name, statement.name)
    result = rules.push_forward(tangents)
    if result is None:
        return
    moving = set(tangents.values())
    for part in rules.statements:
        sweep.anchors[part.name] = statement.name
        if moving.isdisjoint(dependencies(part)):
            sweep.add(statement.name, part)
            continue
        moving.add(part.name)
        space.dtypes[part.name], space.shapes[part.name] = part.dtype, part.shape
        if isinstance(part, Definition):
            sweep.definition(part, frozenset(moving))
        elif isinstance(part, MatrixOperation):
            _solve(sweep, part)
    if result in sweep.entries:
        sweep.entries[statement.name] = sweep.entries[result]
        sweep.indices[statement.name] = sweep.indices[result]


def _solve(sweep: Sweep, statement: MatrixOperation) -> None:
    """The entries of A⁻¹·R, from those of R."""
    axes = sweep.space.index.axes(statement.shape)
    indices = tuple(axis.index for axis in axes)
    right = statement.operands[1]
    shared = len(statement.shape) - len(sweep.space.shapes[right])
    entries = [
        _solved(sweep, statement, axes, entry) for entry in sweep.read(right, indices[shared:])
    ]
    stand_in = Definition(statement.name, axes, statement.dtype, (), statement.origin)
    sweep.indices[statement.name] = indices
    sweep.entries[statement.name] = tuple(sweep.maker.merge(stand_in, entries))


def _solved(
    sweep: Sweep, statement: MatrixOperation, axes: tuple[Axis, ...], entry: Entry
) -> Entry:
    count = len(statement.batch)
    batch, row, others = axes[:count], axes[count], axes[count + 1 :]
    inner = [factor for factor in entry.factors if row.index in factor.free_symbols]
    guards = tuple(guard for guard in entry.guards if row.index in _symbols(guard))
    used = set().union(*(f.free_symbols for f in inner), *map(_symbols, guards))
    matrix = statement.operands[0]
    stacked = len(sweep.space.shapes[matrix]) > 2
    first = batch if stacked and any(axis.index in used for axis in batch) else ()
    further = (*(() if stacked else batch), *others, *sweep.columns)
    rest = tuple(axis for axis in further if axis.index in used)
    right = Definition(
        sweep.space.fresh(f"{statement.name}_right"),
        (*first, row, *rest),
        statement.dtype,
        (Term(sympy.Mul(*inner), (), "sum", guards),),
        statement.origin,
    )
    sweep.add(statement.name, right)
    solution = _solution(sweep, statement, right, len(first), batch if stacked else ())
    subscripts = [axis.index for axis in (*(batch if stacked else ()), row, *rest)]
    return Entry(
        tuple(guard for guard in entry.guards if guard not in guards),
        (*(f for f in entry.factors if f not in inner), Access(solution, *subscripts)),
    )


def _solution(
    sweep: Sweep,
    statement: MatrixOperation,
    right: Definition,
    first: int,
    batch: tuple[Axis, ...],
) -> str:
    """The solve of a right side with any number of axes after its rows, as columns of a matrix."""
    wide = right.shape[first + 1 :]
    lengths, rows = tuple(axis.extent for axis in batch), right.shape[first]
    flat = wide if len(wide) < 2 else (sympy.expand(sympy.Mul(*wide)),)
    name = right.name
    if flat != wide:
        name = sweep.space.fresh(f"{right.name}_columns")
        shape = (*right.shape[:first], rows, *flat)
        sweep.add(statement.name, Reshape(name, shape, right.dtype, right.name, right.origin))
    solution = replace(
        statement,
        name=sweep.space.fresh(f"{statement.name}_by_{sweep.wrt}"),
        shape=(*lengths, rows, *flat),
        operands=(statement.operands[0], name),
        vector=not flat,
    )
    sweep.add(statement.name, solution)
    if flat == wide:
        return solution.name
    name = sweep.space.fresh(f"{solution.name}_apart")
    shape = (*lengths, rows, *wide)
    sweep.add(statement.name, Reshape(name, shape, right.dtype, solution.name, right.origin))
    return name


def _symbols(guard: Guard) -> set[sympy.Symbol]:
    return set(guard.left.free_symbols | guard.right.free_symbols)
