"""Dual numbers: `make_dual`, `unpack_dual`, as torch.autograd.forward_ad has them.

A dual number is a leaf whose tangent is noted on the level; the tangent of a result is the
Jacobian-vector product of the graph between them.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from symgrad.autograd.modes import enable_grad
from symgrad.autograd.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent, None for what depends on no dual number."""

    primal: Tensor
    tangent: Tensor | None


class _Levels(threading.local):
    """Dual numbers of the level that is open in this thread; None if none is."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] | None = None


_LEVELS = _Levels()


class dual_level:
    """The block in which dual numbers can be made and unpacked."""

    def __enter__(self) -> None:
        if _LEVELS.pairs is not None:
            raise RuntimeError("Nested forward mode AD is not supported at the moment")
        _LEVELS.pairs = []

    def __exit__(self, *error: object) -> None:
        _LEVELS.pairs = None


def _pairs() -> list[tuple[Tensor, Tensor]]:
    if _LEVELS.pairs is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return _LEVELS.pairs


def make_dual(tensor: Tensor, tangent: Tensor) -> Tensor:
    """The tensor with a tangent, which all that is computed from it carries on."""
    pairs = _pairs()
    if tensor._data.shape != tangent._data.shape:
        raise RuntimeError(
            f"Expected tangent to have the shape {list(tensor._data.shape)} of the tensor, but it "
            f"has {list(tangent._data.shape)}"
        )
    with enable_grad():
        dual = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach()
        if not dual.requires_grad:
            dual.requires_grad_()
    pairs.append((dual, tangent))
    return dual


def unpack_dual(tensor: Tensor) -> UnpackedDualTensor:
    """The value and its tangent."""
    from symgrad.func import _pushed

    pairs = _pairs()
    known = next((t for dual, t in pairs if dual is tensor), None)
    if known is not None or not tensor.requires_grad:
        return UnpackedDualTensor(tensor.detach(), known)
    with enable_grad():
        tangent: Any = _pushed(tensor, [d for d, _ in pairs], [t for _, t in pairs])
    return UnpackedDualTensor(tensor.detach(), tangent)
