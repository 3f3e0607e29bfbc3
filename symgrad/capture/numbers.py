"""Numbers and element types: Python and NumPy values to SymPy numbers, NumPy types to `DType`."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, cast, get_args

import numpy as np
import sympy

from symgrad.program import INFINITY, NOT_A_NUMBER, DType

__all__ = ["DTYPES", "number", "supported_dtype"]

DTYPES: tuple[str, ...] = get_args(DType)
_LARGEST_DENOMINATOR = 1024
_EXACT_INTEGERS = 2**53


def number(value: Any) -> sympy.Expr:
    """A Python or NumPy scalar as an exact SymPy number.

    Integers, and floats with an integer value, are Integers; short dyadic fractions (0.5, 0.125)
    are Rationals; other floats keep their 53 bits; inf and nan are named constants.

    >>> number(0.5), number(3.0)
    (1/2, 3)
    """
    if isinstance(value, (bool, np.bool_)):
        return sympy.Integer(int(value))
    if isinstance(value, (int, np.integer)):
        return sympy.Integer(int(value))
    real = float(value)
    if math.isnan(real):
        return NOT_A_NUMBER
    if math.isinf(real):
        return INFINITY if real > 0 else -INFINITY
    exact = Fraction(real)
    if exact.denominator <= _LARGEST_DENOMINATOR and abs(real) < _EXACT_INTEGERS:
        return sympy.Rational(exact.numerator, exact.denominator)
    return sympy.Float(real)


def supported_dtype(dtype: Any) -> DType | None:
    """The element type as the vocabulary spells it, or None if there is none."""
    name = np.dtype(dtype).name
    return cast(DType, name) if name in DTYPES else None
