"""`Variable`: the old name of a tensor that may require grad."""

from __future__ import annotations

from typing import Any

from symgrad.autograd.creation import finish
from symgrad.autograd.tensor import Tensor

__all__ = ["Variable"]


class _VariableMeta(type):
    """Every tensor is a Variable."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)

    def __call__(
        cls, data: Any = None, requires_grad: bool = False, volatile: Any = None
    ) -> Tensor:
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Variable data has to be a tensor, but got {type(data).__name__}: make one with "
                "tensor(...)"
            )
        result = finish(data._data, requires_grad, literal=False)
        result._counter = data._counter
        return result


class Variable(metaclass=_VariableMeta):
    """`Variable(tensor, requires_grad=True)`: a leaf with the tensor's data."""
