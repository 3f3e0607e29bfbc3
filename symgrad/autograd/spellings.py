"""Naive spellings in recorded graphs: `torch.log(1 + torch.exp(x))` keeps its digits too.

Values are computed operation by operation, so the last operation of a naive spelling gets an
overflowed or cancelled input. When such an operation is recorded, the few operations before it are
looked at as one program. If the compiler's rules rewrite its last definition, the value is computed
again by the rewritten program, and the node gets a *twin*: that program as one node, from the
inputs of the whole spelling. A backward takes the twin, unless somebody asked for a gradient in
between (a hook, `retain_grad`, an input of `grad`), or an input was changed since.

What is looked at is kept by structure, so each spelling is captured once. Nothing is recorded, and
so nothing recognised, where no gradient is required.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.autograd.nodes import Node, OperationNode
from symgrad.autograd.rule_nodes import RuleNode
from symgrad.autograd.rules import Rule
from symgrad.autograd.signatures import with_parameters
from symgrad.autograd.spelling_ends import DIFFERENT, ENDS, SUMS
from symgrad.autograd.tensor import Tensor
from symgrad.capture import capture
from symgrad.errors import SymgradError
from symgrad.program import Definition, Program
from symgrad.simplify import simplify

__all__ = ["Twin", "add_twin"]

Array = np.ndarray
_MOST_NODES = 10
_MOST_STRUCTURES = 4096

_OTHERS = (
    *("AddBackward0", "NegBackward0", "PowBackward0", "SinBackward0", "Expm1Backward0"),
    *("ProdBackward0", "ProdBackward1"),
)
# What a spelling may consist of; anything else is an input of it.
_INNER = frozenset((*SUMS, *ENDS, *DIFFERENT, *_OTHERS))


@dataclass(frozen=True, slots=True)
class Twin:
    """One node for a whole spelling, and the nodes in between, which it passes by."""

    node: RuleNode
    inner: tuple[Node, ...]

    def is_usable(self, wanted: set[Node]) -> bool:
        """Whether nobody asks for a gradient in between, and the inputs are as they were."""
        for node in self.inner:
            if node in wanted or node.hooks or node.retained or node.prehooks or node.posthooks:
                return False
        own = self.node
        pairs = zip(own.counters, own.versions, strict=True)
        return all(counter is None or counter[0] == version for counter, version in pairs)


class _Cone:
    """The last operations before a node, down to what is no part of a spelling."""

    def __init__(self, last: OperationNode) -> None:
        self.nodes: list[OperationNode] = [last]
        self.leaves: list[tuple[Array, Any, Any]] = []
        self.fresh = True
        found: dict[Node, int] = {last: 0}
        key: list[Any] = []
        position = 0
        while position < len(self.nodes):
            node = self.nodes[position]
            position += 1
            key.append((node.operation, tuple(node.static.items()), len(node.inputs)))
            for k, (value, edge) in enumerate(zip(node.inputs, node.edges, strict=True)):
                inner = edge[0] if type(edge) is tuple else None
                if inner is not None and self._is_inner(inner, found):
                    if inner not in found:
                        found[inner] = len(self.nodes)
                        self.nodes.append(inner)
                    key.append(("node", found[inner]))
                elif isinstance(value, np.ndarray):
                    self._check(node, k)
                    key.append(self._leaf(value, edge, node.counters[k]))
                else:
                    key.append(("number", type(value), repr(value)))
        shapes: dict[int, int] = {}
        lengths = [
            tuple(n if n < 2 else shapes.setdefault(n, len(shapes) + 2) for n in a.shape)
            for a, _, _ in self.leaves
        ]
        self.key = (tuple(key), tuple(lengths), tuple(a.dtype for a, _, _ in self.leaves))

    def _is_inner(self, node: Node, found: dict[Node, int]) -> bool:
        if node in found:
            return True
        return (
            len(self.nodes) < _MOST_NODES
            and isinstance(node, OperationNode)
            and node.operation.name in _INNER
            and not node.freed
            and not node.casts
            and node.operation.prepare is None
        )

    def _check(self, node: OperationNode, position: int) -> None:
        counter = node.counters[position]
        if counter is not None and counter[0] != node.versions[position]:
            self.fresh = False

    def _leaf(self, array: Array, edge: Any, counter: Any) -> tuple[str, int]:
        for number, (known, place, _) in enumerate(self.leaves):
            # x and x.detach() are one array at two places of the graph.
            if known is array and place is edge:
                return ("leaf", number)
        self.leaves.append((array, edge, counter))
        return ("leaf", len(self.leaves) - 1)

    def replay(self, arrays: Sequence[Any]) -> Any:
        """The value of the last node from symbolic arrays in place of the leaves."""
        values: dict[Node, Any] = {}
        given = {
            (id(array), id(edge)): symbol
            for (array, edge, _), symbol in zip(self.leaves, arrays, strict=True)
        }
        for node in sorted(self.nodes, key=lambda n: n.sequence):
            inputs = [
                values[edge[0]]
                if type(edge) is tuple and edge[0] in values
                else given.get((id(value), id(edge)), value)
                for value, edge in zip(node.inputs, node.edges, strict=True)
            ]
            values[node] = node.operation.formula(*inputs, **node.static)
        return values[self.nodes[0]]


_KNOWN: dict[Any, Rule | None] = {}


def add_twin(node: OperationNode, result: Tensor) -> None:
    """Compute the result anew, and give its node a twin, if it ends a naive spelling."""
    cone = _Cone(node)
    if len(cone.nodes) < 2 or not cone.fresh or not cone.leaves:
        return
    if cone.key not in _KNOWN:
        if len(_KNOWN) >= _MOST_STRUCTURES:
            _KNOWN.clear()
        _KNOWN[cone.key] = _stable_rule(cone)
    rule = _KNOWN[cone.key]
    if rule is None:
        return
    arrays = [array for array, _, _ in cone.leaves]
    with np.errstate(all="ignore"):
        (value,) = rule.run(arrays)
    if value.shape != node.result.shape or value.dtype != node.result.dtype:
        return
    node.result[...] = value
    edges = tuple(edge for _, edge, _ in cone.leaves)
    counters = tuple(counter for _, _, counter in cone.leaves)
    name = type(node).__name__
    pointwise = all(n.operation.pointwise for n in cone.nodes)
    made = RuleNode(rule, name, arrays, edges, counters, [result], pointwise)
    node.twin = Twin(made, tuple(cone.nodes[1:]))


def _stable_rule(cone: _Cone) -> Rule | None:
    """The rewritten program, if a rule of the compiler changes the last definition."""
    names = [f"x{k}" for k in range(len(cone.leaves))]

    def lifted(*arrays: Any) -> Any:
        return cone.replay(arrays)

    function = with_parameters(lifted, names)
    examples = {name: array for name, (array, _, _) in zip(names, cone.leaves, strict=True)}
    try:
        before = capture(function, examples=examples, wrt=None, name="f", source="graph").program
        after = simplify(before, inline=False).program
    except SymgradError:
        return None  # what cannot be captured stays as it was recorded
    plain = simplify(before, without={"stabilise"}, inline=False).program
    return Rule(after) if _last_body(after) != _last_body(plain) else None


def _last_body(program: Program) -> Any:
    last = program.statement(program.outputs[0])
    return last.terms if isinstance(last, Definition) else last
