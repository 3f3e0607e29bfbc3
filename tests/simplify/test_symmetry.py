"""use_symmetry: what is symmetric by its definition is solved with and read one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.program import MatrixOperation, Program, evaluate
from symgrad.simplify import simplify
from symgrad.simplify.symmetry import symmetric_arrays, use_symmetry
from tests.support import assert_close, build

SHAPES = {"X": "f64[n, d]", "A": "f64[n, n]", "b": "f64[n]"}


def _kernel(X: Any) -> Any:
    distance = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    return np.exp(-0.5 * distance) + 0.3 * np.eye(X.shape[0])


SYMMETRIC: dict[str, Callable[..., Any]] = {
    "kernel": lambda X, A, b: _kernel(X),
    "absolute differences": lambda X, A, b: np.exp(-np.abs(b[:, None] - b[None, :])),
    "Gram": lambda X, A, b: X @ X.T + np.diag(b**2),
    "both triangles": lambda X, A, b: np.tril(A) + np.tril(A).T,
    "identity": lambda X, A, b: 2.0 * np.eye(X.shape[0]),
    "sum": lambda X, A, b: A + A.T,
    "inverse": lambda X, A, b: np.linalg.inv(A + A.T),
    "outer": lambda X, A, b: np.outer(b, b),
}
OTHERS: dict[str, Callable[..., Any]] = {
    "argument": lambda X, A, b: A * 1.0,
    "difference": lambda X, A, b: A - A.T,
    "differences": lambda X, A, b: b[:, None] - b[None, :],
    "odd power": lambda X, A, b: (b[:, None] - b[None, :]) ** 3,
    "triangle": lambda X, A, b: np.tril(A + A.T),
    "product": lambda X, A, b: A @ A,
    "rows": lambda X, A, b: b[:, None] * np.ones((X.shape[0], X.shape[0])),
    "shifted": lambda X, A, b: np.tril(A, 1) + np.tril(A, 1).T * 2,
}


def program_of(function: Callable[..., Any]) -> Program:
    return capture(function, shapes=SHAPES, name="f").program


@pytest.mark.parametrize("name", SYMMETRIC)
def test_what_is_symmetric(name: str, rng: np.random.Generator) -> None:
    program = simplify(program_of(SYMMETRIC[name])).program
    assert program.outputs[0] in symmetric_arrays(program)
    arguments = {
        "X": rng.normal(size=(4, 2)),
        "A": rng.normal(size=(4, 4)),
        "b": rng.normal(size=4),
    }
    value = evaluate(program, arguments)[program.outputs[0]]
    assert_close(value, value.T, 1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not(name: str) -> None:
    program = simplify(program_of(OTHERS[name])).program
    assert program.outputs[0] not in symmetric_arrays(program)


def test_a_quadratic_form_needs_one_solve(rng: np.random.Generator) -> None:
    """x = K⁻¹·b serves value, gradient by b and gradient by K."""
    shapes = {"X": "f64[n, d]", "b": "f64[n]"}
    module = build(lambda X, b: b @ np.linalg.solve(_kernel(X), b), shapes)
    program = module.derived.gradient.program
    assert sum(isinstance(s, MatrixOperation) for s in program.definitions) == 1
    X, b = rng.normal(size=(5, 2)), rng.normal(size=5)
    K = _kernel(X)
    x = np.linalg.solve(K, b)
    values, (by_X, by_b) = module.vjp("numpy", {"X": X, "b": b}, [np.asarray(1.0)])
    assert_close(values[0], np.asarray(b @ x), 1e-12)
    assert_close(by_b, 2 * x, 1e-12)
    weight = -np.outer(x, x) * (K - 0.3 * np.eye(5))
    expected = 2 * (weight @ X - weight.sum(axis=1)[:, None] * X)
    assert_close(by_X, expected, 1e-12, atol=1e-13)


def test_a_multiple_of_the_right_side_is_a_multiple_of_the_solution() -> None:
    program = program_of(
        lambda X, A, b: np.linalg.solve(A, b) + np.linalg.solve(A, -3.0 * b) * X.shape[1]
    )
    simplified = simplify(program).program
    assert sum(isinstance(s, MatrixOperation) for s in simplified.definitions) == 1


def test_without_matrices_nothing_is_looked_for() -> None:
    program = program_of(lambda X, A, b: (A + A.T) @ b)
    assert use_symmetry(program) is program
