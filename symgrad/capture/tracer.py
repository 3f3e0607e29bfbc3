"""The state of one capture: statements under provisional names, constants, and sizes found equal.

Every operation of the model appends statements. Their names (`%0`, `%1`, …) and index symbols
(one per axis position) are provisional; `finish.py` gives the readable ones when all is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import sympy

from symgrad.capture.frames import ModelCode
from symgrad.capture.numbers import supported_dtype
from symgrad.errors import CaptureError
from symgrad.program import (
    Argument,
    Axis,
    Constant,
    Definition,
    DType,
    IndexCheck,
    MatrixOperation,
    MatrixRoutine,
    Origin,
    Reshape,
    Statement,
    Term,
    index_symbol,
)

if TYPE_CHECKING:
    from symgrad.capture.array import SymbolicArray

__all__ = [
    "Draft",
    "Tracer",
    "activate",
    "active_tracer",
    "current_tracer",
    "fail",
    "slot",
    "slots",
]

LARGEST_CONSTANT = 4096
_ACTIVE: ContextVar[Tracer | None] = ContextVar("symgrad_tracer", default=None)
_SLOTS: list[sympy.Symbol] = []


def slot(position: int) -> sympy.Symbol:
    """The provisional index of an axis; bound axes follow those of the output."""
    while len(_SLOTS) <= position:
        _SLOTS.append(index_symbol(f"%{len(_SLOTS)}"))
    return _SLOTS[position]


def slots(count: int, start: int = 0) -> tuple[sympy.Symbol, ...]:
    """Provisional indices of consecutive axes."""
    return tuple(slot(start + k) for k in range(count))


def active_tracer() -> Tracer | None:
    """The capture that is running in this thread, if any."""
    return _ACTIVE.get()


def current_tracer() -> Tracer:
    """The capture that is running in this thread."""
    tracer = _ACTIVE.get()
    if tracer is None:
        raise CaptureError("a symbolic array was used after the capture of its model had ended")
    return tracer


@contextmanager
def activate(tracer: Tracer) -> Iterator[None]:
    """Make a tracer the running one of this thread."""
    token = _ACTIVE.set(tracer)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def fail(operation: str, problem: str, instead: str = "", origin: Origin | None = None) -> NoReturn:
    """Raise a CaptureError: model file and line, operation, problem, and what to write instead."""
    tracer = _ACTIVE.get()
    where = f"{origin or tracer.code.origin()}: " if tracer is not None else ""
    text = f"{where}{operation}: {problem}"
    if instead:
        text += f".\n  Instead: {instead}"
    raise CaptureError(text)


@dataclass(slots=True)
class Draft:
    """A statement under its provisional name, the operation that made it, and a name to prefer."""

    statement: Statement
    operation: str
    hint: str = ""


@dataclass(slots=True)
class Tracer:
    """Collects the statements of one program while the model runs."""

    code: ModelCode
    arguments: tuple[Argument, ...]
    example_sizes: Mapping[str, int] | None = None
    drafts: dict[str, Draft] = field(default_factory=dict)
    constants: dict[tuple[Any, ...], Constant] = field(default_factory=dict)
    constant_hints: dict[str, str] = field(default_factory=dict)
    equal_sizes: dict[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    requirements: dict[sympy.Expr, None] = field(default_factory=dict)
    pending: dict[int, SymbolicArray] = field(default_factory=dict)
    index_checks: dict[tuple[str, sympy.Expr], str] = field(default_factory=dict)
    depth: int = 0

    # --- statements ----------------------------------------------------------------------------

    def define(
        self, operation: str, shape: Sequence[sympy.Expr], dtype: DType, terms: Sequence[Term]
    ) -> str:
        """Append a definition; returns its provisional name."""
        name = self._new_name()
        axes = tuple(Axis(slot(k), extent) for k, extent in enumerate(shape))
        origin = self.code.origin()
        return self._append(name, operation, Definition(name, axes, dtype, tuple(terms), origin))

    def reshape(self, shape: Sequence[sympy.Expr], dtype: DType, source: str) -> str:
        """Append a reshape; returns its provisional name."""
        name = self._new_name()
        statement = Reshape(name, tuple(shape), dtype, source, self.code.origin())
        return self._append(name, "reshape", statement)

    def check_index(
        self,
        source: str,
        shape: Sequence[sympy.Expr],
        dtype: DType,
        array: str,
        axis: int,
        extent: sympy.Expr,
    ) -> str:
        """Append an index check of one axis of `array`; returns its provisional name."""
        name = self._new_name()
        origin = self.code.origin()
        statement = IndexCheck(name, tuple(shape), dtype, source, extent, array, axis, origin)
        return self._append(name, "index", statement)

    def operate(
        self,
        operation: str,
        shape: Sequence[sympy.Expr],
        dtype: DType,
        routine: MatrixRoutine,
        operands: tuple[str, ...],
        transposed: bool,
        vector: bool,
    ) -> str:
        """Append a matrix operation; returns its provisional name."""
        name, origin = self._new_name(), self.code.origin()
        statement = MatrixOperation(
            name, tuple(shape), dtype, routine, operands, transposed, vector, origin
        )
        return self._append(name, operation, statement)

    def _new_name(self) -> str:
        return f"%{len(self.drafts)}"

    def _append(self, name: str, operation: str, statement: Statement) -> str:
        self.drafts[name] = Draft(statement, operation)
        return name

    def definition(self, name: str) -> Definition | None:
        """The definition behind a provisional name, if it is one."""
        draft = self.drafts.get(name)
        if draft is None or not isinstance(draft.statement, Definition):
            return None
        return draft.statement

    def constant_values(self, name: str) -> np.ndarray | None:
        """The values behind the name of a constant, if it is one."""
        if not name.startswith("%c"):
            return None
        found = (c for c in self.constants.values() if c.name == name)
        return next((constant.array() for constant in found), None)

    def constant(self, operation: str, array: np.ndarray) -> str:
        """The name of an array literal of the model; equal literals are kept once."""
        dtype = supported_dtype(array.dtype)
        if dtype is None:
            fail(
                operation,
                f"an array of type {array.dtype} cannot be part of a program",
                "use float64, float32, int64, int32 or bool",
            )
        if array.size > LARGEST_CONSTANT:
            fail(
                operation,
                f"an array of {array.size} elements is written into the model "
                f"(at most {LARGEST_CONSTANT} are kept)",
                "pass it as an argument of the function",
            )
        key = (dtype, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"%c{len(self.constants)}"
            self.constants[key] = Constant(name, array.shape, dtype, tuple(array.ravel().tolist()))
            self.constant_hints[name] = self._name_of(array)
        return self.constants[key].name

    def _name_of(self, array: np.ndarray) -> str:
        """The variable of the model that holds an array literal."""
        frame = self.code.frame()
        if frame is None:
            return ""
        for scope in (frame.f_locals, frame.f_globals):
            for name, value in scope.items():
                if value is array:
                    return str(name).lower()
        return ""

    def suggest(self, name: str, hint: str) -> None:
        """Prefer a name for a statement, unless it has a preferred one already."""
        draft = self.drafts.get(name)
        if draft is not None and hint and not draft.hint:
            draft.hint = hint

    def label(self, name: str) -> str:
        """How messages call an array: the argument's or variable's name, or its operation."""
        draft = self.drafts.get(name)
        if draft is None:
            return self.constant_hints.get(name) or (
                "an array literal" if name.startswith("%") else f"'{name}'"
            )
        if draft.hint:
            return f"'{draft.hint}'"
        line = draft.statement.origin.line if draft.statement.origin else self.code.line
        return f"the result of {draft.operation} in line {line}"

    # --- sizes ---------------------------------------------------------------------------------

    def resolve(self, extent: sympy.Expr) -> sympy.Expr:
        """An extent after the sizes found equal have been replaced."""
        while self.equal_sizes:
            replaced = extent.xreplace(self.equal_sizes)
            if replaced == extent:
                break
            extent = replaced
        return extent

    def same_extent(self, left: sympy.Expr, right: sympy.Expr) -> bool:
        """Whether two extents are equal, for every size or (with examples) by the example.

        With examples, sizes that an operation needs to be equal become one size.
        """
        if left == right:
            return True
        left, right = self.resolve(left), self.resolve(right)
        difference = sympy.expand(left - right)
        if difference == 0:
            return True
        if self.example_sizes is None or self._example(difference) != 0:
            return False
        for symbol, other in ((right, left), (left, right)):
            if symbol.is_Symbol and symbol not in other.free_symbols:
                self.equal_sizes[symbol] = other
                return True
        return False

    def extent_text(self, extent: sympy.Expr) -> str:
        """An extent for a message, with its length if that is known from an example."""
        resolved = self.resolve(extent)
        if self.example_sizes is None or resolved.is_Integer:
            return str(resolved)
        return f"{resolved}={self._example(resolved)}"

    def _example(self, expression: sympy.Expr) -> sympy.Expr:
        values = self.example_sizes or {}
        known = {
            s: sympy.Integer(values[s.name]) for s in expression.free_symbols if s.name in values
        }
        return expression.xreplace(known)

    def require_nonnegative(self, expression: sympy.Expr) -> None:
        """Note 0 ≤ expression, as 3 ≤ n for n − 3, unless it holds even if sizes are 0."""
        relaxed = {s: sympy.Dummy(integer=True, nonnegative=True) for s in expression.free_symbols}
        if not expression.xreplace(relaxed).is_nonnegative:
            self.requirements.setdefault(sympy.expand(expression))
