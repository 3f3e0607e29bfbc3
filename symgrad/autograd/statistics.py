"""Quantiles, extremes in pairs and covariances, made of recorded operations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from symgrad.autograd.extremes import amax, amin, sort
from symgrad.autograd.matrices import diag, matmul
from symgrad.autograd.reductions import mean
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of, reshape

__all__ = ["FUNCTIONS", "METHODS"]


class LeastAndLargest(NamedTuple):
    """Both extremes, as torch's aminmax returns them."""

    min: Tensor
    max: Tensor


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> LeastAndLargest:
    """The smallest and the largest element; ties share the gradient."""
    return LeastAndLargest(amin(input, dim, keepdim), amax(input, dim, keepdim))


def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The element at q·(n − 1) in order, between two of them by the interpolation.

    Args:
        input: numbers; a NaN makes the result NaN.
        q: numbers in [0, 1]: one, or a vector whose axis comes first in the result.
        dim: the axis; without it, all elements.
        keepdim: whether the axis stays, with length 1.
        interpolation: 'linear', 'lower', 'higher', 'midpoint' or 'nearest'.
    """
    places = np.asarray(q._data if isinstance(q, Tensor) else q, input._data.dtype)
    if places.ndim > 1 or not np.all((places >= 0) & (places <= 1)):
        raise RuntimeError("quantile() q values must be one number or a vector in the range [0, 1]")
    x = reshape(input, -1) if dim is None else input
    axis = axis_of(0 if dim is None else dim, x._data.ndim)
    ordered = sort(x, axis).values.movedim(axis, 0)
    last = ordered._data.shape[0] - 1
    position = places.reshape(-1) * last
    lower = np.floor(position)
    share = {
        "linear": position - lower,
        "lower": np.zeros_like(position),
        "higher": np.ceil(position) - lower,
        "midpoint": (np.ceil(position) - lower) / 2,
        "nearest": np.rint(position) - lower,
    }.get(interpolation)
    if share is None:
        raise RuntimeError(
            "quantile() interpolation must be 'linear', 'lower', 'higher', 'midpoint' or "
            f"'nearest', not {interpolation!r}"
        )
    first, second = lower.astype(np.int64), np.minimum(lower.astype(np.int64) + 1, last)
    weight = wrap(share.reshape(-1, *(1,) * (ordered._data.ndim - 1)))
    result = ordered[first].lerp(ordered[second], weight)
    missing = np.isnan(x._data).any(axis)
    if missing.any():
        result = result.masked_fill(wrap(missing), np.nan)
    if keepdim:
        shape = (1,) * input._data.ndim if dim is None else _kept(x._data.shape, axis)
        result = reshape(result, result._data.shape[0], *shape)
    return result if places.ndim else result[0]


def _kept(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def cov(input: Tensor, *, correction: int = 1) -> Tensor:
    """Σ_k (x[i,k] − mean_i)·(x[j,k] − mean_j)/(n − correction): a row is a variable."""
    rows = input if input._data.ndim > 1 else reshape(input, 1, -1)
    centred = rows - mean(rows, 1, True)
    count = rows._data.shape[1] - correction
    result = matmul(centred, centred.transpose(0, 1)) / count
    return result if input._data.ndim > 1 else result[0, 0]


def corrcoef(input: Tensor) -> Tensor:
    """Covariances of variables divided by their standard deviations."""
    covariances = cov(input)
    if not covariances._data.ndim:
        return covariances / covariances
    deviation = diag(covariances).sqrt()
    return covariances / deviation.unsqueeze(1) / deviation.unsqueeze(0)


FUNCTIONS: dict[str, Any] = {f.__name__: f for f in (aminmax, quantile, cov, corrcoef)}
METHODS = FUNCTIONS
