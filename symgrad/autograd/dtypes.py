"""Element types as torch names them, the default type, and the promotion of mixed operands.

A Python number never raises the type of a tensor within its kind, a 0-dim tensor never that of
one with axes; a floating result of integers has the default type.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = [
    "DTYPES",
    "as_dtype",
    "as_numpy",
    "dtype",
    "dtype_of",
    "get_default_dtype",
    "promoted",
    "set_default_dtype",
]


class dtype:  # named as users write it
    """The type of a tensor's elements: `symgrad.float32`."""

    __slots__ = ("name", "numpy")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)

    def __repr__(self) -> str:
        return f"symgrad.{self.name}"

    def __reduce__(self) -> Any:
        return as_dtype, (self.name,)

    @property
    def is_floating_point(self) -> bool:
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.numpy.kind == "c"

    @property
    def itemsize(self) -> int:
        return self.numpy.itemsize


DTYPES: dict[str, dtype] = {
    name: dtype(name)
    for name in [
        "float16",
        "float32",
        "float64",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "bool",
        "complex64",
        "complex128",
    ]
}
_BY_NUMPY = {kind.numpy: kind for kind in DTYPES.values()}
_FROM_PYTHON: dict[Any, dtype] = {
    float: DTYPES["float64"],
    int: DTYPES["int64"],
    bool: DTYPES["bool"],
}
TENSOR_NAMES = {
    "float16": "HalfTensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor",
}


class _Default:
    """The default floating type of the process, guarded by a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.numpy = np.dtype(np.float32)


_DEFAULT = _Default()


def get_default_dtype() -> dtype:
    """The type that `tensor([1.0])` has."""
    return _BY_NUMPY[_DEFAULT.numpy]


def default_numpy() -> np.dtype[Any]:
    """The default type as NumPy's."""
    return _DEFAULT.numpy


def set_default_dtype(value: dtype) -> None:
    """Choose the type that `tensor([1.0])` has.

    Raises:
        TypeError: the type is not a floating one.
    """
    chosen = as_dtype(value)
    if not chosen.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type: {chosen}")
    with _DEFAULT.lock:
        _DEFAULT.numpy = chosen.numpy


def as_dtype(value: Any) -> dtype:
    """A type from a torch-like type, its name, a NumPy type or a Python class."""
    if isinstance(value, dtype):
        return value
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    found = _FROM_PYTHON.get(value) if isinstance(value, type) else None
    if found is not None:
        return found
    try:
        return _BY_NUMPY[np.dtype(value)]
    except (TypeError, KeyError):
        raise TypeError(f"{value!r} is not a type of tensors") from None


def as_numpy(value: Any) -> np.dtype[Any]:
    """The NumPy type behind any way to name a type."""
    return as_dtype(value).numpy


def dtype_of(array: np.ndarray) -> dtype:
    """The type of an array's elements."""
    found = _BY_NUMPY.get(array.dtype)
    if found is None:
        raise TypeError(f"tensors of type {array.dtype} are not supported")
    return found


def tensor_name(kind: np.dtype[Any]) -> str:
    """How torch's messages call a tensor of this type: torch.FloatTensor."""
    return TENSOR_NAMES.get(kind.name, "Tensor")


def _category(kind: np.dtype[Any]) -> int:
    return {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}[kind.kind]


def promoted(
    arrays: Iterable[np.ndarray], numbers: Iterable[bool | int | float | complex]
) -> np.dtype[Any]:
    """The common type of tensors with axes, 0-dim tensors and Python numbers, in this priority."""
    groups: tuple[list[np.dtype[Any]], ...] = ([], [], [])
    for array in arrays:
        groups[0 if array.ndim else 1].append(array.dtype)
    for value in numbers:
        groups[2].append(_number_type(value))
    result: np.dtype[Any] | None = None
    for group in groups:
        if not group:
            continue
        own = group[0]
        for kind in group[1:]:
            own = _join(own, kind)
        if result is None or _category(own) > _category(result):
            result = own
    assert result is not None
    return result


def _number_type(value: bool | int | float | complex) -> np.dtype[Any]:
    if isinstance(value, bool):
        return np.dtype(bool)
    if isinstance(value, int):
        return np.dtype(np.int64)
    if isinstance(value, complex):
        return np.dtype(np.complex64 if _DEFAULT.numpy.itemsize <= 4 else np.complex128)
    return _DEFAULT.numpy


def _join(left: np.dtype[Any], right: np.dtype[Any]) -> np.dtype[Any]:
    """torch's table: an integer with a floating type gives the floating type."""
    if _category(left) == _category(right):
        return np.result_type(left, right)
    return left if _category(left) > _category(right) else right
