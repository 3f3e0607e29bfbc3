"""Factories: `tensor`, `zeros`, `randn` and the like, and the typed constructors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.dtypes import as_numpy, default_numpy, dtype_of
from symgrad.autograd.modes import MODES
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.errors import CaptureError

__all__ = ["FUNCTIONS", "METHODS", "as_tensor", "from_numpy", "tensor"]

Array = np.ndarray


def finish(array: Array, requires_grad: bool, *, literal: bool = True) -> Tensor:
    """A leaf of an array; a literal one holds numbers that no tensor has given."""
    result = wrap(array)
    if literal and MODES.tracing is not None:
        MODES.tracing.note(array)
    if requires_grad:
        if array.dtype.kind not in "fc":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        result._requires = True
    return result


def _values(data: Any) -> Array:
    """Nested lists with tensors in them as one array."""
    if isinstance(data, Tensor):
        return data._data
    if isinstance(data, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in data):
        return np.array([_values(x) for x in data])
    return np.asarray(data)


def _inferred(data: Any, array: Array) -> np.dtype[Any]:
    """Python floats have the default type, arrays and NumPy scalars their own."""
    if isinstance(data, (Tensor, np.ndarray, np.generic)) or array.dtype.kind not in "fc":
        return array.dtype
    entry = data
    while isinstance(entry, (list, tuple)) and entry:
        entry = entry[0]
    if isinstance(entry, (Tensor, np.ndarray, np.generic)):
        return array.dtype
    if array.dtype.kind == "c":
        return np.dtype(np.complex64 if default_numpy().itemsize <= 4 else np.complex128)
    return default_numpy()


def _has_arrays(data: Any) -> bool:
    """Whether there are tensors or arrays in nested lists."""
    if isinstance(data, (list, tuple)):
        return any(_has_arrays(entry) for entry in data)
    return isinstance(data, (Tensor, np.ndarray))


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A leaf with a copy of the data; the type is inferred unless given.

    >>> import symgrad
    >>> symgrad.tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    array = _values(data)
    kind = _inferred(data, array) if dtype is None else as_numpy(dtype)
    if isinstance(data, (list, tuple)) and not array.size and dtype is None:
        kind = default_numpy()
    copy = np.array(array, kind)
    dtype_of(copy)
    return finish(copy, requires_grad, literal=not _has_arrays(data))


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory with an array where possible."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data if dtype is None else data.astype(as_numpy(dtype), copy=False))
    return tensor(data, dtype=dtype)


def from_numpy(array: Array) -> Tensor:
    """A tensor that shares memory and type with an array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtype_of(array)
    return wrap(array)


def _shape(sizes: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    if "size" in named:
        sizes = (named.pop("size"),)
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    return tuple(int(n) for n in sizes)


def _options(named: dict[str, Any]) -> tuple[Any, bool]:
    known = ("dtype", "requires_grad", "device", "layout", "pin_memory", "generator", "out",
             "memory_format")  # fmt: skip
    for name in named:
        if name not in known:
            raise TypeError(f"unexpected keyword argument '{name}'; known are {', '.join(known)}")
    dtype = named.get("dtype")
    kind = default_numpy() if dtype is None else as_numpy(dtype)
    return kind, bool(named.get("requires_grad", False))


def _filled(value: float) -> Callable[..., Tensor]:
    def make(*sizes: Any, **named: Any) -> Tensor:
        shape = _shape(sizes, named)
        kind, requires = _options(named)
        return finish(np.full(shape, value, kind), requires)

    make.__doc__ = f"A tensor of {value:g}s."
    return make


zeros, ones, empty = _filled(0.0), _filled(1.0), _filled(0.0)


def full(size: Sequence[int], fill_value: Any, **named: Any) -> Tensor:
    """A tensor of one value; its type is inferred from it."""
    if named.get("dtype") is None and not isinstance(fill_value, float):
        named["dtype"] = bool if isinstance(fill_value, bool) else np.asarray(fill_value).dtype
    kind, requires = _options(named)
    return finish(np.full(tuple(size), fill_value, kind), requires)


def eye(n: int, m: int | None = None, **named: Any) -> Tensor:
    """Ones on the diagonal."""
    kind, requires = _options(named)
    return finish(np.eye(n, m, dtype=kind), requires)


def arange(*bounds: Any, **named: Any) -> Tensor:
    """start, start + step, … below the end."""
    values = np.arange(*[b.item() if isinstance(b, Tensor) else b for b in bounds])
    if named.get("dtype") is None:
        named["dtype"] = default_numpy() if values.dtype.kind == "f" else np.int64
    kind, requires = _options(named)
    return finish(values.astype(kind), requires)


def linspace(start: float, end: float, steps: int, **named: Any) -> Tensor:
    """Evenly spaced values, both ends included."""
    kind, requires = _options(named)
    return finish(np.linspace(start, end, steps).astype(kind), requires)


def logspace(start: float, end: float, steps: int, base: float = 10.0, **named: Any) -> Tensor:
    """Powers of a base with evenly spaced exponents."""
    kind, requires = _options(named)
    return finish(np.logspace(start, end, steps, base=base).astype(kind), requires)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    make: Any = np.meshgrid
    grid = make(*[t._data for t in given], indexing=indexing)
    return tuple(wrap(a.copy()) for a in grid)


# --- random numbers ------------------------------------------------------------------------------


class _Source:
    """The generator of the process, exchanged under a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.generator = np.random.default_rng()


_SOURCE = _Source()


def manual_seed(seed: int) -> None:
    """Start the random numbers of `randn`, `rand` and the like anew."""
    with _SOURCE.lock:
        _SOURCE.generator = np.random.default_rng(abs(int(seed)))


def _draw(draw: Callable[[np.random.Generator], Array]) -> Array:
    if MODES.tracing is not None:
        raise CaptureError(
            "jit: the function draws random numbers, which would be the same in every call; draw "
            "them outside and pass them as an argument"
        )
    with _SOURCE.lock:
        return np.asarray(draw(_SOURCE.generator))


def randn(*sizes: Any, **named: Any) -> Tensor:
    """Standard normal numbers."""
    shape = _shape(sizes, named)
    kind, requires = _options(named)
    return finish(_draw(lambda g: g.standard_normal(shape)).astype(kind), requires)


def rand(*sizes: Any, **named: Any) -> Tensor:
    """Uniform numbers in [0, 1)."""
    shape = _shape(sizes, named)
    kind, requires = _options(named)
    return finish(_draw(lambda g: g.random(shape)).astype(kind), requires)


def randint(*bounds: Any, **named: Any) -> Tensor:
    """Integers from low (0 if left out) to high − 1: randint([low,] high, size)."""
    size = named.pop("size", None)
    if size is None:
        size, bounds = bounds[-1], bounds[:-1]
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
    named.setdefault("dtype", np.int64)
    kind, requires = _options(named)
    return finish(_draw(lambda g: g.integers(low, high, tuple(size))).astype(kind), requires)


def randperm(n: int, **named: Any) -> Tensor:
    """0 … n − 1 in random order."""
    return wrap(_draw(lambda g: g.permutation(n)))


def normal(mean: float, std: float, size: Sequence[int], **named: Any) -> Tensor:
    """Normal numbers."""
    return randn(*size, **named) * std + mean


# --- in the shape of another tensor --------------------------------------------------------------


def _like(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(input: Tensor, **named: Any) -> Tensor:
        if named.get("dtype") is None:
            named["dtype"] = input._data.dtype
        return make(input._data.shape, **named)

    run.__doc__ = "As the function without _like, in the shape and type of a tensor."
    return run


def full_like(input: Tensor, fill_value: Any, **named: Any) -> Tensor:
    """One value in the shape and type of a tensor."""
    named["dtype"] = named.get("dtype") or input._data.dtype
    return full(input._data.shape, fill_value, **named)


def _new(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(self: Tensor, *sizes: Any, **named: Any) -> Tensor:
        if named.get("dtype") is None:
            named["dtype"] = self._data.dtype
        return make(*sizes, **named)

    run.__doc__ = "A new tensor in the type of this one."
    return run


def new_tensor(self: Tensor, data: Any, **named: Any) -> Tensor:
    """`tensor(data)` in the type of this one."""
    named["dtype"] = named.get("dtype") or self._data.dtype
    return tensor(data, **named)


# --- typed constructors --------------------------------------------------------------------------


class _TypedMeta(type):
    """`isinstance(x, FloatTensor)` looks at the element type."""

    kind: np.dtype[Any]

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value._data.dtype == cls.kind

    def __call__(cls, *arguments: Any) -> Tensor:
        if len(arguments) == 1 and not isinstance(arguments[0], (int, np.integer)):
            return wrap(np.array(_values(arguments[0]), cls.kind))
        return wrap(np.zeros([int(n) for n in arguments] or (0,), cls.kind))


def _typed(name: str, kind: str) -> type:
    return _TypedMeta(name, (), {"kind": np.dtype(kind), "__doc__": f"Tensors of {kind}."})


TYPED = {
    name: _typed(name, kind)
    for name, kind in {
        "FloatTensor": "float32",
        "DoubleTensor": "float64",
        "HalfTensor": "float16",
        "LongTensor": "int64",
        "IntTensor": "int32",
        "ShortTensor": "int16",
        "ByteTensor": "uint8",
        "CharTensor": "int8",
        "BoolTensor": "bool",
    }.items()
}

FUNCTIONS: dict[str, Any] = {
    **{
        f.__name__: f
        for f in (
            tensor, as_tensor, from_numpy, full, eye, arange, linspace, logspace, meshgrid,
            manual_seed, randn, rand, randint, randperm, normal, full_like,
        )
    },
    "zeros": zeros, "ones": ones, "empty": empty, "asarray": as_tensor,
    "zeros_like": _like(zeros), "ones_like": _like(ones), "empty_like": _like(empty),
    "randn_like": _like(randn), "rand_like": _like(rand),
    "is_tensor": lambda value: isinstance(value, Tensor),
    "scalar_tensor": tensor,
    **TYPED,
}  # fmt: skip
METHODS: dict[str, Any] = {
    "new_zeros": _new(zeros), "new_ones": _new(ones), "new_empty": _new(empty),
    "new_full": _new(full), "new_tensor": new_tensor,
}  # fmt: skip
