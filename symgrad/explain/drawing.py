"""Drawings of programs as SVG that a page styles, and a keyboard reaches."""

from __future__ import annotations

from html import escape

from symgrad.explain.graph import Box, Drawing, Link

__all__ = ["to_svg"]


def to_svg(drawing: Drawing, label: str) -> str:
    """The picture as an `svg` element; every box is a link to `#def-NAME`.

    Args:
        drawing: boxes and links.
        label: what the picture shows, for readers who cannot see it.
    """
    boxes = {box.name: box for box in drawing.boxes}
    parts = [
        f'<svg class="graph" viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}" '
        f'width="{drawing.width:.0f}" role="group" aria-label="{escape(label)}">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    parts += [
        _link(boxes[link.source], boxes[link.target], link)
        for link in drawing.links
        if link.source in boxes and link.target in boxes
    ]
    parts += map(_box, drawing.boxes)
    return "\n".join([*parts, "</svg>"])


def _link(source: Box, target: Box, link: Link) -> str:
    if link.across:
        side = 1 if target.x > source.x else -1
        x1, x2 = source.x + side * source.width / 2, target.x - side * target.width / 2
        bend = max(24.0, abs(x2 - x1) / 2)
        path = (
            f"M{x1:.1f},{source.y:.1f} C{x1 + side * bend:.1f},{source.y:.1f} "
            f"{x2 - side * bend:.1f},{target.y:.1f} {x2:.1f},{target.y:.1f}"
        )
    else:
        down = 1 if target.y > source.y else -1
        y1, y2 = source.y + down * source.height / 2, target.y - down * target.height / 2
        bend = max(16.0, abs(y2 - y1) / 2)
        path = (
            f"M{source.x:.1f},{y1:.1f} C{source.x:.1f},{y1 + down * bend:.1f} "
            f"{target.x:.1f},{y2 - down * bend:.1f} {target.x:.1f},{y2:.1f}"
        )
    kind = "link across" if link.across else "link"
    return (
        f'<path class="{kind}" d="{path}" marker-end="url(#tip)" '
        f'data-from="{escape(link.source)}" data-to="{escape(link.target)}"/>'
    )


def _box(box: Box) -> str:
    name = escape(box.name)
    x, y = box.x - box.width / 2, box.y - box.height / 2
    return (
        f'<a class="node {box.kind}" href="#def-{name}" data-name="{name}" tabindex="0">'
        f"<title>{name}, {box.kind}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height}" rx="7"/>'
        f'<text x="{box.x:.1f}" y="{box.y + 4.5:.1f}" text-anchor="middle">{name}</text></a>'
    )
