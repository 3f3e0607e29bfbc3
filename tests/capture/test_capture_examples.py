"""Sizes from examples: they stay symbolic, and become one where an operation needs it."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.errors import CaptureError
from symgrad.program import evaluate, size_symbol


def linear(X, w, b):
    return X @ w + b


def test_sizes_are_symbols_of_their_own_until_an_operation_joins_them() -> None:
    captured = capture(linear, examples={"X": np.ones((5, 3)), "w": np.ones(3), "b": 2.0})
    X, w, b = captured.program.arguments
    assert X.shape == (size_symbol("X_0"), w.shape[0])
    assert b.shape == ()
    assert len(captured.program.sizes()) == 2


def test_captured_program_serves_other_sizes() -> None:
    program = capture(
        linear, examples={"X": np.ones((5, 3)), "w": np.ones(3), "b": np.ones(5)}
    ).program
    rng = np.random.default_rng(0)
    arguments = {"X": rng.normal(size=(7, 2)), "w": rng.normal(size=2), "b": rng.normal(size=7)}
    np.testing.assert_allclose(evaluate(program, arguments)["linear"], linear(**arguments))


def test_length_one_is_literal() -> None:
    program = capture(lambda x, y: x + y, examples={"x": np.ones((4, 1)), "y": np.ones(3)}).program
    assert program.arguments[0].shape[1] == 1


def test_size_that_meets_a_literal_becomes_it() -> None:
    program = capture(
        lambda x: x @ np.array([1.0, 2.0, 3.0]), examples={"x": np.ones((4, 3))}
    ).program
    assert program.arguments[0].shape == (size_symbol("x_0"), 3)


def test_clash_shows_the_lengths() -> None:
    with pytest.raises(CaptureError, match=r"\(X_0=5, X_1=3\) and 'w' has shape \(w_0=4,\)"):
        capture(linear, examples={"X": np.ones((5, 3)), "w": np.ones(4), "b": 0.0})


def test_types_come_from_the_examples() -> None:
    examples = {"x": np.ones(3, np.float32), "i": np.array([0, 1]), "p": True, "k": 2}
    program = capture(lambda x, i, p, k: x[i] * k, examples=examples).program
    assert [a.dtype for a in program.arguments] == ["float32", "int64", "bool", "int64"]


def test_equal_lengths_alone_do_not_join_sizes() -> None:
    program = capture(lambda x, y: x.sum() + y.sum(), examples={"x": np.ones(4), "y": np.ones(4)})
    assert len(program.program.sizes()) == 2


def test_parameter_with_default_takes_the_example_as_a_constant() -> None:
    def model(x, power=2):
        return x**power

    program = capture(model, examples={"x": np.ones(3), "power": 3}).program
    np.testing.assert_allclose(evaluate(program, {"x": np.array([2.0])})["model"], [8.0])
