"""Arrays that kernels share: their shapes and types, and how a kernel is given each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from symgrad.program.definitions import DType
from symgrad.schedule.arrays import arrays_of
from symgrad.schedule.counting import count_elements
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    elements_of,
)
from symgrad.schedule.loops import Parameter, View
from symgrad.schedule.phases import sample_axis
from symgrad.schedule.plan import Buffer

__all__ = ["KnownArrays"]

Role = Literal["full", "rows", "scratch", "accumulator"]


class KnownArrays:
    """The arrays of a program, and those that the scheduler adds to them.

    0-d arguments are passed by value. `sample` is the extent that counts samples.
    """

    def __init__(self, program: FrozenProgram, sample: str | None) -> None:
        arrays = (*program.arguments, *program.constants, *program.statements)
        self.sample = sample
        self.sizes = program.sizes
        self.shapes: dict[str, tuple[str, ...]] = {array.name: array.shape for array in arrays}
        self.dtypes: dict[str, DType] = {array.name: array.dtype for array in arrays}
        self.partial_types: dict[str, DType] = {}
        self.by_value = {array.name for array in program.arguments if not array.shape}

    def taken(self) -> set[str]:
        """Names that a new array must not have."""
        return {*self.shapes, *self.sizes}

    def record(self, definitions: Iterable[FrozenDefinition]) -> None:
        """Takes note of what is computed, and in which layout."""
        for definition in definitions:
            self.shapes[definition.name] = definition.shape
            self.dtypes[definition.name] = definition.dtype

    def buffer(self, name: str) -> Buffer:
        return Buffer(name, self.shapes[name], self.dtypes[name])

    def row_elements(self, scratch: Iterable[str]) -> str:
        """Scratch elements for each row, as a text over sizes."""
        shapes = []
        for name in scratch:
            shape = list(self.shapes[name])
            shape.remove(str(self.sample))
            shapes.append(tuple(shape))
        return count_elements(shapes)

    def parameter(
        self, name: str, role: Role, tile_axis: int | None = None, alias: str | None = None
    ) -> Parameter:
        """The parameter by which a kernel is given an array, at need under another name."""
        shape, dtype = self.shapes[name], self.dtypes[name]
        if role == "accumulator":
            dtype = self.partial_types.get(name, dtype)
        view = View(name, alias or name, len(shape), dtype, tile_axis, name in self.by_value)
        return Parameter(view, role, shape)

    def scratch_parameter(self, name: str) -> Parameter:
        """The parameter of an array that holds the rows of a tile."""
        return self.parameter(name, "scratch", sample_axis(self.shapes[name], self.sample))

    def tiled_parameters(
        self,
        members: Sequence[tuple[FrozenDefinition, bool]],
        scratch: Collection[str],
        kept: Collection[str],
    ) -> Iterator[Parameter]:
        """The parameters of a kernel over a tile, in order of first use.

        Args:
            members: what the kernel computes, and whether each is summed over the samples.
            scratch: arrays kept for one tile.
            kept: arrays that are stored, in scratch or in memory.
        """
        produced = {definition.name: sums for definition, sums in members}
        rows, whole = self._reads_by_row(members)
        for name in arrays_of(definition for definition, _ in members):
            if produced.get(name):
                yield self.parameter(name, "accumulator")
            elif name in scratch:
                yield self.scratch_parameter(name)
            elif name in produced and name not in kept:
                continue
            elif name in produced:
                first = sample_axis(self.shapes[name], self.sample) == 0
                yield self.parameter(name, "rows" if first else "full", 0 if first else None)
            else:
                if name in rows:
                    alias = self._row_name(name) if name in whole else name
                    yield self.parameter(name, "rows", 0, alias)
                if name in whole:
                    yield self.parameter(name, "full")

    def _row_name(self, name: str) -> str:
        """A name for the rows of an array that is also read as a whole."""
        alias, taken = f"{name}_rows", self.taken()
        while alias in taken:
            alias += "_"
        return alias

    def _reads_by_row(
        self, members: Iterable[tuple[FrozenDefinition, bool]]
    ) -> tuple[set[str], set[str]]:
        """Outside arrays that are read at the tile's own rows, and those read anywhere else."""
        rows: set[str] = set()
        whole: set[str] = set()
        for definition, sums in members:
            for term in definition.terms:
                axes = term.axes if sums else definition.axes
                index = next((a.index for a in axes if a.extent == self.sample), None)
                for element in elements_of(term):
                    own = self._is_row(element, index)
                    (rows if own else whole).add(element.array)
        return rows, whole

    def _is_row(self, element: Element, index: str | None) -> bool:
        if not element.subscripts or self.shapes[element.array][0] != self.sample:
            return False
        first = element.subscripts[0]
        return isinstance(first, Affine) and first.single_index == index
