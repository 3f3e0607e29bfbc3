"""`symgrad.linalg`: norms, products, inverses, solutions and Cholesky factors."""

from __future__ import annotations

from typing import Any

from symgrad.autograd.factorisations import LinAlgError, cholesky, det, inv, slogdet, solve
from symgrad.autograd.matrices import cross, diagonal, matmul, matrix_power
from symgrad.autograd.reductions import norm as _norm
from symgrad.autograd.tensor import Tensor

__all__ = [
    "LinAlgError", "cholesky", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm",
    "matrix_power", "norm", "slogdet", "solve", "vector_norm",
]  # fmt: skip


def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|^p)^(1/p) over all elements or axes."""
    return _norm(x, ord, dim, keepdim)


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The 2-norm of all elements, or a vector norm along an axis."""
    return _norm(A, 2 if ord in (None, "fro") else ord, dim, keepdim)


def matrix_norm(A: Tensor, ord: Any = "fro", keepdim: bool = False) -> Tensor:
    """The Frobenius norm of the last two axes."""
    if ord != "fro":
        raise NotImplementedError(f"matrix_norm: only ord='fro' is there, not {ord!r}")
    return _norm(A, 2, (-2, -1), keepdim)
