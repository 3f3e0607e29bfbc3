"""What there is to say about a derived function, as sections of formulas, tables and notes.

`explain` collects, `formats` writes the result as text, LaTeX, Markdown or HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from symgrad.driver import Derived
from symgrad.explain.cost import count_at, format_count, program_cost
from symgrad.explain.index_layout import layout_domain, layout_left, layout_right
from symgrad.explain.layout import Layout
from symgrad.explain.matrix import MOSTLY, matrix_lines
from symgrad.explain.scheduling import nest_summaries, step_notes
from symgrad.explain.steps import Step
from symgrad.explain.storage import placements
from symgrad.program import Program, format_lines
from symgrad.schedule import freeze, schedule

__all__ = [
    "Explanation",
    "Formula",
    "Notation",
    "Section",
    "Table",
    "derivative_sections",
    "explain",
]

Notation = Literal["index", "matrix"]
_COMPARED_AT = 100  # the ratio of two polynomials is stated with all sizes equal to this


@dataclass(frozen=True, slots=True)
class Formula:
    """An equation as a layout for typesetting, and as a line of text."""

    left: Layout
    right: Layout
    domain: Layout | None
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a heading; columns after the first are numbers."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A title and what stands below it, in this order."""

    title: str
    formulas: tuple[Formula, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()
    listing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is said about one function."""

    name: str
    source: str
    summary: str
    sections: tuple[Section, ...]


def explain(
    derived: Derived,
    *,
    notation: Notation | None = None,
    cost: bool = False,
    steps: Sequence[Step] = (),
    scheduling: bool = False,
) -> Explanation:
    """The program as captured, its derivatives, what was stabilised, where values are kept.

    Args:
        derived: a function with its derivatives.
        notation: one of the two; by default matrix notation where there is one, then indices.
        cost: count operations and bytes.
        steps: of the derivation, to be shown as well.
        scheduling: say how the kernels for the CPU go about it, and why.
    """
    model = derived.model
    sections = [
        Section("as captured", _index_formulas(model.program)),
        *_step_sections(steps),
        *derivative_sections(derived, notation),
    ]
    if derived.notes:
        sections.append(Section("stabilised", notes=derived.notes))
    sections.append(_storage_section(derived))
    if scheduling:
        sections += _schedule_sections(derived)
    if cost:
        sections += _cost_sections(derived)
    summary = model.docstring.strip().partition("\n")[0]
    return Explanation(derived.name, f"{model.source}:{model.line}", summary, tuple(sections))


def _index_formulas(program: Program) -> tuple[Formula, ...]:
    return tuple(
        Formula(layout_left(s), layout_right(s), layout_domain(s), line)
        for s, line in zip(program.definitions, format_lines(program), strict=True)
    )


def _matrix_formulas(program: Program, share: float) -> tuple[Formula, ...]:
    lines = matrix_lines(program, share=share)
    width = min(24, max((len(line.text().partition(" = ")[0]) for line in lines), default=0))
    formulas = []
    for line in lines:
        left, _, right = line.text().partition(" = ")
        formulas.append(
            Formula(*line.sides(), line.domain, f"{left:<{width}} = {right}", line.note.strip())
        )
    return tuple(formulas)


def derivative_sections(
    derived: Derived, notation: Notation | None, both: bool = True
) -> list[Section]:
    """Value and derivatives.

    Args:
        derived: a function with its derivatives.
        notation: the one that is asked for; in matrix notation, a line without such a form has
            indices. By default matrix notation stands where most lines have it.
        both: without `notation`, write indices also where there is matrix notation.
    """
    kind = "gradient" if derived.is_scalar else "vector-Jacobian product"
    title = f"value and {kind} by {', '.join(derived.model.wrt)}"
    programs: list[tuple[str, Program, tuple[str, ...]]] = [(title, derived.gradient.program, ())]
    programs += [(p.product.replace("_", " "), p.program, p.notes) for p in derived.products]
    share = 0.0 if notation == "matrix" else MOSTLY
    sections: list[Section] = []
    for name, program, notes in programs:
        matrix = _matrix_formulas(program, share) if notation != "index" else ()
        if matrix:
            sections.append(Section(f"{name}, matrix notation", matrix))
        if not matrix or (both and notation is None):
            sections.append(Section(f"{name}, index notation", _index_formulas(program)))
        if notes:
            sections.append(Section(f"structure of {name}", notes=notes))
    return sections


def _step_sections(steps: Sequence[Step]) -> list[Section]:
    sections = []
    for number, step in enumerate(steps, 1):
        lines = [f"- {line}" for line in step.removed] + [f"+ {line}" for line in step.added]
        title = f"step {number}: {step.name}" + (f" ({step.does})" if step.does else "")
        sections.append(Section(title, listing=tuple(lines) or ("the order of definitions",)))
    return sections


def _storage_section(derived: Derived) -> Section:
    placed = placements(derived.gradient.program, derived.model.wrt)
    rows = tuple((p.name, p.where, str(p.kernel) if p.kernel else "") for p in placed)
    stored = sum(p.where == "memory" for p in placed)
    note = (
        f"{stored} of {len(placed)} definitions are stored as whole arrays; a tile is computed "
        "again for every block of samples, forward and backward together"
    )
    return Section("kept in", table=Table(("definition", "kept in", "kernel"), rows), notes=(note,))


def _schedule_sections(derived: Derived) -> list[Section]:
    plan = schedule(freeze(derived.gradient.program, derived.model.wrt))
    rows = tuple(
        (", ".join(n.computes), str(n.kernel), n.loops, str(n.statements))
        for n in nest_summaries(plan)
    )
    heading = ("nest", "kernel", "loops, outermost first", "stores")
    return [
        Section("scheduled because", notes=(*plan.decisions, *step_notes(plan))),
        Section("loops", table=Table(heading, rows)),
    ]


def _cost_sections(derived: Derived) -> list[Section]:
    forward, gradient = program_cost(derived.forward), program_cost(derived.gradient.program)
    rows = tuple(
        (
            d.name,
            format_count(d.operations),
            format_count(d.functions),
            format_count(d.bytes_read + d.bytes_written),
        )
        for d in gradient.definitions
    )
    sizes = {s.name: _COMPARED_AT for s in derived.gradient.program.sizes()}
    base = count_at(forward.operations, sizes)
    ratio = count_at(gradient.operations, sizes) / base if base else float("nan")
    notes = [
        f"value: {format_count(forward.operations)} operations",
        f"value and derivative: {format_count(gradient.operations)} operations, "
        f"{format_count(gradient.functions)} of them calls of functions or divisions",
        f"arguments and results: {format_count(gradient.least_bytes)} bytes; "
        f"unfused: {format_count(gradient.bytes_unfused)} bytes",
        f"value and derivative cost {ratio:.2f} times the value with all sizes {_COMPARED_AT}",
    ]
    if not gradient.exact:
        notes.append("some sums run under conditions that were not counted: an upper bound")
    table = Table(("definition", "operations", "functions", "bytes"), rows)
    return [Section("cost", table=table, notes=tuple(notes))]
