"""Reductions, sorting and cumulative operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autograd.recording import operation, unary
from symgrad.autograd.special import logsumexp_of
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of

__all__ = ["FUNCTIONS", "METHODS", "axes_of", "even_extreme", "norm"]

Array = np.ndarray


def axes_of(x: Tensor, dim: Any) -> tuple[int, ...]:
    """Axes counted from the front; None is all of them."""
    rank = x._data.ndim
    if dim is None:
        return tuple(range(rank))
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    if not rank:
        return ()
    axes = tuple(axis_of(d, rank) for d in given)
    return axes or tuple(range(rank))


# --- sums ----------------------------------------------------------------------------------------

SUM = operation("SumBackward0", lambda x: x.sum())
SUM_DIM = operation("SumBackward1", lambda x, *, dim, keepdim: x.sum(axis=dim, keepdims=keepdim))
MEAN = operation("MeanBackward0", lambda x: x.mean())
MEAN_DIM = operation("MeanBackward1", lambda x, *, dim, keepdim: x.mean(axis=dim, keepdims=keepdim))
PROD = operation(
    "ProdBackward0", lambda x: np.prod(x), formula=lambda x: np.prod(x.ravel() if x.ndim else x)
)
PROD_DIM = operation(
    "ProdBackward1", lambda x, *, dim, keepdim: np.prod(x, axis=dim, keepdims=keepdim)
)


def _typed(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None else x.to(dtype)


def _exact(op: Any, x: Tensor, static: dict[str, Any]) -> Tensor:
    """Integers are summed in int64, without gradient."""
    if x._data.dtype.kind in "fc":
        return unary(op, x, static)
    return wrap(np.asarray(op.function(x._data.astype(np.int64), **static)))


def sum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """Σ x over all axes, or the given ones."""
    x = _typed(input, dtype)
    dim, keepdim = (axis if dim is None else dim), keepdim or keepdims
    if dim is None and not keepdim:
        return _exact(SUM, x, {})
    return _exact(SUM_DIM, x, {"dim": axes_of(x, dim), "keepdim": keepdim})


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Σ x/n over all axes, or the given ones."""
    x = _typed(input, dtype)
    if x._data.dtype.kind not in "fc":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {x.dtype}"
        )
    if dim is None and not keepdim:
        return unary(MEAN, x) if x._data.size else wrap(np.asarray(np.nan, x._data.dtype)) + x.sum()
    return unary(MEAN_DIM, x, {"dim": axes_of(x, dim), "keepdim": keepdim})


def nansum(input: Tensor) -> Tensor:
    """Σ x over the elements that are numbers."""
    from symgrad.autograd.selection import masked_fill

    return sum(masked_fill(input, wrap(np.isnan(input._data)), 0.0))


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Π x; right also where factors are 0."""
    x = _typed(input, dtype)
    if dim is None:
        return _exact(PROD, x, {})
    axes = axes_of(x, dim)
    return _exact(PROD_DIM, x, {"dim": axes[0] if axes else None, "keepdim": keepdim})


# --- moments -------------------------------------------------------------------------------------

VAR = operation(
    "VarBackward0",
    lambda x, *, dim, correction, keepdim: np.var(x, axis=dim, ddof=correction, keepdims=keepdim),
)
STD = operation(
    "StdBackward0",
    lambda x, *, dim, correction, keepdim: np.std(x, axis=dim, ddof=correction, keepdims=keepdim),
)


def _moment(op: Any, x: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Tensor:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    count = (1 if unbiased else 0) if correction is None else correction
    static = {"dim": axes_of(x, dim), "correction": count, "keepdim": keepdim}
    with np.errstate(all="ignore"):
        return unary(op, x, static)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: int | None = None,
) -> Tensor:
    """Σ (x − mean)²/(n − 1); `unbiased=False` divides by n."""
    return _moment(VAR, input, dim, unbiased, keepdim, correction)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: int | None = None,
) -> Tensor:
    """The square root of the variance."""
    return _moment(STD, input, dim, unbiased, keepdim, correction)


# --- norms ---------------------------------------------------------------------------------------


def even_extreme(x: Any, pick: Callable[..., Any], dim: Any, keepdim: bool) -> Any:
    """The extreme as the mean of all elements that are equal to it: ties share the gradient."""
    top = pick(x, axis=dim, keepdims=True) if x.ndim else x
    hit = x == top
    total = np.sum(np.where(hit, x, 0), axis=dim, keepdims=keepdim)
    return total / np.sum(hit, axis=dim, keepdims=keepdim)


def _norm_value(x: Array, *, p: float, dim: tuple[int, ...], keepdim: bool) -> Any:
    if p == 2:
        return np.sqrt(np.sum(x * x, axis=dim, keepdims=keepdim))
    if p == np.inf:
        return np.max(np.abs(x), axis=dim, keepdims=keepdim)
    if p == -np.inf:
        return np.min(np.abs(x), axis=dim, keepdims=keepdim)
    if p == 0:
        return np.sum(x != 0, axis=dim, keepdims=keepdim).astype(x.dtype)
    if p == 1:
        return np.sum(np.abs(x), axis=dim, keepdims=keepdim)
    return np.sum(np.abs(x) ** p, axis=dim, keepdims=keepdim) ** (1 / p)


def _norm_formula(x: Any, *, p: float, dim: tuple[int, ...], keepdim: bool) -> Any:
    """(Σ |x|^p)^(1/p), whose derivative at 0 is 0."""
    if p == 2 and dim == tuple(range(x.ndim)) and not keepdim:
        return np.linalg.norm(x)
    if p == 2 and len(dim) <= 2 and dim:
        return np.linalg.norm(x, axis=dim if len(dim) == 2 else dim[0], keepdims=keepdim)
    if p == 1:
        return np.sum(np.abs(x), axis=dim, keepdims=keepdim)
    if p in (np.inf, -np.inf):
        return even_extreme(np.abs(x), np.max if p > 0 else np.min, dim, keepdim)
    if p == 0:
        return np.sum(x * 0, axis=dim, keepdims=keepdim)
    total = np.sum(np.abs(x) ** p, axis=dim, keepdims=keepdim)
    safe = np.where(total == 0, 1, total)
    return np.where(total == 0, 0, safe ** (1 / p))


NORM = operation("LinalgVectorNormBackward0", _norm_value, formula=_norm_formula)


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """(Σ |x|^p)^(1/p) over all elements or axes; by default p = 2."""
    order = 2.0 if p in ("fro", None) else float(p)
    x = _typed(input, dtype)
    return unary(NORM, x, {"p": order, "dim": axes_of(x, dim), "keepdim": keepdim})


# --- scans and exponentials ----------------------------------------------------------------------

CUMSUM = operation("CumsumBackward0", lambda x, *, dim: np.cumsum(x, axis=dim))
CUMPROD = operation("CumprodBackward0", lambda x, *, dim: np.cumprod(x, axis=dim))
LOGSUMEXP = operation("LogsumexpBackward0", logsumexp_of)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """y[i] = Σ_{k ≤ i} x[k]"""
    x = _typed(input, dtype)
    if not x._data.ndim:
        return x.clone()
    return _exact(CUMSUM, x, {"dim": axis_of(dim, x._data.ndim)})


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """y[i] = Π_{k ≤ i} x[k]"""
    x = _typed(input, dtype)
    if not x._data.ndim:
        return x.clone()
    return _exact(CUMPROD, x, {"dim": axis_of(dim, x._data.ndim)})


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) along axes, without overflow."""
    return unary(LOGSUMEXP, input, {"dim": axes_of(input, dim), "keepdim": keepdim})


# --- counts: no gradient -------------------------------------------------------------------------


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether an element is true."""
    return wrap(np.asarray(np.any(input._data, axis=dim, keepdims=keepdim)))


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true."""
    return wrap(np.asarray(np.all(input._data, axis=dim, keepdims=keepdim)))


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0."""
    return wrap(np.asarray(np.count_nonzero(input._data, axis=dim)))


def nonzero(input: Tensor) -> Tensor:
    """The positions of elements that are not 0, one in each row."""
    return wrap(np.argwhere(input._data))


def unique(input: Tensor) -> Tensor:
    """The different values in order."""
    return wrap(np.unique(input._data))


def bincount(input: Tensor, minlength: int = 0) -> Tensor:
    """How often each integer occurs."""
    return wrap(np.bincount(input._data, minlength=minlength))


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        sum, mean, nansum, prod, var, std, norm, cumsum, cumprod, logsumexp, any, all,
        count_nonzero, nonzero, unique, bincount,
    )
}  # fmt: skip
METHODS = FUNCTIONS
