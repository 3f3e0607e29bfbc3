"""Groups of definitions that touch too many arrays for one loop, divided.

A compiler vectorises a loop if it can show, or test before the loop, that no store overlaps
another access. LLVM tests at most 128 pairs of arrays, and a loop with more stays scalar.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from symgrad.schedule.frozen import FrozenDefinition, elements_of
from symgrad.schedule.fusion import Group

__all__ = ["MOST_PAIRS", "split_wide"]

MOST_PAIRS = 100  # of a store and another array in one loop body

Member = tuple[FrozenDefinition, bool]


def split_wide(groups: Iterable[Group], kept: Collection[str]) -> list[Group]:
    """The groups in order, those with too many pairs of arrays as several.

    Args:
        groups: what shares nests.
        kept: names of definitions whose values are stored.
    """
    result: list[Group] = []
    for group in groups:
        if group.loops is None or _pairs(group.members, (), kept) <= MOST_PAIRS:
            result.append(group)
            continue
        part: list[Member] = []
        for position, member in enumerate(group.members):
            later = group.members[position + 1 :]
            if part and _pairs([*part, member], later, kept) > MOST_PAIRS:
                result.append(Group(group.loops, part))
                part = []
            part.append(member)
        result.append(Group(group.loops, part))
    return result


def _pairs(part: Sequence[Member], later: Sequence[Member], kept: Collection[str]) -> int:
    """Pairs of a store and another access in a loop of these members."""
    own = {definition.name for definition, _ in part}
    wanted = _arrays_read(later)
    stores = sum(accumulates or d.name in kept or d.name in wanted for d, accumulates in part)
    loads = {
        element
        for definition, _ in part
        for term in definition.terms
        for element in elements_of(term)
        if element.array not in own
    }
    return stores * len(loads) + stores * (stores - 1) // 2


def _arrays_read(members: Sequence[Member]) -> set[str]:
    return {e.array for d, _ in members for term in d.terms for e in elements_of(term)}
