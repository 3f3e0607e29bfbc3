"""take_out_numbers: operations on A and on c·A are one operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from symgrad.capture import capture
from symgrad.program import MatrixOperation, Program, evaluate
from symgrad.simplify import simplify
from symgrad.simplify.scaled_matrices import take_out_numbers
from tests.support import assert_close

SHAPES = {"A": "f64[n, n]", "b": "f64[n]", "S": "f64[m, n, n]"}
SHARED: dict[str, Callable[..., Any]] = {
    "inverse": lambda A, b, S: np.linalg.inv(2 * A) + np.linalg.inv(A),
    "solve": lambda A, b, S: np.linalg.solve(0.5 * A, b) + np.linalg.solve(A, b),
    "logarithm": lambda A, b, S: np.linalg.slogdet(3 * A)[1] - np.linalg.slogdet(A / 7)[1],
    "of the determinant": lambda A, b, S: np.log(np.linalg.det(A) * np.linalg.det(2 * A)),
    "Cholesky": lambda A, b, S: np.linalg.cholesky(4 * A) - np.linalg.cholesky(A),
    "triangle": lambda A, b, S: linalg.solve_triangular(2 * A, b) + linalg.solve_triangular(A, b),
    "batch": lambda A, b, S: np.linalg.slogdet(2 * np.pi * S)[1] + np.linalg.slogdet(S)[1],
}
KEPT: dict[str, Callable[..., Any]] = {
    "negative": lambda A, b, S: np.linalg.inv(-2 * A),
    "determinant": lambda A, b, S: np.linalg.det(2 * A),
    "elements": lambda A, b, S: np.linalg.inv(b[:, None] * A),
    "sum": lambda A, b, S: np.linalg.inv(2 * A + 1),
}


def operations(program: Program) -> list[MatrixOperation]:
    return [s for s in program.definitions if isinstance(s, MatrixOperation)]


@pytest.mark.parametrize("name", SHARED)
def test_one_operation_serves_all_multiples(name: str, rng: np.random.Generator) -> None:
    program = simplify(capture(SHARED[name], shapes=SHAPES, name="f").program).program
    assert len({(s.routine, s.operands) for s in operations(program)}) == len(operations(program))
    assert {s.operands[0] for s in operations(program)} <= {"A", "S"}
    half = rng.normal(size=(2, 3, 3))
    S = half @ np.swapaxes(half, -1, -2) + np.eye(3)
    arguments = {"A": S[0], "b": rng.normal(size=3), "S": S}
    found = evaluate(program, arguments)[program.outputs[0]]
    assert_close(found, np.asarray(SHARED[name](**arguments)), 1e-12, what=name)


@pytest.mark.parametrize("name", KEPT)
def test_other_matrices_stay(name: str) -> None:
    program = simplify(capture(KEPT[name], shapes=SHAPES, name="f").program).program
    assert [s.operands[0] in ("A", "S") for s in operations(program)] == [False]


def test_without_matrices_nothing_changes() -> None:
    program = capture(lambda A, b, S: 2 * A @ b, shapes=SHAPES, name="f").program
    assert take_out_numbers(program) is program
