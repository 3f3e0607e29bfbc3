"""read_matrices: operands of matrix operations are read as what they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from symgrad.capture import capture
from symgrad.program import MatrixOperation, Program, evaluate, format_statement
from symgrad.simplify import simplify
from symgrad.simplify.matrices import read_matrices
from tests.support import assert_close

SHAPES = {"A": "f64[n, n]", "b": "f64[n]"}


def _positive(A: Any) -> Any:
    return A @ A.T + 2 * np.eye(A.shape[0])


def operations(program: Program) -> list[str]:
    """The right sides of all matrix operations, as text; names that stand for no variable are t."""
    statements = [s for s in program.definitions if isinstance(s, MatrixOperation)]
    texts = (format_statement(s).partition(" = ")[2] for s in statements)
    return [re.sub(r"\bt\d+\b", "t", text) for text in texts]


CASES: list[tuple[str, Callable[..., Any], list[str]]] = [
    ("transposed", lambda A, b: np.linalg.solve(A.T, b), ["solve(transpose(A), b)"]),
    ("twice", lambda A, b: np.linalg.solve(A.T.T, b), ["solve(A, b)"]),
    ("copied", lambda A, b: np.linalg.solve(A.copy(), b.copy()), ["solve(A, b)"]),
    ("determinant", lambda A, b: np.linalg.det(A.T), ["determinant(A)"]),
    ("inverse", lambda A, b: np.linalg.inv(A.T), ["inverse(t)"]),
    ("lower", lambda A, b: np.linalg.solve(np.tril(A), b), ["solve_lower(t, b)"]),
    ("above", lambda A, b: np.linalg.solve(np.triu(A), b), ["solve_upper(t, b)"]),
    ("shifted", lambda A, b: np.linalg.solve(np.tril(A, 1), b), ["solve(t, b)"]),
    (
        "diagonal apart",
        lambda A, b: np.linalg.solve(np.tril(A, -1) + np.diag(np.exp(b)), b),
        ["solve_lower(t, b)"],
    ),
    (
        "scipy transposed",
        lambda A, b: linalg.solve_triangular(A.T, b, lower=True),
        ["solve_upper(transpose(A), b)"],
    ),
]


@pytest.mark.parametrize(("name", "function", "expected"), CASES, ids=[c[0] for c in CASES])
def test_operands_are_read_as_what_they_are(
    name: str, function: Callable[..., Any], expected: list[str], rng: np.random.Generator
) -> None:
    program = capture(function, shapes=SHAPES, name="f").program
    simplified = simplify(program).program
    assert operations(simplified) == expected
    arguments = {"A": rng.normal(size=(4, 4)) + 3 * np.eye(4), "b": rng.normal(size=4)}
    found = evaluate(simplified, arguments)[simplified.outputs[0]]
    assert_close(found, np.asarray(function(**arguments)), 1e-12, what=name)


def test_solves_with_a_cholesky_factor_are_substitutions() -> None:
    def f(A: Any, b: Any) -> Any:
        L = np.linalg.cholesky(_positive(A))
        return np.linalg.solve(L.T, np.linalg.solve(L, b))

    program = simplify(capture(f, shapes=SHAPES, name="f").program).program
    assert operations(program) == [
        "cholesky(t)",
        "solve_lower(L, b)",
        "solve_lower(transpose(L), solve1)",
    ]


def test_what_has_no_matrices_is_left_alone() -> None:
    program = capture(lambda A, b: A @ b, shapes=SHAPES, name="f").program
    assert read_matrices(program) is program
