"""Large results that go past the caches: rows turned into place, or short rows, written once.

    if 192 * n > 8388608:
        for k in range(rows):
            for s in range(24):
                _stream(data, (k, s), data_packed[s, k])
        _end_stream()
    else:
        ...                                                     the same loops with plain stores

A plain store first reads the line that it writes to, from memory if the array is larger than the
cache: twice the traffic. Loops that a compiler turns into vectors keep plain stores, which are
whole lines mostly. Transposed copies, which read four rows at a time, are streamed row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from symgrad.program.definitions import DType
from symgrad.schedule.counting import count_elements
from symgrad.schedule.frozen import Affine, Element, Operation
from symgrad.schedule.loops import Block, Declare, Loop, Node, Parameter, Store
from symgrad.schedule.terms import stride_cost

__all__ = ["LEAST_BYTES", "SHORT_ROW", "arrays_read", "streamed_nest"]

LEAST_BYTES = 8 << 20  # of an array; a smaller one may be read again from the cache
SHORT_ROW = 16  # elements; vectors gain nothing in a loop over fewer
_WIDTHS: dict[DType, int] = {"float64": 8, "int64": 8, "float32": 4, "int32": 4}


def streamed_nest(
    nodes: tuple[Node, ...], parameters: Sequence[Parameter], read: frozenset[str]
) -> tuple[str, tuple[Node, ...]] | None:
    """The nest as it is streamed, and the bytes of its array as text; None if it may not be.

    Args:
        nodes: the nest.
        parameters: of the kernel.
        read: arrays that the kernel reads anywhere.
    """
    nodes = _row_by_row(nodes)
    stores = list(_stores(nodes, ()))
    targets = {s.target.array for _, s, _ in stores if isinstance(s.target, Element)}
    if len(targets) != 1 or targets & read or not all(_in_order(*found) for found in stores):
        return None
    (parameter,) = (p for p in parameters if p.view.array in targets)
    if parameter.role != "rows" or parameter.view.dtype not in _WIDTHS or len(nodes) != 1:
        return None
    width = _WIDTHS[parameter.view.dtype]
    return f"{width} * {_factor(count_elements([parameter.shape]))}", nodes


def _row_by_row(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nest, and of one that takes several rows at a time the loop over what that leaves."""
    *first, last = nodes
    if not isinstance(last, Loop) or not last.tile or last.start_after == 1 or len(first) != 1:
        return nodes
    (jammed,) = first
    if isinstance(jammed, Loop) and (jammed.index, jammed.step) == (last.index, last.start_after):
        return (replace(last, start_after=1),)
    return nodes


def arrays_read(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The arrays that the code of some nodes loads from."""
    for node in nodes:
        if isinstance(node, Block):
            loads = (o.value for o in node.operations if isinstance(o.value, Element))
            yield from (element.array for element in loads)
        elif not isinstance(node, Declare):
            yield from arrays_read(node.body)


def _stores(
    nodes: tuple[Node, ...], loops: tuple[Loop, ...]
) -> Iterator[tuple[tuple[Loop, ...], Store, tuple[Operation, ...]]]:
    """Every effect of a nest with the loops around it; other nodes count as a store to no array."""
    for node in nodes:
        if isinstance(node, Loop):
            yield from _stores(node.body, (*loops, node))
        elif isinstance(node, Block) and all(isinstance(e, Store) for e in node.effects):
            yield from ((loops, e, node.operations) for e in node.effects if isinstance(e, Store))
        else:
            yield loops, Store(Element("", ()), 0), ()


def _in_order(loops: tuple[Loop, ...], store: Store, operations: tuple[Operation, ...]) -> bool:
    """Whether loops write the rows of a tile one element after the other, and not as vectors."""
    if not isinstance(store.target, Element) or store.add or len(loops) < 2:
        return False
    subscripts = [
        s.single_index if isinstance(s, Affine) else None for s in store.target.subscripts
    ]
    plain = all(not loop.reverse and loop.step == 1 and loop.start_after == 1 for loop in loops)
    if not plain or not loops[0].tile or subscripts != [loop.index for loop in loops]:
        return False
    if not all(loop.extent.isdigit() for loop in loops[1:]):
        return False
    inner = loops[-1]
    loads = [o.value for o in operations if isinstance(o.value, Element)]
    strided = any(stride_cost(element, inner.index) > 1 for element in loads)
    return strided or int(inner.extent) < SHORT_ROW


def _factor(text: str) -> str:
    return f"({text})" if "+" in text or "-" in text else text
