"""Explanations as text, LaTeX, Markdown that GitHub renders, and HTML with MathML."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Literal

from symgrad.explain.explanation import Explanation, Formula, Section, Table
from symgrad.explain.layout import Layout
from symgrad.explain.printing import to_latex, to_mathml

__all__ = [
    "FORMATS",
    "Format",
    "aligned",
    "mathml_block",
    "section_html",
    "to_html",
    "to_latex_document",
    "to_markdown",
    "to_plain",
]

Format = Literal["text", "latex", "markdown", "html"]


# --- text ----------------------------------------------------------------------------------------


def to_plain(explanation: Explanation) -> str:
    """Text for a terminal, in Unicode."""
    blocks = [f"{explanation.name} ({explanation.source})"]
    if explanation.summary:
        blocks.append(f"  {explanation.summary}")
    for section in explanation.sections:
        lines = [f"  {line}".rstrip() for line in _plain_lines(section)]
        blocks.append("\n".join([section.title, "", *lines]))
    return "\n\n".join(blocks) + "\n"


def _plain_lines(section: Section) -> list[str]:
    lines = [formula.text for formula in section.formulas]
    lines += section.listing
    if section.table is not None:
        lines += _plain_table(section.table)
    if section.notes and lines:
        lines.append("")
    return lines + list(section.notes)


def _plain_table(table: Table) -> list[str]:
    rows = (table.heading, *table.rows)
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.heading))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


# --- LaTeX ---------------------------------------------------------------------------------------

_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "#$%&_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_TEXT_SIGNS = {
    "·": r"$\cdot$",
    "→": r"$\to$",
    "Σ": r"$\Sigma$",
    "≤": r"$\le$",
    "∂": r"$\partial$",
    "²": "$^2$",
    "σ": r"$\sigma$",
    "−": "$-$",
    "∈": r"$\in$",
    "<": "$<$",
    ">": "$>$",
}


def _latex_text(text: str) -> str:
    escaped = text.replace("\\", r"\textbackslash{}").translate(_SPECIAL)
    for sign, command in _TEXT_SIGNS.items():
        escaped = escaped.replace(sign, command)
    return "".join(c if c.isascii() else "?" for c in escaped)


def to_latex_document(explanation: Explanation) -> str:
    """A document that LaTeX with amsmath compiles."""
    parts = [
        r"\documentclass[a4paper,landscape]{article}",
        r"\usepackage[margin=1.5cm]{geometry}",
        r"\usepackage{amsmath}",
        r"\begin{document}",
        rf"\section*{{{_latex_text(explanation.name)}}}",
        _latex_text(f"{explanation.source} {explanation.summary}"),
    ]
    for section in explanation.sections:
        parts.append(rf"\subsection*{{{_latex_text(section.title)}}}")
        parts += [rf"\[ {_latex_formula(formula)} \]" for formula in section.formulas]
        parts += [rf"\noindent {_latex_text(line)}\par" for line in section.listing]
        if section.table is not None:
            parts.append(_latex_table(section.table))
        parts += [rf"\noindent {_latex_text(note)}\par" for note in section.notes]
    return "\n".join([*parts, r"\end{document}", ""])


def _latex_formula(formula: Formula) -> str:
    domain = rf" \qquad {to_latex(formula.domain)}" if formula.domain is not None else ""
    return f"{to_latex(formula.left)} = {to_latex(formula.right)}{domain}"


def _latex_table(table: Table) -> str:
    rows = [" & ".join(map(_latex_text, row)) + r" \\" for row in (table.heading, *table.rows)]
    columns = "l" * len(table.heading)
    body = "\n".join(rows)
    return f"\\noindent\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\\par"


# --- Markdown ------------------------------------------------------------------------------------


def to_markdown(explanation: Explanation) -> str:
    """Markdown with formulas in `math` blocks, as GitHub renders them."""
    parts = [f"# {explanation.name}", f"`{explanation.source}` {explanation.summary}".strip()]
    for section in explanation.sections:
        parts.append(f"## {section.title}")
        if section.formulas:
            parts.append(f"```math\n{aligned(section.formulas)}\n```")
        if section.listing:
            parts.append("```diff\n" + "\n".join(section.listing) + "\n```")
        if section.table is not None:
            parts.append(_markdown_table(section.table))
        if section.notes:
            parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(parts) + "\n"


def aligned(formulas: tuple[Formula, ...]) -> str:
    """Equations below each other, for the mathematical mode of LaTeX and MathJax."""
    lines = []
    for formula in formulas:
        domain = f" && {to_latex(formula.domain)}" if formula.domain is not None else ""
        lines.append(f"{to_latex(formula.left)} &= {to_latex(formula.right)}{domain}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _markdown_table(table: Table) -> str:
    rows = [table.heading, tuple("---" for _ in table.heading), *table.rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows)


# --- HTML ----------------------------------------------------------------------------------------


def to_html(explanation: Explanation) -> str:
    """A page of HTML with formulas as MathML."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<title>{escape(explanation.name)}</title>\n</head>\n<body>",
        f"<h2>{escape(explanation.name)}</h2>",
        f"<p><code>{escape(explanation.source)}</code> {escape(explanation.summary)}</p>",
    ]
    parts += map(section_html, explanation.sections)
    return "\n".join([*parts, "</body>\n</html>"]) + "\n"


def section_html(section: Section) -> str:
    """One section as a fragment of HTML."""
    parts = [f"<h3>{escape(section.title)}</h3>"]
    parts += [mathml_block(f.left, f.right, f.domain, f.note) for f in section.formulas]
    if section.listing:
        parts.append(f"<pre>{escape(chr(10).join(section.listing))}</pre>")
    if section.table is not None:
        parts.append(_html_table(section.table))
    parts += [f"<p>{escape(note)}</p>" for note in section.notes]
    return "\n".join(parts)


def mathml_block(left: Layout, right: Layout, domain: Layout | None, note: str = "") -> str:
    """One equation as a displayed `math` element."""
    shown = f'<mspace width="2em"/>{to_mathml(domain)}' if domain is not None else ""
    shown += f'<mspace width="1em"/><mtext>{escape(note)}</mtext>' if note else ""
    return f'<math display="block">{to_mathml(left)}<mo>=</mo>{to_mathml(right)}{shown}</math>'


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.heading)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


FORMATS: dict[Format, Callable[[Explanation], str]] = {
    "text": to_plain,
    "latex": to_latex_document,
    "markdown": to_markdown,
    "html": to_html,
}
