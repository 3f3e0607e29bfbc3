"""`func`, dual numbers, checkpoints; the same tests run with torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-6, atol=1e-8)


def double(torch: Any, values: Any, **named: Any) -> Any:
    return torch.tensor(values, dtype=torch.float64, **named)


# --- func ----------------------------------------------------------------------------------------


def test_func_grad(torch: Any) -> None:
    func = import_module(f"{torch.__name__}.func")
    x, y = double(torch, [1.0, 2.0]), double(torch, [3.0, 4.0])
    g = func.grad(lambda x: (x**3).sum())(x)
    close(g, [3.0, 12.0])
    assert not g.requires_grad and not x.requires_grad
    close(func.grad(lambda x, y: (x * y**2).sum(), argnums=1)(x, y), [6.0, 16.0])
    gx, gy = func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)
    close(gx, [3.0, 4.0])
    close(gy, [1.0, 2.0])
    g, double_x = func.grad(lambda x: (x.sum(), x * 2), has_aux=True)(x)
    close(double_x, [2.0, 4.0])
    g, value = func.grad_and_value(lambda x: (x**2).sum())(x)
    close(g, [2.0, 4.0])
    close(value, 5.0)
    close(func.grad(func.grad(func.grad(lambda x: x**4)))(double(torch, 2.0)), 48.0)
    with pytest.raises(RuntimeError, match="scalar"):
        func.grad(lambda x: x * 2)(x)


def test_func_grad_reaches_what_the_function_reads(torch: Any) -> None:
    func = import_module(f"{torch.__name__}.func")
    w = double(torch, [2.0, 3.0], requires_grad=True)
    func.grad(lambda x: (x**2 * w).sum())(double(torch, [1.0, 5.0])).sum().backward()
    close(w.grad, [2.0, 10.0])


def test_func_vjp_and_jvp(torch: Any) -> None:
    func = import_module(f"{torch.__name__}.func")
    x, v = double(torch, [1.0, 2.0]), double(torch, [1.0, 10.0])
    y, pull = func.vjp(lambda x: x**2 * x.sum(), x)
    close(y, [3.0, 12.0])
    close(pull(v)[0], np.array([1.0, 10.0]) @ np.array([[7.0, 1.0], [4.0, 16.0]]))
    y, push = func.jvp(lambda x: x**2 * x.sum(), (x,), (v,))
    close(y, [3.0, 12.0])
    close(push, np.array([[7.0, 1.0], [4.0, 16.0]]) @ np.array([1.0, 10.0]))
    _, pull = func.vjp(lambda x, y: (x * y, y.sum()), x, v)
    gx, gy = pull((double(torch, [1.0, 1.0]), double(torch, 2.0)))
    close(gx, [1.0, 10.0])
    close(gy, [3.0, 4.0])


def test_func_jacobians_and_hessian(torch: Any) -> None:
    func = import_module(f"{torch.__name__}.func")
    x = double(torch, [1.0, 2.0])
    for jacobian in (func.jacrev, func.jacfwd):
        close(jacobian(lambda x: x**2 * x.sum())(x), [[7.0, 1.0], [4.0, 16.0]])
    close(func.hessian(lambda x: (x**3).sum() + x.prod())(x), [[6.0, 1.0], [1.0, 12.0]])
    jx, jy = func.jacrev(lambda x, y: x * y, argnums=(0, 1))(x, x + 1)
    close(jx, np.diag([2.0, 3.0]))
    close(jy, np.diag([1.0, 2.0]))


def test_func_vmap(torch: Any) -> None:
    func = import_module(f"{torch.__name__}.func")
    x, w = double(torch, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), double(torch, [1.0, -1.0])
    close(func.vmap(lambda row: row @ w)(x), [-1.0, -1.0, -1.0])
    close(func.vmap(lambda row, w: row * w, in_dims=(0, None), out_dims=1)(x, w)[0], [1, 3, 5])
    close(func.vmap(func.grad(lambda row: (row**2).sum()))(x), 2 * x.numpy())
    with pytest.raises(ValueError, match="same size"):
        func.vmap(lambda a, b: a * b)(x, w)


# --- dual numbers --------------------------------------------------------------------------------


def test_dual_numbers(torch: Any) -> None:
    forward_ad = import_module(f"{torch.__name__}.autograd.forward_ad")
    x, v = double(torch, [1.0, 2.0]), double(torch, [1.0, 10.0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, v)
        primal, tangent = forward_ad.unpack_dual(dual**2 * dual.sum())
        close(primal, [3.0, 12.0])
        close(tangent, np.array([[7.0, 1.0], [4.0, 16.0]]) @ np.array([1.0, 10.0]))
        close(forward_ad.unpack_dual(dual).tangent, [1.0, 10.0])
        assert forward_ad.unpack_dual(x * 2).tangent is None
    with pytest.raises(RuntimeError, match="no level exists"):
        forward_ad.make_dual(x, v)


# --- checkpoints ---------------------------------------------------------------------------------


def test_checkpoint(torch: Any) -> None:
    checkpoint = import_module(f"{torch.__name__}.utils.checkpoint").checkpoint
    w = double(torch, [0.5, -1.0], requires_grad=True)
    calls = []

    def part(x: Any, power: int) -> Any:
        calls.append(1)
        return torch.tanh(x * w) ** power

    gradients = []
    for run in (part, lambda *given: checkpoint(part, *given, use_reentrant=False)):
        x = double(torch, [1.0, 2.0], requires_grad=True)
        w.grad = None
        calls.clear()
        y = run(x * 2, 3)
        assert len(calls) == 1
        y.sum().backward()
        gradients.append((x.grad, w.grad))
    assert len(calls) == 2
    for one, other in zip(*gradients, strict=True):
        close(one, other.numpy())


def test_checkpoint_can_be_differentiated_again(torch: Any) -> None:
    checkpoint = import_module(f"{torch.__name__}.utils.checkpoint").checkpoint
    x = double(torch, [0.3, 0.7], requires_grad=True)
    y = checkpoint(lambda x: x**3, x, use_reentrant=False)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    close(h, 6 * np.array([0.3, 0.7]))
