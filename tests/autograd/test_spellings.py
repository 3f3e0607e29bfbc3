"""Naive spellings in recorded graphs: against mpmath, and with torch's semantics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as torch
from tests.simplify.everyday import FORMULAS, relative_error
from tests.simplify.test_everyday import TOLERANCE, inputs, wanted, weights

SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "log(1 + exp(x))": lambda x: torch.log(1 + torch.exp(x)),
    "log(sum(exp(x)))": lambda x: torch.exp(x).sum().log(),
    "softmax": lambda x: torch.exp(x) / torch.exp(x).sum(),
    "log(1/(1 + exp(-x)))": lambda x: torch.log(1 / (1 + torch.exp(-x))),
    "where(x > 0, sqrt(x), 0)": lambda x: torch.where(x > 0, torch.sqrt(x), 0.0),
    "where(x == 0, 1, sin(x)/x)": lambda x: torch.where(x == 0, 1.0, torch.sin(x) / x),
    "where(x > 0, x**-1.5, 0)": lambda x: torch.where(x > 0, x**-1.5, 0.0),
    "sqrt(sum(x**2))": lambda x: torch.sqrt((x**2).sum()),
    "log(1 + x)": lambda x: torch.log(1 + x),
    "exp(x) - 1": lambda x: torch.exp(x) - 1,
    "1 - cos(x)": lambda x: 1 - torch.cos(x),
    "sqrt(1 + x**2) - x": lambda x: torch.sqrt(1 + x**2) - x,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FORMULAS)
def test_everyday_formulas(name: str, dtype: str) -> None:
    formula = FORMULAS[name]
    x = inputs(formula, dtype, 60)
    for row in [x] if formula.shape == "n" else list(x):
        leaf = torch.tensor(row, requires_grad=True)
        with np.errstate(all="ignore"):
            y = SPELLINGS[name](leaf)
            w = weights(tuple(y.shape), dtype)
            y.backward(torch.tensor(w))
        found = (y.detach().numpy(), leaf.grad.numpy())
        for part, right in zip(found, wanted(name, row, w), strict=True):
            error = relative_error(np.ravel(part), right, dtype)
            worst = int(np.argmax(error))
            assert error[worst] <= TOLERANCE[dtype], f"{name} at {np.ravel(row)[worst]!r}"


def softplus(x: Any) -> tuple[Any, Any]:
    between = 1 + torch.exp(x)
    return between, torch.log(between)


def test_gradients_in_between_are_those_of_the_operations() -> None:
    x = torch.tensor([2.0, -1.0], requires_grad=True)
    between, y = softplus(x)
    (found,) = torch.autograd.grad(y.sum(), between)
    np.testing.assert_allclose(found.numpy(), 1 / between.detach().numpy())
    between, y = softplus(x)
    between.retain_grad()
    y.sum().backward()
    np.testing.assert_allclose(between.grad.numpy(), 1 / between.detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), 1 / (1 + np.exp([-2.0, 1.0])))


def test_hooks_in_between_are_called() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    between, y = softplus(x)
    between.register_hook(lambda gradient: gradient * 10)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [10 / (1 + np.exp(-2.0))])


def test_an_input_changed_since_leaves_the_operations_in_place() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    moved = x * 1.0
    y = torch.log(1 + torch.exp(moved))
    moved.detach().add_(5.0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1 / (1 + np.exp(-2.0))])


def test_values_used_elsewhere_too() -> None:
    x = torch.tensor([80.0, 1.0], requires_grad=True)
    exponential = torch.exp(x)
    total = torch.log(1 + exponential).sum() + (0.5 * exponential[1:]).sum()
    total.backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 1 / (1 + np.exp(-1.0)) + 0.5 * np.e])


def test_second_derivatives_at_large_arguments() -> None:
    x = torch.tensor([800.0, 0.0, -800.0], requires_grad=True)
    _, y = softplus(x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), [0.0, 0.25, 0.0])


def test_freed_graphs_say_so() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    _, y = softplus(x)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_without_gradients_nothing_is_recognised() -> None:
    x = torch.tensor([800.0])
    with np.errstate(all="ignore"):
        assert torch.log(1 + torch.exp(x)).item() == np.inf


def test_a_detached_input_is_a_constant(torch: Any) -> None:
    """x and x.detach() share their array; only one of them receives the gradient."""
    for function in (
        lambda a, b: (a * b + a * a).sum().sqrt(),
        lambda a, b: torch.log(1 + torch.exp(a * b)).sum(),
        lambda a, b: (torch.exp(a) / torch.exp(b).sum()).sum(),
    ):
        x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        copy = x.detach().clone()
        (g,) = torch.autograd.grad(function(x.detach(), x), x)
        (expected,) = torch.autograd.grad(function(copy, x), x)
        np.testing.assert_allclose(g.numpy(), expected.numpy(), rtol=1e-12)
