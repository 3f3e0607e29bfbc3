"""Makes the operations methods of `Tensor`."""

from __future__ import annotations

from typing import Any

from symgrad.autograd import (
    arithmetic,
    casts,
    composed,
    creation,
    elementwise,
    extremes,
    factorisations,
    gathering,
    indexing,
    inplace,
    lifting,
    matrices,
    neural,
    operators,
    reductions,
    selection,
    statistics,
    views,
)
from symgrad.autograd.tensor import Tensor

__all__ = ["FUNCTIONS", "install"]

_MODULES: tuple[Any, ...] = (
    arithmetic,
    elementwise,
    selection,
    casts,
    operators,
    views,
    indexing,
    gathering,
    reductions,
    extremes,
    matrices,
    factorisations,
    neural,
    statistics,
    composed,
    creation,
    inplace,
    lifting,
)

FUNCTIONS: dict[str, Any] = {}
for _module in _MODULES:
    FUNCTIONS.update(getattr(_module, "FUNCTIONS", {}))


def install() -> None:
    """Set every operation as an attribute of the class."""
    for module in _MODULES:
        for name, function in module.METHODS.items():
            setattr(Tensor, name, function)
    Tensor.__hash__ = lambda self: id(self)  # type: ignore[method-assign]


install()
