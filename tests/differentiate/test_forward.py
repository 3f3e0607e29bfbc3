"""Forward mode: tangents of every definition, with the same partials as reverse mode."""

from __future__ import annotations

import numpy as np

from symgrad.differentiate import push_forward
from symgrad.program import evaluate
from tests.support import captured


def test_arguments_and_outputs_are_doubled() -> None:
    program = captured(lambda a, b: a @ b, a="f64[n, k]", b="f64[k]")
    forward = push_forward(program, ("a", "b"))
    assert [a.name for a in forward.arguments] == ["a", "b", "a_tangent", "b_tangent"]
    assert len(forward.outputs) == 2
    assert forward.outputs[0] == program.outputs[0]


def test_jacobian_times_vector() -> None:
    forward = push_forward(captured(lambda x: np.sin(x) * x[0], x="f64[n]"), ("x",))
    x, v = np.array([0.3, 0.7, -0.2]), np.array([1.0, -2.0, 0.5])
    found = evaluate(forward, {"x": x, "x_tangent": v})[forward.outputs[-1]]
    np.testing.assert_allclose(found, np.cos(x) * v * x[0] + np.sin(x) * v[0], rtol=1e-14)


def test_an_output_without_influence_has_the_tangent_zero() -> None:
    program = captured(lambda x, y: (x * 2, y * 3), x="f64[n]", y="f64[n]")
    forward = push_forward(program, ("x",))
    assert forward.outputs == ("f_0", "f_1", "f_0_dot", "f_1_dot")
    ones = np.ones(3)
    values = evaluate(forward, {"x": ones, "y": ones, "x_tangent": ones})
    np.testing.assert_array_equal(values["f_1_dot"], np.zeros(3))


def test_the_branch_not_taken_stays_out() -> None:
    """where(x > 0, sqrt(x), 0) at 0: the infinite slope of the root does not reach the tangent."""
    program = captured(lambda x: np.where(x > 0, np.sqrt(x), 0.0), x="f64[n]")
    forward = push_forward(program, ("x",))
    arguments = {"x": np.array([0.0, 4.0]), "x_tangent": np.array([1.0, 1.0])}
    assert evaluate(forward, arguments)[forward.outputs[-1]].tolist() == [0.0, 0.25]


def test_integers_have_no_tangent() -> None:
    program = captured(lambda x, k: (x[k], np.argmax(x)), x="f64[n]", k="i64[m]")
    forward = push_forward(program, ("x",))
    dtypes = forward.dtypes()
    assert [dtypes[name] for name in forward.outputs] == ["float64", "int64", "float64"]
