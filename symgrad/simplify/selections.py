"""Selections with the same condition made one: x·[c] + y·[not c] -> select(c, x, y)."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import Definition, Program, Statement
from symgrad.program import functions as f
from symgrad.simplify.rewriting import with_definitions

__all__ = ["merge_selections"]


def merge_selections(program: Program) -> Program:
    """x·select(c, 1, 0) -> select(c, x, 0), select(c, x, 0) + select(c, 0, y) -> select(c, x, y).

    In bodies without a sum only: under a sum a selection is a factor like any other, which a
    contraction and the hoisting of factors rely on.
    """
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            terms = tuple(
                t if t.axes or not t.body.has(f.select) else replace(t, body=_merged(t.body))
                for t in statement.terms
            )
            if terms != statement.terms:
                statement = replace(statement, terms=terms)
        kept.append(statement)
    return with_definitions(program, kept)


def _merged(body: sympy.Expr) -> sympy.Expr:
    by_condition: dict[sympy.Expr, tuple[sympy.Expr, sympy.Expr]] = {}
    rest: list[sympy.Expr] = []
    for part in sympy.Add.make_args(body):
        selection = _selection(part)
        if selection is None:
            rest.append(part)
            continue
        condition, a, b = selection
        first, second = by_condition.get(condition, (sympy.S.Zero, sympy.S.Zero))
        by_condition[condition] = (first + a, second + b)
    if not by_condition:
        return body
    parts = [f.select(condition, a, b) for condition, (a, b) in by_condition.items()]
    return sympy.Add(*rest, *parts)


def _selection(part: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr] | None:
    """The condition and both branches of a product with one selection of 0 and something."""
    factors = sympy.Mul.make_args(part)
    found = [x for x in factors if isinstance(x, f.select)]
    if len(found) != 1:
        return None
    (selection,) = found
    condition, a, b = selection.args
    if sympy.S.Zero not in (a, b):
        return None
    others = sympy.Mul(*(x for x in factors if x is not selection))
    return condition, a * others, b * others
