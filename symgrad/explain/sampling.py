"""Small random arguments of a program, and its values there by the reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgrad.program import (
    IndexCheck,
    MatrixOperation,
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
    """Arguments of small sizes, floats in (−1.5, 1.5) or (0.2, 1.2), indices within their range.

    Half of the points have positive numbers only: logarithms and roots need them.
    """
    sizes = {s.name: 3 + k % 5 for k, s in enumerate(program.sizes())}
    lowest, highest = (0.2, 1.2) if rng.integers(2) else (-1.5, 1.5)
    extents = {
        s.source: evaluate_size(s.extent, sizes)
        for s in program.definitions
        if isinstance(s, IndexCheck)
    }
    matrices = {s.operands[0] for s in program.definitions if isinstance(s, MatrixOperation)}
    arguments: dict[str, np.ndarray] = {}
    for argument in program.arguments:
        shape = tuple(max(0, evaluate_size(e, sizes)) for e in argument.shape)
        if is_floating(argument.dtype):
            drawn = np.asarray(rng.uniform(lowest, highest, shape))
            # What is factorised is to be regular, and positive definite by its lower triangle.
            heavy = 2 * shape[-1] * np.eye(shape[-1]) if argument.name in matrices else 0.0
            arguments[argument.name] = np.asarray(drawn + heavy)
        else:
            high = 2 if argument.dtype == "bool" else max(1, extents.get(argument.name, 3))
            integers = np.asarray(rng.integers(0, high, shape))
            arguments[argument.name] = integers.astype(argument.dtype)
    return arguments


def sample_values(program: Program, points: int, seed: int) -> tuple[Sample, ...]:
    """The values of all statements at random points; fewer where the program refuses one."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    with np.errstate(all="ignore"):
        for _ in range(points):
            arguments = random_arguments(program, rng)
            try:
                values = evaluate(program, arguments)
            except (IndexError, ValueError):
                continue
            samples.append((values, bind_sizes(program, arguments)))
    return tuple(samples)
