"""Constructors of matrix expressions: each does the arithmetic that a reader expects to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import sympy

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
from symgrad.program.functions import exceeds, maximum

__all__ = [
    "call",
    "diagonal",
    "diagonal_of",
    "hadamard",
    "inner_product",
    "inverse",
    "marks",
    "plus",
    "power",
    "product",
    "rebuilt",
    "split_coefficient",
    "times",
    "total",
    "trace",
    "transposed",
    "triangle",
]

_ONE = Scalar(sympy.S.One)


def times(*factors: Matrix) -> Matrix:
    """Scalars times at most one matrix: numbers multiplied, 1 dropped."""
    number = sympy.S.One
    scalars: list[Matrix] = []
    matrices: list[Matrix] = []
    for factor in factors:
        for part in factor.factors if isinstance(factor, Times) else (factor,):
            if isinstance(part, Scalar):
                number *= part.value
            else:
                (scalars if is_scalar(part) else matrices).append(part)
    if number == 0 and not matrices:
        return Scalar(sympy.S.Zero)
    inner = matrices if len(matrices) < 2 else [hadamard(*matrices)]
    scalars = _collected(scalars)
    head = [] if number == 1 and (scalars or inner) else [Scalar(number)]
    parts = (*head, *scalars, *inner)
    return parts[0] if len(parts) == 1 else Times(parts)


def _collected(scalars: list[Matrix]) -> list[Matrix]:
    """Equal scalar factors as one power."""
    exponents: dict[Matrix, sympy.Expr] = {}
    for scalar in scalars:
        base, exponent = (
            (scalar.base, scalar.exponent) if isinstance(scalar, Power) else (scalar, sympy.S.One)
        )
        exponents[base] = exponents.get(base, sympy.S.Zero) + exponent
    return [power(base, exponent) for base, exponent in exponents.items() if exponent != 0]


def split_coefficient(matrix: Matrix) -> tuple[sympy.Expr, Matrix]:
    """The number in front, and the rest."""
    if isinstance(matrix, Scalar):
        return matrix.value, _ONE
    if isinstance(matrix, Times) and isinstance(matrix.factors[0], Scalar):
        return matrix.factors[0].value, times(*matrix.factors[1:])
    return sympy.S.One, matrix


def plus(*parts: Matrix) -> Matrix:
    """A + A = 2A, A − A = 0; the order of first appearance is kept."""
    numbers: dict[Matrix, sympy.Expr] = {}
    for part in parts:
        for piece in part.parts if isinstance(part, Sum) else (part,):
            number, rest = split_coefficient(piece)
            numbers[rest] = numbers.get(rest, sympy.S.Zero) + number
    kept = [times(Scalar(number), rest) for rest, number in numbers.items() if number != 0]
    if not kept:
        return Scalar(sympy.S.Zero)
    return kept[0] if len(kept) == 1 else Sum(tuple(kept))


def hadamard(*factors: Matrix) -> Matrix:
    """Equal factors become a power, scalars go in front, ones vanish."""
    scalars: list[Matrix] = []
    exponents: dict[Matrix, sympy.Expr] = {}
    ones: Matrix | None = None
    for factor in factors:
        outer = factor.factors if isinstance(factor, Times) else (factor,)
        for part in outer:
            for piece in part.factors if isinstance(part, Hadamard) else (part,):
                if is_scalar(piece):
                    scalars.append(piece)
                elif isinstance(piece, Ones):
                    ones = piece
                else:
                    base, exponent = (
                        (piece.base, piece.exponent)
                        if isinstance(piece, Power)
                        else (piece, sympy.S.One)
                    )
                    exponents[base] = exponents.get(base, sympy.S.Zero) + exponent
    kept = [power(base, exponent) for base, exponent in exponents.items() if exponent != 0]
    kept = _without_steps(kept)
    if not kept:
        inner = [ones] if ones is not None else []
        return times(*scalars, *inner) if scalars or inner else _ONE
    matrix = kept[0] if len(kept) == 1 else Hadamard(tuple(_identity_first(kept)))
    return times(*scalars, matrix) if scalars else matrix


def _without_steps(factors: list[Matrix]) -> list[Matrix]:
    """max(u, 0) ⊙ step(u) = max(u, 0)."""
    clipped = [f.arguments for f in factors if isinstance(f, Call) and f.function is maximum]
    return [
        factor
        for factor in factors
        if not (
            isinstance(factor, Call)
            and factor.function is exceeds
            and (factor.arguments in clipped or factor.arguments[::-1] in clipped)
            and Scalar(sympy.S.Zero) == factor.arguments[1]
        )
    ]


def _identity_first(factors: list[Matrix]) -> list[Matrix]:
    """I ⊙ M = diag(diag(M))."""
    identities = [factor for factor in factors if isinstance(factor, (Identity, Diagonal))]
    if not identities or len(factors) - len(identities) != 1:
        return factors
    return [*identities, *(f for f in factors if f not in identities)]


def power(base: Matrix, exponent: sympy.Expr) -> Matrix:
    """x¹ = x; numbers are raised; (xᵖ)ᑫ = xᵖᑫ for whole q."""
    if exponent == 1:
        return base
    if isinstance(base, Scalar):
        return Scalar(base.value**exponent)
    if isinstance(base, Power) and exponent.is_Integer:
        return power(base.base, base.exponent * exponent)
    if isinstance(base, Times) and exponent.is_Integer:
        return times(*(power(factor, exponent) for factor in base.factors))
    return Power(base, exponent)


def product(*factors: Matrix) -> Matrix:
    """The matrix product: scalars in front, I dropped, diagonal factors merged."""
    scalars: list[Matrix] = []
    chain: list[Matrix] = []
    for factor in factors:
        outer = factor.factors if isinstance(factor, Times) else (factor,)
        for part in outer:
            if is_scalar(part):
                scalars.append(part)
                continue
            for piece in part.factors if isinstance(part, Product) else (part,):
                _append(chain, scalars, piece)
    if not chain:
        return times(*scalars) if scalars else _ONE
    matrix = chain[0] if len(chain) == 1 else Product(tuple(chain))
    return times(*scalars, matrix) if scalars else matrix


def _append(chain: list[Matrix], scalars: list[Matrix], piece: Matrix) -> None:
    """One more factor at the end of a product."""
    last = chain[-1] if chain else None
    if isinstance(piece, Identity) and last is not None:
        return
    if isinstance(last, Identity):
        chain[-1] = piece
    elif isinstance(last, Diagonal) and isinstance(piece, Diagonal):
        chain[-1] = diagonal(hadamard(last.vector, piece.vector))
    elif isinstance(last, Diagonal) and shape(piece)[1] == 1:
        chain.pop()
        inner = hadamard(last.vector, piece)
        for part in inner.factors if isinstance(inner, Times) else (inner,):
            scalars.append(part) if is_scalar(part) else _append(chain, scalars, part)
    elif isinstance(last, Transposed) and isinstance(last.inner, Ones) and isinstance(piece, Ones):
        chain.pop()
        scalars.append(Scalar(piece.extent))
    else:
        chain.append(piece)


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


def diagonal(vector: Matrix) -> Matrix:
    """diag(c·v) = c·diag(v), diag(1) = I."""
    if isinstance(vector, Ones):
        return Identity(vector.extent)
    if isinstance(vector, Times):
        return times(*vector.factors[:-1], diagonal(vector.factors[-1]))
    return Diagonal(vector)


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
