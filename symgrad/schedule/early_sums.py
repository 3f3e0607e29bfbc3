"""Sums over samples that wait for nothing but their factors, taken before these are known.

    g[j] = Σ_i u[i,j]·z[i,j],  z[i,j] = (x[i,j] − m[j])·s[j]
    ->  g_early[j] = Σ_i u[i,j]·(x[i,j] − m[j]),  g[j] = g_early[j]·s[j]

Where s is a total of its own, g needed one more pass over the samples than g_early does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
    indices_of,
    rename_subscript,
)
from symgrad.schedule.functions import formula_of
from symgrad.schedule.phases import Phases, place, split_mixed
from symgrad.schedule.terms import reachable, shifted

__all__ = ["sum_early"]

_Pair = tuple[FrozenDefinition, FrozenDefinition]

LONGEST = 8  # operations of a value that is computed again inside a sum


def sum_early(
    program: FrozenProgram, sample: str, apart: Collection[str] = ()
) -> tuple[FrozenProgram, tuple[str, ...]]:
    """The program with factors taken out of sums where that saves a pass over the samples.

    Args:
        program: frozen definitions in order of dependence.
        sample: the extent that is divided into tiles.
        apart: definitions that are not computed tile by tile.

    Returns:
        The program, and the names of the sums that are now taken earlier.
    """
    phases = _placed(program, sample, apart)
    if phases.count < 3:  # with two passes no total waits for another one
        return program, ()
    found = {s.name: pair for s in program.statements if (pair := _taken_out(program, s, phases))}
    chosen = list(found)

    def passes() -> int:
        return _placed(_with(program, found, chosen), sample, apart).count

    fewest = passes() if chosen else phases.count
    if fewest == phases.count:
        return program, ()
    for name in found:
        chosen.remove(name)
        if passes() > fewest:
            chosen.append(name)
    return _with(program, found, chosen), tuple(name for name in found if name in chosen)


def _with(
    program: FrozenProgram, pairs: Mapping[str, _Pair], names: Collection[str]
) -> FrozenProgram:
    """The program with some sums replaced by an early sum and its product with factors."""
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        statements.extend(pairs[statement.name] if statement.name in names else (statement,))
    return replace(program, statements=tuple(statements))


def _placed(program: FrozenProgram, sample: str, apart: Collection[str]) -> Phases:
    return place(split_mixed(program, sample, apart), sample, apart)


def _taken_out(program: FrozenProgram, statement: FrozenStatement, phases: Phases) -> _Pair | None:
    """A sum without the factors that have no sample, and its product with them.

    None where there are none, or where the rest has to wait as long as they do.
    """
    if not isinstance(statement, FrozenDefinition) or len(statement.terms) != 1:
        return None
    (placed,) = [p for p in phases.placed if p.statement.name == statement.name]
    (term,) = statement.terms
    if placed.kind != "accumulated" or len(term.axes) != 1 or term.guards:
        return None
    if term.reduction != "sum":
        return None
    row, sample = term.axes[0].index, term.axes[0].extent
    definitions = {s.name: s for s in program.statements if isinstance(s, FrozenDefinition)}
    operations = _written_out(term.operations, definitions, row, sample)
    inside, outside = _factors(operations, row)
    ready = {p.statement.name: p.phase + (p.kind == "accumulated") for p in phases.placed}
    if not inside or _wait(operations, outside, ready) <= _wait(operations, inside, ready):
        return None
    arrays = (*program.arguments, *program.constants, *program.statements)
    taken = {*program.sizes, *(array.name for array in arrays)}
    name = f"{statement.name}_early"
    while name in taken:
        name += "_"
    letters = ",".join(a.index for a in statement.axes)
    early = _product(operations, inside)
    own = Element(name, tuple(Affine(((a.index, 1),)) for a in statement.axes))
    load = Operation("load", (), statement.dtype, own)
    late = (load, *shifted(_product(operations, outside), 1))
    late = (*late, Operation("multiply", (0, len(late) - 1), statement.dtype))
    first = replace(
        statement,
        name=name,
        terms=(replace(term, operations=early),),
        formula=f"{name}[{letters}] = Σ_{row} {formula_of(early)}",
    )
    last = replace(
        statement,
        terms=(FrozenTerm(late, (), "sum", ()),),
        formula=f"{statement.name}[{letters}] = {formula_of(late)}",
    )
    return first, last


def _written_out(
    operations: tuple[Operation, ...],
    definitions: Mapping[str, FrozenDefinition],
    row: str,
    sample: str,
) -> tuple[Operation, ...]:
    """The operations with loads of short straight-line values of the same sample computed anew."""
    result: list[Operation] = []
    numbers: list[int] = []
    for operation in operations:
        body = _body(operation, definitions, row, sample)
        if body:
            result += shifted(body, len(result))
        else:
            operands = tuple(numbers[k] for k in operation.operands)
            result.append(replace(operation, operands=operands))
        numbers.append(len(result) - 1)
    return tuple(result)


def _body(
    operation: Operation, definitions: Mapping[str, FrozenDefinition], row: str, sample: str
) -> tuple[Operation, ...]:
    """How the value of a load is computed, in the indices of its reader; empty if not shortly."""
    element = operation.value
    if operation.name != "load" or not isinstance(element, Element):
        return ()
    definition = definitions.get(element.array)
    if definition is None or len(definition.terms) != 1 or sample not in definition.shape:
        return ()
    (term,) = definition.terms
    if term.axes or term.guards or term.scale or len(term.operations) > LONGEST:
        return ()
    names = dict(_matched(definition.axes, element))
    if len(names) != len(definition.axes) or row not in names.values():
        return ()
    return tuple(
        replace(o, value=rename_subscript(o.value, names))
        if isinstance(o.value, (Affine, Element))
        else o
        for o in term.operations
    )


def _matched(axes: tuple[FrozenAxis, ...], element: Element) -> list[tuple[str, str]]:
    """The reader's index for each axis, where the element is read at plain indices."""
    pairs = []
    for axis, subscript in zip(axes, element.subscripts, strict=True):
        index = subscript.single_index if isinstance(subscript, Affine) else None
        if index is not None:
            pairs.append((axis.index, index))
    return pairs


def _wait(operations: tuple[Operation, ...], factors: list[int], ready: Mapping[str, int]) -> int:
    """The first pass in which all that some factors read is known."""
    return max(
        (
            ready.get(operation.value.array, 0)
            for number in factors
            for operation in reachable(operations, number)
            if isinstance(operation.value, Element)
        ),
        default=0,
    )


def _factors(operations: tuple[Operation, ...], row: str) -> tuple[list[int], list[int]]:
    """Numbers of the factors of the last operation: those with the sample, and the others."""
    inside: list[int] = []
    outside: list[int] = []
    waiting = [len(operations) - 1]
    while waiting:
        number = waiting.pop()
        if operations[number].name == "multiply":
            waiting.extend(reversed(operations[number].operands))
            continue
        varies = any(_varies(o, row) for o in reachable(operations, number))
        (inside if varies else outside).append(number)
    return inside, outside


def _varies(operation: Operation, row: str) -> bool:
    return isinstance(operation.value, (Affine, Element)) and row in indices_of(operation.value)


def _product(operations: tuple[Operation, ...], factors: list[int]) -> tuple[Operation, ...]:
    """The product of some of the operations, alone."""
    result = list(reachable(operations, factors[0]))
    for number in factors[1:]:
        last = len(result) - 1
        result += shifted(reachable(operations, number), len(result))
        dtype = operations[number].dtype
        result.append(Operation("multiply", (last, len(result) - 1), dtype))
    return tuple(result)
