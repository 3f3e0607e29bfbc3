"""Loop runs and elements for each sample, as texts over sizes."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.schedule.frozen import FrozenDefinition

__all__ = ["count_elements", "count_work"]


def count_work(definitions: Iterable[FrozenDefinition], sample: str) -> str:
    """Loop runs for each sample, as a text over sizes."""
    shapes = []
    for definition in definitions:
        for term in definition.terms:
            extents = [a.extent for a in (*definition.axes, *term.axes)]
            if sample in extents:
                extents.remove(sample)
            shapes.append(tuple(extents))
    return count_elements(shapes)


def count_elements(shapes: Iterable[tuple[str, ...]]) -> str:
    """`2 * n * m + n + 3`: the elements of arrays of these shapes, together."""
    counts: dict[str, int] = {}
    for shape in shapes:
        product = " * ".join(e if e.isalnum() else f"({e})" for e in shape) or "1"
        counts[product] = counts.get(product, 0) + 1
    constant = counts.pop("1", 0)
    parts = [f"{count} * {text}" if count > 1 else text for text, count in counts.items()]
    return " + ".join([*parts, *([str(constant)] if constant or not parts else [])])
