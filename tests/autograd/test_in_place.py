"""In-place changes, indexed assignment, versions and views; the same tests run with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_indexed_assignment_records_the_graph(torch: Any) -> None:
    m = torch.tensor([2.0, 3.0], requires_grad=True)
    n = torch.zeros(2)
    n[0] = m[0] ** 2
    n[1] = m[1] ** 3
    assert type(n.grad_fn).__name__ == "CopySlices"
    n.backward(torch.ones(2))
    close(m.grad, [4.0, 27.0])


def test_overwritten_entries_pass_no_gradient(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = torch.tensor([5.0], requires_grad=True)
    y = x * 2
    y[1] = 7.0
    y[2:] = v * 3
    y.sum().backward()
    close(x.grad, [2.0, 0.0, 0.0])
    close(v.grad, [3.0])


def test_broadcast_assignment(torch: Any) -> None:
    x = torch.ones(3, 4, requires_grad=True)
    row = torch.ones(2, requires_grad=True)
    y = x * 1
    y[:, 1:3] = row * 2
    (y * torch.arange(12.0).view(3, 4)).sum().backward()
    close(row.grad, [2 * (1 + 5 + 9), 2 * (2 + 6 + 10)])
    assert x.grad[:, 1:3].abs().sum().item() == 0


def test_in_place_on_a_leaf_raises(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0] = 3.0
    with pytest.raises(RuntimeError, match="view of a leaf Variable that requires grad"):
        x[:1].mul_(2)


def test_in_place_arithmetic_is_differentiated(torch: Any) -> None:
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    w = torch.tensor([4.0, 5.0], requires_grad=True)
    y = x * 1
    assert y.add_(1) is y
    y.mul_(w)
    y.sub_(0.5)
    y.div_(2)
    y.pow_(2)
    y.neg_()
    y.sum().backward()
    value = ((np.array([2.0, 3.0]) + 1) * np.array([4.0, 5.0]) - 0.5) / 2
    close(x.grad, -2 * value * np.array([4.0, 5.0]) / 2)
    close(w.grad, -2 * value * np.array([3.0, 4.0]) / 2)


def test_augmented_assignment(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * 1
    y += x
    y *= x
    y.backward()
    close(x.grad, [8.0])


def test_changing_a_value_that_backward_needs_raises(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    y = x.exp()
    z = y.sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_changing_a_value_that_backward_does_not_need(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = x * 3
    z = y + 1
    y.add_(1)
    z.backward()
    close(x.grad, [3.0])


def test_recurrence_by_indexed_assignment(torch: Any) -> None:
    a = torch.tensor(0.5, requires_grad=True)
    y = torch.zeros(6)
    y[0] = 1.0
    for k in range(1, 6):
        y[k] = y[k - 1].clone() * a
    y.sum().backward()
    close(a.grad, sum(k * 0.5 ** (k - 1) for k in range(1, 6)))


def test_assignment_by_mask_and_list(torch: Any) -> None:
    x = torch.tensor([1.0, -2.0, 3.0, -4.0], requires_grad=True)
    v = torch.tensor([10.0, 20.0], requires_grad=True)
    y = x * 2
    y[y < 0] = 0.0
    y[[0, 3]] = v * 2
    y.sum().backward()
    close(x.grad, [0.0, 0.0, 2.0, 0.0])
    close(v.grad, [2.0, 2.0])


def test_constant_that_receives_a_tracked_value(torch: Any) -> None:
    x = torch.tensor([2.0], requires_grad=True)
    total = torch.zeros(1)
    for _ in range(3):
        total += x * x
    assert total.requires_grad
    total.backward()
    close(x.grad, [12.0])


def test_version_counter(torch: Any) -> None:
    x = torch.zeros(4)
    view, cut, data = x[:2], x.detach(), x.data
    assert x._version == 0
    x.add_(1)
    view[0] = 3.0
    assert x._version == view._version == cut._version == 2
    assert data._version == 0


def test_edit_through_detach_is_noticed(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        z.sum().backward()


def test_edit_under_no_grad_is_noticed(torch: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    z = x * x
    with torch.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="inplace"):
        z.sum().backward()


def test_in_place_on_a_view_changes_the_base(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    v = y[1:]
    v.mul_(10)
    close(y, [2.0, 40.0, 60.0])
    (y.sum() + v[0]).backward()
    close(x.grad, [2.0, 40.0, 20.0])


def test_view_sees_changes_of_its_base(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    v = y.view(2, 1).t()
    y.mul_(3)
    v.sum().backward()
    close(x.grad, [3.0, 3.0])


def test_zero_and_fill_cut_copy_passes_on(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    s = torch.tensor([3.0], requires_grad=True)
    a, b, c = x * 2, x * 2, x * 2
    a.zero_()
    b.fill_(3.0)
    c.copy_(s * 2)
    (a + b + c).sum().backward()
    close(x.grad, [0.0, 0.0])
    close(s.grad, [4.0])


@pytest.mark.parametrize("name", ["relu_", "exp_", "sigmoid_", "tanh_", "sqrt_", "abs_", "sin_"])
def test_functions_in_place(torch: Any, name: str) -> None:
    x = torch.tensor([0.5, 2.0], requires_grad=True)
    y = x * 1
    getattr(y, name)()
    y.sum().backward()
    first, x.grad = x.grad.clone(), None
    getattr(x * 1, name[:-1])().sum().backward()
    close(first, x.grad.numpy())


def test_in_place_keeps_shape_and_type(torch: Any) -> None:
    y = torch.ones(2)
    with pytest.raises(RuntimeError):
        y.add_(torch.ones(3, 2))
    i = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="can't be cast"):
        i.add_(0.5)


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (Ellipsis, 0),
        (None, slice(0, 2)), (1, slice(None, -1)), ([0, 2, 0],), (slice(None), [1, 1, 3]),
        ([0, 1], [2, 3]), (0, [1, 2]), (slice(None, 2), None, 1), Ellipsis, (),
    ],
)  # fmt: skip
def test_index_gradient_lands_in_the_taken_places(torch: Any, key: Any) -> None:
    x = torch.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
    y = x[key]
    array = np.arange(12.0).reshape(3, 4)
    close(y, array[key])
    weight = np.arange(1.0, y.numel() + 1).reshape(tuple(y.shape))
    y.backward(torch.tensor(weight))
    expected = np.zeros((3, 4))
    np.add.at(expected, key, weight)
    close(x.grad, expected)


def test_index_tensors_and_masks(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[torch.tensor([0, 0, 2])] * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    close(x.grad, [3.0, 0.0, 3.0])
    x.grad = None
    x[x > 1.5].sum().backward()
    close(x.grad, [0.0, 1.0, 1.0])
    assert x[torch.tensor(1)].item() == 2.0


def test_iteration_and_unpacking(torch: Any) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a, b, c = x
    total = a * 1 + b * 2
    for piece in x:
        total = total + piece
    (total + c).backward()
    close(x.grad, [2.0, 3.0, 2.0])


def test_index_errors(torch: Any) -> None:
    x = torch.ones(2, 3)
    with pytest.raises(IndexError, match="out of"):
        x[5]
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, 0]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.view(4, 3), lambda x: x.reshape(2, -1), lambda x: x.t(), lambda x: x.T,
        lambda x: x.transpose(0, 1), lambda x: x.permute(1, 0), lambda x: x.unsqueeze(1),
        lambda x: x.unsqueeze(0).squeeze(0), lambda x: x.flatten(),
        lambda x: x[None].expand(2, 3, 4),
        lambda x: x.unsqueeze(-1).expand(-1, -1, 2), lambda x: x.view_as(x),
        lambda x: x.narrow(1, 1, 2),
        lambda x: x.t().contiguous().view(12), lambda x: x.swapaxes(0, 1),
        lambda x: x.view(-1).unflatten(0, (2, 6)),
    ],
)  # fmt: skip
def test_views_pass_gradients_back(torch: Any, view: Any) -> None:
    data = np.arange(12.0).reshape(3, 4)
    x = torch.tensor(data, requires_grad=True)
    y = view(x)
    weight = np.arange(1.0, y.numel() + 1).reshape(tuple(y.shape))
    y.backward(torch.tensor(weight))
    other = torch.tensor(data, requires_grad=True)
    (view(other) * torch.tensor(weight)).sum().backward()
    close(x.grad, other.grad.numpy())
    positions = view(torch.tensor(data)).numpy().astype(int)
    expected = np.zeros(12)
    np.add.at(expected, positions.ravel(), weight.ravel())
    close(x.grad, expected.reshape(3, 4))


def test_pieces_of_joins_and_splits(torch: Any) -> None:
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], requires_grad=True)
    w = torch.ones(1, 2, requires_grad=True)
    joined = torch.cat([x, w], dim=1)
    first, middle, last = joined.split([2, 3, 2], dim=1)
    a, b, *rest = x.chunk(3, dim=1)
    u = torch.stack([x, x * 2]).unbind(0)
    (middle * 2).sum().backward()
    close(x.grad, [[0.0, 0.0, 2.0, 2.0, 2.0]])
    close(w.grad, [[0.0, 0.0]])
    x.grad = None
    (a.sum() * 3 + u[1].sum() + last.sum()).backward()
    close(x.grad, [[5.0, 5.0, 2.0, 2.0, 2.0]])
    assert tuple(first.shape) == (1, 2) and tuple(b.shape) == (1, 2) and len(rest) == 1


def test_zero_dimensional_tensors(torch: Any) -> None:
    x = torch.tensor(3.0, requires_grad=True)
    (x * x + x.view(1).sum()).backward()
    assert tuple(x.grad.shape) == ()
    close(x.grad, 7.0)


def test_zero_size_tensors(torch: Any) -> None:
    x = torch.ones(0, 3, requires_grad=True)
    w = torch.ones(3, requires_grad=True)
    ((x * w).exp().sum() + (x @ w).sum() + x[:, 1].sum()).backward()
    assert tuple(x.grad.shape) == (0, 3)
    close(w.grad, [0.0, 0.0, 0.0])


@pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3), ()), ((1,), (3, 1))])
def test_gradients_are_summed_to_each_operands_shape(torch: Any, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, s) for s in shapes)
    for op in (lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y):
        x, y = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
        op(x, y).sum().backward()
        full = np.broadcast_shapes(*shapes)
        xf = torch.tensor(np.broadcast_to(a, full).copy(), requires_grad=True)
        yf = torch.tensor(np.broadcast_to(b, full).copy(), requires_grad=True)
        op(xf, yf).sum().backward()
        assert tuple(x.grad.shape) == shapes[0] and tuple(y.grad.shape) == shapes[1]
        np.testing.assert_allclose(x.grad.sum().item(), xf.grad.sum().item(), rtol=1e-10)
        np.testing.assert_allclose(y.grad.sum().item(), yf.grad.sum().item(), rtol=1e-10)


def test_numbers_on_either_side(torch: Any) -> None:
    x = torch.tensor([2.0, 4.0], requires_grad=True)
    for y, slope in (
        (3 + x, [1, 1]), (3 - x, [-1, -1]), (3 * x, [3, 3]), (8 / x, [-2, -0.5]),
        (x / 2, [0.5, 0.5]),
        (2**x, 2.0 ** np.array([2, 4]) * np.log(2)), (x**2, [4, 8]), (np.float64(3) * x, [3, 3]),
        (np.float32(2) + x, [1, 1]), (x - np.int64(1), [1, 1]), (x % 3, [1, 1]),
    ):  # fmt: skip
        assert y.dtype == torch.float32
        x.grad = None
        y.sum().backward()
        close(x.grad, slope)


def test_broadcast_with_a_zero_size_operand(torch: Any) -> None:
    x, w = torch.ones(0, 3, requires_grad=True), torch.ones(1, 3, requires_grad=True)
    (x * w).sum().backward()
    close(w.grad, [[0.0, 0.0, 0.0]])
