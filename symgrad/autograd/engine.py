"""The backward walk: one loop over the recorded nodes, newest first, linear in their number.

A node is always newer than the nodes it leads to, so the order of creation, reversed, is an order
in which every node has all its gradients when its turn comes. There is no recursion, and a leaf is
served as soon as its last contribution is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from symgrad.autograd.masks import Masks, absorb, select
from symgrad.autograd.modes import MODES
from symgrad.autograd.nodes import Node
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["Walk", "walk_back"]

Array = np.ndarray
_sequence = attrgetter("sequence")


def walk_back(
    roots: Sequence[tuple[Any, Tensor]],
    *,
    retain: bool,
    create: bool,
    inputs: Sequence[Tensor] | None = None,
    accumulate: bool = True,
) -> list[Tensor | None]:
    """Push the gradients of the roots back through the graph.

    Args:
        roots: pairs of a root's edge and its gradient.
        retain: keep saved values.
        create: record the gradients' own graph.
        inputs: the tensors asked for; the walk goes nowhere else.
        accumulate: add to `.grad`; otherwise return the gradients of `inputs`.
    """
    before = MODES.enabled
    MODES.enabled = create
    try:
        with np.errstate(all="ignore"):
            return Walk(retain, create, inputs, accumulate).run(roots)
    finally:
        MODES.enabled = before


class Walk:
    """The state of one backward."""

    def __init__(
        self, retain: bool, create: bool, inputs: Sequence[Tensor] | None, accumulate: bool
    ) -> None:
        self.release = not retain
        self.create = create
        self.inputs = inputs
        self.accumulate = accumulate
        self.buffers: dict[Node, list[Any]] = {}
        self.leaves: dict[int, Any] = {}
        self.pending: dict[int, int] = {}
        self.needed: set[Node] | None = None
        self.wanted_leaves: dict[int, list[int]] = {}
        self.wanted: dict[tuple[Node, int], list[int]] = {}
        self.captured: list[Any] = [None] * len(inputs or ())
        self.masks = Masks()
        self.twins: dict[Node, Node] = {}

    def run(self, roots: Sequence[tuple[Any, Tensor]]) -> list[Tensor | None]:
        order = self._discover([edge for edge, _ in roots])
        if self.inputs is not None:
            self._restrict(order)
        for edge, gradient in roots:
            self._deliver(edge, gradient if self.create else gradient._data)
        for node in order:
            if self.needed is not None and node not in self.needed and not self._is_wanted(node):
                self._skip(node)
                continue
            gradients = self.buffers.pop(node, None)
            if gradients is not None:
                self._visit(node, gradients)
            else:
                self._skip(node)
        return self.captured

    # --- the graph -------------------------------------------------------------------------------

    def _discover(self, edges: Sequence[Any]) -> list[Node]:
        """All nodes that the roots lead to, newest first; counts the edges into each leaf."""
        found: set[Node] = set()
        stack: list[Node] = []
        pending = self.pending
        asked = {edge[0] for edge in (*edges, *self._asked_edges()) if type(edge) is tuple}
        for edge in edges:
            if type(edge) is not tuple:
                pending[id(edge)] = pending.get(id(edge), 0) + 1
            elif edge[0] not in found:
                found.add(edge[0])
                stack.append(edge[0])
        while stack:
            here = stack.pop()
            if here.twin is not None and here.twin.is_usable(asked):
                self.twins[here] = here.twin.node
                here = here.twin.node
            for edge in here.edges:
                if edge is None:
                    continue
                if type(edge) is not tuple:
                    pending[id(edge)] = pending.get(id(edge), 0) + 1
                    continue
                node = edge[0]
                if node not in found:
                    found.add(node)
                    stack.append(node)
        return sorted(found, key=_sequence, reverse=True)

    def _asked_edges(self) -> list[Any]:
        from symgrad.autograd.recording import edge_of

        return [edge_of(tensor) for tensor in self.inputs or ()]

    def _restrict(self, order: list[Node]) -> None:
        """Only nodes on the way to a wanted tensor are walked."""
        from symgrad.autograd.recording import edge_of

        for position, tensor in enumerate(self.inputs or ()):
            edge = edge_of(tensor)
            if type(edge) is tuple:
                self.wanted.setdefault(edge, []).append(position)
            else:
                self.wanted_leaves.setdefault(id(tensor), []).append(position)
        wanted_nodes = {node for node, _ in self.wanted}
        needed: set[Node] = set()
        for node in reversed(order):
            for edge in self.twins.get(node, node).edges:
                if edge is None:
                    continue
                if type(edge) is tuple:
                    if edge[0] in needed or edge[0] in wanted_nodes:
                        needed.add(node)
                        break
                elif id(edge) in self.wanted_leaves:
                    needed.add(node)
                    break
        self.needed = needed

    def _is_wanted(self, node: Node) -> bool:
        return any((node, k) in self.wanted for k in range(node.outputs))

    # --- gradients on their way ------------------------------------------------------------------

    def _deliver(self, edge: Any, gradient: Any, mask: Any = None, owned: bool = False) -> None:
        """Add a gradient to what an edge's end has received; None only counts as arrived."""
        if type(edge) is tuple:
            if gradient is None:
                return
            node, index = edge
            buffer = self.buffers.get(node)
            if buffer is None:
                buffer = self.buffers[node] = [None] * node.outputs
            old = buffer[index]
            buffer[index] = gradient if old is None else old + gradient
            if mask is not None or self.masks.by_edge:
                self.masks.add(edge, mask, old is None)
            return
        key = id(edge)
        if gradient is not None:
            old = self.leaves.get(key)
            self.leaves[key] = gradient if old is None else old + gradient
            owned = owned or old is not None
        self.pending[key] -= 1
        if not self.pending[key]:
            total = self.leaves.pop(key, None)
            if total is not None:
                self._finish_leaf(edge, total, owned and gradient is not None)

    def _skip(self, node: Node) -> None:
        """A node that no gradient reached: its edges will not deliver."""
        for edge in self.twins.get(node, node).edges:
            if edge is not None and type(edge) is not tuple:
                self._deliver(edge, None)

    def _visit(self, node: Node, gradients: list[Any]) -> None:
        if node.hooks is not None or node.retained is not None or self.wanted:
            self._before(node, gradients)
            if self.needed is not None and node not in self.needed:
                self._skip(node)
                return
        if node.prehooks:
            gradients = self._call_prehooks(node, gradients)
        actor = self.twins.get(node, node)
        masks = self.masks.behind(node, gradients, actor)
        run = actor.backward_tensors if self.create else actor.backward_arrays
        results = run(gradients, self.release)
        if actor is not node and self.release:
            node.forget()
        if masks is not None:
            results = select(results, masks)
        if MODES.anomaly:
            self._check_anomaly(node, results)
        results = absorb(actor, gradients, results)
        if node.posthooks:
            results = self._call_posthooks(node, results, gradients)
        needed = self.needed
        casts = getattr(node, "casts", False)
        for k, (edge, gradient) in enumerate(zip(actor.edges, results, strict=True)):
            if edge is None:
                continue
            owned = type(edge) is not tuple and getrefcount(gradient) <= _UNSHARED
            if casts and gradient is not None:
                gradient = self._cast(edge, gradient)
            if (
                needed is None
                or type(edge) is not tuple
                or edge[0] in needed
                or self._is_wanted(edge[0])
            ):
                self._deliver(edge, gradient, None if masks is None else masks[k], owned)

    def _cast(self, edge: Any, gradient: Any) -> Any:
        """A gradient in the type of the tensor it belongs to."""
        dtype = edge[0].output_like(edge[1])[1] if type(edge) is tuple else edge._data.dtype
        if self.create:
            return gradient if gradient._data.dtype == dtype else gradient.to(dtype)
        return gradient if gradient.dtype == dtype else gradient.astype(dtype)

    def _check_anomaly(self, node: Node, results: Sequence[Any]) -> None:
        for k, value in enumerate(results):
            array = value._data if isinstance(value, Tensor) else value
            if array is not None and np.isnan(array).any():
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {k}th output."
                )

    # --- hooks -----------------------------------------------------------------------------------

    def _tensor(self, gradient: Any) -> Tensor:
        """A gradient as hooks see it."""
        if isinstance(gradient, Tensor):
            return gradient
        return wrap(gradient if gradient.flags.writeable else gradient.copy())

    def _raw(self, gradient: Tensor) -> Any:
        return gradient if self.create else gradient._data

    def _call_hooks(self, hooks: dict[int, Any], gradient: Any) -> Any:
        current = self._tensor(gradient)
        for hook in list(hooks.values()):
            with _hook_mode(self.create):
                changed = hook(current)
            if changed is not None:
                current = checked_replacement(changed, current)
        return self._raw(current)

    def _before(self, node: Node, gradients: list[Any]) -> None:
        """Tensor hooks, then retain_grad, then capture for `grad`, for each output."""
        for index, gradient in enumerate(gradients):
            if gradient is None:
                continue
            hooks = node.hooks.get(index) if node.hooks else None
            if hooks:
                gradient = gradients[index] = self._call_hooks(hooks, gradient)
            reference = node.retained.get(index) if node.retained else None
            tensor = reference() if reference is not None else None
            if tensor is not None:
                self._add_to_grad(tensor, gradient)
            for position in self.wanted.get((node, index), ()):
                self._capture(position, gradient)

    def _capture(self, position: int, gradient: Any) -> None:
        if self.accumulate:
            assert self.inputs is not None
            tensor = self.inputs[position]
            if not tensor._retains:
                self._add_to_grad(tensor, gradient)
            return
        self.captured[position] = self._owned(gradient)

    def _call_prehooks(self, node: Node, gradients: list[Any]) -> list[Any]:
        assert node.prehooks is not None
        for hook in list(node.prehooks.values()):
            shown = tuple(None if g is None else self._tensor(g) for g in gradients)
            changed = hook(shown)
            if changed is not None:
                gradients = [None if g is None else self._raw(g) for g in _as_tuple(changed)]
        return gradients

    def _call_posthooks(self, node: Node, results: list[Any], given: list[Any]) -> list[Any]:
        assert node.posthooks is not None
        outputs = tuple(None if g is None else self._tensor(g) for g in given)
        for hook in list(node.posthooks.values()):
            shown = tuple(None if g is None else self._tensor(g) for g in results)
            changed = hook(shown, outputs)
            if changed is not None:
                results = [None if g is None else self._raw(g) for g in _as_tuple(changed)]
        return results

    # --- leaves ----------------------------------------------------------------------------------

    def _finish_leaf(self, leaf: Tensor, gradient: Any, owned: bool) -> None:
        wanted = self.wanted_leaves.get(id(leaf))
        if self.inputs is not None and wanted is None:
            return
        if leaf._hooks:
            gradient = self._call_hooks(leaf._hooks, gradient)
            owned = False
        if not self.accumulate:
            for position in wanted or ():
                self.captured[position] = self._owned(gradient)
            return
        self._add_to_grad(leaf, gradient, owned)
        if leaf._post_hooks:
            for hook in list(leaf._post_hooks.values()):
                hook(leaf)

    def _owned(self, gradient: Any) -> Tensor:
        if isinstance(gradient, Tensor):
            return gradient
        return wrap(np.array(gradient))

    def _add_to_grad(self, tensor: Tensor, gradient: Any, owned: bool = False) -> None:
        """In place without create_graph, by a new tensor with it.

        An owned gradient becomes the tensor's own memory, another one is copied.
        """
        old = tensor._grad
        if isinstance(gradient, Tensor):
            tensor._grad = gradient.clone() if old is None else old + gradient
        elif old is None:
            data = tensor._data
            kept = owned and _fits(gradient, data)
            tensor._grad = wrap(gradient if kept else np.array(gradient, data.dtype, order="C"))
        elif old._edge is not None or not old._data.flags.writeable:
            tensor._grad = wrap(old._data + gradient)
        else:
            np.add(old._data, gradient, out=old._data, casting="same_kind")
            old._counter[0] += 1


# References to an adjoint that nobody else has, as `_visit` counts them: the list of results, the
# loop's variable, what `zip` hands out, and the call of `getrefcount`.
_UNSHARED = 4


def _fits(gradient: Any, like: Array) -> bool:
    """Whether an array can be a leaf's gradient as it lies in memory."""
    return (
        type(gradient) is np.ndarray
        and gradient.base is None
        and gradient.dtype == like.dtype
        and gradient.flags.c_contiguous
        and gradient.flags.writeable
    )


class _hook_mode:
    """Hooks run with recording as the backward itself has it."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.before = MODES.enabled
        MODES.enabled = self.enabled

    def __exit__(self, *error: object) -> None:
        MODES.enabled = self.before


def checked_replacement(changed: Any, gradient: Tensor) -> Tensor:
    """What a hook returned, if it can stand for the gradient."""
    if not isinstance(changed, Tensor):
        raise TypeError(
            f"hooks must return None or a Tensor, not {type(changed).__name__}: return the new "
            "gradient, or nothing to keep it"
        )
    if changed._data.shape != gradient._data.shape:
        raise RuntimeError(
            f"hook '<hook>' has changed the size of value: it returned "
            f"{list(changed._data.shape)} for a gradient of {list(gradient._data.shape)}"
        )
    if changed._data.dtype != gradient._data.dtype:
        raise RuntimeError(
            f"hook '<hook>' has changed the type of value (was {gradient.dtype} got "
            f"{changed.dtype})"
        )
    return changed


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
