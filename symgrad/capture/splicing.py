"""A finished program as a part of the running capture: its statements under provisional names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.symbol import Str

from symgrad.capture.array import SymbolicArray
from symgrad.capture.operands import as_array
from symgrad.capture.tracer import Tracer, current_tracer, slot
from symgrad.program import Axis, Definition, IndexCheck, MatrixOperation, Program, Reshape, Term

__all__ = ["splice"]


def splice(program: Program, arguments: Mapping[str, Any]) -> tuple[SymbolicArray, ...]:
    """The outputs of a program, computed by the running capture from these arguments.

    Args:
        program: its sizes are those of the running capture.
        arguments: a symbolic array or a number for each argument of the program.
    """
    return _Splicer(current_tracer(), program, arguments).run()


class _Splicer:
    def __init__(self, tracer: Tracer, program: Program, arguments: Mapping[str, Any]) -> None:
        self.tracer = tracer
        self.program = program
        self.names: dict[str, str] = {}
        for argument in program.arguments:
            array = as_array(program.name, arguments[argument.name])
            self.names[argument.name] = array.read(program.name)
        for constant in program.constants:
            self.names[constant.name] = tracer.constant(program.name, constant.array())

    def run(self) -> tuple[SymbolicArray, ...]:
        for statement in self.program.definitions:
            if isinstance(statement, Definition):
                name = self._definition(statement)
            elif isinstance(statement, Reshape):
                source = self.names[statement.source]
                name = self.tracer.reshape(statement.shape, statement.dtype, source)
            elif isinstance(statement, MatrixOperation):
                name = self._operation(statement)
            else:
                name = self._check(statement)
            self.names[statement.name] = name
            if not statement.name.startswith("t"):
                self.tracer.suggest(name, statement.name)
        shapes, dtypes = self.program.shapes(), self.program.dtypes()
        return tuple(
            SymbolicArray(self.names[name], shapes[name], dtypes[name])
            for name in self.program.outputs
        )

    def _operation(self, statement: MatrixOperation) -> str:
        return self.tracer.operate(
            self.program.name,
            statement.shape,
            statement.dtype,
            statement.routine,
            tuple(self.names[name] for name in statement.operands),
            statement.transposed,
            statement.vector,
        )

    def _check(self, statement: IndexCheck) -> str:
        return self.tracer.check_index(
            self.names[statement.source],
            statement.shape,
            statement.dtype,
            self.names.get(statement.array, statement.array),
            statement.array_axis,
            statement.extent,
        )

    def _definition(self, definition: Definition) -> str:
        renamed: dict[sympy.Basic, sympy.Basic] = {
            Str(old): Str(new) for old, new in self.names.items()
        }
        count = len(definition.axes)
        outer = {axis.index: slot(k) for k, axis in enumerate(definition.axes)}
        terms = []
        for term in definition.terms:
            inner = {axis.index: slot(count + k) for k, axis in enumerate(term.axes)}
            axes = tuple(Axis(inner[axis.index], axis.extent) for axis in term.axes)
            moved = term.xreplace({**renamed, **outer, **inner})
            terms.append(Term(moved.body, axes, term.reduction, moved.guards))
        return self.tracer.define(
            self.program.name, definition.shape, definition.dtype, tuple(terms)
        )
