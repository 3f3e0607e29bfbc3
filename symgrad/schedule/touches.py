"""Which array elements and locals loop nests read and write, and nests with indices renamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from symgrad.schedule.frozen import Affine, Element, FrozenGuard, Operation, Subscript
from symgrad.schedule.loops import (
    Bind,
    Block,
    Bound,
    Declare,
    FlatLoop,
    Fold,
    Local,
    Loop,
    Node,
    Segment,
    Store,
    When,
)

__all__ = ["Touch", "conflict", "free_locals", "locals_of", "map_subscripts", "touches"]


@dataclass(frozen=True, slots=True)
class Touch:
    """One element that is read or written; of a local the subscripts are empty."""

    element: Element
    written: bool


def touches(nodes: Iterable[Node]) -> Iterator[Touch]:
    """Every element and local that some nodes read or write, those in subscripts included."""
    for node in nodes:
        if isinstance(node, Block):
            for operation in node.operations:
                if isinstance(operation.value, Element):
                    yield from _reads(operation.value)
                elif operation.name == "local":
                    yield Touch(Element(str(operation.value), ()), False)
            for effect in node.effects:
                yield from _writes(effect)
        elif isinstance(node, Declare):
            yield Touch(Element(node.local.name, ()), True)
        else:
            yield from _conditions(node)
            yield from touches(node.body)


def _conditions(node: Loop | FlatLoop | Segment | Bind | When) -> Iterator[Touch]:
    if isinstance(node, Bind):
        yield from _reads(node.value)
    elif isinstance(node, When):
        for guard in node.guards:
            yield from _reads(guard.left)
            yield from _reads(guard.right)


def _writes(effect: Store | Fold) -> Iterator[Touch]:
    targets = [effect.target if isinstance(effect, Store) else effect.local]
    if isinstance(effect, Fold) and effect.position is not None:
        targets.append(effect.position)
    for target in targets:
        if isinstance(target, Local):
            yield Touch(Element(target.name, ()), True)
        else:
            yield Touch(target, True)
            for subscript in target.subscripts:
                yield from _reads(subscript)


def _reads(subscript: Subscript) -> Iterator[Touch]:
    if isinstance(subscript, Element):
        yield Touch(subscript, False)
        for inner in subscript.subscripts:
            yield from _reads(inner)


def locals_of(nodes: Iterable[Node]) -> dict[str, str]:
    """The locals that some nodes write, with their types."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, Declare):
            found[node.local.name] = node.local.dtype
        elif isinstance(node, Block):
            for effect in node.effects:
                target = effect.target if isinstance(effect, Store) else effect.local
                if isinstance(target, Local):
                    found[target.name] = target.dtype
        else:
            found |= locals_of(node.body)
    return found


def free_locals(nodes: Iterable[Node]) -> set[str]:
    """Locals that some nodes read or add to, and that were set before them."""
    nodes = tuple(nodes)
    return (_read_locals(nodes) | set(locals_of(nodes))) - _set_locals(nodes)


def _read_locals(nodes: Iterable[Node]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Block):
            found |= {str(o.value) for o in node.operations if o.name == "local"}
        elif not isinstance(node, Declare):
            found |= _read_locals(node.body)
    return found


def _set_locals(nodes: Iterable[Node]) -> set[str]:
    """Locals that are declared or assigned."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Declare):
            found.add(node.local.name)
        elif isinstance(node, Block):
            for effect in node.effects:
                if (
                    isinstance(effect, Store)
                    and isinstance(effect.target, Local)
                    and not effect.add
                ):
                    found.add(effect.target.name)
        else:
            found |= _set_locals(node.body)
    return found


def conflict(first: Iterable[Touch], second: Iterable[Touch]) -> bool:
    """Whether the order of two pieces of code matters: they share an array and one writes it."""
    earlier: dict[str, bool] = {}
    for touch in first:
        earlier[touch.element.array] = earlier.get(touch.element.array, False) or touch.written
    return any(
        touch.element.array in earlier and (touch.written or earlier[touch.element.array])
        for touch in second
    )


def map_subscripts(
    nodes: tuple[Node, ...],
    indices: dict[str, str],
    element: Callable[[Element], Element] | None = None,
) -> tuple[Node, ...]:
    """The nodes with loop indices renamed, and each element then changed by a rule."""
    return _Mapper(indices, element).nodes(nodes)


class _Mapper:
    def __init__(
        self, indices: dict[str, str], element: Callable[[Element], Element] | None
    ) -> None:
        self.indices = indices
        self.rule = element

    def nodes(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(self._node(node) for node in nodes)

    def _node(self, node: Node) -> Node:
        if isinstance(node, Declare):
            return node
        if isinstance(node, Block):
            operations = tuple(self._operation(operation) for operation in node.operations)
            return Block(operations, tuple(self._effect(effect) for effect in node.effects))
        body = self.nodes(node.body)
        if isinstance(node, Loop):
            return replace(
                node,
                index=self._name(node.index),
                lower=tuple(self._bound(bound) for bound in node.lower),
                upper=tuple(self._bound(bound) for bound in node.upper),
                body=body,
            )
        if isinstance(node, Bind):
            value = self._subscript(node.value)
            return replace(node, index=self._name(node.index), value=value, body=body)
        if isinstance(node, When):
            guards = tuple(
                FrozenGuard(self._subscript(g.left), g.relation, self._subscript(g.right))
                for g in node.guards
            )
            return replace(node, guards=guards, body=body)
        raise TypeError(f"{type(node).__name__} is not a loop of the CPU target")

    def _name(self, index: str) -> str:
        return self.indices.get(index, index)

    def _affine(self, value: Affine) -> Affine:
        return Affine(tuple((self._name(i), c) for i, c in value.terms), value.rest)

    def _bound(self, bound: Bound) -> Bound:
        return replace(bound, value=self._affine(bound.value))

    def _subscript(self, subscript: Subscript) -> Subscript:
        return self._affine(subscript) if isinstance(subscript, Affine) else self._read(subscript)

    def _read(self, element: Element) -> Element:
        mapped = Element(element.array, tuple(self._subscript(s) for s in element.subscripts))
        return self.rule(mapped) if self.rule else mapped

    def _operation(self, operation: Operation) -> Operation:
        if isinstance(operation.value, (Affine, Element)):
            return replace(operation, value=self._subscript(operation.value))
        return operation

    def _effect(self, effect: Store | Fold) -> Store | Fold:
        if isinstance(effect, Store):
            if isinstance(effect.target, Local):
                return effect
            return replace(effect, target=self._read(effect.target))
        local, position = effect.local, effect.position
        return replace(
            effect,
            index=self._name(effect.index),
            local=self._read(local) if isinstance(local, Element) else local,
            position=self._read(position) if isinstance(position, Element) else position,
        )
