"""The passes together: order, report, leaving passes out, and what the whole must preserve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from scipy import special

from symgrad.differentiate import pull_back
from symgrad.errors import SymgradError
from symgrad.program import Access, Definition, Program
from symgrad.simplify import PASS_NAMES, count_operations, simplify
from symgrad.simplify.runner import _REPEATED
from tests.support import assert_same_values, captured


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def network(V, w, X):
    h = np.tanh(X @ V)
    return np.sum(special.logsumexp(h, axis=1) * (h @ w))


def batch_norm(X, w):
    mean = X.mean(axis=0, keepdims=True)
    scaled = (X - mean) / np.sqrt(X.var(axis=0, keepdims=True) + 0.1)
    return np.sum(np.tanh(scaled @ w))


def stencil(x):
    return np.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2) + np.sum(np.cumsum(x) ** 2)


def gathered(x, p):
    return np.sum(np.where(x[p] > 0.5, x[p] ** 2, np.max(x)))


def quadratic(A, x):
    return x @ A @ x + np.trace(A) + np.sum(np.tril(A) * np.eye(x.shape[0]))


PROGRAMS: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "logistic": (logistic, {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}),
    "network": (network, {"V": "f64[d, k]", "w": "f64[k]", "X": "f64[n, d]"}),
    "batch_norm": (batch_norm, {"X": "f64[n, d]", "w": "f64[d]"}),
    "stencil": (stencil, {"x": "f64[n]"}),
    "gathered": (gathered, {"x": "f64[n]", "p": "i64[m]"}),
    "quadratic": (quadratic, {"A": "f64[n, n]", "x": "f64[n]"}),
}
SIZES = {"n": 5, "d": 3, "k": 2, "m": 4}


def gradient_of(name: str) -> Program:
    function, shapes = PROGRAMS[name]
    program = captured(function, **shapes)
    floating = tuple(a.name for a in program.arguments if a.dtype == "float64")
    return pull_back(program, floating, unit_seed=True).program


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("pass_name", [name for name, _ in _REPEATED])
def test_every_pass_preserves_values(name: str, pass_name: str, rng: np.random.Generator) -> None:
    """Each pass alone, on the raw gradient and on one that the others have simplified."""
    run = dict(_REPEATED)[pass_name]
    raw = gradient_of(name)
    assert_same_values(raw, run(raw), rng, **SIZES)
    half = simplify(raw, without={pass_name, "stabilise"}).program
    assert_same_values(half, run(half), rng, **SIZES)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_whole_preserves_values(name: str, rng: np.random.Generator) -> None:
    raw = gradient_of(name)
    simplified = simplify(raw)
    assert_same_values(raw, simplified.program, rng, **SIZES)
    assert len(simplified.program.definitions) < len(raw.definitions)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("left_out", PASS_NAMES)
def test_every_pass_can_be_left_out(name: str, left_out: str, rng: np.random.Generator) -> None:
    raw = gradient_of(name)
    simplified = simplify(raw, without={left_out})
    assert left_out not in {report.name for report in simplified.reports}
    assert_same_values(raw, simplified.program, rng, **SIZES)


def test_all_passes_can_be_left_out(rng: np.random.Generator) -> None:
    raw = gradient_of("network")
    simplified = simplify(raw, without=PASS_NAMES)
    assert simplified.reports == ()
    assert len(simplified.program.definitions) == len(raw.definitions)
    assert_same_values(raw, simplified.program, rng, **SIZES)


def test_unknown_pass_is_named() -> None:
    with pytest.raises(SymgradError, match="there is no pass 'fold'; the passes are stabilise"):
        simplify(gradient_of("stencil"), without={"fold"})


@pytest.mark.parametrize("name", PROGRAMS)
def test_simplified_is_a_fixed_point(name: str) -> None:
    once = simplify(gradient_of(name)).program
    assert simplify(once, without={"stabilise"}).program == once


def test_the_report_adds_up() -> None:
    raw = gradient_of("batch_norm")
    simplified = simplify(raw)
    saved = sum(r.operations_before - r.operations_after for r in simplified.reports)
    assert saved == count_operations(raw) - count_operations(simplified.program)
    assert all(r.changes > 0 and r.milliseconds >= 0 for r in simplified.reports)


@pytest.mark.parametrize("name", ["logistic", "network"])
def test_contractions_stay_products_of_elements(name: str) -> None:
    """Every sum over two loops or more that reads a matrix is a plain contraction."""
    simplified = simplify(gradient_of(name)).program
    seen = 0
    for statement in simplified.definitions:
        assert isinstance(statement, Definition)
        for term in statement.terms:
            if not term.axes or not statement.axes or term.reduction != "sum":
                continue
            factors = [f for f in sympy.Mul.make_args(term.body) if f.has(Access)]
            assert all(isinstance(f, Access) for f in factors), statement
            seen += len(factors) > 1
    assert seen >= 2


def test_without_inlining_values_can_be_reused() -> None:
    """Before differentiation definitions stay apart, whatever the passes could do with them."""
    program = captured(lambda x: np.sin(np.exp(x) * 2), x="f64[n]")
    assert len(simplify(program, inline=False).program.definitions) >= 2
    assert len(simplify(program).program.definitions) == 1
