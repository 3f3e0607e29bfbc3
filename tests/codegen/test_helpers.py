"""The helper functions of generated modules against SciPy over their whole range."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np
import pytest
from scipy import special

from tests.support import build


def everything(x):
    return (
        special.erf(x),
        special.erfc(x),
        special.erfcx(x),
        special.ndtr(x),
        special.log_ndtr(x),
        special.expit(x),
        np.log(1 + np.exp(x)),
        special.gammaln(x),
        special.psi(x),
        special.polygamma(1, x),
        special.polygamma(2, x),
        special.polygamma(3, x),
        special.logit(x),
        special.xlogy(x, x),
        np.logaddexp(x, -x),
        special.entr(x),
    )


REAL = np.concatenate([np.linspace(-12, 12, 481), np.linspace(-1e-3, 1e-3, 21)])
WIDE = np.concatenate([REAL, np.linspace(-700, 700, 281)])
POSITIVE = np.concatenate([np.linspace(0.01, 30, 600), np.geomspace(1e-8, 1e8, 161)])
UNIT = np.concatenate([np.linspace(0.001, 0.999, 500), 1 - np.geomspace(1e-3, 1e-12, 20)])

# Position in `everything`, where it is swept, SciPy's function, and the accuracy that is asked
# for, relative to the value or (near zeros) to 1.
SWEEPS = {
    "erf": (0, REAL, special.erf, 1e-15),
    "erfc": (1, REAL, special.erfc, 5e-15),
    "erfcx": (2, REAL, special.erfcx, 5e-14),
    "erfcx tail": (2, np.geomspace(1, 1e8, 200), special.erfcx, 5e-15),
    "ndtr": (3, REAL, special.ndtr, 2e-14),
    "log_ndtr": (4, REAL, special.log_ndtr, 2e-14),
    "log_ndtr tail": (4, -np.geomspace(1, 1e6, 200), special.log_ndtr, 2e-14),
    "sigmoid": (5, WIDE, special.expit, 5e-16),
    "softplus": (6, WIDE, lambda x: np.logaddexp(x, 0), 5e-16),
    "gammaln": (7, POSITIVE, special.gammaln, 1e-14),
    "psi": (8, POSITIVE, special.psi, 1e-14),
    "trigamma": (9, POSITIVE, lambda x: special.polygamma(1, x), 1e-14),
    "tetragamma": (10, POSITIVE, lambda x: special.polygamma(2, x), 2e-14),
    "pentagamma": (11, POSITIVE, lambda x: special.polygamma(3, x), 2e-14),
    "logit": (12, UNIT, special.logit, 2e-15),
    "xlogy": (13, POSITIVE, lambda x: special.xlogy(x, x), 1e-15),
    "logaddexp": (14, WIDE, lambda x: np.logaddexp(x, -x), 1e-15),
    "entr": (15, POSITIVE, special.entr, 1e-15),
}
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, -2.0, -2.5]


@cache
def module(target) -> ModuleType:
    return build(everything, {"x": "f64[n]"}).module(target, jit=True)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_accuracy(name: str, target) -> None:
    position, points, oracle, tolerance = SWEEPS[name]
    found = module(target).f(points)[position]
    wanted = oracle(points)
    error = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-3 if "psi" in name else 1e-300)
    if name in ("gammaln", "psi", "logit", "xlogy", "entr"):  # these cross zero
        error = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1.0)
    worst = int(np.argmax(error))
    assert error[worst] <= tolerance, f"{name}({points[worst]!r}) = {found[worst]!r}"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_edges(target) -> None:
    """Infinities, zeros, poles and NaN as SciPy has them."""
    names = [name for name in SWEEPS if "tail" not in name]
    points = np.array(EDGES)
    found = module(target).f(points)
    for name in names:
        position, _, oracle, _ = SWEEPS[name]
        with np.errstate(all="ignore"):
            wanted = oracle(points)
        np.testing.assert_allclose(
            found[position], wanted, rtol=1e-12, atol=1e-300, err_msg=f"{name} at {EDGES}"
        )
