"""One forward walk over a program: the Jacobians of all its arrays by one argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import sympy

from symgrad.differentiate.entries import Entry
from symgrad.differentiate.linearise import linearise
from symgrad.differentiate.masks import ZeroMasks
from symgrad.differentiate.matrix_entries import expand_operation
from symgrad.differentiate.poles import Poles
from symgrad.differentiate.products import EntryMaker
from symgrad.differentiate.ties import is_legal, is_whole
from symgrad.errors import DifferentiationError
from symgrad.program import (
    Access,
    Axis,
    Definition,
    DType,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    dependencies,
    is_floating,
)
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["Sweep", "Workspace"]


@dataclass(slots=True)
class Workspace:
    """A program that Jacobians are derived of, and the statements that they add to it."""

    program: Program
    fresh: FreshNames
    index: FreshIndices
    dtypes: dict[str, DType]
    shapes: dict[str, tuple[sympy.Expr, ...]]
    poles: Poles
    added: dict[str, list[Statement]] = field(default_factory=dict)
    zero: ZeroMasks = field(default_factory=ZeroMasks)

    def add(self, after: str, statement: Statement) -> None:
        """Adds a statement that follows the named one."""
        self.added.setdefault(after, []).append(statement)
        self.dtypes[statement.name] = statement.dtype
        self.shapes[statement.name] = statement.shape


class Sweep:
    """The Jacobians of all arrays that `outputs` need, by one argument.

    Arrays in `constant` count as constant: their derivatives are not followed.
    """

    def __init__(
        self,
        space: Workspace,
        wrt: str,
        columns: tuple[Axis, ...],
        outputs: Iterable[str],
        constant: Collection[str] = (),
    ) -> None:
        self.space = space
        self.wrt = wrt
        self.columns = columns
        self.constant = frozenset(constant)
        self.needed = _needed(space.program, outputs)
        self.maker = EntryMaker(wrt, columns, space.fresh, self.add, space.poles, space.zero)
        self.indices: dict[str, tuple[sympy.Symbol, ...]] = {}
        self.entries: dict[str, tuple[Entry, ...]] = {}
        self.anchors: dict[str, str] = {}  # of arrays that the program does not compute

    def run(self) -> None:
        own = self.space.index.axes(self.space.shapes[self.wrt])
        self.indices[self.wrt] = tuple(axis.index for axis in own)
        ties = tuple(
            Guard(column.index, "==", axis.index)
            for column, axis in zip(self.columns, own, strict=True)
        )
        self.entries[self.wrt] = (Entry(ties, ()),)
        for statement in self.space.program.definitions:
            if statement.name not in self.needed or not is_floating(statement.dtype):
                continue
            if self.moving().isdisjoint(dependencies(statement)):
                continue
            if isinstance(statement, Definition):
                self.definition(statement)
            elif isinstance(statement, Reshape):
                self._reshape(statement)
            elif isinstance(statement, MatrixOperation):
                expand_operation(self, statement)
            else:
                kind = type(statement).__name__
                raise DifferentiationError(f"'{statement.name}': {kind} has no Jacobian")

    def read(self, name: str, subscripts: tuple[sympy.Expr, ...]) -> tuple[Entry, ...]:
        """The Jacobian of one element of an array."""
        found = []
        for entry in self.entries.get(name, ()):
            moved = self._moved(name, entry, subscripts)
            if moved is None:
                definition = self._materialise(name, (entry,))
                columns = (axis.index for axis in self.columns)
                moved = Entry((), (Access(definition.name, *subscripts, *columns),))
            found.append(moved)
        return tuple(found)

    def _moved(self, name: str, entry: Entry, subscripts: tuple[sympy.Expr, ...]) -> Entry | None:
        """The entry with subscripts for its row indices; None if that leaves illegal subscripts."""
        mapping = dict(zip(self.indices[name], subscripts, strict=True))
        guards = tuple(guard.xreplace(mapping) for guard in entry.guards)
        factors = tuple(factor.xreplace(mapping) for factor in entry.factors)
        legal = all(is_legal(factor) for factor in factors) and all(map(is_whole, guards))
        return Entry(guards, factors) if legal else None

    # --- statements ------------------------------------------------------------------------------

    def moving(self) -> frozenset[str]:
        """Arrays whose derivatives are followed."""
        return frozenset(self.entries) - self.constant

    def definition(self, statement: Definition, active: frozenset[str] | None = None) -> None:
        """The entries of a definition, from those of what it reads among the active arrays."""
        active = self.moving() if active is None else active
        linear = linearise(statement, self.space.dtypes, active, self.space.fresh)
        for helper in linear.auxiliary:
            self.add(statement.name, helper)
        if not linear.partials:
            return
        found: list[Entry] = []
        for partial in linear.partials:
            for entry in self.read(partial.access.name, partial.access.subscripts):
                product = self.maker.product(
                    statement, partial.coefficient, partial.axes, partial.guards, entry
                )
                if product is not None:
                    found.append(product)
        self.indices[statement.name] = statement.indices
        self.entries[statement.name] = tuple(self.maker.merge(statement, found))

    def _reshape(self, statement: Reshape) -> None:
        """Same order of elements, other axes: units are re-indexed, anything else is stored."""
        source = statement.source
        axes = self.space.index.axes(statement.shape)
        self.indices[statement.name] = tuple(axis.index for axis in axes)
        shape = self.space.shapes[source]
        long = [axis for axis in axes if axis.extent != 1]
        if [axis.extent for axis in long] == [extent for extent in shape if extent != 1]:
            supply = iter(long)
            subscripts = tuple(
                sympy.S.Zero if extent == 1 else next(supply).index for extent in shape
            )
            self.entries[statement.name] = self.read(source, subscripts)
            return
        definition = self._materialise(source, self.entries[source])
        name = self.space.fresh(f"{statement.name}_by_{self.wrt}")
        extents = (*statement.shape, *(axis.extent for axis in self.columns))
        self.add(
            statement.name,
            Reshape(name, extents, statement.dtype, definition.name, statement.origin),
        )
        columns = (axis.index for axis in self.columns)
        access = Access(name, *self.indices[statement.name], *columns)
        self.entries[statement.name] = (Entry((), (access,)),)

    def _materialise(self, name: str, entries: tuple[Entry, ...]) -> Definition:
        """∂name[o]/∂wrt[k] as an array over all of o and k."""
        shape = self.space.shapes[name]
        axes = tuple(
            Axis(index, extent) for index, extent in zip(self.indices[name], shape, strict=True)
        )
        definition = Definition(
            self.space.fresh(f"{name}_by_{self.wrt}"),
            (*axes, *self.columns),
            self.space.dtypes[name],
            tuple(entry.term() for entry in entries),
        )
        is_argument = name == self.wrt
        self.add("" if is_argument else name, definition)
        return definition

    def stand_in(self, name: str, other: str, after: str) -> None:
        """Lets a name have the entries of another array; what they need is added `after`."""
        self.entries[name], self.indices[name] = self.entries[other], self.indices[other]
        self.space.dtypes[name] = self.space.dtypes[other]
        self.space.shapes[name] = self.space.shapes[other]
        self.anchors[name] = after

    def add(self, after: str, statement: Statement) -> None:
        """Adds a statement to the program, behind one that it has."""
        self.space.add(self.anchors.get(after, after), statement)


def _needed(program: Program, outputs: Iterable[str]) -> frozenset[str]:
    """Names that the outputs depend on, themselves included."""
    needed = set(outputs)
    for statement in reversed(program.definitions):
        if statement.name in needed and not isinstance(statement, IndexCheck):
            needed.update(dependencies(statement))
    return frozenset(needed)
