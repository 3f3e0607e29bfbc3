"""Scans: a sum or product with the guard k ≤ i (or <, ≥, >) is a running value along i."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    indices_of,
)
from symgrad.schedule.terms import rename_indices

__all__ = ["Scan", "find_scan"]


@dataclass(frozen=True, slots=True)
class Scan:
    """A running value along `axis`; `term` is its update, written with the output's index."""

    term: FrozenTerm
    axis: FrozenAxis
    inclusive: bool
    reverse: bool


def find_scan(definition: FrozenDefinition, term: FrozenTerm) -> Scan | None:
    """The scan that a term is, or None: Σ_k [k ≤ i] f(k) with f free of i."""
    if len(term.axes) != 1 or len(term.guards) != 1 or term.reduction not in ("sum", "prod"):
        return None
    if term.reduction == "prod" and len(definition.terms) != 1:
        return None
    (inner,) = term.axes
    guard = term.guards[0]
    direction = _direction(guard, inner.index)
    if direction is None:
        return None
    outer_index, reverse = direction
    axis = next((a for a in definition.axes if a.index == outer_index), None)
    if axis is None or axis.extent != inner.extent or _reads(term, axis.index):
        return None
    names = {inner.index: axis.index}
    update = replace(rename_indices(term, names), axes=(), guards=())
    return Scan(update, axis, guard.relation == "<=", reverse)


def _direction(guard: FrozenGuard, inner: str) -> tuple[str, bool] | None:
    """The output index compared with the summed one, and whether the sum runs from the end."""
    if guard.relation not in ("<", "<="):
        return None
    if not (isinstance(guard.left, Affine) and isinstance(guard.right, Affine)):
        return None
    left, right = guard.left.single_index, guard.right.single_index
    if left == inner and right is not None:
        return right, False
    if right == inner and left is not None:
        return left, True
    return None


def _reads(term: FrozenTerm, index: str) -> bool:
    return any(
        isinstance(op.value, (Affine, Element)) and index in indices_of(op.value)
        for op in term.operations
    )
