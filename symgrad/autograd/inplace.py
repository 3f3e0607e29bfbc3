"""Changes in place: the memory changes at once, the graph gets a new node for the tensor.

`y.mul_(z)` makes y mean y·z from now on. On a view, the base means "the base with a part
overwritten" (CopySlices), and the view is read from it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autograd import arithmetic, elementwise, gathering, selection
from symgrad.autograd.indexing import assign_operation, plain_key, read_key
from symgrad.autograd.modes import MODES
from symgrad.autograd.recording import edge_of, literal, operation, record
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.errors import CaptureError

__all__ = ["METHODS", "write"]

COPY_SLICES = assign_operation()
Array = np.ndarray


def check_writable(tensor: Tensor) -> None:
    """Refuse to change a leaf that requires grad while operations are recorded."""
    if not MODES.enabled:
        return
    tensor._refresh()
    if tensor._requires and tensor._edge is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    if tensor._is_view_of_leaf:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def write(tensor: Tensor, result: Tensor) -> Tensor:
    """Put a computed result into the memory of a tensor, and its node into the graph."""
    data = tensor._data
    new = result._data
    if new.dtype != data.dtype:
        if not np.can_cast(new.dtype, data.dtype, "same_kind"):
            raise RuntimeError(
                f"result type {_shown(new)} can't be cast to the desired output type {_shown(data)}"
            )
        result = result.to(data.dtype)
        new = result._data
    if new.shape != data.shape:
        raise RuntimeError(
            f"output with shape {list(data.shape)} doesn't match the broadcast shape "
            f"{list(new.shape)}"
        )
    if not data.flags.writeable:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    tracked = MODES.enabled and (result.requires_grad or tensor.requires_grad)
    if not tracked:
        _refuse_tracing()
    base = tensor._base
    if tracked and base is not None:
        _rebase_view(tensor, base, result)
    np.copyto(data, new)
    tensor._counter[0] += 1
    if tracked and base is None:
        _rebase(tensor, result)
    return tensor


def _refuse_tracing() -> None:
    """A change that is not recorded would happen while tracing, and never again."""
    if MODES.tracing is not None:
        raise CaptureError(
            "jit: the function changes a tensor in place by values that do not come from its "
            "arguments; do that before the call"
        )


def _shown(array: Array) -> str:
    from symgrad.autograd.dtypes import tensor_name

    return tensor_name(array.dtype).removesuffix("Tensor")


def _rebase(tensor: Tensor, result: Tensor) -> None:
    """The tensor takes over the node of the result, whose saved result is now its memory."""
    tensor._generation += 1
    edge = result._edge
    tensor._edge = edge
    tensor._alias = None
    if edge is None:
        return
    node = edge[0]
    if getattr(node, "result", None) is result._data:
        node.result = tensor._data
        node.result_counter = tensor._counter
        node.result_version = tensor._counter[0]
    if tensor._retains:
        tensor._retains = False
        tensor.retain_grad()


def _rebase_view(view: Tensor, base: Tensor, result: Tensor) -> None:
    """base = base with the view's part taken from the result; the view follows lazily."""
    merged = record(
        COPY_SLICES,
        (base, result),
        (_unchanging(base), result._data),
        {"chain": view._chain},
        base._data,
    )
    base._generation += 1
    base._edge = merged._edge
    if base._edge is not None:
        node = base._edge[0]
        node.counters = (None, None)


def _unchanging(base: Tensor) -> Array:
    """The values of a base before the change: a copy where a trace is to read them again."""
    tracing = MODES.tracing
    if tracing is None:
        return base._data
    copy = base._data.copy()
    if tracing.knows(base._data):
        tracing.note(copy)
    return copy


def old_value(tensor: Tensor) -> Tensor:
    """The tensor before the change, with memory of its own and the same place in the graph."""
    copy = wrap(tensor._data.copy() if MODES.tracing is None else _unchanging(tensor))
    edge = edge_of(tensor)
    if isinstance(edge, Tensor):
        copy._alias = edge
    else:
        copy._edge = edge
    return copy


def in_place(function: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """The in-place form of a function: its result goes into the first argument."""

    def run(self: Tensor, *arguments: Any, **named: Any) -> Tensor:
        check_writable(self)
        if not MODES.enabled:
            return write(self, function(self, *arguments, **named))
        before = old_value(self) if self.requires_grad or _any_grad(arguments) else self
        return write(self, function(before, *arguments, **named))

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name.rstrip('_')} in place; returns the tensor."
    return run


def _any_grad(values: Any) -> bool:
    return any(isinstance(v, Tensor) and v.requires_grad for v in values)


# --- plain assignments ---------------------------------------------------------------------------


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """self[key] = value: the old entries get no gradient from now on."""
    plain = plain_key(key)
    check_writable(self)
    if plain.advanced:
        _set_advanced(self, plain, value)
        return
    target = read_key(self, plain) if plain.items else self
    copy_(target, value)


def _set_advanced(self: Tensor, key: Any, value: Any) -> None:
    places = np.arange(self._data.size).reshape(self._data.shape)[key.items]
    source = value if isinstance(value, Tensor) else literal(np.asarray(value))
    if source._data.dtype != self._data.dtype:
        source = source.to(self._data.dtype)
    if not MODES.enabled or not (source.requires_grad or self.requires_grad):
        _refuse_tracing()
        self._data[key.items] = source._data
        self._counter[0] += 1
        return
    if source._data.shape != places.shape:
        source = source.expand(*places.shape)
    before = old_value(self)
    new = self._data.copy()
    new[key.items] = source._data
    static = {"chain": ((_PLACES, {"places": _Places(places)}),)}
    result = record(INDEX_PUT, (before, source), (before._data, source._data), static, new)
    write(self, result)


class _Places:
    """Positions among static parameters."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


class _Fixed:
    """Stands in a chain of views for positions that are known already."""

    @staticmethod
    def function(x: Any, *, places: _Places) -> Array:
        return places.array


_PLACES = _Fixed()
INDEX_PUT = assign_operation("IndexPutBackward0")


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """The values of src, broadcast; the gradient goes to src."""
    check_writable(self)
    source = src if isinstance(src, Tensor) else literal(np.asarray(src))
    if source._data.dtype != self._data.dtype:
        source = source.to(self._data.dtype)
    if source._data.shape != self._data.shape:
        shape = source._data.shape
        while len(shape) > self._data.ndim and shape[0] == 1:
            source, shape = source.reshape(shape[1:]), shape[1:]
        source = source.expand(*self._data.shape)
    if MODES.enabled and (source.requires_grad or self.requires_grad):
        if self._base is None:
            old = old_value(self)
        else:  # what was there is not read, and the base's node takes the place of the view's
            old = wrap(self._data) if MODES.tracing is None else literal(np.zeros_like(self._data))
        arrays = (old._data, source._data)
        return write(self, record(COPY, (old, source), arrays, {}, source._data.copy()))
    return write(self, source.detach())


def fill_(self: Tensor, value: Any) -> Tensor:
    """One value everywhere; the old values get no gradient."""
    return copy_(self, value)


def zero_(self: Tensor) -> Tensor:
    """Zeros everywhere; the old values get no gradient."""
    return copy_(self, 0.0 if self._data.dtype.kind == "f" else 0)


COPY = operation("CopyBackwards", lambda x, y: y.copy(), formula=lambda x, y: np.zeros_like(x) + y)

_NAMES = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "neg",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sigmoid",
    "relu",
    "abs",
    "clamp",
    "clamp_min",
    "clamp_max",
    "square",
    "floor",
    "ceil",
    "round",
    "trunc",
    "remainder",
    "masked_fill",
    "erf",
    "lerp",
    "addcmul",
    "addcdiv",
    "atan",
    "asin",
    "acos",
    "sinh",
    "cosh",
    "scatter",
    "scatter_add",
    "index_add",
]


def _uniform_(self: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Uniform numbers in place."""
    from symgrad.autograd.creation import rand

    return copy_(self, rand(*self._data.shape, dtype=self.dtype) * (high - low) + low)


def _normal_(self: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal numbers in place."""
    from symgrad.autograd.creation import randn

    return copy_(self, randn(*self._data.shape, dtype=self.dtype) * std + mean)


_FUNCTIONS: dict[str, Any] = {
    **arithmetic.FUNCTIONS,
    **elementwise.FUNCTIONS,
    **selection.FUNCTIONS,
    **gathering.FUNCTIONS,
}
METHODS: dict[str, Any] = {
    **{f"{name}_": in_place(_FUNCTIONS[name], f"{name}_") for name in _NAMES},
    "__iadd__": in_place(arithmetic.add, "add_"),
    "__isub__": in_place(arithmetic.sub, "sub_"),
    "__imul__": in_place(arithmetic.mul, "mul_"),
    "__itruediv__": in_place(arithmetic.div, "div_"),
    "__ipow__": in_place(arithmetic.pow, "pow_"),
    "__setitem__": setitem,
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
    "uniform_": _uniform_,
    "normal_": _normal_,
}
