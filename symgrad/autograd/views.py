"""Views and other shapes: operations whose result may share memory with its input.

A view remembers its base and the operations that lead to it. When the base, or the view, is
changed in place, the view's node is made anew from the changed base.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.operations import Operation
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.tensor import Tensor
from symgrad.program import Argument, Program, Reshape, size_symbol

__all__ = ["FUNCTIONS", "METHODS", "make_view", "replay"]

Array = np.ndarray


def make_view(op: Operation, x: Tensor, static: dict[str, Any]) -> Tensor:
    """Apply a view operation; the result is tied to its base if they share memory."""
    result = apply(op, (x,), static, promote=False)
    if op.is_view and np.may_share_memory(result._data, x._data):
        tie(result, x, op, static)
    return result


def tie(result: Tensor, x: Tensor, op: Operation, static: dict[str, Any]) -> None:
    """Note that `result` is a view of `x`."""
    base = x if x._base is None else x._base
    result._base = base
    result._chain = (*x._chain, (op, static))
    result._seen = base._generation
    result._counter = x._counter


def replay(base: Tensor, chain: Sequence[Any]) -> Tensor:
    """The view that a chain of operations makes of a tensor."""
    result = base
    for op, static in chain:
        result = apply(op, (result,), static, promote=False)
    return result


# --- reshape -------------------------------------------------------------------------------------


def _reshape_program(inputs: Sequence[Any], *, shape: tuple[int, ...]) -> Program:
    """y = reshape(x): every length of both shapes is a size of its own."""
    (x,) = inputs
    source = tuple(size_symbol(f"n{k}") for k in range(len(x.shape)))
    target = tuple(size_symbol(f"m{k}") for k in range(len(shape)))
    kind = str(x.dtype)
    argument = Argument("x0", source, kind)  # type: ignore[arg-type]
    statement = Reshape("reshape", target, kind, "x0")  # type: ignore[arg-type]
    return Program("reshape", (argument,), (statement,), ("reshape",))


class _Reshape(Operation):
    """A reshape has one rule for each pair of ranks, whatever the lengths are."""

    __slots__ = ()

    def product(self, inputs: Any, static: Any, wrt: tuple[int, ...], dtype: Any) -> Any:
        (x,) = inputs
        key = (len(x.shape), len(static["shape"]), dtype)
        found = self.products.get(key)
        if found is None:
            found = self.products[key] = self.rule(inputs, static, dtype).vjp(wrt)
        return found

    def rule(self, inputs: Any, static: Any, dtype: Any) -> Any:
        from symgrad.autograd.rules import Rule

        return Rule(_reshape_program(inputs, shape=static["shape"]))


def _reshape_operation(name: str) -> Operation:
    made = operation(name, lambda x, *, shape: x.reshape(shape), is_view=True)
    result = _Reshape(name, made.function, is_view=True)
    result.node_type = made.node_type
    return result


VIEW = _reshape_operation("ViewBackward0")
SQUEEZE = _reshape_operation("SqueezeBackward0")
UNSQUEEZE = _reshape_operation("UnsqueezeBackward0")
UNSAFE_VIEW = _reshape_operation("UnsafeViewBackward0")


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    return tuple(int(n) for n in given)


def _complete(x: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with −1 replaced."""
    total = x._data.size
    known = int(np.prod([n for n in shape if n != -1], dtype=np.int64))
    open_axes = [k for k, n in enumerate(shape) if n == -1]
    if len(open_axes) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if open_axes and known and total % known == 0:
        shape = tuple(total // known if n == -1 else n for n in shape)
        known = total
    if known != total or (open_axes and not known):
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {total}")
    return shape


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order with another shape; one entry may be −1."""
    return make_view(VIEW, input, {"shape": _complete(input, _sizes(shape))})


def view(input: Tensor, *shape: Any) -> Tensor:
    """As `reshape`, without a copy; `view(dtype)` reads the memory as another type."""
    target = _complete(input, _sizes(shape))
    if not np.may_share_memory(input._data.reshape(target), input._data) and input._data.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return make_view(VIEW, input, {"shape": target})


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """As `view`, with the shape of another tensor."""
    return view(input, other._data.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """As `reshape`, with the shape of another tensor."""
    return reshape(input, other._data.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim as one."""
    shape = input._data.shape
    if not shape:
        return reshape(input, 1)
    first, last = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if first == last:
        return input
    middle = int(np.prod(shape[first : last + 1], dtype=np.int64))
    return make_view(VIEW, input, {"shape": (*shape[:first], middle, *shape[last + 1 :])})


def ravel(input: Tensor) -> Tensor:
    """All elements on one axis."""
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several."""
    axis = axis_of(dim, input._data.ndim)
    shape = input._data.shape
    return reshape(input, (*shape[:axis], *sizes, *shape[axis + 1 :]))


def axis_of(dim: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= dim < max(rank, 1):
        low, high = -max(rank, 1), max(rank, 1) - 1
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    return dim % rank if rank else 0


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Axes of length 1 dropped: all of them, or the given ones."""
    shape = input._data.shape
    if dim is None:
        kept = tuple(n for n in shape if n != 1)
    else:
        dims = dim if isinstance(dim, (tuple, list)) else (dim,)
        axes = {axis_of(d, len(shape)) for d in dims}
        kept = tuple(n for k, n in enumerate(shape) if n != 1 or k not in axes)
    return make_view(SQUEEZE, input, {"shape": kept})


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new axis of length 1."""
    shape = list(input._data.shape)
    shape.insert(axis_of(dim, len(shape) + 1), 1)
    return make_view(UNSQUEEZE, input, {"shape": tuple(shape)})


# --- axes in another order -----------------------------------------------------------------------

PERMUTE = operation("PermuteBackward0", lambda x, *, dims: x.transpose(dims), is_view=True)
TRANSPOSE = operation("TransposeBackward0", lambda x, *, dims: x.transpose(dims), is_view=True)
T = operation("TBackward0", lambda x, *, dims: x.transpose(dims), is_view=True)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """Axis k of the result is axis dims[k]."""
    rank = input._data.ndim
    order = tuple(axis_of(d, rank) for d in _sizes(dims))
    if sorted(order) != list(range(rank)):
        raise RuntimeError(
            "permute(dims): number of dimensions in the tensor input does not match the length of "
            f"the desired ordering of dimensions, or one of them repeats: {rank} and {list(order)}"
        )
    return make_view(PERMUTE, input, {"dims": order})


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(input._data.ndim))
    if not order:
        return input
    first, second = axis_of(dim0, len(order)), axis_of(dim1, len(order))
    order[first], order[second] = order[second], order[first]
    return make_view(TRANSPOSE, input, {"dims": tuple(order)})


def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is."""
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return make_view(T, input, {"dims": tuple(reversed(range(input._data.ndim)))})


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places, the rest in order."""
    rank = input._data.ndim
    sources = source if isinstance(source, (tuple, list)) else (source,)
    places = destination if isinstance(destination, (tuple, list)) else (destination,)
    kept = [k for k in range(rank) if k not in [axis_of(s, rank) for s in sources]]
    pairs = sorted(
        (axis_of(p, rank), axis_of(s, rank)) for p, s in zip(places, sources, strict=True)
    )
    for place, axis in pairs:
        kept.insert(place, axis)
    return permute(input, *kept)


# --- more elements -------------------------------------------------------------------------------


def _expand_inputs(
    inputs: Sequence[Any], static: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    from symgrad.autograd.rules import Unread

    return (*inputs, Unread(static["shape"], np.dtype(bool))), {}


EXPAND = operation(
    "ExpandBackward0",
    lambda x, *, shape: np.broadcast_to(x, shape),
    formula=lambda x, like: np.broadcast_to(x, like.shape),
    prepare=_expand_inputs,
    is_view=True,
)


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Axes of length 1 stretched, without a copy; −1 keeps a length."""
    wanted = _sizes(sizes)
    shape = input._data.shape
    offset = len(wanted) - len(shape)
    if offset < 0:
        raise RuntimeError(
            f"expand(tensor{{{list(shape)}}}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    full = tuple(shape[k - offset] if n == -1 and k >= offset else n for k, n in enumerate(wanted))
    for k, n in enumerate(shape):
        if n not in (1, full[offset + k]):
            raise RuntimeError(
                f"The expanded size of the tensor ({full[offset + k]}) must match the existing "
                f"size ({n}) at non-singleton dimension {offset + k}. Target sizes: {list(full)}. "
                f"Tensor sizes: {list(shape)}"
            )
    return make_view(EXPAND, input, {"shape": full})


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Stretched to the shape of another tensor."""
    return expand(input, other._data.shape)


REPEAT = operation("RepeatBackward0", lambda x, *, repeats: np.tile(x, repeats))
REPEAT_INTERLEAVE = operation(
    "RepeatInterleaveBackward0", lambda x, *, repeats, dim: np.repeat(x, repeats, dim)
)
FLIP = operation("FlipBackward0", lambda x, *, dims: np.flip(x, dims).copy())
ROLL = operation("RollBackward0", lambda x, *, shifts, dims: np.roll(x, shifts, dims))


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """Copies one after the other along each axis."""
    repeats = _sizes(sizes)
    if len(repeats) < input._data.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor: {len(repeats)} and {input._data.ndim}"
        )
    return apply(REPEAT, (input,), {"repeats": repeats}, promote=False)


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Copies one after the other; missing axes get one."""
    repeats = _sizes(dims)
    return repeat(input, *(1,) * (input._data.ndim - len(repeats)), *repeats)


def repeat_interleave(input: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    """Each element several times."""
    return apply(REPEAT_INTERLEAVE, (input,), {"repeats": repeats, "dim": dim}, promote=False)


def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of elements reversed along axes."""
    return apply(FLIP, (input,), {"dims": _sizes(dims)}, promote=False)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved around along axes; those that leave come back at the other end."""
    static = {
        "shifts": tuple(shifts) if isinstance(shifts, (tuple, list)) else shifts,
        "dims": tuple(dims) if isinstance(dims, (tuple, list)) else dims,
    }
    return apply(ROLL, (input,), static, promote=False)


def contiguous(input: Tensor, **named: Any) -> Tensor:
    """The tensor itself, or a copy in row-major order."""
    if input._data.flags.c_contiguous:
        return input
    from symgrad.autograd.casts import clone

    return clone(input)


def size(input: Tensor, dim: int | None = None) -> Any:
    """The shape, or one length of it."""
    return input.shape if dim is None else input.shape[dim]


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input._data.size


def is_contiguous(input: Tensor, **named: Any) -> bool:
    """Whether the elements lie in row-major order."""
    return bool(input._data.flags.c_contiguous)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        reshape, flatten, ravel, unflatten, squeeze, unsqueeze, permute, transpose, t, movedim,
        flip, roll, tile, repeat_interleave, numel,
    )
}  # fmt: skip
FUNCTIONS.update({"swapaxes": transpose, "moveaxis": movedim, "swapdims": transpose})
METHODS: dict[str, Any] = {
    **FUNCTIONS,
    **{
        f.__name__: f
        for f in (
            view, view_as, reshape_as, expand, expand_as, repeat, contiguous, size, is_contiguous,
        )
    },
    "dim": lambda self: self._data.ndim,
    "ndimension": lambda self: self._data.ndim,
    "nelement": numel,
    "T": property(lambda self: permute(self, *reversed(range(self._data.ndim)))),
    "mT": property(lambda self: transpose(self, -2, -1)),
}  # fmt: skip
