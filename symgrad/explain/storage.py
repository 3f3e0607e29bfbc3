"""Where each definition's values live in the generated module, read off its schedule."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.program import Definition, MatrixOperation, Program
from symgrad.schedule import freeze, schedule
from symgrad.schedule.plan import RunTiled, RunWhole

__all__ = ["Placement", "placements"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a definition is computed and kept.

    Attributes:
        name: of the definition.
        where: "memory", "a tile in cache", "a sum", "registers" or "a view".
        kernel: number of the kernel that computes it, from 1; 0 if none does.
    """

    name: str
    where: str
    kernel: int


def placements(program: Program, wrt: tuple[str, ...]) -> tuple[Placement, ...]:
    """Where every definition of a program lives, in the program's order."""
    plan = schedule(freeze(program, wrt))
    kinds: dict[str, str] = {}
    kernels: dict[str, int] = {}
    number = 0
    for step in plan.steps:
        if not isinstance(step, (RunTiled, RunWhole)):
            continue
        number += 1
        kinds.update((buffer.name, "memory") for buffer in step.outputs)
        if isinstance(step, RunTiled):
            kinds.update((buffer.name, "a tile in cache") for buffer in step.scratch)
            kinds.update((a.buffer.name, "a sum") for a in step.accumulators)
        for formula, _ in step.kernel.nests:
            for line in formula.splitlines():
                kernels.setdefault(line.partition("[")[0].partition(" ")[0], number)
    shown = []
    for statement in program.definitions:
        name = statement.name
        default = "registers" if isinstance(statement, Definition) else "a view"
        default = "memory, by NumPy" if isinstance(statement, MatrixOperation) else default
        where = kinds.get(name) or kinds.get(f"{name}_total") or default
        shown.append(Placement(name, where, kernels.get(name, 0)))
    return tuple(shown)
