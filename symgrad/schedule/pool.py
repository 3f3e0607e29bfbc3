"""A growing list of operations in which equal ones share a number; shifts of loop indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symgrad.schedule.frozen import Affine, Element, Operation, Subscript

__all__ = ["OperationPool", "shift_operation", "shift_subscript"]


class OperationPool:
    """Value numbering over several operation lists: what occurs in two of them is computed once."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.numbers: dict[tuple[str, Operation], int] = {}

    def number(self, operation: Operation) -> int:
        """The number of an operation whose operands are numbers of this pool."""
        key = (repr(operation.value), operation)  # 2 and 2.0 are equal, but different literals
        if key not in self.numbers:
            self.numbers[key] = len(self.operations)
            self.operations.append(operation)
        return self.numbers[key]

    def append(self, operations: tuple[Operation, ...]) -> int:
        """The number of the last of a list of operations, all added to the pool."""
        numbers: list[int] = []
        for operation in operations:
            operands = tuple(numbers[k] for k in operation.operands)
            numbers.append(self.number(replace(operation, operands=operands)))
        return numbers[-1]


def shift_operation(operation: Operation, shifts: Mapping[str, int]) -> Operation:
    """The operation of the loop run `shifts` further on."""
    if isinstance(operation.value, (Affine, Element)) and any(shifts.values()):
        return replace(operation, value=shift_subscript(operation.value, shifts))
    return operation


def shift_subscript(subscript: Subscript, shifts: Mapping[str, int]) -> Subscript:
    """The subscript with every index i replaced by i + shift."""
    if isinstance(subscript, Element):
        inner = tuple(shift_subscript(s, shifts) for s in subscript.subscripts)
        return Element(subscript.array, inner)
    total = sum(factor * shifts.get(index, 0) for index, factor in subscript.terms)
    return Affine(subscript.terms, _add(subscript.rest, total))


def _add(rest: str, number: int) -> str:
    if not number:
        return rest
    if rest.lstrip("-").isdigit():
        return str(int(rest) + number)
    return f"{rest} + {number}" if number > 0 else f"{rest} - {-number}"
