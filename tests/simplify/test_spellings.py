"""Each rule against mpmath at extreme inputs; the report names it, an option ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp
from scipy import special

from symgrad.simplify import simplify
from symgrad.simplify.spellings import RULES
from tests.simplify.everyday import exponents, relative_error
from tests.support import build, captured

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "numerics.md"


@dataclass(frozen=True)
class Proof:
    """A naive spelling of one number, its exact value, and where it is swept."""

    rule: str
    function: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    low: float = -1e300
    high: float = 1e300
    digits: int = 60
    tolerance: float = 1e-12


def _two_steps(x):
    e = np.exp(-x)
    total = 1 + e
    return np.log(1 / total)


def _kept_apart(x):
    up, down = np.exp(x), np.exp(-x)
    return (up - down) / (up + down)


def _softplus(u: Any) -> Any:
    return max(u, mp.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(u)))


def _tanh(u: Any) -> Any:
    return mpmath.tanh(u) if abs(u) < 1e4 else mpmath.sign(u)


def _sigmoid(u: Any) -> Any:
    return mpmath.exp(-_softplus(-u))


def _log_of_three(u: Any) -> Any:
    peak = max(u, -u, 3 * u)
    weighted = ((1, 1), (1, -1), (2, 3))
    return mpmath.log(sum(w * mpmath.exp(e * u - peak) for w, e in weighted))


def _log_erfc(u: Any) -> Any:
    return mpmath.log(mpmath.erfc(u))


PROOFS = {
    "log of exp": Proof("log of exp", lambda x: np.log(np.exp(x) * 1.0), lambda u: u),
    "log of exp, weighted": Proof(
        "log of product", lambda x: np.log(3.0 * np.exp(x)), lambda u: u + mpmath.log(3), -1e9, 1e9
    ),
    "log of sigmoid": Proof(
        "log of probability", lambda x: np.log(special.expit(x)), lambda u: -_softplus(-u)
    ),
    "log of sigmoid, three lines": Proof("logistic", _two_steps, lambda u: -_softplus(-u)),
    "log of 1 - sigmoid": Proof(
        "complement", lambda x: np.log(1 - 1 / (1 + np.exp(-x))), lambda u: -_softplus(u)
    ),
    "log of ndtr": Proof(
        "log of probability",
        lambda x: np.log(special.ndtr(x)),
        lambda u: mpmath.log(mpmath.erfc(-u / mpmath.sqrt(2)) / 2),
        -1e3,
        8.0,
    ),
    "log of erfc": Proof(
        "log of probability", lambda x: np.log(special.erfc(x)), _log_erfc, -5.0, 1e3, 700
    ),
    "log of cosh": Proof(
        "log of probability",
        lambda x: np.log((np.exp(x) + np.exp(-x)) / 2),
        lambda u: abs(u) + mpmath.log1p(mpmath.exp(-2 * abs(u))) - mpmath.log(2),
        digits=700,
    ),
    "softplus": Proof("softplus", lambda x: np.log1p(np.exp(x)), _softplus),
    "softplus of opposite": Proof(
        "softplus of opposite", lambda x: x - np.log(1 + np.exp(x)), lambda u: -_softplus(-u)
    ),
    "log1p": Proof("log1p", lambda x: np.log(1 + x), mpmath.log1p, -0.9),
    "log of 1 - x": Proof("log1p", lambda x: np.log(1 - x), lambda u: mpmath.log1p(-u), high=0.9),
    "log of 1 + tanh": Proof(
        "complement",
        lambda x: np.log(1 + np.tanh(x)),
        lambda u: mpmath.log(2) - _softplus(-2 * u),
        digits=700,
    ),
    "log of 1 - exp": Proof(
        "log1mexp",
        lambda x: np.log(1 - np.exp(x)),
        lambda u: mpmath.log(-mpmath.expm1(u)),
        high=-0.0,
        digits=400,
    ),
    "log of exp - 1": Proof(
        "log1mexp",
        lambda x: np.log(np.exp(x) - 1),
        lambda u: u + mpmath.log(-mpmath.expm1(-u)),
        1e-300,
    ),
    "logaddexp": Proof(
        "logsumexp",
        lambda x: np.log(np.exp(x) + np.exp(-x) + 2 * np.exp(3 * x)),
        lambda u: max(u, -u, 3 * u) + _log_of_three(u),
        -1e299,
        1e299,
    ),
    "log of 3/2 + exp": Proof(
        "logsumexp",
        lambda x: np.log(1.5 + np.exp(x)),
        lambda u: mpmath.log(1.5) + _softplus(u - mpmath.log(1.5)),
    ),
    "log of axis product": Proof(
        "log of axis product",
        lambda x: np.log(np.prod(np.stack([x, x, 2 * x]), axis=0)),
        lambda u: 3 * mpmath.log(u) + mpmath.log(2),
        1e-300,
    ),
    "norm": Proof(
        "norm",
        lambda x: np.sqrt(np.sum(np.stack([x, 2 * x, -x]) ** 2, axis=0)),
        lambda u: mpmath.sqrt(6) * abs(u),
        -1e299,
        1e299,
    ),
    "inverse of a norm": Proof(
        "norm",
        lambda x: 1 / np.sqrt(x**2 + (2 * x) ** 2),
        lambda u: 1 / (mpmath.sqrt(5) * abs(u)),
        -1e299,
        1e299,
    ),
    "difference of roots": Proof(
        "difference of roots",
        lambda x: np.sqrt(x + 1) - np.sqrt(x),
        lambda u: 1 / (mpmath.sqrt(u + 1) + mpmath.sqrt(u)),
        0.0,
    ),
    "root less 1": Proof(
        "difference of roots",
        lambda x: np.sqrt(1 + x) - 1,
        lambda u: u / (mpmath.sqrt(1 + u) + 1),
        -0.9,
    ),
    "smaller root of a quadratic": Proof(
        "difference of roots",
        lambda x: x - np.sqrt(x**2 - 1.0),
        lambda u: u - mpmath.sqrt(u * u - 1),
        1.5,
        1e150,
        700,
    ),
    "expm1": Proof("complement", lambda x: np.exp(x) - 1, mpmath.expm1),
    "1 - exp": Proof("complement", lambda x: 2 - 2 * np.exp(x), lambda u: -2 * mpmath.expm1(u)),
    "1 - cos": Proof("complement", lambda x: 1 - np.cos(x), lambda u: 2 * mpmath.sin(u / 2) ** 2),
    "1 - sigmoid": Proof("complement", lambda x: 1 - special.expit(x), lambda u: _sigmoid(-u)),
    "1 - erf": Proof(
        "complement", lambda x: 1 - special.erf(x), lambda u: mpmath.erfc(u), -1e300, 25.0
    ),
    "1 - ndtr": Proof(
        "complement",
        lambda x: 1 - special.ndtr(x),
        lambda u: mpmath.erfc(u / mpmath.sqrt(2)) / 2,
        -1e300,
        30.0,
    ),
    "1 - tanh": Proof("complement", lambda x: 1 - np.tanh(x), lambda u: 2 * _sigmoid(-2 * u)),
    "1 - tanh²": Proof(
        "complement",
        lambda x: 1 - np.tanh(x) ** 2,
        lambda u: 4 * _sigmoid(2 * u) * _sigmoid(-2 * u),
    ),
    "root of sigmoid": Proof(
        "power of exp", lambda x: np.sqrt(1 / (1 + np.exp(-x))), lambda u: mpmath.sqrt(_sigmoid(u))
    ),
    "sinh": Proof("hyperbolic", lambda x: (np.exp(x) - np.exp(-x)) / 2, mpmath.sinh),
    "tanh": Proof(
        "tanh", _kept_apart, lambda u: mpmath.tanh(u) if abs(u) < 1e4 else mpmath.sign(u)
    ),
    "tanh by exp(2x)": Proof(
        "tanh",
        lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
        _tanh,
    ),
    "logistic density": Proof(
        "logistic",
        lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
        lambda u: _sigmoid(u) * _sigmoid(-u),
    ),
    "ratio of exponentials": Proof(
        "logistic",
        lambda x: np.exp(3 * x) / (np.exp(3 * x) + np.exp(x)),
        lambda u: _sigmoid(2 * u),
        -1e299,
        1e299,
    ),
    "reference class": Proof(
        "softmax",
        lambda x: np.exp(x) / (1 + np.exp(x) + np.exp(2 * x)),
        lambda u: 1 / (mpmath.exp(-u) + 1 + mpmath.exp(u)),
        -1e299,
        1e299,
    ),
    "sinc": Proof(
        "sinc",
        lambda x: np.sin(2 * x) / x,
        lambda u: mpmath.sin(2 * u) / u if u else mp.mpf(2),
        -1e299,
        1e299,
    ),
    "versine by x²": Proof(
        "sinc",
        lambda x: (1 - np.cos(x)) / x**2,
        lambda u: 2 * (mpmath.sin(u / 2) / u) ** 2,
        -1e150,
        1e150,
    ),
    "guarded quotient": Proof(
        "guarded quotient",
        lambda x: np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)),
        lambda u: mpmath.sin(u) / u if u else mp.mpf(1),
    ),
    "xlogy": Proof("xlogy", lambda x: x * np.log(x), lambda u: u * mpmath.log(u), 1e-300, 1e290),
    "arcsinh": Proof(
        "arcsinh", lambda x: np.log(x + np.sqrt(1 + x**2)), mpmath.asinh, -1e299, 1e299
    ),
    "arcsinh of the opposite": Proof(
        "arcsinh",
        lambda x: np.log(np.sqrt(1 + x**2) - x),
        lambda u: -mpmath.asinh(u),
        -1e299,
        1e299,
    ),
    "root of one square": Proof(
        "norm", lambda x: np.sqrt(x**2 + x**2), lambda u: mpmath.sqrt(2) * abs(u), -1e299, 1e299
    ),
    "exp of softplus": Proof(
        "exp of log", lambda x: np.exp(np.log(1 + np.exp(x))) - 1, lambda u: mpmath.exp(u)
    ),
    "exp of log1p": Proof(
        "exp of log", lambda x: np.exp(np.log(1 + x**2)) - 1, lambda u: u * u, -1e150, 1e150
    ),
    "inverse of a softmax": Proof(
        "power of exp",
        lambda x: 1 / (np.exp(x) / (1 + np.exp(x) + np.exp(2 * x))),
        lambda u: mpmath.exp(-u) + 1 + mpmath.exp(u),
        -1e299,
        1e299,
    ),
    "hyperbolic sine of a choice": Proof(
        "hyperbolic",
        lambda x: (np.exp(np.where(x > 0, x, x / 2)) - np.exp(-np.where(x > 0, x, x / 2))) / 2,
        lambda u: mpmath.sinh(u if u > 0 else u / 2),
    ),
    "known sign": Proof(
        "known sign",
        lambda x: np.abs(np.exp(x)) + np.maximum(x**2, 0),
        lambda u: mpmath.exp(u) + u * u,
    ),
}
# Of vectors, tested below.
OF_VECTORS = {"softmax", "variance", "log of determinant"}


def points(proof: Proof) -> np.ndarray:
    """All magnitudes and signs within the proof's range, and its ends."""
    x = np.concatenate([exponents(160, "float64"), -exponents(160, "float64"), [0.0]])
    x = np.concatenate([x, np.linspace(-40, 40, 41) + 1e-3])
    return x[(x >= proof.low) & (x <= proof.high)]


def exact_value(proof: Proof, u: Any) -> Any:
    try:
        return proof.exact(u)
    except ZeroDivisionError:
        return mp.nan  # not defined there


@pytest.mark.parametrize("name", PROOFS)
def test_values_over_the_whole_range(name: str) -> None:
    proof = PROOFS[name]
    x = points(proof)
    built = build(proof.function, {"x": "f64[n]"})
    with np.errstate(all="ignore"):
        (found,) = built.value("numpy", {"x": x})
    with mpmath.workdps(proof.digits):
        right = [exact_value(proof, mpmath.mpf(float(u))) for u in x]
        largest = mpmath.mpf(float(np.finfo(np.float64).max))
        fits = np.array([bool(mpmath.isfinite(r) and abs(r) < largest) for r in right])
        exact = np.array([float(r) if ok else 0.0 for r, ok in zip(right, fits, strict=True)])
    error = relative_error(found[fits], exact[fits], "float64")
    worst = int(np.argmax(error))
    assert fits.sum() > 20
    assert error[worst] <= proof.tolerance, (
        f"{name} at {x[fits][worst]!r}: {found[fits][worst]!r}, not {exact[fits][worst]!r}"
    )


@pytest.mark.parametrize("name", PROOFS)
def test_rewrites_are_reported_and_can_be_switched_off(name: str) -> None:
    program = captured(PROOFS[name].function, x="f64[n]")
    notes = [n for r in simplify(program, inline=False).reports for n in r.notes]
    if name == "log of exp":  # SymPy's own fold
        return
    assert notes and all(re.match(r"stabilised: .+ → .+, test_spellings.py:\d+$", n) for n in notes)
    plain = simplify(program, inline=False, without={"stabilise"})
    assert not [n for r in plain.reports for n in r.notes]


def test_softmax_over_any_axis_and_three_lines() -> None:
    def model(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        total = np.sum(e, axis=1, keepdims=True)
        return e / total

    x = np.array([[1e300, 0.0, -1e300], [800.0, 800.5, -800.0], [1e-300, 0.0, 0.0]])
    built = build(model, {"x": "f64[n, d]"})
    assert any("logsumexp" in line for line in built.derived.formulas().splitlines())
    (found,) = built.value("numpy", {"x": x})
    np.testing.assert_allclose(found, special.softmax(x, axis=1), rtol=1e-14)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: np.mean(x**2, axis=0) - np.mean(x, axis=0) ** 2,
        lambda x: np.sum(x**2, axis=0) / x.shape[0] - (np.sum(x, axis=0) / x.shape[0]) ** 2,
    ],
)
def test_variance_by_moments(model: Callable[..., Any]) -> None:
    x = 1e8 + np.array([[1.0, 4.0], [2.0, 4.0], [4.0, 4.0]])
    built = build(model, {"x": "f64[n, d]"})
    assert built.derived.notes
    (found,) = built.value("numpy", {"x": x})
    np.testing.assert_allclose(found, np.var(x, axis=0), rtol=1e-12, atol=0)


def test_every_rule_has_a_proof() -> None:
    assert {rule.name for rule in RULES} == {p.rule for p in PROOFS.values()} | OF_VECTORS


def rule_table() -> str:
    """The rules as a table of the document."""
    lines = ["| rule | rewrite | condition |", "|---|---|---|"]
    cells = ((r.name, r.arithmetic, r.condition) for r in RULES)
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]
    return "\n".join(lines)


def test_the_document_lists_the_rules() -> None:
    assert rule_table() in DOCUMENT.read_text(encoding="utf-8")
