"""Extremes of sums, found while the sums are computed, so that few of them are held at a time.

    for i: for k: s[i,:] += f(i,k,:)               for i by 4:
    for i: m[:] = min(m[:], s[i,:])        ->          for k: s[0..3,:] += f(i..i+3,k,:)
                                                       m[:] = min(m[:], s[0..3,:]),  s[0..3,:] = 0

Four rows of sums stay in the nearest cache, and a minimum and its position are loaded and stored
once for four of them. The sums are zero again when they have been read, which costs nothing in a
loop of comparisons; a loop of its own before them would store as much as the sums do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from symgrad.schedule.folds import is_vectorised_over_outputs, start_of
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    Operation,
    elements_of,
    indices_of,
)
from symgrad.schedule.guarding import GuardedLoops, NestContext
from symgrad.schedule.jamming import hoist_invariants, jam
from symgrad.schedule.loops import Block, Fold, FoldKind, Local, Loop, Node, Store
from symgrad.schedule.nests import reuses_elements
from symgrad.schedule.terms import scaled, vector_axis
from symgrad.schedule.touches import map_subscripts

__all__ = ["AT_ONCE", "is_running_extreme", "readers_of", "running_nest"]

AT_ONCE = 4  # sums that are compared in one run of a loop


def readers_of(definitions: Iterable[FrozenDefinition]) -> dict[str, set[str]]:
    """The names of the definitions that read each array."""
    readers: dict[str, set[str]] = {}
    for definition in definitions:
        for term in definition.terms:
            for element in elements_of(term):
                readers.setdefault(element.array, set()).add(definition.name)
    return readers


def is_running_extreme(
    sums: FrozenDefinition, extreme: FrozenDefinition, context: NestContext
) -> bool:
    """Whether m[j] = min_i s[i,j] or max_i s[i,j], with s[i,j] a sum of products or squares.

    Loops over the rows j of a tile must be the best ones to vectorise, and something that the sum
    reads must be the same for all i.
    """
    if len(sums.axes) != 2 or len(sums.terms) != 1 or len(extreme.terms) != 1:
        return False
    (term,), (fold,) = sums.terms, extreme.terms
    (outer, row), index = sums.axes, context.tile_index(sums, None)
    if row.index != index or not reuses_elements(term) or term.guards:
        return False
    if outer.index in (a.index for a in term.axes if a.extent == context.sample):
        return False
    if vector_axis(sums, term, index) != index:
        return False
    if all(outer.index in indices_of(element) for element in elements_of(term)):
        return False
    if fold.reduction not in ("min", "max") or fold.guards or fold.scale:
        return False
    if [a.extent for a in fold.axes] != [outer.extent] or len(extreme.axes) != 1:
        return False
    read = Element(sums.name, tuple(Affine(((a.index, 1),)) for a in (*fold.axes, *extreme.axes)))
    if [o.value for o in fold.operations] != [read] or sums.dtype != extreme.dtype:
        return False
    floating = sums.dtype in ("float64", "float32")
    own_row = context.tile_index(extreme, None)
    return floating and is_vectorised_over_outputs(extreme, fold, own_row)


def running_nest(
    sums: FrozenDefinition, found: Sequence[FrozenDefinition], context: NestContext
) -> tuple[Node, ...]:
    """The loops that compute sums and fold them.

    Args:
        sums: s[i,j], of which `AT_ONCE` are held.
        found: the extremes m[j] and, if wanted, their positions.
        context: the kernel the loops stand in.
    """
    (term,), (outer, row) = sums.terms, sums.axes
    loops = GuardedLoops(sums, context)
    operations, value = scaled(term)
    target = Element(sums.name, (Affine(((outer.index, 1),)), Affine(((row.index, 1),))))
    add = Block(operations, (Store(target, value, add=True),))
    inner = loops.loops((*term.axes, row), (), (add,))
    factors = [(outer.index, AT_ONCE), (term.axes[-1].index, 4)]
    nest = jam(loops.loops((outer,), (), inner), factors)
    fold = _Folding(sums, found)
    result: list[Node] = list(loops.loops((row,), (), (fold.start(_widest(nest)),)))
    for loop in nest:
        assert isinstance(loop, Loop)
        held = map_subscripts(loop.body, {}, lambda e: _held(e, sums.name))
        folds = loops.loops((row,), (), fold.step(loop.step))
        result.append(replace(loop, body=(*held, *folds)))
    return hoist_invariants(tuple(result))


def _widest(nest: Collection[Node]) -> int:
    return max(loop.step for loop in nest if isinstance(loop, Loop))


def _held(element: Element, name: str) -> Element:
    """s[i + 2, j] is held at s[2, j]."""
    if element.array != name:
        return element
    first, row = element.subscripts
    assert isinstance(first, Affine)
    return Element(name, (Affine((), first.rest), row))


class _Folding:
    """Comparisons of some sums with the extremes so far; `found` as in `running_nest`."""

    def __init__(self, sums: FrozenDefinition, found: Sequence[FrozenDefinition]) -> None:
        self.sums = sums
        self.index = sums.axes[0].index
        self.row = Affine(((sums.axes[1].index, 1),))
        self.places = [Element(d.name, (self.row,)) for d in found]
        reduction = found[0].terms[0].reduction
        assert reduction in ("min", "max")
        self.kind: Literal["min", "max"] = reduction

    def start(self, width: int) -> Block:
        """Sums are zero, the extreme is none, and it is first of all."""
        dtype = self.sums.dtype
        constants: list[Operation] = [
            Operation("constant", (), dtype, 0),
            Operation("constant", (), dtype, start_of(self.kind)),
            Operation("constant", (), "int64", 0),
        ][: 1 + len(self.places)]
        stores = [Store(self._sum(k), 0) for k in range(width)]
        stores += [Store(place, k) for k, place in enumerate(self.places, 1)]
        return Block(tuple(constants), tuple(stores))

    def step(self, width: int) -> tuple[Block, ...]:
        """The next sums in their order, compared in locals; they are zero behind it."""
        dtype = self.sums.dtype
        held = (Local("best", dtype), Local("position", "int64"))[: len(self.places)]
        loads = [
            Operation("load", (), local.dtype, place)
            for local, place in zip(held, self.places, strict=True)
        ]
        given = [Operation("local", (), local.dtype, local.name) for local in held]
        zero = Operation("constant", (), dtype, 0)
        stores = [Store(place, number) for number, place in enumerate(self.places)]
        stores += [Store(self._sum(number), len(given)) for number in range(width)]
        return (
            Block(tuple(loads), tuple(Store(local, k) for k, local in enumerate(held))),
            *(self._comparison(number, held) for number in range(width)),
            Block((*given, zero), tuple(stores)),
        )

    def _comparison(self, number: int, held: tuple[Local, ...]) -> Block:
        load = Operation("load", (), self.sums.dtype, self._sum(number))
        best, *position = held
        if not position:
            return Block((load,), (Fold(self.kind, best, 0),))
        index = self.index if number == 0 else f"{self.index} + {number}"
        kind: FoldKind = "argmin" if self.kind == "min" else "argmax"
        return Block((load,), (Fold(kind, best, 0, position[0], index),))

    def _sum(self, number: int) -> Element:
        return Element(self.sums.name, (Affine((), str(number)), self.row))
