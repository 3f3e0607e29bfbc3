"""Unroll-and-jam: several runs of an outer loop share one run of the loops inside it.

    for j: for k: c[j,k] += a[j]·b[k]     ->     for j by 4: for k: c[j..j+3,k] += a[j..j+3]·b[k]

An element that does not depend on j is then loaded once for four uses, and sums over j need one
store for four additions. What is left over runs in a plain loop behind.

A triangle is cut into groups of rows: what all rows of a group have in common is jammed, the few
elements that the longer rows have beside it follow.

    for k: for l < k: c[k] += a[k,l]·b[l]
    ->  for k by 2:  for l < k: c[k..k+1] += a[k..k+1,l]·b[l];  c[k+1] += a[k+1,k]·b[k]

The rows that make no group are the shortest ones: the first where rows grow, else the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.schedule.frozen import Affine, Element, Operation, indices_of
from symgrad.schedule.loops import (
    Bind,
    Block,
    Bound,
    Declare,
    Fold,
    Local,
    Loop,
    Node,
    Store,
    When,
)
from symgrad.schedule.pool import OperationPool, shift_operation, shift_subscript

__all__ = ["hoist_invariants", "jam"]

# How far each loop index is moved in one of several runs that are done as one.
Shifts = dict[str, int]


def jam(
    nodes: tuple[Node, ...], factors: Sequence[tuple[str, int]], rows: int = 2
) -> tuple[Node, ...]:
    """The nest with each of the named loops, outermost first, unrolled and jammed by its factor.

    A loop on whose index an inner condition depends is left as it is, unless it is that over the
    rows of a triangle, which are taken in groups of `rows`.
    """
    result: list[Node] = []
    for node in nodes:
        if not isinstance(node, Loop):
            result.append(node)
            continue
        wanted = next((f for index, f in factors if index == node.index), 1)
        factor = _fitting(wanted, node.extent)
        rest = [(index, f) for index, f in factors if index != node.index]
        if factor > 1 and _can_jam(node):
            body = jam(_copies(node.body, _runs(node.index, factor)), rest, rows)
            result.append(replace(node, body=body, step=factor))
            bounded = bool(node.lower or node.upper)
            if bounded or not node.extent.isdigit() or int(node.extent) % factor:
                result.append(replace(node, start_after=factor))
            continue
        grouped = _grouped_rows(node, rows, rest) if wanted > 1 else None
        if grouped is not None:
            result += grouped
        else:
            result.append(replace(node, body=jam(node.body, rest, rows)))
    return tuple(result)


def _fitting(factor: int, extent: str) -> int:
    """The factor, or for a literal extent the largest up to it that leaves nothing over."""
    if factor == 1 or not extent.isdigit():
        return factor
    divisors = [f for f in range(2, factor + 1) if int(extent) % f == 0]
    return max(divisors, default=factor if int(extent) > factor else 1)


def _can_jam(loop: Loop) -> bool:
    """A bound must lie within the extent, since the runs are counted from it."""
    bounds = (*loop.lower, *loop.upper)
    if len(bounds) > 1 or not all(bound.certain for bound in bounds) or (bounds and loop.tile):
        return False
    if loop.reverse or loop.step != 1:
        return False
    return not _bounds_depend(loop.body, loop.index)


def _grouped_rows(
    loop: Loop, factor: int, factors: Sequence[tuple[str, int]]
) -> tuple[Node, ...] | None:
    """The loop over groups of rows of a triangle, and the one over what is left; else None."""
    if loop.lower or loop.upper or loop.reverse or loop.step != 1 or len(loop.body) != 1:
        return None
    (inner,) = loop.body
    if not isinstance(inner, Loop) or inner.tile or inner.reverse:
        return None
    bounds = (*inner.lower, *inner.upper)
    if len(bounds) != 1 or not _is_diagonal(bounds[0], loop.index):
        return None
    if _bounds_depend(inner.body, loop.index) or _bounds_depend(inner.body, inner.index):
        return None
    value, grows = bounds[0].value, bool(inner.upper)
    end = shift_subscript(value, {loop.index: factor - 1})
    assert isinstance(end, Affine)
    common = replace(
        inner,
        lower=() if grows else (Bound(end, certain=True),),
        body=_copies(inner.body, _runs(loop.index, factor)),
    )
    corner = [
        {loop.index: row, inner.index: column}
        for row in range(factor)
        for column in range(factor - 1)
        if (column < row if grows else column >= row)
    ]
    beside = Bind(inner.index, value, inner.extent, True, _copies(inner.body, corner))
    group = (*jam((common,), factors), beside)
    groups = replace(loop, body=group, step=factor, rest_first=grows)
    rest = replace(loop, start_after=factor, rest_first=grows)
    return (rest, groups) if grows else (groups, rest)


def _is_diagonal(bound: Bound, index: str) -> bool:
    """Whether a bound is the row's own number or the next, so that all of a group are inside."""
    value = bound.value
    return bound.certain and value.terms == ((index, 1),) and value.rest in ("0", "1")


def _bounds_depend(nodes: tuple[Node, ...], index: str) -> bool:
    for node in nodes:
        if isinstance(node, (Bind, When)):
            return True
        if isinstance(node, Loop):
            bounds = (*node.lower, *node.upper)
            if any(index in indices_of(bound.value) for bound in bounds):
                return True
            if _bounds_depend(node.body, index):
                return True
    return False


def _declared(nodes: tuple[Node, ...]) -> set[str]:
    """Locals that live inside one run of the loop: each copy needs its own."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Declare):
            found.add(node.local.name)
        elif isinstance(node, Loop):
            found |= _declared(node.body)
    return found


def _runs(index: str, count: int) -> list[Shifts]:
    return [{index: shift} for shift in range(count)]


def _copies(nodes: tuple[Node, ...], runs: Sequence[Shifts]) -> tuple[Node, ...]:
    """Several runs of the loops around some nodes as one."""
    return _copied_nodes(nodes, runs, _declared(nodes))


def _copied_nodes(
    nodes: tuple[Node, ...], runs: Sequence[Shifts], own: set[str]
) -> tuple[Node, ...]:
    result: list[Node] = []
    for node in nodes:
        if isinstance(node, Loop):
            result.append(replace(node, body=_copied_nodes(node.body, runs, own)))
        elif isinstance(node, Declare):
            for shifts in runs:
                result.append(replace(node, local=_local_copy(node.local, shifts, own)))
        elif isinstance(node, Block):
            result.append(_jammed_block(node, runs, own))
    return tuple(result)


def _suffix(shifts: Shifts) -> str:
    return "".join(f"_{index}{shift}" for index, shift in shifts.items() if shift)


def _local_copy(local: Local, shifts: Shifts, own: set[str]) -> Local:
    if local.name not in own:
        return local
    return replace(local, name=f"{local.name}{_suffix(shifts)}")


def _jammed_block(block: Block, runs: Sequence[Shifts], own: set[str]) -> Block:
    """All copies of a block in one, equal loads shared, additions to one place joined."""
    pool = OperationPool()
    effects: list[Store | Fold] = []
    sums: dict[Element | Local, int] = {}
    for shifts in runs:
        numbers: list[int] = []
        for operation in block.operations:
            moved = _copied_operation(operation, shifts, own)
            operands = tuple(numbers[k] for k in moved.operands)
            numbers.append(pool.number(replace(moved, operands=operands)))
        for effect in block.effects:
            value = numbers[effect.value]
            if isinstance(effect, Fold):
                position = effect.position and _copied_target(effect.position, shifts, own)
                local = _copied_target(effect.local, shifts, own)
                effects.append(replace(effect, local=local, position=position, value=value))
                continue
            target = _copied_target(effect.target, shifts, own)
            if not effect.add or target not in sums:
                sums[target] = len(effects)
                effects.append(replace(effect, target=target, value=value))
                continue
            earlier = effects[sums[target]]
            dtype = pool.operations[value].dtype
            total = pool.number(Operation("add", (earlier.value, value), dtype))
            effects[sums[target]] = replace(earlier, value=total)
    return Block(tuple(pool.operations), tuple(effects))


def _copied_operation(operation: Operation, shifts: Shifts, own: set[str]) -> Operation:
    if operation.name == "local" and operation.value in own:
        return replace(operation, value=f"{operation.value}{_suffix(shifts)}")
    return shift_operation(operation, shifts)


def _copied_target(target: Element | Local, shifts: Shifts, own: set[str]) -> Element | Local:
    if isinstance(target, Local):
        return _local_copy(target, shifts, own)
    moved = shift_subscript(target, shifts)
    assert isinstance(moved, Element)
    return moved


# --- invariants ----------------------------------------------------------------------------------


def hoist_invariants(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Loads that an innermost loop repeats are done once before it.

    The compiler cannot do it: for all it knows a store in the loop may change what is loaded.
    """
    result: list[Node] = []
    for node in nodes:
        if isinstance(node, (Loop, Bind, When)):
            inner = hoist_invariants(node.body)
            node = replace(node, body=inner)
            if isinstance(node, Loop) and len(inner) == 1 and isinstance(inner[0], Block):
                before, body = _split_block(inner[0], node.index)
                result.extend(before)
                node = replace(node, body=(body,))
        result.append(node)
    return tuple(result)


def _split_block(block: Block, index: str) -> tuple[list[Node], Block]:
    """Assignments of the loads that do not depend on `index`, and the block that uses them."""
    before: list[Node] = []
    operations: list[Operation] = []
    written = {
        e.target.array
        for e in block.effects
        if isinstance(e, Store) and isinstance(e.target, Element)
    }
    for operation in block.operations:
        value = operation.value
        fixed = (
            operation.name == "load"
            and isinstance(value, Element)
            and bool(value.subscripts)
            and index not in indices_of(value)
            and value.array not in written
        )
        if fixed:
            assert isinstance(value, Element)
            local = Local(f"{value.array}_here{len(before) or ''}", operation.dtype)
            before.append(Block((operation,), (Store(local, 0),)))
            operation = Operation("local", (), operation.dtype, local.name)
        operations.append(operation)
    return before, replace(block, operations=tuple(operations))
