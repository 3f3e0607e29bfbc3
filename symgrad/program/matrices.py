"""Values of matrix operations by NumPy, for the reference evaluator; complex matrices too.

Complex ones are the complex step of the tests, so each routine is continued as an analytic
function of the elements: without conjugation, and |det A| as ± det A.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symgrad.program.definitions import SOLVES, MatrixOperation, MatrixRoutine

__all__ = ["evaluate_matrix_operation", "evaluate_routine"]

Array = np.ndarray


def evaluate_matrix_operation(statement: MatrixOperation, operands: tuple[Array, ...]) -> Array:
    """The value of a matrix operation from the values of its operands.

    Raises:
        numpy.linalg.LinAlgError: a matrix is singular or not positive definite.
    """
    try:
        if statement.routine in SOLVES:
            return _solve(statement, *operands)
        return evaluate_routine(statement.routine, operands[0])
    except np.linalg.LinAlgError as error:
        where = f" ({statement.origin})" if statement.origin else ""
        raise np.linalg.LinAlgError(
            f"{statement.routine} of '{statement.operands[0]}'{where}: {error}"
        ) from None


def evaluate_routine(routine: MatrixRoutine, matrix: Array) -> Array:
    """The value of a routine of one matrix, or of a batch."""
    return np.asarray(_ROUTINES[routine](matrix))


def _solve(statement: MatrixOperation, matrix: Array, right: Array) -> Array:
    if statement.routine == "solve_lower":
        matrix = np.tril(matrix)
    elif statement.routine == "solve_upper":
        matrix = np.triu(matrix)
    if statement.transposed:
        matrix = np.swapaxes(matrix, -1, -2)
    if not statement.vector:
        return np.linalg.solve(matrix, right)
    return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])


def _sign(matrix: Array) -> Array:
    return np.asarray(np.sign(np.linalg.slogdet(matrix)[0].real))


def _log_abs_determinant(matrix: Array) -> Array:
    sign, logarithm = np.linalg.slogdet(matrix)
    if not np.iscomplexobj(matrix):
        return np.asarray(logarithm)
    return np.asarray(logarithm + 1j * np.arctan(sign.imag / sign.real))


def _log_determinant(matrix: Array) -> Array:
    return np.where(_sign(matrix) < 0, np.nan, _log_abs_determinant(matrix))


def _cofactors(matrix: Array) -> Array:
    if np.iscomplexobj(matrix):
        return np.linalg.det(matrix)[..., None, None] * np.swapaxes(np.linalg.inv(matrix), -1, -2)
    left, values, right = np.linalg.svd(matrix)
    count = matrix.shape[-1]
    others = np.where(np.eye(count, dtype=bool), 1, values[..., None, :]).prod(axis=-1)
    sign = np.linalg.det(left) * np.linalg.det(right)
    return np.asarray(sign[..., None, None] * (left * others[..., None, :]) @ right)


def _cholesky(matrix: Array) -> Array:
    if not np.iscomplexobj(matrix):
        return np.linalg.cholesky(matrix)
    factor = np.zeros_like(matrix)
    for j in range(matrix.shape[-1]):
        rest = matrix[..., j:, j] - np.einsum(
            "...ik,...k->...i", factor[..., j:, :j], factor[..., j, :j]
        )
        factor[..., j:, j] = rest / np.sqrt(rest[..., :1])
    return factor


_ROUTINES: dict[str, Callable[[Array], Array]] = {
    "inverse": np.linalg.inv,
    "determinant": np.linalg.det,
    "determinant_sign": _sign,
    "log_determinant": _log_determinant,
    "log_abs_determinant": _log_abs_determinant,
    "cofactors": _cofactors,
    "cholesky": _cholesky,
}
