"""Activations, layers and losses as functions."""

from __future__ import annotations

from typing import Any

from symgrad.autograd.losses import LOSSES
from symgrad.autograd.neural import FUNCTIONAL

_FUNCTIONS: dict[str, Any] = {**FUNCTIONAL, **LOSSES}

__all__ = sorted(_FUNCTIONS)


def __getattr__(name: str) -> Any:
    try:
        return _FUNCTIONS[name]
    except KeyError:
        raise AttributeError(f"module 'symgrad.nn.functional' has no attribute '{name}'") from None
