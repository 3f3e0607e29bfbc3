"""Names, index letters, origins: what makes a captured program readable."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from symgrad.capture import CapturedModel, capture, program
from symgrad.program import Definition, format_program, index_symbol


def lines(captured: CapturedModel) -> list[str]:
    """The formulas of a program, without the ranges of their indices."""
    return [line.split("    ")[0] for line in format_program(captured.program).splitlines()]


@program(wrt=("w", "b"))
def loss(
    w: Float64[Array, "d"],
    b: Float64[Array, ""],
    X: Float64[Array, "n d"],
    y: Float64[Array, "n"],
):
    """Logistic loss."""
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def test_program_reads_as_the_model() -> None:
    captured = capture(loss)
    assert lines(captured) == [
        "matmul1[i] = Σ_j w[j]·X[i,j]",
        "z[i] = b + matmul1[i]",
        "t1[i] = exp(z[i])",
        "t2[i] = 1 + t1[i]",
        "t3[i] = log(t2[i])",
        "t4[i] = y[i]·z[i]",
        "t5[i] = t3[i] - t4[i]",
        "loss = 1/n·Σ_i t5[i]",
    ]
    assert captured.wrt == ("w", "b")
    assert not captured.single_wrt
    assert not captured.returns_tuple
    assert captured.docstring == "Logistic loss."
    assert captured.program.outputs == ("loss",)


def test_origin_is_the_line_of_the_model() -> None:
    captured = capture(loss, source="examples/loss.py")
    first = loss.function.__code__.co_firstlineno
    origins = [statement.origin for statement in captured.program.definitions]
    assert {origin.file for origin in origins} == {"examples/loss.py"}
    assert origins[0].line == origins[1].line == first + 8
    assert origins[-1].line == first + 9
    assert captured.line == first


def test_origin_in_a_helper_is_its_own_line() -> None:
    def helper(x):
        return np.exp(x)

    def model(x):
        return helper(x) + 1

    definitions = capture(model, shapes={"x": "f64[n]"}).program.definitions
    assert definitions[0].origin.line == helper.__code__.co_firstlineno + 1
    assert definitions[1].origin.line == model.__code__.co_firstlineno + 1


def test_variable_assigned_again_keeps_its_name_with_a_number() -> None:
    def model(x):
        h = np.tanh(x)
        h = h * 2
        return h + 1

    names = [d.name for d in capture(model, shapes={"x": "f64[n]"}).program.definitions]
    assert names == ["h", "h_2", "model"]


def test_result_of_a_helper_is_named_by_its_caller() -> None:
    def helper(x):
        return np.exp(x)

    def model(x):
        wide = helper(x)
        return wide * wide

    assert capture(model, shapes={"x": "f64[n]"}).program.definitions[0].name == "wide"


def test_unpacked_results_take_the_names_of_their_variables() -> None:
    def model(x):
        low, high = np.split(x, 2)
        return low * high

    names = [d.name for d in capture(model, shapes={"x": "f64[2*n]"}).program.definitions]
    assert names == ["low", "high", "model"]


def test_names_never_meet_arguments_sizes_or_python() -> None:
    def model(x, np_):
        n = x * 2
        len = n + np_
        lambda_ = len * 1.5
        return lambda_ * 3

    captured = capture(model, shapes={"x": "f64[n]", "np_": "f64[n]"})
    names = [d.name for d in captured.program.definitions]
    assert names == ["n_2", "len_2", "lambda_2", "model"]


def test_outputs_have_statements_of_their_own() -> None:
    def model(x, y):
        total = x + y
        return x, x, total, total, 1.5

    captured = capture(model, shapes={"x": "f64[n]", "y": "f64[n]"})
    assert captured.returns_tuple
    assert captured.program.outputs == ("model_0", "model_1", "total", "model_3", "model_4")


def test_index_letters_follow_extents() -> None:
    def model(A, B):
        C = A @ B
        return C.T * np.ones((1, 1))

    captured = capture(model, shapes={"A": "f64[n, k]", "B": "f64[k, m]"})
    assert lines(captured)[:2] == ["C[i,j] = Σ_l A[i,l]·B[l,j]", "t1[j,i] = C[i,j]"]
    assert lines(captured)[-1].startswith("model[j,i] = ")


def test_square_matrices_use_two_letters() -> None:
    (definition,) = capture(lambda A: A.T * 1, shapes={"A": "f64[n, n]"}).program.definitions[:1]
    assert definition.indices == (index_symbol("i"), index_symbol("j"))


def test_index_letters_avoid_sizes_and_arguments() -> None:
    captured = capture(lambda i, k: i[:, None] * k, shapes={"i": "f64[j]", "k": "f64[l]"})
    for definition in captured.program.definitions:
        assert not {index.name for index in definition.indices} & {"i", "j", "k", "l"}


def test_many_axes_run_out_of_letters_gracefully() -> None:
    def model(x):
        total = 0.0
        for k in range(40):
            total = total + np.sum(x[k:])
        return total

    captured = capture(model, shapes={"x": "f64[50]"})
    letters = {
        axis.index.name
        for d in captured.program.definitions
        if isinstance(d, Definition)
        for axis in d.axes
    }
    assert "i1" in letters


def test_capture_is_deterministic() -> None:
    assert capture(loss).program == capture(loss).program


def test_literal_array_is_named_after_its_variable() -> None:
    kernel = np.array([1.0, 2.0, 4.0])
    captured = capture(lambda x: x @ kernel, shapes={"x": "f64[n, 3]"})
    assert captured.program.constants[0].values == (1.0, 2.0, 4.0)
    inside = capture(_with_literal, shapes={"x": "f64[n, 3]"})
    assert [c.name for c in inside.program.constants] == ["weights"]


def _with_literal(x):
    weights = np.array([0.5, 0.25, 0.25])
    return (x @ weights) * 2 + x @ weights
