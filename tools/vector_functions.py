"""The vector functions of generated modules: what each computes, its sweep, its largest error.

The test and the benchmark of the functions in `codegen_templates/functions/cpu/` share this table
and the module that `sweep_module` builds from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

from symgrad.codegen.rendering import helper_source, template_folder
from symgrad.codegen.spelling import HELPER_NEEDS

__all__ = ["FUNCTIONS", "VectorFunction", "errors_in_ulp", "functions_source", "sweep_module"]

Array = np.ndarray
DIGITS = 45


@dataclass(frozen=True, slots=True)
class VectorFunction:
    """A function of one or two numbers and the largest error it may have, in ulp.

    `exact` is mpmath's function, `reference` NumPy's or SciPy's, `libm` the text that a loop
    compiled by Numba would hold without this function ("" if there is none). Columns of `points`
    are operands. With `absolute` the error is measured in ulp of the largest of 1 and the operands.
    """

    exact: Callable[..., Any]
    reference: Callable[..., Array]
    libm: str
    bound: float
    points: Callable[[np.random.Generator], Array]
    typical: tuple[tuple[float, float], ...] = ((0.1, 0.9),)
    absolute: bool = False


def _uniform(*ranges: tuple[float, float], count: int = 150) -> Callable[..., Array]:
    def points(rng: np.random.Generator) -> Array:
        return np.concatenate([rng.uniform(low, high, count) for low, high in ranges])

    return points


def _powers(low: float, high: float, sign: int = 0, count: int = 150) -> Callable[..., Array]:
    """Numbers of all magnitudes from 10^low to 10^high; of both signs unless `sign` is given."""

    def points(rng: np.random.Generator) -> Array:
        signs = rng.choice([-1.0, 1.0], count) if sign == 0 else float(sign)
        return signs * 10.0 ** rng.uniform(low, high, count)

    return points


def _all(*parts: Callable[..., Array]) -> Callable[..., Array]:
    return lambda rng: np.concatenate([part(rng) for part in parts])


def _near(center: float) -> Callable[..., Array]:
    return lambda rng: center + _powers(-15, -1)(rng)


def _turns(limit: float) -> Callable[..., Array]:
    """The numbers next to multiples of pi/2, where sine and cosine cancel."""

    def points(rng: np.random.Generator) -> Array:
        return np.rint(rng.uniform(-limit, limit, 150) * 2 / np.pi) * (np.pi / 2)

    return points


def _pairs(*parts: tuple[Callable[..., Array], Callable[..., Array]]) -> Callable[..., Array]:
    def points(rng: np.random.Generator) -> Array:
        return np.concatenate([np.stack([a(rng), b(rng)], axis=1) for a, b in parts])

    return points


def _power_points(rng: np.random.Generator) -> Array:
    base = np.concatenate([_powers(-300, 300, 1)(rng), _near(1.0)(rng)])
    wide = np.stack([base, rng.uniform(-720, 720, base.size) / np.log(base)], axis=1)
    usual = np.stack([rng.uniform(0, 5, 300), rng.uniform(-20, 20, 300)], axis=1)
    whole = np.stack([rng.uniform(-5, 0, 100), np.rint(rng.uniform(-20, 20, 100))], axis=1)
    tiny = np.stack([_powers(-323, -308, 1)(rng), rng.uniform(-2, 2, 150)], axis=1)
    return np.concatenate([wide, usual, whole, tiny])


# --- exact values --------------------------------------------------------------------------------


def _erfcx(x: Any) -> Any:
    if x < 60:
        return mp.exp(x * x) * mp.erfc(x) if x > -30 else mp.inf
    fraction = mp.mpf(0)
    for k in range(60, 0, -1):
        fraction = mp.mpf(k) / 2 / (x + fraction)
    return 1 / (mp.sqrt(mp.pi) * (x + fraction))


def _ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _log_ndtr(x: Any) -> Any:
    if x > 0:
        return mp.log1p(-_ndtr(-x))
    return mp.log(_erfcx(-x / mp.sqrt(2)) / 2) - x * x / 2


def _softplus(x: Any) -> Any:
    return max(x, 0) + mp.log1p(mp.exp(-abs(x)))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _softplus_reference(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def _sinc_reference(x: Array) -> Array:
    return np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))


def _hypot_reference(x: Array, y: Array) -> Array:
    """NumPy's, but not a number wherever an operand is not one."""
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.hypot(x, y))


_POSITIVE = _all(_powers(-323, 308, 1), _uniform((0.5, 2.0), (2.0, 10.0)), _near(1.0))
_ANGLES = _all(
    _uniform((-1e5, 1e5), (-7, 7)), _powers(-320, 13), _turns(1e5), _turns(1e9), _turns(1e13)
)
_LOGIT_LIBM = "math.log({0} / (1.0 - {0}))"

FUNCTIONS: dict[str, VectorFunction] = {
    "exp": VectorFunction(
        mp.exp, np.exp, "math.exp({0})", 1,
        _all(_uniform((-750, 712), (-1, 1)), _powers(-20, 0)), ((-5, 5),),
    ),
    "exp2": VectorFunction(
        lambda x: mp.power(2, x), np.exp2, "np.exp2({0})", 1,
        _all(_uniform((-1080, 1025), (-1, 1)), _powers(-20, 0)), ((-5, 5),),
    ),
    "expm1": VectorFunction(
        mp.expm1, np.expm1, "math.expm1({0})", 2,
        _all(_uniform((-50, 712), (-2, 2)), _powers(-310, 0)), ((-2, 2),),
    ),
    "log": VectorFunction(mp.log, np.log, "math.log({0})", 1, _POSITIVE, ((0.1, 10),)),
    "log2": VectorFunction(
        lambda x: mp.log(x) / mp.log(2), np.log2, "np.log2({0})", 2, _POSITIVE, ((0.1, 10),)
    ),
    "log10": VectorFunction(
        lambda x: mp.log(x) / mp.log(10), np.log10, "math.log10({0})", 2, _POSITIVE, ((0.1, 10),)
    ),
    "log1p": VectorFunction(
        mp.log1p, np.log1p, "math.log1p({0})", 2,
        _all(_powers(-323, 308, 1), _uniform((-1, 2)), _powers(-310, -0.01),
             lambda rng: -1 + _powers(-15, -1, 1)(rng)),
    ),
    "sigmoid": VectorFunction(
        _sigmoid, special.expit, "1.0 / (1.0 + math.exp(-{0}))", 2,
        _all(_uniform((-750, 750), (-5, 5)), _powers(-20, 1)), ((-5, 5),),
    ),
    "softplus": VectorFunction(
        _softplus, _softplus_reference,
        "max({0}, 0.0) + math.log1p(math.exp(-abs({0})))", 2,
        _all(_uniform((-750, 750), (-40, 40), (-5, 5)), _powers(-20, 1)), ((-5, 5),),
    ),
    "logaddexp": VectorFunction(
        lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))), np.logaddexp,
        "max({0}, {1}) + math.log1p(math.exp(-abs({0} - {1})))", 2,
        _pairs((_uniform((-5, 5)), _uniform((-5, 5))), (_powers(-5, 300), _powers(-5, 300))),
        ((-5, 5), (-5, 5)), absolute=True,
    ),
    "tanh": VectorFunction(
        mp.tanh, np.tanh, "math.tanh({0})", 2,
        _all(_uniform((-25, 25), (-1, 1), (-0.5, 0.6)), _powers(-320, 0)), ((-3, 3),),
    ),
    "sinh": VectorFunction(
        mp.sinh, np.sinh, "math.sinh({0})", 2,
        _all(_uniform((-712, 712), (-3, 3)), _powers(-320, 0)), ((-3, 3),),
    ),
    "cosh": VectorFunction(
        mp.cosh, np.cosh, "math.cosh({0})", 2,
        _all(_uniform((-712, 712), (-3, 3)), _powers(-20, 0)), ((-3, 3),),
    ),
    "sin": VectorFunction(mp.sin, np.sin, "math.sin({0})", 1, _ANGLES, ((-10, 10),)),
    "cos": VectorFunction(mp.cos, np.cos, "math.cos({0})", 1, _ANGLES, ((-10, 10),)),
    "tan": VectorFunction(mp.tan, np.tan, "math.tan({0})", 3, _ANGLES, ((-10, 10),)),
    "arcsin": VectorFunction(
        mp.asin, np.arcsin, "math.asin({0})", 3, _all(_uniform((-1, 1)), _powers(-320, 0))
    ),
    "arccos": VectorFunction(
        mp.acos, np.arccos, "math.acos({0})", 2,
        _all(_uniform((-1, 1)), _powers(-20, 0), lambda rng: 1 - _powers(-16, -1, 1)(rng)),
    ),
    "arctan": VectorFunction(
        mp.atan, np.arctan, "math.atan({0})", 2, _all(_uniform((-3, 3)), _powers(-320, 308))
    ),
    "arctan2": VectorFunction(
        mp.atan2, np.arctan2, "math.atan2({0}, {1})", 2,
        _pairs(
            (_uniform((-3, 3)), _uniform((-3, 3))), (_powers(-320, 308), _powers(-320, 308)),
        ),
        ((-3, 3), (-3, 3)),
    ),
    "arcsinh": VectorFunction(
        mp.asinh, np.arcsinh, "math.asinh({0})", 2, _all(_uniform((-3, 3)), _powers(-320, 308))
    ),
    "arccosh": VectorFunction(
        mp.acosh, np.arccosh, "math.acosh({0})", 3,
        _all(_uniform((1, 3)), lambda rng: 1 + _powers(-15, 0, 1)(rng), _powers(0, 308, 1)),
        ((1.5, 5),),
    ),
    "arctanh": VectorFunction(
        mp.atanh, np.arctanh, "math.atanh({0})", 2, _all(_uniform((-1, 1)), _powers(-320, 0))
    ),
    "erf": VectorFunction(
        mp.erf, special.erf, "math.erf({0})", 2,
        _all(_uniform((-7, 7), (-1.5, 1.5)), _powers(-307, 0)), ((-2, 2),),
    ),
    "erfc": VectorFunction(
        mp.erfc, special.erfc, "math.erfc({0})", 4,
        _all(_uniform((-7, 28), (-1.5, 3)), _powers(-20, 0)), ((-2, 2),),
    ),
    "erfcx": VectorFunction(
        _erfcx, special.erfcx, "", 3,
        _all(_uniform((-26.6, 28), (-1.5, 3)), _powers(-20, 0), _powers(0, 306, 1)), ((-2, 2),),
    ),
    "ndtr": VectorFunction(
        _ndtr, special.ndtr, "0.5 * math.erfc(-0.7071067811865476 * {0})", 4,
        _all(_uniform((-38.5, 9), (-3, 1)), _powers(-20, 0)), ((-2, 2),),
    ),
    "log_ndtr": VectorFunction(
        _log_ndtr, special.log_ndtr, "", 4,
        _all(_uniform((-40, 38), (-3, 3)), _powers(0, 150, -1)), ((-2, 2),),
    ),
    "logit": VectorFunction(
        lambda x: mp.log(x) - mp.log1p(-x), special.logit, _LOGIT_LIBM, 3,
        _all(_uniform((0, 1)), _powers(-320, -0.1, 1), _near(0.5)),
    ),
    "xlogy": VectorFunction(
        lambda x, y: x * mp.log(y), special.xlogy, "{0} * math.log({1})", 2,
        _pairs((_uniform((-5, 5)), _uniform((0, 5))), (_powers(-9, 9), _powers(-300, 300, 1))),
        ((0.1, 0.9), (0.1, 0.9)),
    ),
    "xlog1py": VectorFunction(
        lambda x, y: x * mp.log1p(y), special.xlog1py, "{0} * math.log1p({1})", 3,
        _pairs((_uniform((-5, 5)), _uniform((-1, 5))), (_powers(-9, 9), _powers(-290, 290, 1))),
        ((0.1, 0.9), (0.1, 0.9)),
    ),
    "versine": VectorFunction(
        lambda x: 2 * mp.sin(x / 2) ** 2, lambda x: 2 * np.sin(x / 2) ** 2,
        "2.0 * math.sin(0.5 * {0})**2", 4, _all(_ANGLES, _powers(-150, 0)), ((-3, 3),),
    ),
    "sinc": VectorFunction(
        lambda x: mp.sin(x) / x if x else mp.mpf(1), _sinc_reference, "math.sin({0}) / {0}", 2,
        _ANGLES, ((0.1, 3),),
    ),
    "hypot": VectorFunction(
        lambda x, y: mp.sqrt(x * x + y * y), _hypot_reference, "math.hypot({0}, {1})", 2,
        _pairs((_uniform((-5, 5)), _uniform((-5, 5))), (_powers(-320, 307), _powers(-320, 307))),
        ((0.1, 0.9), (0.1, 0.9)),
    ),
    "gammaln": VectorFunction(
        mp.loggamma, special.gammaln, "math.lgamma({0})", 3,
        _all(_uniform((0, 10)), _powers(-320, 305, 1), _powers(0, 3, 1), _near(1.0), _near(2.0)),
        ((0.5, 20),),
    ),
    "digamma": VectorFunction(
        lambda x: mp.psi(0, x), special.psi, "", 4,
        _all(_uniform((0, 10)), _powers(-307, 300, 1), _powers(0, 3, 1), _near(1.4616321449683622)),
        ((0.5, 20),),
    ),
    "cbrt": VectorFunction(
        lambda x: mp.sign(x) * mp.cbrt(abs(x)), np.cbrt, "np.cbrt({0})", 1,
        _all(_uniform((-8, 8)), _powers(-323, 308)),
    ),
    "power": VectorFunction(
        mp.power, np.power, "{0} ** {1}", 1, _power_points, ((0.1, 5), (-3, 3))
    ),
}  # fmt: skip


# --- the module ----------------------------------------------------------------------------------


def functions_source(names: Sequence[str]) -> str:
    """Imports, compiler options and the functions, as they stand in a generated module."""
    header = (template_folder() / "header.py.jinja").read_text(encoding="utf-8")
    module = (template_folder() / "module.py.jinja").read_text(encoding="utf-8")
    options = re.search(r"^_OPTIONS: .*?^}$", header + module, re.DOTALL | re.MULTILINE)
    assert options, "the templates define _OPTIONS"
    keys: dict[str, None] = {}
    for name in names:
        for need in (*HELPER_NEEDS.get(f"cpu/{name}", ()), f"cpu/{name}"):
            keys.setdefault(need)
    parts = [
        "import math\nfrom typing import Any\n\nimport numpy as np\nfrom numba import njit\n",
        options[0].replace('"cache": True', '"cache": False'),
        *(helper_source(key, "cpu") for key in keys),
    ]
    return "\n\n\n".join(parts)


def sweep_module(texts: dict[str, str], names: Sequence[str], dtype: str = "float64") -> Any:
    """A namespace with one compiled loop `sweep_<key>(x, …, y)` for each text, `y = text`.

    Texts hold `{0}`, `{1}` for the operands; `names` are the functions that they may call.
    """
    lines = [functions_source(names)]
    for key, text in texts.items():
        operands = [f"x{k}" for k in range(2 if "{1}" in text else 1)]
        signature = ", ".join([f"{dtype}[::1]"] * (len(operands) + 1))
        body = text.format(*(f"{operand}[i]" for operand in operands))
        lines.append(
            f'@njit("void({signature})", **_OPTIONS)\n'
            f"def sweep_{key}({', '.join(operands)}, y):\n"
            f"    for i in range(y.size):\n"
            f"        y[i] = {body}"
        )
    namespace: dict[str, Any] = {"__name__": "vector_math_sweep"}
    exec("\n\n\n".join(lines), namespace)
    return namespace


# --- errors --------------------------------------------------------------------------------------


def errors_in_ulp(function: VectorFunction, points: Array, found: Array) -> Array:
    """|found - exact| in units in the last place of the exact value; infinite if it is no number.

    Where the exact value is beyond the largest float64, only infinity is right.
    """
    columns = points if points.ndim == 2 else points[:, None]
    errors = np.empty(len(found))
    with mp.workdps(DIGITS):
        limit = mp.mpf(2) ** 1024 - mp.mpf(2) ** 970
        for k, (row, value) in enumerate(zip(columns, found, strict=True)):
            exact = mp.re(function.exact(*(mp.mpf(float(x)) for x in row)))
            if abs(exact) >= limit:
                errors[k] = 0.0 if value == float(mp.sign(exact)) * np.inf else np.inf
            elif not np.isfinite(value):
                errors[k] = np.inf
            else:
                exponent = max(mp.frexp(exact)[1] - 53 if exact else -1074, -1074)
                if function.absolute:
                    largest = max([1.0, *np.abs(row)])
                    exponent = max(exponent, int(np.frexp(largest)[1]) - 53)
                errors[k] = float(abs(mp.mpf(float(value)) - exact) / mp.mpf(2) ** exponent)
    return errors
