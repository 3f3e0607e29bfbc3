"""Gradients in matrix notation, as textbooks print them, and equal to them at random points."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.driver import Derived, Timings, derive
from symgrad.explain.matrix import agrees, matrix_lines
from symgrad.explain.sampling import random_arguments, sample_values
from tests.explain.identities import IDENTITIES, Identity

POINTS = 100


def derived(identity: Identity) -> Derived:
    wrt = next(iter(identity.shapes))
    model = capture(identity.function, shapes=identity.shapes, name="f", wrt=wrt)
    return derive(model, (), Timings())


def test_there_are_enough() -> None:
    assert len(IDENTITIES) >= 60
    assert len({identity.name for identity in IDENTITIES}) == len(IDENTITIES)


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_identity(identity: Identity) -> None:
    program = derived(identity).gradient.program
    gradient = program.outputs[-1]
    (line,) = [line for line in matrix_lines(program) if line.name == gradient]
    assert line.text().removesuffix(line.note) == f"{gradient} = {identity.printed}"
    assert line.matrix is not None
    samples = sample_values(program, POINTS, seed=1)
    assert len(samples) == POINTS
    assert agrees(gradient, line.matrix, samples)
    for values, _ in samples:
        with np.errstate(all="ignore"):
            expected = identity.textbook(*(values[name] for name in identity.shapes))
        np.testing.assert_allclose(values[gradient], expected, rtol=1e-9, atol=1e-12)


def test_a_wrong_formula_is_found() -> None:
    """The proof can fail: one formula's expression is not the value of another."""
    (right,) = [i for i in IDENTITIES if i.name == "xᵀAx"]
    (wrong,) = [i for i in IDENTITIES if i.name == "xᵀx"]
    program = derived(right).gradient.program
    gradient = program.outputs[-1]
    other = matrix_lines(derived(wrong).gradient.program)[-1]
    samples = sample_values(program, 2, seed=0)
    assert other.matrix is not None
    assert not agrees(gradient, other.matrix, samples)


def test_points_differ_and_are_repeatable() -> None:
    program = derived(IDENTITIES[0]).gradient.program
    first, second = (random_arguments(program, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["x"], first["a"])
