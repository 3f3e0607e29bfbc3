"""Which arrays definitions touch, and what is known of the values of integer arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from symgrad.schedule.frozen import (
    FrozenDefinition,
    FrozenIndexCheck,
    FrozenProgram,
    elements_of,
    sources_of,
)

__all__ = ["arrays_of", "index_ranges", "without_unused"]


def arrays_of(definitions: Iterable[FrozenDefinition]) -> list[str]:
    """Arrays in order of first use, read or written."""
    found: dict[str, None] = {}
    for definition in definitions:
        for term in definition.terms:
            for element in elements_of(term):
                found.setdefault(element.array)
        found.setdefault(definition.name)
    return list(found)


def without_unused(program: FrozenProgram) -> FrozenProgram:
    """The program without definitions that nothing reads; checks of indices stay."""
    needed = set(program.outputs)
    kept = []
    for statement in reversed(program.statements):
        if not isinstance(statement, FrozenDefinition):
            needed.update(sources_of(statement))
        elif statement.name in needed:
            needed.update(arrays_of([statement]))
        else:
            continue
        kept.append(statement)
    return replace(program, statements=tuple(reversed(kept)))


def index_ranges(program: FrozenProgram) -> dict[str, str]:
    """Integer arrays whose values are known to lie in [0, extent)."""
    ranges: dict[str, str] = {}
    for statement in program.statements:
        if isinstance(statement, FrozenIndexCheck):
            ranges[statement.name] = statement.extent
        elif isinstance(statement, FrozenDefinition) and len(statement.terms) == 1:
            (term,) = statement.terms
            if term.reduction in ("argmax", "argmin"):
                ranges[statement.name] = term.axes[0].extent
    return ranges
