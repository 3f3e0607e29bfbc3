"""Inputs to try: every magnitude that the element type has, then the neighbourhood of the worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symgrad.program import Program, evaluate_size, is_floating

__all__ = ["Exponents", "draw", "first_exponents", "nearby", "sizes_for"]

Inputs = dict[str, np.ndarray]
Exponents = dict[str, float]


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    high: float


def sizes_for(program: Program, size: int) -> dict[str, int]:
    """A small length for each size: `size`, `size + 1`, …, so that no two agree by chance."""
    return {symbol.name: size + k for k, symbol in enumerate(program.sizes())}


def _range_of(dtype: str) -> _Range:
    info = np.finfo(dtype)
    return _Range(0.98 * float(np.log10(info.tiny)), 0.98 * float(np.log10(info.max)))


def first_exponents(
    program: Program, tries: int, generator: np.random.Generator
) -> Iterator[Exponents]:
    """Half of the tries near 1, where most data are, the others over the whole range."""
    floating = [a for a in program.arguments if is_floating(a.dtype)]
    for number in range(tries):
        place = (number // 2 + 0.5) / max(1, tries // 2)
        chosen: Exponents = {}
        for k, argument in enumerate(floating):
            whole = _range_of(argument.dtype)
            wide = number % 2 == 0
            low, high = (whole.low, whole.high) if wide else (-4.0, 4.0)
            spread = place if k == 0 else generator.uniform()
            chosen[argument.name] = low + (high - low) * spread
        yield chosen


def nearby(
    exponents: Exponents, program: Program, tries: int, generator: np.random.Generator
) -> Iterator[Exponents]:
    """Exponents around given ones, closer and closer."""
    dtypes = program.dtypes()
    for number in range(tries):
        reach = 20.0 / 1.5**number
        moved: Exponents = {}
        for name, exponent in exponents.items():
            whole = _range_of(dtypes[name])
            step = reach * generator.normal()
            moved[name] = float(np.clip(exponent + step, whole.low, whole.high))
        yield moved


def draw(
    program: Program,
    exponents: Exponents,
    sizes: dict[str, int],
    generator: np.random.Generator,
) -> Inputs:
    """Arguments of these magnitudes: random digits and signs, small integers, truth values."""
    inputs: Inputs = {}
    for argument in program.arguments:
        shape = tuple(max(0, evaluate_size(extent, sizes)) for extent in argument.shape)
        if argument.name in exponents:
            signs = generator.choice([-1.0, 1.0], shape)
            digits = generator.uniform(1.0, 3.0, shape)
            drawn = signs * digits * 10.0 ** exponents[argument.name]
        elif argument.dtype == "bool":
            drawn = generator.integers(0, 2, shape)
        else:
            drawn = generator.integers(0, 2, shape)
        inputs[argument.name] = np.asarray(drawn).astype(argument.dtype)
    return inputs
