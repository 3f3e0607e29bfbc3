"""Angles beyond 2^46: which nests meet them, found out before the nest runs.

    far = 0
    for i in range(n):
        far += 2^46 < |x[i]|
    if far: the nest with functions that take every angle, one number at a time
    else:   the nest with vector functions

Vector functions would have to look the digits of 2/pi up in a table for each angle, at twice the
time. Looking at the angles first costs a load and a comparison of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symgrad.schedule.frozen import Element, Operation
from symgrad.schedule.loops import Bind, Block, Declare, Fold, Local, Loop, Node, Store, When
from symgrad.schedule.terms import reachable

__all__ = ["FAR", "calls_angular", "count_far_angles"]

FAR = Local("far", "int64")
_LIMIT = 2.0**46
_ANGULAR = frozenset(["sin", "cos", "tan", "sinc", "versine", "spherical_bessel"])


def calls_angular(nodes: tuple[Node, ...]) -> bool:
    """Whether some nodes hold a function of an angle."""
    return any(op.name in _ANGULAR for block in _blocks(nodes) for op in block.operations)


def count_far_angles(nodes: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """Loops that count the angles beyond 2^46 in `FAR`; None if only the nest itself knows them.

    That is so where an angle is read from what the nest stores or keeps in a local, and where there
    is no loop.
    """
    stored = {e.target.array for e in _effects(nodes) if isinstance(e.target, Element)}
    angles = [o for block in _blocks(nodes) for angle in _angles(block) for o in angle]
    for operation in angles:
        value = operation.value
        if operation.name == "local" or (isinstance(value, Element) and value.array in stored):
            return None
    counted = tuple(found for node in nodes for found in _count(node))
    return counted if all(isinstance(node, Loop) for node in counted) else None


def _count(node: Node) -> tuple[Node, ...]:
    """A node with its blocks replaced by counts, and without what holds none."""
    if isinstance(node, (Loop, Bind, When)):
        body = tuple(found for inner in node.body for found in _count(inner))
        return (replace(node, body=body),) if body else ()
    if not isinstance(node, Block):
        return ()
    return tuple(dict.fromkeys(_counting(angle) for angle in _angles(node)))


def _counting(angle: tuple[Operation, ...]) -> Block:
    """FAR += limit < |angle|."""
    last = len(angle) - 1
    operations = (
        *angle,
        Operation("absolute", (last,), angle[-1].dtype),
        Operation("constant", (), "float64", _LIMIT),
        Operation("less", (last + 2, last + 1), "bool"),
    )
    return Block(operations, (Store(FAR, last + 3, add=True),))


def _angles(block: Block) -> list[tuple[Operation, ...]]:
    """The operations of each angle in a block."""
    return [
        reachable(block.operations, operation.operands[0])
        for operation in block.operations
        if operation.name in _ANGULAR
    ]


def _blocks(nodes: tuple[Node, ...]) -> Iterator[Block]:
    for node in nodes:
        if isinstance(node, Block):
            yield node
        elif not isinstance(node, Declare):
            yield from _blocks(node.body)


def _effects(nodes: tuple[Node, ...]) -> Iterator[Store]:
    for block in _blocks(nodes):
        for effect in block.effects:
            if isinstance(effect, Fold):
                yield Store(effect.local, effect.value)
            else:
                yield effect
