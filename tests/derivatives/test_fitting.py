"""minimize and least_squares: what each method gets, several arguments, data, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

import symgrad
from symgrad.errors import ModelError


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bowl(x: Any) -> Any:
    return np.sum(np.cosh(x - 1)) + np.sum((x[1:] - x[:-1]) ** 2)


def two_arguments(a: Any, b: Any, target: Any) -> Any:
    return np.sum((np.outer(a, b) - target) ** 2) + np.sum(a**4) / 9 + np.sum(b**2) / 9


@pytest.mark.parametrize(
    "method", ["trust-exact", "dogleg", "trust-ncg", "Newton-CG", "trust-constr", "L-BFGS-B"]
)
def test_every_kind_of_method_finds_the_minimum(method: str) -> None:
    function = bowl if method == "dogleg" else rosenbrock  # it needs a definite Hessian
    options = {"maxiter": 2000}
    found = symgrad.minimize(
        function, np.full(4, 0.5), method=method, target="numpy", options=options, tol=1e-9
    )
    np.testing.assert_allclose(found.arguments["x"], np.ones(4), atol=2e-4)


def test_several_arguments_are_flattened_by_name(rng: np.random.Generator) -> None:
    target = rng.normal(size=(3, 2))
    start = {"b": np.ones(2), "a": np.ones(3)}
    by_hessian = symgrad.minimize(two_arguments, start, [target], target="numpy", tol=1e-10)
    by_products = symgrad.minimize(
        two_arguments, start, {"target": target}, method="trust-ncg", target="numpy", tol=1e-10
    )
    assert list(by_hessian.arguments) == ["a", "b"]
    assert by_hessian.arguments["a"].shape == (3,)
    np.testing.assert_allclose(by_hessian.x, by_products.x, atol=1e-8)
    plain = optimize.minimize(
        lambda v: two_arguments(v[:3], v[3:], target), np.ones(5), method="BFGS"
    )
    assert by_hessian.fun <= plain.fun + 1e-9


def residuals(camera: Any, point: Any, i: Any, j: Any, seen: Any) -> Any:
    return np.exp(camera[i] / 4) * point[j] - seen


@pytest.mark.parametrize("method", ["trf", "lm"])
def test_least_squares_with_a_sparse_jacobian(method: str, rng: np.random.Generator) -> None:
    camera, point = rng.normal(size=(4, 2)), rng.uniform(1, 2, (6, 2))
    i, j = (index.reshape(-1) for index in np.meshgrid(np.arange(4), np.arange(6)))
    seen = residuals(camera, point, i, j, 0.0)
    start = {"camera": np.zeros((4, 2)), "point": np.ones((6, 2))}
    data = {"i": i, "j": j, "seen": seen}
    found = symgrad.least_squares(residuals, start, data, method=method, target="numpy")
    assert found.cost < 1e-14
    shown = residuals(**found.arguments, i=i, j=j, seen=seen)
    np.testing.assert_allclose(shown, 0, atol=1e-6)
    assert (method == "lm") == isinstance(found.jac, np.ndarray)


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="'Nelder-Mead' uses no derivatives; use one of"):
        symgrad.minimize(rosenbrock, np.ones(2), method="Nelder-Mead")
    with pytest.raises(ModelError, match="the argument 'b' is missing"):
        symgrad.minimize(two_arguments, np.ones(2), {"target": np.ones((2, 2))})
    with pytest.raises(ModelError, match="no argument 'c'; it has a, b, target"):
        symgrad.minimize(two_arguments, {"c": np.ones(2)})
    with pytest.raises(ModelError, match="4 arrays of data given for b, target"):
        symgrad.minimize(two_arguments, np.ones(2), [1.0] * 4)
