"""What a GPU computes apart from the tiles of samples: scatters by the values of an index array.

A gradient of a gather adds to the elements that an index array names. On the CPU each block has
a copy of all of them; hundreds of blocks cannot. So the positions of an index array are listed by
value first, and each element sums its own *segment* of them, in order. Where the index was computed
by an argmax over the same axis, every sample runs over that axis anyway, and its sums stay in
the tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenIndexCheck,
    FrozenProgram,
    FrozenTerm,
)

__all__ = [
    "Scatter",
    "find_scatter",
    "index_arrays",
    "scatters",
    "scatters_samples",
    "segment_names",
]


@dataclass(frozen=True, slots=True)
class Scatter:
    """`key = array[axes]` among the guards of a sum: the key is an output's index."""

    guard: FrozenGuard
    array: str
    key: str
    axes: tuple[FrozenAxis, ...]


def segment_names(array: str) -> tuple[str, str]:
    """The arrays that list an index array: where the positions of a value start, and positions."""
    return f"_first_{array}", f"_order_{array}"


def index_arrays(program: FrozenProgram) -> dict[str, FrozenIndexCheck]:
    """Index arrays whose values are checked to be inside an axis."""
    return {s.name: s for s in program.statements if isinstance(s, FrozenIndexCheck)}


def scatters(program: FrozenProgram) -> frozenset[str]:
    """Definitions with a sum over the positions at which an index array has some value."""
    arrays = index_arrays(program)
    return frozenset(
        s.name
        for s in program.statements
        if isinstance(s, FrozenDefinition)
        and any(find_scatter(s, term.axes, term.guards, arrays) for term in _sums(s))
    )


def scatters_samples(
    definition: FrozenDefinition, sample: str | None, arrays: Mapping[str, FrozenIndexCheck]
) -> bool:
    """Whether all its sums over samples are scatters, which atomics can add within the tiles."""
    sums = [term for term in _sums(definition) if any(a.extent == sample for a in term.axes)]
    return bool(sums) and all(
        find_scatter(definition, term.axes, term.guards, arrays) is not None for term in sums
    )


def _sums(definition: FrozenDefinition) -> list[FrozenTerm]:
    return [term for term in definition.terms if term.axes and term.reduction == "sum"]


def find_scatter(
    definition: FrozenDefinition,
    axes: tuple[FrozenAxis, ...],
    guards: tuple[FrozenGuard, ...],
    arrays: Mapping[str, FrozenIndexCheck],
) -> Scatter | None:
    """The first guard that asks for the positions of a value, if loops over them are long."""
    outputs = {axis.index: axis.extent for axis in definition.axes}
    summed = {axis.index: axis for axis in axes}
    for guard in guards:
        if guard.relation != "==":
            continue
        for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
            if not isinstance(side, Affine) or not isinstance(other, Element):
                continue
            key, array = side.single_index, arrays.get(other.array)
            if key is None or array is None or outputs.get(key) != array.extent:
                continue
            places = [s.single_index if isinstance(s, Affine) else None for s in other.subscripts]
            found = tuple(summed[place] for place in dict.fromkeys(places) if place in summed)
            if not found or tuple(a.extent for a in found) != array.shape:
                continue
            if len(places) == len(found) and not all(a.extent.isdigit() for a in found):
                return Scatter(guard, other.array, key, found)
    return None
