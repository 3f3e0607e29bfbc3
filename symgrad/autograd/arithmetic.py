"""Arithmetic with torch's promotion."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.autograd.dtypes import promoted
from symgrad.autograd.recording import apply, binary, operation, plain_number, unary
from symgrad.autograd.tensor import Tensor, wrap

__all__ = [
    "FUNCTIONS", "METHODS", "add", "common_dtype", "div", "floor_divide", "keep_integers", "mul",
    "neg", "plain", "positive", "pow", "remainder", "sub",
]  # fmt: skip

ADD = operation("AddBackward0", np.add, pointwise=True)
SUB = operation("SubBackward0", np.subtract, pointwise=True)
MUL = operation("MulBackward0", np.multiply, pointwise=True)
DIV = operation("DivBackward0", np.true_divide, pointwise=True, quiet=True)
NEG = operation("NegBackward0", np.negative, pointwise=True)
POWER = operation(
    "PowBackward0", lambda x, *, exponent: np.power(x, exponent), pointwise=True, quiet=True
)
POWER_OF_NUMBER = operation(
    "PowBackward1", lambda y, *, base: np.power(base, y), pointwise=True, quiet=True
)
POWER_TENSOR = operation("PowBackward1", np.power, pointwise=True, quiet=True)
REMAINDER = operation("RemainderBackward0", np.remainder, quiet=True)
FMOD = operation("FmodBackward0", np.fmod, quiet=True)
TRUNC = operation("TruncBackward0", np.trunc, pointwise=True)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha·other"""
    return binary(ADD, input, other if alpha == 1 else other * alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input − alpha·other"""
    if _is_bool(input) and _is_bool(other):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    return binary(SUB, input, other if alpha == 1 else other * alpha)


def _is_bool(value: Any) -> bool:
    return isinstance(value, Tensor) and value._data.dtype.kind == "b"


def mul(input: Any, other: Any) -> Tensor:
    """input·other"""
    return binary(MUL, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input/other, in a floating type; rounded if `rounding_mode` is "floor" or "trunc"."""
    if rounding_mode == "floor":
        return floor_divide(input, other)
    floats = all(not isinstance(x, Tensor) or x._data.dtype.kind in "fc" for x in (input, other))
    result = binary(DIV, input, other) if floats else apply(DIV, (input, other), floating=True)
    return result if rounding_mode is None else keep_integers(TRUNC, result)


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down; it carries no gradient."""
    a, b = plain(input), plain(other)
    kind = common_dtype(input, other)
    return wrap(np.asarray(np.floor_divide(a, b)).astype(kind, copy=False))


def plain(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else plain_number(value)


def common_dtype(*values: Any) -> np.dtype[Any]:
    arrays = [v._data for v in values if isinstance(v, Tensor)]
    return promoted(arrays, [plain_number(v) for v in values if not isinstance(v, Tensor)])


def remainder(input: Any, other: Any) -> Tensor:
    """The remainder with the sign of `other`."""
    return apply(REMAINDER, (input, other))


def fmod(input: Any, other: Any) -> Tensor:
    """The remainder with the sign of `input`."""
    return apply(FMOD, (input, other))


def neg(input: Tensor) -> Tensor:
    """−input"""
    if input._data.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return keep_integers(NEG, input)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def keep_integers(op: Any, x: Tensor) -> Tensor:
    if x._data.dtype.kind in "fc":
        return unary(op, x)
    return wrap(np.asarray(op.function(x._data)))


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power exponent; the derivative by the exponent at base 0 is 0."""
    if not isinstance(input, Tensor):
        base = float(input) if exponent._data.dtype.kind == "f" else plain_number(input)
        if exponent._data.dtype.kind not in "f":
            return wrap(np.asarray(np.power(base, exponent._data)))
        return apply(POWER_OF_NUMBER, (exponent,), {"base": base})
    if isinstance(exponent, Tensor):
        return apply(POWER_TENSOR, (input, exponent))
    number = plain_number(exponent)
    if input._data.dtype.kind not in "fc":
        if isinstance(number, int):
            if number < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            return wrap(np.asarray(np.power(input._data, number)))
        return unary(POWER, input, {"exponent": number})
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if (type(number) is int and number < 0) or not isinstance(number, (int, float)):
        number = float(number) if isinstance(number, int) else number
    return unary(POWER, input, {"exponent": number})


def square(input: Tensor) -> Tensor:
    """input²"""
    return pow(input, 2)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (add, sub, mul, div, neg, positive, pow, square, remainder, fmod, floor_divide)
}
FUNCTIONS.update(
    {
        "subtract": sub,
        "multiply": mul,
        "divide": div,
        "true_divide": div,
        "negative": neg,
    }
)
METHODS = FUNCTIONS
