"""The interactive engine against torch: recorded operations, training steps, a training loop.

    python -m bench.eager [--threads 1]

Three ways to run the same training: symgrad recorded and interpreted, symgrad compiled by
`symgrad.jit` (as array statements, and as Numba kernels), and torch eager. All start from the same
weights, and every loss is compared with torch's. Ratios below 1 mean that symgrad is faster.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-5
ENVIRONMENT = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run a loss: a module, and the target of `jit` if it is compiled."""

    name: str
    module: str
    target: str | None = None


RECORDED = Way("symgrad recorded", "symgrad")
STATEMENTS = Way("symgrad.jit, statements", "symgrad", "numpy")
KERNELS = Way("symgrad.jit, kernels", "symgrad", "cpu")
TORCH = Way("torch", "torch")


# --- single operations ---------------------------------------------------------------------------


def median_of(function: Callable[[], Any], repeat: int, number: int) -> float:
    """Microseconds of one call: the median of several rounds."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            function()
        times.append((time.perf_counter() - start) / number)
    return 1e6 * statistics.median(times)


def chain(torch: Any, length: int) -> Callable[[], Any]:
    """A backward through a chain of small products."""
    x = torch.ones(3, requires_grad=True)

    def run() -> Any:
        y = x
        for _ in range(length):
            y = y * 1.0001
        y.sum().backward()

    return run


def operations(torch: Any) -> dict[str, float]:
    """Microseconds by name."""
    x, w = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    return {
        "record x*w, 3 elements": median_of(lambda: x * w, 9, 3000),
        "record x + 2": median_of(lambda: x + 2, 9, 3000),
        "record exp": median_of(x.exp, 9, 3000),
        "chain of 1000, forward and backward": median_of(chain(torch, 1000), 9, 3),
    }


# --- training ------------------------------------------------------------------------------------


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


class Training:
    """SGD with momentum on minibatches; `seconds` are those of one step each."""

    def __init__(self, way: Way, sizes: tuple[int, ...], lr: float = 0.05) -> None:
        torch = importlib.import_module(way.module)
        net = network(torch, sizes)
        self.torch = torch
        self.optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)

        def loss(x: Any, y: Any) -> Any:
            return torch.nn.functional.cross_entropy(net(x), y)

        compiled = way.target is not None
        self.loss = (
            importlib.import_module("symgrad").jit(loss, target=way.target) if compiled else loss
        )
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def step(self, x: Any, y: Any) -> None:
        """Gradients cleared, loss, backward, update."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        self.optimizer.step()
        self.seconds.append(time.perf_counter() - start)
        self.losses.append(loss.item())


def fixed_batch(sizes: tuple[int, ...], batch: int) -> tuple[np.ndarray, np.ndarray]:
    """One random minibatch."""
    rng = np.random.default_rng(1)
    return rng.random((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)


def steps(ways: list[Way], sizes: tuple[int, ...], batch: int, count: int) -> dict[str, float]:
    """Microseconds of a step for each way: medians of interleaved rounds, after a warm-up."""
    data, labels = fixed_batch(sizes, batch)
    trainings = {way.name: Training(way, sizes, lr=0.01) for way in ways}
    tensors = {
        name: (t.torch.tensor(data), t.torch.tensor(labels)) for name, t in trainings.items()
    }
    rounds = 10
    for _ in range(rounds):
        for name, training in trainings.items():
            for _ in range(count // rounds):
                training.step(*tensors[name])
    compare({name: t.losses for name, t in trainings.items()})
    warm = count // rounds
    return {
        name: 1e6 * statistics.median(training.seconds[warm:])
        for name, training in trainings.items()
    }


def digits_loop(ways: list[Way], epochs: int = 5) -> dict[str, float]:
    """Microseconds of a step in a loop over the digits: 64-32-10, minibatches of 64."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    data, labels = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    trainings = {way.name: Training(way, (64, 32, 10)) for way in ways}
    for name, training in trainings.items():
        x, y = training.torch.tensor(data), training.torch.tensor(labels)
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(data))
            for start in range(0, len(data), 64):
                rows = training.torch.tensor(order[start : start + 64])
                training.step(x[rows], y[rows])
        assert training.losses[-1] < 0.3 * training.losses[0], name
    compare({name: t.losses for name, t in trainings.items()})
    return {name: 1e6 * statistics.median(t.seconds[30:]) for name, t in trainings.items()}


def compare(losses: dict[str, list[float]]) -> None:
    """Every loss against the reference: torch's, or the recorded engine's without torch."""
    reference = np.array(losses.get(TORCH.name, losses[RECORDED.name]))
    for name, values in losses.items():
        worst = np.max(np.abs(np.array(values) - reference) / np.maximum(np.abs(reference), 1.0))
        if worst > TOLERANCE:
            raise AssertionError(f"{name}: a loss differs by {worst:.1e}")


# --- the table -----------------------------------------------------------------------------------


def available() -> list[Way]:
    """The ways that this machine can run."""
    ways = [RECORDED, STATEMENTS, KERNELS]
    if importlib.util.find_spec("torch") is not None:
        ways.append(TORCH)
    return ways


def print_operations() -> None:
    """Microseconds of recorded operations."""
    ours = operations(importlib.import_module("symgrad"))
    has_torch = importlib.util.find_spec("torch") is not None
    theirs = operations(importlib.import_module("torch")) if has_torch else {}
    print(f"{'microseconds':40} {'symgrad':>10} {'torch':>10} {'ratio':>7}")
    for name, value in ours.items():
        print_row(name, value, theirs.get(name))


def print_row(name: str, value: float, reference: float | None) -> None:
    """One line: a time, the reference, their ratio."""
    tail = f"{reference:10.1f} {value / reference:7.2f}" if reference else f"{'-':>10} {'-':>7}"
    print(f"{name:40} {value:10.1f} {tail}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of every library")
    threads = str(parser.parse_args().threads)
    if any(os.environ.get(name) != threads for name in ENVIRONMENT):
        # Libraries read these when they are loaded.
        os.environ.update(dict.fromkeys(ENVIRONMENT, threads))
        os.execv(sys.executable, [sys.executable, "-m", "bench.eager", "--threads", threads])
    print_operations()
    tables = {
        "64-32-10, batch 64, same batch": lambda: steps(available(), (64, 32, 10), 64, 1000),
        "784-256-10, batch 128, same batch": lambda: steps(available(), (784, 256, 10), 128, 200),
        "digits, 5 epochs, 64-32-10, batch 64": lambda: digits_loop(available()),
    }
    for title, measure in tables.items():
        print(f"\nstep of SGD with momentum, {title}: losses agree to {TOLERANCE:g}")
        found = measure()
        for name, value in found.items():
            print_row(f"  {name}", value, found.get(TORCH.name))


if __name__ == "__main__":
    main()
