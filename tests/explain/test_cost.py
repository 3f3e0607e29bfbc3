"""Operations and bytes as polynomials in sizes, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

from symgrad.capture import capture
from symgrad.driver import Timings, derive
from symgrad.explain.cost import (
    ProgramCost,
    count_at,
    element_operations,
    format_count,
    program_cost,
)
from symgrad.program import Access, index_symbol

X, Y = (Access(name, index_symbol("i")) for name in "xy")


def forward_cost(function: Callable[..., Any], **shapes: str) -> ProgramCost:
    return program_cost(derive(capture(function, shapes=shapes, name="f"), (), Timings()).forward)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (X, 0),
        (-X, 0),
        (X + Y, 1),
        (X - Y, 1),
        (2 * X, 1),
        (X / Y, 1),
        (2 * X / Y, 2),
        (1 / X, 1),
        (X * Y / 3, 2),
        (X**2, 1),
        (1 / X**2, 2),
        (sympy.exp(X), 1),
        (sympy.exp(X - Y) * X, 3),
        (sympy.Symbol("n", positive=True) ** -1 * X, 1),
    ],
    ids=str,
)
def test_operations_of_a_body(body: sympy.Expr, count: int) -> None:
    assert element_operations(body) == count


@pytest.mark.parametrize(
    ("function", "shapes", "operations"),
    [
        (lambda A, x: A @ x, {"A": "f64[n, d]", "x": "f64[d]"}, "2*d*n - n"),
        (lambda A, B: A @ B, {"A": "f64[n, d]", "B": "f64[d, m]"}, "2*d*m*n - m*n"),
        (lambda x: np.sum(x), {"x": "f64[n]"}, "n - 1"),
        (lambda x: np.mean(x), {"x": "f64[n]"}, "n"),
        (lambda x: np.sum(np.exp(x)), {"x": "f64[n]"}, "2*n - 1"),
        (lambda x: np.cumsum(x), {"x": "f64[n]"}, "n**2/2 - n/2"),
        (lambda A: np.sum(np.tril(A)), {"A": "f64[n, n]"}, "n**2/2 + n/2 - 1"),
    ],
)
def test_operations_of_a_program(
    function: Callable[..., Any], shapes: dict[str, str], operations: str
) -> None:
    cost = forward_cost(function, **shapes)
    symbols = {s: sympy.Symbol(s, integer=True, positive=True) for s in "ndm"}
    assert sympy.expand(cost.operations - sympy.sympify(operations, symbols)) == 0
    assert cost.exact


def test_bytes_count_each_array_once() -> None:
    cost = forward_cost(lambda x, y: np.sum(x * y + x), x="f64[n]", y="f32[n]")
    assert format_count(cost.least_bytes) == "12·n + 8"
    assert count_at(cost.least_bytes, {"n": 10}) == 128


def test_polynomials_print_highest_power_first() -> None:
    n, d = sympy.symbols("n d", integer=True, positive=True)
    assert format_count(3 * n - 1 + n * d**2) == "n·d^2 + 3·n - 1"
