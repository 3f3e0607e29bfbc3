"""Formulas of recorded graphs, rules shared with the compiler, and `jit`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import symgrad
from symgrad.errors import SymgradError


def test_formula_of_a_graph() -> None:
    x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    w = symgrad.ones(3, 2, requires_grad=True)
    y = symgrad.tanh(w @ x).sum()
    assert y.formula().splitlines()[-1].startswith("f = Σ_i tanh(")
    assert "Σ_j x[j]·w[i,j]" in y.formula()
    assert "weights[i,j]" in y.formula(weights=w)


def test_formula_of_a_gradient_from_either_end() -> None:
    x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    y = (x**3).sum()
    assert "x_bar[i] = 3·x[i]^2" in y.grad_formula(x)
    assert y.grad_formula(x) == x.grad_formula(y)
    z = x * 2
    assert "f_cotangent[i]" in z.grad_formula()


def test_formula_through_indices_and_reshapes() -> None:
    x = symgrad.randn(2, 6, requires_grad=True)
    i = symgrad.tensor([0, 1, 1])
    y = x.view(3, 4)[1:, ::2].sum() + x[i].exp().mean() + x.sort(1).values[0, 0]
    assert "f = " in y.formula() and "x_bar" in y.grad_formula(x)


def test_formula_of_a_freed_graph_is_refused() -> None:
    x = symgrad.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(SymgradError, match="retain_graph=True"):
        y.formula()


def test_formula_of_a_users_function_is_refused() -> None:
    class Twice(symgrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = symgrad.ones(2, requires_grad=True)
    with pytest.raises(SymgradError, match="TwiceBackward"):
        Twice.apply(x).sum().formula()


# --- jit -----------------------------------------------------------------------------------------


def model(x: Any, w: Any, b: Any) -> Any:
    return symgrad.tanh(x @ w.t() + b).pow(2).sum()


@pytest.mark.parametrize("size", [5, 8])
def test_jit_agrees_with_the_eager_engine(size: int) -> None:
    compiled = symgrad.jit(model, target="numpy")
    rng = np.random.default_rng(0)
    w = symgrad.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    b = symgrad.tensor(rng.normal(size=3), requires_grad=True)
    for n in (4, size):
        x = symgrad.tensor(rng.normal(size=(n, 2)), requires_grad=True)
        results = []
        for function in (compiled, model):
            value = function(x, w, b)
            first = symgrad.autograd.grad(value, [x, w, b], create_graph=True)
            total = sum((g * g).sum() for g in first)
            second = symgrad.autograd.grad(total, [x, w, b])
            results.append([value, *first, *second])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(
                one.detach().numpy(), other.detach().numpy(), rtol=1e-10, atol=1e-12
            )


def test_jit_refuses_hidden_leaves() -> None:
    hidden = symgrad.ones(2, requires_grad=True)
    with pytest.raises(SymgradError, match="pass it as one"):
        symgrad.jit(lambda x: (x * hidden).sum(), target="numpy")(symgrad.ones(2))


def test_compiler_refuses_a_branch_on_values() -> None:
    def doubling(x: Any) -> Any:
        y = x * 2
        while np.linalg.norm(y) < 1000:
            y = y * 2
        return y

    with pytest.raises(SymgradError, match=r"np\.where"):
        symgrad.compile(doubling, shapes={"x": "f64[n]"})


# --- rules ---------------------------------------------------------------------------------------


def test_one_rule_serves_all_sizes() -> None:
    from symgrad.autograd.elementwise import MUL

    for n in (3, 5, 9):
        x = symgrad.ones(n, 4, requires_grad=True)
        (x * symgrad.ones(4)).sum().backward()
    first = len(MUL.rules)
    for n in (12, 17):
        x = symgrad.ones(n, 4, requires_grad=True)
        (x * symgrad.ones(4)).sum().backward()
    assert len(MUL.rules) == first


def test_indexing_needs_one_rule_for_all_keys() -> None:
    from symgrad.autograd.indexing import SELECT

    x = symgrad.ones(6, 4, requires_grad=True)
    x[0].sum().backward()
    first = len(SELECT.rules)
    for k in range(6):
        x[k].sum().backward()
    assert len(SELECT.rules) == first


def test_nothing_is_warned_about() -> None:
    x = symgrad.ones(3, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ((x - 1).log() + 1 / (x - 1) + (x * 1000).exp() + (x - 2).sqrt()).sum().backward()
