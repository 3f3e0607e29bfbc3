"""Values of an earlier pass that lie in the array of the result which replaces them.

    pass 2:  x_bar[i] = exp(x[i] − peak)          kept for pass 3, which alone reads it
    pass 3:  x_bar[i] = x_bar[i]/total

An array less goes through memory, and none is made for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    elements_of,
    sources_of,
)
from symgrad.schedule.phases import Phases, Placed

__all__ = ["find_held", "with_held"]


def find_held(program: FrozenProgram, phases: Phases) -> Mapping[str, str]:
    """Arrays that later passes read for one result alone, element by element, and that result."""
    placed = {item.statement.name: item for item in phases.placed}
    held: dict[str, str] = {}
    for name in sorted(phases.stored - {*program.outputs}):
        later = [p for p in phases.placed if _reads_later(p, placed.get(name))]
        if len(later) != 1 or later[0].statement.name in held.values():
            continue
        (reader,) = later
        result, value = reader.statement, placed[name].statement
        wanted = result.name in program.outputs and reader.kind == "sample"
        if wanted and _can_hold(result, value):
            held[name] = result.name
    return held


def _reads_later(reader: Placed, value: Placed | None) -> bool:
    """Whether a statement reads a value of an earlier pass."""
    if value is None or value.kind != "sample":
        return False
    if not isinstance(reader.statement, FrozenDefinition):
        return value.statement.name in sources_of(reader.statement)
    later = reader.kind == "whole" or reader.phase > value.phase
    return later and value.statement.name in _reads(reader.statement)


def _reads(definition: FrozenDefinition) -> set[str]:
    return {element.array for term in definition.terms for element in elements_of(term)}


def _can_hold(result: FrozenStatement, value: FrozenStatement) -> bool:
    """Whether each element of a result is computed once, from no other element of the value."""
    if not (isinstance(result, FrozenDefinition) and isinstance(value, FrozenDefinition)):
        return False
    if (result.shape, result.dtype) != (value.shape, value.dtype):
        return False
    if any(term.axes or term.guards for term in result.terms):
        return False
    own = tuple(Affine(((axis.index, 1),)) for axis in result.axes)
    elements = [e for term in result.terms for e in elements_of(term) if e.array == value.name]
    return all(element.subscripts == own for element in elements)


def with_held(definition: FrozenDefinition, held: Mapping[str, str]) -> FrozenDefinition:
    """The definition with values by the names of the results that hold them."""
    if not (definition.name in held or held.keys() & _reads(definition)):
        return definition
    terms = tuple(
        replace(
            term,
            operations=tuple(
                replace(operation, value=replace(operation.value, array=array))
                if isinstance(operation.value, Element)
                and (array := held.get(operation.value.array))
                else operation
                for operation in term.operations
            ),
        )
        for term in definition.terms
    )
    return replace(definition, name=held.get(definition.name, definition.name), terms=terms)
