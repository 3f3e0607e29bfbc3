"""The recorded graph: a node for each operation, with edges to the nodes of its inputs.

An edge is None (a constant), a leaf tensor itself, or a pair (node, number of the output). Nodes
hold arrays, not tensors, so that a tensor is garbage as soon as the program drops it.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.autograd.dtypes import tensor_name
from symgrad.autograd.operations import Operation
from symgrad.autograd.rules import Rule, Unread

if TYPE_CHECKING:
    from symgrad.autograd.tensor import Tensor

__all__ = [
    "AccumulateGrad", "Node", "OperationNode", "RemovableHandle", "accumulator_of", "leaves_behind",
]  # fmt: skip

Array = np.ndarray
Edge = Any  # None, a leaf tensor, or (Node, int)

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)

_SEQUENCE = itertools.count(1)
_HANDLES = itertools.count(1)


class RemovableHandle:
    """What `register_hook` returns; `remove()` takes the hook out, a second time does nothing."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.id = next(_HANDLES)
        self._hooks: Any = hooks

    def remove(self) -> None:
        """Take the hook out."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class Node:
    """An operation of the graph, as `tensor.grad_fn` shows it."""

    __slots__ = (
        "__weakref__",
        "edges",
        "hooks",
        "metadata_",
        "posthooks",
        "prehooks",
        "retained",
        "sequence",
    )
    edges: tuple[Edge, ...]
    outputs = 1
    kind = ""  # of a recorded operation, its name
    twin: Any = None

    def __init__(self, edges: tuple[Edge, ...]) -> None:
        self.edges = edges
        self.sequence = next(_SEQUENCE)
        self.hooks: dict[int, dict[int, Any]] | None = None
        self.retained: dict[int, weakref.ref[Tensor]] | None = None
        self.prehooks: dict[int, Any] | None = None
        self.posthooks: dict[int, Any] | None = None

    # --- what torch shows ----------------------------------------------------------------------

    def name(self) -> str:
        """The name of the operation, as `grad_fn.name()` gives it."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each input its node and the number of its output; (None, 0) for constants."""
        return tuple(
            (None, 0)
            if edge is None
            else edge
            if type(edge) is tuple
            else (accumulator_of(edge), 0)
            for edge in self.edges
        )

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user's own notes."""
        try:
            return self.metadata_
        except AttributeError:
            self.metadata_: dict[Any, Any] = {}
            return self.metadata_

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(grad_outputs) before this node; a returned tuple replaces them."""
        if self.prehooks is None:
            self.prehooks = {}
        handle = RemovableHandle(self.prehooks)
        self.prehooks[handle.id] = hook
        return handle

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(grad_inputs, grad_outputs) after this node; a returned tuple replaces."""
        if self.posthooks is None:
            self.posthooks = {}
        handle = RemovableHandle(self.posthooks)
        self.posthooks[handle.id] = hook
        return handle

    def forget(self) -> None:
        """Drop what was saved for a backward that a twin has done."""

    # --- what the engine calls -----------------------------------------------------------------

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an output."""
        raise NotImplementedError

    def backward_arrays(self, cotangents: Sequence[Array | None], release: bool) -> list[Any]:
        """Adjoints of the inputs, one for each edge, as arrays."""
        raise NotImplementedError

    def backward_tensors(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        """Adjoints of the inputs as recorded tensors."""
        raise NotImplementedError

    def own_masks(self) -> Sequence[Any] | None:
        """For a selection: where each input was taken."""
        return None

    def mask_behind(self, mask: Array) -> list[Any] | None:
        """Where the adjoints of the inputs can differ from 0, if that of the result is masked."""
        return None


class OperationNode(Node):
    """An operation of NumPy's that was recorded; its derivative comes from the compiler.

    Each operation has a subclass with its own name, so that `type(grad_fn).__name__` is
    "MulBackward0".
    """

    __slots__ = (
        "casts",
        "counters",
        "freed",
        "inputs",
        "operation",
        "result",
        "result_counter",
        "result_version",
        "static",
        "twin",
        "versions",
        "wrt",
    )

    def __init__(
        self,
        operation: Operation,
        inputs: Sequence[Any],
        static: dict[str, Any],
        edges: tuple[Edge, ...],
        counters: tuple[list[int] | None, ...],
        result: Array,
        result_counter: list[int],
    ) -> None:
        self.edges = edges
        self.sequence = next(_SEQUENCE)
        self.hooks = self.retained = self.prehooks = self.posthooks = None
        self.operation = operation
        self.inputs = inputs
        self.static = static
        self.counters = counters
        self.versions = [None if c is None else c[0] for c in counters]
        self.wrt = tuple([k for k, edge in enumerate(edges) if edge is not None])
        self.result: Any = result
        self.result_counter = result_counter
        self.result_version = result_counter[0]
        self.freed = False
        self.casts = False
        self.twin = None

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        return self.result.shape, self.result.dtype

    # --- saved values ----------------------------------------------------------------------------

    def _check_saved(self, rule: Rule, given: int) -> None:
        """Refuse values that have been freed, or changed since they were recorded."""
        count = len(self.inputs)
        for k in rule.reads:
            if k < count:
                counter = self.counters[k]
                if counter is None:
                    continue
                if self.freed:
                    raise RuntimeError(FREED)
                if counter[0] != self.versions[k]:
                    self._fail_changed(k, counter[0], self.versions[k])
            elif k == given:
                if self.freed:
                    raise RuntimeError(FREED)
                if self.result_counter[0] != self.result_version:
                    self._fail_changed(None, self.result_counter[0], self.result_version)

    def _fail_changed(self, position: int | None, found: int, expected: Any) -> None:
        array = self.result if position is None else self.inputs[position]
        edge = None if position is None else self.edges[position]
        source = ""
        if position is None:
            source = f", which is output 0 of {self.name()}"
        elif type(edge) is tuple:
            source = f", which is output {edge[1]} of {edge[0].name()}"
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: [{tensor_name(array.dtype)} {list(array.shape)}]{source}, is at version "
            f"{found}; expected version {expected} instead. Hint: clone() the tensor before it is "
            "changed, or use the operation that makes a new one"
        )

    def _release(self) -> None:
        """Drop the saved arrays; their shapes stay, for operations that need no more."""
        if self.freed:
            return
        self.freed = True
        self.inputs = [
            x if counter is None else Unread(x.shape, x.dtype)
            for x, counter in zip(self.inputs, self.counters, strict=True)
        ]
        self.result = Unread(self.result.shape, self.result.dtype)

    def forget(self) -> None:
        self._release()

    # --- derivative ------------------------------------------------------------------------------

    def _best(self) -> Operation:
        """The operation by which the derivative is taken."""
        accurate, counter = self.operation.accurate, self.counters[0]
        if accurate is None or counter is None or counter[0] != self.versions[0]:
            return self.operation
        return accurate

    def backward_arrays(self, cotangents: Sequence[Array | None], release: bool) -> list[Any]:
        operation, inputs, static = self._best(), self.inputs, self.static
        if operation.prepare is not None:
            inputs, static = operation.prepare(inputs, static)
        rule = operation.product(inputs, static, self.wrt, self.result.dtype)
        given = len(inputs)
        if rule.reads:
            self._check_saved(rule, given)
        values = rule.run([*inputs, self.result, cotangents[0]])
        if release:
            self._release()
        if len(values) == len(self.edges):
            return list(values)
        result: list[Any] = [None] * len(self.edges)
        for k, value in zip(self.wrt, values, strict=True):
            result[k] = value
        return result

    def backward_tensors(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        from symgrad.autograd.recording import run_rule, saved_tensor

        operation, inputs, static = self._best(), self.inputs, self.static
        if operation.prepare is not None:
            inputs, static = operation.prepare(inputs, static)
        rule = operation.product(inputs, static, self.wrt, self.result.dtype)
        given = len(inputs)
        self._check_saved(rule, given)
        arguments: list[Any] = []
        for k, value in enumerate(inputs):
            if k >= len(self.counters) or self.counters[k] is None:
                arguments.append(value)
            elif k in rule.reads:
                arguments.append(saved_tensor(value, self.counters[k], self.edges[k]))
            else:
                arguments.append(Unread(value.shape, value.dtype))
        if given in rule.reads:
            arguments.append(saved_tensor(self.result, self.result_counter, (self, 0)))
        else:
            arguments.append(Unread(self.result.shape, self.result.dtype))
        arguments.append(cotangents[0])
        values = run_rule(rule, arguments, self.name(), operation.pointwise)
        if release:
            self._release()
        result: list[Any] = [None] * len(self.edges)
        for k, value in zip(self.wrt, values, strict=True):
            result[k] = value
        return result

    def own_masks(self) -> Sequence[Any] | None:
        selects = self.operation.selects
        return None if selects is None or self.freed else selects(self.inputs, self.static)

    def mask_behind(self, mask: Array) -> list[Any] | None:
        if self.operation.pointwise:
            return [mask] * len(self.edges)
        if not self.operation.is_view:
            return None
        values = self.backward_arrays([mask.astype(self.result.dtype)], False)
        return [None if value is None else value != 0 for value in values]

    def __getattr__(self, name: str) -> Any:
        """Saved values by torch's names: `_saved_self`, `_saved_other`, `_saved_exponent`."""
        if not name.startswith("_saved_"):
            raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")
        return self._saved(name.removeprefix("_saved_"))

    def _saved(self, what: str) -> Any:
        from symgrad.autograd.recording import saved_tensor

        if what in self.static:
            return self.static[what]
        position = {"self": 0, "other": 1, "exponent": 1, "mat2": 1}.get(what)
        if what != "result" and (position is None or position >= len(self.inputs)):
            raise AttributeError(f"'{self.name()}' object has no attribute '_saved_{what}'")
        if self.freed:
            raise RuntimeError(FREED)
        if what == "result" or position is None:
            return saved_tensor(self.result, self.result_counter, (self, 0))
        value = self.inputs[position]
        if self.counters[position] is None:
            return value
        return saved_tensor(value, self.counters[position], self.edges[position])


class AccumulateGrad(Node):
    """The node of a leaf: it adds to `variable.grad`."""

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        super().__init__(())
        self.variable = variable

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        return self.variable._data.shape, self.variable._data.dtype


def accumulator_of(leaf: Tensor) -> AccumulateGrad:
    """The node of a leaf: the same one as long as somebody holds it."""
    reference = leaf._accumulator
    found = reference() if reference is not None else None
    if found is None:
        found = AccumulateGrad(leaf)
        leaf._accumulator = weakref.ref(found)
    return found


def leaves_behind(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The leaves that the graph of some tensors leads to, each once."""
    found: dict[int, Tensor] = {}
    seen: set[Node] = set()
    stack: list[Edge] = [t._edge if t._edge is not None else t for t in tensors]
    while stack:
        edge = stack.pop()
        if edge is None:
            continue
        if type(edge) is not tuple:
            found.setdefault(id(edge), edge)
        elif edge[0] not in seen:
            seen.add(edge[0])
            stack.extend(edge[0].edges)
    return list(found.values())
