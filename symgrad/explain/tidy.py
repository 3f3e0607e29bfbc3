"""Last touches that shorten a matrix expression: common factors of a sum in front of it."""

from __future__ import annotations

from symgrad.explain.algebra import (
    plus,
    product,
    split_coefficient,
    times,
)
from symgrad.explain.expressions import Matrix, Product, Scalar, Sum, children, is_scalar
from symgrad.explain.operators import marks, rebuilt, transposed

__all__ = ["tidy"]


def tidy(matrix: Matrix) -> Matrix:
    """Ax + Aᵀx → (A + Aᵀ)x, 2Ax + 2b → 2(Ax + b), in every part."""
    if not children(matrix):
        return matrix
    matrix = rebuilt(matrix, tidy)
    if isinstance(matrix, Product) and is_scalar(matrix):
        turned = product(*(transposed(factor) for factor in reversed(matrix.factors)))
        return turned if marks(turned) < marks(matrix) else matrix  # xᵀA⁻ᵀx → xᵀA⁻¹x
    if not isinstance(matrix, Sum) or is_scalar(matrix):
        return matrix
    return _common_factor(_common_number(matrix))


def _common_number(matrix: Matrix) -> Matrix:
    """2A + 2B → 2(A + B), for whole parts and one number only."""
    if not isinstance(matrix, Sum):
        return matrix
    numbers = [split_coefficient(part)[0] for part in matrix.parts]
    if len({abs(number) for number in numbers}) != 1:
        return matrix
    number = abs(numbers[0]) if any(n.is_positive for n in numbers) else numbers[0]
    if number == 1 or any(is_scalar(part) for part in matrix.parts):
        return matrix
    return times(Scalar(number), plus(*(times(Scalar(1 / number), p) for p in matrix.parts)))


def _common_factor(matrix: Matrix) -> Matrix:
    """AC + BC + D → (A + B)C + D, and CA + CB → C(A + B)."""
    for end in (-1, 0):
        if isinstance(matrix, Sum):
            matrix = _joined_at(matrix, end)
    return matrix


def _joined_at(matrix: Sum, end: int) -> Matrix:
    """Products with equal numbers and the same last (first) factor as one product."""
    groups: dict[object, list[Matrix]] = {}
    for part in matrix.parts:
        number, rest = split_coefficient(part)
        chain = rest.factors[end] if isinstance(rest, Product) else None
        groups.setdefault((abs(number), chain) if chain is not None else part, []).append(part)
    joined: list[Matrix] = []
    for group in groups.values():
        joined.append(group[0] if len(group) == 1 else _merged(group, end))
    return plus(*joined) if len(joined) < len(matrix.parts) else matrix


def _merged(group: list[Matrix], end: int) -> Matrix:
    numbers = [split_coefficient(part)[0] for part in group]
    number = abs(numbers[0]) if any(n.is_positive for n in numbers) else numbers[0]
    inner: list[Matrix] = []
    common: Matrix | None = None
    for part in group:
        own, rest = split_coefficient(part)
        assert isinstance(rest, Product)
        common = rest.factors[end]
        others = rest.factors[:-1] if end == -1 else rest.factors[1:]
        inner.append(times(Scalar(own / number), product(*others)))
    assert common is not None
    total = _common_factor(plus(*inner))
    factors = (total, common) if end == -1 else (common, total)
    return times(Scalar(number), product(*factors))
