"""Grad modes and threads; the same tests run with torch."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_no_grad_builds_no_graph(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
    assert not y.requires_grad and y.grad_fn is None and y.is_leaf


def test_gradient_descent_in_place_under_no_grad(torch: Any) -> None:
    x = torch.tensor([5.0], requires_grad=True)
    for _ in range(50):
        ((x - 2) ** 2).sum().backward()
        with torch.no_grad():
            x -= 0.2 * x.grad
            x.grad.zero_()
    assert x.requires_grad and x.is_leaf
    close(x, [2.0])


def test_modes_nest(torch: Any) -> None:
    assert torch.is_grad_enabled()
    with torch.no_grad():
        with torch.enable_grad():
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_backward_inside_no_grad(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    close(x.grad, [2.0, 2.0])


def test_modes_as_decorators(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)

    @torch.no_grad()
    def with_parentheses() -> Any:
        return x * 2

    @torch.no_grad
    def without() -> Any:
        return x * 2

    @torch.enable_grad()
    def enabled() -> Any:
        return x * 2

    @torch.enable_grad
    def enabled_without() -> Any:
        return x * 2

    assert not with_parentheses().requires_grad and not without().requires_grad
    with torch.no_grad():
        assert enabled().requires_grad and enabled_without().requires_grad
    assert torch.is_grad_enabled()


def test_set_grad_enabled(torch: Any) -> None:
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    assert torch.is_grad_enabled()


def test_modes_are_restored_when_the_block_raises(torch: Any) -> None:
    with pytest.raises(ValueError), torch.no_grad():
        raise ValueError
    assert torch.is_grad_enabled()


def test_inference_mode(torch: Any) -> None:
    w = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        x = torch.ones(2)
        assert not (w * 2).requires_grad
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        w * x


def test_modes_are_per_thread(torch: Any) -> None:
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_give_the_serial_results(torch: Any) -> None:
    def work(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        x = torch.tensor(rng.normal(size=(4, seed % 5 + 2)), requires_grad=True)
        w = torch.tensor(rng.normal(size=(seed % 5 + 2, 3)), requires_grad=True)
        y = torch.tanh(x @ w).softmax(1).log().mean() + (x[1:] * x[:-1]).sum()
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (g**2).sum().backward()
        return x.grad.numpy(), w.grad.numpy()

    serial = [work(k) for k in range(16)]
    results: list[Any] = [None] * 16

    def run(k: int) -> None:
        results[k] = work(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(serial, results, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
