"""Programs without SymPy: flat, typed, value-numbered operations and affine index maps.

This is what the scheduler and the printers work on. Sizes are texts (`n`, `n - 1`, `min(n, m)`)
that are legal Python over the size names; two extents are the same if their texts are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symgrad.program.definitions import DType, MatrixRoutine, Reduction, Relation

__all__ = [
    "Affine",
    "Element",
    "FrozenArray",
    "FrozenAxis",
    "FrozenDefinition",
    "FrozenGuard",
    "FrozenIndexCheck",
    "FrozenMatrixOperation",
    "FrozenProgram",
    "FrozenReshape",
    "FrozenStatement",
    "FrozenTerm",
    "Operation",
    "Subscript",
    "elements_of",
    "indices_of",
    "rename_subscript",
    "sources_of",
]


@dataclass(frozen=True, slots=True)
class Affine:
    """`Σ coefficient·index + rest` with integer coefficients; `rest` is a text over sizes."""

    terms: tuple[tuple[str, int], ...]
    rest: str = "0"

    @property
    def single_index(self) -> str | None:
        """The index, if the expression is that index and nothing else."""
        if self.rest == "0" and len(self.terms) == 1 and self.terms[0][1] == 1:
            return self.terms[0][0]
        return None

    def coefficient(self, index: str) -> int:
        return next((factor for name, factor in self.terms if name == index), 0)

    def without(self, index: str) -> Affine:
        return Affine(tuple(t for t in self.terms if t[0] != index), self.rest)


@dataclass(frozen=True, slots=True)
class Element:
    """`array[subscripts]`: one element of an array."""

    array: str
    subscripts: tuple[Subscript, ...]


Subscript = Affine | Element


@dataclass(frozen=True, slots=True)
class Operation:
    """One scalar operation; operands are positions in the term's tuple of operations.

    `value` belongs to leaves: a number for `constant`, an `Affine` for `index`, a size text for
    `size`, an `Element` for `load`.
    """

    name: str
    operands: tuple[int, ...]
    dtype: DType
    value: float | int | str | Affine | Element | None = None


@dataclass(frozen=True, slots=True)
class FrozenAxis:
    """A loop index and its extent."""

    index: str
    extent: str


@dataclass(frozen=True, slots=True)
class FrozenGuard:
    """`left relation right` over indices."""

    left: Subscript
    relation: Relation
    right: Subscript


@dataclass(frozen=True, slots=True)
class FrozenTerm:
    """`scale · reduction over axes of the last operation`, where all guards hold.

    `scale` is a second, array-free list of operations that a sum leaves outside.
    """

    operations: tuple[Operation, ...]
    axes: tuple[FrozenAxis, ...]
    reduction: Reduction
    guards: tuple[FrozenGuard, ...]
    scale: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class FrozenDefinition:
    """A definition ready for loops, with its formula as text for the reader of the code."""

    name: str
    axes: tuple[FrozenAxis, ...]
    dtype: DType
    terms: tuple[FrozenTerm, ...]
    formula: str
    line: int = 0

    @property
    def shape(self) -> tuple[str, ...]:
        return tuple(axis.extent for axis in self.axes)


@dataclass(frozen=True, slots=True)
class FrozenReshape:
    """`name = source.reshape(shape)`."""

    name: str
    shape: tuple[str, ...]
    dtype: DType
    source: str
    formula: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class FrozenIndexCheck:
    """`name = source` with negative entries wrapped and the range [−extent, extent) checked."""

    name: str
    shape: tuple[str, ...]
    dtype: DType
    source: str
    extent: str
    array: str
    array_axis: int
    formula: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class FrozenMatrixOperation:
    """`name = routine(operands)`, by NumPy on the host; see `MatrixOperation`."""

    name: str
    shape: tuple[str, ...]
    dtype: DType
    routine: MatrixRoutine
    operands: tuple[str, ...]
    transposed: bool
    vector: bool
    formula: str
    line: int = 0


FrozenStatement = FrozenDefinition | FrozenReshape | FrozenIndexCheck | FrozenMatrixOperation


@dataclass(frozen=True, slots=True)
class FrozenArray:
    """An argument or constant: name, shape texts, element type."""

    name: str
    shape: tuple[str, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class FrozenProgram:
    """A program ready to be scheduled. `wrt` names the arguments that are parameters, not data."""

    name: str
    arguments: tuple[FrozenArray, ...]
    constants: tuple[FrozenArray, ...]
    sizes: tuple[str, ...]
    statements: tuple[FrozenStatement, ...]
    outputs: tuple[str, ...]
    wrt: tuple[str, ...] = ()


def indices_of(subscript: Subscript) -> Iterator[str]:
    """Loop indices that occur in a subscript, nested elements included."""
    if isinstance(subscript, Affine):
        yield from (name for name, _ in subscript.terms)
    else:
        for inner in subscript.subscripts:
            yield from indices_of(inner)


def elements_of(term: FrozenTerm) -> Iterator[Element]:
    """Every array element that a term reads, those in subscripts and guards included."""
    for operation in term.operations:
        if isinstance(operation.value, Element):
            yield from _nested(operation.value)
    for guard in term.guards:
        for side in (guard.left, guard.right):
            if isinstance(side, Element):
                yield from _nested(side)


def sources_of(
    statement: FrozenReshape | FrozenIndexCheck | FrozenMatrixOperation,
) -> tuple[str, ...]:
    """Arrays that a statement without loops reads as a whole."""
    if isinstance(statement, FrozenMatrixOperation):
        return statement.operands
    return (statement.source,)


def _nested(element: Element) -> Iterator[Element]:
    yield element
    for subscript in element.subscripts:
        if isinstance(subscript, Element):
            yield from _nested(subscript)


def rename_subscript(subscript: Subscript, names: dict[str, str]) -> Subscript:
    """The subscript with its indices renamed."""
    if isinstance(subscript, Affine):
        return Affine(tuple((names.get(i, i), c) for i, c in subscript.terms), subscript.rest)
    inner = tuple(rename_subscript(s, names) for s in subscript.subscripts)
    return Element(subscript.array, inner)
