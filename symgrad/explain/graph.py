"""A layered drawing of a program: every definition below what it reads, the backward pass beside.

Layers are longest paths, the order within a layer is that of the neighbours' mean (the barycentre
method). The forward pass runs down on the left, the backward pass up on the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symgrad.program import Program, dependencies

__all__ = ["Box", "Drawing", "Link", "draw_program", "layer_order"]

_ROW, _HEIGHT, _GAP, _SPLIT, _MARGIN = 62, 28, 16, 70, 12
_LETTER = 8.2  # width of a letter of the labels
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A node: an argument or definition, centred at (x, y)."""

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float = _HEIGHT


@dataclass(frozen=True, slots=True)
class Link:
    """What one node reads from another."""

    source: str
    target: str
    across: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and links, and the size of the picture."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    width: float
    height: float


def draw_program(program: Program, values: Sequence[str]) -> Drawing:
    """Where everything of a gradient program stands.

    Args:
        program: value and derivatives.
        values: the outputs that the model itself has; what they need is the forward pass.
    """
    reads = {s.name: dependencies(s) for s in program.definitions}
    forward = _needed(values, reads)
    arguments = [a.name for a in program.arguments] + [c.name for c in program.constants]
    inputs = [name for name in arguments if any(name in reads[s] for s in forward)]
    left = [*inputs, *(s.name for s in program.definitions if s.name in forward)]
    right = [s.name for s in program.definitions if s.name not in forward]
    right = [a for a in arguments if a not in left and any(a in reads[r] for r in right)] + right
    links = [
        Link(source, target, (source in left) != (target in left))
        for target, sources in reads.items()
        for source in sources
    ]
    inner = [(link.source, link.target) for link in links if not link.across]
    rows_left, rows_right = layer_order(left, inner), layer_order(right, inner)
    depth = max(len(rows_left), len(rows_right), 1)
    kinds = _kinds(program, values, arguments, forward)
    boxes_left, width_left = _placed(rows_left, range(depth), 0.0, kinds)
    offset = width_left + _SPLIT
    upwards = range(depth - 1, -1, -1)
    boxes_right, width_right = _placed(rows_right, upwards, offset, kinds)
    width = offset + width_right + 2 * _MARGIN
    return Drawing((*boxes_left, *boxes_right), tuple(links), width, depth * _ROW + 2 * _MARGIN)


def _needed(names: Iterable[str], reads: Mapping[str, Sequence[str]]) -> set[str]:
    """The definitions that some outputs need, themselves included."""
    needed: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name in reads and name not in needed:
            needed.add(name)
            stack.extend(reads[name])
    return needed


def _kinds(
    program: Program, values: Sequence[str], arguments: Sequence[str], forward: set[str]
) -> dict[str, str]:
    kinds = {s.name: "forward" if s.name in forward else "backward" for s in program.definitions}
    kinds.update((name, "gradient") for name in program.outputs if name not in values)
    kinds.update((name, "value") for name in values)
    kinds.update((name, "argument") for name in arguments)
    return kinds


def layer_order(names: Sequence[str], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Names in layers, every link from a layer to a later one, few of them crossing."""
    own = set(names)
    sources: dict[str, list[str]] = {name: [] for name in names}
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in links:
        if source in own and target in own:
            sources[target].append(source)
            targets[source].append(target)
    depth: dict[str, int] = {}
    for name in names:  # in order of dependence
        depth[name] = max((depth[s] + 1 for s in sources[name]), default=0)
    for name in reversed(names):  # what only one later layer reads moves down to it
        if not sources[name] and targets[name]:
            depth[name] = min(depth[t] for t in targets[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        order = layers if downwards else list(reversed(layers))
        for layer in order:
            _sort_by_neighbours(layer, sources if downwards else targets, layers)
    return layers


def _sort_by_neighbours(
    layer: list[str], neighbours: Mapping[str, Sequence[str]], layers: Sequence[Sequence[str]]
) -> None:
    places = {name: (k + 0.5) / len(row) for row in layers for k, name in enumerate(row)}
    means = {
        name: (
            sum(places[n] for n in neighbours[name]) / len(neighbours[name])
            if neighbours[name]
            else places[name]
        )
        for name in layer
    }
    layer.sort(key=lambda name: (means[name], places[name]))


def _placed(
    layers: Sequence[Sequence[str]], rows: Sequence[int], left: float, kinds: Mapping[str, str]
) -> tuple[list[Box], float]:
    """Boxes of one half, each layer centred, and the half's width."""
    widths = {name: max(34.0, _LETTER * len(name) + 18) for layer in layers for name in layer}
    totals = [sum(widths[n] for n in layer) + _GAP * (len(layer) - 1) for layer in layers]
    full = max(totals, default=0.0)
    boxes = []
    for layer, total, row in zip(layers, totals, rows, strict=False):
        x = left + _MARGIN + (full - total) / 2
        y = _MARGIN + row * _ROW + _ROW / 2
        for name in layer:
            boxes.append(Box(name, kinds[name], x + widths[name] / 2, y, widths[name]))
            x += widths[name] + _GAP
    return boxes, full
