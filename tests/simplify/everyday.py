"""Everyday formulas that are wrong at hard inputs as they stand, with their exact values.

Each exact function takes a list of mpmath numbers (the elements of x) and returns the list of
results; `gradient` takes the elements and the weights w, and returns ∂ Σ w·f / ∂x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

__all__ = ["FORMULAS", "Formula", "exact", "exponents", "relative_error", "vectors"]

Numbers = list[Any]


@dataclass(frozen=True)
class Formula:
    """A formula as people write it, its exact value and gradient, the hard inputs, the domain."""

    function: Callable[..., Any]
    value: Callable[[Numbers], Numbers]
    gradient: Callable[[Numbers, Numbers], Numbers]
    named: tuple[Any, ...]
    points: Callable[[int, str], np.ndarray]
    shape: str = "n"


def _each(value: Callable[[Any], Any], slope: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        "value": lambda x: [value(u) for u in x],
        "gradient": lambda x, w: [a * slope(u) for u, a in zip(x, w, strict=True)],
    }


def exponents(count: int, dtype: str, low: float = -1.0, sign: int = 0) -> np.ndarray:
    """Numbers over the whole exponent range of a type, of both signs or of one."""
    info = np.finfo(dtype)
    smallest, largest = (0.97 * np.log10(float(v)) for v in (info.tiny, info.max))
    size = 10.0 ** np.linspace(smallest, largest, count)
    signs = np.where(np.arange(count) % 2 == 0, 1.0, -1.0) if sign == 0 else float(sign)
    return (size * signs).astype(dtype)


def positive(count: int, dtype: str) -> np.ndarray:
    """Positive numbers over the whole exponent range."""
    return exponents(count, dtype, sign=1)


def vectors(count: int, dtype: str) -> np.ndarray:
    """Vectors of three, each of one magnitude: x·(1, 1/2, −1/4)."""
    return (exponents(count, dtype)[:, None] * np.array([1.0, 0.5, -0.25])).astype(dtype)


def above_minus_one(count: int, dtype: str) -> np.ndarray:
    """Numbers of all magnitudes above −1, and some next to it."""
    large = positive(count // 2, dtype)
    small = -positive(count - count // 2, dtype)
    inside = np.where(small > -1, small, -1 + 1e-3 * (np.arange(small.size) + 1) / small.size)
    return np.concatenate([large, inside.astype(dtype)])


def _softplus(u: Any) -> Any:
    return max(u, mp.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(u)))


def _sigmoid(u: Any) -> Any:
    return 1 / (1 + mpmath.exp(-u)) if u > 0 else mpmath.exp(u) / (1 + mpmath.exp(u))


def _logsumexp(x: Numbers) -> Any:
    peak = max(x)
    return peak + mpmath.log(mpmath.fsum(mpmath.exp(u - peak) for u in x))


def _softmax(x: Numbers) -> Numbers:
    total = _logsumexp(x)
    return [mpmath.exp(u - total) for u in x]


def _softmax_gradient(x: Numbers, w: Numbers) -> Numbers:
    p = _softmax(x)
    return [
        a * mpmath.fsum(b * (v - u) for b, u in zip(p, w, strict=True))
        for a, v in zip(p, w, strict=True)
    ]


def _root_slope(u: Any) -> Any:
    """x/sqrt(1 + x²) − 1."""
    root = mpmath.sqrt(1 + u * u)
    return -1 / (root * (root + u))


def _norm_gradient(x: Numbers, w: Numbers) -> Numbers:
    size = mpmath.sqrt(mpmath.fsum(u * u for u in x))
    return [w[0] * u / size if size else mp.mpf(0) for u in x]


FORMULAS: dict[str, Formula] = {
    "log(1 + exp(x))": Formula(
        lambda x: np.log(1 + np.exp(x)),
        **_each(_softplus, _sigmoid),
        named=(800.0, -800.0),
        points=exponents,
    ),
    "log(sum(exp(x)))": Formula(
        lambda x: np.log(np.sum(np.exp(x))),
        lambda x: [_logsumexp(x)],
        lambda x, w: [w[0] * p for p in _softmax(x)],
        named=((800.0, 799.0, 0.0),),
        points=vectors,
        shape="m",
    ),
    "softmax": Formula(
        lambda x: np.exp(x) / np.sum(np.exp(x)),
        _softmax,
        _softmax_gradient,
        named=((800.0, 799.0, 0.0), (800.0, 0.0, 400.0)),
        points=vectors,
        shape="m",
    ),
    "log(1/(1 + exp(-x)))": Formula(
        lambda x: np.log(1 / (1 + np.exp(-x))),
        **_each(lambda u: -_softplus(-u), lambda u: _sigmoid(-u)),
        named=(-800.0, 800.0),
        points=exponents,
    ),
    "where(x > 0, sqrt(x), 0)": Formula(
        lambda x: np.where(x > 0, np.sqrt(x), 0),
        **_each(
            lambda u: mpmath.sqrt(u) if u > 0 else mp.mpf(0),
            lambda u: 1 / (2 * mpmath.sqrt(u)) if u > 0 else mp.mpf(0),
        ),
        named=(0.0, -1.0),
        points=exponents,
    ),
    "where(x == 0, 1, sin(x)/x)": Formula(
        lambda x: np.where(x == 0, 1, np.sin(x) / x),
        **_each(
            lambda u: mpmath.sin(u) / u if u else mp.mpf(1),
            lambda u: (mpmath.cos(u) - mpmath.sin(u) / u) / u if u else mp.mpf(0),
        ),
        named=(0.0, 1e-9),
        points=exponents,
    ),
    "where(x > 0, x**-1.5, 0)": Formula(
        lambda x: np.where(x > 0, x**-1.5, 0),
        **_each(
            lambda u: u ** mp.mpf(-1.5) if u > 0 else mp.mpf(0),
            lambda u: mp.mpf(-1.5) * u ** mp.mpf(-2.5) if u > 0 else mp.mpf(0),
        ),
        named=(0.0, -1.0),
        points=exponents,
    ),
    "sqrt(sum(x**2))": Formula(
        lambda x: np.sqrt(np.sum(x**2)),
        lambda x: [mpmath.sqrt(mpmath.fsum(u * u for u in x))],
        _norm_gradient,
        named=((0.0, 0.0, 0.0),),
        points=vectors,
        shape="m",
    ),
    "log(1 + x)": Formula(
        lambda x: np.log(1 + x),
        **_each(mpmath.log1p, lambda u: 1 / (1 + u)),
        named=(1e-18,),
        points=above_minus_one,
    ),
    "exp(x) - 1": Formula(
        lambda x: np.exp(x) - 1,
        **_each(mpmath.expm1, mpmath.exp),
        named=(1e-18,),
        points=exponents,
    ),
    "1 - cos(x)": Formula(
        lambda x: 1 - np.cos(x),
        **_each(lambda u: 2 * mpmath.sin(u / 2) ** 2, mpmath.sin),
        named=(1e-9,),
        points=exponents,
    ),
    "sqrt(1 + x**2) - x": Formula(
        lambda x: np.sqrt(1 + x**2) - x,
        **_each(
            lambda u: 1 / (mpmath.sqrt(1 + u * u) + u) if u > 0 else mpmath.sqrt(1 + u * u) - u,
            _root_slope,
        ),
        named=(1e9, -1e9),
        points=exponents,
    ),
}


def exact(results: Numbers) -> np.ndarray:
    """mpmath's numbers as float64; what is too large is infinite."""
    return np.array([float(r) for r in results])


def relative_error(found: np.ndarray, wanted: np.ndarray, dtype: str) -> np.ndarray:
    """|found − wanted|/|wanted| where that is a normal number of the type.

    What is too large for the type is to be infinite or its largest number, what is too small for
    a normal number is to be no larger than the smallest: the error is then 0, otherwise infinite.
    """
    info = np.finfo(dtype)
    found = np.asarray(found, np.float64)
    size, largest, smallest = np.abs(wanted), 0.999999 * float(info.max), 2 * float(info.tiny)
    with np.errstate(all="ignore"):
        error = np.abs(found - wanted) / size
    error = np.where(size >= largest, np.where(np.abs(found) >= largest, 0.0, np.inf), error)
    error = np.where(size <= smallest, np.where(np.abs(found) <= 2 * smallest, 0.0, np.inf), error)
    return np.where(np.isnan(found), np.inf, error)
