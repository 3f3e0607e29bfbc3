"""Programs evaluated by mpmath: the reference evaluator over numbers of any precision.

One element at a time and slow, for small sizes. Only the branch that a selection takes is
evaluated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
import sympy
from mpmath import mp

from symgrad.errors import ModelError
from symgrad.precision.functions import EXACT_FUNCTIONS, real
from symgrad.precision.matrices import operate_exactly
from symgrad.program import (
    INFINITY,
    NOT_A_NUMBER,
    Access,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Term,
    bind_sizes,
    evaluate_size,
    is_floating,
)
from symgrad.program import functions as f

__all__ = ["evaluate_exactly"]

Array = np.ndarray
Values = dict[str, Array]

# float64 reaches from 1e-324 to 1e308: where two such numbers cancel, 50 digits remain.
DIGITS = 50 + 2 * 350
_RELATIONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def evaluate_exactly(
    program: Program, arguments: Mapping[str, Any], digits: int = DIGITS
) -> Values:
    """Value of every definition, in arrays of mpmath numbers.

    Args:
        program: the program to run.
        arguments: one array (or number) for each argument; their values are taken as exact.
        digits: decimal digits of the arithmetic.

    >>> import numpy as np
    >>> from symgrad.capture import capture
    >>> program = capture(lambda x: 1 - np.cos(x), shapes={"x": "f64[n]"}, name="f").program
    >>> float(evaluate_exactly(program, {"x": np.array([1e-9])})["f"][0])
    5e-19
    """
    with mpmath.workdps(digits):
        sizes = bind_sizes(program, arguments)
        values: Values = {a.name: _numbers(arguments[a.name]) for a in program.arguments}
        values.update((c.name, _numbers(c.array())) for c in program.constants)
        for statement in program.definitions:
            shape = tuple(max(0, evaluate_size(e, sizes)) for e in statement.shape)
            if isinstance(statement, Reshape):
                values[statement.name] = values[statement.source].reshape(shape)
            elif isinstance(statement, IndexCheck):
                extent = evaluate_size(statement.extent, sizes)
                values[statement.name] = values[statement.source] % extent
            elif isinstance(statement, Definition):
                values[statement.name] = _Definition(statement, values, sizes).run(shape)
            elif isinstance(statement, MatrixOperation):
                operands = tuple(values[name] for name in statement.operands)
                values[statement.name] = operate_exactly(statement, operands, shape)
            else:
                raise ModelError(
                    f"accuracy: '{statement.name}' is computed by a routine that has no exact "
                    f"counterpart; measure the functions before and after it"
                )
        return values


def _numbers(value: Any) -> Array:
    """An array of mpmath numbers; integers and truth values stay Python's."""
    array = np.asarray(value)
    kind = mp.mpf if array.dtype.kind == "f" else int
    result = np.empty(array.shape, object)
    for position in np.ndindex(*array.shape):
        result[position] = kind(float(array[position]) if kind is mp.mpf else int(array[position]))
    return result


class _Definition:
    """One definition, element by element."""

    def __init__(self, definition: Definition, values: Values, sizes: Mapping[str, int]) -> None:
        self.definition = definition
        self.values = values
        self.sizes = sizes
        self.index: dict[sympy.Symbol, int] = {}

    def run(self, shape: tuple[int, ...]) -> Array:
        result = np.empty(shape, object)
        for position in np.ndindex(*shape):
            self.index = dict(zip(self.definition.indices, position, strict=True))
            total: Any = 0
            for term in self.definition.terms:
                total = total + self._term(term)
            result[position] = self._typed(total)
        return result

    def _typed(self, value: Any) -> Any:
        if is_floating(self.definition.dtype):
            return value if isinstance(value, mpmath.mpf) else mp.mpf(value)
        return int(value)

    def _term(self, term: Term) -> Any:
        ranges = [range(max(0, evaluate_size(a.extent, self.sizes))) for a in term.axes]
        elements: list[tuple[int, Any]] = []
        for position in itertools.product(*ranges):
            self.index.update(zip((a.index for a in term.axes), position, strict=True))
            if all(self._holds(guard) for guard in term.guards):
                first = position[0] if position else 0
                elements.append((first, self.value(term.body)))
        if not term.axes:
            return elements[0][1] if elements else 0
        return _reduced(term.reduction, elements)

    def _holds(self, guard: Guard) -> bool:
        return bool(
            _RELATIONS[guard.relation](self._integer(guard.left), self._integer(guard.right))
        )

    def _integer(self, expression: sympy.Expr) -> int:
        if isinstance(expression, Access):
            return int(self._element(expression))
        if expression in self.index:
            return self.index[expression]
        if expression.is_Add:
            return sum(self._integer(part) for part in expression.args)
        if expression.is_Mul:
            product = 1
            for part in expression.args:
                product *= self._integer(part)
            return product
        return evaluate_size(expression, self.sizes)

    def _element(self, access: Access) -> Any:
        array = self.values[access.name]
        return array[tuple(self._integer(s) for s in access.subscripts)]

    def value(self, body: sympy.Expr) -> Any:
        """A body at the current indices."""
        if isinstance(body, Access):
            element = self._element(body)
            return element if isinstance(element, mpmath.mpf) else mp.mpf(element)
        if body.is_Float:
            return mp.mpf(float(body))
        if body.is_number and not body.has(f.ScalarFunction):
            return real(sympy.N(body, mp.dps + 5)._to_mpmath(mp.prec))
        if body.is_Symbol:
            return self._symbol(body)
        if body.is_Add:
            return sum((self.value(part) for part in body.args), start=mp.mpf(0))
        if body.is_Mul:
            return self._product(body)
        if body.is_Pow:
            return self._power(self.value(body.base), self.value(body.exp))
        if isinstance(body, f.select):
            condition, a, b = body.args
            return self.value(a if self.value(condition) != 0 else b)
        if isinstance(body, (sympy.Mod, sympy.Min, sympy.Max, sympy.floor, sympy.ceiling)):
            return mp.mpf(evaluate_size(body, self.sizes))
        return self._call(body)

    def _symbol(self, symbol: sympy.Symbol) -> Any:
        if symbol == INFINITY:
            return mp.inf
        if symbol == NOT_A_NUMBER:
            return mp.nan
        return mp.mpf(self.index[symbol] if symbol in self.index else self.sizes[symbol.name])

    def _product(self, body: sympy.Expr) -> Any:
        product = mp.mpf(1)
        for part in body.args:
            product *= self.value(part)
        return product

    def _power(self, base: Any, exponent: Any) -> Any:
        if base == 0 and exponent < 0:
            return mp.inf
        if mpmath.isinf(base) and exponent < 0:
            return mp.mpf(0)
        return real(mpmath.power(base, exponent))

    def _call(self, body: sympy.Expr) -> Any:
        operands = [self.value(argument) for argument in body.args]
        try:
            return real(EXACT_FUNCTIONS[type(body)](*operands))
        except (ZeroDivisionError, ValueError):
            return mp.nan  # a pole, or outside the domain


def _reduced(kind: str, elements: list[tuple[int, Any]]) -> Any:
    values = [value for _, value in elements]
    if kind == "sum":
        return sum(values, start=mp.mpf(0))
    if kind == "prod":
        product = mp.mpf(1)
        for value in values:
            product *= value
        return product
    if kind == "norm":
        return mpmath.sqrt(sum((value * value for value in values), start=mp.mpf(0)))
    if any(map(mpmath.isnan, values)):
        if kind not in ("argmax", "argmin"):
            return mp.nan
        return next(place for place, value in elements if mpmath.isnan(value))
    if kind == "logsumexp":
        peak = max(values, default=-mp.inf)
        if mpmath.isinf(peak):
            return peak
        exp = EXACT_FUNCTIONS[sympy.exp]
        return peak + mpmath.log(sum((exp(v - peak) for v in values), start=mp.mpf(0)))
    best = max(values) if kind in ("max", "argmax") else min(values)
    if kind in ("max", "min"):
        return best
    return next(place for place, value in elements if value == best)
