"""Scratch arrays of a tile that can lie in the same memory: those never needed together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from symgrad.codegen.outlining import nests_of
from symgrad.schedule.plan import Buffer

__all__ = ["share_scratch"]

_WORD = re.compile(r"[A-Za-z_]\w*")


def share_scratch(lines: Iterable[str], buffers: Sequence[Buffer]) -> dict[str, str]:
    """The name of the array whose memory each scratch array takes, its own if it needs new memory.

    An array of many layers' scratch is then as small as what two layers need, and stays in cache.

    Args:
        lines: of the kernel, whose nests run one after the other.
        buffers: the scratch arrays by the names that the kernel has for them.
    """
    names = {buffer.name for buffer in buffers}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for position, (_, body) in enumerate(nests_of(lines)):
        for word in _WORD.findall("\n".join(body)):
            if word in names:
                first.setdefault(word, position)
                last[word] = position
    free: dict[tuple[object, ...], list[tuple[int, str]]] = {}
    holder: dict[str, str] = {}
    for buffer in sorted((b for b in buffers if b.name in first), key=lambda b: first[b.name]):
        slots = free.setdefault((buffer.shape, buffer.dtype), [])
        ready = next((k for k, (end, _) in enumerate(slots) if end < first[buffer.name]), None)
        name = buffer.name if ready is None else slots.pop(ready)[1]
        holder[buffer.name] = name
        slots.append((last[buffer.name], name))
    return holder
