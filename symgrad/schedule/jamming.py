"""Unroll-and-jam: several runs of an outer loop share one run of the loops inside it.

    for j: for k: c[j,k] += a[j]·b[k]     ->     for j by 4: for k: c[j..j+3,k] += a[j..j+3]·b[k]

An element that does not depend on j is then loaded once for four uses, and sums over j need one
store for four additions. What is left over runs in a plain loop behind.

A triangle is cut into pairs of rows: what both have in common is jammed, the one element that the
longer row has beside it follows.

    for k: for l < k: c[k] += a[k,l]·b[l]
    ->  for k by 2:  for l < k: c[k..k+1] += a[k..k+1,l]·b[l];  c[k+1] += a[k+1,k]·b[k]
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


def jam(nodes: tuple[Node, ...], factors: Sequence[tuple[str, int]]) -> tuple[Node, ...]:
    """The nest with each of the named loops, outermost first, unrolled and jammed by its factor.

    A loop on whose index an inner condition depends is left as it is.
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
            body = jam(_copies(node.body, node.index, factor, _declared(node.body)), rest)
            result.append(replace(node, body=body, step=factor))
            bounded = bool(node.lower or node.upper)
            if bounded or not node.extent.isdigit() or int(node.extent) % factor:
                result.append(replace(node, start_after=factor))
            continue
        pair = _paired_rows(node, rest) if factor > 1 else None
        if pair is not None:
            result += [replace(node, body=pair, step=2), replace(node, start_after=2)]
        else:
            result.append(replace(node, body=jam(node.body, rest)))
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


def _paired_rows(loop: Loop, factors: Sequence[tuple[str, int]]) -> tuple[Node, ...] | None:
    """The body of a loop over pairs of rows of a triangle; None if the loop holds no triangle."""
    if loop.lower or loop.upper or loop.reverse or loop.step != 1 or len(loop.body) != 1:
        return None
    (inner,) = loop.body
    if not isinstance(inner, Loop) or inner.tile or inner.reverse:
        return None
    bounds = (*inner.lower, *inner.upper)
    if len(bounds) != 1 or not bounds[0].certain or bounds[0].value.coefficient(loop.index) != 1:
        return None
    if _bounds_depend(inner.body, loop.index) or _bounds_depend(inner.body, inner.index):
        return None
    value, grows = bounds[0].value, bool(inner.upper)
    next_value = shift_subscript(value, {loop.index: 1})
    assert isinstance(next_value, Affine)
    common = replace(
        inner,
        lower=() if grows else (Bound(next_value, certain=True),),
        body=_copies(inner.body, loop.index, 2, _declared(inner.body)),
    )
    body = _moved(inner.body, loop.index) if grows else inner.body
    return (*jam((common,), factors), Bind(inner.index, value, inner.extent, True, body))


def _moved(nodes: tuple[Node, ...], index: str) -> tuple[Node, ...]:
    """One run of the loop over `index`, the next one."""
    result: list[Node] = []
    for node in nodes:
        if isinstance(node, Loop):
            result.append(replace(node, body=_moved(node.body, index)))
        elif isinstance(node, Block):
            operations = tuple(shift_operation(op, {index: 1}) for op in node.operations)
            effects = tuple(_moved_effect(effect, index) for effect in node.effects)
            result.append(Block(operations, effects))
        else:
            result.append(node)
    return tuple(result)


def _moved_effect(effect: Store | Fold, index: str) -> Store | Fold:
    if isinstance(effect, Fold):
        return replace(effect, local=_copied_target(effect.local, index, 1, set()))
    return replace(effect, target=_copied_target(effect.target, index, 1, set()))


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


def _copies(nodes: tuple[Node, ...], index: str, factor: int, own: set[str]) -> tuple[Node, ...]:
    result: list[Node] = []
    for node in nodes:
        if isinstance(node, Loop):
            result.append(replace(node, body=_copies(node.body, index, factor, own)))
        elif isinstance(node, Declare):
            for shift in range(factor):
                result.append(replace(node, local=_local_copy(node.local, index, shift, own)))
        elif isinstance(node, Block):
            result.append(_jammed_block(node, index, factor, own))
    return tuple(result)


def _local_copy(local: Local, index: str, shift: int, own: set[str]) -> Local:
    if shift == 0 or local.name not in own:
        return local
    return Local(f"{local.name}_{index}{shift}", local.dtype)


def _jammed_block(block: Block, index: str, factor: int, own: set[str]) -> Block:
    """All copies of a block in one, equal loads shared, additions to one place joined."""
    pool = OperationPool()
    effects: list[Store | Fold] = []
    sums: dict[Element | Local, int] = {}
    for shift in range(factor):
        numbers: list[int] = []
        for operation in block.operations:
            moved = _copied_operation(operation, index, shift, own)
            operands = tuple(numbers[k] for k in moved.operands)
            numbers.append(pool.number(replace(moved, operands=operands)))
        for effect in block.effects:
            value = numbers[effect.value]
            if isinstance(effect, Fold):
                position = effect.position and _local_copy(effect.position, index, shift, own)
                local = _copied_target(effect.local, index, shift, own)
                effects.append(replace(effect, local=local, position=position, value=value))
                continue
            target = _copied_target(effect.target, index, shift, own)
            if not effect.add or target not in sums:
                sums[target] = len(effects)
                effects.append(replace(effect, target=target, value=value))
                continue
            earlier = effects[sums[target]]
            dtype = pool.operations[value].dtype
            total = pool.number(Operation("add", (earlier.value, value), dtype))
            effects[sums[target]] = replace(earlier, value=total)
    return Block(tuple(pool.operations), tuple(effects))


def _copied_operation(operation: Operation, index: str, shift: int, own: set[str]) -> Operation:
    if operation.name == "local" and shift and operation.value in own:
        return replace(operation, value=f"{operation.value}_{index}{shift}")
    return shift_operation(operation, {index: shift})


def _copied_target(
    target: Element | Local, index: str, shift: int, own: set[str]
) -> Element | Local:
    if isinstance(target, Local):
        return _local_copy(target, index, shift, own)
    moved = shift_subscript(target, {index: shift})
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
