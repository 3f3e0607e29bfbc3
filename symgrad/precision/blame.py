"""Which definition loses the digits: each is run on the exact values of what it reads."""

from __future__ import annotations

import mpmath
import numpy as np
import sympy
from mpmath import mp

from symgrad.driver import Derived
from symgrad.precision.exact import evaluate_exactly
from symgrad.program import (
    Definition,
    Program,
    bind_sizes,
    evaluate_size,
    evaluate_statement,
    format_statement,
    is_floating,
)

__all__ = ["blame"]


def blame(derived: Derived, inputs: dict[str, np.ndarray]) -> str:
    """The definition whose own arithmetic has the largest relative error, with its origin."""
    program = derived.gradient.program
    shapes = {a.name: a for a in program.arguments}
    arguments = dict(inputs)
    for name in derived.gradient.cotangents:
        like = shapes[name]
        arguments[name] = np.ones(_shape_of(like.shape, program, inputs), like.dtype)
    exact = evaluate_exactly(program, arguments)
    sizes = bind_sizes(program, arguments)
    rounded = {name: _rounded(values) for name, values in exact.items()}
    worst, found = 0.0, ""
    with np.errstate(all="ignore"):
        for statement in program.definitions:
            if not isinstance(statement, Definition) or not is_floating(statement.dtype):
                continue
            value = evaluate_statement(statement, rounded, sizes)
            error = _largest_error(value, exact[statement.name])
            if error > worst:
                where = f", {statement.origin}" if statement.origin else ""
                worst, found = error, f"{format_statement(statement)}{where}"
    return found


def _shape_of(
    shape: tuple[sympy.Expr, ...], program: Program, inputs: dict[str, np.ndarray]
) -> tuple[int, ...]:
    given = tuple(a for a in program.arguments if a.name in inputs)
    sizes = bind_sizes(Program(program.name, given, (), ()), inputs)
    return tuple(evaluate_size(extent, sizes) for extent in shape)


def _rounded(values: np.ndarray) -> np.ndarray:
    if values.size and not isinstance(values.ravel()[0], mpmath.mpf):
        return values.astype(np.int64)
    return values.astype(np.float64)


def _largest_error(found: np.ndarray, exact: np.ndarray) -> float:
    worst = 0.0
    for value, right in zip(np.ravel(found), exact.ravel(), strict=True):
        if mpmath.isnan(right) or mpmath.isinf(right) or right == 0 or abs(right) < 1e-300:
            continue
        if not np.isfinite(value):
            return float("inf")
        worst = max(worst, float(abs(mp.mpf(float(value)) - right) / abs(right)))
    return worst
