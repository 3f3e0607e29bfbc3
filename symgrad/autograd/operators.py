"""Comparisons, logic and the operators of Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.autograd.arithmetic import (
    add,
    div,
    floor_divide,
    mul,
    neg,
    positive,
    pow,
    remainder,
    sub,
)
from symgrad.autograd.elementwise import FUNCTIONS as ELEMENTWISE
from symgrad.autograd.modes import MODES
from symgrad.autograd.recording import apply, operation, plain_number, shape_error
from symgrad.autograd.tensor import Tensor, refuse_tracing, wrap

__all__ = ["FUNCTIONS", "METHODS"]


def _plain(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else plain_number(value)


# --- comparisons and logic: no gradient ----------------------------------------------------------


def _comparison(name: str, function: Callable[..., Any]) -> Any:
    op = operation(f"{name.title()}Backward0", function)

    def run(input: Any, other: Any) -> Tensor:
        if MODES.tracing is not None:
            return apply(op, (input, other), promote=False)
        a, b = _plain(input), _plain(other)
        try:
            return wrap(np.asarray(function(a, b)))
        except ValueError as error:
            raise shape_error((a, b), error) from None

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name}: elementwise, without gradient."
    return run


_COMPARISONS = {
    name: _comparison(name, function)
    for name, function in {
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "logical_xor": np.logical_xor,
        "bitwise_and": np.bitwise_and,
        "bitwise_or": np.bitwise_or,
        "bitwise_xor": np.bitwise_xor,
    }.items()
}


def _test(name: str, function: Callable[..., Any]) -> Any:
    op = operation(f"{name.title()}Backward0", function)

    def run(input: Tensor) -> Tensor:
        if MODES.tracing is not None:
            return apply(op, (input,), promote=False)
        return wrap(np.asarray(function(input._data)))

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{name}: elementwise, without gradient."
    return run


_TESTS = {
    name: _test(name, function)
    for name, function in {
        "isnan": np.isnan,
        "isinf": np.isinf,
        "isfinite": np.isfinite,
        "logical_not": np.logical_not,
        "bitwise_not": np.invert,
        "signbit": np.signbit,
    }.items()
}


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |input − other| ≤ atol + rtol·|other| everywhere."""
    refuse_tracing()
    return bool(np.allclose(input._data, other._data, rtol, atol, equal_nan))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |input − other| ≤ atol + rtol·|other|."""
    return wrap(np.isclose(input._data, other._data, rtol, atol, equal_nan))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    refuse_tracing()
    return bool(np.array_equal(input._data, other._data))


FUNCTIONS: dict[str, Any] = {
    **_COMPARISONS,
    **_TESTS,
    "allclose": allclose,
    "isclose": isclose,
    "equal": equal,
    "greater": _COMPARISONS["gt"],
    "less": _COMPARISONS["lt"],
    "greater_equal": _COMPARISONS["ge"],
    "less_equal": _COMPARISONS["le"],
    "not_equal": _COMPARISONS["ne"],
}


# --- operators -----------------------------------------------------------------------------------


def _is_operand(value: Any) -> bool:
    return isinstance(value, (Tensor, bool, int, float, complex, np.generic))


def _operator(function: Callable[..., Any]) -> Any:
    def run(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            other = wrap(other)
        return function(self, other) if _is_operand(other) else NotImplemented

    return run


def _reflected(function: Callable[..., Any]) -> Any:
    def run(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            other = wrap(other)
        return function(other, self) if _is_operand(other) else NotImplemented

    return run


def _equality(function: Callable[..., Any], otherwise: bool) -> Any:
    def run(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            other = wrap(other)
        return function(self, other) if _is_operand(other) else otherwise

    return run


OPERATORS: dict[str, Any] = {
    **{
        f"__{name}__": _operator(function)
        for name, function in {
            "add": add, "sub": sub, "mul": mul, "truediv": div, "pow": pow, "mod": remainder,
            "floordiv": floor_divide, "lt": FUNCTIONS["lt"], "le": FUNCTIONS["le"],
            "gt": FUNCTIONS["gt"], "ge": FUNCTIONS["ge"], "and": FUNCTIONS["bitwise_and"],
            "or": FUNCTIONS["bitwise_or"], "xor": FUNCTIONS["bitwise_xor"],
        }.items()
    },
    **{
        f"__r{name}__": _reflected(function)
        for name, function in {
            "add": add, "sub": sub, "mul": mul, "truediv": div, "pow": pow, "mod": remainder,
            "floordiv": floor_divide,
        }.items()
    },
    "__eq__": _equality(FUNCTIONS["eq"], False),
    "__ne__": _equality(FUNCTIONS["ne"], True),
    "__neg__": neg,
    "__pos__": positive,
    "__abs__": ELEMENTWISE["abs"],
    "__invert__": FUNCTIONS["bitwise_not"],
}  # fmt: skip
METHODS: dict[str, Any] = {**FUNCTIONS, **OPERATORS}
