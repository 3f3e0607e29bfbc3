"""Transposes, traces, totals and functions of matrices: constructors, as those of `algebra`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import sympy

from symgrad.explain.algebra import (
    diagonal,
    hadamard,
    plus,
    power,
    product,
    split_coefficient,
    times,
)
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
    children,
    is_scalar,
    shape,
)

__all__ = [
    "call",
    "diagonal_of",
    "inner_product",
    "inverse",
    "marks",
    "rebuilt",
    "total",
    "trace",
    "transposed",
    "triangle",
]


def transposed(matrix: Matrix) -> Matrix:
    """(AB)ᵀ = BᵀAᵀ; of a sum or ⊙ whichever way needs fewer marks."""
    if is_scalar(matrix):
        return matrix
    match matrix:
        case Transposed(inner):
            return inner
        case Identity() | Diagonal():
            return matrix
        case Times(factors):
            return times(*factors[:-1], transposed(factors[-1]))
        case Product(factors):
            return product(*(transposed(factor) for factor in reversed(factors)))
        case Power(base, exponent):
            return power(transposed(base), exponent)
        case Triangle(inner, lower, offset) if isinstance(inner, Transposed):
            return triangle(inner.inner, not lower, -offset)
        case Kronecker(left, right):
            return Kronecker(transposed(left), transposed(right))
        case Sum() | Hadamard() | Call():
            inside = rebuilt(matrix, transposed)
            return inside if marks(inside) <= marks(matrix) else Transposed(matrix)
        case _:
            return Transposed(matrix)


def marks(matrix: Matrix) -> int:
    """How many transposes it shows."""
    return int(isinstance(matrix, Transposed)) + sum(map(marks, children(matrix)))


def diagonal_of(matrix: Matrix) -> Matrix:
    """The diagonal of a diagonal matrix is its vector."""
    if isinstance(matrix, Diagonal):
        return matrix.vector
    if isinstance(matrix, Times):
        return times(*matrix.factors[:-1], diagonal_of(matrix.factors[-1]))
    return DiagonalOf(matrix.inner if isinstance(matrix, Transposed) else matrix)


def trace(matrix: Matrix) -> Matrix:
    """tr(c·A) = c·tr(A), tr(Aᵀ) = tr(A), tr(xyᵀ) = yᵀx, tr(AᵀA) = ‖A‖²."""
    if isinstance(matrix, Times):
        return times(*matrix.factors[:-1], trace(matrix.factors[-1]))
    if isinstance(matrix, Transposed):
        return trace(matrix.inner)
    if isinstance(matrix, Product):
        factors = matrix.factors
        for cut in range(1, len(factors)):
            if shape(factors[cut])[0] == 1:
                return product(*factors[cut:], *factors[:cut])
        if len(factors) == 2 and transposed(factors[0]) == factors[1]:
            return SquaredNorm(factors[0] if marks(factors[0]) == 0 else factors[1])
        return min((Trace(matrix), Trace(transposed(matrix))), key=marks)
    return Trace(matrix)


def total(matrix: Matrix) -> Matrix:
    """The sum of all elements: 1ᵀv, 1ᵀA1, ‖v‖²."""
    if is_scalar(matrix):
        return matrix
    if isinstance(matrix, Transposed):
        return total(matrix.inner)
    if isinstance(matrix, Times):
        return times(*matrix.factors[:-1], total(matrix.factors[-1]))
    if isinstance(matrix, Power) and matrix.exponent == 2:
        return _squared_norm(matrix.base)
    if isinstance(matrix, DiagonalOf):
        return trace(matrix.inner)
    if isinstance(matrix, Hadamard) and len(matrix.factors) == 2 and shape(matrix)[1] != 1:
        left, right = matrix.factors
        return trace(product(transposed(left), right))
    rows, columns = shape(matrix)
    right = product(matrix, Ones(columns)) if columns != 1 else matrix
    return product(Transposed(Ones(rows)), right) if rows != 1 else right


def inner_product(factors: list[Matrix]) -> Matrix:
    """The sum over one index of a product of vectors: vᵀu, ‖v‖², vᵀdiag(w)v."""
    vector = hadamard(*factors)
    scalars: tuple[Matrix, ...] = ()
    if isinstance(vector, Times):
        scalars, vector = vector.factors[:-1], vector.factors[-1]
    if not isinstance(vector, Hadamard):
        return times(*scalars, total(vector))
    parts = vector.factors
    squares = [p for p in parts if isinstance(p, Power) and p.exponent == 2]
    if len(squares) == 1:
        rest = hadamard(*(p for p in parts if p is not squares[0]))
        base = squares[0].base
        return times(*scalars, product(transposed(base), diagonal(rest), base))
    choices = [
        product(transposed(hadamard(*parts[:cut])), hadamard(*parts[cut:]))
        for cut in range(1, len(parts))
    ]
    choices += [
        product(transposed(hadamard(*parts[cut:])), hadamard(*parts[:cut]))
        for cut in range(1, len(parts))
    ]
    return times(*scalars, min(choices, key=marks))


def triangle(matrix: Matrix, lower: bool, offset: int) -> Matrix:
    """The part of a matrix below or above a diagonal."""
    if isinstance(matrix, Times):
        return times(*matrix.factors[:-1], triangle(matrix.factors[-1], lower, offset))
    return Triangle(matrix, lower, offset)


def inverse(matrix: Matrix) -> Matrix:
    """(Aᵀ)⁻¹ = A⁻ᵀ"""
    return Transposed(Inverse(matrix.inner)) if isinstance(matrix, Transposed) else Inverse(matrix)


def call(function: type[sympy.Function], *arguments: Matrix) -> Matrix:
    """A function of each element; exp(z − log(1ᵀexp(z))) is softmax(z)."""
    if function is sympy.exp:
        found = _softmax(arguments[0])
        if found is not None:
            return found
    if all(isinstance(argument, Scalar) for argument in arguments):
        return Scalar(function(*(a.value for a in arguments if isinstance(a, Scalar))))
    return Call(function, arguments)


def _softmax(matrix: Matrix) -> Matrix | None:
    if not isinstance(matrix, Sum):
        return None
    for part in matrix.parts:
        number, rest = split_coefficient(part)
        if number != -1:
            continue
        others = plus(*(p for p in matrix.parts if p is not part))
        by_row = _spread(rest)
        if not (isinstance(by_row, Call) and by_row.function is sympy.log):
            continue
        summed = by_row.arguments[0]
        exponential = Call(sympy.exp, (others,))
        columns = shape(others)[1]
        if summed in (total(exponential), product(exponential, Ones(columns))):
            return Softmax(others)
        if Counter(_parts(others)) == Counter(_parts(_exponent(summed))):
            return Softmax(others)
    return None


def _parts(matrix: Matrix | None) -> tuple[Matrix, ...]:
    if matrix is None:
        return ()
    return matrix.parts if isinstance(matrix, Sum) else (matrix,)


def _exponent(summed: Matrix) -> Matrix | None:
    """z of 1ᵀexp(z) and Z of exp(Z)1."""
    factors = summed.factors if isinstance(summed, Product) else ()
    for factor in factors:
        if isinstance(factor, Call) and factor.function is sympy.exp and len(factors) == 2:
            return factor.arguments[0]
    return None


def _spread(matrix: Matrix) -> Matrix:
    """v of v1ᵀ, the same number along each row; anything else as it is."""
    if isinstance(matrix, Product) and len(matrix.factors) == 2:
        first, last = matrix.factors
        if isinstance(last, Transposed) and isinstance(last.inner, Ones):
            return first
    return matrix


def rebuilt(matrix: Matrix, change: Callable[[Matrix], Matrix]) -> Matrix:
    """The expression with its direct parts changed, put together by the constructors."""
    parts = [change(child) for child in children(matrix)]
    match matrix:
        case Transposed():
            return transposed(parts[0])
        case Product():
            return product(*parts)
        case Times():
            return times(*parts)
        case Sum():
            return plus(*parts)
        case Hadamard():
            return hadamard(*parts)
        case Power(_, exponent):
            return power(parts[0], exponent)
        case Call(function, _):
            return call(function, *parts)
        case Diagonal():
            return diagonal(parts[0])
        case DiagonalOf():
            return diagonal_of(parts[0])
        case Trace():
            return trace(parts[0])
        case SquaredNorm():
            return _squared_norm(parts[0])
        case Softmax():
            return Softmax(parts[0])
        case Reduce(reduction, _, by_row):
            return Reduce(reduction, parts[0], by_row)
        case Triangle(_, lower, offset):
            return triangle(parts[0], lower, offset)
        case Kronecker():
            return Kronecker(parts[0], parts[1])
        case Inverse():
            return inverse(parts[0])
        case MatrixFunction(routine, _):
            return MatrixFunction(routine, parts[0])
        case _:
            return matrix


def _squared_norm(matrix: Matrix) -> Matrix:
    """‖c·A‖² = c²·‖A‖²; a number is itself squared."""
    if isinstance(matrix, Times):
        outside = (power(factor, sympy.Integer(2)) for factor in matrix.factors[:-1])
        return times(*outside, _squared_norm(matrix.factors[-1]))
    if isinstance(matrix, Transposed):
        return SquaredNorm(matrix.inner)
    return power(matrix, sympy.Integer(2)) if is_scalar(matrix) else SquaredNorm(matrix)
