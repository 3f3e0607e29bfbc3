"""Modules, losses and optimisers; the same tests run with torch."""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

import numpy as np
import pytest


def close(tensor: Any, expected: Any, rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=rtol, atol=1e-6)


def network(torch: Any, seed: int = 0, sizes: tuple[int, ...] = (2, 8, 1)) -> Any:
    """A network with the same weights in every module."""
    rng = np.random.default_rng(seed)
    layers = []
    for n, m in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n, m), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1])
    for parameter in net.parameters():
        shape = tuple(parameter.shape)
        values = rng.normal(size=shape) / np.sqrt(shape[-1])
        parameter.data = torch.tensor(values, dtype=torch.float32)
    return net


# --- modules -------------------------------------------------------------------------------------


def test_gradients_of_parameters(torch: Any) -> None:
    net = network(torch)
    assert all(p.grad is None for p in net.parameters())
    net(torch.ones(3, 2)).sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


def test_zero_grad(torch: Any) -> None:
    net = network(torch)
    x = torch.ones(1, 2, requires_grad=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for clear in (net.zero_grad, optimizer.zero_grad):
        net(x).sum().backward()
        clear(set_to_none=False)
        assert all(p.grad.abs().sum().item() == 0 for p in net.parameters())
        clear()
        assert all(p.grad is None for p in net.parameters())
    assert x.grad is not None


def test_parameter(torch: Any) -> None:
    with torch.no_grad():
        p = torch.nn.Parameter(torch.ones(2))
    assert p.requires_grad and p.is_leaf and isinstance(p, torch.Tensor)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(2))
            self.inner = torch.nn.Linear(2, 1, bias=False)
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x: Any) -> Any:
            return self.inner(x * self.w)

    model = Model()
    assert [name for name, _ in model.named_parameters()] == ["w", "inner.weight"]
    assert [name for name, _ in model.named_children()] == ["inner"]
    assert model(torch.ones(3, 2)).shape == (3, 1)
    assert "count" in model.state_dict()


def test_optimizer_of_some_parameters(torch: Any) -> None:
    net = network(torch)
    optimizer = torch.optim.SGD([net[0].weight], lr=0.1)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.zero_grad()
    assert net[0].weight.grad is None and net[2].weight.grad is not None


def test_network_fitted_by_adam(torch: Any) -> None:
    net = network(torch, sizes=(2, 16, 1))
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


def test_freezing(torch: Any) -> None:
    net = network(torch)
    net[0].requires_grad_(False)
    net[2].bias.requires_grad_(False)
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert net[0].weight.grad is None and net[2].bias.grad is None
    changed = [not torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True)]
    assert changed == [False, False, True, False]
    net.requires_grad_(True)
    assert all(p.requires_grad for p in net.parameters())


def test_state_and_traversal(torch: Any) -> None:
    net, other = network(torch, 0), network(torch, 1)
    other.load_state_dict(net.state_dict())
    close(other(torch.ones(1, 2)), net(torch.ones(1, 2)).detach().numpy())
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net.training and not net.eval().training and not net[0].training
    assert net.train()[0].training
    names = []
    net.apply(lambda m: names.append(type(m).__name__))
    assert names == ["Linear", "Tanh", "Linear", "Sequential"]
    assert len(list(net.children())) == 3 and len(list(net.modules())) == 4
    with pytest.raises(RuntimeError, match="Missing key"):
        net.load_state_dict({})


def test_losses_as_modules(torch: Any) -> None:
    x = torch.tensor([[0.2, -0.4], [1.0, 0.5]], requires_grad=True)
    y, labels = torch.tensor([[0.0, 1.0], [1.0, 1.0]]), torch.tensor([1, 0])
    nn = torch.nn
    reference = {}
    array, target = x.detach().numpy(), y.numpy()
    reference["MSELoss"] = np.mean((array - target) ** 2)
    reference["L1Loss"] = np.mean(np.abs(array - target))
    reference["BCEWithLogitsLoss"] = np.mean(np.log1p(np.exp(array)) - array * target)
    for name, value in reference.items():
        close(getattr(nn, name)()(x, y), value)
    logs = array - np.log(np.exp(array).sum(1, keepdims=True))
    close(nn.CrossEntropyLoss()(x, labels), -np.mean(logs[[0, 1], [1, 0]]))
    close(nn.NLLLoss(reduction="sum")(torch.log_softmax(x, 1), labels), -logs[[0, 1], [1, 0]].sum())
    weight = torch.tensor([1.0, 3.0])
    close(nn.CrossEntropyLoss(weight=weight)(x, labels), -(3 * logs[0, 1] + logs[1, 0]) / 4)


# --- optimisers ----------------------------------------------------------------------------------


def test_sgd(torch: Any) -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([a, b], lr=0.5)
    (a * 3).sum().backward()
    optimizer.step()
    close(a, [-0.5, -0.5])
    close(b, [1.0, 1.0])


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum_and_decay(torch: Any, nesterov: bool) -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    value, velocity = np.array([1.0, -2.0]), None
    for _ in range(5):
        optimizer.zero_grad()
        (x**2).sum().backward()
        optimizer.step()
        g = 2 * value + 0.01 * value
        velocity = g if velocity is None else 0.9 * velocity + g
        value = value - 0.1 * (g + 0.9 * velocity if nesterov else velocity)
    close(x, value)


def test_adam(torch: Any) -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.1, weight_decay=0.02)
    value, m, v = np.array([1.0, -2.0]), 0.0, 0.0
    for k in range(1, 6):
        optimizer.zero_grad()
        (x**2).sum().backward()
        optimizer.step()
        g = 2 * value + 0.02 * value
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        value = value - 0.1 * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
    close(x, value)


OPTIMISERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.2},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1, "weight_decay": 0.1},
    "RMSprop": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.01},
    "RMSprop centered": {"lr": 0.1, "centered": True},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5},
}


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_take_the_steps_of_torch(name: str) -> None:
    import torch

    import symgrad

    results = []
    for module in (symgrad, torch):
        x = module.tensor([1.0, -2.0, 0.5], dtype=module.float64, requires_grad=True)
        optimizer = getattr(module.optim, name.split()[0])([x], **OPTIMISERS[name])
        for _ in range(6):
            optimizer.zero_grad()
            ((x - 0.3) ** 4 + x.exp()).sum().backward()
            optimizer.step()
        results.append(x.detach().numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)


def test_convolution_layer(torch: Any) -> None:
    layer = torch.nn.Conv2d(2, 3, (3, 2), stride=2, padding=1)
    x = torch.ones(2, 2, 5, 4, requires_grad=True)
    y = layer(x)
    assert tuple(y.shape) == (2, 3, 3, 3)
    y.sum().backward()
    assert tuple(layer.weight.grad.shape) == (3, 2, 3, 2)
    close(layer.bias.grad, [18.0] * 3)


def test_what_cannot_be_optimised(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="non-leaf"):
        torch.optim.SGD([x * 2], lr=0.1)
    with pytest.raises(ValueError, match="empty parameter list"):
        torch.optim.SGD([], lr=0.1)


def test_step_with_closure(torch: Any) -> None:
    x = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1.0
    close(x, [0.0])


# --- training ------------------------------------------------------------------------------------


def training_losses(
    torch: Any, data: Any, labels: Any, epochs: int = 5, compiled: bool = False
) -> list[float]:
    """SGD with momentum on minibatches, from fixed weights."""
    net = network(torch, sizes=(64, 32, 10))

    def loss_of(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(net(x), y)

    if compiled:
        loss_of = torch.jit(loss_of, target="numpy")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    x, y = torch.tensor(data), torch.tensor(labels)
    losses = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(data))
        for start in range(0, len(data), 64):
            rows = torch.tensor(order[start : start + 64])
            optimizer.zero_grad()
            loss = loss_of(x[rows], y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_digits_network_gives_the_losses_of_torch() -> None:
    import torch

    import symgrad

    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    data, labels = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    theirs = training_losses(torch, data, labels)
    assert theirs[-1] < 0.3 * theirs[0]
    for compiled in (False, True):
        ours = training_losses(symgrad, data, labels, compiled=compiled)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
