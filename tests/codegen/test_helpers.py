"""The helper functions of generated modules against SciPy over their whole range."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import mpmath
import numpy as np
import pytest
from scipy import special

from tests.support import build

FUNCTIONS = {
    "erf": lambda x: special.erf(x),
    "erfc": lambda x: special.erfc(x),
    "erfcx": lambda x: special.erfcx(x),
    "ndtr": lambda x: special.ndtr(x),
    "log_ndtr": lambda x: special.log_ndtr(x),
    "sigmoid": lambda x: special.expit(x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "gammaln": lambda x: special.gammaln(x),
    "psi": lambda x: special.psi(x),
    "trigamma": lambda x: special.polygamma(1, x),
    "tetragamma": lambda x: special.polygamma(2, x),
    "pentagamma": lambda x: special.polygamma(3, x),
    "logit": lambda x: special.logit(x),
    "xlogy": lambda x: special.xlogy(x, x),
    "logaddexp": lambda x: np.logaddexp(x, -x),
    "entr": lambda x: special.entr(x),
}
# Compiled together, to save time.
GROUPS = {
    "normal": ("erf", "erfc", "erfcx", "ndtr", "log_ndtr"),
    "gamma": ("gammaln", "psi", "trigamma", "tetragamma", "pentagamma"),
    "logistic": ("sigmoid", "softplus", "logit", "xlogy", "logaddexp", "entr"),
}

REAL = np.concatenate([np.linspace(-12, 12, 481), np.linspace(-1e-3, 1e-3, 21)])
WIDE = np.concatenate([REAL, np.linspace(-700, 700, 281)])
POSITIVE = np.concatenate([np.linspace(0.01, 30, 600), np.geomspace(1e-8, 1e8, 161)])
NEGATIVE = -np.arange(0.13, 30.0, 0.3711)
UNIT = np.concatenate([np.linspace(0.001, 0.999, 500), 1 - np.geomspace(1e-3, 1e-12, 20)])

HALF = mpmath.mpf(1) / 2


def _exact(function):
    """A function of mpmath with 40 digits, on an array."""

    def run(points: np.ndarray) -> np.ndarray:
        with mpmath.workdps(40):
            return np.array([float(function(mpmath.mpf(float(x)))) for x in points])

    return run


def _log_sum(a, b):
    return max(a, b) + mpmath.log1p(mpmath.exp(-abs(a - b)))


# Where each function is swept, what it is exactly, and the relative accuracy that is asked for:
# the distribution function magnifies the rounding of x by x².
SWEEPS = {
    "erf": (REAL, mpmath.erf, 1e-15),
    "erfc": (REAL, mpmath.erfc, 1e-15),
    "erfcx": (REAL[REAL > -5], lambda x: mpmath.exp(x * x) * mpmath.erfc(x), 5e-15),
    "erfcx tail": (np.geomspace(1, 1e3, 200), lambda x: mpmath.exp(x * x) * mpmath.erfc(x), 5e-15),
    "ndtr": (REAL, lambda x: HALF * mpmath.erfc(-x / mpmath.sqrt(2)), 5e-14),
    "log_ndtr": (
        np.linspace(-12, 5, 341),
        lambda x: mpmath.log(HALF * mpmath.erfc(-x / mpmath.sqrt(2))),
        5e-15,
    ),
    "log_ndtr tail": (
        -np.geomspace(1, 1e4, 200),
        lambda x: mpmath.log(HALF * mpmath.erfc(-x / mpmath.sqrt(2))),
        5e-15,
    ),
    "sigmoid": (WIDE, lambda x: 1 / (1 + mpmath.exp(-x)), 1e-15),
    "softplus": (WIDE, lambda x: _log_sum(x, mpmath.mpf(0)), 1e-15),
    "gammaln": (POSITIVE, mpmath.loggamma, 1e-14),
    "psi": (POSITIVE, mpmath.digamma, 1e-14),
    "psi negative": (NEGATIVE, mpmath.digamma, 1e-12),
    "trigamma": (POSITIVE, lambda x: mpmath.psi(1, x), 1e-14),
    "tetragamma": (POSITIVE, lambda x: mpmath.psi(2, x), 1e-14),
    "pentagamma": (POSITIVE, lambda x: mpmath.psi(3, x), 1e-14),
    "logit": (UNIT, lambda x: mpmath.log(x / (1 - x)), 1e-15),
    "xlogy": (POSITIVE, lambda x: x * mpmath.log(x), 1e-15),
    "logaddexp": (WIDE, lambda x: _log_sum(x, -x), 1e-15),
    "entr": (POSITIVE, lambda x: -x * mpmath.log(x), 1e-15),
}
SCIPY = {
    "erf": special.erf,
    "erfc": special.erfc,
    "erfcx": special.erfcx,
    "ndtr": special.ndtr,
    "log_ndtr": special.log_ndtr,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(x, 0),
    "gammaln": special.gammaln,
    "psi": special.psi,
    "trigamma": lambda x: special.polygamma(1, x),
    "tetragamma": lambda x: special.polygamma(2, x),
    "pentagamma": lambda x: special.polygamma(3, x),
    "logit": special.logit,
    "xlogy": lambda x: special.xlogy(x, x),
    "logaddexp": lambda x: np.logaddexp(x, -x),
    "entr": special.entr,
}
# Near a zero of these the error is measured against 1.
WITH_ZEROS = ("gammaln", "psi", "logit", "xlogy", "entr", "logaddexp")
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e308, -1e308, 1e-300, -2.0, -2.5]


def _all_of(names: tuple[str, ...]):
    return lambda x: tuple([FUNCTIONS[name](x) for name in names])


@cache
def module(group: str, target) -> ModuleType:
    return build(_all_of(GROUPS[group]), {"x": "f64[n]"}).module(target, jit=True)


def computed(name: str, target, points: np.ndarray) -> np.ndarray:
    group = next(key for key, names in GROUPS.items() if name in names)
    return module(group, target).f(points)[GROUPS[group].index(name)]


@pytest.mark.slow
@pytest.mark.parametrize("case", SWEEPS)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_accuracy(case: str, target) -> None:
    points, oracle, tolerance = SWEEPS[case]
    name = case.split()[0]
    found, wanted = computed(name, target, points), _exact(oracle)(points)
    smallest = 1.0 if name in WITH_ZEROS else 1e-300
    error = np.abs(found - wanted) / np.maximum(np.abs(wanted), smallest)
    worst = int(np.argmax(error))
    assert error[worst] <= tolerance, (
        f"{case}({points[worst]!r}) = {found[worst]!r}, not {wanted[worst]!r}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_edges(name: str, target) -> None:
    """Infinities, zeros, poles and NaN as SciPy has them."""
    points = np.array(EDGES)
    if name in GROUPS["gamma"]:
        points = points[points != -np.inf]  # of no use there, and SciPy's own answers vary
    with np.errstate(all="ignore"):
        wanted = SCIPY[name](points)
    found = computed(name, target, points)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300, err_msg=f"at {points}")


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_large_negative_arguments_take_no_time(group: str) -> None:
    """No helper walks from its argument to where a series converges."""
    module(group, "cpu").f(-np.geomspace(1e3, 1e300, 30) - 0.3)
