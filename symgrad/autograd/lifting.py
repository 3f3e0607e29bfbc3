"""Recorded graphs as programs: `y.formula()`, `y.grad_formula(x)`.

The recorded operations are replayed on symbolic arrays, which gives one Program; its derivative is
the compiler's. Leaves are named like the caller's variables.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.autograd.indexing import read
from symgrad.autograd.nodes import Node, OperationNode
from symgrad.autograd.rules import Unread
from symgrad.autograd.signatures import with_parameters
from symgrad.autograd.tensor import Tensor
from symgrad.capture import ArgumentSpec, CapturedModel, capture
from symgrad.capture.numbers import supported_dtype
from symgrad.differentiate import pull_back
from symgrad.errors import CaptureError, ModelError, SymgradError
from symgrad.explain import latex_program
from symgrad.program import Program, format_program, is_floating
from symgrad.simplify import simplify

__all__ = ["METHODS", "Lifted", "formula", "grad_formula"]


class Lifted:
    """The graph behind some results as a function of its leaves and of the constants it read.

    Attributes:
        leaves: the leaf tensors, in order of first use.
        constants: other arrays that were read, as they are now.
        names: one for each leaf, then one for each constant.
        exact: every array that was read is an argument, also numbers of rank 0 and index keys.
    """

    def __init__(
        self, roots: Sequence[Tensor], names: Mapping[str, Tensor], *, exact: bool = False
    ) -> None:
        self.roots = roots
        self.exact = exact
        self.order = _nodes_behind(roots)
        self.leaves: list[Tensor] = []
        self.constants: list[np.ndarray] = []
        self.extras: dict[Node, list[Any]] = {}
        for node in self.order:
            self._collect(node)
        for root in roots:
            if root._edge is None:
                self._leaf(root)
        self.names = _argument_names(self.leaves, len(self.constants), names)

    def _leaf(self, tensor: Tensor) -> None:
        if all(known is not tensor for known in self.leaves):
            self.leaves.append(tensor)

    def _collect(self, node: Node) -> None:
        if not isinstance(node, OperationNode):
            raise CaptureError(
                f"formula: the graph holds {node.name()}, which has a backward of its own and no "
                "formula; ask for the formula of a tensor in front of it, or compile the parts "
                "around it"
            )
        if node.freed:
            raise CaptureError(
                "formula: the graph has been freed by backward; ask before, or keep it with "
                "retain_graph=True"
            )
        for value, edge in zip(node.inputs, node.edges, strict=True):
            if isinstance(edge, Tensor):
                self._leaf(edge)
            elif edge is None and isinstance(value, np.ndarray):
                self._constant(value)
        operation = node.operation
        if self._by_position(node):
            assert operation.prepare is not None
            inputs, _ = operation.prepare(node.inputs, node.static)
            extras = list(inputs[len(node.inputs) :])
            self.extras[node] = extras
            for value in extras:
                if isinstance(value, np.ndarray):
                    self._constant(value)

    def _by_position(self, node: OperationNode) -> bool:
        """Whether the node reads at an array of positions; plain slices stay what they are."""
        if node.operation.prepare is None:
            return False
        return node.operation.function is not read or (self.exact and node.static["key"].advanced)

    def _constant(self, array: np.ndarray) -> None:
        if (array.ndim or self.exact) and all(known is not array for known in self.constants):
            self.constants.append(array)

    def capture(self, name: str = "f", wrt: Sequence[str] | None = None) -> CapturedModel:
        """The program, with symbolic sizes if the graph's reshapes permit, else literal ones."""
        values = [leaf._data for leaf in self.leaves] + self.constants
        if wrt is None:
            pairs = zip(self.names, self.leaves, strict=False)
            wrt = [n for n, x in pairs if x.requires_grad and x._data.dtype.kind == "f"]
        wrt = tuple(wrt)
        function = self._function()
        try:
            examples = dict(zip(self.names, values, strict=True))
            return capture(function, examples=examples, wrt=wrt or None, name=name, source="graph")
        except SymgradError:
            shapes = {n: _literal(v) for n, v in zip(self.names, values, strict=True)}
            return capture(function, shapes=shapes, wrt=wrt or None, name=name, source="graph")

    def _function(self) -> Callable[..., Any]:
        def replayed(*arrays: Any) -> Any:
            return self._replay(arrays)

        return with_parameters(replayed, self.names)

    def _replay(self, arrays: Sequence[Any]) -> Any:
        known: dict[int, Any] = {
            id(leaf): array for leaf, array in zip(self.leaves, arrays, strict=False)
        }
        rest = arrays[len(self.leaves) :]
        known.update((id(c), a) for c, a in zip(self.constants, rest, strict=True))
        values: dict[Node, Any] = {}

        def given(value: Any, edge: Any) -> Any:
            if type(edge) is tuple:
                return values[edge[0]]
            if edge is not None:
                return known[id(edge)]
            if isinstance(value, np.ndarray):
                return known.get(id(value), value)
            return value

        for node in self.order:
            assert isinstance(node, OperationNode)
            inputs = [given(v, e) for v, e in zip(node.inputs, node.edges, strict=True)]
            if node.casts:
                inputs = [
                    x.astype(v.dtype) if hasattr(v, "dtype") and x.dtype != v.dtype else x
                    for x, v in zip(inputs, node.inputs, strict=True)
                ]
            values[node] = _applied(node, inputs, self.extras.get(node), known)
        results = [values[r._edge[0]] if r._edge is not None else known[id(r)] for r in self.roots]
        return results[0] if len(results) == 1 else tuple(results)


def _applied(
    node: OperationNode, inputs: list[Any], extras: Sequence[Any] | None, known: dict[int, Any]
) -> Any:
    """One recorded operation on symbolic arrays."""
    operation = node.operation
    if extras is None:
        lifted = operation.function if operation.function is read else operation.formula
        return lifted(*inputs, **node.static)
    if any(isinstance(value, Unread) for value in extras):
        return operation.function(*inputs, **node.static)
    return operation.formula(*inputs, *(known[id(value)] for value in extras))


def _literal(array: np.ndarray) -> ArgumentSpec:
    kind = supported_dtype(array.dtype)
    if kind is None:
        raise ModelError(f"formula: arrays of type {array.dtype} have no formula")
    return ArgumentSpec(tuple(sympy.Integer(n) for n in array.shape), kind)


def _nodes_behind(roots: Sequence[Tensor]) -> list[Node]:
    found: set[Node] = set()
    stack: list[Node] = []
    for root in roots:
        root._refresh()
        if root._edge is not None and root._edge[0] not in found:
            found.add(root._edge[0])
            stack.append(root._edge[0])
    while stack:
        for edge in stack.pop().edges:
            if type(edge) is tuple and edge[0] not in found:
                found.add(edge[0])
                stack.append(edge[0])
    return sorted(found, key=lambda node: node.sequence)


def _argument_names(
    leaves: Sequence[Tensor], constants: int, given: Mapping[str, Tensor]
) -> list[str]:
    """The given names, then x1, x2, … for other leaves and c1, c2, … for constants."""
    names: list[str] = []
    for number, leaf in enumerate(leaves, start=1):
        own = [n for n, t in given.items() if t is leaf and n not in names]
        names.append(own[0] if own else f"x{number}")
    return names + [f"c{number}" for number in range(1, constants + 1)]


def _others(names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors among the variables of the method's caller, by names not given already."""
    frame = sys._getframe(2)
    return {
        name: value
        for name, value in {**frame.f_globals, **frame.f_locals}.items()
        if isinstance(value, Tensor) and not name.startswith("_") and name not in names
    }


# --- formulas ----------------------------------------------------------------------------------


def _shown(program: Program, format: str) -> str:
    if format == "text":
        return format_program(program)
    if format == "latex":
        return latex_program(program)
    raise ModelError(f"formula: format is 'text' or 'latex', not {format!r}")


def formula(self: Tensor, *, format: str = "text", **names: Tensor) -> str:
    """The recorded graph of this tensor in index notation, one definition a line.

    Args:
        format: `"text"`, or `"latex"` for an aligned block of mathematics.
        names: tensors by the names that they are to have; others are found among the caller's
            variables.

    >>> import symgrad
    >>> x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    >>> print((x**2).sum().formula())
    f = Σ_i x[i]^2    i < x_0
    """
    model = Lifted([self], {**names, **_others(names)}).capture("f")
    return _shown(simplify(model.program).program, format)


def grad_formula(self: Tensor, *tensors: Tensor, format: str = "text", **names: Tensor) -> str:
    """The formulas of the gradient: `y.grad_formula(x)` of ∂y/∂x, `x.grad_formula(y)` likewise.

    Without tensors, by every leaf. For a y that is no scalar, the cotangent is an argument;
    `format` and `names` are those of `formula`.

    >>> import symgrad
    >>> x = symgrad.tensor([1.0, 2.0], requires_grad=True)
    >>> print((x**2).sum().grad_formula(x, format="latex"))
    \\begin{aligned}
      f &= \\sum_{i < x_{0}} {x_{i}}^{2} \\\\
      {\\overline{x}}_{i} &= 2 \\, x_{i} && i < x_{0}
    \\end{aligned}
    """
    self._refresh()
    root, wanted = self, list(tensors)
    if self._edge is None:
        if len(tensors) != 1:
            raise ModelError(
                "grad_formula of a leaf needs the result to differentiate: x.grad_formula(y)"
            )
        root, wanted = tensors[0], [self]
    lifted = Lifted([root], {**names, **_others(names)})
    model = lifted.capture("f")
    pairs = list(zip(lifted.names, lifted.leaves, strict=False))
    by = tuple(n for n, leaf in pairs if any(leaf is t for t in wanted)) if wanted else model.wrt
    if not by:
        raise ModelError("grad_formula: the result does not depend on the tensor")
    base = simplify(model.program, inline=False).program
    output = base.outputs[0]
    scalar = not base.shapes()[output] and is_floating(base.dtypes()[output])
    gradient = pull_back(base, by, unit_seed=scalar)
    return _shown(simplify(gradient.program, without={"stabilise"}).program, format)


METHODS: dict[str, Any] = {"formula": formula, "grad_formula": grad_formula}
