"""Definitions and programs in LaTeX, index notation."""

from __future__ import annotations

import sympy

from symgrad.explain.index_layout import layout_domain, layout_expression, layout_left, layout_right
from symgrad.explain.printing import to_latex
from symgrad.program import Program, Statement

__all__ = ["latex_document", "latex_expression", "latex_program", "latex_statement"]


def latex_expression(expression: sympy.Expr) -> str:
    """A scalar body in LaTeX's mathematical mode."""
    return to_latex(layout_expression(expression))


def latex_statement(statement: Statement, align: bool = False) -> str:
    """One definition as `name_{indices} = terms`; with `align`, with amsmath's alignment mark.

    Args:
        statement: a definition, reshape or index check of a program.
        align: put `&` before the equals sign.

    Returns:
        LaTeX for the mathematical mode.
    """
    equals = "&=" if align else "="
    return f"{to_latex(layout_left(statement))} {equals} {to_latex(layout_right(statement))}"


def latex_program(program: Program) -> str:
    """All definitions of a program as an `aligned` block, one a line, with ranges of indices.

    Returns:
        LaTeX for the mathematical mode; it needs the package amsmath.
    """
    lines = []
    for statement in program.definitions:
        domain = layout_domain(statement)
        shown = f" && {to_latex(domain)}" if domain is not None else ""
        lines.append(f"  {latex_statement(statement, align=True)}{shown}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def latex_document(*blocks: str) -> str:
    """Blocks of mathematics as a document of their own that LaTeX compiles."""
    shown = "\n\n".join(f"\\[\n{block}\n\\]" for block in blocks)
    return (
        "\\documentclass[a4paper,landscape]{article}\n\\usepackage[margin=1cm]{geometry}\n"
        f"\\usepackage{{amsmath}}\n\\begin{{document}}\n{shown}\n\\end{{document}}\n"
    )
