"""Operands of matrix operations by what they are: copies, transposes and triangles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy

from symgrad.program import (
    SOLVES,
    Access,
    Axis,
    Definition,
    Guard,
    MatrixOperation,
    MatrixRoutine,
    Program,
    Statement,
    Term,
)
from symgrad.simplify.rewriting import with_definitions

__all__ = ["read_matrices"]

_ONE_TRANSPOSED = ("determinant", "determinant_sign", "log_determinant", "log_abs_determinant")
_OTHER: dict[MatrixRoutine, MatrixRoutine] = {
    "solve": "solve",
    "solve_lower": "solve_upper",
    "solve_upper": "solve_lower",
}


def read_matrices(program: Program) -> Program:
    """t = A, f(t) -> f(A); t = Aᵀ, t⁻¹·b -> A⁻ᵀ·b and det(t) -> det(A);
    L = chol(A), L⁻¹·b -> a triangular solve, as for a matrix that is 0 above its diagonal;
    x = A⁻¹·b, A⁻¹·(c·b) -> c·x.
    """
    if not any(isinstance(s, MatrixOperation) for s in program.definitions):
        return program
    known = {s.name: s for s in program.definitions}
    shapes, dtypes = program.shapes(), program.dtypes()
    kept: list[Statement] = []
    solved: dict[object, str] = {}
    for statement in program.definitions:
        if isinstance(statement, MatrixOperation):
            statement = _read_copies(statement, known, shapes, dtypes)
            statement = _read_transposed(statement, known, shapes, dtypes)
            statement = _read_triangle(statement, known)
            solved.setdefault(_key(statement, statement.operands[-1]), statement.name)
            kept.append(_multiple(statement, known, solved))
            continue
        kept.append(statement)
    return with_definitions(program, kept)


def _read_copies(
    statement: MatrixOperation,
    known: Mapping[str, Statement],
    shapes: Mapping[str, tuple[sympy.Expr, ...]],
    dtypes: Mapping[str, str],
) -> MatrixOperation:
    operands = []
    for name in statement.operands:
        source = _source(known.get(name), shapes, dtypes)
        same = source is not None and source[1] == tuple(range(len(source[1])))
        operands.append(source[0] if source is not None and same else name)
    if tuple(operands) == statement.operands:
        return statement
    return replace(statement, operands=tuple(operands))


def _read_transposed(
    statement: MatrixOperation,
    known: Mapping[str, Statement],
    shapes: Mapping[str, tuple[sympy.Expr, ...]],
    dtypes: Mapping[str, str],
) -> MatrixOperation:
    matrix, *right = statement.operands
    source = _source(known.get(matrix), shapes, dtypes)
    if source is None:
        return statement
    name, order = source
    rank = len(order)
    if order != (*range(rank - 2), rank - 1, rank - 2):
        return statement
    if statement.routine in _ONE_TRANSPOSED:
        return replace(statement, operands=(name,))
    if statement.routine not in SOLVES:
        return statement
    return replace(
        statement,
        routine=_OTHER[statement.routine],
        operands=(name, *right),
        transposed=not statement.transposed,
    )


def _source(
    statement: Statement | None,
    shapes: Mapping[str, tuple[sympy.Expr, ...]],
    dtypes: Mapping[str, str],
) -> tuple[str, tuple[int, ...]] | None:
    """The array that a definition is a copy of, and the axis of the definition for each of its."""
    if not isinstance(statement, Definition) or len(statement.terms) != 1:
        return None
    (term,) = statement.terms
    access = term.body
    if term.axes or term.guards or not isinstance(access, Access):
        return None
    if len(access.subscripts) != len(statement.axes):
        return None
    if set(access.subscripts) != set(statement.indices):
        return None
    order = tuple(statement.indices.index(subscript) for subscript in access.subscripts)
    whole = tuple(statement.shape[axis] for axis in order) == shapes[access.name]
    return (access.name, order) if whole and dtypes[access.name] == statement.dtype else None


def _read_triangle(statement: MatrixOperation, known: Mapping[str, Statement]) -> MatrixOperation:
    if statement.routine != "solve":
        return statement
    matrix = known.get(statement.operands[0])
    if isinstance(matrix, MatrixOperation) and matrix.routine == "cholesky":
        return replace(statement, routine="solve_lower")
    if isinstance(matrix, Definition) and matrix.terms:
        row, column = matrix.indices[-2:]
        if all(_is_below(term, column, row) for term in matrix.terms):
            return replace(statement, routine="solve_lower")
        if all(_is_below(term, row, column) for term in matrix.terms):
            return replace(statement, routine="solve_upper")
    return statement


def _key(statement: MatrixOperation, right: str) -> object:
    return replace(statement, name="", operands=(statement.operands[0], right), origin=None)


def _multiple(
    statement: MatrixOperation, known: Mapping[str, Statement], solved: Mapping[object, str]
) -> Statement:
    """A solve as a multiple of an earlier one, where its right side is that of the other's."""
    right = known.get(statement.operands[-1])
    if statement.routine not in SOLVES or not isinstance(right, Definition):
        return statement
    if len(right.terms) != 1 or right.terms[0].axes or right.terms[0].guards:
        return statement
    factor, source = right.terms[0].body.as_independent(*right.indices, as_Add=False)
    if not isinstance(source, Access) or source.subscripts != right.indices:
        return statement
    first = solved.get(_key(statement, source.name))
    if first is None or first == statement.name or len(right.shape) != len(statement.shape):
        return statement
    body = factor * Access(first, *right.indices)
    axes = tuple(
        Axis(index, extent) for index, extent in zip(right.indices, statement.shape, strict=True)
    )
    return Definition(statement.name, axes, statement.dtype, (Term(body),), statement.origin)


def _is_below(term: Term, smaller: sympy.Symbol, larger: sympy.Symbol) -> bool:
    """Whether the domain of a term has smaller ≤ larger throughout."""
    return any(_proves_order(guard, smaller, larger) for guard in term.guards)


def _proves_order(guard: Guard, smaller: sympy.Symbol, larger: sympy.Symbol) -> bool:
    """Whether j ≤ i follows from one guard: j ≤ i − 1, j < i + 1, i = j + 2."""
    slack = guard.right - guard.left - (larger - smaller)
    if guard.relation == "==" and not slack.is_Integer:
        slack = guard.left - guard.right - (larger - smaller)
    if not slack.is_Integer:
        return False
    if guard.relation in ("<=", "=="):
        return bool(slack <= 0)
    return bool(guard.relation == "<" and slack <= 1)
