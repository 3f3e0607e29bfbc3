"""Selections: where a branch was not taken its adjoint is exactly 0, and stays so.

`where`, `clamp`, `masked_fill` and the like give exactly 0 to the elements they did not take. That
zero must not meet an infinite derivative further back (0·inf is not a number), so its place
travels with it: through elementwise operations as it is, through views by the view's own rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.nodes import Node
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["Masks", "absorb", "select"]

Array = np.ndarray


class Masks:
    """For gradients on their way: where they can differ from 0, if a selection says so."""

    def __init__(self) -> None:
        self.by_edge: dict[tuple[Node, int], Array] = {}

    def add(self, edge: tuple[Node, int], mask: Any, first: bool) -> None:
        """Note the mask of a contribution: a sum can differ from 0 where any part can."""
        if first:
            if mask is not None:
                self.by_edge[edge] = mask
            return
        before = self.by_edge.pop(edge, None)
        if before is not None and mask is not None:
            self.by_edge[edge] = before | mask

    def behind(
        self, node: Node, gradients: Sequence[Any], actor: Node | None = None
    ) -> list[Any] | None:
        """Where the adjoints of a node's inputs can differ from 0; None if anywhere."""
        own = node.own_masks()
        mask = self._incoming(node, gradients) if self.by_edge else None
        further = None if mask is None else (actor or node).mask_behind(mask)
        if own is None:
            return further
        masks = [m if isinstance(m, np.ndarray) else None for m in own]
        if further is None:
            return masks
        return [_both(m, f) for m, f in zip(masks, further, strict=True)]

    def _incoming(self, node: Node, gradients: Sequence[Any]) -> Array | None:
        """The mask of a node's cotangents together."""
        total: Array | None = None
        for index, gradient in enumerate(gradients):
            mask = self.by_edge.pop((node, index), None)
            if gradient is None:
                continue
            if mask is None or (total is not None and total.shape != mask.shape):
                return None
            total = mask if total is None else total | mask
        return total


def _both(left: Any, right: Any) -> Any:
    if left is None or right is None or left.shape != right.shape:
        return right if left is None else left
    return left & right


def select(results: Sequence[Any], masks: list[Any]) -> list[Any]:
    """Adjoints with 0 wherever their mask is false; masks of another shape are dropped."""
    selected = list(results)
    for k, (result, mask) in enumerate(zip(results, masks, strict=True)):
        if result is None or mask is None:
            continue
        array = result._data if isinstance(result, Tensor) else result
        if array.shape != mask.shape:
            masks[k] = None
        elif isinstance(result, Tensor):
            selected[k] = result.masked_fill(wrap(~mask), 0.0)
        else:
            selected[k] = np.where(mask, array, array.dtype.type(0))
    return selected


# Operations whose derivative can be infinite; of a recorded derivative nothing is known.
_ENDLESS = frozenset(
    f"{name}Backward{n}"
    for name in (
        *("Sqrt", "Rsqrt", "Log", "Log2", "Log10", "Log1P", "Pow", "Div", "Reciprocal", "Exp"),
        *("Exp2", "Expm1", "Sinh", "Cosh", "Tan", "Asin", "Acos", "Acosh", "Atanh", "Logit"),
        *("Lgamma", "Digamma", "Xlogy", "SpecialXlog1Py", "Erfinv"),
    )
    for n in (0, 1)
)


def absorb(node: Node, cotangents: Sequence[Any], results: list[Any]) -> list[Any]:
    """Adjoints that are 0 where all cotangents are, although the derivative is infinite there.

    Weights of 0, elements that a slice or a gather left out, and outer derivatives that underflow.
    """
    if node.kind and node.kind not in _ENDLESS:
        return results
    given = [g for g in map(_array, cotangents) if g is not None]
    changed: list[Any] | None = None
    for k, result in enumerate(results):
        array = _array(result)
        if array is None or array.dtype.kind != "f" or not np.isnan(np.vdot(array, array)):
            continue
        if any(g.shape != array.shape for g in given):
            continue
        idle = np.isnan(array)
        for g in given:
            idle &= g == 0
        if idle.any():
            changed = list(results) if changed is None else changed
            if isinstance(result, Tensor):
                changed[k] = result.masked_fill(wrap(idle), 0.0)
            else:
                changed[k] = np.where(idle, array.dtype.type(0), array)
    return results if changed is None else changed


def _array(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value
