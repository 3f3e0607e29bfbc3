"""Tracing: a function of tensors as a program of its arguments.

The function runs twice on copies of its arguments while all it does is recorded, also comparisons
and casts. Every array that the record reads is an argument, memory that was there before, or
numbers of the function's own text; anything else could depend on the arguments in a way that was
not recorded, and is refused. So a program is never made for the values of one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.gathering import Held
from symgrad.autograd.indexing import Key
from symgrad.autograd.lifting import Lifted
from symgrad.autograd.modes import MODES, Tracing, enable_grad
from symgrad.autograd.nodes import Node, OperationNode
from symgrad.autograd.rules import Unread
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.errors import CaptureError, ModelError

__all__ = ["Trace"]

Array = np.ndarray
Source = Callable[[Sequence[Array]], Array]


class _Run:
    """One run of the function on copies."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Tensor]) -> None:
        self.leaves = [_copied(x) for x in given]
        self.tracing = Tracing()
        before = MODES.tracing
        MODES.tracing = self.tracing
        try:
            with enable_grad():
                self.result = function(*self.leaves)
        finally:
            MODES.tracing = before
        if not isinstance(self.result, Tensor):
            raise ModelError("jit: the function must return one tensor")
        names = {f"a{k}": leaf for k, leaf in enumerate(self.leaves)}
        self.lifted = Lifted([self.result], names, exact=True)


def _copied(x: Tensor) -> Tensor:
    """An argument of the trace: it requires grad whatever its type is, so all uses are recorded."""
    leaf = wrap(x._data.copy())
    leaf._requires = True
    return leaf


class Trace:
    """What a function of tensors does.

    Attributes:
        lifted: the recorded graph.
        hidden: tensors that the function reads besides its arguments and that require grad.
        positions: for each leaf its place among the arguments followed by the hidden tensors.
        sources: for each constant of the graph, how it follows from the arrays of the arguments.
    """

    def __init__(self, function: Callable[..., Any], given: Sequence[Tensor]) -> None:
        first = _Run(function, given)
        second = _Run(function, given)
        self.lifted = first.lifted
        self.hidden = [
            leaf for leaf in first.lifted.leaves if all(leaf is not own for own in first.leaves)
        ]
        places = {id(leaf): k for k, leaf in enumerate([*first.leaves, *self.hidden])}
        self.positions = [places[id(leaf)] for leaf in first.lifted.leaves]
        sources = _sources(first, second)
        self.sources = [sources[id(array)] for array in first.lifted.constants]

    def arrays(self, given: Sequence[Array]) -> list[Array]:
        """The program's arguments from the arrays of the function's and of the hidden tensors."""
        return [*(given[k] for k in self.positions), *(source(given) for source in self.sources)]


def _sources(first: _Run, second: _Run) -> dict[int, Source]:
    """For each array that the graph reads, where it comes from."""
    found: dict[int, Source] = {}
    orders = first.lifted.order, second.lifted.order
    if len(orders[0]) != len(orders[1]):
        raise CaptureError("jit: the function does something else when it is called again")
    for node, again in zip(*orders, strict=True):
        assert isinstance(node, OperationNode) and isinstance(again, OperationNode)
        if node.operation is not again.operation:
            raise CaptureError("jit: the function does something else when it is called again")
        for k, (value, edge) in enumerate(zip(node.inputs, node.edges, strict=True)):
            if edge is None and isinstance(value, np.ndarray):
                _check_unchanged(node, k)
                found[id(value)] = _source(node, value, again.inputs[k], first)
        _add_positions(node, again, first, found)
    return found


def _check_unchanged(node: OperationNode, position: int) -> None:
    counter = node.counters[position]
    if counter is not None and counter[0] != node.versions[position]:
        raise CaptureError(
            f"jit: {node.name()} reads a tensor that the function changes in place afterwards; "
            "clone() it first"
        )


def _source(node: Node, value: Array, again: Any, run: _Run) -> Source:
    """How an array follows from the arguments.

    Raises:
        CaptureError: it was made during the run by something that is not recorded.
    """
    for k, leaf in enumerate(run.leaves):
        if _same_memory(value, leaf._data):
            return lambda given: given[k]
    if run.tracing.knows(value) or (isinstance(again, np.ndarray) and _same_memory(value, again)):
        return lambda given: value
    raise CaptureError(
        f"jit: {node.name()} reads an array that the function makes without recording how it "
        "follows from the arguments (detach, argmax, sorting and selecting do that); make it "
        "before the call and pass it as an argument"
    )


def _same_memory(left: Array, right: Array) -> bool:
    return (
        left.shape == right.shape
        and left.dtype == right.dtype
        and left.strides == right.strides
        and left.__array_interface__["data"] == right.__array_interface__["data"]
    )


# --- positions -----------------------------------------------------------------------------------


def _add_positions(
    node: OperationNode, again: OperationNode, run: _Run, found: dict[int, Source]
) -> None:
    """The arrays of positions that a read or a write at an index is made of."""
    extras = run.lifted.extras.get(node)
    if extras is None:
        return
    remake = _remade(node, again, run)
    prepare = node.operation.prepare
    assert prepare is not None
    count = len(node.inputs)
    unread = [Unread(x.shape, x.dtype) if hasattr(x, "shape") else x for x in node.inputs]
    for k, extra in enumerate(extras):
        if not isinstance(extra, np.ndarray):
            continue

        def source(given: Sequence[Array], place: int = count + k) -> Array:
            inputs, _ = prepare(unread, remake(given))
            return np.asarray(inputs[place])

        found[id(extra)] = source


def _remade(
    node: OperationNode, again: OperationNode, run: _Run
) -> Callable[[Sequence[Array]], dict[str, Any]]:
    """The static parameters of a node with the index arrays of the present call."""
    makers: dict[str, Callable[[Sequence[Array]], Any]] = {}
    for name, value in node.static.items():
        other = again.static[name]
        if isinstance(value, Held):
            makers[name] = _held(_source(node, value.array, other.array, run))
        elif isinstance(value, Key):
            pairs = zip(value.items, other.items, strict=True)
            items = [
                _source(node, a, b, run) if isinstance(a, np.ndarray) else _constant(a)
                for a, b in pairs
            ]
            makers[name] = _key(items, value.advanced)
        elif name == "chain":
            _check_chain(node, value)
    return lambda given: {
        **node.static, **{name: make(given) for name, make in makers.items()}
    }  # fmt: skip


def _held(source: Source) -> Callable[[Sequence[Array]], Held]:
    return lambda given: Held(source(given))


def _constant(value: Any) -> Callable[[Sequence[Array]], Any]:
    return lambda given: value


def _key(items: Sequence[Any], advanced: bool) -> Callable[[Sequence[Array]], Key]:
    return lambda given: Key(tuple(item(given) for item in items), advanced)


def _check_chain(node: Node, chain: Sequence[Any]) -> None:
    """A write is at slices, whose positions are the same in every call."""
    for _, static in chain:
        key = static.get("key")
        if "places" in static or (key is not None and key.advanced):
            raise CaptureError(
                f"jit: {node.name()} writes at an array of positions; use where(mask, value, x) "
                "instead"
            )
