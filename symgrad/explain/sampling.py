"""Small random arguments of a program, and its values there by the reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgrad.program import (
    Argument,
    IndexCheck,
    Program,
    bind_sizes,
    evaluate,
    evaluate_size,
    is_floating,
)

__all__ = ["Sample", "random_arguments", "sample_values"]

# Every array of the program by name, and every size.
Sample = tuple[Mapping[str, np.ndarray], Mapping[str, int]]


def random_arguments(program: Program, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arguments of distinct small sizes, floats in (0.2, 1.2), index arrays within their range."""
    sizes = {s.name: 3 + k for k, s in enumerate(program.sizes())}
    extents = {
        s.source: evaluate_size(s.extent, sizes)
        for s in program.definitions
        if isinstance(s, IndexCheck)
    }
    return {a.name: _random(a, sizes, extents.get(a.name, 3), rng) for a in program.arguments}


def _random(
    argument: Argument, sizes: Mapping[str, int], extent: int, rng: np.random.Generator
) -> np.ndarray:
    shape = tuple(max(0, evaluate_size(e, sizes)) for e in argument.shape)
    if is_floating(argument.dtype):
        return np.asarray(rng.uniform(0.2, 1.2, shape))
    high = 2 if argument.dtype == "bool" else max(1, extent)
    return np.asarray(rng.integers(0, high, shape)).astype(argument.dtype)


def sample_values(program: Program, points: int, seed: int) -> tuple[Sample, ...]:
    """The values of all statements at random points; fewer where the program refuses one."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    for _ in range(points):
        arguments = random_arguments(program, rng)
        try:
            values = evaluate(program, arguments)
        except (IndexError, ValueError):
            continue
        samples.append((values, bind_sizes(program, arguments)))
    return tuple(samples)
