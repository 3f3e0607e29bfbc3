"""Loops inside one outer loop that run over the same axes made one.

    for i:                                        for i:
        for k: for j: a[k,j] = x[k,j] − m[i,k]        for k:
        for k: for j: b[k,j] = t[i,k]·a[k,j]  ->          for j: a[k,j] = v = x[k,j] − m[i,k]
        for k: s[i,k] += Σ_j a[k,j]·b[k,j]                       b[k,j] = w = t[i,k]·v;  Σ v·w
                                                          s[i,k] += the sum

What one of them hands to the next stays in a register, and what they all read is loaded once. Only
straight-line bodies are joined, whose arrays every run touches at its own place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from symgrad.schedule.frozen import Element, Operation, indices_of
from symgrad.schedule.jamming import hoist_invariants
from symgrad.schedule.loops import Block, Declare, Fold, Local, Loop, Node, Store
from symgrad.schedule.pool import OperationPool
from symgrad.schedule.splitting import MOST_PAIRS
from symgrad.schedule.terms import ARITHMETIC
from symgrad.schedule.touches import conflict, free_locals, locals_of, map_subscripts, touches

__all__ = ["fuse_inner_loops"]

LONGEST_BODY = 24  # operations of a joined body; more spill registers


def fuse_inner_loops(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The body of an outer loop with its inner loops over the same axes joined."""
    result: list[Node] = []
    for node in nodes:
        joined = _join_last(result, node)
        if joined is None:
            result.append(node)
        else:
            result = joined
    kept = {id(node) for node in nodes}
    return tuple(
        part
        for node in result
        for part in ((node,) if id(node) in kept else hoist_invariants((node,)))
    )


def _join_last(before: Sequence[Node], node: Node) -> list[Node] | None:
    """The nodes with one more as part of the last loop that it can join; None if there is none."""
    later = _parse(node)
    if later is None:
        return None
    for position in reversed(range(len(before))):
        earlier = _parse(before[position])
        joined = _joined(earlier, later) if earlier else None
        if joined is None:
            continue
        between = before[position + 1 :]
        passed = list(touches(between))
        if not conflict(touches([before[position]]), passed):
            return [*before[:position], *between, joined]
        if not conflict(passed, touches([node])):
            return [*before[:position], joined, *between]
    return None


@dataclass(frozen=True, slots=True)
class _Nest:
    """Two loops around one block, with locals declared before the inner one and used after it."""

    outer: Loop
    inner: Loop
    declared: tuple[Declare, ...]
    block: Block
    after: tuple[Block, ...]

    @property
    def node(self) -> Loop:
        inner = replace(self.inner, body=(self.block,))
        return replace(self.outer, body=(*self.declared, inner, *self.after))


def _parse(node: Node) -> _Nest | None:
    if not isinstance(node, Loop) or not _is_plain(node):
        return None
    declared = tuple(n for n in node.body if isinstance(n, Declare))
    loops = [n for n in node.body if isinstance(n, Loop)]
    after = tuple(n for n in node.body if isinstance(n, Block))
    if len(loops) != 1 or node.body != (*declared, loops[0], *after):
        return None
    (inner,) = loops
    if not _is_plain(inner) or len(inner.body) != 1 or not isinstance(inner.body[0], Block):
        return None
    return _Nest(node, inner, declared, inner.body[0], after)


def _is_plain(loop: Loop) -> bool:
    bounded = loop.lower or loop.upper or loop.reverse or loop.lanes
    return not bounded and loop.step == loop.start_after == 1


def _joined(first: _Nest, second: _Nest) -> Loop | None:
    """Two nests as one, if their runs can alternate and the body stays short."""
    headers = [(a.extent, a.tile) for a in (first.outer, first.inner)]
    if headers != [(b.extent, b.tile) for b in (second.outer, second.inner)]:
        return None
    renamed = _named_like(second, first)
    if renamed is None or not _in_step(first, renamed):
        return None
    if _calls(first.block) and _calls(renamed.block):
        return None
    block = _one_block(first.block, renamed.block)
    if block is None or len(block.operations) > LONGEST_BODY or _pairs(block) > MOST_PAIRS:
        return None
    declared, after = (*first.declared, *renamed.declared), (*first.after, *renamed.after)
    return _Nest(first.outer, first.inner, declared, block, after).node


def _named_like(second: _Nest, first: _Nest) -> _Nest | None:
    """A nest with the indices of another, and locals that the other does not have."""
    names = {
        second.outer.index: first.outer.index,
        second.inner.index: first.inner.index,
    }
    if free_locals([first.node]) or free_locals([second.node]):
        return None
    nodes = map_subscripts((second.node,), {**{new: old for old, new in names.items()}, **names})
    taken = set(locals_of([first.node]))
    fresh: dict[str, str] = {}
    for name in locals_of(nodes):
        new = name
        while new in taken:
            new += "_"
        fresh[name] = new
        taken.add(new)
    return _parse(_with_locals(nodes[0], fresh))


def _with_locals(node: Node, names: dict[str, str]) -> Node:
    """A node with its locals renamed."""
    if isinstance(node, Declare):
        return replace(node, local=replace(node.local, name=names[node.local.name]))
    if isinstance(node, Block):
        operations = tuple(
            replace(o, value=names[str(o.value)]) if o.name == "local" else o
            for o in node.operations
        )
        return Block(operations, tuple(_effect_with(effect, names) for effect in node.effects))
    assert isinstance(node, Loop)
    return replace(node, body=tuple(_with_locals(n, names) for n in node.body))


def _effect_with(effect: Store | Fold, names: dict[str, str]) -> Store | Fold:
    def renamed(target: Element | Local) -> Element | Local:
        return replace(target, name=names[target.name]) if isinstance(target, Local) else target

    if isinstance(effect, Store):
        return replace(effect, target=renamed(effect.target))
    position = effect.position and renamed(effect.position)
    return replace(effect, local=renamed(effect.local), position=position)


def _in_step(first: _Nest, second: _Nest) -> bool:
    """Whether what one nest writes and the other touches lies at the place of both loops' run."""
    elements: dict[str, set[Element]] = {}
    written: set[str] = set()
    sides = [list(touches([nest.node])) for nest in (first, second)]
    shared = {t.element.array for t in sides[0]} & {t.element.array for t in sides[1]}
    for touch in (*sides[0], *sides[1]):
        if touch.element.array in shared:
            elements.setdefault(touch.element.array, set()).add(touch.element)
            written |= {touch.element.array} if touch.written else set()
    wanted = {first.outer.index, first.inner.index}
    return all(
        len(elements[name]) == 1 and wanted <= set(indices_of(next(iter(elements[name]))))
        for name in written
    )


def _calls(block: Block) -> bool:
    return any(operation.name not in ARITHMETIC for operation in block.operations)


def _one_block(first: Block, second: Block) -> Block | None:
    """Both blocks, the second with the values that the first has just stored."""
    pool = OperationPool()
    numbers = _numbered(first.operations, pool, {})
    effects: list[Store | Fold] = []
    stored: dict[Element, int] = {}
    for effect in first.effects:
        effects.append(replace(effect, value=numbers[effect.value]))
        target = effect.target if isinstance(effect, Store) else effect.local
        if isinstance(target, Element):
            if isinstance(effect, Fold) or effect.add:
                if any(operation.value == target for operation in second.operations):
                    return None
            else:
                stored[target] = numbers[effect.value]
    numbers = _numbered(second.operations, pool, stored)
    effects += [replace(effect, value=numbers[effect.value]) for effect in second.effects]
    return Block(tuple(pool.operations), tuple(effects))


def _numbered(
    operations: Iterable[Operation], pool: OperationPool, stored: dict[Element, int]
) -> list[int]:
    numbers: list[int] = []
    for operation in operations:
        if operation.name == "load" and operation.value in stored:
            numbers.append(stored[operation.value])
            continue
        operands = tuple(numbers[k] for k in operation.operands)
        numbers.append(pool.number(replace(operation, operands=operands)))
    return numbers


def _pairs(block: Block) -> int:
    """Pairs of a store and another access, which a compiler tests for overlap."""
    stores = {
        effect.target
        for effect in block.effects
        if isinstance(effect, Store) and isinstance(effect.target, Element)
    }
    loads = {o.value for o in block.operations if isinstance(o.value, Element)}
    return len(stores) * len(loads | stores)
