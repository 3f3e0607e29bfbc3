"""The node of a derivative that was recorded under create_graph: a rule, with several results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.nodes import FREED, Edge, Node
from symgrad.autograd.rules import Rule, Unread
from symgrad.autograd.tensor import Tensor

__all__ = ["RuleNode"]

Array = np.ndarray


class RuleNode(Node):
    """x̄ = rule(x, y, ȳ) as an operation of the graph; its derivative is the rule's own vjp."""

    __slots__ = (
        "arguments",
        "counters",
        "freed",
        "likes",
        "pointwise",
        "rule",
        "title",
        "versions",
        "wrt",
    )

    def __init__(
        self,
        rule: Rule,
        title: str,
        arguments: Sequence[Any],
        edges: tuple[Edge, ...],
        counters: tuple[list[int] | None, ...],
        results: Sequence[Tensor],
        pointwise: bool,
    ) -> None:
        super().__init__(edges)
        self.rule = rule
        self.title = f"{title}Backward" if not title.endswith("Backward") else title
        self.arguments = list(arguments)
        self.counters = counters
        self.versions = [None if c is None else c[0] for c in counters]
        self.wrt = tuple(k for k, edge in enumerate(edges) if edge is not None)
        self.likes = [(r._data.shape, r._data.dtype) for r in results]
        self.freed = False
        self.pointwise = pointwise

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return len(self.likes)

    def name(self) -> str:
        return self.title

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        return self.likes[index]

    def _product(self) -> Rule:
        rule = self.rule.vjp(self.wrt)
        for k in rule.reads:
            counter = self.counters[k] if k < len(self.counters) else None
            if counter is None:
                continue
            if self.freed:
                raise RuntimeError(FREED)
            if counter[0] != self.versions[k]:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it is at version {counter[0]}; expected version "
                    f"{self.versions[k]} instead"
                )
        return rule

    def _release(self) -> None:
        self.freed = True
        self.arguments = [
            x if counter is None else Unread(x.shape, x.dtype)
            for x, counter in zip(self.arguments, self.counters, strict=True)
        ]

    def _results(self) -> list[Unread]:
        return [Unread(shape, dtype) for shape, dtype in self.likes]

    def backward_arrays(self, cotangents: Sequence[Array | None], release: bool) -> list[Any]:
        rule = self._product()
        given = [
            np.zeros(shape, dtype) if g is None else g
            for g, (shape, dtype) in zip(cotangents, self.likes, strict=True)
        ]
        values = rule.run([*self.arguments, *self._results(), *given])
        if release:
            self._release()
        return self._spread(values)

    def backward_tensors(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        from symgrad.autograd.recording import run_rule, saved_tensor
        from symgrad.autograd.tensor import wrap

        rule = self._product()
        arguments = [
            saved_tensor(x, counter, edge)
            if counter is not None and isinstance(x, np.ndarray)
            else x
            for x, counter, edge in zip(self.arguments, self.counters, self.edges, strict=True)
        ]
        given = [
            wrap(np.zeros(shape, dtype)) if g is None else g
            for g, (shape, dtype) in zip(cotangents, self.likes, strict=True)
        ]
        given = [*arguments, *self._results(), *given]
        values = run_rule(rule, given, self.title, self.pointwise)
        if release:
            self._release()
        return self._spread(values)

    def mask_behind(self, mask: Array) -> list[Any] | None:
        return [mask] * len(self.edges) if self.pointwise else None

    def _spread(self, values: Sequence[Any]) -> list[Any]:
        result: list[Any] = [None] * len(self.edges)
        for k, value in zip(self.wrt, values, strict=True):
            result[k] = value
        return result
