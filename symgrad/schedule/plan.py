"""The scheduler's result: an ordered list of steps, each a kernel call or a line of NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.program.definitions import DType, Reduction
from symgrad.schedule.frozen import (
    FrozenIndexCheck,
    FrozenMatrixOperation,
    FrozenProgram,
    FrozenReshape,
    Operation,
)
from symgrad.schedule.loops import Kernel

__all__ = [
    "Accumulator",
    "Buffer",
    "CheckIndex",
    "OperateOnMatrices",
    "ReshapeArray",
    "RunTiled",
    "RunWhole",
    "Schedule",
    "ScheduleOptions",
    "Step",
    "TransposeMatrix",
]


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """Choices of the scheduler, fixed so that the emitted text is reproducible.

    As many rows are computed at a time as `tile_elements` hold, so that scratch stays in cache, but
    at least `least_tile` and at most `most_tile`, and 8 more than a multiple of 16: arrays whose
    rows lie a power of two apart share few lines of the cache. Nor may rows lie a few vectors more
    than a page apart, as 1032 numbers do: addresses that end in the same 12 bits pass for one
    another, so that a load from one row waits for the last store to the next. 1112 numbers are 11
    lines more than two pages: no small multiple of that is near another page. Each tile adds to its
    block's partial sums, which costs less the more rows it has: at least `rows_for_sums` for each
    time that these sums are larger than a row's scratch, up to `most_for_sums`. Tiles of a block
    are equally high. Rows are divided into at most `most_blocks` blocks, each worth at least
    `work_per_block` operations, their partial sums within `block_elements` in all and combined in
    order; beyond four of them, each element of these sums is worth `work_per_sum` operations. A
    block adds up about `rows_per_sum` rows in one partial sum, so that rounding errors do not grow
    with the length of the data; up to four times as many are not divided. Tiles and blocks depend
    on sizes alone, never on the thread count, and both begin at multiples of `vector` where there
    are many rows, so that loops over rows end with whole vectors in all but the last; scratch is as
    many tiles as there are threads. Blocks are a power of two, which threads share evenly. A module
    keeps up to `recycled_bytes` of memory of large results and partial sums for its next call, once
    nobody holds them.
    """

    tile_elements: int = 65_536
    vector: int = 8
    least_tile: int = 72
    most_tile: int = 1112
    rows_for_sums: int = 4
    most_for_sums: int = 136
    most_blocks: int = 16
    work_per_block: int = 65_536
    work_per_sum: int = 450
    block_elements: int = 2_000_000
    rows_per_sum: int = 1024
    recycled_bytes: int = 268_435_456


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array that the generated function allocates."""

    name: str
    shape: tuple[str, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A reduction of the sample axis: partial values of type `partial`, combined in order.

    A sum is then multiplied by `scale`. A "peak" is a maximum, and 0 where that is not finite.
    """

    buffer: Buffer
    scale: tuple[Operation, ...]
    partial: DType
    reduction: Reduction = "sum"


@dataclass(frozen=True, slots=True)
class RunTiled:
    """Runs a kernel over all tiles of the sample axis, blocks in parallel.

    `work` and `row_elements` are texts over sizes: loop runs and scratch elements for each row.
    The shapes of `scratch` leave the sample axis as it is; a tile's rows stand in its place.
    """

    kernel: Kernel
    sample: str
    outputs: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...]
    accumulators: tuple[Accumulator, ...]
    work: str
    row_elements: str


@dataclass(frozen=True, slots=True)
class RunWhole:
    """Runs a kernel once, on whole arrays."""

    kernel: Kernel
    outputs: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class ReshapeArray:
    """`name = source.reshape(shape)`."""

    statement: FrozenReshape


@dataclass(frozen=True, slots=True)
class TransposeMatrix:
    """`name[j,i] = source[i,j]`."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CheckIndex:
    """Wraps negative entries of an index array and checks its range."""

    statement: FrozenIndexCheck


@dataclass(frozen=True, slots=True)
class OperateOnMatrices:
    """Calls a routine of linear algebra."""

    statement: FrozenMatrixOperation


Step = RunTiled | RunWhole | ReshapeArray | TransposeMatrix | CheckIndex | OperateOnMatrices


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a program runs: its steps in order, and why it was scheduled so, in sentences."""

    program: FrozenProgram
    sample: str | None
    steps: tuple[Step, ...]
    options: ScheduleOptions
    decisions: tuple[str, ...] = ()
