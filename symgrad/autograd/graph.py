"""Helpers around the graph: hooks on several tensors, anomaly detection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.autograd.modes import MODES
from symgrad.autograd.nodes import Node
from symgrad.autograd.tensor import Tensor

__all__ = ["Node", "detect_anomaly", "register_multi_grad_hook", "set_detect_anomaly"]


class _Handles:
    """Removes several hooks together."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take all hooks out."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> _Handles:
    """Call fn(gradients) once a backward has reached all of the tensors (or, by mode, any)."""
    found: dict[int, Tensor] = {}

    def hook_of(position: int) -> Callable[[Tensor], None]:
        def hook(gradient: Tensor) -> None:
            if mode == "any":
                fn(gradient)
                return
            found[position] = gradient
            if len(found) == len(tensors):
                gradients = [found[k] for k in range(len(tensors))]
                found.clear()
                fn(gradients)

        return hook

    return _Handles([x.register_hook(hook_of(k)) for k, x in enumerate(tensors)])


class set_detect_anomaly:
    """Whether a backward that makes NaN raises, naming the node; also a context manager."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self.before = MODES.anomaly
        MODES.anomaly = mode and check_nan

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        MODES.anomaly = self.before


class detect_anomaly:
    """Inside, a backward that makes NaN raises, naming the node."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check = check_nan

    def __enter__(self) -> None:
        self.before = MODES.anomaly
        MODES.anomaly = self.check

    def __exit__(self, *error: object) -> None:
        MODES.anomaly = self.before
