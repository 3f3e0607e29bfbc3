"""Recognition of naive spellings: what overflows or cancels is replaced by a named stable function.

Patterns are looked for across definitions: an access to an element-wise definition is seen as its
body. The rules lie in `spellings/`; each rewrite is reported with the model line it was written on.
"""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import Access, Definition, Program, Statement, format_expression
from symgrad.simplify.cleaning import merge_equal
from symgrad.simplify.rewriting import has_pole, with_definitions
from symgrad.simplify.spellings import RULES, Views

__all__ = ["stabilise"]

_MOST_REWRITES = 8  # of one node; each rule leaves a form that no rule takes back


def stabilise(program: Program) -> tuple[Program, tuple[str, ...]]:
    """The program with stable functions for naive spellings, and a note for each rewrite.

    log(1 + eᵘ) -> softplus(u) · eᵘ/Σ eᵘ -> exp(u − logsumexp(u)) · 1 − cos(u) -> versine(u) · …
    """
    program = merge_equal(program)  # exp(x) written twice is one exponential
    views = Views(program)
    kept: list[Statement] = []
    notes: list[str] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            statement = _rewrite_definition(statement, views, notes)
            kept.extend(views.take_new())
        kept.append(statement)
    return with_definitions(program, kept), tuple(notes)


def _rewrite_definition(definition: Definition, views: Views, notes: list[str]) -> Definition:
    terms = []
    for term in definition.terms:
        body = _rewrite(term.body, views)
        if body != term.body:
            where = f", {definition.origin}" if definition.origin else ""
            old, new = format_expression(views.spell_out(term.body)), format_expression(body)
            if old != new:
                notes.append(f"stabilised: {old} → {new}{where}")
        terms.append(replace(term, body=body))
    definition = replace(definition, terms=tuple(terms))
    views.add(definition)
    return definition


def _rewrite(node: sympy.Expr, views: Views) -> sympy.Expr:
    """The expression with rules applied bottom up, until none matches."""
    if isinstance(node, Access) or not node.args:
        return node
    if node.is_Mul:  # before 1/(1 + eᵘ) below hides what eᵘ above belongs to
        node = _apply_rules(node, views) or node
    arguments = [_rewrite(argument, views) for argument in node.args]
    if tuple(arguments) != node.args:
        node = node.func(*arguments)
    for _ in range(_MOST_REWRITES):
        found = _apply_rules(node, views)
        if found is None:
            return node
        node = found
    return node


def _apply_rules(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    for rule in RULES:
        found = rule.apply(node, views)
        if found is not None and found != node and not has_pole(found):
            return found
    return None
