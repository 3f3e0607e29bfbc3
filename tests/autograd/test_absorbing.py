"""Adjoints of 0 stay 0 where the derivative is infinite, in the interactive engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as torch

DOUBLE = torch.float64

# name: function, arguments, gradient, Hessian times ones
CASES: dict[str, tuple[Callable[[Any], Any], list[float], list[float], list[float]]] = {
    "comparison times value": (
        lambda x: ((x > 0) * torch.sqrt(x)).sum(),
        [-1.0, 0.0, 4.0],
        [0.0, 0.0, 0.25],
        [0.0, 0.0, -1 / 32],
    ),
    "mask of numbers": (
        lambda x: ((x > 0).double() * torch.log(x)).sum(),
        [-1.0, 0.0, 4.0],
        [0.0, 0.0, 0.25],
        [0.0, 0.0, -1 / 16],
    ),
    "slice": (lambda x: torch.sqrt(x)[1:].sum(), [0.0, 4.0], [0.0, 0.25], [0.0, -1 / 32]),
    "gathered": (
        lambda x: torch.log(x)[torch.tensor([1, 1])].sum(),
        [0.0, 4.0],
        [0.0, 0.5],
        [0.0, -1 / 8],
    ),
    "largest": (lambda x: torch.log(x).max(), [0.0, 4.0], [0.0, 0.25], [0.0, -1 / 16]),
    "product with zeros": (
        lambda x: (torch.sqrt(x) @ torch.zeros(2, 2, dtype=DOUBLE)).sum(),
        [0.0, 4.0],
        [0.0, 0.0],
        [0.0, 0.0],
    ),
    "selection of a broadcast": (
        lambda x: torch.where(
            torch.tensor([False, False]), torch.sqrt(x[0]), torch.tensor(0.0, dtype=DOUBLE)
        ).sum(),
        [0.0, 4.0],
        [0.0, 0.0],
        [0.0, 0.0],
    ),
    "saturated": (lambda x: torch.tanh(torch.exp(x)).sum(), [800.0, 700.0], [0.0, 0.0], [0.0, 0.0]),
    "underflow": (lambda x: torch.exp(-torch.exp(x)).sum(), [800.0], [0.0], [0.0]),
    "standard deviation": (lambda x: torch.std(x), [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_zeros_absorb_infinite_derivatives(name: str) -> None:
    function, point, gradient, product = CASES[name]
    x = torch.tensor(point, dtype=DOUBLE, requires_grad=True)
    function(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-14, atol=1e-300)
    ones = torch.ones(len(point), dtype=DOUBLE)
    x = torch.tensor(point, dtype=DOUBLE)
    _, found = torch.autograd.functional.hvp(function, x, ones)
    np.testing.assert_allclose(found.numpy(), product, rtol=1e-14, atol=1e-300)


def test_an_infinite_derivative_stays() -> None:
    """sqrt at 0 has the slope inf, and what is no number stays none where it is read."""
    x = torch.tensor([0.0, float("nan")], dtype=DOUBLE, requires_grad=True)
    torch.sqrt(x).sum().backward()
    assert x.grad.numpy()[0] == np.inf
    assert np.isnan(x.grad.numpy()[1])
