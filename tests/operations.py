"""Every operation that can be captured, in several variants: one table for all tests.

Functions are written over `np` and `special`, as a model would. The domains keep the sampled
points away from kinks and poles, so values and derivatives can be compared with any oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, special

from symgrad.capture import ArgumentSpec, parse_shape
from symgrad.program import DType, evaluate_size, is_floating

__all__ = ["OPERATIONS", "Operation", "argument_specs", "sample_arguments", "size_names"]

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: a function, and for each parameter a shape and a domain.

    Attributes:
        name: a unique name, with the variant behind a colon.
        function: the operation as a model would write it.
        arguments: for each parameter "f64[n, d] domain"; see `_DRAW` for the domains.
        torch: the same with torch, given the module first; None where torch lacks it.
        smooth: whether the derivative can be compared with differences.
        empty: whether NumPy's value for an axis of length 0 is to be compared.
        least: the smallest size to draw.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    torch: Callable[..., Any] | None = None
    smooth: bool = True
    empty: bool = True
    least: int = 0

    @property
    def parameters(self) -> tuple[str, ...]:
        code = self.function.__code__
        return code.co_varnames[: code.co_argcount]


def argument_specs(operation: Operation) -> dict[str, ArgumentSpec]:
    """Shape and element type of each parameter, as `capture(shapes=…)` takes them."""
    texts = (text.rpartition("]")[0] + "]" for text in operation.arguments)
    return dict(zip(operation.parameters, map(parse_shape, texts), strict=True))


def size_names(operation: Operation) -> tuple[str, ...]:
    """The sizes in the shapes of an operation, in order of first appearance."""
    found: dict[str, None] = {}
    for spec in argument_specs(operation).values():
        for extent in spec.shape:
            for symbol in sorted(extent.free_symbols, key=str):
                found.setdefault(symbol.name)
    return tuple(found)


def sample_arguments(
    operation: Operation,
    rng: np.random.Generator,
    sizes: Mapping[str, int],
    dtype: DType | None = None,
) -> dict[str, Array]:
    """Random arguments at the given sizes; `dtype` replaces every floating type."""
    samples: dict[str, Array] = {}
    specs = argument_specs(operation)
    for (name, spec), text in zip(specs.items(), operation.arguments, strict=True):
        domain = text.rpartition("]")[2].strip() or "real"
        shape = tuple(evaluate_size(extent, sizes) for extent in spec.shape)
        kind = dtype if dtype is not None and is_floating(spec.dtype) else spec.dtype
        samples[name] = _draw(domain, rng, shape, sizes).astype(kind)
    return samples


def _signed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2.0, shape)


def _distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Values at least 0.1 apart, so that extremes are unique and stay so nearby."""
    count = int(np.prod(shape))
    return (rng.permutation(count) * 0.2 + rng.uniform(0, 0.1, count) - 1.0).reshape(shape)


_DRAW: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "real": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2.0, shape),
    "nonzero": _signed,
    "unit": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "inner": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above1": lambda rng, shape: rng.uniform(1.2, 3.0, shape),
    "fraction": lambda rng, shape: rng.integers(-3, 3, shape) + rng.uniform(0.15, 0.4, shape),
    "distinct": _distinct,
    "large": lambda rng, shape: rng.uniform(-700.0, 700.0, shape),
    "count": lambda rng, shape: rng.integers(0, 6, shape),
    "above0": lambda rng, shape: rng.integers(1, 6, shape),
    "flag": lambda rng, shape: rng.random(shape) < 0.5,
}


def _draw(
    domain: str, rng: np.random.Generator, shape: tuple[int, ...], sizes: Mapping[str, int]
) -> Array:
    kind, _, extent = domain.partition(":")
    if kind not in ("index", "wrapped"):
        return _DRAW[kind](rng, shape)
    length = int(extent) if extent.isdigit() else sizes[extent]
    low = 0 if kind == "index" else -length
    return rng.integers(low, max(length, low + 1), shape)


_TABLE: list[Operation] = []


def _op(
    name: str,
    function: Callable[..., Any],
    *arguments: str,
    torch: Callable[..., Any] | None = None,
    smooth: bool = True,
    empty: bool = True,
    least: int = 0,
) -> None:
    _TABLE.append(Operation(name, function, arguments, torch, smooth, empty, least))


# --- arithmetic --------------------------------------------------------------------------------

_op("add", lambda x, y: x + y, "f64[n]", "f64[n]", torch=lambda t, x, y: x + y)
_op("add:broadcast", lambda x, y: x + y, "f64[n, d]", "f64[d]", torch=lambda t, x, y: x + y)
_op("add:outer", lambda x, y: x[:, None] + y, "f64[n]", "f64[d]")
_op("add:unit_axis", lambda x, y: x + y, "f64[n, 1]", "f64[1, d]", torch=lambda t, x, y: x + y)
_op("add:number", lambda x: 2 + x + 0.25, "f64[n]", torch=lambda t, x: 2 + x + 0.25)
_op("add:zero_d", lambda x, y: x + y, "f64[]", "f64[n]", torch=lambda t, x, y: x + y)
_op("add:literal", lambda x: x + np.array([0.1, 2.0, -3.0]), "f64[n, 3]")
_op("add:list", lambda x: x + [1, 2, 3], "f64[n, 3]")  # noqa: RUF005 (an array, not a list)
_op("subtract", lambda x, y: x - y, "f64[n]", "f64[n]", torch=lambda t, x, y: x - y)
_op("subtract:left", lambda x: 1 - x, "f64[n]", torch=lambda t, x: 1 - x)
_op("multiply", lambda x, y: x * y, "f64[n, d]", "f64[n, d]", torch=lambda t, x, y: x * y)
_op("multiply:outer", lambda x, y: np.multiply.outer(x, y), "f64[n]", "f64[d]")
_op("multiply:same", lambda x: x * x, "f64[n]", torch=lambda t, x: x * x)
_op("divide", lambda x, y: x / y, "f64[n]", "f64[n] nonzero", torch=lambda t, x, y: x / y)
_op("divide:left", lambda x: 1 / x, "f64[n] nonzero", torch=lambda t, x: 1 / x)
_op("divide:integers", lambda a, b: a / b, "i64[n] count", "i64[n] above0", smooth=False)
_op("floor_divide", lambda x, y: x // y, "f64[n]", "f64[n] positive", smooth=False)
_op("floor_divide:integers", lambda a: a // 3, "i64[n] count", smooth=False)
_op("remainder", lambda x: x % 1.0, "f64[n] fraction")
_op("remainder:integers", lambda a: (a - 3) % 4, "i64[n] count", smooth=False)
_op("fmod", lambda x: np.fmod(x, 1.0), "f64[n] fraction")
_op("divmod", lambda x: np.divmod(x, 1.0), "f64[n] fraction")
_op("negative", lambda x: -x, "f64[n]", torch=lambda t, x: -x)
_op("positive", lambda x: +x, "f64[n]")
_op("power:2", lambda x: x**2, "f64[n]", torch=lambda t, x: x**2)
_op("power:3.0", lambda x: x**3.0, "f64[n]", torch=lambda t, x: x**3.0)
_op("power:0.5", lambda x: x**0.5, "f64[n] positive", torch=lambda t, x: x**0.5)
_op("power:-1.5", lambda x: np.power(x, -1.5), "f64[n] positive", torch=lambda t, x: x**-1.5)
_op("power:0.1", lambda x: x**0.1, "f64[n] positive", torch=lambda t, x: x**0.1)
_op("power:array", lambda x, y: x**y, "f64[n] positive", "f64[n]", torch=lambda t, x, y: x**y)
_op("power:base", lambda x: 2.0**x, "f64[n]", torch=lambda t, x: 2.0**x)
_op("power:integers", lambda a: a**2, "i64[n] count", smooth=False)
_op("float_power", lambda x: np.float_power(x, 2.5), "f64[n] positive")
_op("square", lambda x: np.square(x), "f64[n]", torch=lambda t, x: t.square(x))
_op("reciprocal", lambda x: np.reciprocal(x), "f64[n] nonzero", torch=lambda t, x: t.reciprocal(x))
_op("absolute", lambda x: np.abs(x), "f64[n] nonzero", torch=lambda t, x: t.abs(x))
_op("absolute:builtin", lambda x: abs(x), "f64[n] nonzero")
_op("fabs", lambda x: np.fabs(x), "f64[n] nonzero")
_op("sign", lambda x: np.sign(x), "f64[n] nonzero", torch=lambda t, x: t.sign(x))
_op("copysign", lambda x, y: np.copysign(x, y), "f64[n] nonzero", "f64[n] nonzero")
_op("heaviside", lambda x: np.heaviside(x, 0.5), "f64[n] nonzero")
_op("floor", lambda x: np.floor(x), "f64[n] fraction", torch=lambda t, x: t.floor(x))
_op("ceil", lambda x: np.ceil(x), "f64[n] fraction", torch=lambda t, x: t.ceil(x))
_op("trunc", lambda x: np.trunc(x), "f64[n] fraction", torch=lambda t, x: t.trunc(x))
_op("fix", lambda x: np.fix(x), "f64[n] fraction")
_op("rint", lambda x: np.rint(x), "f64[n] fraction", torch=lambda t, x: t.round(x))
_op("round:1", lambda x: np.round(x, 1), "f64[n] fraction", smooth=False)
_op("floor:integers", lambda a: np.floor(a), "i64[n] count", smooth=False)
_op("in_place", lambda x: _in_place(x), "f64[n]")
_op("out", lambda x: _out(x), "f64[n]")


def _in_place(x: Any) -> Any:
    y = x * 2
    y += x**2
    y -= 1.0
    y *= x
    return y


def _out(x: Any) -> Any:
    y = np.zeros_like(x)
    np.exp(x, out=y)
    return y


# --- exponentials, logarithms, trigonometry ----------------------------------------------------

_op("exp", lambda x: np.exp(x), "f64[n]", torch=lambda t, x: t.exp(x))
_op("exp:integers", lambda a: np.exp(a), "i64[n] count", smooth=False)
_op("exp2", lambda x: np.exp2(x), "f64[n]", torch=lambda t, x: t.exp2(x))
_op("expm1", lambda x: np.expm1(x), "f64[n]", torch=lambda t, x: t.expm1(x))
_op("log", lambda x: np.log(x), "f64[n] positive", torch=lambda t, x: t.log(x))
_op("log1p", lambda x: np.log1p(x), "f64[n] positive", torch=lambda t, x: t.log1p(x))
_op("log2", lambda x: np.log2(x), "f64[n] positive", torch=lambda t, x: t.log2(x))
_op("log10", lambda x: np.log10(x), "f64[n] positive", torch=lambda t, x: t.log10(x))
_op("sqrt", lambda x: np.sqrt(x), "f64[n] positive", torch=lambda t, x: t.sqrt(x))
_op("cbrt", lambda x: np.cbrt(x), "f64[n] nonzero")
_op(
    "hypot",
    lambda x, y: np.hypot(x, y),
    "f64[n] nonzero",
    "f64[n]",
    torch=lambda t, x, y: t.hypot(x, y),
)
_op(
    "logaddexp",
    lambda x, y: np.logaddexp(x, y),
    "f64[n] large",
    "f64[n] large",
    torch=lambda t, x, y: t.logaddexp(x, y),
)
_op(
    "logaddexp2",
    lambda x, y: np.logaddexp2(x, y),
    "f64[n]",
    "f64[n]",
    torch=lambda t, x, y: t.logaddexp2(x, y),
)
_op("sin", lambda x: np.sin(x), "f64[n]", torch=lambda t, x: t.sin(x))
_op("cos", lambda x: np.cos(x), "f64[n]", torch=lambda t, x: t.cos(x))
_op("tan", lambda x: np.tan(x), "f64[n] inner", torch=lambda t, x: t.tan(x))
_op("arcsin", lambda x: np.arcsin(x), "f64[n] inner", torch=lambda t, x: t.asin(x))
_op("arccos", lambda x: np.arccos(x), "f64[n] inner", torch=lambda t, x: t.acos(x))
_op("arctan", lambda x: np.arctan(x), "f64[n]", torch=lambda t, x: t.atan(x))
_op(
    "arctan2",
    lambda x, y: np.arctan2(x, y),
    "f64[n] nonzero",
    "f64[n] nonzero",
    torch=lambda t, x, y: t.atan2(x, y),
)
_op("sinh", lambda x: np.sinh(x), "f64[n]", torch=lambda t, x: t.sinh(x))
_op("cosh", lambda x: np.cosh(x), "f64[n]", torch=lambda t, x: t.cosh(x))
_op("tanh", lambda x: np.tanh(x), "f64[n]", torch=lambda t, x: t.tanh(x))
_op("arcsinh", lambda x: np.arcsinh(x), "f64[n]", torch=lambda t, x: t.asinh(x))
_op("arccosh", lambda x: np.arccosh(x), "f64[n] above1", torch=lambda t, x: t.acosh(x))
_op("arctanh", lambda x: np.arctanh(x), "f64[n] inner", torch=lambda t, x: t.atanh(x))
_op("deg2rad", lambda x: np.deg2rad(x), "f64[n]", torch=lambda t, x: t.deg2rad(x))
_op("rad2deg", lambda x: np.rad2deg(x), "f64[n]", torch=lambda t, x: t.rad2deg(x))
_op("sinc", lambda x: np.sinc(x), "f64[n] nonzero", torch=lambda t, x: t.sinc(x))

# --- scipy.special -----------------------------------------------------------------------------

_op("expit", lambda x: special.expit(x), "f64[n]", torch=lambda t, x: t.sigmoid(x))
_op("expit:large", lambda x: special.expit(x), "f64[n] large", torch=lambda t, x: t.sigmoid(x))
_op("logit", lambda x: special.logit(x), "f64[n] unit", torch=lambda t, x: t.logit(x))
_op("log_expit", lambda x: special.log_expit(x), "f64[n]")
_op("erf", lambda x: special.erf(x), "f64[n]", torch=lambda t, x: t.erf(x))
_op("erfc", lambda x: special.erfc(x), "f64[n]", torch=lambda t, x: t.erfc(x))
_op("erfcx", lambda x: special.erfcx(x), "f64[n]", torch=lambda t, x: t.special.erfcx(x))
_op("ndtr", lambda x: special.ndtr(x), "f64[n]", torch=lambda t, x: t.special.ndtr(x))
_op("log_ndtr", lambda x: special.log_ndtr(x), "f64[n]", torch=lambda t, x: t.special.log_ndtr(x))
_op("gammaln", lambda x: special.gammaln(x), "f64[n] positive", torch=lambda t, x: t.lgamma(x))
_op("psi", lambda x: special.psi(x), "f64[n] positive", torch=lambda t, x: t.digamma(x))
_op("digamma", lambda x: special.digamma(x), "f64[n] positive")
_op(
    "polygamma:1",
    lambda x: special.polygamma(1, x),
    "f64[n] positive",
)
_op(
    "xlogy",
    lambda x, y: special.xlogy(x, y),
    "f64[n] positive",
    "f64[n] positive",
    torch=lambda t, x, y: t.xlogy(x, y),
)
_op("xlogy:zero", lambda y: special.xlogy(np.zeros_like(y), y), "f64[n] positive")
_op("entr", lambda x: special.entr(x), "f64[n] positive", torch=lambda t, x: t.special.entr(x))
_op("logsumexp", lambda x: special.logsumexp(x), "f64[n, d]", empty=False, least=1)
_op(
    "logsumexp:axis",
    lambda x: special.logsumexp(x, axis=1),
    "f64[n, d] large",
    empty=False,
    torch=lambda t, x: t.logsumexp(x, 1),
    least=1,
)
_op(
    "logsumexp:axes",
    lambda x: special.logsumexp(x, axis=(0, 2), keepdims=True),
    "f64[n, d, k]",
    empty=False,
    torch=lambda t, x: t.logsumexp(x, (0, 2), keepdim=True),
    least=1,
)
_op("softmax", lambda x: special.softmax(x), "f64[n, d]", empty=False, least=1)
_op(
    "softmax:axis",
    lambda x: special.softmax(x, axis=-1),
    "f64[n, d] large",
    empty=False,
    torch=lambda t, x: t.softmax(x, -1),
    least=1,
)
_op(
    "log_softmax",
    lambda x: special.log_softmax(x, axis=0),
    "f64[n, d]",
    empty=False,
    torch=lambda t, x: t.log_softmax(x, 0),
    least=1,
)

# --- comparison, logic, selection --------------------------------------------------------------

for _sign, _compare in {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
}.items():
    _op(_sign, _compare, "i64[n] count", "i64[n] count", smooth=False)
_op("logical", lambda p, q: (p & q) | (~p ^ q), "bool[n] flag", "bool[n] flag", smooth=False)
_op(
    "logical:functions",
    lambda x, q: np.logical_and(x, np.logical_not(q)),
    "f64[n]",
    "bool[n] flag",
    smooth=False,
)
_op("logical:sum", lambda p, q: p + q, "bool[n] flag", "bool[n] flag", smooth=False)
_op("logical:product", lambda p, q: p * q, "bool[n] flag", "bool[n] flag", smooth=False)
_op("isnan", lambda x: np.isnan(x / (x * 0)), "f64[n]", smooth=False)
_op("isfinite", lambda x: np.isfinite(x), "f64[n]", smooth=False)
_op("isinf", lambda x: np.isinf(x / 0.0), "f64[n] nonzero", smooth=False)
_op(
    "where",
    lambda x, y, p: np.where(p, x, y),
    "f64[n]",
    "f64[n]",
    "bool[n] flag",
    torch=lambda t, x, y, p: t.where(p, x, y),
)
_op("where:number", lambda x: np.where(x > 0, x**2, 0.0), "f64[n] nonzero")
_op("where:broadcast", lambda x, p: np.where(p[:, None], x, -1), "f64[n, d]", "bool[n] flag")
_op(
    "maximum",
    lambda x, y: np.maximum(x, y),
    "f64[n] positive",
    "f64[n] nonzero",
    torch=lambda t, x, y: t.maximum(x, y),
)
_op("minimum:number", lambda x: np.minimum(x, 0), "f64[n] nonzero")
_op("fmax", lambda x, y: np.fmax(x, y), "f64[n]", "f64[n]", torch=lambda t, x, y: t.fmax(x, y))
_op("fmin", lambda x, y: np.fmin(x, y), "f64[n]", "f64[n]", torch=lambda t, x, y: t.fmin(x, y))
_op(
    "clip",
    lambda x: np.clip(x, -0.25, 0.25),
    "f64[n] nonzero",
    torch=lambda t, x: t.clip(x, -0.25, 0.25),
)
_op("clip:method", lambda x: x.clip(min=0), "f64[n] nonzero", torch=lambda t, x: t.clip(x, min=0))
_op("clip:arrays", lambda x, y: np.clip(x, -y, y), "f64[n]", "f64[n] positive")
_op("nan_to_num", lambda x: np.nan_to_num(x), "f64[n]")
_op("astype:float32", lambda x: x.astype(np.float32), "f64[n]", smooth=False)
_op("astype:int", lambda x: x.astype(int), "f64[n] fraction", smooth=False)
_op("astype:bool", lambda x: (x * 3).astype(bool), "f64[n]", smooth=False)
_op("astype:from_bool", lambda p, x: p.astype(float) * x, "bool[n] flag", "f64[n]")
_op(
    "astype:sum_of_bools",
    lambda p, q, x: (p.astype(float) + q.astype(float)) * x,
    "bool[n] flag",
    "bool[n] flag",
    "f64[n]",
)
_op("copy", lambda x: x.copy() + np.copy(x), "f64[n]")

# --- reductions --------------------------------------------------------------------------------

_op("sum", lambda x: np.sum(x), "f64[n, d]", torch=lambda t, x: t.sum(x))
_op("sum:axis0", lambda x: np.sum(x, axis=0), "f64[n, d]", torch=lambda t, x: t.sum(x, 0))
_op("sum:axis-1", lambda x: x.sum(-1), "f64[n, d]", torch=lambda t, x: t.sum(x, -1))
_op(
    "sum:axes",
    lambda x: x.sum(axis=(0, -1), keepdims=True),
    "f64[n, d, k]",
    torch=lambda t, x: t.sum(x, (0, -1), keepdim=True),
)
_op("sum:no_axis", lambda x: x.sum(axis=()), "f64[n]")
_op("sum:bool", lambda p: np.sum(p), "bool[n] flag", smooth=False)
_op("sum:dtype", lambda a: a.sum(dtype=np.float64), "i64[n] count", smooth=False)
_op("sum:reduce", lambda x: np.add.reduce(x), "f64[n, d]")
_op("sum:generator", lambda x: sum(x), "f64[3, n]")
_op("mean", lambda x: np.mean(x), "f64[n, d]", torch=lambda t, x: t.mean(x), empty=False, least=1)
_op(
    "mean:axis",
    lambda x: x.mean(axis=0, keepdims=True),
    "f64[n, d]",
    empty=False,
    torch=lambda t, x: t.mean(x, 0, keepdim=True),
    least=1,
)
_op("mean:integers", lambda a: a.mean(), "i64[n] count", smooth=False, empty=False, least=1)
_op("mean:bool", lambda p: p.mean(), "bool[n] flag", smooth=False, empty=False, least=1)
_op(
    "average",
    lambda x, w: np.average(x, axis=1, weights=w),
    "f64[n, d]",
    "f64[d] positive",
    empty=False,
    least=1,
)
_op("prod", lambda x: np.prod(x), "f64[n]", torch=lambda t, x: t.prod(x))
_op("prod:axis", lambda x: x.prod(axis=1), "f64[n, d]", torch=lambda t, x: t.prod(x, 1))
_op("prod:axes", lambda x: x.prod(axis=(0, 1)), "f64[n, d]")
_op("max", lambda x: np.max(x), "f64[n, d] distinct", torch=lambda t, x: t.amax(x), least=1)
_op(
    "max:axis",
    lambda x: x.max(axis=1, keepdims=True),
    "f64[n, d] distinct",
    torch=lambda t, x: t.amax(x, 1, keepdim=True),
)
_op(
    "min:axes",
    lambda x: np.min(x, axis=(0, 2)),
    "f64[n, d, k] distinct",
    torch=lambda t, x: t.amin(x, (0, 2)),
)
_op("amin:integers", lambda a: np.amin(a, axis=0), "i64[n, d] count", smooth=False)
_op("ptp", lambda x: np.ptp(x, axis=0), "f64[n, d] distinct")
_op(
    "var",
    lambda x: np.var(x),
    "f64[n, d]",
    empty=False,
    least=1,
    torch=lambda t, x: t.var(x, correction=0),
)
_op(
    "var:axis",
    lambda x: x.var(axis=1, ddof=1),
    "f64[n, 4]",
    empty=False,
    torch=lambda t, x: t.var(x, 1),
)
_op("var:keepdims", lambda x: x.var(axis=(0, 1), keepdims=True), "f64[n, d]", empty=False, least=1)
_op(
    "std",
    lambda x: np.std(x, axis=0),
    "f64[4, d]",
    empty=False,
    torch=lambda t, x: t.std(x, 0, correction=0),
)
_op("argmax", lambda x: np.argmax(x), "f64[n, d] distinct", smooth=False, least=1)
_op("argmax:axis", lambda x: x.argmax(axis=1), "f64[n, d] distinct", smooth=False)
_op(
    "argmin:keepdims",
    lambda x: np.argmin(x, axis=0, keepdims=True),
    "f64[n, d] distinct",
    smooth=False,
)
_op("any", lambda x: np.any(x > 0.5, axis=1), "f64[n, d]", smooth=False)
_op("all", lambda p: p.all(), "bool[n, d] flag", smooth=False)
_op("count_nonzero", lambda a: np.count_nonzero(a, axis=0), "i64[n, d] count", smooth=False)
_op(
    "norm",
    lambda x: np.linalg.norm(x),
    "f64[n] nonzero",
    torch=lambda t, x: t.linalg.vector_norm(x),
)
_op(
    "norm:matrix",
    lambda x: np.linalg.norm(x),
    "f64[n, d] nonzero",
    torch=lambda t, x: t.linalg.matrix_norm(x),
)
_op(
    "norm:axis",
    lambda x: np.linalg.norm(x, axis=-1, keepdims=True),
    "f64[n, d] nonzero",
    torch=lambda t, x: t.linalg.vector_norm(x, dim=-1, keepdim=True),
)
_op("norm:axes", lambda x: np.linalg.norm(x, axis=(0, 2)), "f64[n, d, k] nonzero")
_op(
    "norm:1",
    lambda x: np.linalg.norm(x, 1),
    "f64[n] nonzero",
    torch=lambda t, x: t.linalg.vector_norm(x, 1),
)
_op("norm:inf", lambda x: np.linalg.norm(x, np.inf, axis=0), "f64[n, d] distinct", least=1)
_op("norm:-inf", lambda x: np.linalg.norm(x, -np.inf), "f64[n] distinct", least=1)
_op("norm:0", lambda x: np.linalg.norm(x, 0), "f64[n] nonzero")
_op(
    "norm:3",
    lambda x: np.linalg.norm(x, 3),
    "f64[n] nonzero",
    least=1,
    torch=lambda t, x: t.linalg.vector_norm(x, 3),
)
_op("norm:2.5", lambda x: np.linalg.norm(x, 2.5, axis=1), "f64[n, d] nonzero", least=1)
_op("norm:fro", lambda x: np.linalg.norm(x, "fro"), "f64[n, d] nonzero")
_op("norm:matrix_1", lambda x: np.linalg.norm(x, 1), "f64[n, d] distinct", least=1)
_op(
    "norm:matrix_inf",
    lambda x: np.linalg.norm(x, np.inf, keepdims=True),
    "f64[n, d] distinct",
    least=1,
)
_op("vector_norm", lambda x: np.linalg.vector_norm(x, axis=1), "f64[n, d] nonzero")
_op("cumsum", lambda x: np.cumsum(x), "f64[n]", torch=lambda t, x: t.cumsum(x, 0))
_op("cumsum:axis", lambda x: x.cumsum(axis=1), "f64[n, d]", torch=lambda t, x: t.cumsum(x, 1))
_op("cumsum:flat", lambda x: np.cumsum(x), "f64[n, d]")
_op("cumsum:accumulate", lambda x: np.add.accumulate(x), "f64[n, d]")
_op(
    "cumprod",
    lambda x: np.cumprod(x, axis=0),
    "f64[n, d] nonzero",
    torch=lambda t, x: t.cumprod(x, 0),
)
_op("diff", lambda x: np.diff(x), "f64[n]", torch=lambda t, x: t.diff(x))
_op(
    "diff:2",
    lambda x: np.diff(x, n=2, axis=0),
    "f64[n, d]",
    torch=lambda t, x: t.diff(x, n=2, dim=0),
    least=1,
)
_op("diff:prepend", lambda x: np.diff(x, prepend=0.0), "f64[n]")
_op(
    "trapezoid",
    lambda y, x: np.trapezoid(y, x),
    "f64[n]",
    "f64[n]",
    torch=lambda t, y, x: t.trapezoid(y, x),
    least=1,
)

# --- contractions ------------------------------------------------------------------------------

_op("matmul", lambda a, b: a @ b, "f64[n, k]", "f64[k, m]", torch=lambda t, a, b: a @ b)
_op("matmul:vector", lambda a, b: a @ b, "f64[n, k]", "f64[k]", torch=lambda t, a, b: a @ b)
_op("matmul:left", lambda a, b: a @ b, "f64[k]", "f64[k, m]", torch=lambda t, a, b: a @ b)
_op("matmul:vectors", lambda a, b: a @ b, "f64[k]", "f64[k]", torch=lambda t, a, b: a @ b)
_op("matmul:same", lambda a: a @ a, "f64[k]", torch=lambda t, a: a @ a)
_op(
    "matmul:batched",
    lambda a, b: np.matmul(a, b),
    "f64[b, n, k]",
    "f64[b, k, m]",
    torch=lambda t, a, b: t.matmul(a, b),
)
_op(
    "matmul:broadcast",
    lambda a, b: a @ b,
    "f64[b, 1, n, k]",
    "f64[c, k, m]",
    torch=lambda t, a, b: a @ b,
)
_op(
    "matmul:batched_vector",
    lambda a, b: a @ b,
    "f64[b, n, k]",
    "f64[k]",
    torch=lambda t, a, b: a @ b,
)
_op("matmul:integers", lambda a, b: a @ b, "i64[n, k] count", "i64[k] count", smooth=False)
_op("matmul:gram", lambda a: a.T @ a, "f64[n, k]", torch=lambda t, a: a.T @ a)
_op("matmul:in_place", lambda a, b: a.__matmul__(b), "f64[n, k]", "f64[k, m]")
_op("dot", lambda a, b: np.dot(a, b), "f64[n, k]", "f64[k, m]", torch=lambda t, a, b: a @ b)
_op("dot:method", lambda a, b: a.dot(b), "f64[k]", "f64[k]", torch=lambda t, a, b: t.dot(a, b))
_op("dot:number", lambda a, b: np.dot(a, b), "f64[]", "f64[n]")
_op("dot:3d", lambda a, b: np.dot(a, b), "f64[n, k]", "f64[b, k, m]")
_op(
    "inner",
    lambda a, b: np.inner(a, b),
    "f64[n, k]",
    "f64[m, k]",
    torch=lambda t, a, b: t.inner(a, b),
)
_op("outer", lambda a, b: np.outer(a, b), "f64[n]", "f64[m]", torch=lambda t, a, b: t.outer(a, b))
_op("outer:matrices", lambda a, b: np.outer(a, b), "f64[n, k]", "f64[m]")
_op("vdot", lambda a, b: np.vdot(a, b), "f64[n, k]", "f64[n, k]")
_op(
    "tensordot",
    lambda a, b: np.tensordot(a, b),
    "f64[n, k, m]",
    "f64[k, m, p]",
    torch=lambda t, a, b: t.tensordot(a, b),
)
_op(
    "tensordot:axes",
    lambda a, b: np.tensordot(a, b, axes=([0, -1], [1, 0])),
    "f64[n, k, m]",
    "f64[m, n]",
    torch=lambda t, a, b: t.tensordot(a, b, dims=([0, 2], [1, 0])),
)
_op("tensordot:0", lambda a, b: np.tensordot(a, b, axes=0), "f64[n]", "f64[m]")
_op(
    "kron", lambda a, b: np.kron(a, b), "f64[n, k]", "f64[2, m]", torch=lambda t, a, b: t.kron(a, b)
)
_op("kron:vectors", lambda a, b: np.kron(a, b), "f64[n]", "f64[3]")
_op("trace", lambda a: np.trace(a), "f64[n, n]", torch=lambda t, a: t.trace(a))
_op("trace:offset", lambda a: a.trace(offset=1), "f64[n, n]", least=1)
_op("trace:axes", lambda a: np.trace(a, axis1=0, axis2=2), "f64[n, k, n]")
_op(
    "einsum:matmul",
    lambda a, b: np.einsum("ij,jk->ik", a, b),
    "f64[n, k]",
    "f64[k, m]",
    torch=lambda t, a, b: t.einsum("ij,jk->ik", a, b),
)
_op(
    "einsum:implicit",
    lambda a, b: np.einsum("ij,kj", a, b),
    "f64[n, k]",
    "f64[m, k]",
    torch=lambda t, a, b: t.einsum("ij,kj", a, b),
)
_op(
    "einsum:diagonal",
    lambda a: np.einsum("ii->i", a),
    "f64[n, n]",
    torch=lambda t, a: t.einsum("ii->i", a),
)
_op("einsum:trace", lambda a: np.einsum("ii", a), "f64[n, n]", torch=lambda t, a: t.einsum("ii", a))
_op(
    "einsum:transpose",
    lambda a: np.einsum("ijk->kij", a),
    "f64[n, k, m]",
    torch=lambda t, a: t.einsum("ijk->kij", a),
)
_op(
    "einsum:sum",
    lambda a: np.einsum("ij->", a),
    "f64[n, k]",
    torch=lambda t, a: t.einsum("ij->", a),
)
_op(
    "einsum:ellipsis",
    lambda a, b: np.einsum("...ij,...j->...i", a, b),
    "f64[b, n, k]",
    "f64[b, k]",
    torch=lambda t, a, b: t.einsum("...ij,...j->...i", a, b),
)
_op(
    "einsum:ellipsis_broadcast",
    lambda a, b: np.einsum("...i,i->...", a, b),
    "f64[b, n, k]",
    "f64[k]",
    torch=lambda t, a, b: t.einsum("...i,i->...", a, b),
)
_op(
    "einsum:three",
    lambda a, b, c: np.einsum("i,ij,j->", a, b, c),
    "f64[n]",
    "f64[n, k]",
    "f64[k]",
    torch=lambda t, a, b, c: t.einsum("i,ij,j->", a, b, c),
)
_op(
    "einsum:four",
    lambda a, b: np.einsum("ij,jk,kl,li->i", a, b, a, b, optimize=True),
    "f64[n, k]",
    "f64[k, n]",
    torch=lambda t, a, b: t.einsum("ij,jk,kl,li->i", a, b, a, b),
)
_op(
    "einsum:repeated",
    lambda a, b: np.einsum("nij,nj,ni->n", a, b, b),
    "f64[n, k, k]",
    "f64[n, k]",
    torch=lambda t, a, b: t.einsum("nij,nj,ni->n", a, b, b),
)
_op(
    "cross",
    lambda a, b: np.cross(a, b),
    "f64[n, 3]",
    "f64[n, 3]",
    torch=lambda t, a, b: t.linalg.cross(a, b),
)

# --- shapes ------------------------------------------------------------------------------------

_op("reshape", lambda x: np.reshape(x, (-1,)), "f64[n, d]", torch=lambda t, x: x.reshape(-1))
_op(
    "reshape:split",
    lambda x: x.reshape(x.shape[0] // 2, 2),
    "f64[2*n]",
    torch=lambda t, x: x.reshape(-1, 2),
)
_op(
    "reshape:method",
    lambda x: x.reshape(3, -1),
    "f64[n, 3]",
    torch=lambda t, x: x.reshape(3, -1),
    least=1,
)
_op(
    "reshape:units",
    lambda x: x.reshape(x.shape[0], 1, x.shape[1]),
    "f64[n, d]",
    torch=lambda t, x: x.reshape(x.shape[0], 1, x.shape[1]),
)
_op("ravel", lambda x: x.ravel() * 2, "f64[n, d, k]", torch=lambda t, x: x.ravel() * 2)
_op("flatten", lambda x: x.T.flatten(), "f64[n, d]", torch=lambda t, x: x.T.flatten())
_op("transpose", lambda x: x.T, "f64[n, d]", torch=lambda t, x: x.T)
_op(
    "transpose:axes",
    lambda x: np.transpose(x, (2, 0, 1)),
    "f64[n, d, k]",
    torch=lambda t, x: x.permute(2, 0, 1),
)
_op(
    "transpose:method",
    lambda x: x.transpose(1, 0, 2),
    "f64[n, d, k]",
    torch=lambda t, x: x.permute(1, 0, 2),
)
_op("mT", lambda x: x.mT, "f64[n, d, k]", torch=lambda t, x: x.mT)
_op("swapaxes", lambda x: x.swapaxes(0, -1), "f64[n, d, k]", torch=lambda t, x: x.swapaxes(0, -1))
_op(
    "moveaxis",
    lambda x: np.moveaxis(x, 0, -1),
    "f64[n, d, k]",
    torch=lambda t, x: t.moveaxis(x, 0, -1),
)
_op(
    "moveaxis:two",
    lambda x: np.moveaxis(x, [0, 1], [-1, 0]),
    "f64[n, d, k]",
    torch=lambda t, x: t.moveaxis(x, (0, 1), (-1, 0)),
)
_op("expand_dims", lambda x: np.expand_dims(x, 1), "f64[n, d]", torch=lambda t, x: x.unsqueeze(1))
_op("expand_dims:two", lambda x: np.expand_dims(x, (0, -1)), "f64[n, d]")
_op("squeeze", lambda x: np.squeeze(x), "f64[n, 1, d, 1]", least=2)
_op("squeeze:axis", lambda x: x.squeeze(axis=1), "f64[n, 1, d]", torch=lambda t, x: x.squeeze(1))
_op(
    "broadcast_to",
    lambda x: np.broadcast_to(x, (4, *x.shape)),
    "f64[n, d]",
    torch=lambda t, x: x.expand(4, *x.shape),
)
_op(
    "broadcast_to:unit",
    lambda x, y: np.broadcast_to(x, y.shape) * y,
    "f64[n, 1]",
    "f64[n, d]",
    torch=lambda t, x, y: t.broadcast_to(x, y.shape) * y,
)
_op("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y)[0] * y, "f64[n, 1]", "f64[d]")
_op("atleast_2d", lambda x: np.atleast_2d(x), "f64[n]")
_op("meshgrid", lambda x, y: np.meshgrid(x, y), "f64[n]", "f64[d]")
_op("meshgrid:ij", lambda x, y: np.meshgrid(x, y, indexing="ij"), "f64[n]", "f64[d]")
_op("flip", lambda x: np.flip(x), "f64[n, d]", torch=lambda t, x: t.flip(x, (0, 1)))
_op("flip:axis", lambda x: np.flip(x, axis=1), "f64[n, d]", torch=lambda t, x: t.flip(x, (1,)))
_op("fliplr", lambda x: np.fliplr(x), "f64[n, d]", torch=lambda t, x: t.fliplr(x))
_op("flipud", lambda x: np.flipud(x), "f64[n, d]", torch=lambda t, x: t.flipud(x))
_op("rot90", lambda x: np.rot90(x), "f64[n, d]", torch=lambda t, x: t.rot90(x))
_op("rot90:-1", lambda x: np.rot90(x, -1), "f64[n, d]", torch=lambda t, x: t.rot90(x, -1))

# --- joining and splitting ---------------------------------------------------------------------

_op(
    "concatenate",
    lambda x, y: np.concatenate([x, y]),
    "f64[n]",
    "f64[m]",
    torch=lambda t, x, y: t.cat([x, y]),
)
_op(
    "concatenate:axis",
    lambda x, y: np.concatenate((x, 2 * y, x), axis=1),
    "f64[n, d]",
    "f64[n, k]",
    torch=lambda t, x, y: t.cat((x, 2 * y, x), 1),
)
_op("concatenate:literal", lambda x: np.concatenate([[0.0], x]), "f64[n]")
_op("concatenate:flat", lambda x, y: np.concatenate([x, y], axis=None), "f64[n, d]", "f64[m]")
_op(
    "stack",
    lambda x, y: np.stack([x, y]),
    "f64[n]",
    "f64[n]",
    torch=lambda t, x, y: t.stack([x, y]),
)
_op(
    "stack:axis",
    lambda x, y: np.stack([x, y, x], axis=-1),
    "f64[n, d]",
    "f64[n, d]",
    torch=lambda t, x, y: t.stack([x, y, x], -1),
)
_op("array", lambda x, y: np.array([[np.cos(x), -np.sin(x)], [y, 1.0]]), "f64[]", "f64[]")
_op(
    "vstack",
    lambda x, y: np.vstack([x, y]),
    "f64[d]",
    "f64[n, d]",
    torch=lambda t, x, y: t.vstack([x, y]),
)
_op(
    "hstack",
    lambda x, y: np.hstack([x, y]),
    "f64[n, d]",
    "f64[n, k]",
    torch=lambda t, x, y: t.hstack([x, y]),
)
_op("hstack:1d", lambda x, y: np.hstack([x, y]), "f64[n]", "f64[m]")
_op(
    "column_stack",
    lambda x, y: np.column_stack([x, y]),
    "f64[n]",
    "f64[n, k]",
    torch=lambda t, x, y: t.column_stack([x, y]),
)
_op(
    "dstack",
    lambda x, y: np.dstack([x, y]),
    "f64[n, d]",
    "f64[n, d]",
    torch=lambda t, x, y: t.dstack([x, y]),
)
_op("append", lambda x, y: np.append(x, y), "f64[n]", "f64[m]")
_op("split", lambda x: np.split(x, 3)[1], "f64[3*n]")
_op("split:literal", lambda x: np.split(x, 2, axis=1), "f64[n, 4]")
_op("split:indices", lambda x: np.split(x, [1, 3]), "f64[n, d]", least=1)
_op("array_split", lambda x: np.array_split(x, 3, axis=1), "f64[n, 7]")
_op("hsplit", lambda x: np.hsplit(x, 2), "f64[n, 4]", torch=lambda t, x: t.hsplit(x, 2))
_op("vsplit", lambda x: np.vsplit(x, [2]), "f64[n, d]")
_op("roll", lambda x: np.roll(x, 1), "f64[n]", torch=lambda t, x: t.roll(x, 1), empty=False)
_op(
    "roll:axis",
    lambda x: np.roll(x, -2, axis=1),
    "f64[n, d]",
    empty=False,
    torch=lambda t, x: t.roll(x, -2, 1),
)
_op(
    "roll:axes",
    lambda x: np.roll(x, (1, 2), axis=(0, 1)),
    "f64[n, d]",
    empty=False,
    torch=lambda t, x: t.roll(x, (1, 2), (0, 1)),
)
_op("roll:flat", lambda x: np.roll(x, 3), "f64[n, d]", torch=lambda t, x: t.roll(x, 3), empty=False)
_op("roll:size", lambda x: np.roll(x, x.shape[0] // 2), "f64[n]", empty=False)
_op("roll:literal", lambda x: np.roll(x, 7, axis=0), "f64[5, n]")
_op("pad", lambda x: np.pad(x, 2), "f64[n]", torch=lambda t, x: t.nn.functional.pad(x, (2, 2)))
_op(
    "pad:axes",
    lambda x: np.pad(x, ((1, 0), (2, 3))),
    "f64[n, d]",
    torch=lambda t, x: t.nn.functional.pad(x, (2, 3, 1, 0)),
)
_op(
    "pad:values",
    lambda x: np.pad(x, ((1, 2), (3, 0)), constant_values=((5, 6), (7, 8))),
    "f64[n, d]",
)
_op("pad:pair", lambda x: np.pad(x, (1, 2), mode="constant", constant_values=1.5), "f64[n, d]")
_op("tile", lambda x: np.tile(x, 3), "f64[n]", torch=lambda t, x: t.tile(x, (3,)))
_op(
    "tile:axes",
    lambda x: np.tile(x, (2, 1, 3)),
    "f64[n, d]",
    torch=lambda t, x: t.tile(x, (2, 1, 3)),
)
_op("repeat", lambda x: np.repeat(x, 3), "f64[n, d]", torch=lambda t, x: t.repeat_interleave(x, 3))
_op(
    "repeat:axis",
    lambda x: x.repeat(2, axis=1),
    "f64[n, d]",
    torch=lambda t, x: t.repeat_interleave(x, 2, 1),
)

# --- matrices ----------------------------------------------------------------------------------

_op("diag", lambda x: np.diag(x), "f64[n]", torch=lambda t, x: t.diag(x))
_op("diag:1", lambda x: np.diag(x, 1), "f64[n]", torch=lambda t, x: t.diag(x, 1))
_op("diag:-2", lambda x: np.diag(x, k=-2), "f64[n]", torch=lambda t, x: t.diag(x, -2))
_op("diag:extract", lambda a: np.diag(a), "f64[n, n]", torch=lambda t, a: t.diag(a))
_op(
    "diag:extract_1", lambda a: np.diag(a, 1), "f64[n, n]", torch=lambda t, a: t.diag(a, 1), least=1
)
_op("diagonal", lambda a: np.diagonal(a), "f64[n, m]", torch=lambda t, a: t.diagonal(a))
_op(
    "diagonal:axes",
    lambda a: a.diagonal(offset=-1, axis1=1, axis2=2),
    "f64[n, k, k]",
    least=1,
    torch=lambda t, a: t.diagonal(a, offset=-1, dim1=1, dim2=2),
)
_op("tril", lambda a: np.tril(a), "f64[n, m]", torch=lambda t, a: t.tril(a))
_op("tril:-1", lambda a: np.tril(a, -1), "f64[b, n, n]", torch=lambda t, a: t.tril(a, -1))
_op("triu:1", lambda a: np.triu(a, k=1), "f64[n, m]", torch=lambda t, a: t.triu(a, 1))
_op("eye", lambda a: a + np.eye(a.shape[0]), "f64[n, n]")
_op("eye:offset", lambda a: a * np.eye(a.shape[0], a.shape[1], k=1), "f64[n, m]")
_op("identity", lambda a: a - 2 * np.identity(a.shape[0]), "f64[n, n]")
_op("tri", lambda a: a * np.tri(a.shape[0]), "f64[n, n]")
_op("fill_diagonal", lambda a: _fill_diagonal(a), "f64[n, n]")


def _fill_diagonal(a: Any) -> Any:
    b = a * 2
    np.fill_diagonal(b, 1.0)
    return b


# --- new arrays --------------------------------------------------------------------------------

_op("arange", lambda x: x * np.arange(x.shape[0]), "f64[n]")
_op("arange:start", lambda x: np.arange(1, x.shape[0] + 1) / (1 + x**2), "f64[n]")
_op("arange:step", lambda x: x[0] * np.arange(0, x.shape[0], 3), "f64[n]", least=1)
_op("arange:down", lambda x: x * np.arange(x.shape[0], 0, -1), "f64[n]")
_op("arange:dtype", lambda x: x * np.arange(len(x), dtype=float), "f64[n]")
_op("arange:compare", lambda x: np.where(np.arange(x.shape[0]) < 2, x, 0), "f64[n]")
_op("linspace", lambda x: x * np.linspace(0, 1, x.shape[0]), "f64[n]")
_op("linspace:symbolic", lambda x, y: np.linspace(x, y, 5), "f64[]", "f64[]")
_op("linspace:open", lambda x: x * np.linspace(1.0, 2.0, x.shape[0], endpoint=False), "f64[n]")
_op("zeros", lambda x: np.zeros(x.shape) + x, "f64[n, d]")
_op("ones", lambda x: np.ones((x.shape[0], 2)) * x[:, None], "f64[n]")
_op("full", lambda x, y: np.full(x.shape, y) * x, "f64[n, d]", "f64[]")
_op("zeros_like", lambda x: x + np.zeros_like(x), "f64[n]", torch=lambda t, x: x + t.zeros_like(x))
_op("ones_like", lambda x: x + np.ones_like(x), "f64[n]", torch=lambda t, x: x + t.ones_like(x))
_op(
    "full_like",
    lambda x: x * np.full_like(x, 0.3),
    "f64[n]",
    torch=lambda t, x: x * t.full_like(x, 0.3),
)
_op("sizes", lambda x: x.sum() / x.size + np.sqrt(x.shape[0]) * x.ndim, "f64[n, d]", least=1)
_op("size:power", lambda x: x ** (1 / x.shape[0]), "f64[n] positive", least=1)
_op("size:prod", lambda x: np.ones(np.prod(x.shape)) * x.ravel(), "f64[n, d]")

# --- indexing ----------------------------------------------------------------------------------

_op("slice:from", lambda x: x[1:], "f64[n]", torch=lambda t, x: x[1:])
_op("slice:to", lambda x: x[:-1], "f64[n]", torch=lambda t, x: x[:-1])
_op("slice:from_2", lambda x: x[2:] + x[:-2], "f64[n]", torch=lambda t, x: x[2:] + x[:-2])
_op("slice:middle", lambda x: x[1:3], "f64[n]", torch=lambda t, x: x[1:3])
_op("slice:last", lambda x: x[-2:], "f64[n]", torch=lambda t, x: x[-2:])
_op("slice:negative", lambda x: x[-3:-1], "f64[n]", torch=lambda t, x: x[-3:-1])
_op("slice:step", lambda x: x[::2], "f64[n]", torch=lambda t, x: x[::2])
_op("slice:offset_step", lambda x: x[1::3], "f64[n]", torch=lambda t, x: x[1::3])
_op("slice:reversed", lambda x: x[::-1], "f64[n]", torch=lambda t, x: t.flip(x, (0,)))
_op("slice:reversed_step", lambda x: x[::-2], "f64[n]")
_op("slice:reversed_part", lambda x: x[3:0:-1], "f64[n]")
_op("slice:size", lambda x: x[: x.shape[0] // 2], "f64[n]")
_op("slice:size_minus", lambda x: x[: x.shape[0] - 1], "f64[n]", least=1)
_op("slice:chained", lambda x: x[1:][::2][:-1], "f64[n]", torch=lambda t, x: x[1:][::2][:-1])
_op("slice:nested", lambda x: x[2:][1:] * x[3:], "f64[n]", torch=lambda t, x: x[2:][1:] * x[3:])
_op("slice:two", lambda x: x[1:, ::-1], "f64[n, d]")
_op(
    "stencil",
    lambda x: x[1:-1, 2:] - 2 * x[1:-1, 1:-1] + x[1:-1, :-2],
    "f64[n, d]",
    torch=lambda t, x: x[1:-1, 2:] - 2 * x[1:-1, 1:-1] + x[1:-1, :-2],
)
_op("int", lambda x: x[0], "f64[n, d]", torch=lambda t, x: x[0], least=1)
_op("int:last", lambda x: x[-1] + x[:, -2], "f64[n, n]", least=2)
_op("int:element", lambda x: x[1, -1], "f64[n, d]", torch=lambda t, x: x[1, -1], least=2)
_op(
    "newaxis",
    lambda x: x[:, None, :, np.newaxis],
    "f64[n, d]",
    torch=lambda t, x: x[:, None, :, None],
)
_op("ellipsis", lambda x: x[..., 0], "f64[n, d, k]", torch=lambda t, x: x[..., 0], least=1)
_op("ellipsis:middle", lambda x: x[1:, ..., None, -1], "f64[n, d, k]", least=1)
_op(
    "gather",
    lambda x, i: x[i],
    "f64[n, d]",
    "i64[m] wrapped:n",
    torch=lambda t, x, i: x[i],
    least=1,
)
_op(
    "gather:2d",
    lambda x, i: x[i],
    "f64[n]",
    "i64[m, p] index:n",
    torch=lambda t, x, i: x[i],
    least=1,
)
_op(
    "gather:columns",
    lambda x, i: x[:, i],
    "f64[n, d]",
    "i64[m] wrapped:d",
    torch=lambda t, x, i: x[:, i],
    least=1,
)
_op(
    "gather:pairs",
    lambda x, i, j: x[i, j],
    "f64[n, d]",
    "i64[m] index:n",
    "i64[m] wrapped:d",
    torch=lambda t, x, i, j: x[i, j],
    least=1,
)
_op(
    "gather:cross",
    lambda x, i, j: x[i[:, None], j],
    "f64[n, d]",
    "i64[m] index:n",
    "i64[p] index:d",
    torch=lambda t, x, i, j: x[i[:, None], j],
    least=1,
)
_op(
    "gather:split",
    lambda x, i, j: x[i, :, j],
    "f64[n, d, k]",
    "i64[m] index:n",
    "i64[m] index:k",
    torch=lambda t, x, i, j: x[i, :, j],
    least=1,
)
_op(
    "gather:with_int",
    lambda x, i: x[0, :, i],
    "f64[n, d, k]",
    "i64[m] index:k",
    torch=lambda t, x, i: x[0].T[i],
    least=1,
)
_op(
    "gather:slice",
    lambda x, i: x[1:, i, None],
    "f64[n, d]",
    "i64[m] index:d",
    torch=lambda t, x, i: x[1:, i, None],
    least=1,
)
_op(
    "gather:scalar",
    lambda x, i: x[i],
    "f64[n, d]",
    "i64[] index:n",
    torch=lambda t, x, i: x[i],
    least=1,
)
_op("gather:literal", lambda x: x[[0, 2, -1]], "f64[4, n]", torch=lambda t, x: x[[0, 2, -1]])
_op("gather:literal_array", lambda x: x[:, np.array([[2, 0], [1, 1]])], "f64[n, 3]")
_op("gather:literal_mask", lambda x: x[:, np.array([True, False, True])], "f64[n, 3]")
_op("gather:literal_size", lambda x: x[[1, 0, 1]], "f64[n]", least=2)
_op("gather:diagonal", lambda x: x[np.arange(x.shape[0]), np.arange(x.shape[0])], "f64[n, n]")
_op(
    "gather:label",
    lambda x, i: x[np.arange(x.shape[0]), i],
    "f64[n, d]",
    "i64[n] index:d",
    torch=lambda t, x, i: x[t.arange(len(x)), i],
    least=1,
)
_op("gather:reversed", lambda x: x[x.shape[0] - 1 - np.arange(x.shape[0])], "f64[n]")
_op("gather:shifted", lambda x: x[(np.arange(x.shape[0]) + 1) % x.shape[0]], "f64[n]", least=1)
_op("gather:argmax", lambda x, y: y[np.argmax(x)], "f64[n] distinct", "f64[n]", least=1)
_op("gather:argmax_rows", lambda x: x[np.arange(x.shape[0]), x.argmax(1)], "f64[n, d] distinct")
_op(
    "take",
    lambda x, i: np.take(x, i, axis=1),
    "f64[n, d]",
    "i64[m] index:d",
    torch=lambda t, x, i: t.index_select(x, 1, i),
    least=1,
)
_op(
    "take:flat",
    lambda x, i: x.take(i),
    "f64[n, d]",
    "i64[m] index:n",
    least=1,
    torch=lambda t, x, i: t.take(x, i),
)
_op(
    "take_along_axis",
    lambda x, i: np.take_along_axis(x, i, axis=1),
    "f64[n, d]",
    "i64[n, m] wrapped:d",
    torch=lambda t, x, i: t.gather(x, 1, i % x.shape[1]),
    least=1,
)
_op(
    "take_along_axis:argmax",
    lambda x: np.take_along_axis(x, x.argmax(axis=1, keepdims=True), axis=1),
    "f64[n, d] distinct",
    least=1,
)

# --- assignment --------------------------------------------------------------------------------


def _assigned(assign: Callable[..., None]) -> Callable[..., Any]:
    def run(x: Any, v: Any) -> Any:
        y = x * 2
        assign(y, v)
        return y * y

    return run


def _set_first(y: Any, v: Any) -> None:
    y[0] = v


def _set_last(y: Any, v: Any) -> None:
    y[-1] += v


def _set_range(y: Any, v: Any) -> None:
    y[1:-1] = v * y[2:]


def _set_column(y: Any, v: Any) -> None:
    y[:, 0] += v
    y[:, -1] = 3


def _set_box(y: Any, v: Any) -> None:
    y[1:3, ::2] = v


def _set_strided(y: Any, v: Any) -> None:
    y[1::3] = y[1::3] * v


def _set_reversed(y: Any, v: Any) -> None:
    y[::-1] = y + v


def _set_reversed_stride(y: Any, v: Any) -> None:
    y[::-2] = y[::-2] * v


def _set_mask(y: Any, v: Any) -> None:
    y[y > 0] = v


def _set_all(y: Any, v: Any) -> None:
    y[...] = v


for _name, _assign, _x, _v, _least in [
    ("first", _set_first, "f64[n, d]", "f64[d]", 1),
    ("last", _set_last, "f64[n]", "f64[]", 1),
    ("range", _set_range, "f64[n]", "f64[]", 2),
    ("column", _set_column, "f64[n, d]", "f64[n]", 1),
    ("box", _set_box, "f64[n, d]", "f64[]", 0),
    ("strided", _set_strided, "f64[n]", "f64[]", 0),
    ("reversed", _set_reversed, "f64[n]", "f64[n]", 0),
    ("reversed_stride", _set_reversed_stride, "f64[n]", "f64[]", 0),
    ("mask", _set_mask, "f64[n] nonzero", "f64[]", 0),
    ("all", _set_all, "f64[n, d]", "f64[d]", 0),
]:
    _op(f"assign:{_name}", _assigned(_assign), _x, _v, least=_least)


def _fill_rows(x: Any) -> Any:
    y = np.zeros((3, x.shape[0]))
    for k in range(3):
        y[k] = x ** (k + 1)
    return y


def _recurrence(x: Any) -> Any:
    state = np.zeros(4)
    for k in range(1, 4):
        state[k] = 0.5 * state[k - 1] + np.tanh(x[k])
    return state


_op("assign:rows", _fill_rows, "f64[n]")
_op("assign:recurrence", _recurrence, "f64[4]")

# --- linear algebra ------------------------------------------------------------------------------


def _regular(x: Any) -> Any:
    """A matrix that is not symmetric and whose inverse is of order one."""
    return 0.3 * x + 2 * np.eye(x.shape[-1])


def _covariance(x: Any) -> Any:
    """A symmetric positive definite matrix, by x of any batch."""
    return 0.3 * x @ np.swapaxes(x, -1, -2) + 1.5 * np.eye(x.shape[-1])


def _torch_regular(t: Any, x: Any) -> Any:
    return 0.3 * x + 2 * t.eye(x.shape[-1], dtype=x.dtype)


def _torch_covariance(t: Any, x: Any) -> Any:
    return 0.3 * x @ x.mT + 1.5 * t.eye(x.shape[-1], dtype=x.dtype)


_op(
    "linalg.inv",
    lambda x: np.linalg.inv(_regular(x)),
    "f64[n, n] inner",
    torch=lambda t, x: t.linalg.inv(_torch_regular(t, x)),
)
_op("linalg.inv:batch", lambda x: np.linalg.inv(_regular(x)), "f64[m, 3, 3] inner")
_op(
    "linalg.solve",
    lambda x, b: np.linalg.solve(_regular(x), b),
    "f64[n, n] inner",
    "f64[n]",
    torch=lambda t, x, b: t.linalg.solve(_torch_regular(t, x), b),
)
_op(
    "linalg.solve:matrix",
    lambda x, b: np.linalg.solve(_regular(x), b),
    "f64[n, n] inner",
    "f64[n, k]",
    torch=lambda t, x, b: t.linalg.solve(_torch_regular(t, x), b),
)
_op(
    "linalg.solve:transposed",
    lambda x, b: np.linalg.solve(_regular(x).T, b),
    "f64[n, n] inner",
    "f64[n]",
    torch=lambda t, x, b: t.linalg.solve(_torch_regular(t, x).T, b),
)
_op(
    "linalg.solve:batch",
    lambda x, b: np.linalg.solve(_regular(x), b),
    "f64[m, n, n] inner",
    "f64[m, n, 2]",
)
_op(
    "linalg.solve:one_matrix",
    lambda x, b: np.linalg.solve(_regular(x), b),
    "f64[n, n] inner",
    "f64[m, n, 2]",
)
_op(
    "linalg.solve:one_vector",
    lambda x, b: np.linalg.solve(_regular(x), b),
    "f64[m, n, n] inner",
    "f64[n]",
)
_op(
    "linalg.det",
    lambda x: np.linalg.det(_regular(x)),
    "f64[3, 3] inner",
    torch=lambda t, x: t.linalg.det(_torch_regular(t, x)),
)
_op("linalg.det:batch", lambda x: np.linalg.det(x), "f64[m, 2, 2]")
_op(
    "linalg.slogdet",
    lambda x: tuple(np.linalg.slogdet(_regular(x))),
    "f64[n, n] inner",
)
_op("linalg.slogdet:negative", lambda x: np.linalg.slogdet(-_regular(x))[1], "f64[3, 3] inner")
_op(
    "linalg.slogdet:batch",
    lambda x: np.linalg.slogdet(_regular(x)).logabsdet,
    "f64[m, n, n] inner",
)
_op(
    "linalg.cholesky",
    lambda x: np.linalg.cholesky(_covariance(x)),
    "f64[n, n] inner",
    torch=lambda t, x: t.linalg.cholesky(_torch_covariance(t, x)),
)
_op(
    "linalg.cholesky:lower",
    lambda x: np.linalg.cholesky(0.1 * x + 2 * np.eye(x.shape[0])),
    "f64[n, n] inner",
)
_op(
    "linalg.cholesky:upper",
    lambda x: np.linalg.cholesky(_covariance(x), upper=True),
    "f64[m, n, n] inner",
)
_op(
    "linalg.solve_triangular",
    lambda x, b: linalg.solve_triangular(_regular(x), b, lower=True),
    "f64[n, n] inner",
    "f64[n, k]",
    torch=lambda t, x, b: t.linalg.solve_triangular(_torch_regular(t, x).tril(), b, upper=False),
)
_op(
    "linalg.solve_triangular:upper",
    lambda x, b: linalg.solve_triangular(_regular(x), b, trans=1),
    "f64[n, n] inner",
    "f64[n]",
)
_op(
    "linalg.cho_solve",
    lambda x, b: linalg.cho_solve(linalg.cho_factor(_covariance(x), lower=True), b),
    "f64[n, n] inner",
    "f64[n]",
)

OPERATIONS: tuple[Operation, ...] = tuple(_TABLE)
