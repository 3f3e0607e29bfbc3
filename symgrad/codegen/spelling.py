"""How each scalar operation is written for a target, and which helper functions it needs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CUDA", "HELPER_NEEDS", "NUMBA", "NUMBA_FAR", "NUMPY", "Spelling"]

_TERNARY, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(9)


@dataclass(frozen=True, slots=True)
class Spelling:
    """A text with `{0}`, `{1}` … for operands, its strength, and the strength operands need."""

    text: str
    strength: int
    operands: tuple[int, ...]
    helper: str = ""


def _infix(sign: str, level: int, right: int | None = None) -> Spelling:
    return Spelling(f"{{0}} {sign} {{1}}", level, (level, level + 1 if right is None else right))


def _call(name: str, arity: int = 1, helper: str = "") -> Spelling:
    inner = ", ".join(f"{{{k}}}" for k in range(arity))
    return Spelling(f"{name}({inner})", _ATOM, (_TERNARY,) * arity, helper)


def _helper(name: str, arity: int = 1) -> Spelling:
    """A helper that is written once for one number, in `functions/`."""
    return _call(f"_{name}", arity, name)


def _vector(name: str, arity: int = 1) -> Spelling:
    """A branch-free helper that Numba's loops vectorise, in `functions/cpu/`."""
    return _call(f"_{name}", arity, f"cpu/{name}")


_ARITHMETIC: dict[str, Spelling] = {
    "add": _infix("+", _SUM, _SUM),
    "subtract": _infix("-", _SUM),
    "multiply": _infix("*", _PRODUCT, _PRODUCT),
    "divide": _infix("/", _PRODUCT),
    "negate": Spelling("-{0}", _SIGN, (_SIGN,)),
    "copy": Spelling("{0}", _TERNARY, (_TERNARY,)),
    "power": Spelling("{0} ** {1}", _SIGN, (_ATOM, _ATOM)),
    "less": _infix("<", _COMPARE, _SUM),
    "less_equal": _infix("<=", _COMPARE, _SUM),
    "equal": _infix("==", _COMPARE, _SUM),
    "not_equal": _infix("!=", _COMPARE, _SUM),
}
for _name in ("less", "less_equal", "equal", "not_equal"):
    _spelling = _ARITHMETIC[_name]
    _ARITHMETIC[_name] = Spelling(_spelling.text, _COMPARE, (_SUM, _SUM))

# Written for one number, and used by both targets unless NumPy has the function.
_SHARED_HELPERS: dict[str, Spelling] = {
    "maximum": _helper("maximum", 2),
    "minimum": _helper("minimum", 2),
    "clip": _helper("clip", 3),
    "exceeds": _helper("exceeds", 2),
    "heaviside": _helper("heaviside", 2),
    "logaddexp": _helper("logaddexp", 2),
    "softplus": _helper("softplus"),
    "sigmoid": _helper("sigmoid"),
    "logit": _helper("logit"),
    "xlogy": _helper("xlogy", 2),
    "xlog1py": _helper("xlog1py", 2),
    "norm_of_sums": _helper("norm_of_sums", 3),
    "erf": _helper("erf"),
    "erfc": _helper("erfc"),
    "erfcx": _helper("erfcx"),
    "ndtr": _helper("ndtr"),
    "log_ndtr": _helper("log_ndtr"),
    "gammaln": _helper("gammaln"),
    "finite_or_zero": _helper("finite_or_zero"),
}

# libm costs 3 to 15 ns per element and stops a loop from being vectorised.
_VECTORISED = """
    exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh
    arccosh arctanh cbrt sigmoid softplus logit erf erfc erfcx ndtr log_ndtr gammaln digamma
    versine sinc
"""

NUMBA: dict[str, Spelling] = {
    **_ARITHMETIC,
    **_SHARED_HELPERS,
    "select": Spelling("{1} if {0} else {2}", _TERNARY, (_OR, _OR, _OR)),
    "conjunction": _infix("and", _AND, _AND),
    "disjunction": _infix("or", _OR, _OR),
    "negation": Spelling("not {0}", _NOT, (_NOT,)),
    "is_nan": _call("math.isnan"),
    "sqrt": _call("math.sqrt"),
    "norm_root": _call("math.sqrt"),
    "absolute": _call("abs"),
    "signum": _call("np.sign"),
    "floor": _call("np.floor"),
    "ceil": _call("np.ceil"),
    "trunc": _call("np.trunc"),
    "rint": _call("np.rint"),
    "cast_integer": _call("np.int64"),
    "copysign": _call("math.copysign", 2),
    "fmod": _call("math.fmod", 2),
    "floor_mod": _call("np.remainder", 2),
    **{name: _vector(name) for name in _VECTORISED.split()},
    "arctan2": _vector("arctan2", 2),
    "logaddexp": _vector("logaddexp", 2),
    "power": _vector("power", 2),
    "xlogy": _vector("xlogy", 2),
    "xlog1py": _vector("xlog1py", 2),
    "hypot": _vector("hypot", 2),
    "subtract_both": _vector("subtract_both", 3),
    # Of x and tanh(x), from x: next to the tanh, which shares all of its work.
    "sech_squared": Spelling("_sech_squared({0})", _ATOM, (_TERNARY,) * 2, "cpu/sech_squared"),
    "spherical_bessel": _call("_spherical_bessel_1", 1, "cpu/spherical_bessel_1"),
}

# For angles beyond 2^46, where the vector forms are NaN: libm, one number at a time.
NUMBA_FAR: dict[str, Spelling] = {
    **NUMBA,
    **{name: _call(f"math.{name}") for name in ("sin", "cos", "tan")},
    "versine": Spelling("2.0 * math.sin(0.5 * {0}) ** 2", _PRODUCT, (_PRODUCT + 1,)),
    "sinc": Spelling("math.sin({0}) / {0} if {0} else 1.0", _TERNARY, (_ATOM,)),
    "spherical_bessel": Spelling(
        "_spherical_bessel_1({0}) if abs({0}) < 2.0 "
        "else (math.sin({0}) / {0} - math.cos({0})) / {0}",
        _TERNARY,
        (_ATOM,),
        "cpu/spherical_bessel_1",
    ),
}

_SAME_NAME_IN_NUMPY = """
    exp log sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh
    expm1 log1p exp2 log2 log10 cbrt floor ceil trunc rint absolute
"""

# Helpers that have no NumPy spelling are written for one number; the NumPy target vectorises them.
NUMPY: dict[str, Spelling] = {
    **_SHARED_HELPERS,
    **_ARITHMETIC,
    "select": _call("np.where", 3),
    "conjunction": _call("np.logical_and", 2),
    "disjunction": _call("np.logical_or", 2),
    "negation": _call("np.logical_not"),
    "is_nan": _call("np.isnan"),
    **{name: _call(f"np.{name}") for name in _SAME_NAME_IN_NUMPY.split()},
    "arctan2": _call("np.arctan2", 2),
    "hypot": _call("np.hypot", 2),
    "maximum": _call("np.maximum", 2),
    "minimum": _call("np.minimum", 2),
    "clip": Spelling("np.minimum(np.maximum({0}, {1}), {2})", _ATOM, (_TERNARY,) * 3),
    "copysign": _call("np.copysign", 2),
    "fmod": _call("np.fmod", 2),
    "floor_mod": _call("np.remainder", 2),
    "heaviside": _call("np.heaviside", 2),
    "logaddexp": _call("np.logaddexp", 2),
    "softplus": Spelling("np.logaddexp({0}, 0.0)", _ATOM, (_TERNARY,)),
    "versine": _helper("versine"),
    "sech_squared": Spelling(
        "np.exp(-2.0 * np.abs({0})) * (1.0 + np.abs({1})) ** 2", _PRODUCT, (_TERNARY,) * 2
    ),
    "subtract_both": Spelling("{0} - {1} - {2}", _SUM, (_SUM, _PRODUCT, _PRODUCT)),
    "sinc": Spelling("_spherical_bessel(0, {0})", _ATOM, (_TERNARY,), "spherical_bessel"),
    "norm_root": _call("np.sqrt"),
    "signum": _call("np.sign"),
    "cast_integer": Spelling("np.trunc({0}).astype(np.int64)", _ATOM, (_TERNARY,)),
    "exceeds": _call("_exceeds", 2, "exceeds"),
}

# libdevice's functions, which Numba knows as those of `math`. Helpers are the shared ones, in
# `functions/cuda/` where those call NumPy.
_LIBDEVICE = """
    exp:exp exp2:exp2 expm1:expm1 log:log log2:log2 log10:log10 log1p:log1p sin:sin cos:cos tan:tan
    arcsin:asin arccos:acos arctan:atan sinh:sinh cosh:cosh tanh:tanh arcsinh:asinh arccosh:acosh
    arctanh:atanh erf:erf erfc:erfc sqrt:sqrt norm_root:sqrt
"""


def _device(name: str, arity: int = 1) -> Spelling:
    """A device function, in `functions/cuda/`."""
    return _call(f"_{name}", arity, f"cuda/{name}")


CUDA: dict[str, Spelling] = {
    **{name: known for name, known in NUMBA.items() if not known.helper.startswith("cpu/")},
    **_SHARED_HELPERS,
    **{
        name: _call(f"math.{spelled}")
        for name, _, spelled in (pair.partition(":") for pair in _LIBDEVICE.split())
    },
    "hypot": _call("math.hypot", 2),
    "sech_squared": _call("_sech_squared", 2, "cuda/sech_squared"),
    "power": _call("math.pow", 2),
    "arctan2": _call("math.atan2", 2),
    "subtract_both": Spelling("{0} - {1} - {2}", _SUM, (_SUM, _PRODUCT, _PRODUCT)),
    "sinc": Spelling("_spherical_bessel(0, {0})", _ATOM, (_TERNARY,), "spherical_bessel"),
    "versine": _helper("versine"),
    **{name: _device(name) for name in ("floor", "ceil", "trunc", "rint", "signum", "cbrt")},
    "floor_mod": _device("floor_mod", 2),
}

# What the functions in `functions/cpu/` call themselves.
_CALLS: dict[str, str] = {
    "power_of_two": "exact",
    "head": "exact",
    "rank": "exact",
    "add_last": "exact",
    "exp": "power_of_two",
    "exp_sum": "power_of_two",
    "exp2": "power_of_two",
    "expm1": "power_of_two",
    "log_parts": "exact",
    "log": "exact",
    "log2": "log_parts",
    "log10": "log_parts",
    "log1p": "exact",
    "tanh_parts": "power_of_two",
    "tanh": "tanh_parts",
    "sech_squared": "tanh_parts",
    "sigmoid": "exp",
    "log1p_unit": "exact",
    "softplus": "exp log1p_unit",
    "logaddexp": "exp log1p_unit",
    "sin_cos": "exact",
    "sin": "sin_cos",
    "cos": "sin_cos",
    "tan": "sin_cos",
    "sinh": "exp_sum",
    "cosh": "exp_sum",
    "erfcx_positive": "exact",
    "erf": "erfcx_positive exp_sum",
    "erfc": "erfcx_positive exp_sum head",
    "erfcx": "erfcx_positive exp_sum head",
    "ndtr": "erfcx_positive exp_sum head",
    "log_ndtr": "erfcx_positive exp_sum head log log1p",
    "logit": "log log1p",
    "xlogy": "log",
    "xlog1py": "log1p",
    "versine": "sin_cos",
    "sinc": "sin_cos",
    "spherical_bessel_1": "sin_cos",
    "hypot": "exact",
    "subtract_both": "exact",
    "cbrt": "power_of_two",
    "arctan_reduced": "exact",
    "arctan": "arctan_reduced",
    "arctan2": "arctan_reduced",
    "arcsin_reduced": "exact",
    "arcsin": "arcsin_reduced",
    "arccos": "arcsin_reduced",
    "arcsinh": "log1p",
    "arccosh": "log1p",
    "arctanh": "log1p",
    "power": "power_of_two head",
    "gammaln": "log sin_cos",
    "digamma": "log sin_cos",
}


def _closure(name: str) -> tuple[str, ...]:
    """Everything that a function in `functions/cpu/` needs, each after what it needs itself."""
    found: dict[str, None] = {}
    for callee in _CALLS.get(name, "").split():
        found.update(dict.fromkeys((*_closure(callee), f"cpu/{callee}")))
    return tuple(found)


# Which helpers stand above a helper in the module, in this order.
HELPER_NEEDS: dict[str, tuple[str, ...]] = {
    "log_ndtr": ("erfcx",),
    "clip": ("maximum", "minimum"),
    "cuda/floor_mod": ("cuda/floor",),
    "cuda/rint": ("cuda/floor",),
    "cuda/lanes_max": ("cuda/larger",),
    "cuda/lanes_min": ("cuda/smaller",),
    "linear_algebra/solve_batch": ("linear_algebra/attempt",),
    **{f"cpu/{name}": _closure(name) for name in _CALLS},
}
