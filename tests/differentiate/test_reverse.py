"""Reverse mode: what the gradient program holds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.differentiate import pull_back
from symgrad.errors import DifferentiationError
from symgrad.program import Definition, Reshape, evaluate
from symgrad.simplify import simplify
from tests.support import captured, formulas, random_arguments


def test_outputs_are_the_values_and_one_adjoint_per_argument() -> None:
    program = captured(lambda a, b: a @ b, a="f64[n, k]", b="f64[k]")
    gradient = pull_back(program, ("b", "a"))
    assert gradient.values == program.outputs
    assert gradient.wrt == ("b", "a")
    assert gradient.program.outputs == (*program.outputs, *gradient.adjoints)
    shapes = gradient.program.shapes()
    assert [shapes[name] for name in gradient.adjoints] == [shapes["b"], shapes["a"]]


def test_every_floating_output_has_a_cotangent() -> None:
    program = captured(lambda x: (x * 2, x > 0, np.sum(x)), x="f64[n]")
    gradient = pull_back(program, ("x",))
    assert len(gradient.cotangents) == 2
    added = gradient.program.arguments[1:]
    shapes = program.shapes()
    assert [a.shape for a in added] == [shapes[program.outputs[0]], shapes[program.outputs[2]]]


def test_unit_seed_needs_no_cotangent() -> None:
    gradient = pull_back(captured(lambda x: np.sum(x * x), x="f64[n]"), ("x",), unit_seed=True)
    assert gradient.cotangents == ()
    values = evaluate(gradient.program, {"x": np.array([1.0, 2.0])})
    assert values[gradient.adjoints[0]].tolist() == [2.0, 4.0]


def test_unit_seed_wants_a_number() -> None:
    with pytest.raises(DifferentiationError, match="vector-Jacobian product"):
        pull_back(captured(lambda x: x * x, x="f64[n]"), ("x",), unit_seed=True)


def test_unknown_argument_is_named() -> None:
    with pytest.raises(DifferentiationError, match="by 'w': its arguments are x"):
        pull_back(captured(lambda x: x * x, x="f64[n]"), ("w",))


def test_integer_argument_is_refused() -> None:
    program = captured(lambda x, k: x * k, x="f64[n]", k="i64[n]")
    with pytest.raises(DifferentiationError, match="by 'k': it holds int64"):
        pull_back(program, ("k",))


def test_an_argument_without_influence_has_gradient_zero() -> None:
    program = captured(lambda x, y: x * 2, x="f64[n]", y="f64[m]")
    gradient = pull_back(program, ("x", "y"))
    values = evaluate(
        gradient.program, {"x": np.ones(2), "y": np.ones(3), "f_cotangent": np.ones(2)}
    )
    assert values[gradient.adjoints[1]].tolist() == [0.0, 0.0, 0.0]


def test_an_output_that_is_an_argument() -> None:
    program = captured(lambda x: (x, 3 * x), x="f64[n]")
    gradient = pull_back(program, ("x",))
    seeds = {name: np.array([1.0, 2.0]) for name in gradient.cotangents}
    values = evaluate(gradient.program, {"x": np.zeros(2), **seeds})
    assert values[gradient.adjoints[0]].tolist() == [4.0, 8.0]


def test_reshape_is_undone_by_a_reshape() -> None:
    program = captured(lambda x: np.reshape(x, (-1,)), x="f64[n, d]")
    gradient = pull_back(program, ("x",)).program
    assert sum(isinstance(s, Reshape) for s in gradient.definitions) == 2


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: x[1:], {"x": "f64[n]"}),
        (lambda x: x[::-1], {"x": "f64[n]"}),
        (lambda x: np.concatenate([x, x]), {"x": "f64[n]"}),
        (lambda x: x.T, {"x": "f64[n, d]"}),
        (lambda x: np.pad(x, 2), {"x": "f64[n]"}),
        (lambda x: np.stack([x, x]), {"x": "f64[n]"}),
        (lambda x: x[2:] - 2 * x[1:-1] + x[:-2], {"x": "f64[n]"}),
    ],
)
def test_affine_maps_give_gathers(function, shapes) -> None:
    """Each element of the adjoint is written once: no sums, no equalities."""
    program = captured(function, **shapes)
    gradient = pull_back(program, ("x",))
    simplified = simplify(gradient.program).program
    adjoint = simplified.statement(simplified.outputs[-1])
    assert isinstance(adjoint, Definition)
    for term in adjoint.terms:
        assert not term.axes
        assert not any(guard.relation == "==" for guard in term.guards)


def test_only_a_gather_gives_a_scatter() -> None:
    program = captured(lambda x, k: x[k], x="f64[n]", k="i64[m]")
    gradient = simplify(pull_back(program, ("x",)).program).program
    adjoint = gradient.statement(gradient.outputs[-1])
    (term,) = adjoint.terms
    assert [guard.relation for guard in term.guards] == ["=="]


def test_forward_values_are_not_computed_again() -> None:
    program = captured(lambda x, w: np.sum(np.exp(x @ w)), x="f64[n, d]", w="f64[d]")
    gradient = simplify(pull_back(program, ("w",), unit_seed=True).program).program
    assert sum(line.count("exp") for line in formulas(gradient)) == 1


def test_second_order_of_a_quadratic_is_its_matrix(rng: np.random.Generator) -> None:
    """f = ½ xᵀAx: ∇f = ½(A + Aᵀ)x, and H·v = ½(A + Aᵀ)v."""
    program = captured(lambda x, A: 0.5 * (x @ A @ x), x="f64[n]", A="f64[n, n]")
    first = pull_back(program, ("x",), unit_seed=True)
    second = pull_back(first.program, ("x",))
    arguments = random_arguments(program, rng, n=4)
    v = rng.normal(size=4)
    seeds = dict(zip(second.cotangents, (np.float64(0), v), strict=True))
    found = evaluate(second.program, {**arguments, **seeds})[second.adjoints[0]]
    symmetric = 0.5 * (arguments["A"] + arguments["A"].T)
    np.testing.assert_allclose(found, symmetric @ v, rtol=1e-13)
