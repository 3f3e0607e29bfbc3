"""Formulas of recorded graphs, rules shared with the compiler, and `jit`."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
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


def test_formula_as_latex() -> None:
    x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    y = (x**3).sum()
    assert r"{x_{i}}^{3}" in y.formula(format="latex")
    assert r"{\overline{x}}_{i} &= 3" in x.grad_formula(y, format="latex")
    with pytest.raises(SymgradError, match="'text' or 'latex'"):
        y.formula(format="html")


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


def test_jit_as_kernels() -> None:
    w = symgrad.tensor([0.5, -1.0], requires_grad=True)
    compiled = symgrad.jit(lambda x: (x @ w).exp().sum())
    for n in (3, 5, 5, 5):  # a new size runs recorded once, then in the same kernels
        x = symgrad.tensor(np.random.default_rng(n).normal(size=(n, 2)), dtype=symgrad.float32)
        value = compiled(x)
        (g,) = symgrad.autograd.grad(value * 2, w)
        powers = np.exp(x.numpy() @ w.detach().numpy())
        np.testing.assert_allclose(value.item(), powers.sum(), rtol=1e-5)
        np.testing.assert_allclose(g.numpy(), 2 * x.numpy().T @ powers, rtol=1e-5)


def gradients_by_both(function: Any, *given: Any, wrt: Any) -> None:
    """Value and gradients of the compiled function and of the recorded one, call after call."""
    compiled = symgrad.jit(function, target="numpy")
    for arguments in given:
        results = []
        for run in (compiled, function):
            value = run(*arguments)
            results.append([value.detach(), *symgrad.autograd.grad(value, wrt)])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6, atol=1e-7)


def test_jit_of_a_network_takes_the_present_parameters() -> None:
    torch, rng = symgrad, np.random.default_rng(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))

    def loss(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(net(x), y)

    compiled = torch.jit(loss, target="numpy")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    for n in (5, 7, 7, 7, 5):
        x = torch.tensor(rng.normal(size=(n, 4)), dtype=torch.float32)
        labels = rng.integers(0, 3, n)
        labels[0] = -100 if n == 5 else labels[0]  # an ignored sample
        y = torch.tensor(labels)
        optimizer.zero_grad()
        value = compiled(x, y)
        value.backward()
        expected = loss(x, y)
        wanted = torch.autograd.grad(expected, list(net.parameters()))
        np.testing.assert_allclose(value.item(), expected.item(), rtol=1e-6)
        for parameter, gradient in zip(net.parameters(), wanted, strict=True):
            np.testing.assert_allclose(
                parameter.grad.numpy(), gradient.numpy(), rtol=1e-5, atol=1e-7
            )
        optimizer.step()


def test_jit_decides_selections_in_each_call() -> None:
    torch = symgrad
    w = torch.tensor([0.5, -0.5, 2.0], requires_grad=True)

    def model(x: Any, positions: Any) -> Any:
        kept = torch.where(x * w > 0, x * w, torch.exp(w))
        filled = kept.masked_fill(x < -1, 3.0)
        return (filled * (x > 0).float())[positions].sum() + torch.ones(3) @ kept

    calls = [
        (torch.tensor(values), torch.tensor(positions))
        for values, positions in (
            ([1.0, 2.0, 3.0], [0, 1]),
            ([-1.0, 2.0, -3.0], [2, 2]),
            ([1.0, -2.0, -3.0], [1, 0]),
        )
    ]
    gradients_by_both(model, *calls, wrt=[w])


def test_jit_records_writes() -> None:
    w = symgrad.tensor([1.0, 2.0], requires_grad=True)

    def model(x: Any) -> Any:
        y = symgrad.zeros(3)
        y[0] = x[0] ** 2 * w[0]
        first = y[1] * x[1] + y[0]
        y[1] = first * w[1]
        return (y * y).sum()

    calls = [(symgrad.tensor(v),) for v in ([1.0, 2.0], [3.0, -1.0])]
    gradients_by_both(model, *calls, wrt=[w])


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * 2 if x.sum() > 0 else x, "reads the value"),
        (lambda x: x * float(x[0]), "reads the value"),
        (lambda x: x * x.detach().exp(), "without recording"),
        (lambda x: x.sort().values * symgrad.arange(3), "without recording"),
        (lambda x: x[x.argmax()], "reads the value"),
        (lambda x: x[x.argsort()], "without recording"),
        (lambda x: symgrad.nn.functional.dropout(x), "random numbers"),
        (lambda x: x * symgrad.tensor(x.argmax()), "without recording"),
        (lambda x: (x, x), "must return one tensor"),
        (lambda x: x > 0, "must be floating"),
    ],
    ids=[
        "branch",
        "number",
        "detach",
        "sort",
        "argmax",
        "argsort",
        "random",
        "copy",
        "tuple",
        "flag",
    ],
)
def test_jit_refuses_what_it_cannot_know(function: Any, text: str) -> None:
    x = symgrad.tensor([3.0, 1.0, 2.0], requires_grad=True)
    with pytest.raises(SymgradError, match=text):
        symgrad.jit(function, target="numpy")(x)
    assert symgrad.is_grad_enabled() and function(x) is not None  # tracing has ended


def test_jit_refuses_a_change_in_place_that_is_not_recorded() -> None:
    calls = symgrad.zeros(1)

    def model(x: Any) -> Any:
        calls.add_(1.0)
        return x.sum()

    with pytest.raises(SymgradError, match="in place"):
        symgrad.jit(model, target="numpy")(symgrad.ones(2, requires_grad=True))


def test_jit_gradients_are_the_callers_own() -> None:
    energy = symgrad.jit(lambda x: (x**2).sum(), target="numpy")
    x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    value = energy(x)
    value.backward(retain_graph=True)
    first = x.grad
    value.backward()
    assert first.tolist() == x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()
    assert not energy(x.detach()).requires_grad
    with symgrad.no_grad():
        assert not energy(x).requires_grad
    changed = energy(x)
    with symgrad.no_grad():
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        changed.backward()


def test_jit_in_threads_gives_the_serial_results() -> None:
    w = symgrad.tensor([0.5, -1.0], dtype=symgrad.float64)
    energy = symgrad.jit(lambda x: (symgrad.tanh(x @ w) ** 2).sum(), target="numpy")

    def work(seed: int) -> np.ndarray:
        values = np.random.default_rng(seed).normal(size=(seed % 3 + 1, 2))
        x = symgrad.tensor(values, requires_grad=True)
        energy(x).backward()
        return x.grad.numpy()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(24)))
    for one, other in zip(results, map(work, range(24)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


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
    from symgrad.autograd.arithmetic import MUL

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
