"""Elementwise operations: arithmetic with torch's promotion, and functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from symgrad.autograd.dtypes import DTYPES, as_numpy, promoted
from symgrad.autograd.modes import MODES
from symgrad.autograd.recording import apply, binary, literal, operation, plain_number, unary
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["FUNCTIONS", "METHODS"]

Array = np.ndarray

# --- arithmetic ----------------------------------------------------------------------------------

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
HYPOT = operation("HypotBackward0", np.hypot)
ATAN2 = operation("Atan2Backward0", np.arctan2)
MAXIMUM = operation(
    "MaximumBackward0",
    np.maximum,
    selects=lambda inputs, _: (inputs[0] >= inputs[1], inputs[1] >= inputs[0]),
)
MINIMUM = operation(
    "MinimumBackward0",
    np.minimum,
    selects=lambda inputs, _: (inputs[0] <= inputs[1], inputs[1] <= inputs[0]),
)
LOGADDEXP = operation("LogaddexpBackward0", np.logaddexp, quiet=True)
XLOGY = operation("XlogyBackward0", special.xlogy)
COPYSIGN = operation("CopysignBackward0", np.copysign)


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
    return result if rounding_mode is None else trunc(result)


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down; it carries no gradient."""
    a, b = _plain(input), _plain(other)
    kind = _common(input, other)
    return wrap(np.asarray(np.floor_divide(a, b)).astype(kind, copy=False))


def _plain(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else plain_number(value)


def _common(*values: Any) -> np.dtype[Any]:
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
    return _keep_integers(NEG, input)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def _keep_integers(op: Any, x: Tensor) -> Tensor:
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


# --- functions of one tensor ---------------------------------------------------------------------

UNARY: dict[str, tuple[str, Callable[..., Any], bool]] = {
    # name: node, function, whether the derivative reads the result
    "exp": ("ExpBackward0", np.exp, True),
    "exp2": ("Exp2Backward0", np.exp2, True),
    "expm1": ("Expm1Backward0", np.expm1, False),
    "log": ("LogBackward0", np.log, False),
    "log1p": ("Log1PBackward0", np.log1p, False),
    "log2": ("Log2Backward0", np.log2, False),
    "log10": ("Log10Backward0", np.log10, False),
    "sqrt": ("SqrtBackward0", np.sqrt, True),
    "rsqrt": ("RsqrtBackward0", lambda x: x**-0.5, True),
    "reciprocal": ("ReciprocalBackward0", lambda x: 1 / x, True),
    "sin": ("SinBackward0", np.sin, False),
    "cos": ("CosBackward0", np.cos, False),
    "tan": ("TanBackward0", np.tan, False),
    "asin": ("AsinBackward0", np.arcsin, False),
    "acos": ("AcosBackward0", np.arccos, False),
    "atan": ("AtanBackward0", np.arctan, False),
    "sinh": ("SinhBackward0", np.sinh, False),
    "cosh": ("CoshBackward0", np.cosh, False),
    "tanh": ("TanhBackward0", np.tanh, True),
    "asinh": ("AsinhBackward0", np.arcsinh, False),
    "acosh": ("AcoshBackward0", np.arccosh, False),
    "atanh": ("AtanhBackward0", np.arctanh, False),
    "sigmoid": ("SigmoidBackward0", special.expit, False),
    "erf": ("ErfBackward0", special.erf, False),
    "erfc": ("ErfcBackward0", special.erfc, False),
    "lgamma": ("LgammaBackward0", special.gammaln, False),
    "digamma": ("DigammaBackward0", special.psi, False),
    "logit": ("LogitBackward0", special.logit, False),
    "deg2rad": ("MulBackward0", np.deg2rad, False),
    "rad2deg": ("MulBackward0", np.rad2deg, False),
    "sinc": ("SincBackward0", np.sinc, False),
}

# Functions that leave integers integers.
KEEPING: dict[str, tuple[str, Callable[..., Any]]] = {
    "abs": ("AbsBackward0", np.absolute),
    "sign": ("SignBackward0", np.sign),
    "floor": ("FloorBackward0", np.floor),
    "ceil": ("CeilBackward0", np.ceil),
    "trunc": ("TruncBackward0", np.trunc),
    "round": ("RoundBackward0", np.rint),
}


def _unary_function(name: str, node: str, function: Callable[..., Any], keep: bool) -> Any:
    op = operation(node, function, keeps_result=keep, pointwise=True, quiet=True)

    def run(input: Tensor) -> Tensor:
        return unary(op, input)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name}(x), elementwise."
    return run


def _keeping_function(name: str, node: str, function: Callable[..., Any]) -> Any:
    op = operation(node, function, pointwise=True)

    def run(input: Tensor) -> Tensor:
        return _keep_integers(op, input)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name}(x), elementwise; integers stay integers."
    return run


_FUNCTIONS_OF_ONE: dict[str, Any] = {
    **{name: _unary_function(name, *entry) for name, entry in UNARY.items()},
    **{name: _keeping_function(name, *entry) for name, entry in KEEPING.items()},
}
RELU = operation(
    "ReluBackward0",
    lambda x: np.maximum(x, 0),
    formula=lambda x: np.where(x > 0, x, 0),
    selects=lambda inputs, _: (inputs[0] > 0,),
)


def relu(input: Tensor) -> Tensor:
    """max(x, 0), with derivative 0 at 0."""
    return _keep_integers(RELU, input)


trunc = _FUNCTIONS_OF_ONE["trunc"]
exp = _FUNCTIONS_OF_ONE["exp"]


# --- functions of two tensors --------------------------------------------------------------------


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input)."""
    return apply(ATAN2, (input, other), floating=True)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input² + other²)"""
    return apply(HYPOT, (input, other), floating=True)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of both; a tie gives each half of the gradient."""
    return apply(MAXIMUM, (input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of both; a tie gives each half of the gradient."""
    return apply(MINIMUM, (input, other))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other))"""
    return apply(LOGADDEXP, (input, other), floating=True)


def xlogy(input: Any, other: Any) -> Tensor:
    """input·log(other), 0 where input is 0."""
    return apply(XLOGY, (input, other), floating=True)


def copysign(input: Tensor, other: Any) -> Tensor:
    """|input| with the sign of other."""
    return apply(COPYSIGN, (input, other), floating=True)


LERP = operation("LerpBackward1", lambda a, b, w: a + w * (b - a))


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight·(end − input)"""
    return apply(LERP, (input, end, weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value·tensor1·tensor2"""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value·tensor1/tensor2"""
    return add(input, div(tensor1, tensor2), alpha=value)


# --- selection -----------------------------------------------------------------------------------

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
    kind = _common(input, other)
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
        return wrap(np.asarray(op.function(x._data, _plain(bound))).astype(x._data.dtype))
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


# --- element types -------------------------------------------------------------------------------

CAST = operation("ToCopyBackward0", lambda x, *, dtype: x.astype(dtype))
CLONE = operation("CloneBackward0", lambda x: x.copy(), formula=lambda x: x + 0)


def to(input: Tensor, *arguments: Any, **named: Any) -> Tensor:
    """The tensor in another type; devices are accepted and mean nothing here."""
    given = named.get("dtype", named.get("other"))
    for value in arguments:
        if value is None or isinstance(value, (str, bool)):
            continue
        given = value.dtype if isinstance(value, Tensor) else value
    if given is None:
        return clone(input) if named.get("copy") else input
    kind = as_numpy(given)
    if kind == input._data.dtype:
        return clone(input) if named.get("copy") else input
    if MODES.tracing is not None:
        return apply(CAST, (input,), {"dtype": kind}, promote=False)
    if kind.kind not in "fc" or input._data.dtype.kind not in "fc":
        return wrap(input._data.astype(kind))
    return apply(CAST, (input,), {"dtype": kind}, promote=False)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that passes the gradient on."""
    return apply(CLONE, (input,), promote=False)


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the type of another one."""
    return to(input, other.dtype)


def _cast_method(name: str) -> Any:
    def run(input: Tensor) -> Tensor:
        return to(input, DTYPES[name])

    run.__doc__ = f"The tensor as {name}."
    return run


_CASTS = {
    method: _cast_method(name)
    for method, name in {
        "float": "float32",
        "double": "float64",
        "half": "float16",
        "int": "int32",
        "long": "int64",
        "short": "int16",
        "char": "int8",
        "byte": "uint8",
        "bool": "bool",
    }.items()
}


FUNCTIONS: dict[str, Any] = {
    **_FUNCTIONS_OF_ONE,
    **{
        f.__name__: f
        for f in (
            add, sub, mul, div, neg, positive, pow, square, remainder, fmod, floor_divide, atan2,
            hypot, maximum, minimum, logaddexp, xlogy, copysign, lerp, addcmul, addcdiv, where,
            clamp, clamp_min, clamp_max, masked_fill, clone, relu,
        )
    },
}  # fmt: skip
FUNCTIONS.update(
    {
        "subtract": sub,
        "multiply": mul,
        "divide": div,
        "true_divide": div,
        "negative": neg,
        "clip": clamp,
        "absolute": FUNCTIONS["abs"],
        "arctan2": atan2,
        "arcsin": FUNCTIONS["asin"],
        "arccos": FUNCTIONS["acos"],
        "arctan": FUNCTIONS["atan"],
    }
)
METHODS: dict[str, Any] = {**FUNCTIONS, **_CASTS, "to": to, "type_as": type_as}
METHODS["where"] = lambda self, condition, other: where(condition, self, other)
