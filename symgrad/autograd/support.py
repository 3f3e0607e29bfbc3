"""What the text of a rule calls: filling, adding at positions, running sums, special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from symgrad.codegen.rendering import helper_source
from symgrad.codegen.spelling import HELPER_NEEDS

__all__ = ["rule_namespace"]

Array = np.ndarray


def _filled(value: Any, shape: tuple[int, ...], dtype: type) -> Array:
    """The value in this shape and type: itself if it has them already."""
    if type(value) is np.ndarray and value.shape == shape and value.dtype.type is dtype:
        return value
    return _fresh(value, shape, dtype)


def _fresh(value: Any, shape: tuple[int, ...], dtype: type) -> Array:
    """The value in this shape and type, in memory of its own."""
    result: Array = np.empty(shape, dtype)
    result[...] = value
    return result


def _total(value: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The sum over axes of a value spread to a shape."""
    if type(value) is not np.ndarray or value.shape != shape:
        value = np.broadcast_to(value, shape)
    return value.sum(axes)


def _running(value: Any, shape: tuple[int, ...], axis: int, backwards: bool) -> Array:
    """Sums over everything before, or behind, each place of an axis."""
    spread = np.broadcast_to(value, shape)
    if backwards:
        return np.flip(np.cumsum(np.flip(spread, axis), axis), axis)
    return np.cumsum(spread, axis)


def _scattered(
    places: tuple[Any, ...], values: Any, over: tuple[int, ...], shape: tuple[int, ...]
) -> Array:
    """Σ of values at their places in an array of zeros; a guard has made stray values 0."""
    if 0 in shape or 0 in over:
        return np.zeros(shape)
    flat: Any = 0
    for place, extent in zip(places, shape, strict=True):
        flat = flat * extent + np.clip(place, 0, extent - 1)
    positions = np.broadcast_to(flat, over).ravel()
    weights = np.broadcast_to(values, over).ravel()
    return np.bincount(positions, weights, int(np.prod(shape))).reshape(shape)


def _gather(array: Array, *subscripts: Any) -> Array:
    """array[subscripts], with subscripts outside the array (where a guard is false) clamped."""
    if 0 in array.shape:
        return np.zeros(np.broadcast_shapes(*(np.shape(s) for s in subscripts)), array.dtype)
    pairs = zip(subscripts, array.shape, strict=True)
    result: Array = array[tuple(np.clip(s, 0, length - 1) for s, length in pairs)]
    return result


def _check_index(function: str, index: Any, extent: int, name: str, array: str, axis: int) -> Array:
    """The index array with negative entries counted from the end; out of range is an error."""
    positions = np.asarray(index)
    if positions.size:
        low, high = positions.min(), positions.max()
        if low < -extent or high >= extent:
            worst = high if high >= extent else low
            raise IndexError(f"index {worst} is out of bounds for an axis of {extent} elements")
        if low < 0:
            positions = np.where(positions < 0, positions + extent, positions)
    return positions.reshape(positions.shape or (1,))


def _exceeds(a: Any, b: Any) -> Any:
    """1 where a > b, 1/2 where a = b, else 0."""
    return (np.greater(a, b).astype(np.float64) + np.greater_equal(a, b)) * 0.5


def _finite_or_zero(x: Any) -> Any:
    """x, or 0 where it is infinite or not a number."""
    return np.where(np.isfinite(x), x, 0.0)


def _logsumexp(x: Array, axis: Any) -> Array:
    """log Σ exp(x), with the largest term taken out first."""
    peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    total = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    result: Array = np.squeeze(total, axis=axis)
    return result


_HELPERS: dict[str, Callable[..., Any]] = {
    "erf": special.erf,
    "erfc": special.erfc,
    "erfcx": special.erfcx,
    "exceeds": _exceeds,
    "finite_or_zero": _finite_or_zero,
    "gammaln": special.gammaln,
    "heaviside": np.heaviside,
    "log_ndtr": special.log_ndtr,
    "logaddexp": np.logaddexp,
    "logit": special.logit,
    "logsumexp": _logsumexp,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "ndtr": special.ndtr,
    "polygamma": special.polygamma,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "xlogy": special.xlogy,
}


def rule_namespace(helpers: dict[str, None]) -> dict[str, Any]:
    """The global names of a rule's text."""
    names: dict[str, Any] = {
        "np": np,
        "_filled": _filled,
        "_fresh": _fresh,
        "_total": _total,
        "_running": _running,
        "_scattered": _scattered,
        "_gather": _gather,
        "_check_index": _check_index,
    }
    for name in sorted(helpers):
        if name in _HELPERS:
            names[f"_{name}"] = _HELPERS[name]
            continue
        for part in (*HELPER_NEEDS.get(name, ()), name):
            exec(helper_source(part, "numpy"), names)
    return names
