"""Elements at positions that an index tensor names: read, written, added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.indexing import getitem, pick, positions, written
from symgrad.autograd.operations import Operation
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.special import arange_of
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of

__all__ = ["FUNCTIONS", "METHODS", "TAKE", "Held", "embedding", "pick_along", "picking"]

Array = np.ndarray
Inputs = tuple[Sequence[Any], dict[str, Any]]


def picking(name: str, function: Any) -> Operation:
    """An operation that reads x at an array of positions that `function` finds."""

    def prepare(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
        x, *others = inputs
        return (x, *others[:0], np.asarray(function(positions(x), *others, **static))), {}

    return operation(name, function, formula=pick, prepare=prepare)


def _along(x: Array, *, index: Any, dim: int) -> Array:
    """x[…, index[…], …] element by element; x may be longer on the other axes."""
    cut = tuple(slice(None) if k == dim else slice(n) for k, n in enumerate(index.array.shape))
    return np.take_along_axis(x[cut], index.array, dim)


def _taken(x: Array, *, index: Any, dim: int) -> Array:
    return np.take(x, index.array, dim)


class Held:
    """An array among static parameters: compared by identity."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


PICK = picking("GatherBackward0", _along)
INDEX_SELECT = picking("IndexSelectBackward0", _taken)
EMBEDDING = picking("EmbeddingBackward0", _taken)
TAKE = picking("TakeBackward0", lambda x, *, index: x.ravel()[index.array])


def pick_along(input: Tensor, index: Array, dim: int, op: Operation = PICK) -> Tensor:
    """Elements at an array of positions along an axis."""
    if not input._data.ndim:
        return apply(VIEW_0D, (input,), promote=False)
    return apply(op, (input,), {"index": Held(index), "dim": dim}, promote=False)


VIEW_0D = operation("GatherBackward0", lambda x: x.copy(), formula=lambda x: x + 0)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i, j] = x[index[i, j], j] for dim 0, and so on."""
    return pick_along(input, index._data, axis_of(dim, input._data.ndim))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The positions of an axis that an index tensor lists."""
    static = {"index": Held(index._data), "dim": axis_of(dim, input._data.ndim)}
    return apply(INDEX_SELECT, (input,), static, promote=False)


def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements by their position in row-major order."""
    return apply(TAKE, (input,), {"index": Held(index._data)}, promote=False)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """x with src written at the positions of an index tensor."""
    return _scattered(SCATTER, input, dim, index, src)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """x with src added at the positions of an index tensor."""
    return _scattered(SCATTER_ADD, input, dim, index, src)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """x with slices of source added at the positions of an axis."""
    axis = axis_of(dim, input._data.ndim)
    shape = [1] * input._data.ndim
    shape[axis] = -1
    full = np.broadcast_to(index._data.reshape(shape), source._data.shape)
    return scatter_add(input, dim, wrap(full), source if alpha == 1 else source * alpha)


def _scattered(op: Operation, x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    axis = axis_of(dim, x._data.ndim)
    own = np.indices(index._data.shape, sparse=False)
    coordinates = tuple(index._data if k == axis else own[k] for k in range(x._data.ndim))
    flat = np.ravel_multi_index(coordinates, x._data.shape) if index._data.size else own[0]
    if not isinstance(src, Tensor):
        src = wrap(np.full(index._data.shape, src, x._data.dtype))
    cut = tuple(slice(n) for n in index._data.shape)
    if src._data.shape != index._data.shape:
        src = getitem(src, cut)
    static = {"index": Held(np.asarray(flat).ravel())}
    return apply(op, (x, src.reshape(-1)), static, promote=False)


def _scatter_value(x: Array, src: Array, *, index: Held) -> Array:
    result = x.copy()
    result.reshape(-1)[index.array.ravel()] = src.ravel()
    return result


def _scatter_inputs(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
    x, src = inputs
    source = np.full(int(np.prod(x.shape, dtype=np.int64)), -1)
    flat = static["index"].array.ravel()
    source[flat] = np.arange(flat.size)
    return (x, src, source), {}


def _scatter_add_value(x: Array, src: Array, *, index: Held) -> Array:
    result = x.copy()
    np.add.at(result.reshape(-1), index.array.ravel(), src.ravel())
    return result


def _scatter_add_formula(x: Any, src: Any, index: Any) -> Any:
    """y[m] = x[m] + Σ_k [index[k] = m]·src[k]."""
    flat = x.ravel()
    hits = arange_of(flat.shape[0])[:, None] == index.ravel()[None, :]
    return (flat + np.sum(np.where(hits, src.ravel()[None, :], 0), axis=1)).reshape(x.shape)


def _scatter_add_inputs(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
    return (*inputs, static["index"].array), {}


SCATTER = operation("ScatterBackward0", _scatter_value, formula=written, prepare=_scatter_inputs)
SCATTER_ADD = operation(
    "ScatterAddBackward0",
    _scatter_add_value,
    formula=_scatter_add_formula,
    prepare=_scatter_add_inputs,
)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of `weight` by an index tensor."""
    return apply(EMBEDDING, (weight,), {"index": Held(input._data), "dim": 0}, promote=False)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (gather, index_select, take, scatter, scatter_add, index_add)
}
METHODS = FUNCTIONS
