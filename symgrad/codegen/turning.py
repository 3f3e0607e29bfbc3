"""Copies of gathered rows with the samples last, turned in squares of eight rows and columns.

    for i in range(0, rows - rows % 8, 8):
        for j in range(0, 8, 8):
            _turn(A_at_k, A, k, i, j)         A_at_k[j + a, i + b] = A[k[i + b], j + a], a, b < 8

A loop that reads one element of each row has a load and a store for each; a square in registers has
an eighth of both, and three exchanges of vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.schedule.frozen import Affine, Element
from symgrad.schedule.loops import Block, Loop, Node, Store

__all__ = ["TurnedRows", "turned_rows"]

_SQUARE = 8


@dataclass(frozen=True, slots=True)
class TurnedRows:
    """`target[column, row] = source[index[row], column]` for a tile's rows and `count` columns."""

    target: str
    source: str
    index: str
    row: str
    column: str
    count: int

    def lines(self) -> list[str]:
        """The loops as text, in the names of the arrays."""
        i, j = self.row, self.column
        whole = self.count - self.count % _SQUARE
        copy = f"{self.target}[{j}, {i}] = {self.source}[{self.index}[{i}], {j}]"
        lines = [
            f"for {i} in range(0, rows - rows % {_SQUARE}, {_SQUARE}):",
            f"    for {j} in range(0, {whole}, {_SQUARE}):",
            f"        _turn({self.target}, {self.source}, {self.index}, {i}, {j})",
            f"for {i} in range(rows - rows % {_SQUARE}, rows):",
            f"    for {j} in range({whole}):",
            f"        {copy}",
        ]
        if whole < self.count:
            lines += [
                f"for {j} in range({whole}, {self.count}):",
                f"    for {i} in range(rows):",
                f"        {copy}",
            ]
        return lines


def turned_rows(nodes: tuple[Node, ...]) -> TurnedRows | None:
    """What a nest copies, if it gathers rows of eight columns or more and does nothing else."""
    outer = nodes[0] if nodes else None
    if not isinstance(outer, Loop) or outer.tile or outer.reverse or len(nodes) > 2:
        return None
    if not outer.extent.isdigit() or int(outer.extent) < _SQUARE or outer.lower or outer.upper:
        return None
    if len(nodes) == 2 and not (
        isinstance(nodes[1], Loop)
        and outer.step > 1
        and (nodes[1].index, nodes[1].start_after) == (outer.index, outer.step)
    ):
        return None
    inner = outer.body[0]
    if len(outer.body) != 1 or not isinstance(inner, Loop) or not inner.tile:
        return None
    block = inner.body[0]
    bounded = bool(inner.lower or inner.upper) or inner.reverse or inner.step > 1
    if bounded or len(inner.body) != 1 or not isinstance(block, Block):
        return None
    return _copy(outer, inner.index, block)


def _copy(columns: Loop, row: str, block: Block) -> TurnedRows | None:
    """What the block copies in each run of the loop over columns, if it is each column once."""
    arrays: set[tuple[str, str, str]] = set()
    offsets: list[str] = []
    for effect in block.effects:
        if not isinstance(effect, Store) or effect.add or not isinstance(effect.target, Element):
            return None
        load = block.operations[effect.value]
        if load.name != "load" or not isinstance(load.value, Element):
            return None
        if len(effect.target.subscripts) != 2 or len(load.value.subscripts) != 2:
            return None
        position, read = load.value.subscripts
        written, last = effect.target.subscripts
        own = isinstance(read, Affine) and read == written and read.terms == ((columns.index, 1),)
        if not own or last != Affine(((row, 1),)) or not isinstance(position, Element):
            return None
        if position.subscripts != (Affine(((row, 1),)),):
            return None
        offsets.append(read.rest if isinstance(read, Affine) else "")
        arrays.add((effect.target.array, load.value.array, position.array))
    if len(arrays) != 1 or len(block.operations) != len(block.effects):
        return None
    if offsets != [str(k) for k in range(columns.step)]:
        return None
    ((target, source, index),) = arrays
    return TurnedRows(target, source, index, row, columns.index, int(columns.extent))
