"""What Python asks of a tensor: numbers, arrays, length, iteration, text, copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from symgrad.autograd.modes import MODES
from symgrad.errors import CaptureError

if TYPE_CHECKING:
    from symgrad.autograd.tensor import Tensor

__all__ = ["PythonProtocols", "refuse_tracing"]

Array = np.ndarray


class PythonProtocols:
    """The part of `Tensor` that Python's own syntax and functions call."""

    _data: Array
    _edge: Any
    _requires: bool
    _grad: Any
    _counter: list[int]
    requires_grad: Any
    unbind: Any

    def item(self) -> Any:
        """The only element as a Python number."""
        refuse_tracing()
        if self._data.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._data.size} elements cannot be converted to Scalar"
            )
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as (nested) Python lists."""
        refuse_tracing()
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """The array itself: it shares memory with the tensor."""
        refuse_tracing()
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        return self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        refuse_tracing()
        if self._data.size != 1:
            raise RuntimeError(
                "Boolean value of Tensor with "
                + ("no values" if self._data.size == 0 else "more than one value")
                + " is ambiguous"
            )
        return bool(self._data.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, value: Any) -> bool:
        refuse_tracing()
        return bool((self._data == getattr(value, "_data", value)).any())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self, *, tensor_contents: None = None) -> str:
        from symgrad.autograd.display import tensor_text

        return tensor_text(cast("Tensor", self))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self._data.ndim == 0 else format(repr(self), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self._edge is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment. If you were attempting to deepcopy a module, this may be "
                "because a torch.nn.Parameter was replaced by a computed tensor; use detach() first"
            )
        result = object.__new__(type(self))
        memo[id(self)] = result
        result._counter = [0]
        result._data = self._data.copy()
        result._requires = self._requires
        if self._grad is not None:
            result._grad = self._grad.__deepcopy__(memo)
        return result

    def __reduce__(self) -> Any:
        return _restored, (type(self), self._data, self._requires)


def refuse_tracing() -> None:
    """A value that Python reads while a function is traced would be fixed for ever."""
    if MODES.tracing is not None:
        raise CaptureError(
            "jit: the function reads the value of a tensor in Python (item, a condition, numpy), "
            "which can differ in the next call; choose with where(condition, a, b), or leave this "
            "part out of the compiled function"
        )


def _restored(cls: type[Any], data: Array, requires: bool) -> Any:
    result = object.__new__(cls)
    result._counter = [0]
    result._data = data
    result._requires = requires
    return result
