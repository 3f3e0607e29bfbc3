"""`autograd.grad` and higher orders; the same tests run with torch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


# --- grad ----------------------------------------------------------------------------------------


def test_returns_a_tuple_and_writes_no_grad(torch: Any) -> None:
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    y = x * w
    result = torch.autograd.grad(y, x, retain_graph=True)
    assert isinstance(result, tuple) and len(result) == 1
    close(result[0], [3.0])
    gx, gw = torch.autograd.grad([y], (x, w))
    close(gx, [3.0])
    close(gw, [2.0])
    assert x.grad is None and w.grad is None


def test_grad_outputs_weight(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    y = x * x
    (g,) = torch.autograd.grad(y, x, torch.tensor([1.0, 10.0]), retain_graph=True)
    close(g, [2.0, 40.0])
    (g,) = torch.autograd.grad([y, y.sum()], x, [torch.ones(2), None], retain_graph=True)
    close(g, [4.0, 8.0])
    with pytest.raises(RuntimeError, match="scalar"):
        torch.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        torch.autograd.grad(y, x, torch.ones(3))


def test_unused_inputs(torch: Any) -> None:
    x, w = leaf(torch, 1.0), leaf(torch, 1.0)
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        torch.autograd.grad(x * 2, [x, w])
    gx, gw = torch.autograd.grad(x * 2, [x, w], allow_unused=True)
    close(gx, [2.0])
    assert gw is None
    _, zeros = torch.autograd.grad(x * 2, [x, w], materialize_grads=True)
    close(zeros, [0.0])


def test_inputs_may_be_intermediates_and_the_output(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * 3
    z = y * y
    gy, gz = torch.autograd.grad(z, [y, z])
    close(gy, [12.0])
    close(gz, [1.0])


def test_what_does_not_require_grad_raises(torch: Any) -> None:
    x, c = leaf(torch, 2.0), torch.ones(1)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(x * 2, c)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(c * 2, x)
    y = x * x
    torch.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y, x)


def test_accumulates_nowhere(torch: Any) -> None:
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    torch.autograd.grad(x * w, x)
    assert x.grad is None and w.grad is None


def test_batched_products(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    y = x**2
    (g,) = torch.autograd.grad(y, x, torch.eye(2), is_grads_batched=True)
    close(g, [[2.0, 0.0], [0.0, 4.0]])


# --- higher orders -------------------------------------------------------------------------------


def test_fourth_power_by_repeated_grad(torch: Any) -> None:
    x = torch.tensor(2.0, requires_grad=True)
    y, values = x**4, []
    for _ in range(4):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        values.append(y.item())
    assert values == [32.0, 48.0, 48.0, 24.0]


def test_fourth_power_by_repeated_backward(torch: Any) -> None:
    x = torch.tensor(2.0, requires_grad=True)
    y, values = x**4, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            x.grad = None
            y.backward(create_graph=True)
            y = x.grad
            values.append(y.item())
    assert values == [32.0, 48.0, 48.0, 24.0]


def test_without_create_graph_gradients_carry_no_graph(torch: Any) -> None:
    x = leaf(torch, 2.0)
    (g,) = torch.autograd.grad(x**3, x)
    assert not g.requires_grad
    (x**3).backward()
    assert not x.grad.requires_grad


def test_mixed_second_derivatives(torch: Any) -> None:
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    (g,) = torch.autograd.grad(x**2 * w**3, x, create_graph=True)
    gx, gw = torch.autograd.grad(g, [x, w])
    close(gx, [54.0])
    close(gw, [2 * 2 * 27.0])


def test_eight_derivatives(torch: Any) -> None:
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = torch.sin(x) * torch.exp(x / 2)
    for order in range(1, 9):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        expected = ((0.5 + 1j) ** order * np.exp((0.5 + 1j) * 0.7)).imag
        np.testing.assert_allclose(y.item(), expected, rtol=1e-12)


def test_mixed_partials_agree(torch: Any) -> None:
    a, b = leaf(torch, 0.5), leaf(torch, 1.5)
    y = torch.exp(a * b)
    ga, gb = torch.autograd.grad(y, [a, b], create_graph=True)
    (gab,) = torch.autograd.grad(ga, b, retain_graph=True)
    (gba,) = torch.autograd.grad(gb, a)
    close(gab, gba.numpy())
    close(gab, (1 + 0.75) * np.exp([0.75]))


def test_product_is_linear_in_grad_outputs(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    v = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(x**2 * x.sum(), x, v, create_graph=True)
    (jvp,) = torch.autograd.grad(g, v, torch.tensor([1.0, 10.0], dtype=torch.float64))
    close(jvp, np.array([[7.0, 1.0], [4.0, 16.0]]) @ np.array([1.0, 10.0]))


def test_gradient_argument_that_requires_grad(torch: Any) -> None:
    x, v = leaf(torch, 3.0), leaf(torch, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**2).backward(v, create_graph=True)
    close(x.grad, [12.0])
    (g,) = torch.autograd.grad(x.grad, v)
    close(g, [6.0])


def test_gradient_penalty(torch: Any) -> None:
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(3, 4)), requires_grad=True)
    w = torch.tensor(rng.normal(size=(4, 2)), requires_grad=True)
    y = torch.tanh(x @ w).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (y + (g.norm(2, dim=1) - 1).pow(2).mean() + (g * g).sum()).backward()

    def penalised(matrix: np.ndarray) -> float:
        value = np.tanh(x.detach().numpy() @ matrix)
        norm = np.linalg.norm((1 - value**2) @ matrix.T, axis=1)
        return float(np.sum(value) + np.mean((norm - 1) ** 2) + np.sum(norm**2))

    base = w.detach().numpy()
    for position in np.ndindex(4, 2):
        step = np.zeros((4, 2))
        step[position] = 1e-6
        expected = (penalised(base + step) - penalised(base - step)) / 2e-6
        assert abs(w.grad[position].item() - expected) < 1e-6


def test_hessian_vector_product_by_double_backward(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)
    (g,) = torch.autograd.grad((x.prod() + (x**3).sum()), x, create_graph=True)
    (hv,) = torch.autograd.grad(g @ v, x, retain_graph=True)
    (g @ v).backward()
    close(x.grad, hv.numpy())
    h = np.array([[6.0, 3.0, 2.0], [3.0, 12.0, 1.0], [2.0, 1.0, 18.0]])
    close(hv, h @ np.array([1.0, -1.0, 2.0]))


def many_kinds(torch: Any, x: Any, w: Any) -> Any:
    """Matrix products, broadcasting, indices, reductions and a selection."""
    y = torch.cat([x @ w, (x * w[0]).t()], 0)[1:, 0].exp().cumsum(0).sum()
    y = y + (x.softmax(1).log() * w.mean(0)).sum() + x[[0, 1, 0], 1].prod()
    y = y + torch.where(x > 0, x**3, x.sin()).max() + torch.sort(x.flatten()).values[1] ** 2
    return y + (x - x.mean(1, keepdim=True)).pow(2).sum(0).sqrt() @ w[1]


def test_second_derivative_through_a_graph_of_many_kinds(torch: Any) -> None:
    start = np.array([[0.3, -0.4], [0.7, 0.2]])
    w = torch.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=torch.float64)
    v = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)

    def slope(array: np.ndarray) -> np.ndarray:
        x = torch.tensor(array, requires_grad=True)
        (g,) = torch.autograd.grad(many_kinds(torch, x, w), x)
        return g.numpy()

    x = torch.tensor(start, requires_grad=True)
    (g,) = torch.autograd.grad(many_kinds(torch, x, w), x, create_graph=True)
    (product,) = torch.autograd.grad(g, x, v)
    step = 1e-5
    for position in np.ndindex(2, 2):
        ahead, behind = start.copy(), start.copy()
        ahead[position] += step
        behind[position] -= step
        expected = ((slope(ahead) - slope(behind)) * v.numpy()).sum() / (2 * step)
        np.testing.assert_allclose(product[position].item(), expected, rtol=1e-7, atol=1e-7)


def test_newton_converges(torch: Any) -> None:
    x = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    for _ in range(20):
        y = x**4 - 3 * x**2 + x
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (h,) = torch.autograd.grad(g, x)
        with torch.no_grad():
            x -= g / h
    assert abs(4 * x.item() ** 3 - 6 * x.item() + 1) < 1e-10


def test_gradient_through_a_gradient_step(torch: Any) -> None:
    w = torch.tensor(2.0, requires_grad=True)
    (inner,) = torch.autograd.grad((w - 5) ** 2, w, create_graph=True)
    adapted = w - 0.1 * inner
    ((adapted - 1) ** 2).backward()
    close(w.grad, 2 * (2 + 0.6 - 1) * 0.8)


def test_freed_double_backward(torch: Any) -> None:
    x = leaf(torch, 2.0)
    (g,) = torch.autograd.grad(x**3, x, create_graph=True)
    g.backward()
    with pytest.raises(RuntimeError, match="second time"):
        g.backward()


def test_changing_a_value_that_double_backward_needs(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * 1
    (g,) = torch.autograd.grad((y**3).sum(), x, create_graph=True)
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        g.backward()


# --- edges ---------------------------------------------------------------------------------------


def gradient(torch: Any, function: Any, *values: float) -> np.ndarray:
    x = torch.tensor(list(values), dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(function(x).sum(), x)
    return g.numpy()


def test_infinities_come_out_as_ieee_says(torch: Any) -> None:
    assert gradient(torch, torch.sqrt, 0.0)[0] == np.inf
    assert gradient(torch, torch.log, 0.0)[0] == np.inf
    assert np.isnan(gradient(torch, lambda x: x * float("inf") * 0, 1.0)[0])
    assert gradient(torch, lambda x: x / 0, 1.0)[0] == np.inf
    assert gradient(torch, lambda x: 1 / x, 0.0)[0] == -np.inf


@pytest.mark.parametrize("way", ["where", "fill", "index", "select"])
def test_masked_quotient_by_zero(torch: Any, way: str) -> None:
    divisor = torch.tensor([0.0, 2.0])
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y, mask = x / divisor, divisor != 0
    {
        "where": lambda: torch.where(mask, y, torch.zeros(2)),
        "fill": lambda: y.masked_fill(~mask, 0.0),
        "index": lambda: y[mask],
        "select": lambda: torch.masked_select(y, mask),
    }[way]().sum().backward()
    assert x.grad[1].item() == 0.5
    # torch computes 0/0 for the element that the mask leaves out.
    assert np.isnan(x.grad[0].item()) if torch.__name__ == "torch" else x.grad[0].item() == 0.0


@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (lambda t, x: t.abs(x), [0.0, -1.0, 2.0], [0.0, -1.0, 1.0]),
        (lambda t, x: t.relu(x), [0.0, -1.0, 2.0], [0.0, 0.0, 1.0]),
        (lambda t, x: x.max(), [3.0, 3.0, 1.0], [0.5, 0.5, 0.0]),
        (lambda t, x: x.max(0).values, [3.0, 3.0, 1.0], [1.0, 0.0, 0.0]),
        (lambda t, x: x.min(0).values, [1.0, 3.0, 1.0], [1.0, 0.0, 0.0]),
        (lambda t, x: t.maximum(x, x.detach()), [1.0, 2.0], [0.5, 0.5]),
        (lambda t, x: x.clamp(0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda t, x: x.clamp(min=0.0), [-1.0, 0.0, 2.0], [0.0, 1.0, 1.0]),
        (lambda t, x: x.norm(), [0.0, 0.0], [0.0, 0.0]),
        (lambda t, x: x.prod(), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (lambda t, x: x.prod(), [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        (lambda t, x: x**2, [0.0], [0.0]),
        (lambda t, x: x**0, [0.0, 2.0], [0.0, 0.0]),
        (lambda t, x: x**1, [0.0, 2.0], [1.0, 1.0]),
        (lambda t, x: t.sign(x), [0.0, 2.0], [0.0, 0.0]),
        (lambda t, x: t.floor(x), [0.5], [0.0]),
    ],
)
def test_subgradients_at_kinks_and_ties(
    torch: Any, function: Any, points: Any, expected: Any
) -> None:
    np.testing.assert_array_equal(gradient(torch, lambda x: function(torch, x), *points), expected)


def test_where_passes_the_gradient_of_the_branch_taken(torch: Any) -> None:
    for function, expected in (
        (lambda x: torch.where(x > 0, torch.log(x), x * 3), [3.0, 0.5]),
        (lambda x: torch.where(x > 0, x * 2, torch.full_like(x, float("nan")))[1:], [0.0, 2.0]),
        (lambda x: torch.where(x > 0, 1 / x, x * x), [-2.0, -0.25]),
    ):
        np.testing.assert_allclose(gradient(torch, function, -1.0, 2.0), expected)


def test_where_keeps_the_branch_not_taken_out(symgrad: Any) -> None:
    where, log, sqrt = symgrad.where, symgrad.log, symgrad.sqrt
    for function in (
        lambda x: where(x > 0, log(x), x * 0),
        lambda x: where(x > 0, sqrt(x), x),
        lambda x: where(x > 0, 1 / x, x * 2),
        lambda x: (1 / x).masked_fill(x <= 0, 0.0),
    ):
        assert np.isfinite(gradient(symgrad, function, 0.0, 2.0)[1])
    # The branch is not taken where its value would be infinite.
    assert np.isfinite(gradient(symgrad, lambda x: where(x > 0, log(x), x * 0), 0.0, 2.0)).all()


@pytest.mark.parametrize("point", [-1000.0, 1000.0])
def test_stable_at_large_arguments(torch: Any, point: float) -> None:
    functional = torch.nn.functional
    for function in (
        torch.sigmoid,
        torch.tanh,
        functional.softplus,
        lambda x: torch.logsumexp(torch.cat([x, -x]), 0),
        lambda x: torch.cat([x, -x]).log_softmax(0)[0],
        lambda x: torch.cat([x, -x]).softmax(0)[0],
        lambda x: functional.binary_cross_entropy_with_logits(x, torch.ones_like(x)),
        functional.logsigmoid,
    ):
        assert np.isfinite(gradient(torch, function, point)).all()
