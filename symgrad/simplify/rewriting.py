"""Small tools that passes share: substitution of accesses and normal forms of terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Definition,
    IndexCheck,
    Program,
    Reshape,
    Statement,
    Term,
    accesses,
    term_accesses,
)

__all__ = [
    "merge_terms",
    "rename_access",
    "rename_definitions",
    "replace_accesses",
    "substitute_indices",
    "with_definitions",
]


def with_definitions(program: Program, definitions: Iterable[Statement]) -> Program:
    """The program with other definitions."""
    return replace(program, definitions=tuple(definitions))


def substitute_indices(body: sympy.Expr, definition: Definition, access: Access) -> sympy.Expr:
    """A body of `definition` as seen through an access to it: its indices become subscripts."""
    return body.xreplace(dict(zip(definition.indices, access.subscripts, strict=True)))


def replace_accesses(term: Term, rule: Callable[[Access], sympy.Expr | None]) -> Term:
    """The term with every access for which the rule gives an expression replaced by it."""
    mapping: dict[sympy.Basic, sympy.Basic] = {}
    for access in term_accesses(term):
        new = rule(access)
        if new is not None:
            mapping[access] = new
    return term.xreplace(mapping) if mapping else term


def rename_access(statement: Statement, names: dict[str, str]) -> Statement:
    """The statement with arrays read under other names."""
    if isinstance(statement, (Reshape, IndexCheck)):
        return replace(statement, source=names.get(statement.source, statement.source))

    def rule(access: Access) -> sympy.Expr | None:
        if not any(inner.name in names for inner in accesses(access)):
            return None
        return _renamed(access, names)

    return replace(statement, terms=tuple(replace_accesses(t, rule) for t in statement.terms))


def _renamed(expression: sympy.Basic, names: dict[str, str]) -> sympy.Basic:
    """Rebuild bottom up, so that accesses inside subscripts are renamed with their parent."""
    if not expression.args or not expression.has(Access):
        return expression
    if isinstance(expression, Access):
        inner = [_renamed(s, names) for s in expression.subscripts]
        return Access(names.get(expression.name, expression.name), *inner)
    return expression.func(*(_renamed(argument, names) for argument in expression.args))


def rename_definitions(program: Program, names: dict[str, str]) -> Program:
    """The program with definitions renamed, wherever they are read."""
    kept = []
    for statement in program.definitions:
        renamed = rename_access(statement, names)
        kept.append(replace(renamed, name=names.get(statement.name, statement.name)))
    outputs = tuple(names.get(name, name) for name in program.outputs)
    return replace(program, definitions=tuple(kept), outputs=outputs)


def merge_terms(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms without reduction on the same domain added into one; zero terms dropped."""
    merged: dict[object, Term] = {}
    for position, term in enumerate(terms):
        key: object = position if term.axes else term.guards
        if key in merged:
            term = replace(term, body=merged[key].body + term.body)
        merged[key] = term
    return tuple(t for t in merged.values() if t.body != 0 or t.reduction != "sum")
