"""Functions that SciPy writes in Python: fast forms on arrays, the compiler's on symbolic ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from symgrad.capture.dispatch import call_handler

__all__ = ["arange_of", "log_softmax_of", "logsumexp_of", "polygamma_of", "softmax_of"]

Array = np.ndarray


def arange_of(length: Any) -> Any:
    """0, 1, 2, … of a length that may be symbolic."""
    return np.arange(length) if isinstance(length, int) else call_handler("arange", (length,), {})


def _shifted(x: Array, dim: Any) -> tuple[Array, Array]:
    """exp(x − peak) and the finite peak along axes."""
    peak = np.max(x, axis=dim, keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))
    return np.exp(x - peak), peak


def logsumexp_of(x: Any, *, dim: Any, keepdim: bool) -> Any:
    """log Σ exp(x)"""
    if not isinstance(x, np.ndarray):
        return call_handler("logsumexp", (x,), {"axis": dim, "keepdims": keepdim})
    powers, peak = _shifted(x, dim)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(powers, axis=dim, keepdims=True)) + peak
    return total if keepdim else np.squeeze(total, axis=dim)


def softmax_of(x: Any, *, dim: int) -> Any:
    """exp(x − log Σ exp(x))"""
    if not isinstance(x, np.ndarray):
        return call_handler("softmax", (x,), {"axis": dim})
    powers, _ = _shifted(x, dim)
    return powers / np.sum(powers, axis=dim, keepdims=True)


def log_softmax_of(x: Any, *, dim: int) -> Any:
    """x − log Σ exp(x)"""
    if not isinstance(x, np.ndarray):
        return call_handler("log_softmax", (x,), {"axis": dim})
    powers, peak = _shifted(x, dim)
    return x - peak - np.log(np.sum(powers, axis=dim, keepdims=True))


def polygamma_of(x: Any, *, order: int) -> Any:
    """The derivative of the digamma function of an order."""
    if isinstance(x, np.ndarray):
        return special.polygamma(order, x)
    return call_handler("polygamma", (order, x), {})
