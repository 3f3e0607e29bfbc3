"""Rows that a tile gathers and reads often, copied once for each sample.

    f[i] = A[k[i],0]·A[k[i],1] + …     ->     A_at_k[i,r] = A[k[i],r],  f[i] = A_at_k[i,0]·…

Loops over samples that read through an index array do not vectorise; those over the copy do, and
the layout can turn it so that they are contiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

from symgrad.program.definitions import DType
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenTerm,
    Operation,
    Subscript,
    elements_of,
)
from symgrad.schedule.layout_model import LayoutModel, nominal

__all__ = ["pack_gathers"]

Member = tuple[FrozenDefinition, bool]
Key = tuple[str, str]  # the array and the array of its rows

_LEAST_READS = 4  # of each gathered element


@dataclass(frozen=True, slots=True)
class _Tile:
    """What is known of a tile: its sample axis, arrays, and ranges of index arrays."""

    sample: str
    shapes: Mapping[str, tuple[str, ...]]
    ranges: Mapping[str, str]
    produced: frozenset[str]

    def key(self, element: Element, row: str | None) -> Key | None:
        """The gather that an element is part of: `A[k[row], …]` with k known to lie inside A."""
        if row is None or not element.subscripts or element.array in self.produced:
            return None
        first, *rest = element.subscripts
        if not isinstance(first, Element) or len(first.subscripts) != 1:
            return None
        (own,) = first.subscripts
        by_row = isinstance(own, Affine) and own.single_index == row
        plain = all(isinstance(s, Affine) and not s.coefficient(row) for s in rest)
        inside = self.ranges.get(first.array) == self.shapes[element.array][0]
        known = first.array not in self.produced and self.shapes[first.array] == (self.sample,)
        return (element.array, first.array) if by_row and plain and inside and known else None


def pack_gathers(
    members: Iterable[Member],
    sample: str,
    shapes: Mapping[str, tuple[str, ...]],
    dtypes: Mapping[str, DType],
    ranges: Mapping[str, str],
    taken: set[str],
) -> list[Member]:
    """The definitions of one tile, with copies of the gathered rows that they read often.

    Args:
        members: definitions in order; the flag says which accumulate over the samples.
        sample: the extent of the sample axis.
        shapes: of every array of the program.
        dtypes: of every array of the program.
        ranges: index arrays whose values are known to lie in [0, extent).
        taken: names that the copies must not have.
    """
    listed = list(members)
    tile = _Tile(sample, shapes, ranges, frozenset(d.name for d, _ in listed))
    reads: dict[Key, int] = {}
    for definition, sums in listed:
        for term in definition.terms:
            row = _row_of(definition, term, sums, sample)
            for element in elements_of(term):
                key = tile.key(element, row)
                if key is not None:
                    reads[key] = reads.get(key, 0) + _runs(definition, term, row)
    chosen: dict[Key, str] = {}
    copies: list[Member] = []
    for key, count in reads.items():
        array, index = key
        size = prod(nominal(extent, LayoutModel(), sample) for extent in shapes[array][1:])
        if count < _LEAST_READS * size:
            continue
        chosen[key] = f"{array}_at_{index}"
        while chosen[key] in taken:
            chosen[key] += "_"
        taken.add(chosen[key])
        copies.append((_copy(chosen[key], key, sample, shapes[array], dtypes[array], taken), False))
    if not chosen:
        return listed
    return [*copies, *((_rewritten(d, sums, tile, chosen), sums) for d, sums in listed)]


def _runs(definition: FrozenDefinition, term: FrozenTerm, row: str | None) -> int:
    """How often a term is computed for each sample."""
    axes = (*definition.axes, *term.axes)
    return prod(nominal(a.extent, LayoutModel(), "") for a in axes if a.index != row)


def _row_of(definition: FrozenDefinition, term: FrozenTerm, sums: bool, sample: str) -> str | None:
    own = term.axes if sums else definition.axes
    return next((a.index for a in own if a.extent == sample), None)


def _copy(
    name: str, key: Key, sample: str, shape: tuple[str, ...], dtype: DType, taken: set[str]
) -> FrozenDefinition:
    """`A_at_k[i,r] = A[k[i],r]`."""
    array, index = key
    free = (letter for letter in (*"ijpqrst", *(f"i{n}" for n in range(99))) if letter not in taken)
    row = FrozenAxis(next(free), sample)
    rest = tuple(FrozenAxis(next(free), extent) for extent in shape[1:])
    inner = Element(index, (Affine(((row.index, 1),)),))
    subscripts: tuple[Subscript, ...] = (inner, *(Affine(((axis.index, 1),)) for axis in rest))
    load = Operation("load", (), dtype, Element(array, subscripts))
    letters = ",".join(axis.index for axis in (row, *rest))
    places = ",".join((f"{index}[{row.index}]", *(axis.index for axis in rest)))
    formula = f"{name}[{letters}] = {array}[{places}]"
    return FrozenDefinition(
        name, (row, *rest), dtype, (FrozenTerm((load,), (), "sum", ()),), formula
    )


def _rewritten(
    definition: FrozenDefinition, sums: bool, tile: _Tile, chosen: Mapping[Key, str]
) -> FrozenDefinition:
    terms = []
    for term in definition.terms:
        row = _row_of(definition, term, sums, tile.sample)
        operations = tuple(
            replace(o, value=_element(o.value, row, tile, chosen))
            if isinstance(o.value, Element)
            else o
            for o in term.operations
        )
        terms.append(replace(term, operations=operations))
    return replace(definition, terms=tuple(terms))


def _element(element: Element, row: str | None, tile: _Tile, chosen: Mapping[Key, str]) -> Element:
    key = tile.key(element, row)
    if key is None or key not in chosen or row is None:
        return element
    return Element(chosen[key], (Affine(((row, 1),)), *element.subscripts[1:]))
