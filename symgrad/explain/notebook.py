"""What a notebook shows for a compiled function: value and derivatives, typeset."""

from __future__ import annotations

from symgrad.driver import Derived
from symgrad.explain.explanation import derivative_sections
from symgrad.explain.formats import aligned, section_html

__all__ = ["notebook_html", "notebook_latex"]


def notebook_latex(derived: Derived) -> str:
    """Value and derivatives between dollar signs: matrix notation where there is one."""
    blocks = [
        f"$$\n{aligned(section.formulas)}\n$$"
        for section in derivative_sections(derived, None, both=False)
        if section.formulas
    ]
    return "\n\n".join(blocks)


def notebook_html(derived: Derived) -> str:
    """Value and derivatives as MathML: matrix notation where there is one, then indices."""
    return "\n".join(map(section_html, derivative_sections(derived, None)))
