"""solve_for_inverses: an inverse that only multiplies vectors is not formed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.program import MatrixOperation, Program, evaluate
from symgrad.simplify import simplify
from symgrad.simplify.inverses import solve_for_inverses
from tests.support import assert_close, build

SHAPES = {"A": "f64[n, n]", "b": "f64[n]", "c": "f64[n]", "S": "f64[m, n, n]", "B": "f64[n, k]"}
SOLVED: dict[str, tuple[Callable[..., Any], int]] = {
    "product": (lambda A, b, c, S, B: np.linalg.inv(A) @ b, 1),
    "from the left": (lambda A, b, c, S, B: b @ np.linalg.inv(A), 1),
    "quadratic form": (lambda A, b, c, S, B: b @ np.linalg.inv(A) @ c, 1),
    "two vectors": (lambda A, b, c, S, B: np.linalg.inv(A) @ b + np.linalg.inv(A) @ c, 2),
    "with a factor": (lambda A, b, c, S, B: 2 * (np.linalg.inv(A) @ b) * c, 1),
    "batch": (lambda A, b, c, S, B: np.linalg.inv(S) @ b, 1),
}
KEPT: dict[str, Callable[..., Any]] = {
    "output": lambda A, b, c, S, B: np.linalg.inv(A),
    "element": lambda A, b, c, S, B: np.linalg.inv(A) @ b + np.linalg.inv(A)[0, 0],
    "matrix": lambda A, b, c, S, B: np.linalg.inv(A) @ B,
    "three": lambda A, b, c, S, B: sum(np.linalg.inv(A) @ v for v in (b, c, b * c)),
    "diagonal": lambda A, b, c, S, B: np.sum(np.diagonal(np.linalg.inv(A)) * b),
}


def routines(program: Program) -> list[str]:
    return [s.routine for s in program.definitions if isinstance(s, MatrixOperation)]


def arguments_for(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {"A": (3, 3), "b": (3,), "c": (3,), "S": (2, 3, 3), "B": (3, 4)}
    return {
        name: rng.normal(size=shape) + (3 * np.eye(3) if shape[-2:] == (3, 3) else 0)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("name", SOLVED)
def test_vectors_are_solved_for(name: str, rng: np.random.Generator) -> None:
    function, count = SOLVED[name]
    program = simplify(capture(function, shapes=SHAPES, name="f").program).program
    assert routines(program) == ["solve"] * count
    arguments = arguments_for(rng)
    found = evaluate(program, arguments)[program.outputs[0]]
    assert_close(found, np.asarray(function(**arguments)), 1e-12, what=name)


@pytest.mark.parametrize("name", KEPT)
def test_other_inverses_are_formed(name: str) -> None:
    program = simplify(capture(KEPT[name], shapes=SHAPES, name="f").program).program
    assert routines(program) == ["inverse"]


def test_the_gradient_of_a_quadratic_form_has_no_products_of_matrices(
    rng: np.random.Generator,
) -> None:
    module = build(lambda A, b: b @ np.linalg.inv(A) @ b, {"A": "f64[n, n]", "b": "f64[n]"})
    program = module.derived.gradient.program
    assert set(routines(program)) == {"solve"}
    assert not any("Σ_k" in line for line in module.derived.formulas().splitlines())
    A, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)
    _, (by_A, by_b) = module.vjp("numpy", {"A": A, "b": b}, [np.asarray(1.0)])
    C = np.linalg.inv(A)
    assert_close(by_A, -np.outer(C.T @ b, C @ b), 1e-12)
    assert_close(by_b, (C + C.T) @ b, 1e-12)


def test_without_inverses_nothing_changes() -> None:
    program = capture(lambda A, b, c, S, B: A @ b, shapes=SHAPES, name="f").program
    assert solve_for_inverses(program) is program
