"""Last touches that shorten a matrix expression: common factors of a sum in front of it."""

from __future__ import annotations

from symgrad.explain.algebra import plus, product, rebuilt, split_coefficient, times
from symgrad.explain.expressions import Matrix, Product, Scalar, Sum, children, is_scalar

__all__ = ["tidy"]


def tidy(matrix: Matrix) -> Matrix:
    """Ax + Aᵀx → (A + Aᵀ)x, 2Ax + 2b → 2(Ax + b), in every part."""
    if not children(matrix):
        return matrix
    matrix = rebuilt(matrix, tidy)
    if not isinstance(matrix, Sum) or is_scalar(matrix):
        return matrix
    return _common_factor(_common_number(matrix))


def _common_number(matrix: Matrix) -> Matrix:
    """2A + 2B → 2(A + B), for whole parts and one number only."""
    if not isinstance(matrix, Sum):
        return matrix
    numbers = {abs(split_coefficient(part)[0]) for part in matrix.parts}
    if len(numbers) != 1:
        return matrix
    (number,) = numbers
    if number == 1 or any(is_scalar(part) for part in matrix.parts):
        return matrix
    return times(Scalar(number), plus(*(times(Scalar(1 / number), p) for p in matrix.parts)))


def _common_factor(matrix: Matrix) -> Matrix:
    """AC + BC → (A + B)C and CA + CB → C(A + B)."""
    if not isinstance(matrix, Sum):
        return matrix
    split = [split_coefficient(part) for part in matrix.parts]
    if not all(isinstance(rest, Product) for _, rest in split):
        return matrix
    chains = [(number, rest.factors) for number, rest in split if isinstance(rest, Product)]
    if len({chain[-1] for _, chain in chains}) == 1:
        inner = plus(*(times(Scalar(n), product(*chain[:-1])) for n, chain in chains))
        return product(inner, chains[0][1][-1])
    if len({chain[0] for _, chain in chains}) == 1:
        inner = plus(*(times(Scalar(n), product(*chain[1:])) for n, chain in chains))
        return product(chains[0][1][0], inner)
    return matrix
