"""Work that is the same for every sample, done once: quotients and functions without the sample.

    Y[i,j] = g[j]/s[j]·X[i,j] + X[i,j]/t[j]
    ->  Y_factor[j] = g[j]/s[j],  Y_inverse[j] = 1/t[j],  Y[i,j] = Y_factor[j]·X[i,j] + …

A compiler cannot do it where the loop over j is the inner one. A quotient by what no sample
changes becomes a product with its inverse, as the kernels' arithmetic allows anyway.
"""

from __future__ import annotations

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
)
from symgrad.schedule.functions import formula_of
from symgrad.schedule.terms import ARITHMETIC, reachable

__all__ = ["split_invariants"]


def split_invariants(program: FrozenProgram, sample: str) -> FrozenProgram:
    """The program with costly expressions that have no sample as definitions of their own."""
    splitter = _Splitter(program, sample)
    for statement in program.statements:
        splitter.add(statement)
    return replace(program, statements=tuple(splitter.statements))


class _Splitter:
    def __init__(self, program: FrozenProgram, sample: str) -> None:
        self.sample = sample
        arrays = (*program.arguments, *program.constants)
        self.shapes = {a.name: a.shape for a in (*arrays, *program.statements)}
        self.taken = {*self.shapes, *program.sizes}
        self.known: dict[tuple[tuple[Operation, ...], tuple[FrozenAxis, ...]], str] = {}
        self.statements: list[FrozenStatement] = []

    def add(self, statement: FrozenStatement) -> None:
        """The statement behind the definitions that it now reads."""
        if isinstance(statement, FrozenDefinition):
            terms = tuple(self._rewritten(statement, term) for term in statement.terms)
            statement = replace(statement, terms=terms)
        self.statements.append(statement)

    def _rewritten(self, definition: FrozenDefinition, term: FrozenTerm) -> FrozenTerm:
        loops = (*definition.axes, *term.axes)
        rows = [axis.index for axis in loops if axis.extent == self.sample]
        if len(rows) != 1 or len(loops) < 2 or term.guards:
            return term
        operations: list[Operation] = []
        numbers: list[int] = []
        fixed = [not self._varies(term.operations, k, rows[0]) for k in range(len(term.operations))]
        for position, operation in enumerate(term.operations):
            operands = [numbers[k] for k in operation.operands]
            for place, operand in enumerate(operation.operands):
                divisor = operation.name == "divide" and place == 1
                own = reachable(term.operations, operand)
                if fixed[position] or not fixed[operand] or not _is_worth(own, divisor):
                    continue
                operands[place] = len(operations)
                operations.append(self._define(definition, own, loops, inverse=divisor))
                if divisor:
                    operation = replace(operation, name="multiply")
            numbers.append(len(operations))
            operations.append(replace(operation, operands=tuple(operands)))
        return replace(term, operations=reachable(operations, len(operations) - 1))

    def _varies(self, operations: tuple[Operation, ...], position: int, row: str) -> bool:
        """Whether an operation depends on the sample, or reads another one."""
        for operation in reachable(operations, position):
            if not isinstance(operation.value, (Affine, Element)):
                continue
            if row in indices_of(operation.value):
                return True
            if isinstance(operation.value, Element) and self.sample in self._read(operation.value):
                return True
        return False

    def _read(self, element: Element) -> tuple[str, ...]:
        """The extents of everything that an element's value depends on."""
        extents = self.shapes[element.array]
        for subscript in element.subscripts:
            if isinstance(subscript, Element):
                extents += self._read(subscript)
        return extents

    def _define(
        self,
        definition: FrozenDefinition,
        operations: tuple[Operation, ...],
        loops: tuple[FrozenAxis, ...],
        *,
        inverse: bool,
    ) -> Operation:
        """The load of a value that a new definition holds, or an earlier one like it."""
        dtype = operations[-1].dtype
        if inverse:
            count = len(operations)
            one = Operation("constant", (), dtype, 1.0)
            operations = (*operations, one, Operation("divide", (count, count - 1), dtype))
        used = {
            index
            for operation in operations
            if isinstance(operation.value, (Affine, Element))
            for index in indices_of(operation.value)
        }
        axes = tuple(axis for axis in loops if axis.index in used)
        key = (operations, axes)
        if key not in self.known:
            name = self._name(f"{definition.name}_{'inverse' if inverse else 'factor'}")
            self.known[key] = name
            self.shapes[name] = tuple(axis.extent for axis in axes)
            letters = ",".join(axis.index for axis in axes)
            formula = f"{name}[{letters}] = {formula_of(operations)}"
            term = FrozenTerm(operations, (), "sum", ())
            self.statements.append(
                FrozenDefinition(name, axes, dtype, (term,), formula, definition.line)
            )
        subscripts = tuple(Affine(((axis.index, 1),)) for axis in axes)
        return Operation("load", (), dtype, Element(self.known[key], subscripts))

    def _name(self, wish: str) -> str:
        while wish in self.taken:
            wish += "_"
        self.taken.add(wish)
        return wish


def _is_worth(operations: tuple[Operation, ...], divisor: bool) -> bool:
    """Whether a value is costly, and differs along some axis: a number is kept in any case."""
    costly = divisor or any(o.name == "divide" or o.name not in ARITHMETIC for o in operations)
    elements = (o.value for o in operations if isinstance(o.value, Element))
    return costly and any(list(indices_of(element)) for element in elements)
