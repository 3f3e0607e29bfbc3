"""Random programs of 1 to 12 operations: all targets agree, gradients are gradients.

`SYMGRAD_PROGRAMS=2000 pytest tests/targets/test_random_programs.py` runs more of them.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st
from scipy import special

from symgrad.differentiate import push_forward
from symgrad.program import evaluate, is_floating
from tests.support import (
    STEP,
    Array,
    Built,
    assert_close,
    build,
    central_difference,
    flat,
    magnitude,
    weighted_total,
)
from tests.targets.programs import ARGUMENTS, RandomProgram, programs

EXACT = 1e-12
LARGEST_VALUE = 1e3

PROFILE = settings(
    max_examples=int(os.environ.get("SYMGRAD_PROGRAMS", "100")),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    # A failing program is short as it is; shrinking it takes minutes.
    phases=(Phase.explicit, Phase.generate),
)


def _function(program: RandomProgram) -> Any:
    scope: dict[str, Any] = {"np": np, "special": special}
    exec(program.text, scope)
    return scope["f"]


def _arguments(rng: np.random.Generator, n: int, d: int) -> dict[str, Array]:
    return {
        "x": rng.uniform(-1, 1, n),
        "y": rng.uniform(-1, 1, d),
        "A": rng.uniform(-1, 1, (n, d)),
        "B": rng.uniform(-1, 1, (d, d)),
        "s": np.float64(rng.uniform(-1, 1)),
        "i": rng.integers(-2, 2, 4),
    }


def _numpy_outputs(function: Any, arguments: dict[str, Array]) -> tuple[Array, ...]:
    copies = {name: np.array(value) for name, value in arguments.items()}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flat(function(**copies))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@PROFILE
@given(programs(), st.integers(3, 5), st.integers(2, 4), st.integers(0, 2**32))
def test_random_program(program: RandomProgram, n: int, d: int, seed: int) -> None:
    note(program.text)
    function = _function(program)
    rng = np.random.default_rng(seed)
    arguments = _arguments(rng, n, d)
    expected = _numpy_outputs(function, arguments)
    assume(all(np.all(np.isfinite(y)) for y in expected))
    module = build(function, {name: text for name, (text, _) in ARGUMENTS.items()})
    cotangents = [np.asarray(rng.normal(size=y.shape)) for y in expected]
    largest = _largest(module, arguments, cotangents)
    assume(largest < LARGEST_VALUE)
    # Three of four in tiles of two rows and blocks of few, the others in one tile.
    tiled = module.in_small_tiles() if seed % 4 else module
    check_targets(tiled, arguments, expected, cotangents, largest)
    check_dot_product(module, arguments, cotangents, largest, rng)
    check_gradient(module, function, rng, n, d)


def _largest(module: Built, arguments: dict[str, Array], cotangents: list[Array]) -> float:
    """The largest value anywhere in the program or its gradient: the scale of rounding errors."""
    gradient = module.derived.gradient
    seeds = dict(zip(gradient.cotangents, cotangents, strict=False))
    values = {
        **evaluate(module.model.program, arguments),
        **evaluate(gradient.program, {**arguments, **seeds}),
    }
    if not all(np.all(np.isfinite(v)) for v in values.values() if v.dtype.kind == "f"):
        return np.inf
    return max(1.0, *map(magnitude, values.values()))


def check_targets(
    module: Built,
    arguments: dict[str, Array],
    expected: tuple[Array, ...],
    cotangents: list[Array],
    largest: float,
) -> None:
    """NumPy == reference evaluator == numpy target == cpu target."""
    tolerance = EXACT * largest
    values, products = module.reference_vjp(arguments, cotangents)
    for mine, numpys in zip(values, expected, strict=True):
        assert_close(mine, numpys, EXACT, atol=tolerance, what="reference value")
    for mine, numpys in zip(module.reference_value(arguments), expected, strict=True):
        assert_close(mine, numpys, EXACT, atol=tolerance, what="captured value")
    for target in ("numpy", "cpu"):
        for mine, numpys in zip(module.value(target, arguments), expected, strict=True):
            assert_close(mine, numpys, EXACT, atol=tolerance, what=f"{target} value")
        found_values, found = module.vjp(target, arguments, cotangents)
        for mine, reference in zip((*found_values, *found), (*values, *products), strict=True):
            assert_close(mine, reference, EXACT, atol=tolerance, what=f"{target} product")


def check_dot_product(
    module: Built,
    arguments: dict[str, Array],
    cotangents: list[Array],
    largest: float,
    rng: np.random.Generator,
) -> None:
    """⟨J·v, w⟩ = ⟨v, Jᵀ·w⟩"""
    program, wrt = module.model.program, module.model.wrt
    forward = push_forward(program, wrt)
    tangents = [np.asarray(rng.normal(size=np.shape(arguments[name]))) for name in wrt]
    names = [a.name for a in forward.arguments[len(program.arguments) :]]
    values = evaluate(forward, {**arguments, **dict(zip(names, tangents, strict=True))})
    pushed = [values[name] for name in forward.outputs[len(program.outputs) :]]
    _, products = module.reference_vjp(arguments, cotangents)
    dtypes = program.dtypes()
    assert all(is_floating(dtypes[name]) for name in program.outputs)
    if len(pushed) < len(cotangents):  # an output that does not depend on any argument
        assert all(magnitude(p) == 0 for p in products) or pushed
        return
    left = sum(float(np.sum(w * y)) for w, y in zip(cotangents, pushed, strict=True))
    right = sum(float(np.sum(v * g)) for v, g in zip(tangents, products, strict=True))
    size = sum(float(np.sum(np.abs(w * y))) for w, y in zip(cotangents, pushed, strict=True))
    size += sum(float(np.sum(np.abs(v * g))) for v, g in zip(tangents, products, strict=True))
    assert abs(left - right) <= EXACT * max(size, largest)


def check_gradient(module: Built, function: Any, rng: np.random.Generator, n: int, d: int) -> None:
    """The products against differences along random lines, at a point without a kink nearby."""
    for _ in range(6):
        arguments = _arguments(rng, n, d)
        expected = _numpy_outputs(function, arguments)
        cotangents = [np.asarray(rng.normal(size=y.shape)) for y in expected]
        direction = {name: rng.normal(size=np.shape(arguments[name])) for name in module.model.wrt}
        total = weighted_total(function, cotangents)

        def at(distance: float, arguments=arguments, direction=direction, total=total) -> float:
            moved = {k: np.array(arguments[k] + distance * v) for k, v in direction.items()}
            return float(total({**arguments, **moved}))

        coarse, fine = central_difference(at), central_difference(at, STEP / 2)
        largest = _largest(module, arguments, cotangents)
        if abs(coarse - fine) > 1e-7 * max(abs(coarse), 1e-3) or not largest < LARGEST_VALUE:
            continue
        _, products = module.reference_vjp(arguments, cotangents)
        found = sum(
            float(np.sum(direction[name] * p))
            for name, p in zip(module.model.wrt, products, strict=True)
        )
        noise = (
            1e-15
            / STEP
            * sum(float(np.sum(np.abs(w * y))) for w, y in zip(cotangents, expected, strict=True))
        )
        assert abs(found - coarse) <= 1e-8 * max(abs(coarse), 1e-2) + 8 * noise + abs(coarse - fine)
        return
