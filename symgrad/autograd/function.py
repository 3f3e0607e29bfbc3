"""`Function`: an operation with a user's own backward.

The backward runs on tensors; under create_graph what it does is recorded, so a backward made of
differentiable operations can be differentiated again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.modes import MODES, no_grad
from symgrad.autograd.nodes import FREED, Edge, Node
from symgrad.autograd.recording import edge_of, saved_tensor
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["Context", "Function", "once_differentiable"]


class Context:
    """What forward hands to backward: saved tensors, and any attributes the user sets."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize = True
        self.non_differentiable: tuple[Tensor, ...] = ()
        self.dirty: tuple[Tensor, ...] = ()
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Any] | None = None
        self._node: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs and outputs for the backward; changes in place are noticed."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(tensor).__name__}: set it as an attribute of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept.

        Raises:
            RuntimeError: the graph has been freed, or a tensor was changed in place.
        """
        if self._saved is None:
            if self._node is None:
                return self._to_save
            raise RuntimeError(FREED)
        found: list[Any] = []
        for entry in self._saved:
            if entry is None:
                found.append(None)
                continue
            array, counter, version, edge = entry
            if counter[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it is at version {counter[0]}; expected version {version} "
                    "instead"
                )
            found.append(saved_tensor(array, counter, edge))
        return tuple(found)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Outputs that carry no gradient."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Inputs that forward changes in place."""
        self.dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros, instead of None, for outputs that nothing depends on."""
        self.materialize = value

    def pack(self, node: FunctionNode, outputs: Sequence[Any]) -> None:
        """Turn what was saved into arrays with versions and edges, without cycles."""
        self._node = True
        packed: list[Any] = []
        for tensor in self._to_save:
            if tensor is None:
                packed.append(None)
                continue
            position = next((k for k, y in enumerate(outputs) if y is tensor), None)
            edge = edge_of(tensor) if position is None else _Own(position)
            packed.append((tensor._data, tensor._counter, tensor._counter[0], edge))
        self._to_save = ()
        self._saved = packed

    def resolve(self, node: FunctionNode) -> None:
        """Edges of saved outputs lead to the node itself; it is known only while it runs."""
        if self._saved is not None:
            self._saved = [
                (*entry[:3], (node, entry[3].position))
                if entry is not None and isinstance(entry[3], _Own)
                else entry
                for entry in self._saved
            ]

    def unresolve(self) -> None:
        """Forget the node again: a context must not keep its own node alive."""
        if self._saved is not None:
            self._saved = [
                (*entry[:3], _Own(entry[3][1]))
                if entry is not None
                and type(entry[3]) is tuple
                and getattr(entry[3][0], "context", None) is self
                else entry
                for entry in self._saved
            ]

    def release(self) -> None:
        """Drop the saved tensors."""
        self._saved = None if self._saved else []


class _Own:
    """Stands for an output of the node that saves it."""

    def __init__(self, position: int) -> None:
        self.position = position


class FunctionNode(Node):
    """The node of a `Function`."""

    __slots__ = ("context", "freed", "function", "likes", "saves", "shapes", "title")

    def __init__(
        self, function: type[Function], context: Context, edges: tuple[Edge, ...], inputs: Any
    ) -> None:
        super().__init__(edges)
        self.function = function
        self.context = context
        self.title = function.node_name or f"{function.__name__}Backward"
        self.shapes = [
            (x._data.shape, x._data.dtype) if isinstance(x, Tensor) else None for x in inputs
        ]
        self.likes: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
        self.freed = False
        self.saves = False

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return len(self.likes)

    def name(self) -> str:
        return self.title

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return self.context.saved_tensors

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        return self.likes[index]

    def backward_arrays(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        given = [None if g is None else wrap(g) for g in cotangents]
        with no_grad():
            results = self._run(given, release)
        return [None if r is None else r._data for r in results]

    def backward_tensors(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        return self._run(list(cotangents), release)

    def _run(self, given: list[Any], release: bool) -> list[Any]:
        if self.freed and self.saves:
            raise RuntimeError(FREED)
        context = self.context
        if context.materialize:
            given = [
                wrap(np.zeros(shape, dtype)) if g is None else g
                for g, (shape, dtype) in zip(given, self.likes, strict=True)
            ]
        context.resolve(self)
        try:
            results = self.function.backward(context, *given)
        finally:
            context.unresolve()
        if release:
            self.freed = True
            if self.saves:
                context.release()
        listed = list(results) if isinstance(results, (tuple, list)) else [results]
        return self._checked(listed)

    def _checked(self, results: list[Any]) -> list[Any]:
        expected = len(self.edges)
        if len(results) > expected and all(r is None for r in results[expected:]):
            results = results[:expected]
        if len(results) != expected:
            raise RuntimeError(
                f"function {self.title} returned an incorrect number of gradients (expected "
                f"{expected}, got {len(results)})"
            )
        return [self._fitted(k, result) for k, result in enumerate(results)]

    def _fitted(self, position: int, result: Any) -> Any:
        like = self.shapes[position]
        if result is None or self.edges[position] is None or like is None:
            return None
        if not isinstance(result, Tensor):
            raise TypeError(
                f"function {self.title} returned a {type(result).__name__} as gradient {position}; "
                "return a tensor or None"
            )
        shape, dtype = like
        if result._data.shape != shape:
            try:
                fits = np.broadcast_shapes(result._data.shape, shape) == result._data.shape
            except ValueError:
                fits = False
            if not fits:
                raise RuntimeError(
                    f"Function {self.title} returned an invalid gradient at index {position} - got "
                    f"{list(result._data.shape)} but expected shape compatible with {list(shape)}"
                )
            result = _summed_to(result, shape)
        return result if result._data.dtype == dtype else result.to(dtype)


def _summed_to(gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A gradient summed over the axes that broadcasting had stretched."""
    extra = gradient._data.ndim - len(shape)
    total = gradient.sum(tuple(range(extra))) if extra else gradient
    axes = tuple(k for k, n in enumerate(shape) if n == 1 and total._data.shape[k] != 1)
    summed: Tensor = total.sum(axes, keepdim=True) if axes else total
    return summed


class Function:
    """Base of operations with their own backward.

    >>> import symgrad
    >>> class Double(symgrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = symgrad.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    setup_context: Callable[..., None] | None = None
    node_name: str | None = None  # what the graph calls it, if not by the name of the class

    @staticmethod
    def forward(*arguments: Any, **named: Any) -> Any:
        """The value; the first argument is ctx, unless `setup_context` is defined."""
        raise NotImplementedError("You must implement the forward function for custom Functions.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, None for those without."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom Function to use "
            "it with backward mode AD."
        )

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        """Run forward and record it."""
        context = Context()
        edges = tuple(edge_of(x) if isinstance(x, Tensor) else None for x in arguments)
        context.needs_input_grad = tuple(edge is not None for edge in edges)
        tracked = MODES.enabled and any(context.needs_input_grad)
        with no_grad():
            if cls.setup_context is not None:
                output = cls.forward(*arguments)
                cls.setup_context(context, arguments, output)
            else:
                output = cls.forward(context, *arguments)
        if not tracked:
            return output
        node = FunctionNode(cls, context, edges, arguments)
        several = isinstance(output, (tuple, list))
        outputs = list(output) if several else [output]
        results = [_recorded(node, context, k, y, arguments) for k, y in enumerate(outputs)]
        node.saves = bool(context._to_save)
        context.pack(node, outputs)
        return tuple(results) if several else results[0]


def _recorded(node: FunctionNode, context: Context, k: int, y: Any, arguments: Any) -> Any:
    """An output with its edge into the node."""
    if not isinstance(y, Tensor):
        node.likes.append(((), np.dtype(np.float64)))
        return y
    node.likes.append((y._data.shape, y._data.dtype))
    if any(y is dirty for dirty in context.dirty):
        y._counter[0] += 1
        y._edge = (node, k)
        return y
    if any(y is x for x in arguments):
        y = wrap(y._data)
    plain = any(y is other for other in context.non_differentiable)
    if not plain and y._data.dtype.kind in "fc":
        y._edge = (node, k)
    return y


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A backward that is not to be differentiated again: trying to is an error."""

    @functools.wraps(function)
    def run(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            results = function(ctx, *gradients)
        if not MODES.enabled or not any(
            isinstance(g, Tensor) and g.requires_grad for g in gradients
        ):
            return results
        several = isinstance(results, (tuple, list))
        listed = list(results) if several else [results]
        sources = [g for g in gradients if isinstance(g, Tensor)]
        marked = [_Refused.apply(r, *sources) if isinstance(r, Tensor) else r for r in listed]
        return tuple(marked) if several else marked[0]

    return run


class _Refused(Function):
    """Passes a value on; its backward is an error."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *sources: Tensor) -> Tensor:
        return wrap(value._data)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
