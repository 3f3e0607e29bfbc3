"""Extremes, order and their positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.autograd.gathering import Held, picking
from symgrad.autograd.recording import apply, operation, unary
from symgrad.autograd.reductions import axes_of, even_extreme
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of

__all__ = ["FUNCTIONS", "METHODS"]

Array = np.ndarray


class Extremes(NamedTuple):
    """Values and their positions, as torch's max, min, sort and topk return them."""

    values: Tensor
    indices: Tensor


# --- extremes ------------------------------------------------------------------------------------


def _extreme_operation(name: str, pick: Callable[..., Any]) -> Any:
    return operation(
        name,
        lambda x, *, dim, keepdim: pick(x, axis=dim, keepdims=keepdim),
        formula=lambda x, *, dim, keepdim: even_extreme(x, pick, dim, keepdim),
    )


MAX = _extreme_operation("MaxBackward1", np.max)
MIN = _extreme_operation("MinBackward1", np.min)
AMAX = _extreme_operation("AmaxBackward0", np.max)
AMIN = _extreme_operation("AminBackward0", np.min)


def _extreme(op: Any, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    static = {"dim": axes_of(x, dim), "keepdim": keepdim}
    if x._data.dtype.kind not in "f":
        return wrap(np.asarray(op.function(x._data, **static)))
    if not x._data.size and dim is None:
        raise RuntimeError(
            "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    return unary(op, x, static)


def _along(name: str, x: Tensor, dim: int, keepdim: bool, find: Callable[..., Any]) -> Extremes:
    """The extreme along an axis, with the first position where it is reached."""
    axis = axis_of(dim, x._data.ndim)
    if not x._data.ndim:
        return Extremes(x.clone(), wrap(np.asarray(0)))
    index = np.expand_dims(find(x._data, axis=axis), axis)
    return _picked(name, x, index, axis, keepdim)


def _picked(name: str, x: Tensor, index: Array, axis: int, keepdim: bool) -> Extremes:
    """Elements at positions along an axis, which is dropped unless it is kept."""
    static = {"index": Held(index), "dim": axis, "keepdim": keepdim}
    values = apply(_ALONG[name], (x,), static, promote=False)
    return Extremes(values, wrap(index if keepdim else index.squeeze(axis)))


def _taken(x: Array, *, index: Held, dim: int, keepdim: bool) -> Array:
    values = np.take_along_axis(x, index.array, dim)
    return values if keepdim else values.squeeze(dim)


_ALONG = {
    name: picking(node, _taken)
    for name, node in {
        "max": "MaxBackward0",
        "min": "MinBackward0",
        "sort": "SortBackward0",
        "topk": "TopkBackward0",
        "kthvalue": "KthvalueBackward0",
        "median": "MedianBackward0",
    }.items()
}


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element (ties share the gradient), or values and first positions along dim."""
    if isinstance(dim, Tensor):
        return input.maximum(dim)
    if dim is None:
        return _extreme(MAX, input, None, keepdim)
    return _along("max", input, dim, keepdim, np.argmax)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element (ties share the gradient), or values and first positions along dim."""
    if isinstance(dim, Tensor):
        return input.minimum(dim)
    if dim is None:
        return _extreme(MIN, input, None, keepdim)
    return _along("min", input, dim, keepdim, np.argmin)


def amax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The largest element along axes; ties share the gradient."""
    return _extreme(AMAX, input, dim, keepdim)


def amin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The smallest element along axes; ties share the gradient."""
    return _extreme(AMIN, input, dim, keepdim)


def _position(find: Callable[..., Any], x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    index = np.asarray(find(x._data) if dim is None else find(x._data, axis=dim))
    return wrap(np.expand_dims(index, dim) if keepdim and dim is not None else index)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The first position of the largest element."""
    return _position(np.argmax, input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The first position of the smallest element."""
    return _position(np.argmin, input, dim, keepdim)


# --- order ---------------------------------------------------------------------------------------


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Extremes:
    """Values in order along an axis, and where they stood."""
    if not input._data.ndim:
        return Extremes(input.clone(), wrap(np.asarray(0)))
    index = _order(input._data, axis_of(dim, input._data.ndim), descending)
    return _picked("sort", input, index, axis_of(dim, input._data.ndim), True)


def _order(array: Array, axis: int, descending: bool) -> Array:
    if not descending:
        return np.argsort(array, axis=axis, kind="stable")
    flipped = np.argsort(np.flip(array, axis), axis=axis, kind="stable")
    return array.shape[axis] - 1 - np.flip(flipped, axis)


def argsort(input: Tensor, dim: int = -1, descending: bool = False) -> Tensor:
    """Where the elements in order stand."""
    return wrap(_order(input._data, axis_of(dim, input._data.ndim), descending))


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Extremes:
    """The k largest elements along an axis, in order, and where they stand."""
    axis = axis_of(dim, input._data.ndim)
    index = np.take(_order(input._data, axis, largest), np.arange(k), axis)
    return _picked("topk", input, index, axis, True)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements, or values and positions along an axis."""
    if dim is None:
        flat = input.reshape(-1)
        return median(flat, 0).values
    axis = axis_of(dim, input._data.ndim)
    place = (input._data.shape[axis] - 1) // 2
    index = np.take(_order(input._data, axis, False), [place], axis)
    return _picked("median", input, index, axis, keepdim)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (max, min, amax, amin, argmax, argmin, sort, argsort, topk, median)
}
METHODS = FUNCTIONS
