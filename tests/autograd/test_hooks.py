"""Hooks on tensors and nodes; the same tests run with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_hook_sees_each_backwards_own_gradient(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y, seen = x + 2, []
    y.register_hook(lambda g: seen.append(g.tolist()))
    z = (y * y * 3).mean()
    z.backward(retain_graph=True)
    z.backward()
    assert seen == [[9.0, 9.0], [9.0, 9.0]]


def test_hook_print(torch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    y.register_hook(print)
    y.sum().backward()
    assert capsys.readouterr().out == "tensor([1., 1.])\n"


def test_returned_tensor_replaces_the_gradient(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward()
    close(x.grad, [21.0, 21.0])


def test_removed_hook(torch: Any) -> None:
    x, seen = torch.ones(1, requires_grad=True), []
    handle = x.register_hook(seen.append)
    handle.remove()
    handle.remove()
    (x * 2).backward()
    assert not seen


def test_hook_fires_once_after_all_uses(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    y, seen = x * 2, []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3 + y * 4).backward()
    assert seen == [7.0]


def test_hooks_run_in_order(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    y = x * 1
    y.register_hook(lambda g: g + 1)
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.backward()
    close(y.grad, [20.0])
    close(x.grad, [20.0])


def test_hook_needs_a_tensor_that_requires_grad(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't"):
        torch.ones(1).register_hook(print)


def test_post_accumulate_hook(torch: Any) -> None:
    x, seen = torch.ones(1, requires_grad=True), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 3).backward()
    (x * 3).backward()
    assert seen == [3.0, 6.0]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_grad_runs_the_hooks_of_its_inputs(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    y = x * 2
    x.register_hook(lambda g: g * 5)
    y.register_hook(lambda g: g * 3)
    (gy,) = torch.autograd.grad(y * y, y)
    (gx,) = torch.autograd.grad(y * y, x)
    close(gy, [12.0])
    close(gx, [120.0])


def test_hooks_are_part_of_the_graph_under_create_graph(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y, seen = x * 1, []

    def hook(g: Any) -> Any:
        seen.append(g.item())
        return g * x

    y.register_hook(hook)
    (g,) = torch.autograd.grad(y**2, x, create_graph=True)  # 2y·x
    close(g, [8.0])
    (h,) = torch.autograd.grad(g, x)  # d(2x·x): 2x + the hook on y again: 2x·x
    close(h, [12.0])
    assert len(seen) == 2


@pytest.mark.parametrize("result", ["shape", "type"])
def test_hook_returning_nonsense(torch: Any, result: str) -> None:
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: torch.ones(3) if result == "shape" else "nothing")
    with pytest.raises((RuntimeError, TypeError)):
        (x * 2).sum().backward()


def test_node_hooks(torch: Any) -> None:
    x = torch.tensor([3.0], requires_grad=True)
    y, seen = x * x, []
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((len(inputs), outputs[0].item())))
    y.backward()
    close(x.grad, [12.0])
    assert seen == [(2, 2.0)]


def test_multi_grad_hook(torch: Any) -> None:
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    seen: list[Any] = []
    torch.autograd.graph.register_multi_grad_hook(
        [a, b], lambda grads: seen.append([g.item() for g in grads])
    )
    (a * 2 + b * 3).backward()
    assert seen == [[2.0, 3.0]]


def test_hook_may_run_another_backward(torch: Any) -> None:
    x, w = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)

    def hook(g: Any) -> None:
        with torch.enable_grad():
            (w * 5).backward()

    y = x * 2
    y.register_hook(hook)
    y.backward()
    close(w.grad, [5.0])
    close(x.grad, [2.0])


def test_hook_may_remove_itself(torch: Any) -> None:
    x, seen = torch.ones(1, requires_grad=True), []

    def hook(g: Any) -> None:
        seen.append(1)
        handle.remove()

    handle = x.register_hook(hook)
    (x * 2).backward()
    (x * 2).backward()
    assert seen == [1]


def test_exception_in_a_hook_comes_out(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    y = x * 2
    handle = y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.backward(retain_graph=True)
    handle.remove()
    y.backward()
    close(x.grad, [2.0])
