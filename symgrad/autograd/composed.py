"""Functions that are made of recorded operations, and facts about a tensor's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.arithmetic import common_dtype
from symgrad.autograd.casts import device, to
from symgrad.autograd.dtypes import dtype
from symgrad.autograd.elementwise import FUNCTIONS as ELEMENTWISE
from symgrad.autograd.gathering import gather
from symgrad.autograd.indexing import split
from symgrad.autograd.matrices import dot
from symgrad.autograd.operators import FUNCTIONS as COMPARED
from symgrad.autograd.reductions import mean, norm, std, sum, var
from symgrad.autograd.selection import masked_fill, where
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of, expand, flip, reshape

__all__ = ["FUNCTIONS", "METHODS"]

# --- shapes --------------------------------------------------------------------------------------


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """The tensor in a shape that it broadcasts to."""
    return expand(input, *size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in their common shape."""
    shape = np.broadcast_shapes(*(x._data.shape for x in tensors))
    return tuple(expand(x, *shape) for x in tensors)


def atleast_1d(input: Tensor) -> Tensor:
    """A 0-d tensor with one axis."""
    return input if input._data.ndim else reshape(input, 1)


def atleast_2d(input: Tensor) -> Tensor:
    """A vector as one row."""
    return input if input._data.ndim > 1 else reshape(input, 1, -1)


def fliplr(input: Tensor) -> Tensor:
    """The second axis backwards."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The first axis backwards."""
    return flip(input, 0)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of nearly equal length, or cut at the given positions."""
    axis = axis_of(dim, input._data.ndim)
    places = np.arange(input._data.shape[axis])
    pieces = np.array_split(places, indices_or_sections)
    return split(input, [len(piece) for piece in pieces], axis)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Elements at positions along an axis; other axes broadcast."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    axis = axis_of(dim, input._data.ndim)
    shapes = [list(x._data.shape) for x in (input, indices)]
    lengths = [shape[axis] for shape in shapes]
    for shape in shapes:
        shape[axis] = 1
    common = list(np.broadcast_shapes(*map(tuple, shapes)))
    both = []
    for x, length in zip((input, indices), lengths, strict=True):
        common[axis] = length
        both.append(expand(x, *common))
    return gather(both[0], axis, both[1])


def diff(input: Tensor, n: int = 1, dim: int = -1) -> Tensor:
    """y[i] = x[i+1] − x[i], n times."""
    axis = axis_of(dim, input._data.ndim)
    result = input
    for _ in range(n):
        length = result._data.shape[axis] - 1
        result = result.narrow(axis, 1, length) - result.narrow(axis, 0, length)
    return result


# --- values --------------------------------------------------------------------------------------


def frac(input: Tensor) -> Tensor:
    """The part behind the point, with the sign of x."""
    return input - ELEMENTWISE["trunc"](input)


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Numbers in the place of NaN and infinities, whose gradient is 0."""
    array = input._data
    if array.dtype.kind != "f":
        return input
    largest = float(np.finfo(array.dtype).max)
    result = masked_fill(input, COMPARED["isnan"](input), nan)
    high, low = COMPARED["eq"](input, np.inf), COMPARED["eq"](input, -np.inf)
    result = masked_fill(result, high, largest if posinf is None else posinf)
    return masked_fill(result, low, -largest if neginf is None else neginf)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The mean of the elements that are numbers."""
    missing = COMPARED["isnan"](input)
    present = to(COMPARED["logical_not"](missing), input._data.dtype)
    return sum(masked_fill(input, missing, 0.0), dim, keepdim) / sum(present, dim, keepdim)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    return norm(input - other, p)


def float_power(input: Any, exponent: Any) -> Tensor:
    """The power in float64."""
    base, power = (to(x, np.float64) if isinstance(x, Tensor) else x for x in (input, exponent))
    result: Tensor = base**power
    return result


def std_mean(input: Tensor, dim: Any = None, **options: Any) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def var_mean(input: Tensor, dim: Any = None, **options: Any) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Σ ½·(y[i+1] + y[i])·(x[i+1] − x[i])"""
    axis = axis_of(dim, y._data.ndim)
    length = y._data.shape[axis] - 1
    pairs = y.narrow(axis, 1, length) + y.narrow(axis, 0, length)
    if x is None:
        return sum(pairs, axis) * (dx / 2)
    steps = diff(x)
    if x._data.ndim == 1:
        steps = reshape(steps, *(length if k == axis else 1 for k in range(y._data.ndim)))
    return sum(pairs * steps, axis) / 2


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """One value at the positions of an axis that an index tensor lists."""
    axis = axis_of(dim, input._data.ndim)
    hit = np.zeros(input._data.shape[axis], bool)
    hit[index._data] = True
    shape = [1] * input._data.ndim
    shape[axis] = -1
    return masked_fill(input, wrap(np.broadcast_to(hit.reshape(shape), input._data.shape)), value)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger one, or the number if the other is NaN."""
    return _number_of(ELEMENTWISE["maximum"], input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller one, or the number if the other is NaN."""
    return _number_of(ELEMENTWISE["minimum"], input, other)


def _number_of(choose: Callable[..., Tensor], input: Tensor, other: Tensor) -> Tensor:
    kind = common_dtype(input, other)
    a, b = to(input, kind), to(other, kind)
    chosen = choose(a, b)
    return where(COMPARED["isnan"](a), b, where(COMPARED["isnan"](b), a, chosen))


# --- facts ---------------------------------------------------------------------------------------


def detach(input: Tensor) -> Tensor:
    """The same memory as a leaf without grad."""
    return input.detach()


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are real floating numbers."""
    return input._data.dtype.kind == "f"


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex."""
    return input._data.dtype.kind == "c"


def cpu(input: Tensor) -> Tensor:
    """The tensor itself: there is no other device."""
    return input


def stride(input: Tensor, dim: int | None = None) -> Any:
    """How many elements lie between neighbours of each axis."""
    strides = tuple(n // input._data.itemsize for n in input._data.strides)
    return strides if dim is None else strides[dim]


def element_size(input: Tensor) -> int:
    """The bytes of one element."""
    return int(input._data.itemsize)


def type_of(input: Tensor, dtype: Any = None) -> Any:
    """The name of the type, or the tensor in another type."""
    from symgrad.autograd.dtypes import tensor_name

    return f"symgrad.{tensor_name(input._data.dtype)}" if dtype is None else to(input, dtype)


CPU = device("cpu")


def finfo(type: dtype) -> Any:
    """Limits of a floating type."""
    return np.finfo(type.numpy)


def iinfo(type: dtype) -> Any:
    """Limits of an integer type."""
    return np.iinfo(type.numpy)


_SHARED: dict[str, Any] = {
    f.__name__: f
    for f in (
        broadcast_to, tensor_split, take_along_dim, diff, frac, nan_to_num, nanmean, dist,
        float_power, index_fill, fmax, fmin, fliplr, flipud, is_floating_point, is_complex,
    )
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    **_SHARED,
    "broadcast_tensors": broadcast_tensors,
    "atleast_1d": atleast_1d,
    "atleast_2d": atleast_2d,
    "std_mean": std_mean,
    "var_mean": var_mean,
    "trapezoid": trapezoid,
    "trapz": trapezoid,
    "vdot": dot,
    "detach": detach,
    "device": device,
    "finfo": finfo,
    "iinfo": iinfo,
}
METHODS: dict[str, Any] = {
    **_SHARED,
    "vdot": dot,
    "cpu": cpu,
    "stride": stride,
    "element_size": element_size,
    "type": type_of,
    "device": property(lambda self: CPU),
    "nbytes": property(lambda self: int(self._data.nbytes)),
    "is_cuda": property(lambda self: False),
}
