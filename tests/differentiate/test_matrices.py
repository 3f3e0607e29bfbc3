"""Derivatives of matrix operations, of first and second order, against torch and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from symgrad.capture import capture
from symgrad.differentiate import pull_back, push_forward
from symgrad.differentiate.jacobian import JacobianBuilder
from symgrad.differentiate.pattern import dense_definition
from symgrad.driver import Timings, derive
from symgrad.program import MatrixOperation, Program, evaluate
from symgrad.simplify import simplify
from tests.support import assert_close, build

Array = np.ndarray


def _covariance(x: Any) -> Any:
    return 0.3 * x @ np.swapaxes(x, -1, -2) + 1.5 * np.eye(x.shape[-1])


def _spread(t: Any, x: Any) -> Any:
    return 0.3 * x @ x.mT + 1.5 * t.eye(x.shape[-1], dtype=x.dtype)


# Each by x[…, n, n] and b, the second with torch; the value is summed with weights.
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, str]] = {
    "inv": (
        lambda x, b: np.linalg.inv(x + 3 * np.eye(x.shape[0])) @ b,
        lambda t, x, b: t.linalg.inv(x + 3 * t.eye(x.shape[0], dtype=x.dtype)) @ b,
        "f64[n, n]",
        "f64[n]",
    ),
    "solve": (
        lambda x, b: np.linalg.solve(x + 3 * np.eye(x.shape[0]), b) ** 2,
        lambda t, x, b: t.linalg.solve(x + 3 * t.eye(x.shape[0], dtype=x.dtype), b) ** 2,
        "f64[n, n]",
        "f64[n]",
    ),
    "solve, batch": (
        lambda x, b: np.linalg.solve(x + 3 * np.eye(x.shape[-1]), b) ** 2,
        lambda t, x, b: t.linalg.solve(x + 3 * t.eye(x.shape[-1], dtype=x.dtype), b) ** 2,
        "f64[m, n, n]",
        "f64[m, n, 2]",
    ),
    "solve, one right side": (
        lambda x, b: np.linalg.solve(x + 3 * np.eye(x.shape[-1]), b) ** 2,
        lambda t, x, b: (
            t.linalg.solve(x + 3 * t.eye(x.shape[-1], dtype=x.dtype), b[:, None])[..., 0] ** 2
        ),
        "f64[m, n, n]",
        "f64[n]",
    ),
    "det": (
        lambda x, b: np.linalg.det(x) * b,
        lambda t, x, b: t.linalg.det(x) * b,
        "f64[n, n]",
        "f64[n]",
    ),
    "slogdet": (
        lambda x, b: np.linalg.slogdet(x)[1] * b,
        lambda t, x, b: t.linalg.slogdet(x)[1] * b,
        "f64[n, n]",
        "f64[n]",
    ),
    "cholesky": (
        lambda x, b: np.linalg.cholesky(_covariance(x)) @ b,
        lambda t, x, b: t.linalg.cholesky(_spread(t, x)) @ b,
        "f64[n, n]",
        "f64[n]",
    ),
    "cholesky, batch": (
        lambda x, b: np.linalg.cholesky(_covariance(x)) @ b,
        lambda t, x, b: t.linalg.cholesky(_spread(t, x)) @ b,
        "f64[m, n, n]",
        "f64[n]",
    ),
    "cho_solve": (
        lambda x, b: linalg.cho_solve((np.linalg.cholesky(_covariance(x)), True), b) ** 2,
        lambda t, x, b: t.cholesky_solve(b[:, None], t.linalg.cholesky(_spread(t, x)))[:, 0] ** 2,
        "f64[n, n]",
        "f64[n]",
    ),
    "solve_triangular": (
        lambda x, b: linalg.solve_triangular(x + 3 * np.eye(x.shape[0]), b, lower=True) ** 2,
        lambda t, x, b: (
            t.linalg.solve_triangular(
                (x + 3 * t.eye(x.shape[0], dtype=x.dtype)).tril(), b[:, None], upper=False
            )[:, 0]
            ** 2
        ),
        "f64[n, n]",
        "f64[n]",
    ),
}
SIZES = {"n": 4, "m": 3}


def arguments_of(name: str, rng: np.random.Generator) -> dict[str, Array]:
    """Random x and b of the shapes of a case."""
    drawn = {}
    for argument, text in zip("xb", CASES[name][2:], strict=True):
        extents = text[4:-1].split(", ")
        drawn[argument] = rng.normal(size=[SIZES.get(e) or int(e) for e in extents])
    return drawn


def program_of(name: str) -> Program:
    function, _, x, b = CASES[name]
    return capture(function, shapes={"x": x, "b": b}, name="f").program


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives_equal_torch(name: str, rng: np.random.Generator) -> None:
    """x̄ and the product of ∂⟨x̄, u⟩/∂x with 1, the gradient program differentiated again."""
    torch = pytest.importorskip("torch")
    arguments = arguments_of(name, rng)
    program = program_of(name)
    first = pull_back(program, ("x", "b"))
    again = Program("g", first.program.arguments, first.program.definitions, first.adjoints)
    second = pull_back(again, ("x", "b"))
    simplified = simplify(second.program, without={"stabilise"}).program

    tensors = {n: torch.from_numpy(v.copy()).requires_grad_() for n, v in arguments.items()}
    value = CASES[name][1](torch, **tensors)
    cotangent = rng.normal(size=tuple(value.shape))
    inputs = list(tensors.values())
    weight = torch.from_numpy(cotangent)
    gradients = torch.autograd.grad((value * weight).sum(), inputs, create_graph=True)
    weights = [rng.normal(size=tuple(g.shape)) for g in gradients]
    total = sum((g * torch.from_numpy(w)).sum() for g, w in zip(gradients, weights, strict=True))
    expected = torch.autograd.grad(total, inputs)

    seeds = {first.cotangents[0]: cotangent, **dict(zip(second.cotangents, weights, strict=True))}
    values = evaluate(simplified, {**arguments, **seeds})
    for mine, theirs in zip(simplified.outputs, (*gradients, *expected), strict=True):
        wanted = theirs.detach().numpy()
        assert_close(values[mine], wanted, 1e-9, atol=1e-12 * np.max(np.abs(wanted)), what=name)


@pytest.mark.parametrize("name", CASES)
def test_gradient_equals_the_complex_step(name: str, rng: np.random.Generator) -> None:
    """⟨x̄, v⟩ = Im f(x + i·h·v)/h, the routines continued to complex matrices."""
    arguments = arguments_of(name, rng)
    program = program_of(name)
    gradient = pull_back(program, ("x",))
    value = evaluate(program, arguments)[program.outputs[0]]
    cotangent, direction = rng.normal(size=value.shape), rng.normal(size=arguments["x"].shape)
    values = evaluate(gradient.program, {**arguments, gradient.cotangents[0]: cotangent})
    found = np.sum(direction * values[gradient.adjoints[0]])
    moved = {**arguments, "x": arguments["x"] + 1e-40j * direction}
    step = np.sum(cotangent * evaluate(program, moved)[program.outputs[0]].imag) / 1e-40
    assert_close(np.asarray(found), np.asarray(step), 1e-11, what=name)


@pytest.mark.parametrize("name", CASES)
def test_forward_over_reverse_is_symmetric(name: str, rng: np.random.Generator) -> None:
    """⟨u, H·v⟩ = ⟨v, H·u⟩, by the forward rules on the reverse ones."""
    arguments = arguments_of(name, rng)
    first = pull_back(program_of(name), ("x",))
    again = Program("g", first.program.arguments, first.program.definitions, first.adjoints)
    program = simplify(push_forward(again, ("x",))).program
    value = evaluate(program_of(name), arguments)[program_of(name).outputs[0]]
    given = {**arguments, first.cotangents[0]: rng.normal(size=value.shape)}
    tangent = program.arguments[-1].name
    u, v = (rng.normal(size=arguments["x"].shape) for _ in range(2))
    left = np.sum(u * evaluate(program, {**given, tangent: v})[program.outputs[-1]])
    right = np.sum(v * evaluate(program, {**given, tangent: u})[program.outputs[-1]])
    assert_close(np.asarray(left), np.asarray(right), 1e-10, what=name)


def _dense(program: Program, pairs: list[tuple[str, str]]) -> tuple[Program, list[str]]:
    """∂output/∂argument as plain arrays, simplified, by forward accumulation."""
    builder = JacobianBuilder(program)
    names = []
    for output, argument in pairs:
        (jacobian,) = builder.expand(argument, (output,))
        names.append(builder.fresh(f"{output}_by_{argument}"))
        builder.define(dense_definition(jacobian, names[-1]))
    return simplify(builder.program(names), without={"stabilise"}).program, names


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_whole_jacobians_and_hessians_equal_torch(name: str, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    arguments = arguments_of(name, rng)
    tensors = tuple(torch.from_numpy(v.copy()) for v in arguments.values())
    function, theirs, x, b = CASES[name]
    program = program_of(name)
    dense, names = _dense(program, [(program.outputs[0], "x"), (program.outputs[0], "b")])
    values = evaluate(dense, arguments)
    expected = torch.autograd.functional.jacobian(lambda *a: theirs(torch, *a), tensors)
    for mine, wanted in zip(names, expected, strict=True):
        wanted = wanted.numpy()
        assert_close(values[mine], wanted, 1e-9, atol=1e-11 * np.max(np.abs(wanted)), what=name)

    scalar = capture(
        lambda x, b: np.sum(np.sin(function(x, b))), shapes={"x": x, "b": b}, name="f"
    ).program
    gradient = pull_back(scalar, ("x", "b"), unit_seed=True)
    pairs = [(adjoint, by) for adjoint in gradient.adjoints for by in ("x", "b")]
    dense, names = _dense(gradient.program, pairs)
    values = evaluate(dense, arguments)
    hessian = torch.autograd.functional.hessian(
        lambda *a: torch.sin(theirs(torch, *a)).sum(), tensors
    )
    for mine, wanted in zip(names, [block for row in hessian for block in row], strict=True):
        wanted = wanted.numpy()
        assert_close(values[mine], wanted, 1e-9, atol=1e-11 * np.max(np.abs(wanted)), what=name)


# --- singular matrices ---------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_gradient_of_a_determinant_is_the_cofactors(rank: int, rng: np.random.Generator) -> None:
    """For every rank: minors of each element, also where there is no inverse."""
    left, right = rng.normal(size=(3, rank)), rng.normal(size=(rank, 3))
    A = left @ right
    module = build(lambda A: np.linalg.det(A), {"A": "f64[n, n]"})
    minors = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            rest = np.delete(np.delete(A, i, 0), j, 1)
            minors[i, j] = (-1) ** (i + j) * (rest[0, 0] * rest[1, 1] - rest[0, 1] * rest[1, 0])
    _, (reference,) = module.reference_vjp({"A": A}, [np.asarray(1.0)])
    assert_close(reference, minors, 1e-9, atol=1e-14)
    for target in ("numpy", "cpu"):
        _, (found,) = module.vjp(target, {"A": A}, [np.asarray(1.0)])
        assert_close(found, minors, 1e-9, atol=1e-14)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda A: np.sum(np.linalg.inv(A)), "f: inverse of 'A', line .* of the model: Singular"),
        (lambda A: np.sum(np.linalg.solve(A, A)), "solve of 'A', line .*: Singular"),
        (lambda A: np.sum(np.linalg.cholesky(A)), "cholesky of 'A', line .*: .*positive definite"),
    ],
)
def test_singular_matrices_are_errors_that_name_the_line(
    target: Any, function: Callable[..., Any], said: str
) -> None:
    module = build(function, {"A": "f64[n, n]"})
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(np.linalg.LinAlgError, match=said):
        module.value(target, {"A": A})


def test_second_derivative_of_a_singular_determinant_is_an_error() -> None:
    program = capture(lambda A: np.linalg.det(A), shapes={"A": "f64[n, n]"}, name="f").program
    first = pull_back(program, ("A",), unit_seed=True)
    again = Program("g", first.program.arguments, first.program.definitions, first.adjoints)
    second = pull_back(again, ("A",))
    given = {"A": np.ones((2, 2)), second.cotangents[0]: np.ones((2, 2))}
    with pytest.raises(np.linalg.LinAlgError, match=r"inverse of 'A'.*Singular"):
        evaluate(second.program, given)


# --- what a Cholesky factor reads ----------------------------------------------------------------


def test_gradient_of_a_cholesky_factor_is_that_of_the_triangle_it_reads(
    rng: np.random.Generator,
) -> None:
    """By differences of NumPy's own function; both triangles together are torch's gradient."""
    A = _covariance(rng.normal(size=(4, 4)))
    weights = rng.normal(size=(4, 4))
    module = build(lambda A: np.linalg.cholesky(A), {"A": "f64[n, n]"})
    _, (found,) = module.reference_vjp({"A": A}, [weights])
    assert np.all(np.triu(found, 1) == 0)
    for i, j in [(2, 1), (3, 3), (0, 2)]:
        moved = [A.copy(), A.copy()]
        moved[0][i, j] += 1e-6
        moved[1][i, j] -= 1e-6
        ahead, behind = (np.sum(weights * np.linalg.cholesky(a)) for a in moved)
        assert abs(found[i, j] - (ahead - behind) / 2e-6) < 1e-7


# --- simplification ------------------------------------------------------------------------------


def test_equal_operations_are_computed_once() -> None:
    """The inverse of the model, that of slogdet's derivative, and both solves."""

    def f(A: Any, b: Any) -> Any:
        inverse = np.linalg.inv(A)
        first, second = np.linalg.solve(A, b), np.linalg.solve(A, b)
        return np.sum(inverse**2) + np.linalg.slogdet(A)[1] + np.sum(first * second)

    module = build(f, {"A": "f64[n, n]", "b": "f64[n]"})
    program = module.derived.gradient.program
    routines = [s.routine for s in program.definitions if isinstance(s, MatrixOperation)]
    assert sorted(routines) == ["inverse", "log_abs_determinant", "solve", "solve"]


def test_solve_of_zeros_is_zeros() -> None:
    program = capture(
        lambda A: np.linalg.solve(A, np.zeros(A.shape[0])), shapes={"A": "f64[n, n]"}, name="f"
    ).program
    assert not any(isinstance(s, MatrixOperation) for s in simplify(program).program.definitions)


def test_hessians_of_batches_are_block_diagonal() -> None:
    """Covariances of several Gaussians: each has a block of its own."""

    def f(S: Any, d: Any) -> Any:
        return np.sum(d * np.linalg.solve(S, d[..., None])[..., 0]) + np.sum(
            np.linalg.slogdet(S)[1]
        )

    model = capture(f, shapes={"S": "f64[k, n, n]", "d": "f64[k, n]"}, name="f")
    (product,) = derive(model, (), Timings(), products=("hessian",)).products
    assert product.notes[0] == "∂²f/∂S²: block diagonal over k"
    assert product.notes[2] == "∂²f/∂d²: block diagonal over k"
