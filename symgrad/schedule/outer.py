"""Outer loops of consecutive nests made one, so that what they hand on stays small.

    for k: a[k,:] = f(k,:)                       for k:
    for k: b[k] = Σ g(a[k,:])         ->             a[:] = f(k,:)
                                                     b[k] = Σ g(a[:])

Scratch that is then read only where it was written loses the axis: of a mixture with K components
one component is held, which stays in the nearest cache. Cheap scratch that a second loop over
the same axis reads is computed again there rather than kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from symgrad.schedule.frozen import Affine, Element
from symgrad.schedule.inner import fuse_inner_loops
from symgrad.schedule.loops import Block, Fold, Loop, Node, Store
from symgrad.schedule.terms import ARITHMETIC
from symgrad.schedule.touches import (
    Touch,
    conflict,
    free_locals,
    locals_of,
    map_subscripts,
    touches,
)

__all__ = ["Nest", "OuterFusion", "fuse_outer_loops"]

Nest = tuple[str, tuple[Node, ...]]

CHEAP = 3  # operations, loads included, of scratch that is computed twice rather than kept


@dataclass(frozen=True, slots=True)
class OuterFusion:
    """Nests with their outer loops joined, and the shapes of the scratch that lost an axis.

    `recomputed` is the scratch that several loops compute.
    """

    nests: tuple[Nest, ...]
    shapes: Mapping[str, tuple[str, ...]]
    recomputed: tuple[str, ...] = ()


def fuse_outer_loops(
    nests: tuple[Nest, ...], scratch: Collection[str], shapes: Mapping[str, tuple[str, ...]]
) -> OuterFusion:
    """Nests of one tile, their outer loops joined where one hands scratch to the next.

    Args:
        nests: formulas and loops, in order.
        scratch: arrays that only this tile holds.
        shapes: of the arrays of scratch.
    """
    pieces: list[_Piece] = []
    for number, (formula, nodes) in enumerate(nests):
        for position, node in enumerate(nodes):
            pieces.append(_Piece(number, () if position else (formula,), node))
    if not any(piece.is_outer for piece in pieces):
        return OuterFusion(nests, {})
    pieces = _Fusion(frozenset(scratch)).run(pieces)
    users = {
        name: [k for k, p in enumerate(pieces) if name in p.arrays] for name in sorted(scratch)
    }
    recomputed = tuple(name for name in users if _recompute_cheap(pieces, users[name], name))
    smaller: dict[str, tuple[str, ...]] = {}
    for name, positions in users.items():
        axis = _droppable_axis([pieces[k] for k in positions], name)
        if axis is not None:
            for k in positions:
                pieces[k] = _without_axis(pieces[k], name, axis)
            smaller[name] = (*shapes[name][:axis], *shapes[name][axis + 1 :])
    pieces = [_with_inner_loops_joined(piece) if piece.is_outer else piece for piece in pieces]
    return OuterFusion(_as_nests(pieces), smaller, recomputed)


@dataclass(frozen=True)
class _Piece:
    """A node at the top of a kernel, the nest it is of, and the formulas that begin there."""

    nest: int
    formulas: tuple[str, ...]
    node: Node

    @cached_property
    def touched(self) -> tuple[Touch, ...]:
        return tuple(touches([self.node]))

    @cached_property
    def arrays(self) -> frozenset[str]:
        return frozenset(touch.element.array for touch in self.touched)

    @cached_property
    def is_outer(self) -> bool:
        return _is_outer(self.node)

    @cached_property
    def is_apart(self) -> bool:
        """Whether it sets every local that it uses."""
        return not free_locals([self.node])


class _Fusion:
    """Moves each node into an earlier loop that it can run in."""

    def __init__(self, scratch: frozenset[str]) -> None:
        self.scratch = scratch
        self.pieces: list[_Piece] = []

    def run(self, pieces: list[_Piece]) -> list[_Piece]:
        """The pieces with outer loops joined until no more can be."""
        while True:
            self.pieces = []
            for piece in pieces:
                self._add(piece)
            if len(self.pieces) == len(pieces):
                return self.pieces
            pieces = self.pieces

    def _add(self, piece: _Piece) -> None:
        """The piece as part of the last loop that it can run in, or else behind all others."""
        if piece.is_outer and piece.is_apart:
            for position in reversed(range(len(self.pieces))):
                moved = self._moved_before(position, piece)
                if moved is not None:
                    self._join(position, piece, moved)
                    return
        self.pieces.append(piece)

    def _moved_before(self, position: int, piece: _Piece) -> list[int] | None:
        """Pieces that must go before the loop at a position so that a piece can run in that loop.

        None if it cannot.
        """
        host = self.pieces[position]
        if not host.is_outer or not host.arrays & piece.arrays & self.scratch:
            return None
        assert isinstance(host.node, Loop) and isinstance(piece.node, Loop)
        inner = locals_of([piece.node])
        if free_locals([host.node]).intersection(inner):
            return None  # a sum that goes on over the host's loop would be overwritten in it
        own = locals_of([host.node])
        if any(own.get(name, dtype) != dtype for name, dtype in inner.items()):
            return None
        if host.node.extent != piece.node.extent or not _hand_on(host, piece, self.scratch):
            return None
        waiting, moved = list(piece.touched), []
        for between in reversed(range(position + 1, len(self.pieces))):
            found = self.pieces[between]
            if conflict(found.touched, waiting):
                if not found.is_apart or conflict(host.touched, found.touched):
                    return None
                moved.append(between)
                waiting += found.touched
        # What goes before the host would part it from the lines that set its locals.
        return sorted(moved) if host.is_apart or not moved else None

    def _join(self, position: int, piece: _Piece, moved: list[int]) -> None:
        host = self.pieces[position]
        assert isinstance(host.node, Loop) and isinstance(piece.node, Loop)
        body = (*host.node.body, *_renamed(piece.node, host.node.index))
        joined = replace(host.node, body=body)
        rest = [p for k, p in enumerate(self.pieces) if k > position and k not in moved]
        self.pieces[position:] = [
            *(self.pieces[k] for k in moved),
            _Piece(host.nest, (*host.formulas, *piece.formulas), joined),
            *rest,
        ]


def _is_outer(node: Node) -> bool:
    """A plain loop around loops over the rows of the tile."""
    return (
        isinstance(node, Loop)
        and not (node.tile or node.lower or node.upper or node.reverse)
        and node.step == node.start_after == 1
        and _holds_rows(node.body)
    )


def _holds_rows(nodes: tuple[Node, ...]) -> bool:
    return any(isinstance(node, Loop) and (node.tile or _holds_rows(node.body)) for node in nodes)


def _hand_on(first: _Piece, second: _Piece, scratch: Collection[str]) -> bool:
    """Whether runs of two loops can alternate, and share some scratch that is in step.

    Whatever one of them writes and the other touches must lie at the loop's own index, the same
    axis in both.
    """
    assert isinstance(first.node, Loop) and isinstance(second.node, Loop)
    earlier, later = _by_array(first.touched), _by_array(second.touched)
    index, other = first.node.index, second.node.index
    shared = False
    for name in earlier.keys() & later.keys():
        written = any(t.written for t in (*earlier[name], *later[name]))
        steps = _axes_in_step(earlier[name], index) & _axes_in_step(later[name], other)
        local = not any(t.element.subscripts for t in earlier[name])
        if written and not steps and not local:
            return False
        shared |= bool(steps) and name in scratch
    return shared


def _by_array(found: Iterable[Touch]) -> dict[str, list[Touch]]:
    arrays: dict[str, list[Touch]] = {}
    for touch in found:
        arrays.setdefault(touch.element.array, []).append(touch)
    return arrays


def _axes_in_step(found: list[Touch], index: str) -> set[int]:
    """Axes at which every touch has the loop's index itself."""
    axes: set[int] | None = None
    for touch in found:
        own = {
            position
            for position, subscript in enumerate(touch.element.subscripts)
            if isinstance(subscript, Affine) and subscript.single_index == index
        }
        axes = own if axes is None else axes & own
    return axes or set()


def _renamed(node: Loop, index: str) -> tuple[Node, ...]:
    """The body of a loop under another index; an inner loop of that name takes the old one."""
    if node.index == index:
        return node.body
    return map_subscripts(node.body, {node.index: index, index: node.index})


# --- scratch -------------------------------------------------------------------------------------


def _recompute_cheap(pieces: list[_Piece], users: list[int], name: str) -> bool:
    """Copies the loops that compute cheap scratch to the head of each other loop that reads it.

    Only if such a loop wrote it at its own index, from nothing but what is still there.
    """
    if len(users) < 2 or not all(pieces[k].is_outer for k in users):
        return False
    first = pieces[users[0]].node
    assert isinstance(first, Loop)
    makers = [n for n in first.body if any(_writes(t, name) for t in touches([n]))]
    if len(makers) != 1 or not _is_cheap(makers[0], name):
        return False
    if not _can_repeat(makers[0], name, [pieces[k] for k in users], pieces[users[0] :]):
        return False
    for k in users[1:]:
        loop = pieces[k].node
        assert isinstance(loop, Loop)
        copy = _renamed(replace(first, body=(makers[0],)), loop.index)
        pieces[k] = replace(pieces[k], node=replace(loop, body=(*copy, *loop.body)))
    return True


def _can_repeat(maker: Node, name: str, users: list[_Piece], pieces: list[_Piece]) -> bool:
    """Whether the scratch is only written by its maker, in step, from what nobody changes."""
    axes: set[int] | None = None
    for user in users:
        assert isinstance(user.node, Loop)
        own = [t for t in user.touched if t.element.array == name]
        found = _axes_in_step(own, user.node.index)
        axes = found if axes is None else axes & found
    writes = [t for user in users for t in user.touched if _writes(t, name)]
    if not axes or len(writes) != 1:
        return False
    read = {t.element.array for t in touches([maker]) if not t.written}
    changed = {t.element.array for p in pieces for t in p.touched if t.written}
    return not read & changed


def _is_cheap(node: Node, name: str) -> bool:
    """Whether a node is loops around one short block that writes nothing but one array."""
    while isinstance(node, Loop) and len(node.body) == 1:
        (node,) = node.body
    if not isinstance(node, Block) or len(node.effects) != 1:
        return False
    plain = all(o.name in ARITHMETIC and o.name != "local" for o in node.operations)
    return plain and len(node.operations) <= CHEAP


def _writes(touch: Touch, name: str) -> bool:
    return touch.written and touch.element.array == name


def _touches_array(node: Node, name: str) -> bool:
    return any(touch.element.array == name for touch in touches([node]))


def _droppable_axis(users: list[_Piece], name: str) -> int | None:
    """The axis that scratch does not need: all that touch it are outer loops, at their own index.

    Each of these loops must write it before it reads it.
    """
    axes: set[int] | None = None
    for user in users:
        if not isinstance(user.node, Loop) or not user.is_outer:
            return None
        first = next(node for node in user.node.body if _touches_array(node, name))
        if not _assigns((first,), name):
            return None
        own = [t for t in user.touched if t.element.array == name]
        steps = _axes_in_step(own, user.node.index)
        axes = steps if axes is None else axes & steps
    return min(axes) if axes else None


def _assigns(nodes: tuple[Node, ...], name: str) -> bool:
    """Whether loops over whole extents assign to an array, and neither read it nor add to it."""
    for node in nodes:
        found = [t for t in touches([node]) if t.element.array == name]
        if not found:
            continue
        if isinstance(node, Block):
            added = any(_is_added(effect, name) for effect in node.effects)
            if added or not all(touch.written for touch in found):
                return False
        elif (
            not isinstance(node, Loop) or node.lower or node.upper or not _assigns(node.body, name)
        ):
            return False
    return True


def _is_whole(loop: Loop) -> bool:
    return not (loop.lower or loop.upper)


def _is_added(effect: Store | Fold, name: str) -> bool:
    """Whether an effect changes what an array holds."""
    target = effect.target if isinstance(effect, Store) else effect.local
    own = isinstance(target, Element) and target.array == name
    return own and (isinstance(effect, Fold) or effect.add)


def _without_axis(piece: _Piece, name: str, position: int) -> _Piece:
    def rule(element: Element) -> Element:
        if element.array != name:
            return element
        subscripts = element.subscripts
        return Element(name, (*subscripts[:position], *subscripts[position + 1 :]))

    (node,) = map_subscripts((piece.node,), {}, rule)
    return replace(piece, node=node)


def _with_inner_loops_joined(piece: _Piece) -> _Piece:
    assert isinstance(piece.node, Loop)
    return replace(piece, node=replace(piece.node, body=fuse_inner_loops(piece.node.body)))


def _as_nests(pieces: list[_Piece]) -> tuple[Nest, ...]:
    """Neighbouring nodes of a nest together again, below the formulas that begin there."""
    nests: list[tuple[int, list[str], list[Node]]] = []
    for piece in pieces:
        if not nests or nests[-1][0] != piece.nest:
            nests.append((piece.nest, [], []))
        nests[-1][1].extend(piece.formulas)
        nests[-1][2].append(piece.node)
    return tuple(("\n".join(formulas), tuple(nodes)) for _, formulas, nodes in nests)
