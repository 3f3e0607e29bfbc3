"""Maxima and minima of floating numbers in a local, as places among all numbers.

    largest = _rank(-np.inf)
    for j in range(d):
        largest = max(largest, _rank(x[j]))
    … = _ranked(largest)                    the smallest is minus the largest of −x[j]

A place is an integer in the order of the numbers, NaN after all. Compilers turn a maximum of
integers into vectors; one of floating numbers they compute one by one, for the sake of NaN.
"""

from __future__ import annotations

from symgrad.program.definitions import DType, is_floating
from symgrad.schedule.loops import Block, Declare, Fold, FoldKind, Local, Node

__all__ = ["HELPER", "START", "fold_text", "ranked_locals", "value_text"]

HELPER = "cpu/rank"
START = "_rank(-np.inf)"


def ranked_locals(nodes: tuple[Node, ...]) -> dict[str, FoldKind]:
    """The locals of a nest that hold a place, and whether of a largest or smallest number.

    One that begins with an element's value is folded in a loop over elements, a vector at a time.
    """
    found: dict[str, FoldKind] = {}
    declared: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, Block):
            for effect in node.effects:
                if isinstance(effect, Fold) and _finds_extreme(effect):
                    assert isinstance(effect.local, Local)
                    found[effect.local.name] = effect.kind
        elif isinstance(node, Declare):
            declared.add(node.local.name)
        else:
            stack.extend(node.body)
    return {name: kind for name, kind in found.items() if name in declared}


def _finds_extreme(fold: Fold) -> bool:
    alone = fold.kind in ("max", "min") and fold.position is None
    return alone and isinstance(fold.local, Local) and is_floating(fold.local.dtype)


def fold_text(local: str, kind: FoldKind, number: str) -> str:
    """The line that folds a number, given as a name, into a local."""
    return f"{local} = max({local}, _rank({'' if kind == 'max' else '-'}{number}))"


def value_text(local: str, kind: FoldKind, dtype: DType) -> str:
    """The extreme that a local stands for."""
    text = f"_ranked({local})" if kind == "max" else f"(-_ranked({local}))"
    return f"np.float32({text})" if dtype == "float32" else text
