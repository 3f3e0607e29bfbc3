"""Reading and writing elements: every key is, for the derivative, an array of positions.

    y[k] = x[position[k]]              a read
    y[k] = position[k] < 0 ? x[k] : v[position[k]]      a write of v into part of x

Positions come from applying the key to 0, 1, 2, …; they are arguments of the rule, so one rule
serves all keys, slices and masks alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.operations import Operation
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.special import arange_of
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of, tie

__all__ = ["FUNCTIONS", "METHODS", "PICK", "assign_operation", "getitem", "plain_key", "positions"]

Array = np.ndarray
Inputs = tuple[Sequence[Any], dict[str, Any]]


def _pick(x: Any, index: Any) -> Any:
    """y[k…] = x[index[k…]], in row-major order of x."""
    return x.ravel()[index]


def positions(x: Any) -> Array:
    """0, 1, 2, … in the shape of x."""
    count = int(np.prod(x.shape, dtype=np.int64))
    return np.arange(count).reshape(x.shape)


def _read(x: Any, *, key: Any) -> Any:
    """x[key], where a 0-d result is still a view."""
    if isinstance(x, np.ndarray) and not key.advanced:
        return x[(*key.items, ...)] if Ellipsis not in key.items else x[key.items]
    return x[key.items]


def _read_inputs(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
    (x,) = inputs
    return (x, np.asarray(_read(positions(x), key=static["key"]))), {}


def _read_by_mask(inputs: Sequence[Any], static: dict[str, Any]) -> Sequence[Any] | None:
    """Where a mask has picked elements: what it left out gets exactly 0."""
    key = static["key"].items[0]
    if not isinstance(key, np.ndarray) or key.dtype != bool or key.shape != inputs[0].shape:
        return None
    return (key,)


def _index_operation(name: str, is_view: bool) -> Operation:
    selects = None if is_view else _read_by_mask
    return operation(
        name, _read, formula=_pick, prepare=_read_inputs, is_view=is_view, selects=selects
    )


SELECT = _index_operation("SelectBackward0", True)
SLICE = _index_operation("SliceBackward0", True)
UNSQUEEZE = _index_operation("UnsqueezeBackward0", True)
ALIAS = _index_operation("AliasBackward0", True)
INDEX = _index_operation("IndexBackward0", False)
MASKED_SELECT = _index_operation("MaskedSelectBackward0", False)
SPLIT = _index_operation("SplitBackward0", True)
UNBIND = _index_operation("UnbindBackward0", True)


class Key:
    """An index as NumPy takes it, and whether it picks by arrays."""

    __slots__ = ("advanced", "items")

    def __init__(self, items: tuple[Any, ...], advanced: bool) -> None:
        self.items = items
        self.advanced = advanced

    def operation(self) -> Operation:
        """The operation, named by the last thing that the key does."""
        if self.advanced:
            return INDEX
        for item in reversed(self.items):
            if isinstance(item, int):
                return SELECT
            if isinstance(item, slice) and item != slice(None):
                return SLICE
            if item is None:
                return UNSQUEEZE
        return ALIAS


def plain_key(key: Any) -> Key:
    """A key with tensors and lists as arrays."""
    items = key if isinstance(key, tuple) else (key,)
    advanced = False
    plain: list[Any] = []
    for item in items:
        if isinstance(item, (bool, np.bool_)):
            item = np.asarray(item)
        if isinstance(item, Tensor):
            if item._data.ndim == 0 and item._data.dtype.kind in "iu":
                plain.append(int(item))
                continue
            item = item._data
        elif isinstance(item, (list, range)):
            item = np.asarray([_plain_entry(entry) for entry in item])
            if not item.size:
                item = item.astype(np.int64)
        elif isinstance(item, np.integer):
            item = int(item)
        elif isinstance(item, slice):
            item = slice(*(_plain_bound(b) for b in (item.start, item.stop, item.step)))
            if item.step is not None and item.step <= 0:
                raise ValueError("step must be greater than zero")
        if isinstance(item, np.ndarray):
            advanced = True
            if item.dtype.kind not in "iub":
                raise IndexError(
                    "tensors used as indices must be long, int, byte or bool tensors, not "
                    f"{item.dtype}"
                )
            if item.dtype == np.uint8:
                item = item.astype(bool)
        plain.append(item)
    return Key(tuple(plain), advanced)


def _plain_entry(entry: Any) -> Any:
    if isinstance(entry, Tensor):
        return entry._data
    return [_plain_entry(e) for e in entry] if isinstance(entry, (list, tuple)) else entry


def _plain_bound(bound: Any) -> Any:
    return int(bound) if isinstance(bound, Tensor) else bound


def getitem(self: Tensor, key: Any) -> Tensor:
    """Elements by integers, slices, None, Ellipsis, lists, index tensors and masks."""
    if not self._data.ndim and isinstance(key, (int, slice)) and not isinstance(key, bool):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim "
            "tensor to a number"
        )
    return read_key(self, plain_key(key))


def read_key(x: Tensor, key: Key, op: Operation | None = None) -> Tensor:
    """Read by a plain key; what is not picked by arrays is a view."""
    static = {"key": key}
    chosen = op or key.operation()
    try:
        result = apply(chosen, (x,), static, promote=False)
    except IndexError as error:
        raise IndexError(_torch_text(x, key, str(error))) from None
    if not key.advanced:
        tie(result, x, chosen, static)
    return result


def _torch_text(x: Tensor, key: Key, text: str) -> str:
    if "too many indices" in text:
        return f"too many indices for tensor of dimension {x._data.ndim}"
    for axis, item in enumerate(key.items):
        if isinstance(item, int) and axis < x._data.ndim:
            n = x._data.shape[axis]
            if not -n <= item < n:
                return f"index {item} is out of bounds for dimension {axis} with size {n}"
    return text


# --- writing -------------------------------------------------------------------------------------


def _written(x: Any, value: Any, source: Any) -> Any:
    """y = x, but value[source] where source ≥ 0."""
    flat, values = x.ravel(), value.ravel()
    filled = np.where(source < 0, flat, values[np.maximum(source, 0)])
    return filled.reshape(x.shape)


def _written_inputs(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
    """Which element of the value each element of x receives, −1 for none."""
    x, value = inputs
    places = positions(x)
    for op, own in static["chain"]:
        places = op.function(places, **own)
    source = np.full(int(np.prod(x.shape, dtype=np.int64)), -1)
    source[np.asarray(places).ravel()] = np.arange(int(np.prod(value.shape, dtype=np.int64)))
    return (x, value, source), {}


def assign_operation(name: str = "CopySlices") -> Operation:
    """The operation that writes a value into a part of its first input."""
    return operation(name, _written, prepare=_written_inputs)


# --- functions -----------------------------------------------------------------------------------


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One position of an axis."""
    axis = axis_of(dim, input._data.ndim)
    return read_key(input, Key((*[slice(None)] * axis, int(index)), False))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` positions of an axis from `start`."""
    axis = axis_of(dim, input._data.ndim)
    start = int(start)
    if start + length > input._data.shape[axis] or start < 0:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size "
            f"({input._data.shape[axis]})."
        )
    return read_key(input, Key((*[slice(None)] * axis, slice(start, start + length)), False))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of an axis, of one length or of the given ones."""
    axis = axis_of(dim, tensor._data.ndim)
    total = tensor._data.shape[axis]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        lengths = [min(step, total - k) for k in range(0, total, max(step, 1))] or [0]
    else:
        lengths = [int(n) for n in split_size_or_sections]
        if sum(lengths) != total:
            raise RuntimeError(
                "split_with_sizes expects split_sizes to sum exactly to "
                f"{total} (input tensor's size at dimension {axis}), but got "
                f"split_sizes={lengths}"
            )
    pieces, start = [], 0
    for length in lengths:
        key = Key((*[slice(None)] * axis, slice(start, start + length)), False)
        pieces.append(read_key(tensor, key, SPLIT))
        start += length
    return tuple(pieces)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal length, the last one may be shorter."""
    length = -(-input._data.shape[axis_of(dim, input._data.ndim)] // chunks)
    return split(input, max(length, 1), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, which is dropped."""
    axis = axis_of(dim, input._data.ndim)
    count = input._data.shape[axis]
    return tuple(
        read_key(input, Key((*[slice(None)] * axis, k), False), UNBIND) for k in range(count)
    )


def _picking(name: str, function: Any) -> Operation:
    """An operation that reads x at an array of positions that `function` finds."""

    def prepare(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
        x, *others = inputs
        return (x, *others[:0], np.asarray(function(positions(x), *others, **static))), {}

    return operation(name, function, formula=_pick, prepare=prepare)


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


PICK = _picking("GatherBackward0", _along)
INDEX_SELECT = _picking("IndexSelectBackward0", _taken)
EMBEDDING = _picking("EmbeddingBackward0", _taken)
TAKE = _picking("TakeBackward0", lambda x, *, index: x.ravel()[index.array])


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


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, on one axis."""
    where = np.broadcast_to(mask._data, np.broadcast_shapes(mask._data.shape, input._data.shape))
    if where.shape != input._data.shape:
        input = input.expand(*where.shape)
    return read_key(input, Key((where,), True), MASKED_SELECT)


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


SCATTER = operation("ScatterBackward0", _scatter_value, formula=_written, prepare=_scatter_inputs)
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
    f.__name__: f
    for f in (
        select, narrow, split, chunk, unbind, gather, index_select, take, masked_select, scatter,
        scatter_add, index_add,
    )
}  # fmt: skip
METHODS: dict[str, Any] = {**FUNCTIONS, "__getitem__": getitem}
