"""Inverses, determinants, solutions and Cholesky factors: the routines of LAPACK.

Their derivatives are the compiler's, to any order. All take batches in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.autograd.recording import apply, operation, record
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["FUNCTIONS", "METHODS", "cholesky", "det", "inv", "logdet", "slogdet", "solve"]

Array = np.ndarray


def _transposed(x: Tensor) -> Tensor:
    result: Tensor = x.transpose(-2, -1)
    return result


def _checked(name: str, A: Tensor) -> None:
    array = A._data
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are "
            f"{' by '.join(map(str, array.shape[-2:]))} matrices"
        )
    if array.dtype.kind != "f":
        raise RuntimeError(f"linalg.{name}: Expected a floating point tensor, but got {A.dtype}")


def _computed(name: str, routine: Callable[..., Any], *arrays: Array) -> Any:
    """What LAPACK finds; that a matrix has no such result is torch's error."""
    try:
        return routine(*arrays)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {_EXPLAINED.get(name, error)}") from None


class LinAlgError(RuntimeError):
    """A matrix is singular, or not positive-definite."""


_EXPLAINED = {
    "inv": "The diagonal element is zero, the inversion could not be completed because the input "
    "matrix is singular.",
    "solve": "The solver failed because the input matrix is singular.",
    "cholesky": "The factorization could not be completed because the input is not "
    "positive-definite.",
}


# Derivatives of all but the Cholesky factor are those of the matrix operations of the compiler.
INV = operation(
    "LinalgInvExBackward0",
    lambda A: _computed("inv", np.linalg.inv, A),
    formula=np.linalg.inv,
    keeps_result=True,
)
DET = operation("LinalgDetBackward0", np.linalg.det)
LOGDET = operation("LinalgSlogdetBackward0", lambda A: np.linalg.slogdet(A)[1])
SOLVE = operation(
    "LinalgSolveExBackward0",
    lambda A, B: _computed("solve", np.linalg.solve, A, B),
    formula=np.linalg.solve,
    keeps_result=True,
)
# The compiler's is that of the triangle that NumPy reads; torch's is symmetric.
CHOLESKY = operation(
    "LinalgCholeskyExBackward0",
    lambda A: _computed("cholesky", np.linalg.cholesky, A),
    formula=lambda A: np.linalg.cholesky((A + A.mT) / 2),
    keeps_result=True,
)


class SignAndLogarithm(NamedTuple):
    """det A = sign·exp(logabsdet)"""

    sign: Tensor
    logabsdet: Tensor


def inv(A: Tensor) -> Tensor:
    """A⁻¹ of square matrices.

    Raises:
        LinAlgError: a matrix is singular.

    >>> import symgrad
    >>> symgrad.inverse(symgrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    _checked("inv", A)
    return apply(INV, (A,))


def det(A: Tensor) -> Tensor:
    """The determinant of square matrices; its second derivative needs A to be regular."""
    _checked("det", A)
    return apply(DET, (A,))


def slogdet(A: Tensor) -> SignAndLogarithm:
    """Sign and logarithm of the absolute value of the determinant."""
    _checked("slogdet", A)
    sign, logarithm = np.linalg.slogdet(A._data)
    return SignAndLogarithm(
        wrap(np.asarray(sign)), record(LOGDET, (A,), [A._data], {}, np.asarray(logarithm))
    )


def logdet(A: Tensor) -> Tensor:
    """log det A; NaN where the determinant is negative."""
    sign, logarithm = slogdet(A)
    negative = wrap(sign._data < 0)
    result: Tensor = logarithm.masked_fill(negative, float("nan"))
    return result


def solve(A: Tensor, B: Tensor) -> Tensor:
    """X with A·X = B; B is a vector, a matrix, or a batch of matrices.

    Raises:
        LinAlgError: a matrix is singular.
    """
    _checked("solve", A)
    if B._data.ndim == 1 or B._data.shape == A._data.shape[:-1]:
        return _solved(A, B.unsqueeze(-1)).squeeze(-1)
    return _solved(A, B)


def _solved(A: Tensor, B: Tensor) -> Tensor:
    return apply(SOLVE, (A, B), promote=False)


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L·Lᵀ = A, or its transpose.

    Raises:
        LinAlgError: a matrix is not positive-definite.
    """
    _checked("cholesky", A)
    L = apply(CHOLESKY, (A,))
    return _transposed(L) if upper else L


def inverse(input: Tensor) -> Tensor:
    """A⁻¹ of square matrices; see `linalg.inv`."""
    return inv(input)


FUNCTIONS: dict[str, Any] = {
    "inverse": inverse, "det": det, "logdet": logdet, "slogdet": slogdet,
}  # fmt: skip
METHODS: dict[str, Any] = {**FUNCTIONS, "cholesky": cholesky}
