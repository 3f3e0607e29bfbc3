"""Selections: what was not taken gets exactly 0 as its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autograd.arithmetic import common_dtype, plain
from symgrad.autograd.casts import to
from symgrad.autograd.recording import apply, literal, operation, plain_number
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["FUNCTIONS", "METHODS", "masked_fill", "where"]

WHERE = operation(
    "WhereBackward0", np.where, selects=lambda inputs, _: (None, inputs[0], ~inputs[0])
)
CLAMP = operation(
    "ClampBackward1",
    lambda x, low, high: np.clip(x, low, high),
    selects=lambda inputs, _: ((inputs[1] <= inputs[0]) & (inputs[0] <= inputs[2]), None, None),
)


def _clamp_low(x: Any, low: Any) -> Any:
    """max(x, low), the gradient passes at the edge."""
    return np.where(x >= low, x, low)


def _clamp_high(x: Any, high: Any) -> Any:
    """min(x, high), the gradient passes at the edge."""
    return np.where(x <= high, x, high)


def _keep_nan(select: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Values of NumPy, where a comparison with NaN must not pick the bound."""

    def run(x: Any, bound: Any) -> Any:
        return np.where(np.isnan(x), x, select(x, bound))

    return run


CLAMP_MIN = operation(
    "ClampMinBackward0",
    _keep_nan(_clamp_low),
    formula=_clamp_low,
    selects=lambda inputs, _: (inputs[0] >= inputs[1], None),
)
CLAMP_MAX = operation(
    "ClampMaxBackward0",
    _keep_nan(_clamp_high),
    formula=_clamp_high,
    selects=lambda inputs, _: (inputs[0] <= inputs[1], None),
)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; the branch not taken gets exactly 0."""
    if input is None and other is None:
        return tuple(wrap(k) for k in np.nonzero(condition._data))
    if not isinstance(condition, Tensor) or condition._data.dtype.kind != "b":
        raise RuntimeError("where expected condition to be a boolean tensor")
    kind = common_dtype(input, other)
    a, b = (_as_kind(value, kind) for value in (input, other))
    return apply(WHERE, (condition, a, b), promote=False)


def _as_kind(value: Any, kind: np.dtype[Any]) -> Any:
    if isinstance(value, Tensor):
        return value if value._data.dtype == kind else to(value, kind)
    return literal(np.asarray(plain_number(value), kind))


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """min(max(x, lower), upper); the gradient is 1 inside and at both edges."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if max is None:
        return _bounded(CLAMP_MIN, input, min)
    if min is None:
        return _bounded(CLAMP_MAX, input, max)
    return apply(CLAMP, (input, min, max))


def _bounded(op: Any, x: Tensor, bound: Any) -> Tensor:
    if x._data.dtype.kind not in "f" and not isinstance(bound, float):
        return wrap(np.asarray(op.function(x._data, plain(bound))).astype(x._data.dtype))
    return apply(op, (x, bound))


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """max(x, min)"""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """min(x, max)"""
    return clamp(input, max=max)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """value where the mask holds, else input."""
    filler = value if isinstance(value, Tensor) else literal(np.asarray(value, input._data.dtype))
    if filler._data.dtype != input._data.dtype:
        filler = to(filler, input._data.dtype)
    return apply(MASKED_FILL, (input, mask, filler), promote=False)


MASKED_FILL = operation(
    "MaskedFillBackward0",
    lambda x, mask, value: np.where(mask, value, x),
    selects=lambda inputs, _: (~inputs[1], None, inputs[1]),
)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (where, clamp, clamp_min, clamp_max, masked_fill)
}
FUNCTIONS["clip"] = clamp
METHODS: dict[str, Any] = {
    **FUNCTIONS,
    "where": lambda self, condition, other: where(condition, self, other),
}
