"""Leaves, flags, types, creation, printing and Python's protocols; the same tests with torch."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import warnings
import weakref
from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


# --- leaves --------------------------------------------------------------------------------------


def test_what_is_a_leaf(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    c = torch.ones(2)
    assert x.is_leaf and c.is_leaf and (c * 2).is_leaf and (x * 2).detach().is_leaf
    assert torch.nn.Parameter(torch.ones(1)).is_leaf
    assert not (x * 2).is_leaf


def test_result_requires_grad_if_any_input_does(torch: Any) -> None:
    x, c = torch.ones(2, requires_grad=True), torch.ones(2)
    assert (x + c).requires_grad and (c + x).requires_grad and not (c + c).requires_grad


def test_gradient_of_a_result_stays_none(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert y.grad is None
    close(x.grad, [2.0, 2.0])


def test_reading_the_gradient_of_a_result_warns(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    with pytest.warns(UserWarning, match="non-leaf"):
        _ = y.grad


def test_retain_grad_keeps_and_accumulates(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    (y * 3).sum().backward(retain_graph=True)
    (y * 3).sum().backward()
    close(y.grad, [6.0, 6.0])
    close(x.grad, [12.0, 12.0])


def test_retain_grad_needs_a_tensor_that_requires_grad(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="can't retain_grad"):
        torch.ones(2).retain_grad()


def test_requires_grad_flag(torch: Any) -> None:
    x = torch.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    x.requires_grad = True
    assert (x * 2).requires_grad


def test_requires_grad_of_a_result_cannot_be_switched_off(torch: Any) -> None:
    y = torch.ones(2, requires_grad=True) * 2
    assert y.requires_grad_() is y
    for flag in (True, False):
        with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
            y.requires_grad = flag
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        y.requires_grad_(False)


# --- element types -------------------------------------------------------------------------------


def test_integers_cannot_require_grad(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
        torch.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="nly Tensors of floating point"):
        torch.tensor([1, 2]).requires_grad = True
    with pytest.raises(RuntimeError, match="nly Tensors of floating point"):
        torch.tensor([True]).requires_grad_()
    with pytest.raises(RuntimeError, match="nly Tensors of floating point"):
        torch.autograd.Variable(torch.tensor([1]), requires_grad=True)


def test_mixed_floats_promote_and_come_back(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    y = x * w
    assert y.dtype == torch.float64
    y.sum().backward()
    assert x.grad.dtype == torch.float32 and w.grad.dtype == torch.float64
    scalar = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    z = x * scalar
    assert z.dtype == torch.float32
    z.sum().backward()
    assert scalar.grad.dtype == torch.float64
    close(scalar.grad, 2.0)


def test_integers_and_numbers_do_not_raise_the_type(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    i = torch.tensor([2, 3])
    assert (x * i).dtype == torch.float32 and (x + 2).dtype == torch.float32
    assert (i * 2.5).dtype == torch.float32 and (i / 2).dtype == torch.float32
    assert (i * 2).dtype == torch.int64 and (i + True).dtype == torch.int64
    assert (torch.tensor(True) + 1).dtype == torch.int64
    (x * i).sum().backward()
    close(x.grad, [2.0, 3.0])


def test_results_that_carry_no_gradient(torch: Any) -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    for y in (x > 0, x.argmax(), x.to(torch.int64), x == x, x.long()):
        assert not y.requires_grad


def test_casts_pass_the_gradient_in_the_type_of_the_source(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    other = torch.ones(1, dtype=torch.float64)
    for y in (x.to(torch.float64), x.double(), x.type_as(other), x.double().float()):
        x.grad = None
        (y * 3).sum().backward()
        assert x.grad.dtype == torch.float32
        close(x.grad, [3.0, 3.0])


def test_default_dtype(torch: Any) -> None:
    assert torch.get_default_dtype() == torch.float32
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.tensor([1.0]).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# --- detach, clone, data, grad -------------------------------------------------------------------


def test_detach_shares_memory_and_cuts_the_gradient(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    d = y.detach()
    assert d.is_leaf and not d.requires_grad
    d[0] = 7.0
    assert y[0].item() == 7.0
    with pytest.raises(RuntimeError, match="does not require grad"):
        d.sum().backward()


def test_detach_in_place(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad


def test_clones_pass_the_gradient_on(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    a, b = x.clone(), x.clone()
    (a * 2 + b * 3).sum().backward()
    close(x.grad, [5.0, 5.0])
    with torch.no_grad():
        a[0] = 9.0
    assert x[0].item() == 1.0


def test_data_shares_memory_without_graph(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    assert not x.data.requires_grad
    x.data[0] = 5.0
    close(x, [5.0, 1.0])
    x.data = torch.tensor([1.0, 2.0, 3.0])
    (x * 2).sum().backward()
    close(x.grad, [2.0, 2.0, 2.0])


def test_edits_of_data_are_not_noticed(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    x.data[0] = 10.0
    y.sum().backward()
    close(x.grad, [20.0, 4.0])


def test_setting_a_gradient(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.tensor([1.0, 2.0])
    (x * 2).sum().backward()
    close(x.grad, [3.0, 4.0])
    del x.grad
    assert x.grad is None
    with pytest.raises(RuntimeError):
        x.grad = torch.ones(3)
    with pytest.raises((TypeError, RuntimeError)):
        x.grad = 3.0
    with pytest.raises(RuntimeError):
        x.grad = torch.ones(2, dtype=torch.float64)


# --- creation ------------------------------------------------------------------------------------


def test_tensor_is_a_class_and_a_function(torch: Any) -> None:
    assert torch.Tensor([1, 2]).dtype == torch.float32
    assert tuple(torch.Tensor(2, 3).shape) == (2, 3)
    assert torch.tensor([1, 2]).dtype == torch.int64
    assert torch.tensor([1.0]).dtype == torch.float32
    assert torch.tensor([True]).dtype == torch.bool
    assert isinstance(torch.tensor([1]), torch.Tensor)
    assert torch.FloatTensor([1, 2]).dtype == torch.float32


@pytest.mark.parametrize(
    "make",
    [
        lambda t, **k: t.ones(2, 3, **k),
        lambda t, **k: t.zeros((2, 3), **k),
        lambda t, **k: t.full((2,), 3.0, **k),
        lambda t, **k: t.randn(2, **k),
        lambda t, **k: t.rand(2, **k),
        lambda t, **k: t.tensor([1.0], **k),
        lambda t, **k: t.arange(3.0, **k),
        lambda t, **k: t.linspace(0, 1, 5, **k),
        lambda t, **k: t.eye(3, **k),
        lambda t, **k: t.empty(2, **k),
    ],
)
def test_factories_take_requires_grad(torch: Any, make: Any) -> None:
    assert make(torch, requires_grad=True).requires_grad
    assert not make(torch).requires_grad
    assert make(torch, dtype=torch.float64).dtype == torch.float64


def test_from_numpy_shares_memory(torch: Any) -> None:
    array = np.array([1.0, 2.0])
    x = torch.from_numpy(array)
    assert x.dtype == torch.float64
    array[0] = 5.0
    assert x[0].item() == 5.0
    x[1] = 7.0
    assert array[1] == 7.0
    assert x.numpy()[0] == 5.0


def test_symgrad_is_not_torch_in_disguise() -> None:
    code = (
        "import symgrad, sys; x = symgrad.ones(2, requires_grad=True); x.sum().backward();"
        "assert not any(n.split('.')[0] in ('torch', 'jax') for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_symgrad_does_not_load_the_engine() -> None:
    code = "import symgrad, sys; assert 'symgrad.autograd' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_manual_seed(torch: Any) -> None:
    torch.manual_seed(3)
    a = torch.randn(1000)
    torch.manual_seed(3)
    assert torch.equal(a, torch.randn(1000))
    assert abs(a.mean().item()) < 0.2 and abs(a.std().item() - 1) < 0.2
    assert torch.rand(100).min().item() >= 0 and torch.rand(100).max().item() < 1


def test_like_factories(torch: Any) -> None:
    x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    y = x * 2
    for z in (
        torch.ones_like(y),
        torch.zeros_like(y),
        torch.full_like(y, 3.0),
        torch.randn_like(y),
        torch.empty_like(y),
        y.new_zeros(2, 3),
        y.new_ones((2, 3)),
        y.new_full((2, 3), 1.0),
    ):
        assert tuple(z.shape) == (2, 3) and z.dtype == torch.float64 and not z.requires_grad


def test_variable(torch: Any) -> None:
    t = torch.ones(2)
    v = torch.autograd.Variable(t, requires_grad=True)
    assert v.requires_grad and isinstance(t, torch.autograd.Variable)
    assert isinstance(v, torch.Tensor)
    v.data[0] = 4.0
    assert t[0].item() == 4.0
    assert not torch.autograd.Variable(t).requires_grad


def test_variable_of_a_result_is_cut_off_from_its_history(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    v = torch.autograd.Variable(x * 2, requires_grad=True)
    assert v.is_leaf
    (v * 3).sum().backward()
    close(v.grad, [3.0, 3.0])
    assert x.grad is None
    with pytest.raises(TypeError):
        torch.autograd.Variable([1.0, 2.0])


# --- Python --------------------------------------------------------------------------------------


def test_python_control_flow(torch: Any) -> None:
    x = torch.tensor([1.5, 2.0], requires_grad=True)
    assert x[0].item() == 1.5 and float(x[1]) == 2.0 and int(x[1]) == 2
    assert bool(x[0] > 1) and len(x) == 2 and (x.sum() < 4)
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(x > 0)
    with pytest.raises((RuntimeError, ValueError), match="converted to Scalar"):
        x.item()


def test_numpy_of_a_tensor_that_requires_grad(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x)
    assert x.detach().numpy().shape == (2,)
    assert np.asarray(torch.ones(2)).shape == (2,)


def test_deepcopy(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y is not x
    close(y.grad, [2.0, 2.0])
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.5, -3.0],
        [1.0, 2.0],
        [],
        [[1, 2], [30, 4]],
        [True, False],
        3.25,
        7,
        [float("nan"), 1.0, float("inf")],
        [1e-5, 1.0],
        [12345.678, 1e9],
        [[[1.0, 2.0]], [[3.0, 4.5]]],
        [0.0, 0.0],
        np.linspace(0, 3, 40).tolist(),
        list(range(2000)),
    ],
)
def test_prints_like_torch(values: Any) -> None:
    torch = pytest.importorskip("torch")
    import symgrad

    assert repr(symgrad.tensor(values)) == repr(torch.tensor(values))


def test_prints_flags_and_nodes(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], grad_fn=<MulBackward0>)"
    assert repr((x * 2).sum()) == "tensor(6., grad_fn=<SumBackward0>)"
    assert "dtype=" in repr(torch.ones(1, dtype=torch.float64))


# --- the graph as users see it -------------------------------------------------------------------


def test_nodes_are_named_after_their_operation(torch: Any) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    names = [type(t.grad_fn).__name__ for t in (y, z, z.mean())]
    assert names == ["AddBackward0", "MulBackward0", "MeanBackward0"]
    assert x.grad_fn is None


def test_names_of_other_nodes(torch: Any) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    v = torch.ones(2, requires_grad=True)
    names = {
        "AddBackward0": x + 2,
        "MulBackward0": x * x,
        "MeanBackward0": x.mean(),
        "SubBackward0": x - 1,
        "DivBackward0": x / 2,
        "NegBackward0": -x,
        "PowBackward0": x**2,
        "ExpBackward0": x.exp(),
        "LogBackward0": x.log(),
        "SumBackward0": x.sum(),
        "SumBackward1": x.sum(0),
        "CloneBackward0": x.clone(),
        "MmBackward0": x @ x,
        "MvBackward0": x @ v,
        "DotBackward0": v @ v,
        "ViewBackward0": x.view(4),
        "TBackward0": x.t(),
        "TransposeBackward0": x.transpose(0, 1),
        "PermuteBackward0": x.permute(1, 0),
        "SelectBackward0": x[0],
        "SliceBackward0": v[1:],
        "IndexBackward0": x[[0, 1]],
        "UnsqueezeBackward0": x.unsqueeze(0),
        "SqueezeBackward0": x.unsqueeze(0).squeeze(),
        "ExpandBackward0": v.expand(2, 2),
        "ReluBackward0": x.relu(),
        "SigmoidBackward0": x.sigmoid(),
        "TanhBackward0": x.tanh(),
        "CatBackward0": torch.cat([x, x]),
        "StackBackward0": torch.stack([x, x]),
        "MaxBackward1": x.max(),
        "MaxBackward0": x.max(1).values,
        "WhereBackward0": torch.where(x > 0, x, x),
        "SoftmaxBackward0": x.softmax(1),
        "LogSoftmaxBackward0": x.log_softmax(1),
        "AbsBackward0": x.abs(),
        "SqrtBackward0": x.sqrt(),
    }
    for name, tensor in names.items():
        assert tensor.grad_fn.name() == name
        assert type(tensor.grad_fn).__name__ == name


def test_graph_keeps_what_it_needs(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    y = y * y
    x_old = x
    x = None
    gc.collect(1)
    y.backward()
    close(x_old.grad, [32.0])


def test_next_functions(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y + y
    assert [fn is y.grad_fn for fn, _ in z.grad_fn.next_functions] == [True, True]
    (acc, number), (constant, _) = y.grad_fn.next_functions
    assert type(acc).__name__ == "AccumulateGrad" and acc.variable is x and number == 0
    assert constant is None


def test_intermediates_are_garbage(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    reference = weakref.ref(y)
    z = (y + 1).sum()
    gc.disable()
    try:
        del y
        assert reference() is None
    finally:
        gc.enable()
    z.backward()


def test_saved_values(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x**3
    assert torch.equal(y.grad_fn._saved_self, x) and y.grad_fn._saved_exponent == 3
    y.backward()
    with pytest.raises(RuntimeError, match="freed"):
        _ = y.grad_fn._saved_self


def test_reading_grad_of_a_leaf_does_not_warn(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x.grad is None


def test_facts_about_memory(torch: Any) -> None:
    x = torch.zeros(3, 4)
    assert x.cpu() is x and x.device.type == "cpu" and str(torch.device("cpu")) == "cpu"
    assert not x.is_cuda and x.nbytes == 48 and x.element_size() == 4
    assert x.stride() == (4, 1) and x.t().stride(0) == 1
    assert x.is_floating_point() and not x.long().is_floating_point() and not x.is_complex()
    assert x.type(torch.float64).dtype == torch.float64 and x.type().endswith("FloatTensor")
    assert torch.finfo(torch.float32).eps < 1e-6 and torch.iinfo(torch.int64).max == 2**63 - 1
    assert x.to("cpu") is x and x.to(torch.device("cpu")) is x
    assert x.to(torch.device("cpu"), torch.float64).dtype == torch.float64


def test_shapes_by_functions(torch: Any) -> None:
    x = torch.arange(6.0).view(2, 3)
    a, b = torch.broadcast_tensors(x[0], x)
    assert tuple(a.shape) == tuple(b.shape) == (2, 3)
    assert tuple(torch.atleast_2d(x[0]).shape) == (1, 3)
    assert tuple(torch.atleast_1d(torch.tensor(1.0)).shape) == (1,)
    assert [len(p) for p in torch.tensor_split(torch.arange(7), 3)] == [3, 2, 2]
    assert [len(p) for p in torch.tensor_split(torch.arange(7), (2, 5))] == [2, 3, 2]
    close(torch.flipud(x)[0], [3.0, 4.0, 5.0])
    close(torch.diff(x, dim=0)[0], [3.0, 3.0, 3.0])
    close(torch.nan_to_num(torch.tensor([float("nan"), 1.0, float("-inf")]), 7.0)[:2], [7.0, 1.0])
    one_hot = torch.nn.functional.one_hot(torch.tensor([0, 2]), 3)
    assert one_hot.dtype == torch.int64 and one_hot.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda t, x, y: x + y, RuntimeError, r"size of tensor a \(4\) must match .* b \(5\) at"),
        (lambda t, x, y: y * x, RuntimeError, "must match the size of tensor b"),
        (lambda t, x, y: t.maximum(x, y), RuntimeError, "at non-singleton dimension 1"),
        (lambda t, x, y: t.lerp(x, y, 0.5), RuntimeError, "at non-singleton dimension 1"),
        (lambda t, x, y: t.where(x > 0, x, y), RuntimeError, "at non-singleton dimension 1"),
        (lambda t, x, y: x > y, RuntimeError, "at non-singleton dimension 1"),
        (lambda t, x, y: x.clone().mul_(y), RuntimeError, "at non-singleton dimension 1"),
        (lambda t, x, y: x.mul_(t.ones(2, 3, 4)), RuntimeError, "match the broadcast shape"),
        (lambda t, x, y: x.expand(5, 4), RuntimeError, "must match the existing size"),
        (lambda t, x, y: x.expand(4), RuntimeError, "number of sizes provided"),
        (lambda t, x, y: x.copy_(y), RuntimeError, "must match"),
        (lambda t, x, y: t.cat([x, y]), RuntimeError, "same number of dimensions"),
        (lambda t, x, y: t.cat([x, t.ones(2, 3)]), RuntimeError, "except in dimension 0"),
        (lambda t, x, y: t.stack([x, y]), RuntimeError, "each tensor to be equal size"),
        (lambda t, x, y: x @ y, RuntimeError, "size mismatch|cannot be multiplied"),
        (lambda t, x, y: x @ x, RuntimeError, "cannot be multiplied"),
        (lambda t, x, y: t.mm(x, y), RuntimeError, "matrix|matrices"),
        (lambda t, x, y: t.bmm(x, x), RuntimeError, "3D tensor"),
        (lambda t, x, y: t.dot(x, y), RuntimeError, "1D tensors"),
        (lambda t, x, y: t.einsum("ij,jk->ik", x, x), RuntimeError, "operand|subscript"),
        (lambda t, x, y: x.view(5), RuntimeError, "is invalid for input of size 12"),
        (lambda t, x, y: x.sum(7), IndexError, "Dimension out of range"),
        (lambda t, x, y: x.unsqueeze(5), IndexError, "Dimension out of range"),
        (lambda t, x, y: x.narrow(0, 2, 5), RuntimeError, "exceeds dimension size"),
        (lambda t, x, y: x[7], IndexError, "out of bounds for dimension 0 with size 3"),
        (lambda t, x, y: x.gather(0, t.tensor([[9]])), (RuntimeError, IndexError), "out of"),
        (lambda t, x, y: x.index_select(0, t.tensor([7])), IndexError, "out of"),
        (
            lambda t, x, y: t.nn.functional.cross_entropy(x, t.tensor([0, 1, 9])),
            IndexError,
            "out of bounds",
        ),
        (lambda t, x, y: x.permute(0), RuntimeError, "number of dim"),
        (lambda t, x, y: x.repeat(2), RuntimeError, "Number of dimensions of repeat dims"),
        (lambda t, x, y: x.split(-1), RuntimeError, "non-negative"),
        (lambda t, x, y: x[t.tensor([True, False])], IndexError, "mask|boolean index"),
        (lambda t, x, y: t.nn.functional.mse_loss(x, y), RuntimeError, "must match"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_errors_of_shapes(torch: Any, call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call(torch, torch.ones(3, 4), torch.ones(5))
