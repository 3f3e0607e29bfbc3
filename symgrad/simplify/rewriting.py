"""Small tools that passes share: substitution of accesses and normal forms of terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    dependencies,
    index_symbol,
    term_accesses,
)

__all__ = [
    "count_reads",
    "has_pole",
    "map_accesses",
    "map_term",
    "merge_terms",
    "rename_access",
    "rename_definitions",
    "rename_sizes",
    "replace_accesses",
    "subscripts_are_legal",
    "substitute_indices",
    "with_definitions",
]


def with_definitions(program: Program, definitions: Iterable[Statement]) -> Program:
    """The program with other definitions."""
    return replace(program, definitions=tuple(definitions))


def count_reads(program: Program) -> Counter[str]:
    """How many terms' accesses read each array; other statements count as two."""
    reads: Counter[str] = Counter()
    for statement in program.definitions:
        if isinstance(statement, Definition):
            for term in statement.terms:
                reads.update(a.name for a in term_accesses(term))
        else:
            reads.update(name for name in dependencies(statement) for _ in range(2))
    return reads


def substitute_indices(body: sympy.Expr, definition: Definition, access: Access) -> sympy.Expr:
    """A body of `definition` as seen through an access to it: its indices become subscripts."""
    return body.xreplace(dict(zip(definition.indices, access.subscripts, strict=True)))


def has_pole(expression: sympy.Basic) -> bool:
    """Whether SymPy folded a division by zero into the expression: such a fold is not used."""
    return bool(expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo))


def subscripts_are_legal(expression: sympy.Basic) -> bool:
    """Whether each subscript is affine in indices or one element, not arithmetic on an element."""
    return all(
        isinstance(subscript, Access) or not subscript.has(Access)
        for access in expression.atoms(Access)
        for subscript in access.subscripts
    )


def replace_accesses(term: Term, rule: Callable[[Access], sympy.Expr | None]) -> Term:
    """The term with every access for which the rule gives an expression replaced by it."""
    mapping: dict[sympy.Basic, sympy.Basic] = {}
    for access in term_accesses(term):
        new = rule(access)
        if new is not None:
            mapping[access] = new
    return term.xreplace(mapping) if mapping else term


def map_accesses(expression: sympy.Basic, rule: Callable[[Access], sympy.Expr]) -> sympy.Basic:
    """The expression rebuilt bottom up, so that a rule sees accesses with mapped subscripts."""
    if not expression.args or not expression.has(Access):
        return expression
    if isinstance(expression, Access):
        return rule(
            Access(expression.name, *(map_accesses(s, rule) for s in expression.subscripts))
        )
    return expression.func(*(map_accesses(argument, rule) for argument in expression.args))


def map_term(term: Term, rule: Callable[[Access], sympy.Expr]) -> Term:
    """The term with every access, in body and guards, mapped by a rule."""
    guards = tuple(
        Guard(map_accesses(g.left, rule), g.relation, map_accesses(g.right, rule))
        for g in term.guards
    )
    return replace(term, body=map_accesses(term.body, rule), guards=guards)


def rename_access(statement: Statement, names: dict[str, str]) -> Statement:
    """The statement with arrays read under other names."""
    if isinstance(statement, (Reshape, IndexCheck)):
        return replace(statement, source=names.get(statement.source, statement.source))
    if not any(name in names for name in dependencies(statement)):
        return statement
    if isinstance(statement, MatrixOperation):
        return replace(statement, operands=tuple(names.get(n, n) for n in statement.operands))

    def rule(access: Access) -> Access:
        return Access(names.get(access.name, access.name), *access.subscripts)

    return replace(statement, terms=tuple(map_term(term, rule) for term in statement.terms))


def rename_definitions(program: Program, names: dict[str, str]) -> Program:
    """The program with definitions renamed, wherever they are read."""
    kept = []
    for statement in program.definitions:
        renamed = rename_access(statement, names)
        kept.append(replace(renamed, name=names.get(statement.name, statement.name)))
    outputs = tuple(names.get(name, name) for name in program.outputs)
    return replace(program, definitions=tuple(kept), outputs=outputs)


def rename_sizes(program: Program, sizes: Mapping[sympy.Symbol, sympy.Symbol]) -> Program:
    """The program with size symbols renamed wherever they occur."""
    arguments = tuple(
        replace(a, shape=tuple(e.xreplace(sizes) for e in a.shape)) for a in program.arguments
    )
    definitions = tuple(_rename_sizes(s, sizes) for s in program.definitions)
    return replace(program, arguments=arguments, definitions=definitions)


def _rename_sizes(statement: Statement, sizes: Mapping[sympy.Symbol, sympy.Symbol]) -> Statement:
    if isinstance(statement, Definition):
        terms = tuple(
            replace(term.xreplace(sizes), axes=_rename_extents(term.axes, sizes))
            for term in statement.terms
        )
        return replace(statement, axes=_rename_extents(statement.axes, sizes), terms=terms)
    shape = tuple(extent.xreplace(sizes) for extent in statement.shape)
    if isinstance(statement, IndexCheck):
        return replace(statement, shape=shape, extent=statement.extent.xreplace(sizes))
    return replace(statement, shape=shape)


def _rename_extents(
    axes: tuple[Axis, ...], sizes: Mapping[sympy.Symbol, sympy.Symbol]
) -> tuple[Axis, ...]:
    return tuple(Axis(axis.index, axis.extent.xreplace(sizes)) for axis in axes)


def merge_terms(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms without reduction on the same domain added into one; zero terms dropped.

    Σ f + Σ f becomes Σ 2·f.
    """
    listed = list(terms)
    alike = Counter(_extents(term) for term in listed)
    merged: dict[object, Term] = {}
    equal: Counter[object] = Counter()
    for position, term in enumerate(listed):
        key: object = position if term.axes else term.guards
        if term.axes and term.reduction == "sum" and alike[_extents(term)] > 1:
            key = _with_numbered_indices(term)
        equal[key] += 1
        if key in merged and not term.axes:
            term = replace(term, body=merged[key].body + term.body)
        merged[key] = merged.get(key, term) if term.axes else term
    for key, count in equal.items():
        if count > 1 and merged[key].axes:
            merged[key] = replace(merged[key], body=count * merged[key].body)
    return tuple(t for t in merged.values() if t.body != 0 or t.reduction != "sum")


def _extents(term: Term) -> tuple[sympy.Expr, ...]:
    return tuple(axis.extent for axis in term.axes)


def _with_numbered_indices(term: Term) -> Term:
    """The term with its bound indices by number, so that equal sums are equal."""
    names = {a.index: index_symbol(f"%{k}") for k, a in enumerate(term.axes)}
    return term.rename_axes(names)
