"""Matrix products, joins, triangles, and the few factorisations that follow from solve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.dtypes import promoted
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of

__all__ = ["FUNCTIONS", "METHODS"]

# --- products ------------------------------------------------------------------------------------

MM = operation("MmBackward0", np.matmul)
MV = operation("MvBackward0", np.matmul)
DOT = operation("DotBackward0", np.matmul)
BMM = operation("BmmBackward0", np.matmul)
MATMUL = operation("UnsafeViewBackward0", np.matmul)
ADDMM = operation("AddmmBackward0", lambda c, a, b, *, beta, alpha: beta * c + alpha * (a @ b))
OUTER = operation("MulBackward0", np.outer)
EINSUM = operation("EinsumBackward0", lambda *x, equation: np.einsum(equation, *x))
TENSORDOT = operation("TensordotBackward0", lambda a, b, *, dims: np.tensordot(a, b, dims))
KRON = operation("KronBackward0", np.kron)


def _same_type(*tensors: Tensor) -> None:
    kinds = {x._data.dtype for x in tensors}
    if len(kinds) > 1:
        names = " != ".join(str(x.dtype).partition(".")[2] for x in tensors)
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {names}")


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; vectors and batches as in NumPy."""
    if not isinstance(other, Tensor):
        raise TypeError(
            "matmul(): argument 'other' must be Tensor, not "
            f"{type(other).__name__}: make it one with tensor(...)"
        )
    _same_type(input, other)
    ranks = (input._data.ndim, other._data.ndim)
    if 0 in ranks:
        raise RuntimeError("both arguments to matmul need to be at least 1D")
    inner = input._data.shape[-1], other._data.shape[-2 if ranks[1] > 1 else 0]
    if inner[0] != inner[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_by(input)} and {_by(other)})"
        )
    op = {(2, 2): MM, (2, 1): MV, (1, 1): DOT, (3, 3): BMM}.get(ranks, MATMUL)
    return apply(op, (input, other), promote=False)


def _by(x: Tensor) -> str:
    return "x".join(map(str, x._data.shape))


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    _expect(input, 2, "mm", "self")
    _expect(mat2, 2, "mm", "mat2")
    return matmul(input, mat2)


def _expect(x: Tensor, rank: int, function: str, what: str) -> None:
    if x._data.ndim != rank:
        kind = {1: "1D tensors expected: ", 2: "matrices expected: "}.get(rank, "")
        raise RuntimeError(
            f"{function}: {kind}{what} must be a {rank}D tensor, got {x._data.ndim}D"
        )


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Matrix times vector."""
    _expect(input, 2, "mv", "self")
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ a·b of two vectors."""
    _expect(input, 1, "dot", "self")
    _expect(tensor, 1, "dot", "tensor")
    return matmul(input, tensor)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """A product for each matrix of a batch."""
    _expect(input, 3, "bmm", "batch1")
    return matmul(input, mat2)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·mat1 @ mat2"""
    return apply(ADDMM, (input, mat1, mat2), {"beta": beta, "alpha": alpha})


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·mat @ vec"""
    return apply(ADDMM, (input, mat, vec), {"beta": beta, "alpha": alpha})


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta·input + alpha·batch1 @ batch2"""
    return apply(ADDMM, (input, batch1, batch2), {"beta": beta, "alpha": alpha})


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """y[i, j] = a[i]·b[j]"""
    return apply(OUTER, (input, vec2))


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein's sums: the letters that are not in the result are summed over."""
    given = (
        operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    )
    return apply(EINSUM, tuple(given), {"equation": equation.replace(" ", "")})


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over pairs of axes."""
    axes = dims if isinstance(dims, int) else tuple(tuple(d) for d in dims)
    return apply(TENSORDOT, (a, b), {"dims": axes})


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product."""
    return apply(KRON, (input, other))


CROSS = operation("LinalgCrossBackward0", lambda a, b, *, dim: np.cross(a, b, axis=dim))


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Vector products along an axis of three elements."""
    if dim is None:
        dim = next(k for k, n in enumerate(input._data.shape) if n == 3)
    return apply(CROSS, (input, other), {"dim": dim})


# --- joins ---------------------------------------------------------------------------------------

CAT = operation("CatBackward0", lambda *x, dim: np.concatenate(x, axis=dim))
STACK = operation("StackBackward0", lambda *x, dim: np.stack(x, axis=dim))


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors one after the other along an axis."""
    pieces = list(tensors)
    if not pieces:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    rank = max(p._data.ndim for p in pieces)
    if not rank:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    kept = [p for p in pieces if p._data.shape != (0,) or rank == 1]
    place = axis_of(dim if axis is None else axis, rank)
    _check_joined([p._data.shape for p in kept], place)
    joined = list(_one_type(kept))
    while len(joined) > MOST_PIECES:
        joined = [_cat(joined[k : k + MOST_PIECES], place) for k in _starts(joined)]
    return _cat(joined, place)


def _check_joined(shapes: Sequence[tuple[int, ...]], place: int) -> None:
    """All shapes are equal but for the axis along which they are joined."""
    for number, shape in enumerate(shapes):
        if len(shape) != len(shapes[0]):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(shapes[0])} and "
                f"{len(shape)}"
            )
        for k, (wanted, n) in enumerate(zip(shapes[0], shape, strict=True)):
            if k != place and wanted != n:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {place}. Expected size "
                    f"{wanted} but got size {n} for tensor number {number} in the list."
                )


# A join is one formula with a term for each piece: long lists are joined in groups.
MOST_PIECES = 8


def _starts(pieces: Sequence[Tensor]) -> range:
    return range(0, len(pieces), MOST_PIECES)


def _cat(pieces: Sequence[Tensor], dim: int) -> Tensor:
    return apply(CAT, pieces, {"dim": dim}, promote=False)


def _one_type(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    kinds = {x._data.dtype for x in tensors}
    if len(kinds) == 1:
        return tuple(tensors)
    common = promoted([x._data for x in tensors], ())
    return tuple(x.to(common) for x in tensors)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape on a new axis."""
    pieces = list(tensors)
    if not pieces:
        raise RuntimeError("stack expects a non-empty TensorList")
    for k, piece in enumerate(pieces):
        if piece._data.shape != pieces[0]._data.shape:
            raise RuntimeError(
                "stack expects each tensor to be equal size, but got "
                f"{list(pieces[0]._data.shape)} at entry 0 and {list(piece._data.shape)} at entry "
                f"{k}"
            )
    place = axis_of(dim, pieces[0]._data.ndim + 1)
    alike = _one_type(pieces)
    groups = [
        apply(STACK, alike[k : k + MOST_PIECES], {"dim": place}, promote=False)
        for k in _starts(alike)
    ]
    return groups[0] if len(groups) == 1 else cat(groups, place)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side."""
    return cat(tensors, 0 if tensors[0]._data.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One below the other."""
    return cat([t if t._data.ndim > 1 else t.reshape(1, -1) for t in tensors], 0)


# --- triangles and diagonals ---------------------------------------------------------------------

TRACE = operation("TraceBackward0", np.trace)
DIAGONAL = operation(
    "DiagonalBackward0",
    lambda x, *, offset, dim1, dim2: np.diagonal(x, offset, dim1, dim2),
)
DIAG_EMBED = operation("DiagEmbedBackward0", lambda x, *, offset: np.diag(x, offset))
TRIL = operation("TrilBackward0", lambda x, *, diagonal: np.tril(x, diagonal))
TRIU = operation("TriuBackward0", lambda x, *, diagonal: np.triu(x, diagonal))


def trace(input: Tensor) -> Tensor:
    """Σ_i x[i, i]"""
    return apply(TRACE, (input,), promote=False)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """y[…, i] = x[i, i + offset]"""
    static = {"offset": offset, "dim1": dim1, "dim2": dim2}
    return apply(DIAGONAL, (input,), static, promote=False)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a vector on its diagonal, or the diagonal of a matrix."""
    if input._data.ndim == 1:
        return apply(DIAG_EMBED, (input,), {"offset": diagonal}, promote=False)
    static = {"offset": diagonal, "dim1": 0, "dim2": 1}
    return apply(DIAGONAL, (input,), static, promote=False)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, 0 above."""
    return apply(TRIL, (input,), {"diagonal": diagonal}, promote=False)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, 0 below."""
    return apply(TRIU, (input,), {"diagonal": diagonal}, promote=False)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of a matrix, n > 0."""
    result = input
    for _ in range(n - 1):
        result = result @ input
    return result if n else wrap(np.eye(input._data.shape[0], dtype=input._data.dtype))


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        matmul, mm, mv, dot, bmm, addmm, addmv, baddbmm, outer, einsum, tensordot, kron, cross,
        cat, stack, hstack, vstack, trace, diagonal, diag, tril, triu, matrix_power,
    )
}  # fmt: skip
FUNCTIONS.update({"concat": cat, "concatenate": cat, "inner": dot, "ger": outer})
_NOT_METHODS = {"einsum", "cat", "stack", "hstack", "vstack", "concat", "concatenate", "tensordot"}
METHODS: dict[str, Any] = {
    **{name: f for name, f in FUNCTIONS.items() if name not in _NOT_METHODS},
    "__matmul__": lambda self, other: matmul(self, other),
    "__rmatmul__": lambda self, other: matmul(
        other if isinstance(other, Tensor) else wrap(np.asarray(other)), self
    ),
}
