"""Matrix operations by mpmath, of arrays of its numbers."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from symgrad.program import SOLVES, MatrixOperation

__all__ = ["operate_exactly"]

Array = np.ndarray


def operate_exactly(
    statement: MatrixOperation, operands: tuple[Array, ...], shape: tuple[int, ...]
) -> Array:
    """The value of a matrix operation; NaN where a matrix is singular or not positive definite."""
    count = len(statement.batch)
    cores = (2, 1 if statement.vector else 2)
    result = np.empty(shape, object)
    for batch in np.ndindex(*shape[:count]):
        own = [
            operand[batch] if operand.ndim > core else operand
            for operand, core in zip(operands, cores, strict=False)
        ]
        try:
            result[batch] = _value(statement, *own)
        except (ZeroDivisionError, ValueError):
            result[batch] = mp.nan
    return result


def _value(statement: MatrixOperation, array: Array, right: Array | None = None) -> Any:
    match statement.routine:
        case routine if routine in SOLVES:
            return _solution(statement, array, right)
        case "inverse":
            return _array(mpmath.inverse(mp.matrix(array.tolist())), array.shape)
        case "cholesky":
            lower = np.tril(array) + np.tril(array, -1).T
            return _array(mpmath.cholesky(mp.matrix(lower.tolist())), array.shape)
        case "cofactors":
            return _cofactors(array)
        case "determinant":
            return _determinant(array)
        case "determinant_sign":
            return mpmath.sign(_determinant(array))
        case _:
            determinant = _determinant(array)
            if statement.routine == "log_determinant" and determinant < 0:
                return mp.nan
            return mpmath.log(abs(determinant)) if determinant else -mp.inf


def _solution(statement: MatrixOperation, array: Array, right: Array | None) -> Array:
    assert right is not None
    triangle = {"solve_lower": np.tril, "solve_upper": np.triu}.get(statement.routine)
    array = array if triangle is None else triangle(array)
    matrix = mp.matrix((array.T if statement.transposed else array).tolist())
    if not right.size:
        return right
    columns = right.reshape(right.shape[0], -1).T
    solved = [list(mpmath.lu_solve(matrix, mp.matrix(column.tolist()))) for column in columns]
    return np.array(solved, object).T.reshape(right.shape)


def _determinant(array: Array) -> Any:
    return mpmath.det(mp.matrix(array.tolist())) if array.size else mp.mpf(1)


def _cofactors(array: Array) -> Array:
    result = np.empty(array.shape, object)
    for i, j in np.ndindex(*array.shape):
        rest = np.delete(np.delete(array, i, 0), j, 1)
        result[i, j] = (-1) ** (i + j) * _determinant(rest)
    return result


def _array(matrix: Any, shape: tuple[int, ...]) -> Array:
    return np.array(matrix.tolist(), object).reshape(shape)
