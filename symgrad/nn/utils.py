"""Helpers around parameters: clipping gradients, parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symgrad.autograd.matrices import cat
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def _with_grad(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p._grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0
) -> Tensor:
    """Scales all gradients together so that their norm is at most max_norm; returns the norm."""
    gradients = [p._grad._data for p in _with_grad(parameters) if p._grad is not None]
    flat = np.concatenate([g.ravel() for g in gradients]) if gradients else np.zeros(0)
    norm = np.linalg.norm(flat, norm_type) if flat.size else 0.0
    factor = max_norm / (norm + 1e-6)
    if factor < 1:
        for gradient in gradients:
            gradient *= gradient.dtype.type(factor)
    return wrap(np.asarray(norm))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bounds every entry of every gradient."""
    for parameter in _with_grad(parameters):
        assert parameter._grad is not None
        array = parameter._grad._data
        np.clip(array, -clip_value, clip_value, out=array)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters on one axis."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes a vector into the parameters."""
    start = 0
    for parameter in parameters:
        stop = start + parameter._data.size
        parameter.data = vec[start:stop].reshape(parameter.shape).detach()
        start = stop
