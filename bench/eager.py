"""The interactive engine against torch: one recorded operation, a backward, a training step.

    python -m bench.eager

Prints a table of microseconds and ratios; below 1 means that symgrad is faster. Both run on the
threads they choose themselves.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def best(function: Callable[[], Any], repeat: int, number: int) -> float:
    """Microseconds of one call: the best of several rounds."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            function()
        times.append((time.perf_counter() - start) / number)
    return 1e6 * min(times)


def network(torch: Any, sizes: tuple[int, ...]) -> Any:
    """A network of tanh layers with the same weights in both modules."""
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for n, m in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n, m), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1])
    for parameter in net.parameters():
        shape = tuple(parameter.shape)
        values = rng.normal(size=shape) / np.sqrt(shape[-1])
        parameter.data = torch.tensor(values, dtype=torch.float32)
    return net


def training_step(torch: Any, batch: int, sizes: tuple[int, ...]) -> Callable[[], Any]:
    """One step of SGD with momentum on a minibatch, with gradients cleared."""
    net = network(torch, sizes)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.random((batch, sizes[0])), dtype=torch.float32)
    y = torch.tensor(rng.integers(0, sizes[-1], batch))

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def chain(torch: Any, length: int) -> Callable[[], Any]:
    """A backward through a chain of small products."""
    x = torch.ones(3, requires_grad=True)

    def run() -> Any:
        y = x
        for _ in range(length):
            y = y * 1.0001
        y.sum().backward()

    return run


def measurements(torch: Any) -> dict[str, float]:
    """Microseconds by name."""
    x, w = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    return {
        "record x*w, 3 elements": best(lambda: x * w, 7, 5000),
        "record x + 2": best(lambda: x + 2, 7, 5000),
        "record exp": best(x.exp, 7, 5000),
        "chain of 1000, forward and backward": best(chain(torch, 1000), 5, 5),
        "MLP 64-32-10, batch 64: step": best(training_step(torch, 64, (64, 32, 10)), 7, 50),
        "MLP 784-256-10, batch 128: step": best(training_step(torch, 128, (784, 256, 10)), 7, 20),
    }


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    ours = measurements(importlib.import_module("symgrad"))
    try:
        theirs = measurements(importlib.import_module("torch"))
    except ImportError:
        theirs = {}
    print(f"{'':40} {'symgrad':>10} {'torch':>10} {'ratio':>7}")
    for name, value in ours.items():
        other = theirs.get(name)
        tail = f"{other:10.1f} {value / other:7.2f}" if other else f"{'-':>10} {'-':>7}"
        print(f"{name:40} {value:10.1f} {tail}")


if __name__ == "__main__":
    main()
