"""Long programs: growth is linear, and nothing recurses over the length of a program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.differentiate import pull_back
from symgrad.program import Program, evaluate
from symgrad.schedule import freeze, schedule
from symgrad.simplify import count_operations, simplify
from tests.support import build


def chain(length: int) -> Callable[..., Any]:
    """`length` elementwise operations, each reading the last two values."""

    def model(x, y):
        a, b = x, y
        for k in range(length // 2):
            a, b = b, (0.1 + k / length) * np.tanh(b) - a
        return np.sum(a * b)

    return model


SHAPES = {"x": "f64[n]", "y": "f64[n]"}


def gradient_of(length: int) -> tuple[Program, Program, Program]:
    """The captured, the differentiated and the simplified program."""
    program = capture(chain(length), shapes=SHAPES, name="f").program
    raw = pull_back(program, ("x", "y"), unit_seed=True).program
    return program, raw, simplify(raw).program


@pytest.mark.slow
def test_growth_is_linear() -> None:
    """Definitions and operations of each stage for 125, 250 and 500 operations."""
    counts = []
    for length in (125, 250, 500):
        programs = gradient_of(length)
        counts.append(
            [(len(program.definitions), count_operations(program)) for program in programs]
        )
    for stage in range(3):
        for kind in range(2):
            first, second, third = (count[stage][kind] for count in counts)
            # Twice the length is twice as much, and the steps are equal: no quadratic part.
            assert third - second <= 2.05 * (second - first) + 8, (stage, kind, counts)
            assert third <= 2.1 * second, (stage, kind, counts)


@pytest.mark.slow
def test_text_grows_linearly() -> None:
    lengths = [len(build(chain(k), SHAPES).source("cpu").splitlines()) for k in (100, 200, 400)]
    assert lengths[2] - lengths[1] <= 2.2 * (lengths[1] - lengths[0]) + 20


@pytest.mark.slow
def test_five_thousand_operations_do_not_hit_the_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    assert limit <= 3000, "the test means nothing with a raised limit"
    program, raw, simplified = gradient_of(5_000)
    assert len(program.definitions) >= 5_000
    assert len(raw.definitions) >= 2 * len(program.definitions) - 10
    frozen = freeze(simplified)
    assert schedule(frozen).steps
    assert sys.getrecursionlimit() == limit


def test_gradient_of_a_long_chain_is_right(rng: np.random.Generator) -> None:
    program, _, simplified = gradient_of(300)
    arguments = {"x": rng.normal(size=3), "y": rng.normal(size=3)}
    found = evaluate(simplified, arguments)
    gradient = [found[name] for name in simplified.outputs[1:]]
    direction = [rng.normal(size=3) for _ in range(2)]

    def at(step: float) -> float:
        moved = {
            name: value + step * v
            for (name, value), v in zip(arguments.items(), direction, strict=True)
        }
        return float(evaluate(program, moved)[program.outputs[0]])

    from tests.support import central_difference

    wanted = central_difference(at)
    mine = sum(float(np.sum(g * v)) for g, v in zip(gradient, direction, strict=True))
    assert mine == pytest.approx(wanted, rel=1e-8)
