"""The schedule of the CUDA target: kernels as nests of thread loops, and the launches around them.

Each nest is computed by all threads of a kernel together, one *element* a thread, the innermost
axis across neighbouring threads. A sum inside an element can be shared by several *lanes*: each
takes every so-manieth part, and their results are combined in a fixed order. A *tiled* kernel gives
every block tiles of samples and computes all nests for one tile before the next; a *grid* kernel
has one nest over all threads of the launch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from symgrad.schedule.frozen import Element, FrozenAxis, FrozenProgram, Operation
from symgrad.schedule.loops import Block, FoldKind, Local, Node, Parameter
from symgrad.schedule.plan import Buffer, CheckIndex, OperateOnMatrices, ReshapeArray

__all__ = [
    "AccumulateNest",
    "BlockSum",
    "Combine",
    "ContractNest",
    "CudaAccumulator",
    "CudaKernel",
    "CudaOptions",
    "CudaSchedule",
    "CudaStep",
    "ListSegments",
    "Nest",
    "Round",
    "RunGrid",
    "RunProduct",
    "RunTiles",
    "ThreadNest",
]


@dataclass(frozen=True, slots=True)
class CudaOptions:
    """Choices that are written into the generated module.

    A block has `threads` threads, a power of two, and the square of `side`. A launch has at most
    `most_blocks` blocks; what is left runs in further rounds of the same threads. There are several
    times as many as a card runs at once, lest most of it waits for the last of them. Rows are
    computed `tile_rows` at a time, fewer where scratch for them would exceed `tile_elements` in a
    block or there would be less than `least_tiles` tiles, and no more blocks have scratch and
    partial sums of their own than `most_parts` elements hold. As many lanes share a sum as
    bring `least_threads` to work, and `most_lanes` where lanes are neighbours in memory. A sort of
    indices gives each thread `chunk` of them. A kernel has at most `most_nests` nests, lest its
    registers spill. All of these are counted from sizes alone, never
    from the device, so that the same input has the same bits on every card.

    Two options give that up. With `atomics` sums over the values of an index array are added in
    whatever order threads come. With `cublas` products of two matrices of `least_product`
    multiplications or more are left to cuBLAS, through CuPy.
    """

    threads: int = 256
    most_blocks: int = 4096
    least_tiles: int = 1024
    tile_rows: int = 256
    tile_elements: int = 16_384
    most_parts: int = 16_777_216
    most_lanes: int = 8
    least_threads: int = 65_536
    chunk: int = 32
    side: int = 16
    most_nests: int = 30
    atomics: bool = False
    cublas: bool = False
    least_product: int = 16_777_216


@dataclass(frozen=True, slots=True)
class Combine:
    """The lanes' values of a local become one, which every lane then holds."""

    kind: FoldKind
    local: Local
    position: Local | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Loops divided among lanes, then the combination of what they found."""

    nodes: tuple[Node, ...]
    combines: tuple[Combine, ...]


@dataclass(frozen=True, slots=True)
class ThreadNest:
    """Elements across threads; `rounds` are shared by lanes, `finish` is run by the first lane.

    `summed` is the text of how many terms the lanes of an element share, empty where each element
    has one thread. `wide` says that lanes, not elements, are neighbours in memory. `tile` is the
    index that counts the samples of the tile, None in a grid kernel.
    """

    formula: str
    axes: tuple[FrozenAxis, ...]
    rounds: tuple[Round, ...]
    finish: tuple[Node, ...]
    summed: str = ""
    wide: bool = False
    tile: str | None = None


@dataclass(frozen=True, slots=True)
class AccumulateNest:
    """Sums over the samples of a tile, added to partial sums.

    A thread belongs to one element and one of several groups; a group takes every so-manieth term
    and has a partial sum of its own.
    """

    formula: str
    name: str
    axes: tuple[FrozenAxis, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContractNest:
    """`Σ_k left·right` in squares staged in shared memory, where the sizes fill them; else `plain`.

    `rows`, `columns` and `summed` are the axes of the target and the sum; `stores` write the
    elements of one thread, row by row, whose sums are locals `sum0`, `sum1`, …
    """

    left: Element
    right: Element
    rows: FrozenAxis
    columns: FrozenAxis
    summed: FrozenAxis
    tile: str | None
    stores: tuple[Block, ...]
    plain: ThreadNest | AccumulateNest

    @property
    def formula(self) -> str:
        return self.plain.formula


Nest = ThreadNest | AccumulateNest | ContractNest


@dataclass(frozen=True, slots=True)
class BlockSum:
    """A total that every thread keeps in a register over all tiles, combined at the end."""

    local: Local
    name: str


@dataclass(frozen=True, slots=True)
class CudaKernel:
    """One compiled kernel: `sample` is the extent whose tiles it runs over, None for a grid."""

    name: str
    sample: str | None
    sizes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    sums: tuple[BlockSum, ...]
    nests: tuple[Nest, ...]


@dataclass(frozen=True, slots=True)
class CudaAccumulator:
    """Partial sums: one of each block, one of each group of each block, or one that all share.

    Groups are those of an `AccumulateNest`. What all share is added to by atomics.
    """

    buffer: Buffer
    scale: tuple[Operation, ...]
    owner: Literal["block", "group", "all"]


@dataclass(frozen=True, slots=True)
class RunTiles:
    """A launch over tiles of samples; `row_elements` are the scratch elements of one row."""

    kernel: CudaKernel
    sample: str
    outputs: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...]
    accumulators: tuple[CudaAccumulator, ...]
    row_elements: str


@dataclass(frozen=True, slots=True)
class RunGrid:
    """A launch over the elements of one nest."""

    kernel: CudaKernel
    outputs: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class RunProduct:
    """`scale·left·right` by cuBLAS where it is large at the call, else the launch of a kernel.

    A factor that is `turned` is read transposed.
    """

    launch: RunGrid
    left: str
    right: str
    turned: tuple[bool, bool]
    extents: tuple[str, str, str]
    scale: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class ListSegments:
    """The positions of an index array in the order of its values, and where each value starts."""

    array: str
    shape: tuple[str, ...]
    extent: str


CudaStep = (
    RunTiles | RunGrid | RunProduct | ListSegments | ReshapeArray | CheckIndex | OperateOnMatrices
)


@dataclass(frozen=True, slots=True)
class CudaSchedule:
    """How a program runs on a GPU: its steps in order."""

    program: FrozenProgram
    sample: str | None
    steps: tuple[CudaStep, ...]
    options: CudaOptions
