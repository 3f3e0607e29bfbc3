"""Matrix expressions evaluated by NumPy: the check that a printed formula is the program's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from scipy import special

from symgrad.explain.expressions import (
    Call,
    Diagonal,
    DiagonalOf,
    Hadamard,
    Identity,
    Inverse,
    Kronecker,
    Matrix,
    MatrixFunction,
    Name,
    OneHot,
    Ones,
    Power,
    Product,
    Reduce,
    Scalar,
    Softmax,
    SquaredNorm,
    Sum,
    Times,
    Trace,
    Transposed,
    Triangle,
)
from symgrad.program import INFINITY, NOT_A_NUMBER, evaluate_size
from symgrad.program.evaluate import COMPARISONS, SCALAR_FUNCTIONS
from symgrad.program.matrices import evaluate_routine

__all__ = ["matrix_value"]

Array = np.ndarray
_LIMITS = {INFINITY: sympy.oo, NOT_A_NUMBER: sympy.nan}


def matrix_value(matrix: Matrix, values: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
    """The value of an expression as a two-dimensional array.

    Args:
        matrix: the expression.
        values: every array of the program, by name.
        sizes: every size, by name.
    """

    def value(part: Matrix) -> Array:
        return matrix_value(part, values, sizes)

    def length(extent: sympy.Expr) -> int:
        return evaluate_size(extent, sizes)

    match matrix:
        case Name(name, _):
            array = np.asarray(values[name])
            plain = array.astype(float) if array.dtype.kind in "biu" else array
            return plain.reshape((*plain.shape, 1, 1)[:2]) if plain.ndim < 2 else plain
        case Scalar(number):
            mapping = {s: sympy.Integer(sizes[s.name]) for s in number.free_symbols - set(_LIMITS)}
            exact = sympy.N(number.xreplace({**mapping, **_LIMITS}))
            # No plain real number, as clip(0, -1, 1): NaN, which agrees with no value.
            known = isinstance(exact, sympy.Number)
            return np.array([[float(exact) if known else np.nan]])
        case Ones(extent):
            return np.ones((length(extent), 1))
        case Identity(extent):
            return np.eye(length(extent))
        case OneHot(index, _, (_, classes)):
            return np.eye(length(classes))[np.asarray(values[index])]
        case Transposed(inner):
            return value(inner).T
        case Product(factors):
            return _chain([value(factor) for factor in factors])
        case Times(factors) | Hadamard(factors):
            result = value(factors[0])
            for factor in factors[1:]:
                result = result * value(factor)
            return result
        case Sum(parts):
            total: Array = np.zeros((1, 1))
            for part in parts:
                total = total + value(part)
            return total
        case Power(base, exponent):
            return np.power(value(base).astype(float), float(exponent))
        case Call(function, arguments):
            operands: list[Array | int] = []
            for argument in arguments:
                whole = _literal(argument)
                operands.append(value(argument) if whole is None else whole)
            return _call(function, operands)
        case Diagonal(vector):
            return np.diagflat(value(vector))
        case DiagonalOf(inner):
            return np.diagonal(value(inner)).reshape(-1, 1)
        case Trace(inner):
            return np.trace(value(inner)).reshape(1, 1)
        case SquaredNorm(inner):
            return np.sum(value(inner) ** 2).reshape(1, 1)
        case Softmax(inner):
            array = value(inner)
            return special.softmax(array, axis=0 if array.shape[1] == 1 else 1)
        case Reduce(reduction, inner, by_row):
            array = value(inner)
            return (
                _reduced(reduction, array).reshape(-1, 1)
                if by_row
                else _reduced(reduction, array.reshape(1, -1)).reshape(1, 1)
            )
        case Triangle(inner, lower, offset):
            return (np.tril if lower else np.triu)(value(inner), offset)
        case Kronecker(left, right):
            return np.kron(value(left), value(right))
        case Inverse(inner):
            return np.linalg.inv(value(inner))
        case MatrixFunction(routine, inner):
            result = evaluate_routine(routine, value(inner))
            return result.reshape((*result.shape, 1, 1)[:2]) if result.ndim < 2 else result


def _chain(factors: list[Array]) -> Array:
    result = factors[0]
    for factor in factors[1:]:
        result = result @ factor
    return result


def _literal(matrix: Matrix) -> int | None:
    """A whole number as such: the order of polygamma is one."""
    if isinstance(matrix, Scalar) and matrix.value.is_Integer:
        return int(matrix.value)
    return None


def _call(function: type[sympy.Basic], arguments: Sequence[Array | int]) -> Array:
    result = np.asarray(SCALAR_FUNCTIONS[function](*arguments))
    return result.astype(float) if function in COMPARISONS else result


def _reduced(reduction: str, array: Array) -> Array:
    """Maximum, minimum or product of each row."""
    if reduction == "prod":
        return np.asarray(np.prod(array, axis=1))
    return np.asarray(np.max(array, axis=1) if reduction == "max" else np.min(array, axis=1))
