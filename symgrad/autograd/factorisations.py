"""Inverses, determinants, solutions and Cholesky factors: the routines of LAPACK.

The compiler has no rule for these, so the adjoints stand here, written in recorded operations:
they can be differentiated again, to any order. All take batches in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.autograd.function import Function
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


class LinalgInvEx(Function):
    """B = A⁻¹,  Ā = −Bᵀ·B̄·Bᵀ"""

    node_name = "LinalgInvExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        B = wrap(_computed("inv", np.linalg.inv, A._data))
        ctx.save_for_backward(B)
        return B

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        B = _transposed(ctx.saved_tensors[0])
        return -(B @ gradient @ B)


class LinalgDet(Function):
    """d = det A,  Ā = d̄·d·A⁻ᵀ"""

    node_name = "LinalgDetBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        d = wrap(np.asarray(np.linalg.det(A._data)))
        ctx.save_for_backward(A, d)
        return d

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        A, d = ctx.saved_tensors
        scale: Tensor = (gradient * d).unsqueeze(-1).unsqueeze(-1)
        return scale * _transposed(inv(A))


class LinalgSlogdet(Function):
    """ℓ = log |det A|,  Ā = ℓ̄·A⁻ᵀ; the sign has no gradient"""

    node_name = "LinalgSlogdetBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> tuple[Tensor, Tensor]:
        sign, logarithm = np.linalg.slogdet(A._data)
        ctx.save_for_backward(A)
        result = wrap(np.asarray(sign)), wrap(np.asarray(logarithm))
        ctx.mark_non_differentiable(result[0])
        return result

    @staticmethod
    def backward(ctx: Any, sign: Tensor, gradient: Tensor) -> Tensor:
        (A,) = ctx.saved_tensors
        return gradient.unsqueeze(-1).unsqueeze(-1) * _transposed(inv(A))


class LinalgSolveEx(Function):
    """A·X = B,  B̄ = A⁻ᵀ·X̄,  Ā = −B̄·Xᵀ"""

    node_name = "LinalgSolveExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
        X = wrap(_computed("solve", np.linalg.solve, A._data, B._data))
        ctx.save_for_backward(A, X)
        return X

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        A, X = ctx.saved_tensors
        B_bar = LinalgSolveEx.apply(_transposed(A), gradient)
        return -(B_bar @ _transposed(X)), B_bar


class LinalgCholeskyEx(Function):
    """A = L·Lᵀ,  Ā = ½·(S + Sᵀ) with S = L⁻ᵀ·Φ(Lᵀ·L̄)·L⁻¹

    Φ keeps the lower half of a matrix, and half of its diagonal.
    """

    node_name = "LinalgCholeskyExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        L = wrap(_computed("cholesky", np.linalg.cholesky, A._data))
        ctx.save_for_backward(L)
        return L

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (L,) = ctx.saved_tensors
        n = L._data.shape[-1]
        half = np.tril(np.ones((n, n), L._data.dtype)) - np.eye(n, dtype=L._data.dtype) / 2
        upper = _transposed(L)
        inner = (upper @ gradient) * wrap(half)
        left = LinalgSolveEx.apply(upper, inner)  # L⁻ᵀ·Φ
        S = _transposed(LinalgSolveEx.apply(upper, _transposed(left)))  # (L⁻ᵀ·(L⁻ᵀΦ)ᵀ)ᵀ
        return (S + _transposed(S)) / 2


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
    result: Tensor = LinalgInvEx.apply(A)
    return result


def det(A: Tensor) -> Tensor:
    """The determinant of square matrices; its gradient needs A to be regular."""
    _checked("det", A)
    result: Tensor = LinalgDet.apply(A)
    return result


def slogdet(A: Tensor) -> SignAndLogarithm:
    """Sign and logarithm of the absolute value of the determinant."""
    _checked("slogdet", A)
    return SignAndLogarithm(*LinalgSlogdet.apply(A))


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
        solution: Tensor = LinalgSolveEx.apply(A, B.unsqueeze(-1))
        return solution.squeeze(-1)
    result: Tensor = LinalgSolveEx.apply(A, B)
    return result


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L·Lᵀ = A, or its transpose.

    Raises:
        LinAlgError: a matrix is not positive-definite.
    """
    _checked("cholesky", A)
    L: Tensor = LinalgCholeskyEx.apply(A)
    return _transposed(L) if upper else L


def inverse(input: Tensor) -> Tensor:
    """A⁻¹ of square matrices; see `linalg.inv`."""
    return inv(input)


FUNCTIONS: dict[str, Any] = {
    "inverse": inverse, "det": det, "logdet": logdet, "slogdet": slogdet,
}  # fmt: skip
METHODS: dict[str, Any] = {**FUNCTIONS, "cholesky": cholesky}
