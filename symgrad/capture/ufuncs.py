"""The scalar formula of each ufunc that can be captured: a table, no code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy
from scipy import special

from symgrad.program import INFINITY
from symgrad.program import functions as f

__all__ = ["BOOLEAN_FORMS", "BOOLEAN_ONLY", "FORMULAS", "SAME_ON_INTEGERS"]

Formula = Callable[..., sympy.Expr]

HALF = sympy.Rational(1, 2)
LOG2 = sympy.log(2)


def _true_divide(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """a/b; a literal 0 below is a·inf: SymPy's own infinity would swallow the sign."""
    return a * INFINITY if b == 0 else a / b


def _floor_divide(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """(a − (a mod b))/b is an integer up to rounding, which floor(a/b) would not forgive."""
    return f.rint((a - f.floor_mod(a, b)) / b)


def _float_power(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return f.power(a, b)


def _fmax(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return f.select(f.is_nan(a), b, f.select(f.is_nan(b), a, f.maximum(a, b)))


def _fmin(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return f.select(f.is_nan(a), b, f.select(f.is_nan(b), a, f.minimum(a, b)))


def _logical_xor(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return f.not_equal(f.not_equal(a, 0), f.not_equal(b, 0))


ARITHMETIC: dict[np.ufunc, Formula] = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.true_divide: _true_divide,
    np.floor_divide: _floor_divide,
    np.remainder: f.floor_mod,
    np.fmod: f.fmod,
    np.negative: lambda x: -x,
    np.positive: lambda x: x,
    np.conjugate: lambda x: x,
    np.power: f.power,
    np.float_power: _float_power,
    np.square: lambda x: x**2,
    np.reciprocal: lambda x: 1 / x,
    np.absolute: f.absolute,
    np.fabs: f.absolute,
    np.sign: f.signum,
    np.copysign: f.copysign,
    np.heaviside: f.heaviside,
    np.maximum: f.maximum,
    np.minimum: f.minimum,
    np.fmax: _fmax,
    np.fmin: _fmin,
    np.floor: f.floor,
    np.ceil: f.ceil,
    np.trunc: f.trunc,
    np.rint: f.rint,
}

TRANSCENDENTAL: dict[np.ufunc, Formula] = {
    np.sqrt: lambda x: x**HALF,
    np.cbrt: f.cbrt,
    np.hypot: f.hypot,
    np.exp: sympy.exp,
    np.exp2: f.exp2,
    np.expm1: f.expm1,
    np.log: sympy.log,
    np.log2: f.log2,
    np.log10: f.log10,
    np.log1p: f.log1p,
    np.logaddexp: f.logaddexp,
    np.logaddexp2: lambda a, b: f.logaddexp(a * LOG2, b * LOG2) / LOG2,
    np.sin: sympy.sin,
    np.cos: sympy.cos,
    np.tan: sympy.tan,
    np.arcsin: sympy.asin,
    np.arccos: sympy.acos,
    np.arctan: sympy.atan,
    np.arctan2: sympy.atan2,
    np.sinh: sympy.sinh,
    np.cosh: sympy.cosh,
    np.tanh: sympy.tanh,
    np.arcsinh: sympy.asinh,
    np.arccosh: sympy.acosh,
    np.arctanh: sympy.atanh,
    np.deg2rad: lambda x: x * sympy.pi / 180,
    np.radians: lambda x: x * sympy.pi / 180,
    np.rad2deg: lambda x: x * 180 / sympy.pi,
    np.degrees: lambda x: x * 180 / sympy.pi,
}

COMPARISONS: dict[np.ufunc, Formula] = {
    np.less: f.less,
    np.less_equal: f.less_equal,
    np.greater: lambda a, b: f.less(b, a),
    np.greater_equal: lambda a, b: f.less_equal(b, a),
    np.equal: f.equal,
    np.not_equal: f.not_equal,
    np.logical_and: f.conjunction,
    np.logical_or: f.disjunction,
    np.logical_xor: _logical_xor,
    np.logical_not: f.negation,
    np.isnan: f.is_nan,
    np.isinf: lambda x: f.equal(f.absolute(x), INFINITY),
    np.isfinite: lambda x: f.less(f.absolute(x), INFINITY),
    np.signbit: lambda x: f.less(f.copysign(sympy.S.One, x), 0),
    np.bitwise_and: f.conjunction,
    np.bitwise_or: f.disjunction,
    np.bitwise_xor: f.not_equal,
    np.invert: lambda x: -x - 1,
}

SPECIAL: dict[np.ufunc, Formula] = {
    special.expit: f.sigmoid,
    special.logit: f.logit,
    special.log_expit: lambda x: -f.softplus(-x),
    special.erf: sympy.erf,
    special.erfc: sympy.erfc,
    special.erfcx: f.erfcx,
    special.gammaln: f.gammaln,
    special.psi: lambda x: f.polygamma(sympy.S.Zero, x),
    special.xlogy: f.xlogy,
    special.xlog1py: lambda x, y: f.select(f.equal(x, 0), sympy.S.Zero, x * f.log1p(y)),
    special.entr: lambda x: f.select(f.less(x, 0), -INFINITY, -f.xlogy(x, x)),
    special.ndtr: f.ndtr,
    special.log_ndtr: f.log_ndtr,
    special.log1p: f.log1p,
    special.expm1: f.expm1,
    special.exp2: f.exp2,
    special.cbrt: f.cbrt,
}

FORMULAS: dict[np.ufunc, Formula] = {**ARITHMETIC, **TRANSCENDENTAL, **COMPARISONS, **SPECIAL}

# What a ufunc means when every operand is boolean.
BOOLEAN_FORMS: dict[np.ufunc, Formula] = {
    np.add: f.disjunction,
    np.multiply: f.conjunction,
    np.maximum: f.disjunction,
    np.minimum: f.conjunction,
    np.absolute: lambda x: x,
    np.invert: f.negation,
    np.equal: f.equal,
    np.isnan: lambda x: sympy.S.Zero * x,
}

# Ufuncs that leave integers as they are.
SAME_ON_INTEGERS = frozenset({np.floor, np.ceil, np.trunc, np.positive, np.conjugate})

# Bitwise work on integers has no formula here.
BOOLEAN_ONLY = frozenset({np.bitwise_and, np.bitwise_or, np.bitwise_xor})
