"""Kernels with too many nests become several, since their registers would spill.

What a block keeps of one nest for the next, addresses above all, grows with the number of arrays.
A kernel of forty nests needs more than the 255 registers of a thread; two of twenty do not, and
what the second reads of the first is then kept for all samples and not for a tile.
"""

from __future__ import annotations

from symgrad.schedule.arrays import arrays_of
from symgrad.schedule.fusion import Group

__all__ = ["arrays_in", "divide"]


def arrays_in(groups: list[Group]) -> set[str]:
    """The arrays that groups read or write."""
    return set(arrays_of(definition for group in groups for definition, _ in group.members))


def divide(groups: list[Group], most: int) -> list[list[Group]]:
    """Groups in order, in as few parts of about equal length as hold at most `most` each.

    Each cut is where, near its place, the fewest arrays are handed on.

    Args:
        groups: the nests of a kernel, in an order in which they can be computed.
        most: how many nests a kernel may have.
    """
    parts = -(-len(groups) // most)
    if parts <= 1:
        return [groups]
    length = len(groups) / parts
    slack = min(int(length / 4), int((most - length) / 2))
    cuts = [0]
    for part in range(1, parts):
        place = round(part * length)
        near = range(max(place - slack, cuts[-1] + 1), min(place + slack, len(groups) - 1) + 1)
        cuts.append(min(near, key=lambda cut: (_handed_on(groups, cut), abs(cut - place), cut)))
    return [groups[a:b] for a, b in zip(cuts, [*cuts[1:], len(groups)], strict=True)]


def _handed_on(groups: list[Group], cut: int) -> int:
    """How many arrays written before a cut are read after it."""
    written = {definition.name for group in groups[:cut] for definition, _ in group.members}
    return len(written & arrays_in(groups[cut:]))
