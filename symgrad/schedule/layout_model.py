"""What a nest of loops costs with the sample axis of its arrays first or last: an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenTerm,
    elements_of,
    indices_of,
)
from symgrad.schedule.terms import ARITHMETIC, stride_cost

__all__ = ["LayoutModel", "NestCost", "nominal", "reads_row", "row_last", "row_of"]


@dataclass(frozen=True, slots=True)
class LayoutModel:
    """What the estimate assumes of a processor and of sizes that are not literal.

    A loop takes a vector step for `lanes` runs and `startup / lanes` more, `rest` steps for what
    is less than a vector unless it runs over the rows of a tile, and `fold` steps to add up the
    lanes if it is a sum. A function such as exp costs `call` operations, a copied element `copy`,
    and `stream` if no contraction reads it again. `data` are extents that data have.
    """

    rows: int = 128
    extent: int = 24
    data_extent: int = 24
    lanes: int = 8
    startup: int = 4
    rest: int = 0
    fold: int = 4
    call: int = 12
    copy: int = 2
    stream: int = 2
    data: frozenset[str] = frozenset()

    def of_streams(self) -> LayoutModel:
        """What is assumed where data would be copied that are read once: they come from memory.

        Extents that data have are taken to be longer than those that only parameters have, which
        somebody chose: a rank, a number of components.
        """
        return replace(self, extent=16, data_extent=32, rest=2, stream=8)


def nominal(extent: str, model: LayoutModel, sample: str) -> int:
    """What an extent counts in the estimate."""
    if extent.isdigit():
        return int(extent)
    if extent == sample:
        return model.rows
    return model.data_extent if extent in model.data else model.extent


@dataclass(frozen=True, slots=True)
class NestCost:
    """One term's loops: its axes, which of them are summed, what it touches, its arithmetic."""

    term: FrozenTerm
    axes: tuple[FrozenAxis, ...]
    summed: frozenset[str]
    elements: tuple[tuple[Element, Element], ...]
    scattering: frozenset[str]
    operations: int
    calls: int

    @staticmethod
    def of(
        definition: FrozenDefinition,
        term: FrozenTerm,
        sums: bool,
        sample: str,
        shapes: Mapping[str, tuple[str, ...]],
    ) -> NestCost:
        row = row_of(definition, term, sums, sample)
        target = Element(definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes))
        elements = tuple(
            (element, _with_row_last(element, row, shapes[element.array], sample))
            for element in dict.fromkeys((*elements_of(term), target))
        )
        names = [o.name for o in term.operations]
        return NestCost(
            term,
            (*definition.axes, *term.axes),
            frozenset(a.index for a in term.axes),
            elements,
            _scattering(term),
            sum(n in ARITHMETIC and n not in ("load", "constant", "local") for n in names),
            sum(n not in ARITHMETIC for n in names) + (term.reduction == "logsumexp"),
        )

    def cost(self, moved: frozenset[str], model: LayoutModel, sample: str) -> float:
        """Steps of the loops if the best axis is vectorised."""
        elements = [last if e.array in moved else e for e, last in self.elements]
        extents = {a.index: nominal(a.extent, model, sample) for a in self.axes}
        runs = prod(extents.values())
        arithmetic = self.operations + model.call * self.calls
        costs = [
            runs * self._step_cost(elements, axis, extents[axis.index], arithmetic, model, sample)
            for axis in self.axes
            if axis.index not in self.scattering
        ]
        return min(costs, default=float(runs * (arithmetic + len(elements))))

    def _step_cost(
        self,
        elements: list[Element],
        axis: FrozenAxis,
        extent: int,
        arithmetic: int,
        model: LayoutModel,
        sample: str,
    ) -> float:
        """Cost of one run of the innermost loop over an axis."""
        strides = [stride_cost(element, axis.index) for element in elements]
        touched = sum(stride > 0 for stride in strides)
        if any(stride > 1 for stride in strides):
            return arithmetic + touched
        steps = -(-extent // model.lanes) + model.startup / model.lanes
        if axis.extent != sample and not axis.extent.isdigit():
            steps += model.rest
        folded = model.fold * (axis.index in self.summed)
        return ((arithmetic + touched) * steps + folded) / extent


def _scattering(term: FrozenTerm) -> frozenset[str]:
    """Indices along which the place of a sum jumps, so that no loop over them is vectorised."""
    sides = (side for g in term.guards if g.relation == "==" for side in (g.left, g.right))
    return frozenset(i for side in sides if isinstance(side, Element) for i in indices_of(side))


def row_of(definition: FrozenDefinition, term: FrozenTerm, sums: bool, sample: str) -> str | None:
    """The index that counts the rows of the tile."""
    own = term.axes if sums else definition.axes
    return next((a.index for a in own if a.extent == sample), None)


def reads_row(element: Element, row: str | None, position: int) -> bool:
    """Whether the axis at a position is the row itself."""
    own = element.subscripts[position]
    return row is not None and isinstance(own, Affine) and own.single_index == row


def _with_row_last(
    element: Element, row: str | None, shape: tuple[str, ...], sample: str
) -> Element:
    """The element after the sample axis has moved to the end; unchanged if it is not the row.

    Matrices without the sample axis are transposed.
    """
    if sample not in shape and len(shape) == 2:
        return row_last(element, 0)
    if sample not in shape or not reads_row(element, row, shape.index(sample)):
        return element
    return row_last(element, shape.index(sample))


def row_last(element: Element, position: int) -> Element:
    """The element of the array whose axis at a position is last."""
    rest = (*element.subscripts[:position], *element.subscripts[position + 1 :])
    return Element(element.array, (*rest, element.subscripts[position]))
