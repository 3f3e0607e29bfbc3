"""Formulas for people: `Program` → text, LaTeX, MathML, in index and in matrix notation."""

from symgrad.explain.latex import latex_document, latex_program, latex_statement

__all__ = ["latex_document", "latex_program", "latex_statement"]
