"""Activations, layers and losses as functions."""

from __future__ import annotations

from typing import Any

from symgrad.autograd.neural import FUNCTIONAL

__all__ = sorted(FUNCTIONAL)


def __getattr__(name: str) -> Any:
    try:
        return FUNCTIONAL[name]
    except KeyError:
        raise AttributeError(f"module 'symgrad.nn.functional' has no attribute '{name}'") from None
