"""What the scheduler decided and why, in sentences for `symgrad explain --schedule`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from symgrad.schedule.frozen import FrozenDefinition, FrozenProgram
from symgrad.schedule.layout import Layout
from symgrad.schedule.outer import OuterFusion
from symgrad.schedule.phases import Phases

__all__ = [
    "explain_cut",
    "explain_early",
    "explain_held",
    "explain_invariants",
    "explain_layout",
    "explain_outer",
    "explain_pairs",
    "explain_phases",
    "explain_running",
    "explain_sample",
]


def explain_sample(program: FrozenProgram, sample: str | None) -> Iterator[str]:
    """Which axis is divided into tiles."""
    if sample is None:
        yield "no axis is divided into tiles: no loop has an extent that is not literal"
        return
    loops = [s for s in program.statements if isinstance(s, FrozenDefinition)]
    own = [s for s in loops if sample in _extents(s)]
    parameters = {e for a in program.arguments if a.name in program.wrt for e in a.shape}
    reason = (
        "no parameter has it, so it counts the data"
        if sample not in parameters
        else "it comes first among the extents that the longest nests share"
    )
    yield f"{sample} is divided into tiles: {len(own)} of {len(loops)} nests loop over it; {reason}"


def _extents(definition: FrozenDefinition) -> set[str]:
    axes = (*definition.axes, *(axis for term in definition.terms for axis in term.axes))
    return {axis.extent for axis in axes}


def explain_held(held: Mapping[str, str]) -> Iterator[str]:
    """Which values lie in the array of the result that replaces them."""
    for value, result in held.items():
        yield f"{value} lies in the array of {result} until that is computed from it"


def explain_invariants(before: FrozenProgram, after: FrozenProgram) -> Iterator[str]:
    """What is computed ahead because no sample changes it."""
    known = {statement.name for statement in before.statements}
    new = [s for s in after.statements if s.name not in known]
    if new:
        formulas = "; ".join(getattr(s, "formula", s.name) for s in new)
        yield f"computed once, as no sample changes it: {formulas}"


def explain_early(names: Sequence[str]) -> Iterator[str]:
    """Which sums need not wait for their factors."""
    for name in names:
        yield f"{name} is summed before its factors are known, which saves a pass over the samples"


def explain_phases(phases: Phases) -> Iterator[str]:
    """How often the samples are gone through, and what each pass waits for."""
    if phases.count > 1:
        yield f"the samples are gone through {phases.count} times"
    for number in range(1, phases.count):
        totals = [
            p.statement.name
            for p in phases.placed
            if p.kind == "accumulated" and p.phase == number - 1
        ]
        stored = [
            p.statement.name
            for p in phases.placed
            if p.kind == "sample" and p.phase == number - 1 and p.statement.name in phases.stored
        ]
        waits = [f"the totals {', '.join(totals)}"] if totals else []
        waits += [f"the stored {', '.join(stored)}"] if stored else []
        yield f"pass {number + 1} waits for {' and '.join(waits)}"


def explain_cut(definition: FrozenDefinition, parts: Sequence[FrozenDefinition]) -> Iterator[str]:
    """Where code was cut so that a loop calls functions of one operand only."""
    if parts:
        names = ", ".join(part.name for part in parts)
        yield f"{definition.name} is cut at {names}: a loop calls functions of one operand"


def explain_layout(layout: Layout, sample: str) -> Iterator[str]:
    """Which arrays of a tile have the samples last, and which are copied to be so."""
    held = [name for name in layout.shapes if name not in layout.dtypes]
    if held:
        yield f"{', '.join(held)}: held with {sample} last, so that loops over rows are contiguous"
    turned = layout.turned.values()
    for name in turned:
        yield f"{name}: transposed as a whole, so that loops are contiguous without copies of rows"
    for name in (n for n in layout.dtypes if n not in turned):
        yield f"{name}: rows copied with {sample} last, since they are used several times"


def explain_pairs(nests: Iterable[Sequence[tuple[FrozenDefinition, bool]]]) -> Iterator[str]:
    """Where one loop finds extremes and their positions."""
    for members in nests:
        if len(members) > 1:
            extreme, position = (definition.name for definition, _ in members)
            yield f"{extreme} and {position} are found in one loop: an extreme and where it is"


def explain_running(pairs: Iterable[tuple[FrozenDefinition, FrozenDefinition]]) -> Iterator[str]:
    """Which sums are compared as soon as they are known."""
    for sums, extreme in pairs:
        yield f"{extreme.name} is found while {sums.name} is computed, four elements at a time"


def explain_outer(fusion: OuterFusion) -> Iterator[str]:
    """Which scratch became smaller by joining outer loops, and which is computed twice."""
    for name, shape in fusion.shapes.items():
        size = " * ".join(shape)
        yield f"{name} needs {size} in a tile: its outer loop is shared with what reads it"
    for name in fusion.recomputed:
        yield f"{name} is computed again where it is read, which costs less than keeping it"
