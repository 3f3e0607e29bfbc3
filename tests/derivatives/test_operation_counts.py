"""Simplified derivatives hold no more operations than the formulas one writes by hand.

Counted as `count_operations` does: n − 1 for a sum or product of n, a negative sign being a
product with −1, one for a power, a comparison or a call; n − y is two operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import symgrad
from symgrad.capture import capture
from symgrad.derivatives import DerivedProduct
from symgrad.driver import Derived, Timings, derive
from symgrad.program import Program
from symgrad.simplify import count_operations
from symgrad.simplify.cleaning import remove_dead
from symgrad.simplify.selections import merge_selections
from symgrad.simplify.sharing import share_values
from tests.support import assert_same_values, captured, formulas

VECTOR = {"x": "f64[n]"}


def _log_sum_exp(x: Any) -> Any:
    return np.log(np.sum(np.exp(x)))


def _cross_entropy(x: Any, y: Any) -> Any:
    return _log_sum_exp(x) - np.sum(x * y)


def _logistic(x: Any, X: Any, y: Any) -> Any:
    return np.sum(np.log(1 + np.exp(X @ x)) - y * (X @ x))


def _gaussian(x: Any, m: Any, s: Any) -> Any:
    return np.sum(-0.5 * ((x - m) / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi))


def _huber(x: Any) -> Any:
    return np.sum(np.where(np.abs(x) <= 1, 0.5 * x**2, np.abs(x) - 0.5))


# Function, shapes, operations of the gradient alone, operations and structure of the Hessian.
CASES = {
    # p = exp(x − l): 3; p − y: 2. Hessian: p, and −p beside p.
    "cross_entropy": (_cross_entropy, VECTOR | {"y": "f64[n]"}, 5, 4, "low_rank_plus"),
    "log_sum_exp": (_log_sum_exp, VECTOR, 3, 4, "low_rank_plus"),
    # z = X·x: 1; σ(z) − y: 3; X'·(…): 1. Hessian: z, σ·(1 − σ): 4, D·X: 1, X'·(D·X): 1.
    "logistic": (
        _logistic,
        {"x": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"},
        5,
        7,
        "dense",
    ),
    # t = (x − m)/s: 4; −t/s: 3. Hessian: −1/s².
    "gaussian": (_gaussian, VECTOR | {"m": "f64[]", "s": "f64[]"}, 7, 2, "diagonal"),
    # |x|, ≤, sign, select. Hessian: |x|, ≤, select.
    "huber": (_huber, VECTOR, 4, 3, "diagonal"),
    # r = A·x − b: 3; 2·A'·r: 2. Hessian: 2·A'·A.
    "least_squares": (
        lambda x, A, b: np.sum((A @ x - b) ** 2),
        VECTOR | {"A": "f64[m, n]", "b": "f64[m]"},
        5,
        2,
        "dense",
    ),
    "quadratic_form": (lambda x, A: x @ A @ x, VECTOR | {"A": "f64[n, n]"}, 3, 1, "dense"),
    "cube": (lambda x: x**3, {"x": "f64[]"}, 2, 1, "dense"),
}


def derived(function: Callable[..., Any], shapes: dict[str, str]) -> tuple[Derived, DerivedProduct]:
    model = capture(function, shapes=shapes, wrt="x", name="f")
    found = derive(model, (), Timings(), products=("hessian",))
    return found, found.products[0]


def operations(program: Program, *outputs: str) -> int:
    return count_operations(remove_dead(replace(program, outputs=outputs)))


@pytest.mark.parametrize("name", CASES)
def test_no_more_operations_than_by_hand(name: str) -> None:
    function, shapes, by_gradient, by_hessian, structure = CASES[name]
    first, second = derived(function, dict(shapes))
    gradient = first.gradient
    assert operations(gradient.program, *gradient.adjoints) <= by_gradient, first.formulas()
    assert count_operations(second.program) <= by_hessian, second.formulas()
    words = {"low_rank_plus": "diagonal plus rank 1"}
    assert second.notes == (f"∂²f/∂x²: {words.get(structure, structure)}",)


def test_blocks_of_softmax_are_diagonal_less_an_outer_product() -> None:
    def rows(x: Any) -> Any:
        return np.sum(np.log(np.sum(np.exp(x), axis=1)))

    _, second = derived(rows, {"x": "f64[n, k]"})
    assert second.notes == ("∂²f/∂x²: block diagonal over n",)
    assert count_operations(second.program) <= 3 + 2  # p, −p·p; the diagonal is p itself


def test_a_cube_to_order_three_is_six() -> None:
    third = symgrad.grad(lambda x: x**3, target="numpy")
    for _ in range(2):
        third = symgrad.grad(third, target="numpy")
    module = third.module(2.0)
    assert module.formulas.splitlines()[-1] == "x_bar = 6"
    assert third(2.0) == 6.0


def test_value_gradient_and_hessian_share_their_values() -> None:
    model = capture(_cross_entropy, shapes=VECTOR | {"y": "f64[n]"}, wrt="x", name="f")
    found = derive(model, (), Timings(), products=("value_grad_hessian", "hessian"))
    alone, together = found.products
    apart = count_operations(found.gradient.program) + count_operations(alone.program)
    assert "hessian" in alone.product
    assert count_operations(together.program) <= apart
    lines = formulas(next(p for p in found.products if "value" in p.product).program)
    assert sum("exp(" in line.replace("logsumexp", "") for line in lines) == 1


def test_shared_values_are_equal(rng: np.random.Generator) -> None:
    program = captured(lambda x: (np.exp(x) * 2, np.exp(x) + x), x="f64[n]")
    shared = share_values(program)
    assert_same_values(program, shared, rng, n=3)


def test_selections_of_one_condition_become_one(rng: np.random.Generator) -> None:
    program = captured(
        lambda x: x * np.where(x > 0.5, 1.0, 0.0) + np.sin(x) * np.where(x > 0.5, 0.0, 1.0),
        x="f64[n]",
    )
    from symgrad.simplify.inlining import inline_definitions

    inlined = inline_definitions(inline_definitions(program))
    merged = merge_selections(inlined)
    assert_same_values(program, merged, rng, n=5)
    assert sum(line.count("select") for line in formulas(merged)) <= sum(
        line.count("select") for line in formulas(inlined)
    )
