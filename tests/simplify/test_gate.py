"""No pass makes a result worse: errors before and after each, at ordinary and extreme inputs.

Every pass that changes a program of the corpus is watched. The program before it and the program
after it are evaluated in float64 by the array statements that are printed for them, and compared
with the exact values of the program as it was first seen. `SYMGRAD_GATE=60` adds so many random
formulas.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

from bench.formulas import random_formula
from symgrad.autograd.rules import Rule
from symgrad.capture import capture
from symgrad.driver import Timings, derive
from symgrad.precision import evaluate_exactly
from symgrad.program import Program, bind_sizes, evaluate_size, is_floating
from tests.simplify.everyday import FORMULAS
from tests.simplify.test_models import MODELS
from tests.simplify.test_spellings import PROOFS

RANDOM = int(os.environ.get("SYMGRAD_GATE", "12"))
EPS = float(np.finfo(np.float64).eps)
LARGEST, SMALLEST = float(np.finfo(np.float64).max), 1e-300
# Another order of the same operations moves the last digits; a lost digit is another thing.
FREE = 8.0
# hoist: in the tail of the truncated normal a factor that is taken out of a sum of large terms is
# rounded with their total, and 21 roundings become 53.
FACTORS = {"hoist": 2.5}

Array = np.ndarray
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A pass that changed a program, and the stage it belongs to."""

    name: str
    before: Program
    after: Program


def stages(function: Callable[..., Any], shapes: dict[str, str], wrt: Any) -> list[list[Step]]:
    """The passes before differentiation, and those after it."""
    found: list[list[Step]] = [[], []]

    def watch(name: str, before: Program, after: Program) -> None:
        if name == "differentiate":
            found.append([])
        else:
            found[-1].append(Step(name, before, after))

    found[:] = [[]]
    model = capture(function, shapes=shapes, name="f", wrt=wrt)
    derive(model, (), Timings(), watch=watch)
    return found


def completed(program: Program, inputs: Inputs, rng: np.random.Generator) -> Inputs:
    """The inputs with weights for the cotangents that a gradient program takes."""
    known = tuple(a for a in program.arguments if a.name in inputs)
    sizes = bind_sizes(Program("inputs", known, (), ()), inputs)
    weights = {
        a.name: rng.uniform(0.5, 1.5, tuple(evaluate_size(extent, sizes) for extent in a.shape))
        for a in program.arguments
        if a.name not in inputs
    }
    return {**inputs, **weights}


def exact_outputs(program: Program, given: Inputs) -> list[Array]:
    values = evaluate_exactly(program, given)
    return [values[name] for name in program.outputs]


def errors(program: Program, given: Inputs, exact: list[Array]) -> list[float]:
    """For each output the largest error in roundings of its largest element; inf for NaN."""
    with np.errstate(all="ignore"):
        results = Rule(program).run([np.asarray(given[a.name]) for a in program.arguments])
    values = dict(zip(program.outputs, results, strict=True))
    dtypes = program.dtypes()
    found = []
    for name, right in zip(program.outputs, exact, strict=True):
        if not is_floating(dtypes[name]) or not representable(right):
            found.append(0.0)
            continue
        wanted = right.astype(np.float64)
        value = np.broadcast_to(np.asarray(values[name], np.float64), wanted.shape)
        scale = float(np.max(np.abs(wanted), initial=0.0))
        if scale < SMALLEST:
            found.append(0.0 if np.isfinite(value).all() else np.inf)
        elif not np.isfinite(value).all():
            found.append(np.inf)
        else:
            found.append(float(np.max(np.abs(value / scale - wanted / scale))) / EPS)
    return found


def representable(right: Array) -> bool:
    return all(not mpmath.isnan(v) and abs(v) < LARGEST for v in right.ravel())


def check(function: Callable[..., Any], shapes: Any, wrt: Any, inputs: list[Inputs]) -> int:
    """Compares each pass at all inputs; returns how many comparisons could tell something."""
    told = 0
    rng = np.random.default_rng(3)
    for steps in stages(function, shapes, wrt):
        if not steps:
            continue
        for given in inputs:
            first = completed(steps[0].before, given, rng)
            exact = exact_outputs(steps[0].before, first)
            for step in steps:
                before = errors(step.before, first, exact)
                after = errors(step.after, first, exact)
                for old, new in zip(before, after, strict=True):
                    told += old < np.inf
                    assert new <= FREE + FACTORS.get(step.name, 1.0) * old, (
                        f"{step.name}: {old:.0f} roundings became {new:.0f} at {first}"
                    )
    return told


def magnitudes() -> Iterator[float]:
    yield from (0.7, -1.3, 30.0, -40.0, 800.0, 1e-9, -1e9, 1e-160, 1e160, -1e-290)


SPREAD = np.array([1.0, 0.5, -0.25])


@pytest.mark.parametrize("name", FORMULAS)
def test_everyday_formulas(name: str) -> None:
    formula = FORMULAS[name]
    shape = "f64[n]" if formula.shape == "n" else "f64[n, d]"
    rows = [size * (SPREAD if formula.shape == "n" else SPREAD[None]) for size in magnitudes()]
    assert check(formula.function, {"x": shape}, ("x",), [{"x": row} for row in rows]) > 0


@pytest.mark.parametrize("name", PROOFS)
def test_spellings(name: str) -> None:
    proof = PROOFS[name]
    x = np.array([u for u in magnitudes() if proof.low <= u <= proof.high])
    check(proof.function, {"x": "f64[n]"}, ("x",), [{"x": x[k : k + 1]} for k in range(x.size)])


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    model = MODELS[name]
    assert check(model.function, model.shapes, model.wrt, [model.arguments]) > 0


def test_random_formulas() -> None:
    rng = np.random.default_rng(11)
    shapes = {"x": "f64[n]", "y": "f64[n]"}
    for _ in range(RANDOM):
        formula = random_formula(rng)
        check(formula.function(), shapes, None, [{"x": formula.x, "y": formula.y}])


def test_the_gate_closes() -> None:
    """A rewrite that loses digits is seen."""
    good = capture(lambda x: np.expm1(x), shapes={"x": "f64[n]"}, name="f").program
    bad = capture(lambda x: np.exp(x) - 1, shapes={"x": "f64[n]"}, name="f").program
    given = {"x": np.array([1e-9])}
    exact = exact_outputs(bad, given)
    assert errors(good, given, exact)[0] < 2 and errors(bad, given, exact)[0] > 1e6
