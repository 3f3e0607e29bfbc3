"""SciPy's Python functions: log-sum-exp and its relatives, polygamma."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from scipy import special

from symgrad.capture.array import SymbolicArray
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import cast
from symgrad.capture.operands import as_array, as_operand, elementwise
from symgrad.capture.reductions import normalise_axes, reduce_array
from symgrad.capture.tracer import fail
from symgrad.program import functions as f
from symgrad.program import is_floating

__all__ = ["log_softmax", "logsumexp", "softmax"]


@implements(special.logsumexp, name="scipy.special.logsumexp")
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> SymbolicArray:
    """y = log Σ exp(x), without overflow."""
    operation = "scipy.special.logsumexp"
    if b is not None or return_sign:
        fail(operation, "weights b= and return_sign= are not captured", "logsumexp(a + np.log(b))")
    array = _floating(as_array(operation, a))
    axes = normalise_axes(operation, axis, array.ndim)
    return reduce_array(operation, "logsumexp", array, axes, array.kind, keepdims=keepdims)


@implements(special.softmax, name="scipy.special.softmax")
def softmax(x: Any, axis: Any = None) -> SymbolicArray:
    """y = exp(x − log Σ exp(x))."""
    array = _floating(as_array("scipy.special.softmax", x))
    total = logsumexp(array, axis, keepdims=True)
    operands = [as_operand("scipy.special.softmax", value) for value in (array, total)]
    return elementwise("scipy.special.softmax", operands, array.kind, lambda a, b: sympy.exp(a - b))


@implements(special.log_softmax, name="scipy.special.log_softmax")
def log_softmax(x: Any, axis: Any = None) -> SymbolicArray:
    """y = x − log Σ exp(x)."""
    array = _floating(as_array("scipy.special.log_softmax", x))
    return array - logsumexp(array, axis, keepdims=True)


@implements(special.polygamma, name="scipy.special.polygamma")
def polygamma(n: Any, x: Any) -> SymbolicArray:
    """The derivative of order n + 1 of log Γ, always in float64; n is a literal."""
    operation = "scipy.special.polygamma"
    if not isinstance(n, (int, np.integer)) or n < 0:
        fail(operation, "the order must be a literal integer, zero or more")
    operand = as_operand(operation, as_array(operation, x))
    order = sympy.Integer(int(n))
    return elementwise(operation, [operand], "float64", lambda v: f.polygamma(order, v))


def _floating(array: SymbolicArray) -> SymbolicArray:
    return array if is_floating(array.kind) else cast(array, "float64")
