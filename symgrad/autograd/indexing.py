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

from symgrad.autograd.modes import MODES
from symgrad.autograd.operations import Operation
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.tensor import Tensor
from symgrad.autograd.views import axis_of, tie

__all__ = [
    "FUNCTIONS", "METHODS", "Key", "assign_operation", "getitem", "pick", "plain_key", "positions",
    "read", "read_key", "written",
]  # fmt: skip

Array = np.ndarray
Inputs = tuple[Sequence[Any], dict[str, Any]]


def pick(x: Any, index: Any) -> Any:
    """y[k…] = x[index[k…]], in row-major order of x."""
    return x.ravel()[index]


def positions(x: Any) -> Array:
    """0, 1, 2, … in the shape of x."""
    count = int(np.prod(x.shape, dtype=np.int64))
    return np.arange(count).reshape(x.shape)


def read(x: Any, *, key: Any) -> Any:
    """x[key], where a 0-d result is still a view."""
    if isinstance(x, np.ndarray) and not key.advanced:
        return x[(*key.items, ...)] if Ellipsis not in key.items else x[key.items]
    return x[key.items]


def _read_inputs(inputs: Sequence[Any], static: dict[str, Any]) -> Inputs:
    (x,) = inputs
    return (x, np.asarray(read(positions(x), key=static["key"]))), {}


def _read_by_mask(inputs: Sequence[Any], static: dict[str, Any]) -> Sequence[Any] | None:
    """Where a mask has picked elements: what it left out gets exactly 0."""
    key = static["key"].items[0]
    if not isinstance(key, np.ndarray) or key.dtype != bool or key.shape != inputs[0].shape:
        return None
    return (key,)


def _index_operation(name: str, is_view: bool) -> Operation:
    selects = None if is_view else _read_by_mask
    return operation(
        name, read, formula=pick, prepare=_read_inputs, is_view=is_view, selects=selects
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
            numbers = not _has_tensors(item)
            item = np.asarray([_plain_entry(entry) for entry in item])
            if not item.size:
                item = item.astype(np.int64)
            if numbers and MODES.tracing is not None:
                MODES.tracing.note(item)
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


def _has_tensors(entries: Any) -> bool:
    return any(
        isinstance(e, Tensor) or (isinstance(e, (list, tuple)) and _has_tensors(e)) for e in entries
    )


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


def written(x: Any, value: Any, source: Any) -> Any:
    """y = x, but value[source] where source ≥ 0."""
    if any(n == 0 for n in value.shape):
        return x + 0
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
    return operation(name, written, prepare=_written_inputs)


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
        if step < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={step}"
            )
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


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, on one axis."""
    where = np.broadcast_to(mask._data, np.broadcast_shapes(mask._data.shape, input._data.shape))
    if where.shape != input._data.shape:
        input = input.expand(*where.shape)
    return read_key(input, Key((where,), True), MASKED_SELECT)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (select, narrow, split, chunk, unbind, masked_select)
}
METHODS: dict[str, Any] = {**FUNCTIONS, "__getitem__": getitem}
