"""Level 2, the loops: kernels as trees of frozen nodes, without SymPy or a target's text.

A kernel is either *tiled* (it computes the rows [start, start + rows) of every sample-wise
definition; loop indices over the sample axis count from the first row of the tile) or *whole*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from symgrad.program.definitions import DType
from symgrad.schedule.frozen import Affine, Element, FrozenAxis, FrozenGuard, Operation, Subscript

__all__ = [
    "Bind",
    "Block",
    "Bound",
    "Declare",
    "FlatLoop",
    "Fold",
    "FoldKind",
    "Kernel",
    "Local",
    "Loop",
    "Node",
    "Parameter",
    "Segment",
    "Store",
    "View",
    "When",
]

FoldKind = Literal["sum", "prod", "max", "min", "argmax", "argmin"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a loop; a `certain` one is known to lie within [0, extent]."""

    value: Affine
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """`for index in range(max(0, lower…), min(extent, upper…))`.

    A `tile` loop runs over the rows of the tile, so its index is relative to the tile's start. With
    a `step` above 1 it stops where fewer than `step` runs are left; a loop with `start_after` runs
    what such a loop left. With `rest_first` what is left are the first runs, not the last. A loop
    with `lanes` is divided among the threads of a CUDA block.
    """

    index: str
    extent: str
    body: tuple[Node, ...]
    lower: tuple[Bound, ...] = ()
    upper: tuple[Bound, ...] = ()
    tile: bool = False
    reverse: bool = False
    step: int = 1
    start_after: int = 1
    rest_first: bool = False
    lanes: bool = False


@dataclass(frozen=True, slots=True)
class FlatLoop:
    """Several loops as one, divided among the threads of a CUDA block; the last axis is fastest.

    `tile` is the index that counts samples, if one of them does.
    """

    axes: tuple[FrozenAxis, ...]
    tile: str | None
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs over the positions at which an index array has the value `key`, in their order.

    `axes` are the indices of a position, `values` how many values there are. Divided among lanes
    on CUDA, the only target that has it.
    """

    array: str
    key: str
    values: str
    axes: tuple[FrozenAxis, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """`index = value`; the body runs if that lies in [0, extent), or always if `inside`."""

    index: str
    value: Subscript
    extent: str
    inside: bool
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class When:
    """The body runs where all guards hold."""

    guards: tuple[FrozenGuard, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """A scalar variable of the kernel."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Declare:
    """`local = initial`."""

    local: Local
    initial: float | int


@dataclass(frozen=True, slots=True)
class Store:
    """Writes an operation's value: into an element or a local, by assignment or addition.

    An `atomic` addition is one that threads of CUDA may do at once, in any order.
    """

    target: Element | Local
    value: int
    add: bool = False
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """Folds an operation's value into a local or an element: a product, an extreme, its position.

    Where the value is a new extreme, the position becomes `index`.
    """

    kind: FoldKind
    local: Local | Element
    value: int
    position: Local | Element | None = None
    index: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Straight-line code: value-numbered operations, then stores and folds of their values."""

    operations: tuple[Operation, ...]
    effects: tuple[Store | Fold, ...]


Node = Loop | FlatLoop | Segment | Bind | When | Declare | Block


@dataclass(frozen=True, slots=True)
class View:
    """How a kernel sees an array: under which name, and whether one axis counts tile rows."""

    array: str
    name: str
    rank: int
    dtype: DType
    tile_axis: int | None = None
    by_value: bool = False
    index_rank: int = -1


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kernel: `view` is what it holds, `role` how the caller provides it."""

    view: View
    role: Literal["full", "rows", "scratch", "accumulator"]
    shape: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One compiled function: parameters, loop nests and the formulas they compute."""

    name: str
    tiled: bool
    sizes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    nests: tuple[tuple[str, tuple[Node, ...]], ...]
