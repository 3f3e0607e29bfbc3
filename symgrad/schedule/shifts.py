"""Log-sum-exp in two parts, for what subtracts it.

    peak = max_r b,   rest = log Σ_r exp(b − peak),   value = peak + rest

a − value, which every softmax is made of, is computed as (a − peak) − rest: the value itself is
rounded to as many digits as it is large, the difference of two large numbers is not. The order is
kept by an operation of its own, since kernels are compiled with arithmetic that may be reordered.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
)
from symgrad.schedule.terms import reachable

__all__ = ["split_logsumexp"]

_Parts = dict[str, tuple[str, str]]


def split_logsumexp(program: FrozenProgram, over: str | None = None) -> FrozenProgram:
    """The program with log-sum-exps that something subtracts computed as peak + rest.

    So are those over axes of extent `over`, whose parts can then be computed tile by tile.
    """
    wanted = {
        element.array
        for statement in program.statements
        if isinstance(statement, FrozenDefinition)
        for term in statement.terms
        for element in _subtracted(term.operations)
    }
    taken = {a.name for a in (*program.arguments, *program.constants)}
    taken |= {*program.sizes, *(s.name for s in program.statements)}
    parts: _Parts = {}
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        if not isinstance(statement, FrozenDefinition):
            statements.append(statement)
            continue
        terms = tuple(
            replace(t, operations=_in_parts(t.operations, parts)) for t in statement.terms
        )
        statement = replace(statement, terms=terms)
        chosen = statement.name in wanted or _sums_over(statement, over)
        if chosen and _is_logsumexp(statement):
            peak, total, rest = (
                _fresh(f"{statement.name}_{part}", taken) for part in ("peak", "total", "rest")
            )
            parts[statement.name] = (peak, rest)
            statements.extend(_split(statement, peak, total, rest))
        else:
            statements.append(statement)
    return replace(program, statements=tuple(statements)) if parts else program


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _is_logsumexp(statement: FrozenDefinition) -> bool:
    return any(term.reduction == "logsumexp" and term.axes for term in statement.terms)


def _sums_over(statement: FrozenDefinition, extent: str | None) -> bool:
    return any(axis.extent == extent for term in statement.terms for axis in term.axes)


def _subtracted(operations: tuple[Operation, ...]) -> list[Element]:
    """Elements that are subtracted from something."""
    found = []
    for operation in operations:
        value = operations[operation.operands[1]].value if operation.name == "subtract" else None
        if isinstance(value, Element):
            found.append(value)
    return found


def _in_parts(operations: tuple[Operation, ...], parts: _Parts) -> tuple[Operation, ...]:
    """a − value -> (a − peak) − rest; what is then not needed is left out."""
    if not any(element.array in parts for element in _subtracted(operations)):
        return operations
    result: list[Operation] = []
    numbers: list[int] = []

    def emit(operation: Operation) -> int:
        result.append(operation)
        return len(result) - 1

    for operation in operations:
        operands = tuple(numbers[k] for k in operation.operands)
        value = operations[operation.operands[1]].value if operation.name == "subtract" else None
        if isinstance(value, Element) and value.array in parts:
            loads = [
                emit(Operation("load", (), operation.dtype, replace(value, array=name)))
                for name in parts[value.array]
            ]
            shifted = Operation("subtract_both", (operands[0], *loads), operation.dtype)
            numbers.append(emit(shifted))
        else:
            numbers.append(emit(replace(operation, operands=operands)))
    return reachable(tuple(result), numbers[-1])


def _split(value: FrozenDefinition, peak: str, total: str, rest: str) -> list[FrozenStatement]:
    """Four definitions in place of one."""
    (term,) = value.terms
    own = tuple(Affine(((axis.index, 1),)) for axis in value.axes)
    dtype = value.dtype
    last = len(term.operations) - 1
    shifted = (
        *term.operations,
        Operation("load", (), dtype, Element(peak, own)),
        Operation("subtract", (last, last + 1), dtype),
        Operation("exp", (last + 2,), dtype),
    )
    summed = replace(term, operations=shifted, reduction="sum")
    about = f"for {value.formula}:"
    loads = [Operation("load", (), dtype, Element(name, own)) for name in (peak, rest)]
    return [
        replace(
            value,
            name=peak,
            terms=(replace(term, reduction="peak"),),
            formula=f"{about} the largest element",
        ),
        replace(value, name=total, terms=(summed,), formula=f"{about} Σ exp(element − largest)"),
        replace(
            value,
            name=rest,
            terms=(_pointwise(replace(loads[0], value=Element(total, own)), "log"),),
            formula=f"{about} log of the sum",
        ),
        replace(
            value,
            terms=(FrozenTerm((*loads, Operation("add", (0, 1), dtype)), (), "sum", ()),),
        ),
    ]


def _pointwise(load: Operation, name: str) -> FrozenTerm:
    return FrozenTerm((load, Operation(name, (0,), load.dtype)), (), "sum", ())
