"""Terms whose guards divide one axis into ranges, as those of a concatenation do.

y[i] = {a[i] if i < 3} + {b[i−3] if 3 ≤ i}     writes each element once, with nothing to add to
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.schedule.frozen import Affine, FrozenAxis, FrozenGuard, FrozenTerm
from symgrad.schedule.loops import Loop, Node

__all__ = ["divide_an_axis", "join_loops", "range_of"]

Range = tuple[int, int]


def divide_an_axis(axes: Sequence[FrozenAxis], terms: Sequence[FrozenTerm]) -> bool:
    """Whether every element of some axis of literal length belongs to exactly one of the terms."""
    if any(term.axes for term in terms):
        return False
    for axis in axes:
        if not axis.extent.isdigit():
            continue
        length = int(axis.extent)
        ranges = [range_of(term, axis.index, length) for term in terms]
        known = [found for found in ranges if found is not None]
        if len(known) == len(terms) and _is_whole(sorted(known), length):
            return True
    return False


def join_loops(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Nests that write different elements, with the outer loops that they share.

    for k: for s < 9: …    for k: for 9 <= s: …     ->     for k: (for s < 9: … for 9 <= s: …)
    """
    joined: list[Node] = []
    for node in nodes:
        last = joined[-1] if joined else None
        if isinstance(node, Loop) and isinstance(last, Loop) and _same_header(node, last):
            joined[-1] = replace(last, body=join_loops((*last.body, *node.body)))
        else:
            joined.append(node)
    return tuple(joined)


def _same_header(first: Loop, second: Loop) -> bool:
    return replace(first, body=()) == replace(second, body=())


def _is_whole(ranges: list[Range], length: int) -> bool:
    """Whether sorted ranges follow one another from 0 to the length."""
    starts, ends = [0, *(end for _, end in ranges)], [start for start, _ in ranges] + [length]
    return starts == ends


def range_of(term: FrozenTerm, index: str, length: int) -> Range | None:
    """The values of an index that a term's guards leave; None if they say anything else."""
    low, high = 0, length
    for guard in term.guards:
        found = _guard_range(guard, index)
        if found is None:
            return None
        low, high = max(low, found[0]), min(high, found[1])
    return low, high


def _guard_range(guard: FrozenGuard, index: str) -> Range | None:
    """`index + a relation b` with numbers a and b as a range."""
    limit = 1 << 62
    left, right = _shift(guard.left, index), _shift(guard.right, index)
    if left is None or right is None or left[0] == right[0]:
        return None
    (_, own), (_, other) = (left, right) if left[0] else (right, left)
    value = other - own
    if guard.relation == "==":
        return value, value + 1
    if guard.relation not in ("<", "<="):
        return None
    closed = guard.relation == "<="
    if left[0]:
        return -limit, value + closed
    return value + (not closed), limit


def _shift(side: object, index: str) -> tuple[bool, int] | None:
    """Whether a side holds the index, and the number beside it."""
    if not isinstance(side, Affine) or not side.rest.lstrip("-").isdigit():
        return None
    if not side.terms:
        return False, int(side.rest)
    return (True, int(side.rest)) if side.terms == ((index, 1),) else None
