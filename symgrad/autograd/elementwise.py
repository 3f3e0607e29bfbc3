"""Functions of one or two tensors, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from symgrad.autograd.arithmetic import add, div, keep_integers, mul
from symgrad.autograd.recording import apply, operation, unary
from symgrad.autograd.special import polygamma_of
from symgrad.autograd.tensor import Tensor

__all__ = ["FUNCTIONS", "METHODS", "relu"]

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
    "special_ndtr": ("SpecialNdtrBackward0", special.ndtr, False),
    "special_log_ndtr": ("SpecialLogNdtrBackward0", special.log_ndtr, False),
    "special_erfcx": ("SpecialErfcxBackward0", special.erfcx, False),
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
    if name == "tanh":  # 1 − y² has no digits where y is saturated
        op.accurate = operation(node, function, pointwise=True, quiet=True)

    def run(input: Tensor) -> Tensor:
        return unary(op, input)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name}(x), elementwise."
    return run


def _keeping_function(name: str, node: str, function: Callable[..., Any]) -> Any:
    op = operation(node, function, pointwise=True)

    def run(input: Tensor) -> Tensor:
        return keep_integers(op, input)

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
    return keep_integers(RELU, input)


# --- functions of two tensors --------------------------------------------------------------------

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
LOGADDEXP2 = operation("Logaddexp2Backward0", np.logaddexp2, quiet=True)
XLOGY = operation("XlogyBackward0", special.xlogy)
COPYSIGN = operation("CopysignBackward0", np.copysign)


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


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other)"""
    return apply(LOGADDEXP2, (input, other), floating=True)


def xlogy(input: Any, other: Any) -> Tensor:
    """input·log(other), 0 where input is 0."""
    return apply(XLOGY, (input, other), floating=True)


def copysign(input: Tensor, other: Any) -> Tensor:
    """|input| with the sign of other."""
    return apply(COPYSIGN, (input, other), floating=True)


HEAVISIDE = operation("HeavisideBackward0", np.heaviside)
XLOG1PY = operation("SpecialXlog1PyBackward0", special.xlog1py)
POLYGAMMA = operation("PolygammaBackward0", polygamma_of)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """1 above 0, 0 below, the value at 0; its derivative by the argument is 0."""
    return apply(HEAVISIDE, (input, values))


def xlog1py(input: Any, other: Any) -> Tensor:
    """input·log(1 + other), 0 where input is 0."""
    return apply(XLOG1PY, (input, other), floating=True)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The nth derivative of the digamma function."""
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n: {n}")
    return unary(POLYGAMMA, input, {"order": int(n)})


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """p·(p − 1)/4·log(π) + Σ_{j < p} lgamma(x − j/2)"""
    parts = [_FUNCTIONS_OF_ONE["lgamma"](add(input, -j / 2)) for j in range(p)]
    total = add(parts[0], p * (p - 1) / 4 * math.log(math.pi))
    for part in parts[1:]:
        total = add(total, part)
    return total


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


FUNCTIONS: dict[str, Any] = {
    **_FUNCTIONS_OF_ONE,
    **{
        f.__name__: f
        for f in (
            atan2, hypot, maximum, minimum, logaddexp, logaddexp2, xlogy, copysign, lerp, addcmul,
            addcdiv, relu, heaviside, mvlgamma,
        )
    },
}  # fmt: skip
FUNCTIONS.update(
    {
        "absolute": FUNCTIONS["abs"],
        "arctan2": atan2,
        "arcsin": FUNCTIONS["asin"],
        "arccos": FUNCTIONS["acos"],
        "arctan": FUNCTIONS["atan"],
        "arcsinh": FUNCTIONS["asinh"],
        "arccosh": FUNCTIONS["acosh"],
        "arctanh": FUNCTIONS["atanh"],
        "fix": FUNCTIONS["trunc"],
        "sgn": FUNCTIONS["sign"],
    }
)
METHODS = {**FUNCTIONS, "polygamma": lambda self, n: polygamma(n, self)}
FUNCTIONS["polygamma"] = polygamma
