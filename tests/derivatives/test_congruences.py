"""Hessians as Σ Jᵀ·S·J equal those by forward mode on the gradient, and are taken where cheaper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.accumulation import HessianWay, Source, cheaper_hessian, hessian_ways
from symgrad.capture import capture
from symgrad.differentiate.pattern import dense_definition
from symgrad.program import Definition, evaluate
from symgrad.simplify import simplify
from tests.support import assert_close, random_arguments

Shapes = dict[str, str]


def network(W: Any, V: Any, X: Any, y: Any) -> Any:
    z = X @ W
    for _ in range(4):
        z = np.maximum(z, 0) @ V
    return np.mean(special.logsumexp(z, axis=1) - np.sum(z * y, axis=1))


def smooth_network(W: Any, V: Any, X: Any) -> Any:
    return np.sum((np.tanh(np.tanh(X @ W) @ V) @ V) ** 2)


def mixture(a: Any, M: Any, X: Any) -> Any:
    squares = np.sum((X[:, None, :] - M[None]) ** 2, axis=2)
    return np.sum(special.logsumexp(a - squares, axis=1)) - special.logsumexp(a)


def shared(x: Any) -> Any:
    u = np.sin(x)
    return np.sum(u**3) * np.sum(u * x)


PROGRAMS: tuple[tuple[Any, Shapes, tuple[str, ...]], ...] = (
    (network, {"W": "f64[d, h]", "V": "f64[h, h]", "X": "f64[n, d]", "y": "f64[n, h]"}, ("W",)),
    (network, {"W": "f64[d, h]", "V": "f64[h, h]", "X": "f64[n, d]", "y": "f64[n, h]"}, ("W", "V")),
    (smooth_network, {"W": "f64[d, h]", "V": "f64[h, h]", "X": "f64[n, d]"}, ("W", "V")),
    (mixture, {"a": "f64[k]", "M": "f64[k, d]", "X": "f64[n, d]"}, ("a", "M")),
    (shared, {"x": "f64[n]"}, ("x",)),
)
SIZES = {"n": 5, "d": 3, "h": 2, "k": 4, "m": 3}


def source_of(function: Any, shapes: Shapes, wrt: tuple[str, ...]) -> Source:
    model = capture(function, shapes=shapes, wrt=wrt)
    program = simplify(model.program, inline=False).program
    return Source(program.name, "here", program, wrt, False, False, True, ())


def dense(way: HessianWay, arguments: dict[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    names = {}
    for pair, jacobian in way.blocks.items():
        names[pair] = way.builder.fresh(f"block_{pair[0]}_{pair[1]}")
        way.builder.define(dense_definition(jacobian, names[pair]))
    values = evaluate(way.builder.program(names.values()), arguments)
    return {pair: values[name] for pair, name in names.items()}


@pytest.mark.parametrize(("function", "shapes", "wrt"), PROGRAMS)
def test_both_ways_are_equal(
    function: Any, shapes: Shapes, wrt: tuple[str, ...], rng: np.random.Generator
) -> None:
    source = source_of(function, shapes, wrt)
    ways = hessian_ways(source)
    assert len(ways) == 2, "this program has both"
    arguments = random_arguments(source.program, rng, **SIZES)
    first, second = (dense(way, arguments) for way in ways)
    assert first.keys() == second.keys()
    for pair, block in first.items():
        assert np.max(np.abs(block)) > 0
        assert_close(second[pair], block, 1e-11, atol=1e-12)


def test_layers_that_bend_nowhere_are_not_walked_back() -> None:
    """Of a ReLU network's layers only the loss curves: one product Jᵀ·S·J, four for J itself."""
    way = cheaper_hessian(source_of(*PROGRAMS[0]))
    last = way.builder.statements()
    added = [s for s in last if isinstance(s, Definition) and "_by_" in s.name]
    chains = [s for s in added if len(s.axes) == 3 and any(t.axes for t in s.terms)]
    assert not any(s.name.startswith("t") and "_bar" in s.name for s in chains)
    assert len(chains) <= 5


def test_no_second_way_where_a_factor_can_be_infinite() -> None:
    """1/x on the way: 0·∞ could arise, which forward mode on the gradient masks."""

    def poles(x: Any) -> Any:
        u = np.where(x > 0, 1 / x, 0.0)
        return np.sum(np.sin(u) * u)

    assert len(hessian_ways(source_of(poles, {"x": "f64[n]"}, ("x",)))) == 1
