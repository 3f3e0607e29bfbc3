"""Linear algebra of tensors: the compiler's derivatives under torch's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad


def test_cofactors_of_a_singular_matrix() -> None:
    """torch itself answers with zeros here."""
    A = symgrad.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=symgrad.float64, requires_grad=True)
    symgrad.det(A).backward()
    np.testing.assert_allclose(A.grad.numpy(), [[4.0, -2.0], [-2.0, 1.0]], rtol=1e-12)


def test_gradient_of_a_cholesky_factor_is_symmetric(torch: Any) -> None:
    A = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    L = torch.linalg.cholesky(A)
    (2 * L[1, 0] + L[1, 1]).backward()
    # L₁₀ = A₁₀/√A₀₀, L₁₁ = √(A₁₁ − A₁₀²/A₀₀)
    a, b, c = 4.0, 1.0, 3.0
    rest = np.sqrt(c - b * b / a)
    by_a = -b / a**1.5 + b * b / a**2 / (2 * rest)
    by_b = 2 / np.sqrt(a) - b / a / rest
    expected = [[by_a, by_b / 2], [by_b / 2, 1 / (2 * rest)]]
    np.testing.assert_allclose(A.grad.numpy(), expected, rtol=1e-12)


def test_the_sign_has_no_gradient(torch: Any) -> None:
    A = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    sign, logarithm = torch.slogdet(A)
    logarithm.backward()
    np.testing.assert_allclose(A.grad.numpy(), [[-2.0, 1.5], [1.0, -0.5]], rtol=1e-12)
    assert sign.item() == -1


def test_graphs_with_matrices_have_formulas() -> None:
    A = symgrad.tensor([[2.0, 1.0], [0.0, 3.0]], requires_grad=True)
    y = symgrad.linalg.inv(A).sum() + symgrad.slogdet(A).logabsdet
    shown = y.grad_formula(A)
    assert "inverse(A)" in shown and "log_abs_determinant(A)" in shown


def test_a_singular_matrix_on_the_way_back_is_an_error() -> None:
    A = symgrad.ones(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match=r"inverse of 'x0'.*Singular"):
        symgrad.slogdet(A).logabsdet.backward()
