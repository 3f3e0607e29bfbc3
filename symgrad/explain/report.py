"""`symgrad report`: everything about a derived function on one page that needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from symgrad.codegen.rendering import render
from symgrad.driver import Derived
from symgrad.errors import ModelError
from symgrad.explain.cost import ProgramCost, count_at, format_count, program_cost
from symgrad.explain.drawing import to_svg
from symgrad.explain.explanation import derivative_sections
from symgrad.explain.formats import mathml_block, section_html
from symgrad.explain.graph import draw_program
from symgrad.explain.highlight import highlight
from symgrad.explain.index_layout import layout_domain, layout_left, layout_right
from symgrad.explain.measurement import (
    Machine,
    Timing,
    default_sizes,
    measure_accuracy,
    measure_machine,
    measure_module,
)
from symgrad.explain.storage import placements
from symgrad.modules import Module
from symgrad.program import Statement, format_statement
from symgrad.version import __version__

__all__ = ["report_page"]


@dataclass(frozen=True, slots=True)
class _Nest:
    """The lines of one loop nest, and the names of the definitions that it computes."""

    names: tuple[str, ...]
    code: str


def report_page(
    derived: Derived, source: str, module: Module | None, sizes: Mapping[str, int]
) -> str:
    """The page as HTML.

    Args:
        derived: a function with its derivatives.
        source: text of the generated module.
        module: the module imported, for timings; None leaves them out.
        sizes: of the arguments that timings are measured with, as far as they are chosen.

    Returns:
        One file of HTML without references to others: formulas as MathML, pictures as SVG.
    """
    program = derived.gradient.program
    kernels = _kernels(source, derived.name)
    chosen = default_sizes(derived, sizes)
    machine = measure_machine() if module is not None else None
    try:
        timings = measure_module(derived, module, chosen) if module is not None else ()
        accuracy = measure_accuracy(derived)
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{derived.model.source}: '{derived.name}' refuses the arguments that are drawn to "
            f"measure it: {error}; choose other sizes with --sizes"
        ) from error
    drawing = draw_program(program, derived.gradient.values)
    label = f"data flow of {derived.name} and its derivatives: {len(drawing.boxes)} nodes"
    values: dict[str, Any] = {
        "name": escape(derived.name),
        "source": escape(f"{derived.model.source}:{derived.model.line}"),
        "docstring": escape(derived.model.docstring.strip()),
        "version": __version__,
        "wrt": escape(", ".join(derived.model.wrt)),
        "model_source": highlight(_model_text(derived)),
        "sections": [section_html(s) for s in derivative_sections(derived, None, both=False)],
        "notes": [escape(note) for note in derived.notes],
        "graph": to_svg(drawing, label),
        "definitions": _definitions(derived, kernels),
        "kernels": _kernel_sections(derived, kernels),
        "cost_rows": _cost_rows(derived),
        "roofline": _roofline(derived, chosen, timings, machine),
        "accuracy": [
            (a.argument, f"{a.derived:.12g}", f"{a.differences:.12g}", f"{a.error:.1e}")
            for a in accuracy
        ],
        "timings": [
            (escape(t.function), _seconds(t.least), _seconds(t.median), str(t.runs))
            for t in timings
        ],
        "sizes": ", ".join(f"{name} = {size}" for name, size in chosen.items()),
    }
    return render("report.html.jinja", values)


def _model_text(derived: Derived) -> str:
    """The model's file, or nothing where it cannot be read."""
    try:
        return Path(derived.model.source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


# --- definitions ---------------------------------------------------------------------------------


def _formula(statement: Statement) -> str:
    return mathml_block(layout_left(statement), layout_right(statement), layout_domain(statement))


def _definitions(
    derived: Derived, kernels: Mapping[str, tuple[_Nest, ...]]
) -> list[dict[str, str]]:
    """What the side panel shows for each node: formula, line of the model, kernel."""
    program = derived.gradient.program
    lines = _model_text(derived).splitlines()
    placed = {p.name: p for p in placements(program, derived.model.wrt)}
    homes = {
        name: (kernel, nest.code)
        for kernel, nests in kernels.items()
        for nest in nests
        for name in nest.names
        if "_grad_" in kernel
    }
    shown = []
    arrays = program.shapes()
    dtypes = program.dtypes()
    computed = {s.name for s in program.definitions}
    for name in (name for name in arrays if name not in computed):
        shape = ", ".join(map(str, arrays[name]))
        shown.append(
            {
                "name": escape(name),
                "formula": "",
                "where": escape(f"an argument: {dtypes[name]}[{shape}]"),
                "line": "",
                "kernel": "",
                "code": "",
            }
        )
    for statement in program.definitions:
        kernel, code = homes.get(statement.name, ("", ""))
        origin = statement.origin
        line = ""
        if origin is not None:
            inside = 0 < origin.line <= len(lines) and derived.model.source.endswith(origin.file)
            text = lines[origin.line - 1].strip() if inside else ""
            line = f"{origin}  {text}".rstrip()
        shown.append(
            {
                "name": escape(statement.name),
                "formula": _formula(statement),
                "where": escape(f"kept in {placed[statement.name].where}"),
                "line": escape(line),
                "kernel": escape(kernel),
                "code": highlight(code),
            }
        )
    return shown


# --- kernels -------------------------------------------------------------------------------------


def _kernels(source: str, name: str) -> dict[str, tuple[_Nest, ...]]:
    """The kernels of a module, each divided at the comments that name its formulas."""
    found: dict[str, tuple[_Nest, ...]] = {}
    for match in re.finditer(
        rf"^def (_{re.escape(name)}(?:_grad)?_\d+)\(.*?(?=\n\n\n)", source, re.DOTALL | re.MULTILINE
    ):
        found[match[1]] = _nests(match[0])
    return found


def _nests(text: str) -> tuple[_Nest, ...]:
    """A kernel in its nests: `# name[i] = …` at the level of its body begins one."""
    groups: list[tuple[list[str], list[str]]] = []
    in_comment = False
    for line in text.splitlines():
        name = re.match(r"    # ([A-Za-z_]\w*)(?:\[[^=]*\])? = ", line)
        if name is not None:
            if not in_comment:
                groups.append(([], []))
            groups[-1][0].append(name[1])
        elif not groups:
            groups.append(([], []))
        groups[-1][1].append(line)
        in_comment = name is not None
    return tuple(_Nest(tuple(names), "\n".join(lines)) for names, lines in groups)


def _kernel_sections(
    derived: Derived, kernels: Mapping[str, tuple[_Nest, ...]]
) -> list[dict[str, Any]]:
    programs = {s.name: s for s in derived.forward.definitions}
    gradients = {s.name: s for s in derived.gradient.program.definitions}
    sections = []
    for kernel, nests in kernels.items():
        statements = gradients if "_grad_" in kernel else programs
        rows = [
            {
                "formulas": "".join(
                    _formula(statements[name]) for name in nest.names if name in statements
                ),
                "code": highlight(nest.code),
            }
            for nest in nests
        ]
        sections.append({"name": escape(kernel), "rows": rows})
    return sections


# --- cost ----------------------------------------------------------------------------------------


def _cost_rows(derived: Derived) -> list[tuple[str, ...]]:
    cost = program_cost(derived.gradient.program)
    texts = {s.name: format_statement(s) for s in derived.gradient.program.definitions}
    rows = [
        (
            escape(texts[d.name]),
            format_count(d.operations),
            format_count(d.functions),
            format_count(d.bytes_read + d.bytes_written),
        )
        for d in cost.definitions
    ]
    total = ("all", cost.operations, cost.functions, cost.bytes_unfused)
    return [*rows, (total[0], *(format_count(part) for part in total[1:]))]


def _roofline(
    derived: Derived,
    sizes: Mapping[str, int],
    timings: tuple[Timing, ...],
    machine: Machine | None,
) -> list[tuple[str, str]]:
    """Operations and bytes at the sizes of the measurement, and what the machine could do."""
    forward, gradient = program_cost(derived.forward), program_cost(derived.gradient.program)
    rows = [
        ("operations of the value", _large(count_at(forward.operations, sizes))),
        ("operations of value and derivatives", _large(count_at(gradient.operations, sizes))),
        ("ratio", f"{_ratio(gradient, forward, sizes):.2f}"),
        ("bytes of arguments and results", _large(count_at(gradient.least_bytes, sizes))),
        ("bytes without fusion", _large(count_at(gradient.bytes_unfused, sizes))),
    ]
    operations, least = (
        count_at(gradient.operations, sizes),
        max(1.0, count_at(gradient.least_bytes, sizes)),
    )
    intensity = operations / least
    rows.append(("operations for each byte", f"{intensity:.2f}"))
    if machine is None:
        return rows
    attainable = min(machine.flops, intensity * machine.bandwidth)
    rows += [
        ("matrix product of NumPy", f"{machine.flops / 1e9:.1f} GFlop/s"),
        ("copy in memory", f"{machine.bandwidth / 1e9:.1f} GB/s"),
        ("roof at this intensity", f"{attainable / 1e9:.1f} GFlop/s"),
    ]
    if len(timings) > 1:
        rows.append(("reached", f"{operations / timings[-1].least / 1e9:.2f} GOperations/s"))
    return rows


def _ratio(gradient: ProgramCost, forward: ProgramCost, sizes: Mapping[str, int]) -> float:
    base = count_at(forward.operations, sizes)
    return count_at(gradient.operations, sizes) / base if base else float("nan")


def _large(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _seconds(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
