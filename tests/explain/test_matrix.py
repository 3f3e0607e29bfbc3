"""Matrix notation of whole programs: what is recognised, put into lines, and left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from symgrad.capture import capture
from symgrad.compilation import Request, derive_file
from symgrad.driver import Timings, derive
from symgrad.explain.expressions import names_in
from symgrad.explain.matrix import agrees, matrix_lines, matrix_text
from symgrad.explain.recognise import matrix_forms
from symgrad.explain.sampling import sample_values
from symgrad.program import IndexCheck, Program, dependencies
from tests.operations import OPERATIONS, Operation, argument_specs

ROOT = Path(__file__).resolve().parents[2]


def gradient_program(function: Callable[..., Any], **shapes: str) -> Program:
    return derive(capture(function, shapes=shapes, name="f"), (), Timings()).gradient.program


def text(function: Callable[..., Any], **shapes: str) -> list[str]:
    return [" ".join(line.split()) for line in matrix_text(gradient_program(function, **shapes))]


def test_logistic_regression_prints_as_in_textbooks() -> None:
    request = Request(ROOT / "examples" / "logistic_regression" / "model.py")
    (derived,) = derive_file(request, Timings())
    assert derived.matrix_formulas() == (
        "z     = Xw + b",
        "loss  = 1/n · 1ᵀ(softplus(z) − y ⊙ z)",
        "w_bar = 1/n · Xᵀ(σ(Xw + b) − y)",
        "b_bar = 1/n · 1ᵀ(σ(Xw + b) − y)",
    )


def test_headers_show_both_notations() -> None:
    header = (ROOT / "generated" / "logistic_regression_grad.py").read_text(encoding="utf-8")
    assert "    w_bar[j] = Σ_i z_bar[i]·X[i,j]" in header
    assert "    w_bar = 1/n · Xᵀ(σ(Xw + b) − y)" in header


def test_labels_become_a_matrix() -> None:
    lines = text(
        lambda W, X, label: np.mean(
            logsumexp(X @ W, axis=1) - (X @ W)[np.arange(X.shape[0]), label]
        ),
        W="f64[d, c]",
        X="f64[n, d]",
        label="i64[n]",
    )
    assert "W_bar = 1/n · Xᵀ(softmax(XW) − onehot(label))" in lines


def test_computed_labels_have_a_line_of_their_own() -> None:
    def k_means(C, X):
        distance = np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=2)
        return np.sum(np.min(distance, axis=1))

    lines = text(k_means, C="f64[K, d]", X="f64[n, d]")
    labels = [line.partition("[")[0] for line in lines if "argmin_" in line]
    assert len(labels) == 1
    assert any(f"onehot({labels[0]})" in line for line in lines)


def test_every_name_is_explained() -> None:
    """A line refers to arguments and to lines above it, and to nothing else."""
    for operation in SAMPLED:
        model = capture(operation.function, shapes=argument_specs(operation), name="f")
        program = derive(model, (), Timings()).gradient.program
        known = {a.name for a in program.arguments} | {c.name for c in program.constants}
        known |= {s.name for s in program.definitions if isinstance(s, IndexCheck)}
        for line in matrix_lines(program):
            read = (
                names_in(line.matrix) if line.matrix is not None else dependencies(line.statement)
            )
            assert set(read) <= known, (operation.name, line.text())
            known.add(line.name)


def test_long_definitions_keep_their_names() -> None:
    lines = text(
        lambda x, A, B: np.sum(np.tanh(A @ x) * np.exp(A @ x) * np.sin(B @ x) + np.cos(A @ x)),
        x="f64[d]",
        A="f64[n, d]",
        B="f64[n, d]",
    )
    assert any(line.startswith("matmul1 = Ax") for line in lines)


def test_three_axes_stay_in_index_notation() -> None:
    program = gradient_program(
        lambda T, x: np.einsum("ijk,k->ij", T, x), T="f64[n, m, d]", x="f64[d]"
    )
    assert matrix_lines(program) == ()


def test_header_leaves_out_what_is_mostly_index_notation() -> None:
    (derived,) = derive_file(Request(ROOT / "examples" / "gmm" / "model.py"), Timings())
    assert derived.matrix_formulas() == ()


def test_a_constant_function_has_a_header() -> None:
    program = gradient_program(
        lambda x: np.sum(np.exp(x)) + 0.1 * np.sum(np.clip(x - x, -0.4, 0.6)), x="f64[n]"
    )
    assert any(line.startswith("x_bar") for line in matrix_text(program))


def test_where_a_formula_divides_by_zero_it_says_so() -> None:
    lines = text(lambda x: np.linalg.norm(x), x="f64[n]")
    assert lines == ["f = ‖x‖", "x_bar = 1/f · x (0 where f = 0)"]


def test_inverses_and_determinants_in_matrix_notation() -> None:
    def density(S: Any, x: Any) -> Any:
        return 0.5 * (x @ np.linalg.solve(S, x) + np.linalg.slogdet(S)[1])

    lines = text(density, S="f64[n, n]", x="f64[n]")
    assert lines[0] == "f = 1/2 · xᵀS⁻¹x + 1/2 · log|det(S)|"
    assert lines[1] == "S_bar = 1/2 · (S⁻ᵀ − S⁻ᵀxxᵀS⁻ᵀ)"
    assert text(lambda S: np.linalg.det(S), S="f64[n, n]")[-1] == "S_bar = cof(S)"
    factor = text(lambda S, x: np.linalg.solve(np.linalg.cholesky(S), x), S="f64[n, n]", x="f64[n]")
    assert "L" not in factor[0] and factor[0].endswith("= chol(S)")


SAMPLED = [
    operation
    for operation in OPERATIONS[::7]
    if any("f64" in argument for argument in operation.arguments) and operation.smooth
]


@pytest.mark.parametrize("operation", SAMPLED, ids=lambda operation: operation.name)
def test_every_line_is_what_the_program_computes(operation: Operation) -> None:
    """Nothing in the table of operations breaks it, and what is recognised needs no net."""
    model = capture(operation.function, shapes=argument_specs(operation), name="f")
    program = derive(model, (), Timings()).gradient.program
    samples = sample_values(program, 3, seed=5)
    for name, form in matrix_forms(program).items():
        assert agrees(name, form.matrix, samples)
    for line in matrix_lines(program):
        assert line.matrix is None or agrees(line.name, line.matrix, samples)
