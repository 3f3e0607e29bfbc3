"""How each scalar operation is written for a target, and which helper functions it needs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HELPER_NEEDS", "NUMBA", "NUMPY", "Spelling"]

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
    return _call(f"_{name}", arity, name)


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

NUMBA: dict[str, Spelling] = {
    **_ARITHMETIC,
    "select": Spelling("{1} if {0} else {2}", _TERNARY, (_OR, _OR, _OR)),
    "conjunction": _infix("and", _AND, _AND),
    "disjunction": _infix("or", _OR, _OR),
    "negation": Spelling("not {0}", _NOT, (_NOT,)),
    "is_nan": _call("math.isnan"),
    "exp": _call("math.exp"),
    "log": _call("math.log"),
    "sqrt": _call("math.sqrt"),
    "sin": _call("math.sin"),
    "cos": _call("math.cos"),
    "tan": _call("math.tan"),
    "arcsin": _call("math.asin"),
    "arccos": _call("math.acos"),
    "arctan": _call("math.atan"),
    "arctan2": _call("math.atan2", 2),
    "sinh": _call("math.sinh"),
    "cosh": _call("math.cosh"),
    "tanh": _call("math.tanh"),
    "arcsinh": _call("math.asinh"),
    "arccosh": _call("math.acosh"),
    "arctanh": _call("math.atanh"),
    "erf": _call("math.erf"),
    "erfc": _call("math.erfc"),
    "expm1": _call("math.expm1"),
    "log1p": _call("math.log1p"),
    "exp2": _call("np.exp2"),
    "log2": _call("np.log2"),
    "log10": _call("math.log10"),
    "cbrt": _call("np.cbrt"),
    "hypot": _call("math.hypot", 2),
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
    "gammaln": _call("math.lgamma"),
    "erfcx": _helper("erfcx"),
    "ndtr": _helper("ndtr"),
    "log_ndtr": _helper("log_ndtr"),
    "finite_or_zero": _helper("finite_or_zero"),
}

_SAME_NAME_IN_NUMPY = """
    exp log sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh
    expm1 log1p exp2 log2 log10 cbrt floor ceil trunc rint absolute
"""

# Helpers that have no NumPy spelling are written for one number; the NumPy target vectorises them.
NUMPY: dict[str, Spelling] = {
    **{name: spelling for name, spelling in NUMBA.items() if spelling.helper},
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
    "norm_root": _call("np.sqrt"),
    "signum": _call("np.sign"),
    "cast_integer": Spelling("np.trunc({0}).astype(np.int64)", _ATOM, (_TERNARY,)),
    "exceeds": _call("_exceeds", 2, "exceeds"),
    "erf": _call("_erf", 1, "erf"),
    "erfc": _call("_erfc", 1, "erfc"),
    "gammaln": _call("_gammaln", 1, "gammaln"),
}

HELPER_NEEDS: dict[str, tuple[str, ...]] = {
    "log_ndtr": ("erfcx",),
    "clip": ("maximum", "minimum"),
}
