"""Element-wise code with several functions: one operand's functions to a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.schedule import freeze, schedule
from symgrad.schedule.functions import FUNCTIONS
from symgrad.schedule.loops import Block, Loop
from symgrad.schedule.plan import RunTiled
from tests.schedule.test_scheduler import kernel_nodes
from tests.support import assert_close, build


def chain(x):
    a = np.tanh(0.5 * x)
    b = np.exp(-a * x)
    return np.sum(np.log(b + np.tanh(np.sin(b) - a) ** 2 + 1.5))


def share(x, y):
    return np.sum(special.expit(x) * y + np.log(1 + np.exp(x)))


def by_columns(X, w):
    return np.sum(np.exp(np.sin(X) * w) * np.cos(X + w), axis=1)


SHAPES = {
    chain: {"x": "f64[n]"},
    share: {"x": "f64[n]", "y": "f64[n]"},
    by_columns: {"X": "f64[n, d]", "w": "f64[d]"},
}


def function_loops(function: Callable[..., Any]) -> list[list[tuple[str, tuple[int, ...]]]]:
    """For each nest with functions: their names and operands."""
    plan = schedule(freeze(build(function, SHAPES[function]).derived.gradient.program))
    found = []
    for step in plan.steps:
        if isinstance(step, RunTiled):
            for node in kernel_nodes(step.kernel):
                if isinstance(node, Loop):
                    blocks = [inner for inner in node.body if isinstance(inner, Block)]
                    own = [
                        (op.name, op.operands)
                        for block in blocks
                        for op in block.operations
                        if op.name in FUNCTIONS
                    ]
                    found += [own] if own else []
    return found


def test_each_loop_has_functions_of_one_operand() -> None:
    loops = function_loops(chain)
    assert all(len({operands for _, operands in loop}) == 1 for loop in loops)
    assert {name for loop in loops for name, _ in loop} >= {"tanh", "exp", "log"}


def test_functions_of_the_same_operand_stay_together() -> None:
    (loop,) = function_loops(share)
    assert {name for name, _ in loop} == {"sigmoid", "softplus"}


def test_functions_of_numbers_stay_where_they_are() -> None:
    plan = build(lambda x: np.sum(np.exp(x * np.log(special.gammaln(4.5)))), {"x": "f64[n]"})
    text = plan.source()
    assert "gammaln[" not in text and "_gammaln =" not in text


@pytest.mark.parametrize("function", [chain, share, by_columns], ids=lambda f: f.__name__)
def test_values_are_those_of_the_reference(
    function: Callable[..., Any], rng: np.random.Generator
) -> None:
    built = build(function, SHAPES[function]).in_small_tiles()
    sizes = {"n": 11, "d": 3}
    arguments = {
        name: rng.normal(size=tuple(sizes[s] for s in shape[4:-1].split(", ")))
        for name, shape in SHAPES[function].items()
    }
    for found, expected in zip(
        built.value("cpu", arguments), built.reference_value(arguments), strict=True
    ):
        assert_close(found, expected, 1e-12)
    seeds = [rng.normal(size=np.shape(v)) for v in built.reference_value(arguments)]
    found, expected = built.vjp("cpu", arguments, seeds), built.reference_vjp(arguments, seeds)
    for own, reference in zip(found[1], expected[1], strict=True):
        assert_close(own, reference, 1e-12)
