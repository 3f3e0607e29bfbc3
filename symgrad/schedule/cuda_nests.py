"""Nests of single definitions for the CUDA target: one thread, or several lanes, an element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symgrad.schedule.cuda_apart import find_scatter
from symgrad.schedule.cuda_plan import (
    AccumulateNest,
    Combine,
    ContractNest,
    Nest,
    Round,
    ThreadNest,
)
from symgrad.schedule.folds import accumulator_type, fold_nest
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    elements_of,
    indices_of,
)
from symgrad.schedule.guarding import NestContext
from symgrad.schedule.loops import (
    Bind,
    Block,
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
from symgrad.schedule.nests import NestBuilder
from symgrad.schedule.scans import find_scan
from symgrad.schedule.terms import append_scaled_local, scaled, vector_axis

__all__ = ["accumulate_nest", "atomic_nests", "element_nests", "segment_arrays"]


def element_nests(
    definition: FrozenDefinition, context: NestContext, tile: str | None
) -> list[ThreadNest]:
    """Nests that compute a definition, one element of its axes a thread or a group of lanes.

    A running sum has a nest of its own, in which a thread computes a whole row of elements.

    Args:
        definition: what is computed.
        context: the ranges of index arrays.
        tile: the index that counts samples, in a tiled kernel.
    """
    scans = [t for t in definition.terms if find_scan(definition, t) is not None]
    rest = tuple(t for t in definition.terms if t not in scans)
    nests: list[ThreadNest] = []
    if rest or not scans or scans[0].reduction == "sum":
        nests.append(_plain_nest(replace(definition, terms=rest), context, tile))
    for term in scans:
        nodes = _ElementBuilder(definition, context).scan(term)
        scan = find_scan(definition, term)
        assert scan is not None
        axes = tuple(a for a in definition.axes if a.index != scan.axis.index)
        formula = definition.formula if not nests else ""
        nests.append(ThreadNest(formula, axes, (), nodes, tile=tile))
    return nests


def _plain_nest(definition: FrozenDefinition, context: NestContext, tile: str | None) -> ThreadNest:
    builder = _ElementBuilder(definition, context)
    rounds, finish, summed = _divide(builder.element())
    wide = bool(summed) and builder.sums_neighbours()
    return ThreadNest(definition.formula, definition.axes, rounds, finish, summed, wide, tile=tile)


def segment_arrays(nest: Nest) -> list[str]:
    """The index arrays whose segments a nest runs over."""
    found: list[str] = []
    if isinstance(nest, ContractNest):
        return segment_arrays(nest.plain)
    if isinstance(nest, AccumulateNest):
        stack = list(nest.body)
    else:
        stack = [*(node for part in nest.rounds for node in part.nodes), *nest.finish]
    while stack:
        node = stack.pop(0)
        if isinstance(node, Segment):
            found.append(node.array)
        if isinstance(node, (Loop, FlatLoop, Segment, Bind, When)):
            stack = [*node.body, *stack]
    return found


def accumulate_nest(
    definition: FrozenDefinition, context: NestContext, tile_extent: str
) -> AccumulateNest:
    """Sums over the samples of a tile, for each element of the definition's axes."""
    builder = _ElementBuilder(definition, replace(context, sample=tile_extent, accumulate=True))
    return AccumulateNest(
        definition.formula, definition.name, definition.axes, builder.accumulation(tile_extent)
    )


def atomic_nests(
    definition: FrozenDefinition, context: NestContext, tile_extent: str
) -> list[ThreadNest]:
    """Scatters of the samples of a tile: each thread adds terms to the elements they belong to.

    Args:
        definition: sums whose guards say which element a sample belongs to.
        context: the ranges of index arrays.
        tile_extent: the extent that counts samples.
    """
    nests = []
    for number, term in enumerate(definition.terms):
        tile = next(a for a in term.axes if a.extent == tile_extent)
        keys = _ElementBuilder(definition, context).keys(term)
        free = tuple(a for a in definition.axes if a not in keys)
        axes = (tile, *(a for a in term.axes if a != tile), *free)
        known = _ElementBuilder(replace(definition, axes=axes), replace(context, segments={}))
        operations, value = scaled(term)
        target = Element(definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes))
        block = Block(operations, (Store(target, value, add=True, atomic=True),))
        nodes = known.loops(keys, term.guards, (block,))
        formula = "" if number else definition.formula
        nests.append(ThreadNest(formula, axes, (), nodes, tile=tile.index))
    return nests


class _ElementBuilder(NestBuilder):
    """Computes one element: the output's indices are known, only summed ones have loops."""

    def element(self) -> tuple[Node, ...]:
        terms = self.definition.terms
        if len(terms) == 1 and terms[0].reduction != "sum" and terms[0].axes:
            if find_scan(self.definition, terms[0]) is not None:
                return self.scan(terms[0])
            return fold_nest(self.definition, terms[0], self, self.target, by_rows=False)
        plain = [t for t in terms if not t.axes and not t.guards]
        others = [t for t in terms if t.axes or t.guards]
        if not others:
            return self._pointwise_nest(plain, add=False)
        return self._dot_nest(plain, others)

    def scan(self, term: FrozenTerm) -> tuple[Node, ...]:
        scan = find_scan(self.definition, term)
        assert scan is not None
        return self._scan_nest(scan)

    def keys(self, term: FrozenTerm) -> tuple[FrozenAxis, ...]:
        """The output's axes whose index an equality fixes."""
        bound = self._find_bound_indices(self.definition.axes, term.guards)
        return tuple(a for a in self.definition.axes if a.index in bound)

    def sums_neighbours(self) -> bool:
        """Whether a summed index runs along memory that is read once.

        What every element of another axis reads again lies in the cache, in any order.
        """
        term = next(t for t in self.definition.terms if t.axes)
        index = vector_axis(self.definition, term, self.tile_index)
        if index not in {a.index for a in term.axes}:
            return False
        outputs = {a.index for a in self.definition.axes}
        return any(
            {*outputs, index} <= {i for s in element.subscripts for i in indices_of(s)}
            for element in elements_of(term)
        )

    def accumulation(self, tile_extent: str) -> tuple[Node, ...]:
        """For each term: a total over the tile's samples, added to the partial sum."""
        nodes: list[Node] = []
        for number, term in enumerate(self.definition.terms):
            self.tile_index = next(a.index for a in term.axes if a.extent == tile_extent)
            local = Local(f"total{number or ''}", accumulator_type(self.definition.dtype))
            block = Block(term.operations, (Store(local, len(term.operations) - 1, add=True),))
            first = tuple(a for a in term.axes if a.index == self.tile_index)
            order = (*first, *(a for a in self._inner_order(term) if a not in first))
            nodes.append(Declare(local, 0))
            nodes.extend(_strided(node) for node in self.loops(order, term.guards, (block,)))
            chain, value = append_scaled_local([], local, term.scale)
            nodes.append(Block(tuple(chain), (Store(self.target, value, add=True),)))
        return tuple(nodes)

    def loops(
        self,
        axes: tuple[FrozenAxis, ...],
        guards: tuple[FrozenGuard, ...],
        body: tuple[Node, ...],
    ) -> tuple[Node, ...]:
        own = {axis.index for axis in self.definition.axes}
        axes = tuple(a for a in axes if a.index not in own)
        scatter = find_scatter(self.definition, axes, guards, self.context.segments)
        if scatter is None:
            return super().loops(axes, guards, body)
        # Inside the segment its positions are as good as indices of the output: they are known.
        known = replace(self.definition, axes=(*self.definition.axes, *scatter.axes))
        rest = tuple(g for g in guards if g != scatter.guard)
        inner = _ElementBuilder(known, replace(self.context, segments={}))
        nodes = inner.loops(axes, rest, body)
        values = self.context.segments[scatter.array].extent
        return (Segment(scatter.array, scatter.key, values, scatter.axes, nodes),)

    def _dot_factors(self, sums: list[FrozenTerm]) -> list[tuple[str, int]]:
        return []


def _divide(
    nodes: tuple[Node, ...],
) -> tuple[tuple[Round, ...], tuple[Node, ...], str]:
    """Rounds of loops that lanes can share, what follows them, and how much there is to share."""
    shared = [k for k, node in enumerate(nodes) if _has_loop(node)]
    if not shared:
        return (), nodes, ""
    rounds: list[Round] = []
    current: list[Node] = []
    combines: list[Combine] = []
    summed: list[str] = []
    for node in nodes[: shared[-1] + 1]:
        if combines and isinstance(node, Block):
            rounds.append(Round(tuple(current), tuple(combines)))
            current, combines = [], []
        if _has_loop(node):
            divided = _strided(node)
            current.append(divided)
            combines.extend(_combines(node))
            summed.append(_extent(divided))
        else:
            current.append(node)
    rounds.append(Round(tuple(current), tuple(combines)))
    longest = summed[0] if len(set(summed)) == 1 else f"max({', '.join(dict.fromkeys(summed))})"
    return tuple(rounds), nodes[shared[-1] + 1 :], longest


def _strided(node: Node) -> Node:
    """The loop as lanes share it: nested plain loops as one, else the outermost divided."""
    if isinstance(node, (Bind, When)):
        return replace(node, body=tuple(_strided(inner) for inner in node.body))
    if isinstance(node, Segment):
        return node
    if not isinstance(node, Loop):
        return node
    axes: list[FrozenAxis] = []
    tile: str | None = None
    inner: tuple[Node, ...] = (node,)
    while len(inner) == 1 and isinstance(inner[0], Loop):
        loop = inner[0]
        if loop.lower or loop.upper or loop.reverse:
            break
        axes.append(FrozenAxis(loop.index, loop.extent))
        tile = loop.index if loop.tile else tile
        inner = loop.body
    if axes:
        return FlatLoop(tuple(axes), tile, inner)
    return replace(node, lanes=True)


def _extent(node: Node) -> str:
    if isinstance(node, FlatLoop):
        return " * ".join(_factor(axis.extent) for axis in node.axes)
    if isinstance(node, (Bind, When)):
        return _extent(node.body[0])
    if isinstance(node, Segment):
        positions = " * ".join(_factor(axis.extent) for axis in node.axes)
        return f"{positions} // max({node.values}, 1) + 1"  # in one segment, on average
    assert isinstance(node, Loop)
    return node.extent


def _has_loop(node: Node) -> bool:
    """Whether a nest is a loop, inside conditions on the element alone or not."""
    if isinstance(node, (Bind, When)):
        return _has_loop(node.body[0])
    return isinstance(node, (Loop, Segment))


def _factor(extent: str) -> str:
    return extent if extent.isalnum() else f"({extent})"


def _combines(node: Node) -> Iterator[Combine]:
    """The locals that a loop folds into, in order of appearance."""
    found: dict[str, Combine] = {}
    stack: list[Node] = [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, (Loop, Segment, Bind, When)):
            stack.extend(reversed(inner.body))
        elif isinstance(inner, Block):
            for effect in inner.effects:
                if isinstance(effect, Fold):
                    local, position = effect.local, effect.position
                    assert isinstance(local, Local), "a thread folds in a register"
                    assert not isinstance(position, Element), "and so the position"
                    found[local.name] = Combine(effect.kind, local, position)
                elif isinstance(effect.target, Local):
                    found[effect.target.name] = Combine("sum", effect.target)
    yield from found.values()
