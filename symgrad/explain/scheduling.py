"""How a program is scheduled on the CPU: passes, kernels, loops, scratch, and the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symgrad.schedule import Schedule
from symgrad.schedule.loops import Block, Loop, Node
from symgrad.schedule.plan import OperateOnMatrices, ReshapeArray, RunTiled, RunWhole

__all__ = ["NestSummary", "nest_summaries", "step_notes"]


@dataclass(frozen=True, slots=True)
class NestSummary:
    """One nest of loops.

    Attributes:
        kernel: number of its kernel, from 1.
        computes: the definitions that it computes.
        loops: extents from the outermost loop to the innermost, as in `K · d/4 · rows`: a loop
            that is unrolled and jammed is divided by how many runs are done at once.
        statements: of its innermost bodies.
    """

    kernel: int
    computes: tuple[str, ...]
    loops: str
    statements: int


def nest_summaries(schedule: Schedule) -> tuple[NestSummary, ...]:
    """Every nest of every kernel, in the order in which they run."""
    found: list[NestSummary] = []
    number = 0
    for step in schedule.steps:
        if not isinstance(step, (RunTiled, RunWhole)):
            continue
        number += 1
        for formula, nodes in step.kernel.nests:
            names = tuple(dict.fromkeys(_name(line) for line in formula.splitlines()))
            chains = dict.fromkeys(" · ".join(chain) or "once" for chain in _chains(nodes))
            found.append(NestSummary(number, names, ", ".join(chains), _count(nodes)))
    return tuple(found)


def _name(formula: str) -> str:
    """The array that a formula defines; a part of a reduction begins with `for`."""
    return formula.removeprefix("for ").partition(" ")[0].partition("[")[0]


def _chains(nodes: Sequence[Node]) -> Iterator[tuple[str, ...]]:
    """The loops around each innermost body; what a jammed loop left over is not told."""
    for node in nodes:
        if isinstance(node, Loop):
            if node.start_after > 1:
                continue
            extent = "rows" if node.tile else node.extent
            extent = f"({extent})" if node.step > 1 and not extent.isidentifier() else extent
            own = f"{extent}/{node.step}" if node.step > 1 else extent
            inner = [chain for chain in _chains(node.body) if chain]
            yield from ((own, *chain) for chain in inner or [()])
        elif not isinstance(node, Block) and hasattr(node, "body"):
            yield from _chains(node.body)


def _count(nodes: Sequence[Node]) -> int:
    """Stores and folds of the nest, those of remainder loops included."""
    return sum(
        len(node.effects) if isinstance(node, Block) else _count(getattr(node, "body", ()))
        for node in nodes
    )


def step_notes(schedule: Schedule) -> tuple[str, ...]:
    """How the steps are divided into tiles and blocks, in sentences."""
    notes = []
    options, number = schedule.options, 0
    for step in schedule.steps:
        if isinstance(step, RunWhole):
            number += 1
            notes.append(f"kernel {number} runs once, on whole arrays, on one thread")
        elif isinstance(step, RunTiled):
            number += 1
            notes.append(
                f"kernel {number}: as many rows at a time as {options.tile_elements} elements of "
                f"scratch hold at {step.row_elements} a row, from {options.least_tile} to "
                f"{options.most_tile}, more beside large sums; up to {options.most_blocks} blocks "
                f"in parallel, each worth {options.work_per_block} of {step.sample} · "
                f"({step.work}) operations or more"
            )
        elif isinstance(step, ReshapeArray):
            notes.append(f"{step.statement.name}: a view of {step.statement.source}")
        elif isinstance(step, OperateOnMatrices):
            notes.append(f"{step.statement.name}: by NumPy")
    return tuple(notes)
