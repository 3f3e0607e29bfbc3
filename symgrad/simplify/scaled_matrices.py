"""Numbers taken out of matrix operations: (c·A)⁻¹ = A⁻¹/c, log det(c·A) = n·log c + log det A."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import (
    SOLVES,
    Access,
    Definition,
    MatrixOperation,
    Program,
    Statement,
    Term,
)
from symgrad.program.naming import FreshIndices, FreshNames
from symgrad.simplify.rewriting import with_definitions

__all__ = ["take_out_numbers"]


def take_out_numbers(program: Program) -> Program:
    """T = c·A, f(T) -> g(f(A)) for a number c > 0, so that operations on A and c·A are shared.

    A determinant itself keeps its number: cⁿ leaves the range of floats.
    """
    if not any(isinstance(s, MatrixOperation) for s in program.definitions):
        return program
    known = {s.name: s for s in program.definitions}
    shapes = program.shapes()
    kept: list[Statement] = []
    fresh, index = FreshNames(program), FreshIndices(program, "s")
    for statement in program.definitions:
        if isinstance(statement, MatrixOperation):
            found = _multiple(known.get(statement.operands[0]), program)
            if found is not None and statement.routine not in ("determinant", "cofactors"):
                number, source = found
                name = fresh(f"{statement.name}_of_{source}")
                operands = (source, *statement.operands[1:])
                kept.append(replace(statement, name=name, operands=operands))
                axes = index.axes(statement.shape)
                value = Access(name, *(axis.index for axis in axes))
                body = _scaled(statement, value, number, shapes[source][-1])
                terms = (Term(body),)
                origin = statement.origin
                statement = Definition(statement.name, axes, statement.dtype, terms, origin)
        kept.append(statement)
    return with_definitions(program, kept)


def _scaled(
    statement: MatrixOperation, value: Access, number: sympy.Expr, extent: sympy.Expr
) -> sympy.Expr:
    if statement.routine == "inverse" or statement.routine in SOLVES:
        return value / number
    if statement.routine == "cholesky":
        return sympy.sqrt(number) * value
    if statement.routine == "determinant_sign":
        return value
    return value + extent * sympy.log(number)


def _multiple(statement: Statement | None, program: Program) -> tuple[sympy.Expr, str] | None:
    """c and A of a definition that is c·A as a whole."""
    if not isinstance(statement, Definition) or len(statement.terms) != 1:
        return None
    (term,) = statement.terms
    number, access = term.body.as_coeff_Mul()
    if term.axes or term.guards or not isinstance(access, Access) or number == 1:
        return None
    whole = program.shapes()[access.name] == statement.shape
    same = program.dtypes()[access.name] == statement.dtype
    plain = access.subscripts == statement.indices and whole and same
    return (number, access.name) if plain and number > 0 else None
