"""Jacobians and their products, `Function`, gradcheck; the same tests run with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-6, atol=1e-8)


def double(torch: Any, values: Any, **named: Any) -> Any:
    return torch.tensor(values, dtype=torch.float64, **named)


# --- functional ----------------------------------------------------------------------------------


def test_jacobian(torch: Any) -> None:
    x = double(torch, [1.0, 2.0])
    close(torch.autograd.functional.jacobian(lambda x: x**2, x), [[2.0, 0.0], [0.0, 4.0]])
    assert not x.requires_grad


def test_jacobian_of_several_inputs_and_outputs(torch: Any) -> None:
    x, w = double(torch, [[1.0, 2.0]]), double(torch, [3.0, 4.0])
    j = torch.autograd.functional.jacobian(lambda x, w: (x * w, x.sum() * w), (x, w))
    assert tuple(j[0][0].shape) == (1, 2, 1, 2) and tuple(j[1][1].shape) == (2, 2)
    close(j[0][0].reshape(2, 2), np.diag([3.0, 4.0]))
    close(j[1][1], 3 * np.eye(2))
    leaf = double(torch, [2.0], requires_grad=True)
    j = torch.autograd.functional.jacobian(lambda x: x**3, leaf, create_graph=True)
    (h,) = torch.autograd.grad(j.sum(), leaf)
    close(h, [12.0])


def test_hessian(torch: Any) -> None:
    h = torch.autograd.functional.hessian(
        lambda x: (x**3).sum() + x.prod(), double(torch, [1.0, 2.0])
    )
    close(h, [[6.0, 1.0], [1.0, 12.0]])


def test_hessian_blocks(torch: Any) -> None:
    h = torch.autograd.functional.hessian(
        lambda x, y: (x**2 * y).sum(), (double(torch, [1.0]), double(torch, [3.0]))
    )
    assert isinstance(h, tuple) and isinstance(h[0], tuple)
    close(h[0][0], [[6.0]])
    close(h[0][1], [[2.0]])
    close(h[1][0], [[2.0]])
    close(h[1][1], [[0.0]])


def test_vjp_and_jvp(torch: Any) -> None:
    x, v = double(torch, [1.0, 2.0]), double(torch, [1.0, 10.0])
    y, product = torch.autograd.functional.vjp(lambda x: x**2, x, v)
    close(y, [1.0, 4.0])
    close(product, [2.0, 40.0])
    y, product = torch.autograd.functional.jvp(lambda x: x**2 * x.sum(), x, v)
    close(y, [3.0, 12.0])
    jacobian = np.array([[2 * 3 + 1, 1], [4, 4 * 3 + 4]])
    close(product, jacobian @ np.array([1.0, 10.0]))


def test_hvp_and_vhp(torch: Any) -> None:
    x, v = double(torch, [1.0, 2.0]), double(torch, [1.0, 10.0])
    expected = np.array([[6.0, 1.0], [1.0, 12.0]]) @ np.array([1.0, 10.0])
    for product in (torch.autograd.functional.hvp, torch.autograd.functional.vhp):
        y, result = product(lambda x: (x**3).sum() + x.prod(), x, v)
        close(y, 11.0)
        close(result, expected)


# --- Function ------------------------------------------------------------------------------------


def test_forward_backward_and_context(torch: Any) -> None:
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float, note: str) -> Any:
            ctx.save_for_backward(x)
            ctx.factor, ctx.note = factor, note
            return x * x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            assert ctx.note == "note"
            return g * 2 * x * ctx.factor, None, None

    x = double(torch, [1.0, 2.0], requires_grad=True)
    y = Scale.apply(x, 3.0, "note")
    assert y.grad_fn.name() == "ScaleBackward"
    y.sum().backward()
    close(x.grad, [6.0, 12.0])
    with pytest.raises(RuntimeError, match=r"freed|second time"):
        y.sum().backward()


def test_backward_can_be_differentiated_again(torch: Any) -> None:
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    x = double(torch, [2.0], requires_grad=True)
    (g,) = torch.autograd.grad(Cube.apply(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    close(h, [12.0])
    assert torch.autograd.gradcheck(Cube.apply, (x,))
    assert torch.autograd.gradgradcheck(Cube.apply, (x,))


def test_saving_the_output(torch: Any) -> None:
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    x = double(torch, [0.5], requires_grad=True)
    (g,) = torch.autograd.grad(Exp.apply(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    close(h, np.exp([0.5]))


def test_backward_may_differ_from_the_derivative(torch: Any) -> None:
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.round()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -g

    x = double(torch, [1.3], requires_grad=True)
    Round.apply(x * 2).backward()
    close(x.grad, [2.0])
    x.grad = None
    Reverse.apply(x * 2).backward()
    close(x.grad, [-2.0])


def test_several_outputs(torch: Any) -> None:
    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            return a * 2 + b * 3

    x = double(torch, [1.0], requires_grad=True)
    first, second = Both.apply(x)
    second.backward()
    close(x.grad, [3.0])
    first, second = Both.apply(x)
    (first + second).backward()
    close(x.grad, [8.0])


def test_needs_input_grad(torch: Any) -> None:
    seen = []

    class Mul(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            _, y = ctx.saved_tensors
            return g * y, None

    x, c = double(torch, [2.0], requires_grad=True), double(torch, [5.0])
    Mul.apply(x, c).backward()
    assert seen == [(True, False)]
    close(x.grad, [5.0])
    with torch.no_grad():
        assert not Mul.apply(x, c).requires_grad


def test_wrong_gradients_raise(torch: Any) -> None:
    def function_with(result: Any) -> Any:
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return result(g)

        return Wrong.apply

    x = double(torch, [1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        function_with(lambda g: (g, g))(x).sum().backward()
    with pytest.raises(RuntimeError, match="invalid gradient at index 0"):
        function_with(lambda g: torch.ones(3, dtype=torch.float64))(x).sum().backward()
    with pytest.raises(ZeroDivisionError):
        function_with(lambda g: 1 / 0)(x).sum().backward()


def test_marks_on_outputs_and_gradients(torch: Any) -> None:
    class Marked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            index = x * 0
            ctx.mark_non_differentiable(index)
            return x * 2, x * 3, index

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any, c: Any) -> Any:
            assert b is None
            return a * 2

    x = double(torch, [1.0], requires_grad=True)
    first, _, index = Marked.apply(x)
    assert not index.requires_grad
    first.backward()
    close(x.grad, [2.0])


def test_once_differentiable(torch: Any) -> None:
    from importlib import import_module

    once = import_module(f"{torch.__name__}.autograd.function").once_differentiable

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @once
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = double(torch, [3.0], requires_grad=True)
    Once.apply(x).backward()
    close(x.grad, [6.0])
    v = double(torch, [1.0], requires_grad=True)
    (g,) = torch.autograd.grad(Once.apply(x), x, v, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_setup_context(torch: Any) -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            (x,) = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = double(torch, [3.0], requires_grad=True)
    Square.apply(x).backward()
    close(x.grad, [6.0])


# --- checks --------------------------------------------------------------------------------------


def test_gradcheck(torch: Any) -> None:
    x = double(torch, [[0.3, -0.4]], requires_grad=True)
    w = double(torch, [[1.0], [2.0]], requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: (torch.tanh(x @ w), x.exp()), (x, w))

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3

    assert not torch.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, (x,))


def test_gradgradcheck(torch: Any) -> None:
    x = double(torch, [[0.3, -0.4]], requires_grad=True)
    w = double(torch, [[1.0], [2.0]], requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: torch.tanh(x @ w), (x, w))

    class WrongAgain(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x.detach() * x  # right once, wrong when it is differentiated

    assert torch.autograd.gradcheck(WrongAgain.apply, (x,))
    assert not torch.autograd.gradgradcheck(WrongAgain.apply, (x,), raise_exception=False)


def test_singular_matrices(torch: Any) -> None:
    flat = torch.ones(2, 2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="singular"):
        torch.linalg.inv(flat)
    with pytest.raises(RuntimeError, match="singular"):
        torch.linalg.solve(flat, torch.ones(2, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="positive-definite"):
        torch.linalg.cholesky(-flat)
    with pytest.raises(RuntimeError, match="square"):
        torch.det(torch.ones(2, 3, dtype=torch.float64))


def test_detect_anomaly(torch: Any) -> None:
    x = double(torch, [0.0], requires_grad=True)
    y = (x * 0).sqrt() * 0
    with (
        pytest.warns(UserWarning) if torch.__name__ == "torch" else pytest.MonkeyPatch.context(),
        torch.autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match="returned nan values"),
    ):
        y.backward()
