"""What a report measures on this machine: speed of the module, of the machine, and accuracy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.driver import Derived
from symgrad.explain.sampling import random_arguments
from symgrad.modules import Module
from symgrad.program import (
    IndexCheck,
    Program,
    evaluate,
    evaluate_size,
    is_floating,
)
from symgrad.schedule import freeze
from symgrad.schedule.phases import choose_sample

__all__ = [
    "Accuracy",
    "Machine",
    "Timing",
    "default_sizes",
    "measure_accuracy",
    "measure_machine",
    "measure_module",
]

_SAMPLES, _OTHERS = 4096, 16
_LEAST_SECONDS = 0.15  # per measurement


@dataclass(frozen=True, slots=True)
class Machine:
    """Speed of this machine by NumPy: a matrix product, and a copy larger than the caches."""

    flops: float
    bandwidth: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one function of the module, least and median of many runs."""

    function: str
    least: float
    median: float
    runs: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The derivative along a random direction of one argument, two ways."""

    argument: str
    derived: float
    differences: float
    error: float


def default_sizes(derived: Derived, given: Mapping[str, int]) -> dict[str, int]:
    """Sizes to measure with: those given, 4096 for the axis of samples, 16 for the others."""
    program = derived.gradient.program
    sample = choose_sample(freeze(program, derived.model.wrt))
    sizes = {s.name: _SAMPLES if s.name == sample else _OTHERS for s in program.sizes()}
    return {**sizes, **{name: size for name, size in given.items() if name in sizes}}


def measure_machine() -> Machine:
    """Both within a fifth of a second."""
    square = np.ones((512, 512))
    product = _least(lambda: square @ square)
    block = np.zeros(4_000_000)
    target = np.empty_like(block)
    copy = _least(lambda: np.copyto(target, block))
    return Machine(2 * 512**3 / product, 2 * block.nbytes / copy)


def _least(run: Callable[[], Any], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_module(
    derived: Derived, module: Module, sizes: Mapping[str, int]
) -> tuple[Timing, ...]:
    """Seconds of the value, and of value and derivatives, for arguments of these sizes."""
    rng = np.random.default_rng(0)
    arguments = _arguments(derived.gradient.program, derived, sizes, rng)
    runs: list[tuple[str, Callable[[], Any]]] = [
        (derived.name, lambda: getattr(module, derived.name)(**arguments))
    ]
    if derived.is_scalar:
        name = f"{derived.name}_value_and_grad"
        runs.append((name, lambda: getattr(module, name)(**arguments)))
    return tuple(_timed(name, run) for name, run in runs)


def _timed(name: str, run: Callable[[], Any]) -> Timing:
    run()
    times: list[float] = []
    end = time.perf_counter() + _LEAST_SECONDS
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return Timing(name, min(times), float(np.median(times)), len(times))


def _arguments(
    program: Program, derived: Derived, sizes: Mapping[str, int], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Positive floats, indices within their range; only what the model takes."""
    extents = {
        s.source: evaluate_size(s.extent, sizes)
        for s in program.definitions
        if isinstance(s, IndexCheck)
    }
    arguments: dict[str, np.ndarray] = {}
    for argument in derived.forward.arguments:
        shape = tuple(evaluate_size(extent, sizes) for extent in argument.shape)
        if is_floating(argument.dtype):
            arguments[argument.name] = rng.uniform(0.2, 1.2, shape).astype(argument.dtype)
        else:
            high = 2 if argument.dtype == "bool" else max(1, extents.get(argument.name, 3))
            arguments[argument.name] = rng.integers(0, high, shape).astype(argument.dtype)
    return arguments


def measure_accuracy(derived: Derived) -> tuple[Accuracy, ...]:
    """Derived gradients against differences of fourth order of the captured program.

    Both by the reference evaluator at one random point; outputs are weighted at random.
    """
    rng = np.random.default_rng(1)
    program, gradient = derived.model.program, derived.gradient
    arguments = random_arguments(gradient.program, rng)
    values = evaluate(gradient.program, arguments)
    dtypes = program.dtypes()
    outputs = [name for name in program.outputs if is_floating(dtypes[name])]
    weights = [arguments[c] for c in gradient.cotangents] or [np.ones(()) for _ in outputs]

    def total(point: Mapping[str, np.ndarray]) -> float:
        found = evaluate(program, {a.name: point[a.name] for a in program.arguments})
        pairs = zip(weights, outputs, strict=True)
        return float(sum(np.sum(w * found[name]) for w, name in pairs))

    single = any(dtype == "float32" for dtype in dtypes.values())
    step = 3e-2 if single else 1e-3
    rows = []
    for name, adjoint in zip(gradient.wrt, gradient.adjoints, strict=True):
        direction = rng.uniform(0.5, 1.0, arguments[name].shape)
        derivative = float(np.sum(values[adjoint] * direction))
        differences = _differences(total, arguments, name, direction, step)
        scale = max(abs(derivative), abs(differences), 1e-300)
        rows.append(Accuracy(name, derivative, differences, abs(derivative - differences) / scale))
    return tuple(rows)


def _differences(
    total: Callable[[Mapping[str, np.ndarray]], float],
    arguments: Mapping[str, np.ndarray],
    name: str,
    direction: np.ndarray,
    step: float,
) -> float:
    """(8·(f(h) − f(−h)) − (f(2h) − f(−2h)))/(12·h)."""

    def at(distance: float) -> float:
        return total({**arguments, name: arguments[name] + distance * direction})

    near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
    return (8 * near - far) / (12 * step)
