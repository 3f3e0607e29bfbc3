"""The scalar functions of bodies in mpmath, at whatever precision is set."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import mpmath
import sympy
from mpmath import mp

from symgrad.program import functions as f

__all__ = ["EXACT_FUNCTIONS", "real"]

Number = Any


def real(value: Number) -> Number:
    """A real number; what leaves the reals is not a number."""
    if isinstance(value, mpmath.mpc):
        return value.real if value.imag == 0 else mp.nan
    return value


def _log(x: Number) -> Number:
    return -mp.inf if x == 0 else mpmath.log(x) if x > 0 else mp.nan


_FAR = mpmath.mpf("1e400")  # beyond every float64: its exponential has no place in memory


def _exp(x: Number) -> Number:
    if abs(x) > _FAR:
        return mp.inf if x > 0 else mp.mpf(0)
    return mpmath.exp(x)


def _turned(function: Callable[..., Any]) -> Callable[..., Number]:
    """An angle that is beyond every float64 has no sine."""
    return lambda x: mp.nan if abs(x) > _FAR else function(x)


def _sqrt(x: Number) -> Number:
    return mpmath.sqrt(x) if x >= 0 else mp.nan


def _erfcx(x: Number) -> Number:
    if x < 1e4:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    fraction = mp.mpf(0)
    for k in range(60, 0, -1):
        fraction = mp.mpf(k) / 2 / (x + fraction)
    return 1 / (mpmath.sqrt(mp.pi) * (x + fraction))


def _log_ndtr(x: Number) -> Number:
    if x > -1e4:
        return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)
    return mpmath.log(_erfcx(-x / mpmath.sqrt(2)) / 2) - x * x / 2


def _xlogy(x: Number, y: Number) -> Number:
    if x == 0 and not mpmath.isnan(y):
        return mp.mpf(0)
    return x * _log(y)


def _sigmoid(x: Number) -> Number:
    return 1 / (1 + _exp(-x)) if x > 0 else _exp(x) / (1 + _exp(x))


def _softplus(x: Number) -> Number:
    return max(x, mp.mpf(0)) + mpmath.log1p(_exp(-abs(x)))


def _logaddexp(a: Number, b: Number) -> Number:
    if a == b:
        return a + mpmath.log(2)
    return max(a, b) + mpmath.log1p(_exp(-abs(a - b)))


def _spherical_bessel(order: Number, x: Number) -> Number:
    if x == 0:
        return mp.mpf(1 if order == 0 else 0)
    size = mpmath.sqrt(mp.pi / (2 * abs(x))) * mpmath.besselj(order + mp.mpf(1) / 2, abs(x))
    return size if x > 0 or order % 2 == 0 else -size


def _power(x: Number, y: Number) -> Number:
    if x == 0:
        return mp.mpf(1) if y == 0 else mp.mpf(0) if y > 0 else mp.inf
    return real(mpmath.power(x, y))


def _gammaln(x: Number) -> Number:
    if x <= 0 and x == mpmath.floor(x):
        return mp.inf
    return mpmath.re(mpmath.loggamma(x))


def _rint(x: Number) -> Number:
    below = mpmath.floor(x)
    half = x - below - mp.mpf(1) / 2
    return below if half < 0 or (half == 0 and below % 2 == 0) else below + 1


def _truth(test: Callable[..., Any]) -> Callable[..., Number]:
    return lambda *operands: mp.mpf(1 if test(*operands) else 0)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Number]:
    return lambda *x: mp.nan if any(map(mpmath.isnan, x)) else choose(*x)


def _trunc(x: Number) -> Number:
    return mpmath.floor(x) if x >= 0 else mpmath.ceil(x)


def _exceeds(a: Number, b: Number) -> Number:
    return mp.mpf(1) if a > b else mp.mpf(1) / 2 if a == b else mp.mpf(0)


def _absorbing_product(a: Number, b: Number) -> Number:
    return mp.mpf(0) if a == 0 else a * b


_largest, _smallest = _extreme(max), _extreme(min)

EXACT_FUNCTIONS: dict[type[sympy.Basic], Callable[..., Number]] = {
    sympy.exp: _exp,
    sympy.log: _log,
    sympy.sin: _turned(mpmath.sin),
    sympy.cos: _turned(mpmath.cos),
    sympy.tan: _turned(mpmath.tan),
    sympy.asin: mpmath.asin,
    sympy.acos: mpmath.acos,
    sympy.atan: mpmath.atan,
    sympy.atan2: mpmath.atan2,
    sympy.sinh: lambda x: (_exp(x) - _exp(-x)) / 2 if abs(x) > 1 else mpmath.sinh(x),
    sympy.cosh: lambda x: (_exp(x) + _exp(-x)) / 2,
    sympy.tanh: lambda x: mpmath.sign(x) if abs(x) > 1e4 else mpmath.tanh(x),
    sympy.asinh: mpmath.asinh,
    sympy.acosh: mpmath.acosh,
    sympy.atanh: mpmath.atanh,
    sympy.erf: mpmath.erf,
    sympy.erfc: mpmath.erfc,
    sympy.Abs: abs,
    sympy.sign: mpmath.sign,
    f.less: _truth(lambda a, b: a < b),
    f.less_equal: _truth(lambda a, b: a <= b),
    f.equal: _truth(lambda a, b: a == b),
    f.not_equal: _truth(lambda a, b: a != b),
    f.conjunction: _truth(lambda a, b: a != 0 and b != 0),
    f.disjunction: _truth(lambda a, b: a != 0 or b != 0),
    f.negation: _truth(lambda a: a == 0),
    f.is_nan: _truth(mpmath.isnan),
    f.signum: mpmath.sign,
    f.floor: mpmath.floor,
    f.ceil: mpmath.ceil,
    f.trunc: _trunc,
    f.rint: _rint,
    f.cast_integer: _trunc,
    f.exceeds: _exceeds,
    f.heaviside: lambda x, h: mp.mpf(0) if x < 0 else mp.mpf(1) if x > 0 else h,
    f.absolute: abs,
    f.absorbing_product: _absorbing_product,
    f.maximum: _largest,
    f.minimum: _smallest,
    f.clip: lambda x, lower, upper: _smallest(_largest(x, lower), upper),
    f.copysign: lambda x, y: abs(x) if y >= 0 else -abs(x),
    f.fmod: lambda x, y: x - y * _trunc(x / y),
    f.floor_mod: lambda x, y: x - y * mpmath.floor(x / y),
    f.power: _power,
    f.cbrt: lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    f.hypot: lambda *x: reduce(mpmath.hypot, x),
    f.norm_root: _sqrt,
    f.exp2: lambda x: mpmath.power(2, x),
    f.expm1: lambda x: mpmath.expm1(x) if abs(x) < 1 else _exp(x) - 1,
    f.log1p: lambda x: mpmath.log1p(x) if x > -1 else _log(1 + x),
    f.log2: lambda x: _log(x) / mpmath.log(2),
    f.log10: lambda x: _log(x) / mpmath.log(10),
    f.logaddexp: _logaddexp,
    f.softplus: _softplus,
    f.sigmoid: _sigmoid,
    f.logit: lambda x: _log(x) - _log(1 - x),
    f.xlogy: _xlogy,
    f.xlog1py: lambda x, y: _xlogy(x, 1 + y),
    f.gammaln: _gammaln,
    f.polygamma: lambda m, x: mpmath.psi(int(m), x),
    f.erfcx: _erfcx,
    f.ndtr: lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    f.log_ndtr: _log_ndtr,
    f.sech_squared: lambda x, *_: 4 * _sigmoid(2 * x) * _sigmoid(-2 * x),
    f.versine: lambda x: 2 * mpmath.sin(x / 2) ** 2,
    f.sinc: lambda x: _spherical_bessel(mp.mpf(0), x),
    f.spherical_bessel: _spherical_bessel,
}
