"""The helper functions of generated modules against SciPy over their whole range."""

from __future__ import annotations

from functools import cache
from types import ModuleType

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
NEGATIVE = -np.arange(0.1, 30.0, 0.37)
UNIT = np.concatenate([np.linspace(0.001, 0.999, 500), 1 - np.geomspace(1e-3, 1e-12, 20)])

# Where each function is swept, SciPy's, and the accuracy that is asked for, relative to the value.
SWEEPS = {
    "erf": (REAL, special.erf, 1e-15),
    "erfc": (REAL, special.erfc, 5e-15),
    "erfcx": (REAL, special.erfcx, 5e-14),
    "erfcx tail": (np.geomspace(1, 1e8, 200), special.erfcx, 5e-15),
    "ndtr": (REAL, special.ndtr, 2e-14),
    "log_ndtr": (REAL, special.log_ndtr, 2e-14),
    "log_ndtr tail": (-np.geomspace(1, 1e6, 200), special.log_ndtr, 2e-14),
    "sigmoid": (WIDE, special.expit, 1e-15),
    "softplus": (WIDE, lambda x: np.logaddexp(x, 0), 1e-15),
    "gammaln": (POSITIVE, special.gammaln, 1e-14),
    "psi": (POSITIVE, special.psi, 1e-14),
    "psi negative": (NEGATIVE, special.psi, 1e-12),
    "trigamma": (POSITIVE, lambda x: special.polygamma(1, x), 1e-14),
    "tetragamma": (POSITIVE, lambda x: special.polygamma(2, x), 2e-14),
    "pentagamma": (POSITIVE, lambda x: special.polygamma(3, x), 2e-14),
    "logit": (UNIT, special.logit, 2e-15),
    "xlogy": (POSITIVE, lambda x: special.xlogy(x, x), 1e-15),
    "logaddexp": (WIDE, lambda x: np.logaddexp(x, -x), 1e-15),
    "entr": (POSITIVE, special.entr, 1e-15),
}
# Near a zero of these the error is measured against 1.
WITH_ZEROS = ("gammaln", "psi", "logit", "xlogy", "entr", "logaddexp")
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, -2.0, -2.5]


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
    found, wanted = computed(name, target, points), oracle(points)
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
    with np.errstate(all="ignore"):
        wanted = SWEEPS[name][1](points)
    found = computed(name, target, points)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300, err_msg=f"at {EDGES}")


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_large_negative_arguments_take_no_time(group: str) -> None:
    """No helper walks from its argument to where a series converges."""
    module(group, "cpu").f(-np.geomspace(1e3, 1e300, 30) - 0.3)
