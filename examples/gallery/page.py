"""Writes docs/gallery.md: every entry derived, verified, and its operations counted.

python -m examples.gallery.page
"""

import inspect
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from examples.gallery import ENTRIES, Entry
from symgrad.capture import capture
from symgrad.driver import Derived, Timings, derive
from symgrad.explain.cost import count_at, format_count, program_cost
from symgrad.explain.matrix import matrix_text
from symgrad.explain.sampling import sample_values
from symgrad.program import Program, evaluate, format_program
from symgrad.simplify import simplify

__all__ = ["MOST_OPERATIONS", "PAGE", "Page", "entry_text", "gallery_text", "study"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gallery.md"
MOST_OPERATIONS = 1.5  # times those of the textbook's gradient
POINTS = 5
_SIZES = (3, 8, 64, 1000)  # all sizes equal to each of these; the worst ratio counts

HEAD = """\
# Gallery

Classical losses and functions, each differentiated by its first argument. The formulas are the
compiler's. `python -m examples.gallery.page` writes this page; a test checks every gradient at
random points against the one of a textbook, written by hand. Functions act on each element, ⊙ and
⊘ multiply and divide element by element, 1 is a vector of ones, `step(x)` is 1 where x > 0 and 1/2
where x = 0. Where there is no matrix form, indices are written.

Operations are those of the gradient alone, counted in the same way for both: additions,
multiplications, divisions, comparisons and calls of functions.
"""


@dataclass(frozen=True)
class Page:
    """What an entry turned out to be."""

    entry: Entry
    derived: Derived
    gradient: Program
    operations: object
    textbook_operations: object
    ratio: float
    error: float


def gradient_alone(derived: Derived) -> Program:
    """The gradient program without the value, where the gradient does not need it."""
    program = derived.gradient.program
    alone = replace(program, outputs=derived.gradient.adjoints)
    return simplify(alone, without={"stabilise"}).program


def study(entry: Entry) -> Page:
    """Derives an entry, counts, and compares it with the textbook at random points."""
    wrt = next(iter(entry.shapes))
    model = capture(entry.function, shapes=entry.shapes, wrt=wrt)
    derived = derive(model, (), Timings())
    gradient = gradient_alone(derived)
    textbook = capture(entry.textbook, shapes=entry.shapes)
    reference = simplify(textbook.program).program
    counts = program_cost(gradient).operations, program_cost(reference).operations
    names = [s.name for s in derived.gradient.program.sizes()]
    ratio = max(
        count_at(counts[0], points) / max(1.0, count_at(counts[1], points))
        for points in (dict.fromkeys(names, size) for size in _SIZES)
    )
    return Page(entry, derived, gradient, *counts, ratio, largest_error(entry, derived))


def largest_error(entry: Entry, derived: Derived) -> float:
    """Largest difference to the textbook's gradient, relative to its largest element."""
    program = derived.gradient.program
    (adjoint,) = derived.gradient.adjoints
    worst, checked = 0.0, 0
    for values, _ in sample_values(program, POINTS, seed=2):
        arguments = {name: values[name] for name in entry.shapes}
        with np.errstate(all="ignore"):
            expected = entry.textbook(**arguments)
        found = evaluate(program, arguments)[adjoint]
        known = np.isfinite(expected)
        if known.any():
            scale = max(1.0, float(np.max(np.abs(expected[known]))))
            worst = max(worst, float(np.max(np.abs(found - expected)[known])) / scale)
            checked += 1
    return worst if checked > POINTS // 2 - 1 else float("nan")


def entry_text(page: Page) -> str:
    """One entry of the page."""
    source = inspect.getsource(page.entry.function).rstrip()
    lines = matrix_text(page.gradient, mostly=True) or format_program(page.gradient).splitlines()
    shapes = ", ".join(f"{name}: {shape}" for name, shape in page.entry.shapes.items())
    operations, textbook = format_count(page.operations), format_count(page.textbook_operations)
    return "\n".join(
        [
            f"## {page.entry.title}",
            "",
            "```python",
            f"# {shapes}",
            source,
            "```",
            "",
            "```text",
            *lines,
            "```",
            "",
            f"Operations: {operations}; the textbook's form: {textbook}.",
            "",
        ]
    )


def gallery_text() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(entry_text(study(entry)) for entry in ENTRIES)])


def main() -> None:
    PAGE.write_text(gallery_text(), encoding="utf-8")
    print(f"wrote {PAGE.name}: {len(ENTRIES)} entries")


if __name__ == "__main__":
    main()
