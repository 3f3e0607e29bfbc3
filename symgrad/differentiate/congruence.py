"""Hessians as sums over the statements where the second derivative arises.

Adjoints are linear in one another: ū = Σ_v v̄·∂v/∂u + (nothing else). What varies are their
coefficients, so the gradient's derivative arises at some adjoints and is then only carried on,
by the transposes of Jacobians that the forward half has already:

    ∂²f/∂W∂W' = Σ_u (∂u/∂W)ᵀ · S_u,     S_u = Σ_v v̄·∂(∂v/∂u)/∂W'

For a network of piecewise linear layers that is one product Jᵀ·S·J at its end, where forward mode
on the gradient carries S back through every layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from symgrad.differentiate.entries import Entry, Jacobian
from symgrad.differentiate.sweep import Sweep, Workspace
from symgrad.program import Axis, Definition, Statement, dependencies

__all__ = ["congruences"]


def congruences(
    space: Workspace, pairs: Sequence[tuple[str, str]], adjoints: Mapping[str, str]
) -> dict[tuple[str, str], Jacobian] | None:
    """∂²f/∂row∂column for each pair, as Σ_u (∂u/∂row)ᵀ·S_u.

    Args:
        space: the gradient's program, in which no two adjoints have been merged.
        pairs: the arguments (row, column).
        adjoints: the array that each adjoint belongs to.

    Returns:
        The Jacobians of the rows' adjoints; None if a derivative arises where there is no array
        that belongs to it, or where a product could be 0·∞.
    """
    adjoint_of = {name: adjoint for adjoint, name in adjoints.items()}
    known = {a: n for a, n in adjoints.items() if _fits(space, a, n)}
    after = _adjoint_side(space, adjoints)
    wanted = dict.fromkeys(name for pair in pairs for name in pair)
    if any(adjoint_of.get(name) not in known for name in wanted):
        return None
    outputs = (*(adjoint_of[name] for name in wanted), *known.values())
    sweeps: dict[str, Sweep] = {}
    for name in wanted:
        columns = space.index.axes(space.shapes[name])
        sweeps[name] = Sweep(space, name, columns, outputs, constant=known)
        sweeps[name].run()
        arising = {s for s in after if s in sweeps[name].entries}
        if not arising <= known.keys():
            return None
    found: dict[tuple[str, str], Jacobian] = {}
    for row, column in pairs:
        last = space.program.statement(adjoint_of[row])
        rows = space.index.axes(space.shapes[row])
        entries: list[Entry] = []
        for adjoint in (a for a in after if a in sweeps[column].entries):
            carried = _carried(space, sweeps, (row, column), rows, (known[adjoint], adjoint), last)
            if carried is None:
                return None
            entries += carried
        holder = _holder(space, last, rows)
        merged = tuple(sweeps[column].maker.merge(holder, entries))
        found[row, column] = Jacobian(
            adjoint_of[row], column, rows, sweeps[column].columns, holder.dtype, merged
        )
    return found


def _fits(space: Workspace, adjoint: str, name: str) -> bool:
    """Whether both are still there with equal axes after simplification."""
    shapes = space.shapes
    return adjoint in shapes and name in shapes and shapes[adjoint] == shapes[name]


def _adjoint_side(space: Workspace, adjoints: Mapping[str, str]) -> list[str]:
    """Adjoints and whatever is computed from them, in order."""
    found: dict[str, None] = {}
    for statement in space.program.definitions:
        reads = statement.name in adjoints or any(n in found for n in dependencies(statement))
        if reads:
            found[statement.name] = None
    return list(found)


def _carried(
    space: Workspace,
    sweeps: Mapping[str, Sweep],
    pair: tuple[str, str],
    rows: tuple[Axis, ...],
    node: tuple[str, str],
    last: Statement,
) -> list[Entry] | None:
    """Σ_o (∂u[o]/∂row)·S_u[o], in rows and the columns of the second sweep."""
    name, adjoint = node
    row, column = pair
    left, right = sweeps[row], sweeps[column]
    if name == row:
        return list(right.read(adjoint, tuple(axis.index for axis in rows)))
    axes = space.index.axes(space.shapes[name])
    at = tuple(axis.index for axis in axes)
    renamed: dict[sympy.Basic, sympy.Basic] = {
        old.index: new.index for old, new in zip(left.columns, rows, strict=True)
    }
    holder = _holder(space, last, rows)
    entries = []
    for first in left.read(name, at):
        guards = tuple(guard.xreplace(renamed) for guard in first.guards)
        body = first.body.xreplace(renamed)
        for second in right.read(adjoint, at):
            if not (right.maker.poles.is_finite(body) and right.maker.poles.is_finite(second.body)):
                return None
            product = right.maker.product(holder, body, axes, guards, second)
            if product is not None:
                entries.append(product)
    return entries


def _holder(space: Workspace, last: Statement, rows: tuple[Axis, ...]) -> Definition:
    """A statement with the axes of the rows: what is computed for it follows the adjoint."""
    return Definition(last.name, rows, last.dtype, ())
