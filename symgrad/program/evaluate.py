"""The reference evaluator: a program run by plain NumPy, one definition at a time.

Slow and short on purpose. Every pass, schedule and target is compared with it, so it shares no
code with any of them: index arrays are formed for every axis, subscripts are evaluated to integer
arrays, bodies elementwise, reductions over the trailing axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy
from scipy import special

from symgrad.program import functions as f
from symgrad.program.definitions import (
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    is_floating,
)
from symgrad.program.matrices import evaluate_matrix_operation
from symgrad.program.symbols import INFINITY, NOT_A_NUMBER, Access

__all__ = ["bind_sizes", "evaluate", "evaluate_size", "evaluate_statement"]

Array = np.ndarray
Values = dict[str, Array]
Sizes = Mapping[str, int]


def _exceeds(a: Array, b: Array) -> Array:
    return np.where(a > b, 1.0, np.where(a == b, 0.5, 0.0))


def _exponential_power(x: Array, y: Array) -> Array:
    return np.power(np.asarray(x, dtype=np.result_type(x, np.float32)), y)


def _spherical_bessel(order: int, x: Array) -> Array:
    """jₙ: the power series up to |x| = n + 2, the recurrence from j₀ and j₁ beyond."""
    x = np.asarray(x, dtype=np.result_type(x, np.float32))
    inner = np.where(np.abs(x) < order + 2.0, x, 0.0)
    term = np.ones_like(inner)
    for k in range(order):
        term = term * inner / (2 * k + 3)
    series = term.copy()
    for k in range(1, 30 + 2 * order):
        term = term * (-0.5 * inner * inner) / (k * (2 * (order + k) + 1))
        series = series + term
    outer = np.where(np.abs(x) < order + 2.0, 1.0, x)
    before, here = np.cos(outer) / outer, np.sin(outer) / outer
    for k in range(order):
        before, here = here, (2 * k + 1) / outer * here - before
    return np.where(np.abs(x) < order + 2.0, series, here)


SCALAR_FUNCTIONS: dict[type[sympy.Basic], Callable[..., Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.atan2: np.arctan2,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
    sympy.erf: special.erf,
    sympy.erfc: special.erfc,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    f.select: lambda c, a, b: np.where(np.asarray(c) != 0, a, b),
    f.less: np.less,
    f.less_equal: np.less_equal,
    f.equal: np.equal,
    f.not_equal: np.not_equal,
    f.conjunction: np.logical_and,
    f.disjunction: np.logical_or,
    f.negation: np.logical_not,
    f.is_nan: np.isnan,
    f.signum: np.sign,
    f.floor: np.floor,
    f.ceil: np.ceil,
    f.trunc: np.trunc,
    f.rint: np.rint,
    f.cast_integer: lambda x: np.trunc(x).astype(np.int64),
    f.exceeds: _exceeds,
    f.heaviside: np.heaviside,
    f.absolute: np.abs,
    f.absorbing_product: lambda a, b: np.where(np.equal(a, 0), 0.0, a * b),
    f.maximum: np.maximum,
    f.minimum: np.minimum,
    f.clip: lambda x, lower, upper: np.minimum(np.maximum(x, lower), upper),
    f.copysign: np.copysign,
    f.fmod: np.fmod,
    f.floor_mod: np.mod,
    f.power: _exponential_power,
    f.cbrt: np.cbrt,
    f.hypot: lambda *x: reduce(np.hypot, x),
    f.norm_root: np.sqrt,
    f.exp2: np.exp2,
    f.expm1: np.expm1,
    f.log1p: np.log1p,
    f.log2: np.log2,
    f.log10: np.log10,
    f.logaddexp: np.logaddexp,
    f.softplus: lambda x: np.logaddexp(x, np.zeros_like(x)),
    f.sigmoid: special.expit,
    f.logit: special.logit,
    f.xlogy: special.xlogy,
    f.xlog1py: special.xlog1py,
    f.sech_squared: lambda x, *_: np.exp(-2 * np.abs(x)) * (1 + np.abs(np.tanh(x))) ** 2,
    f.versine: lambda x: 2 * np.sin(0.5 * x) ** 2,
    f.sinc: lambda x: _spherical_bessel(0, x),
    f.spherical_bessel: lambda n, x: _spherical_bessel(int(n), x),
    f.gammaln: special.gammaln,
    f.polygamma: lambda m, x: special.psi(x) if np.all(m == 0) else special.polygamma(m, x),
    f.erfcx: special.erfcx,
    f.ndtr: special.ndtr,
    f.log_ndtr: special.log_ndtr,
}

COMPARISONS = (
    f.less,
    f.less_equal,
    f.equal,
    f.not_equal,
    f.conjunction,
    f.disjunction,
    f.negation,
    f.is_nan,
)


def evaluate_size(expression: sympy.Expr, sizes: Sizes) -> int:
    """Value of an integer expression in size symbols."""
    mapping = {s: sympy.Integer(sizes[s.name]) for s in expression.free_symbols}
    return int(expression.xreplace(mapping))


def bind_sizes(program: Program, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Value of each size symbol, read from the shapes of the arguments.

    Sizes that stand alone as an extent are read first; those that occur only inside an expression
    are then solved for, one at a time.
    """
    sizes: dict[str, int] = {}
    pending: list[tuple[sympy.Expr, int]] = []
    for argument in program.arguments:
        for extent, length in zip(argument.shape, np.shape(arguments[argument.name]), strict=True):
            if extent.is_Symbol:
                sizes.setdefault(extent.name, length)
            else:
                pending.append((extent, length))
    for extent, length in pending:
        unknown = [s for s in sorted(extent.free_symbols, key=str) if s.name not in sizes]
        if len(unknown) == 1:
            symbol = unknown[0]
            known = {
                s: sympy.Integer(sizes[s.name]) for s in extent.free_symbols if s.name in sizes
            }
            slope = sympy.expand(extent).coeff(symbol, 1).xreplace(known)
            rest = sympy.expand(extent.xreplace(known) - slope * symbol)
            sizes[symbol.name] = int((length - rest) / slope)
    return sizes


def evaluate(program: Program, arguments: Mapping[str, Any]) -> Values:
    """Value of every definition of a program, by name.

    Args:
        program: the program to run.
        arguments: one array (or number) for each argument of the program.

    Raises:
        IndexError: a data-dependent index lies outside its axis.
        numpy.linalg.LinAlgError: a matrix is singular or not positive definite.

    >>> from symgrad.program import Argument, Definition, Program, Term, Access
    >>> x = Argument("x", (), "float64")
    >>> y = Definition("y", (), "float64", (Term(Access("x") ** 2),))
    >>> float(evaluate(Program("f", (x,), (y,), ("y",)), {"x": 3.0})["y"])
    9.0
    """
    sizes = bind_sizes(program, arguments)
    values: Values = {a.name: np.asarray(arguments[a.name]) for a in program.arguments}
    values.update((c.name, c.array()) for c in program.constants)
    with np.errstate(all="ignore"):
        for statement in program.definitions:
            values[statement.name] = evaluate_statement(statement, values, sizes)
    return values


def evaluate_statement(statement: Statement, values: Values, sizes: Sizes) -> Array:
    """Value of one statement from the values of what it reads."""
    shape = tuple(max(0, evaluate_size(extent, sizes)) for extent in statement.shape)
    if isinstance(statement, Reshape):
        return values[statement.source].reshape(shape)
    if isinstance(statement, IndexCheck):
        return _check_index(
            statement, values[statement.source], evaluate_size(statement.extent, sizes)
        )
    if isinstance(statement, MatrixOperation):
        result = evaluate_matrix_operation(statement, tuple(values[n] for n in statement.operands))
        return np.broadcast_to(result, shape)
    dtype = _dtype_like(statement, values)
    total = np.zeros(shape, dtype=dtype)
    for term in statement.terms:
        total = (total + _evaluate_term(statement, term, values, sizes, shape)).astype(dtype)
    return total


def _dtype_like(definition: Definition, values: Values) -> Any:
    """The definition's type; complex if an argument is (the complex-step oracle of the tests)."""
    inexact = is_floating(definition.dtype)
    if inexact and any(np.iscomplexobj(value) for value in values.values()):
        return np.complex128
    return np.dtype(definition.dtype)


def _check_index(statement: IndexCheck, source: Array, extent: int) -> Array:
    if source.size and (source.min() < -extent or source.max() >= extent):
        raise IndexError(
            f"index array '{statement.source}' reaches outside axis {statement.array_axis} of "
            f"'{statement.array}', which has {extent} elements"
        )
    return np.where(source < 0, source + extent, source).astype(statement.dtype)


def _evaluate_term(
    definition: Definition, term: Term, values: Values, sizes: Sizes, shape: tuple[int, ...]
) -> Array:
    axes = definition.axes + term.axes
    lengths = [max(0, evaluate_size(axis.extent, sizes)) for axis in axes]
    grid: dict[sympy.Symbol, Array] = {}
    for position, axis in enumerate(axes):
        view = [1] * len(axes)
        view[position] = lengths[position]
        grid[axis.index] = np.arange(lengths[position]).reshape(view)
    dtype = _dtype_like(definition, values)
    evaluator = _BodyEvaluator(values, sizes, grid, dtype)
    inside = evaluator.domain(term.guards)
    body = np.broadcast_to(evaluator.value(term.body), lengths)
    inside = np.broadcast_to(inside, lengths)
    reduced = tuple(range(len(definition.axes), len(axes)))
    if not reduced:
        return np.where(inside, body, 0)
    return _reduce(term.reduction, body, inside, reduced, dtype)


def _reduce(kind: str, body: Array, inside: Array, axes: tuple[int, ...], dtype: Any) -> Array:
    if kind == "sum":
        return np.sum(np.where(inside, body, 0), axis=axes, dtype=dtype)
    if kind == "prod":
        return np.prod(np.where(inside, body, 1), axis=axes, dtype=dtype)
    lowest = -math.inf if np.issubdtype(body.dtype, np.inexact) else np.iinfo(np.int64).min
    highest = math.inf if np.issubdtype(body.dtype, np.inexact) else np.iinfo(np.int64).max
    if kind == "norm":
        filled = np.where(inside, body, 0)
        scale = np.max(np.abs(filled), axis=axes, keepdims=True, initial=0)
        scale = np.where((scale > 0) & np.isfinite(scale), scale, 1)
        return np.squeeze(scale, axes) * np.sqrt(np.sum((filled / scale) ** 2, axis=axes))
    if kind == "logsumexp":
        return special.logsumexp(np.where(inside, body, -math.inf), axis=axes)
    if kind in ("max", "argmax"):
        filled = np.where(inside, body, lowest)
        return np.max(filled, axis=axes) if kind == "max" else np.argmax(filled, axis=axes[0])
    filled = np.where(inside, body, highest)
    return np.min(filled, axis=axes) if kind == "min" else np.argmin(filled, axis=axes[0])


class _BodyEvaluator:
    """Evaluates SymPy scalars on a grid of index values."""

    def __init__(
        self, values: Values, sizes: Sizes, grid: Mapping[sympy.Symbol, Array], dtype: Any
    ) -> None:
        self.values = values
        self.sizes = sizes
        self.grid = grid
        self.number = dtype if np.issubdtype(dtype, np.inexact) else np.dtype(np.int64)

    def domain(self, guards: tuple[Guard, ...]) -> Array:
        """Where all guards hold."""
        inside = np.asarray(True)
        for guard in guards:
            left, right = self.integer(guard.left), self.integer(guard.right)
            compare = {"<": np.less, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal}
            inside = inside & compare[guard.relation](left, right)
        return inside

    def integer(self, expression: sympy.Expr) -> Array:
        """Value of a subscript or a side of a guard: an integer array on the grid."""
        if isinstance(expression, Access):
            return self.access(expression).astype(np.int64)
        if expression in self.grid:
            return self.grid[expression]
        if expression.is_Add or expression.is_Mul:
            parts = [self.integer(part) for part in expression.args]
            total = parts[0]
            for part in parts[1:]:
                total = total + part if expression.is_Add else total * part
            return np.asarray(total)
        return np.asarray(evaluate_size(expression, self.sizes))

    def access(self, access: Access) -> Array:
        """Elements of an array; subscripts outside it (where a guard is false) are clamped."""
        array = self.values[access.name]
        subscripts = []
        for subscript, length in zip(access.subscripts, array.shape, strict=True):
            position = self.integer(subscript)
            if length == 0:
                return np.zeros(
                    np.broadcast_shapes(*(g.shape for g in self.grid.values())), array.dtype
                )
            subscripts.append(np.clip(position, 0, length - 1))
        return np.asarray(array[tuple(subscripts)]) if subscripts else array

    def element(self, access: Access) -> Array:
        """An access as a number: truth values as 0 and 1, floats in the definition's own type."""
        array = self.access(access)
        floats = np.issubdtype(array.dtype, np.floating) and np.issubdtype(self.number, np.inexact)
        return array.astype(self.number) if array.dtype == np.bool_ or floats else array

    def value(self, expression: sympy.Expr) -> Any:
        """Value of a body on the grid."""
        if isinstance(expression, Access):
            return self.element(expression)
        if expression.is_Integer:
            return int(expression)
        if expression.is_number and not expression.has(sympy.Function):
            return float(expression)
        if expression.is_Symbol:
            return self.symbol(expression)
        if expression.is_Add or expression.is_Mul:
            parts = [self.value(part) for part in expression.args]
            total = parts[0]
            for part in parts[1:]:
                total = np.add(total, part) if expression.is_Add else np.multiply(total, part)
            return total
        if expression.is_Pow:
            return self.power(expression.base, expression.exp)
        return self.call(expression)

    def symbol(self, symbol: sympy.Symbol) -> Any:
        if symbol == INFINITY:
            return math.inf
        if symbol == NOT_A_NUMBER:
            return math.nan
        if symbol in self.grid:
            return self.grid[symbol].astype(self.number)
        return self.number.type(self.sizes[symbol.name])

    def power(self, base: sympy.Expr, exponent: sympy.Expr) -> Any:
        x = np.asarray(self.value(base))
        if exponent == sympy.Rational(1, 2):
            return np.sqrt(x)
        if exponent == -1:
            return np.true_divide(1, x)
        if exponent.is_negative and not np.issubdtype(x.dtype, np.inexact):
            x = x.astype(np.float64)
        return np.power(x, self.value(exponent))

    def call(self, expression: sympy.Expr) -> Any:
        if isinstance(expression, sympy.Mod):
            return np.mod(self.value(expression.args[0]), self.value(expression.args[1]))
        if isinstance(expression, (sympy.Min, sympy.Max, sympy.floor, sympy.ceiling)):
            return self.number.type(evaluate_size(expression, self.sizes))
        function = SCALAR_FUNCTIONS[type(expression)]
        result = function(*(self.value(argument) for argument in expression.args))
        return result.astype(self.number) if isinstance(expression, COMPARISONS) else result
