"""Softmaxes: the exponentials that a log-sum-exp adds up are kept for what divides by their sum.

    total = Σ_k exp(a[k] − peak),  q[k] = exp((a[k] − peak) − log total)
    kept[k] = exp(a[k] − peak),  total = Σ_k kept[k],  q[k] = kept[k]/total

An exponential costs several times as much as a store and a load within a tile. Those of a sum over
the samples go through memory, which costs less only where they lie in the array of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.schedule.arrays import without_unused
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
    Subscript,
)
from symgrad.schedule.terms import reachable

__all__ = ["keep_exponentials"]


@dataclass(frozen=True, slots=True)
class _Sum:
    """total = Σ exp(term − peak), the term given by its operations.

    `own` are the indices of the total and of the peak, `indices` those of the term, in its order.
    """

    definition: FrozenDefinition
    term: tuple[Operation, ...]
    peak: str
    kept: str
    own: tuple[str, ...]
    indices: tuple[str, ...]

    def runs_over(self, extent: str | None) -> bool:
        return any(axis.extent == extent for axis in self.definition.terms[0].axes)

    def quotient(self, names: Mapping[str, Subscript]) -> tuple[Element, Element]:
        """An exponential and the sum to divide it by, where subscripts stand for the indices."""
        kept = Element(self.kept, tuple(names[index] for index in self.indices))
        return kept, Element(self.definition.name, tuple(names[index] for index in self.own))


def keep_exponentials(program: FrozenProgram, sample: str | None) -> FrozenProgram:
    """The program with the exponentials of softmaxes computed once.

    Those of a sum over the samples only if a single result is computed from them, in their place.
    """
    definitions = [s for s in program.statements if isinstance(s, FrozenDefinition)]
    taken = {a.name for a in (*program.arguments, *program.constants)}
    taken |= {*program.sizes, *(s.name for s in program.statements)}
    sums = {d.name: found for d in definitions if (found := _sum_of_exponentials(d, taken))}
    rests = {d.name: sums[total] for d in definitions if (total := _logarithm_of(d)) in sums}
    rests = {
        name: total
        for name, total in rests.items()
        if not total.runs_over(sample) or _lies_in_a_result(total, name, definitions, program)
    }
    used: set[str] = set()
    statements: list[FrozenStatement] = []
    for statement in program.statements if rests else ():
        if isinstance(statement, FrozenDefinition):
            terms = tuple(_with_quotients(term, rests, used) for term in statement.terms)
            statement = replace(statement, terms=terms)
        statements.append(statement)
    if not used:
        return program
    result: list[FrozenStatement] = []
    for statement in statements:
        found = sums.get(statement.name)
        result.extend(_divided(found) if found and found.kept in used else (statement,))
    return without_unused(replace(program, statements=tuple(result)))


def _lies_in_a_result(
    total: _Sum, rest: str, definitions: Sequence[FrozenDefinition], program: FrozenProgram
) -> bool:
    """Whether one result alone reads the exponentials, each element where it lies itself."""
    found = [
        (definition, names)
        for definition in definitions
        for term in definition.terms
        for _, (_, names) in _softmaxes(term.operations, {rest: total})
    ]
    results = {definition.name for definition, _ in found}
    if len(results) != 1 or not results <= {*program.outputs}:
        return False
    return all(
        definition.dtype == total.definition.dtype
        and not any(term.axes or term.guards for term in definition.terms)
        and [_plain(names[index]) for index in total.indices] == [a.index for a in definition.axes]
        for definition, names in found
    )


def _plain(subscript: object) -> str:
    """The loop index that a subscript is; empty if it is anything else."""
    return (subscript.single_index or "") if isinstance(subscript, Affine) else ""


def _sum_of_exponentials(definition: FrozenDefinition, taken: set[str]) -> _Sum | None:
    """What a definition sums, if that is exp(a − peak) wherever its loops run."""
    if len(definition.terms) != 1 or len(definition.terms[0].operations) < 4:
        return None
    (term,) = definition.terms
    *body, peak, difference, exponential = term.operations
    last = len(body) - 1
    forms = [(o.name, o.operands) for o in (peak, difference, exponential)]
    if forms != [("load", ()), ("subtract", (last, last + 1)), ("exp", (last + 2,))]:
        return None
    if term.reduction != "sum" or term.guards or term.scale:
        return None
    assert isinstance(peak.value, Element)
    own = tuple(axis.index for axis in definition.axes)
    loaded = [o.value.subscripts for o in body if isinstance(o.value, Element)]
    indices = dict.fromkeys(_plain(subscript) for element in loaded for subscript in element)
    loops = [*own, *(axis.index for axis in term.axes)]
    if tuple(map(_plain, peak.value.subscripts)) != own or sorted(indices) != sorted(loops):
        return None
    name = f"{definition.name}_kept"
    while name in taken:
        name += "_"
    taken.add(name)
    return _Sum(definition, tuple(body), peak.value.array, name, own, tuple(indices))


def _logarithm_of(definition: FrozenDefinition) -> str:
    """The array whose logarithm a definition is; empty if it is anything else."""
    operations = definition.terms[0].operations if len(definition.terms) == 1 else ()
    if [operation.name for operation in operations] != ["load", "log"]:
        return ""
    value = operations[0].value
    own = [axis.index for axis in definition.axes]
    assert isinstance(value, Element)
    return value.array if [_plain(s) for s in value.subscripts] == own else ""


def _with_quotients(term: FrozenTerm, rests: Mapping[str, _Sum], used: set[str]) -> FrozenTerm:
    """The term with softmaxes as quotients; names of what they need are added to `used`."""
    found = dict(_softmaxes(term.operations, rests))
    if not found:
        return term
    result: list[Operation] = []
    numbers: list[int] = []
    for number, operation in enumerate(term.operations):
        operands = tuple(numbers[k] for k in operation.operands)
        if number in found:
            total, names = found[number]
            used.add(total.kept)
            for element in total.quotient(names):
                result.append(Operation("load", (), operation.dtype, element))
            operation = Operation("divide", (), operation.dtype)
            operands = (len(result) - 2, len(result) - 1)
        result.append(replace(operation, operands=operands))
        numbers.append(len(result) - 1)
    return replace(term, operations=reachable(result, numbers[-1]))


def _softmaxes(
    operations: tuple[Operation, ...], rests: Mapping[str, _Sum]
) -> Iterator[tuple[int, tuple[_Sum, Mapping[str, Subscript]]]]:
    """Operations exp((a − peak) − rest), their sum and what stands for its indices there."""
    for number, operation in enumerate(operations):
        if operation.name != "exp" or operations[operation.operands[0]].name != "subtract_both":
            continue
        term, *places = operations[operation.operands[0]].operands
        peak, rest = (operations[k].value for k in places)
        assert isinstance(peak, Element) and isinstance(rest, Element)
        total = rests.get(rest.array)
        if total is None or peak.array != total.peak:
            continue
        names = _matched(total.term, reachable(operations, term))
        if names is None:
            continue
        own = tuple(names[index] for index in total.own)
        if peak.subscripts == own and rest.subscripts == own:
            yield number, (total, names)


def _matched(
    pattern: Sequence[Operation], operations: Sequence[Operation]
) -> Mapping[str, Subscript] | None:
    """What stands for the indices of some operations in equal ones; None if they differ."""
    names: dict[str, Subscript] = {}
    if len(pattern) != len(operations):
        return None
    for left, right in zip(pattern, operations, strict=True):
        if (left.name, left.operands, left.dtype) != (right.name, right.operands, right.dtype):
            return None
        if isinstance(left.value, Element) and isinstance(right.value, Element):
            if left.value.array != right.value.array:
                return None
            for own, other in zip(left.value.subscripts, right.value.subscripts, strict=True):
                if names.setdefault(_plain(own), other) != other:
                    return None
        elif left.value != right.value or isinstance(left.value, Affine):
            return None
    return names


def _divided(total: _Sum) -> tuple[FrozenDefinition, FrozenDefinition]:
    """The exponentials as an array like that of their arguments, and the sum over it."""
    definition = total.definition
    (term,) = definition.terms
    extents = {axis.index: axis.extent for axis in (*definition.axes, *term.axes)}
    axes = tuple(FrozenAxis(index, extents[index]) for index in total.indices)
    subscripts = tuple(Affine(((index, 1),)) for index in total.indices)
    load = Operation("load", (), definition.dtype, Element(total.kept, subscripts))
    kept = replace(
        definition,
        name=total.kept,
        axes=axes,
        terms=(FrozenTerm(term.operations, (), "sum", ()),),
        formula=definition.formula.replace("Σ exp(", "exp("),
    )
    return kept, replace(definition, terms=(replace(term, operations=(load,)),))
