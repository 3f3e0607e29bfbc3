"""`backward`: roots, gradients, accumulation, freed graphs; the same tests run with torch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def close(tensor: Any, expected: Any) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


# --- roots ---------------------------------------------------------------------------------------


def test_scalar_root_needs_no_argument(torch: Any) -> None:
    x = torch.ones(2, 2, requires_grad=True)
    ((x + 2) ** 2 * 3).mean().backward()
    close(x.grad, np.full((2, 2), 4.5))


@pytest.mark.parametrize("factor", [None, 1.0, 3.0])
def test_gradient_of_a_scalar_root(torch: Any, factor: float | None) -> None:
    x = leaf(torch, 1.0, 2.0)
    (x * x).sum().backward(None if factor is None else torch.tensor(factor))
    close(x.grad, np.array([2.0, 4.0]) * (factor or 1.0))


def test_failed_backward_leaves_the_graph_usable(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
        y.backward()
    assert x.grad is None
    y.backward(torch.ones(2))
    close(x.grad, [2.0, 2.0])


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_one_element_root_counts_as_scalar(torch: Any, shape: tuple[int, ...]) -> None:
    x = torch.ones(*shape, requires_grad=True)
    (x * 5).backward()
    close(x.grad, np.full(shape, 5.0))


def test_gradients_accumulate_over_calls(torch: Any) -> None:
    x = leaf(torch, 1.0)
    y = x * 3
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    (x * 2).backward()
    close(x.grad, [8.0])


def test_ways_of_clearing_a_gradient(torch: Any) -> None:
    x = leaf(torch, 1.0, 1.0)
    for clear in (
        lambda: x.grad.data.zero_(),
        lambda: x.grad.zero_(),
        lambda: setattr(x, "grad", None),
    ):
        (x * 2).sum().backward()
        close(x.grad, [2.0, 2.0])
        clear()
    assert x.grad is None


def test_vector_jacobian_product_is_gradient_of_weighted_sum(torch: Any) -> None:
    x, g = leaf(torch, 1.0, 2.0, 3.0), torch.tensor([0.1, 1.0, 10.0])
    (x**3).backward(g)
    first = x.grad.clone()
    x.grad = None
    ((x**3) * g).sum().backward()
    close(first, x.grad.numpy())


def test_data_dependent_loop(torch: Any) -> None:
    x = leaf(torch, 0.3, -0.5, 0.4)
    y = x * 2
    while y.data.norm() < 1000:
        y = y * 2
    y.backward(torch.tensor([0.1, 1.0, 0.0001]))
    close(x.grad, [204.8, 2048.0, 0.2048])


def test_takes_a_tensor_list_or_tuple(torch: Any) -> None:
    for roots in (lambda y: y, lambda y: [y], lambda y: (y,)):
        for given in (lambda g: g, lambda g: [g], lambda g: (g,)):
            x = leaf(torch, 1.0, 2.0)
            torch.autograd.backward(roots(x * 2), given(torch.ones(2)))
            close(x.grad, [2.0, 2.0])
    x = leaf(torch, 1.0, 2.0)
    torch.autograd.backward(tensors=[x * 2], grad_tensors=[torch.ones(2)])
    close(x.grad, [2.0, 2.0])


def test_first_parameter_cannot_be_left_out(torch: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        torch.autograd.backward()


def test_backward_of_a_leaf(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    x.backward(torch.tensor([3.0, 4.0]))
    close(x.grad, [3.0, 4.0])


def test_old_keyword_grad_variables(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    with pytest.warns((FutureWarning, DeprecationWarning)):
        torch.autograd.backward(x * 2, grad_variables=torch.ones(2))
    close(x.grad, [2.0, 2.0])
    with warnings.catch_warnings(), pytest.raises(RuntimeError):
        warnings.simplefilter("ignore")
        torch.autograd.backward(x * 2, torch.ones(2), grad_variables=torch.ones(2))


def test_gradients_are_stored_on_leaves_that_require_them(torch: Any) -> None:
    x, c = leaf(torch, 1.0), torch.tensor([2.0])
    y = x * c
    z = y * y
    z.backward()
    assert c.grad is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert y.grad is None
    close(x.grad, [8.0])


def test_root_without_elements_is_no_scalar(torch: Any) -> None:
    x = torch.ones(0, requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        (x * 2).backward()


def test_accumulation_is_in_place_without_create_graph(torch: Any) -> None:
    x = leaf(torch, 2.0)
    (x * x).backward()
    before = x.grad
    (x * x).backward()
    assert x.grad is before
    close(before, [8.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x * x).backward(create_graph=True)
    assert x.grad is not before
    close(before, [8.0])


def test_inputs_restrict_accumulation(torch: Any) -> None:
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    y = x * w
    z = y * y
    torch.autograd.backward(z, inputs=[w])
    assert x.grad is None
    close(w.grad, [24.0])


# --- retain_graph --------------------------------------------------------------------------------


def test_second_backward_through_a_freed_graph_raises(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_freeing_through_one_root_breaks_the_others(torch: Any) -> None:
    x = leaf(torch, 2.0)
    shared = x * x
    a, b = shared + 1, shared + 2
    a.backward()
    with pytest.raises(RuntimeError, match="second time"):
        b.backward()


def test_retain_graph_permits_any_number_of_calls(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * x
    for _ in range(3):
        y.backward(retain_graph=True)
    y.backward()
    close(x.grad, [16.0])
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_retain_graph_defaults_to_create_graph(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x**3
    torch.autograd.grad(y, x, create_graph=True)
    torch.autograd.grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y, x)


def test_operations_that_save_nothing_may_be_walked_twice(torch: Any) -> None:
    x = leaf(torch, 2.0, 3.0)
    for make in (
        lambda: (x + 1).sum(),
        lambda: x.view(2, 1).t()[0].sum(),
        lambda: (-x).reshape(1, 2).sum(),
    ):
        y = make()
        y.backward()
        y.backward()


# --- grad_tensors --------------------------------------------------------------------------------


def test_shape_mismatch(torch: Any) -> None:
    y = leaf(torch, 1.0, 2.0) * 2
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of"):
        y.backward(torch.ones(3))


def test_fewer_gradients_than_tensors(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        torch.autograd.backward([x * 2, x * 3], [torch.ones(2)])


def test_none_among_gradients(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    torch.autograd.backward([x.sum(), x * 3], [None, torch.ones(2)])
    close(x.grad, [4.0, 4.0])
    with pytest.raises(RuntimeError, match="scalar"):
        torch.autograd.backward([x * 3], [None])


@pytest.mark.parametrize("gradient", [[1.0, 1.0], 1.0, np.ones(2)])
def test_gradients_must_be_tensors(torch: Any, gradient: Any) -> None:
    y = leaf(torch, 1.0, 2.0) * 2
    with pytest.raises(TypeError):
        y.backward(gradient)


def test_gradient_of_another_type_is_cast(torch: Any) -> None:
    x = leaf(torch, 1.0, 2.0)
    (x * 2).backward(torch.ones(2, dtype=torch.float64))
    assert x.grad.dtype == torch.float32
    close(x.grad, [2.0, 2.0])


# --- several roots -------------------------------------------------------------------------------


def test_gradients_of_several_roots_add_up(torch: Any) -> None:
    x = leaf(torch, 2.0)
    torch.autograd.backward([x * x, x * 3])
    close(x.grad, [7.0])


def test_root_that_is_an_ancestor_of_another(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * x
    torch.autograd.backward([y, y * 3])
    close(x.grad, [16.0])


def test_same_root_twice_counts_twice(torch: Any) -> None:
    x = leaf(torch, 2.0)
    y = x * x
    torch.autograd.backward([y, y])
    close(x.grad, [8.0])


def test_root_without_grad_names_its_index(torch: Any) -> None:
    x = leaf(torch, 2.0)
    with pytest.raises(RuntimeError, match="element 1 of tensors does not require grad"):
        torch.autograd.backward([x * 2, torch.ones(1)])


# --- scale ---------------------------------------------------------------------------------------


def test_chain_of_ten_thousand_operations(torch: Any) -> None:
    x = leaf(torch, 1.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0
    y.backward()
    close(x.grad, [1.0])


def test_diamond(torch: Any) -> None:
    x = leaf(torch, 3.0)
    a = x * 2
    (a * a + a).backward()
    close(x.grad, [26.0])


def test_sixty_doublings(torch: Any) -> None:
    x = leaf(torch, 1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    close(x.grad, [2.0**60])


def test_one_leaf_used_many_times(torch: Any) -> None:
    x = leaf(torch, 2.0)
    (x * x * x + torch.maximum(x, x) + x @ x).sum().backward()
    close(x.grad, [12.0 + 1.0 + 4.0])


def test_dropping_a_long_chain(torch: Any) -> None:
    x = leaf(torch, 1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    del y
    z = x
    for _ in range(2_000):
        z = z * 1.0
    (g,) = torch.autograd.grad(z, x, create_graph=True)
    del g, z


def test_five_thousand_leaves(torch: Any) -> None:
    leaves = [torch.ones(1, requires_grad=True) for _ in range(5000)]
    torch.stack(leaves).sum().backward()
    assert all(x.grad.item() == 1 for x in leaves)


def test_branch_that_does_not_lead_to_the_root(torch: Any) -> None:
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    unused = x * w
    (x * 2).backward()
    assert w.grad is None
    del unused
