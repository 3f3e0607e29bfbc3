"""Sums and products of matrices: constructors that do the arithmetic which a reader expects."""

from __future__ import annotations

import sympy

from symgrad.explain.expressions import (
    Call,
    Diagonal,
    Hadamard,
    Identity,
    Matrix,
    Ones,
    Power,
    Product,
    Scalar,
    Sum,
    Times,
    Transposed,
    is_scalar,
    shape,
)
from symgrad.program.functions import exceeds, maximum

__all__ = [
    "diagonal",
    "hadamard",
    "plus",
    "power",
    "product",
    "split_coefficient",
    "times",
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


def diagonal(vector: Matrix) -> Matrix:
    """diag(c·v) = c·diag(v), diag(1) = I."""
    if isinstance(vector, Ones):
        return Identity(vector.extent)
    if isinstance(vector, Times):
        return times(*vector.factors[:-1], diagonal(vector.factors[-1]))
    return Diagonal(vector)
