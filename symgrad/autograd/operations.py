"""`Operation`: what can be recorded, and where its derivative comes from.

An operation is a NumPy function over arrays or symbolic arrays with static parameters. Values are
computed by plain NumPy; the first backward through it captures the function on symbolic arrays,
and the compiler differentiates that. Rules are kept by static parameters, element types, ranks,
and the pattern of which lengths are 1 and which are equal, so one rule serves every size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.rules import Rule
from symgrad.autograd.signatures import with_parameters
from symgrad.autograd.spelling_ends import ENDS
from symgrad.capture import capture
from symgrad.program import Program

__all__ = ["Operation", "forward_program"]

MOST_SHAPES = 4096
_LOCK = threading.RLock()
_LITERAL = (0, 1)  # lengths that a program knows as they are

Prepare = Callable[[Sequence[Any], dict[str, Any]], tuple[Sequence[Any], dict[str, Any]]]


class Operation:
    """A recordable operation.

    Attributes:
        name: what the graph calls it: "MulBackward0".
        function: the values, from arrays and numbers, by NumPy.
        formula: the same on symbolic arrays; `function` itself unless it needs another form.
        prepare: turns inputs and static parameters into those of the formula when a derivative is
            asked for; an index key becomes an array of positions.
        build: makes the program where capture cannot (a reshape of any size).
        keeps_result: whether the derivative is to read the result rather than the inputs.
        is_view: whether the result shares memory with the first input.
        pointwise: whether each element of the result depends on one element of each input.
        selects: for a selection, from inputs and static parameters, the masks of the elements
            that each input gives.
        accurate: an operation whose derivative reads the inputs and keeps more digits; taken where
            the inputs are still what they were.
        spelling_ends: the operations that it reads where it ends a naive spelling.
        node_type: the class of its nodes, set by `nodes`.
    """

    __slots__ = (
        "accurate",
        "build",
        "formula",
        "function",
        "is_view",
        "keeps_result",
        "name",
        "node_type",
        "pointwise",
        "prepare",
        "products",
        "rules",
        "selects",
        "spelling_ends",
    )

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        formula: Callable[..., Any] | None = None,
        prepare: Prepare | None = None,
        build: Callable[..., Program] | None = None,
        keeps_result: bool = False,
        is_view: bool = False,
        pointwise: bool = False,
        selects: Callable[[Sequence[Any], dict[str, Any]], Sequence[Any] | None] | None = None,
    ) -> None:
        self.name = name
        self.function = function
        self.formula = formula or function
        self.prepare = prepare
        self.build = build
        self.keeps_result = keeps_result
        self.is_view = is_view
        self.pointwise = pointwise or (selects is not None and prepare is None)
        self.selects = selects
        self.spelling_ends = ENDS.get(name)
        self.node_type: Any = None
        self.accurate: Operation | None = None
        self.rules: dict[Any, Rule] = {}
        self.products: dict[Any, Rule] = {}

    def __repr__(self) -> str:
        return f"Operation({self.name})"

    def product(
        self,
        inputs: Sequence[Any],
        static: Mapping[str, Any],
        wrt: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> Rule:
        """The rule of the vector-Jacobian product by the inputs at `wrt`."""
        key = (
            wrt,
            tuple(static.items()) if static else None,
            *[(x.shape, x.dtype) if hasattr(x, "shape") else dtype for x in inputs],
        )
        found = self.products.get(key)
        if found is None:
            with _LOCK:
                found = self.rule(inputs, static, dtype).vjp(wrt)
                if len(self.products) >= MOST_SHAPES:
                    self.products.clear()
                self.products[key] = found
        return found

    def rule(self, inputs: Sequence[Any], static: Mapping[str, Any], dtype: np.dtype[Any]) -> Rule:
        """The rule of the values; numbers among the inputs are 0-d arguments of type `dtype`."""
        key = (
            tuple(static.items()),
            tuple(x.dtype if hasattr(x, "shape") else dtype for x in inputs),
            _pattern([x.shape if hasattr(x, "shape") else () for x in inputs]),
        )
        found = self.rules.get(key)
        if found is None:
            with _LOCK:
                if self.build is not None:
                    program = self.build(inputs, **static)
                else:
                    program = forward_program(self, inputs, static, dtype)
                found = self.rules[key] = Rule(program, keeps_result=self.keeps_result)
        return found


def _pattern(shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Lengths by the order in which they first occur; 0 and 1 stand for themselves."""
    names: dict[int, int] = {}
    return tuple(
        tuple(n if n in _LITERAL else names.setdefault(n, len(names) + 2) for n in shape)
        for shape in shapes
    )


def forward_program(
    operation: Operation, inputs: Sequence[Any], static: Mapping[str, Any], dtype: np.dtype[Any]
) -> Program:
    """The program of an operation, captured with its inputs as examples."""
    names = [f"x{k}" for k in range(len(inputs))]

    def lifted(*arrays: Any) -> Any:
        return operation.formula(*arrays, **static)

    function = with_parameters(lifted, names)
    examples = {name: _example(x, dtype) for name, x in zip(names, inputs, strict=True)}
    title = operation.name.partition("Backward")[0].lower()
    return capture(function, examples=examples, wrt=None, name=title, source="autograd").program


def _example(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "shape"):
        return np.broadcast_to(np.zeros((), value.dtype), value.shape)
    return np.zeros((), dtype)
