"""Matrices that are symmetric by their definitions: kernels, Gram matrices, covariances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    MatrixOperation,
    Program,
    Statement,
    Term,
    accesses,
)
from symgrad.program import functions as f
from symgrad.simplify.rewriting import map_accesses, map_term, with_definitions

__all__ = ["symmetric_arrays", "use_symmetry"]


def use_symmetry(program: Program) -> Program:
    """A = Aᵀ: A⁻ᵀ·b -> A⁻¹·b, and A[k,i] -> A[i,k], for its inverse too."""
    if not any(isinstance(s, MatrixOperation) for s in program.definitions):
        return program
    symmetric = symmetric_arrays(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition) and symmetric:
            statement = _read_in_order(statement, symmetric)
        elif isinstance(statement, MatrixOperation) and statement.routine == "solve":
            turned = statement.transposed and statement.operands[0] in symmetric
            statement = replace(statement, transposed=False) if turned else statement
        kept.append(statement)
    return with_definitions(program, kept)


def symmetric_arrays(program: Program) -> frozenset[str]:
    """Arrays that are equal when their last two axes are exchanged, as their terms show."""
    found: set[str] = set()
    for statement in program.definitions:
        if isinstance(statement, MatrixOperation):
            kept = statement.routine in ("inverse", "cofactors")
            if kept and statement.operands[0] in found:
                found.add(statement.name)
        elif isinstance(statement, Definition) and _is_symmetric(statement, found):
            found.add(statement.name)
    return frozenset(found)


def _is_symmetric(definition: Definition, known: Collection[str]) -> bool:
    if len(definition.axes) < 2 or definition.shape[-1] != definition.shape[-2]:
        return False
    row, column = definition.indices[-2:]
    if not _reads_both_ways(definition, known):
        return False
    plain = [_on_diagonal(term, row, column) for term in definition.terms]
    swap: dict[sympy.Basic, sympy.Basic] = {row: column, column: row}
    turned = [_on_diagonal(term.xreplace(swap), row, column) for term in definition.terms]
    return Counter(_key(t, known) for t in plain) == Counter(_key(t, known) for t in turned)


def _reads_both_ways(definition: Definition, known: Collection[str]) -> bool:
    """Whether what is read at [i,k] is read at [k,i] too: quick to see, and mostly it is not."""
    row, column = definition.indices[-2:]
    swap = {row: column, column: row}
    tied = [t for t in definition.terms if any(g.relation == "==" for g in t.guards)]
    reads = {a for t in definition.terms if t not in tied for a in accesses(t.body)}
    others = [access for access in reads if access.name not in known]
    turned = (Access(a.name, *(swap.get(s, s) for s in a.subscripts)) for a in others)
    return all(access in reads for access in turned)


def _on_diagonal(term: Term, row: sympy.Symbol, column: sympy.Symbol) -> Term:
    """[i = k]·f(k) -> [i = k]·f(i)"""
    tied = any(g.relation == "==" and {g.left, g.right} == {row, column} for g in term.guards)
    return replace(term, body=term.body.xreplace({column: row})) if tied else term


def _key(term: Term, known: Collection[str]) -> tuple[object, ...]:
    """A term up to the order of symmetric reads and the signs of what is squared."""
    guards = frozenset(
        frozenset((guard.left, guard.right))
        if guard.relation in ("==", "!=")
        else (guard.left, guard.relation, guard.right)
        for guard in term.guards
    )
    relations = tuple(sorted(guard.relation for guard in term.guards))
    return (_normal(term.body, known), term.axes, term.reduction, relations, guards)


def _normal(body: sympy.Expr, known: Collection[str]) -> sympy.Basic:
    def ordered(access: Access) -> Access:
        if access.name not in known:
            return access
        *batch, first, second = access.subscripts
        if sympy.default_sort_key(first) > sympy.default_sort_key(second):
            first, second = second, first
        return Access(access.name, *batch, first, second)

    return _without_signs(map_accesses(body, ordered))


def _without_signs(node: sympy.Basic) -> sympy.Basic:
    """(a − b)² and (b − a)² as one of them, likewise |a − b|."""
    if not node.args or isinstance(node, Access):
        return node
    arguments = [_without_signs(argument) for argument in node.args]
    even = node.is_Pow and node.exp.is_Integer and node.exp % 2 == 0
    if (even or isinstance(node, f.absolute)) and arguments[0].could_extract_minus_sign():
        arguments[0] = -arguments[0]
    return node.func(*arguments)


def _read_in_order(definition: Definition, symmetric: Collection[str]) -> Definition:
    """A[k,i] -> A[i,k], the order in which the definition has its indices."""
    terms = []
    for term in definition.terms:
        axes: tuple[Axis, ...] = (*definition.axes, *term.axes)
        place = {axis.index: position for position, axis in enumerate(axes)}

        def rule(access: Access, place: dict[sympy.Symbol, int] = place) -> Access:
            if access.name not in symmetric:
                return access
            *batch, first, second = access.subscripts
            if place.get(first, -1) <= place.get(second, len(place)):
                return access
            return Access(access.name, *batch, second, first)

        terms.append(map_term(term, rule))
    if tuple(terms) == definition.terms:
        return definition
    return replace(definition, terms=tuple(terms))
