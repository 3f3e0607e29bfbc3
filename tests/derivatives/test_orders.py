"""Hessians, products with them and nested gradients of twenty functions, against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import symgrad
from tests.derivatives.functions import CASES, Case
from tests.support import assert_close, magnitude

BY_NAME = [pytest.param(case, id=case.name) for case in CASES]


def first_argument(case: Case) -> str:
    return next(iter(case.function.__code__.co_varnames))


def hessian_by_torch(torch: Any, case: Case) -> np.ndarray:
    x = torch.tensor(case.x)
    data = [torch.tensor(array) for array in case.data]
    found = torch.autograd.functional.hessian(lambda v: case.peer(torch)(v, *data), x)
    return found.numpy()


@pytest.mark.parametrize("case", BY_NAME)
def test_hessians_equal_torch(case: Case, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    wrt = first_argument(case)
    matrix = symgrad.hessian(case.function, wrt=wrt, target="numpy")(case.x, *case.data)
    expected = hessian_by_torch(torch, case)
    assert type(matrix).__name__ == case.structure
    assert_close(matrix.to_dense(), expected, 1e-10, atol=1e-10 * magnitude(expected))
    v = rng.standard_normal(case.x.shape)
    product = symgrad.hvp(case.function, wrt=wrt, target="numpy")(case.x, *case.data, v)
    assert_close(matrix @ v, product, 1e-12, atol=1e-12 * magnitude(product))
    diagonal = symgrad.hessian_diagonal(case.function, wrt=wrt, target="numpy")
    flat = expected.reshape(case.x.size, case.x.size)
    found = diagonal(case.x, *case.data).reshape(-1)
    assert_close(found, np.diag(flat), 1e-10, atol=1e-10 * magnitude(expected))


def along_a_line(case: Case, direction: np.ndarray) -> Any:
    """The function on the line x + t·direction: what nested gradients of scalars are taken of."""
    x, data, function = case.x, case.data, case.function

    def line(t: Any) -> Any:
        return function(x + t * direction, *data)

    return line


@pytest.mark.parametrize("case", BY_NAME)
def test_nested_gradients_to_order_four_equal_torch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    direction = np.cos(np.arange(case.x.size)).reshape(case.x.shape) / 4
    line = along_a_line(case, direction)
    point = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    data = [torch.tensor(array) for array in case.data]
    value = case.peer(torch)(torch.tensor(case.x) + point * torch.tensor(direction), *data)
    derivative = line
    for _order in range(4):
        derivative = symgrad.grad(derivative, target="numpy")
        expected = torch.zeros(())
        if value.requires_grad:
            (value,) = torch.autograd.grad(value, point, create_graph=True)
            expected = value.detach()
        assert_close(derivative(0.1), expected.numpy(), 1e-10, atol=1e-10)


def test_derivatives_of_the_gamma_function_are_polygammas() -> None:
    x = np.array([0.4, 1.1, 3.7, 12.0])
    derivative = symgrad.grad(lambda x: np.sum(special.gammaln(x)), target="numpy")
    for order in range(1, 4):
        hessian = symgrad.jacobian(derivative, target="numpy")
        assert type(hessian(x)).__name__ == "Diagonal"
        assert_close(hessian(x).values, special.polygamma(order, x), 1e-12)
        derivative = symgrad.grad(lambda x, d=derivative: np.sum(d(x)), wrt="x", target="numpy")
