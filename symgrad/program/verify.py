"""What a legal program is. Run after capture and, in tests, after every pass."""

from __future__ import annotations

import sympy

from symgrad.errors import ProgramError
from symgrad.program.definitions import (
    REDUCTIONS,
    Definition,
    MatrixOperation,
    Program,
    Statement,
    Term,
    dependencies,
    term_accesses,
    term_expressions,
)
from symgrad.program.symbols import INFINITY, NOT_A_NUMBER

__all__ = ["verify"]


def verify(program: Program) -> Program:
    """The program itself, if it is legal.

    Legal means: names are unique and defined before use; every access has the rank of its array;
    every symbol is a bound index, a size or a non-finite constant; indices of a term are distinct;
    a reduction other than a sum stands alone; the outputs exist.

    Raises:
        ProgramError: naming the definition and the rule it breaks.
    """
    shapes = program.shapes()
    known = {a.name for a in program.arguments} | {c.name for c in program.constants}
    sizes = frozenset(program.sizes())
    for statement in program.definitions:
        _require(statement.name not in known, statement, "its name is taken already")
        for name in dependencies(statement):
            _require(name in known, statement, f"it reads '{name}' before it is defined")
        if isinstance(statement, Definition):
            for term in statement.terms:
                _verify_term(statement, term, shapes, sizes)
        if isinstance(statement, MatrixOperation):
            _verify_matrices(statement, shapes)
        known.add(statement.name)
    for name in program.outputs:
        if name not in known:
            raise ProgramError(f"program '{program.name}': output '{name}' is not defined")
    return program


def _verify_term(
    definition: Definition,
    term: Term,
    shapes: dict[str, tuple[sympy.Expr, ...]],
    sizes: frozenset[sympy.Symbol],
) -> None:
    indices = [axis.index for axis in definition.axes + term.axes]
    _require(len(set(indices)) == len(indices), definition, "an index is bound twice")
    _require(term.reduction in REDUCTIONS, definition, f"unknown reduction '{term.reduction}'")
    alone = term.reduction == "sum" or len(definition.terms) == 1
    _require(alone, definition, f"a {term.reduction} must be the only term")
    for access in term_accesses(term):
        rank = len(shapes[access.name])
        _require(
            len(access.subscripts) == rank,
            definition,
            f"'{access.name}' has {rank} axes but {len(access.subscripts)} subscripts",
        )
    allowed = sizes | {*indices, INFINITY, NOT_A_NUMBER}
    for expression in term_expressions(term):
        for symbol in sorted(expression.free_symbols - allowed, key=str):
            _require(False, definition, f"symbol '{symbol}' is neither an index nor a size")


def _verify_matrices(statement: MatrixOperation, shapes: dict[str, tuple[sympy.Expr, ...]]) -> None:
    """Operands are matrices of the sizes that the result has, with its batch axes or none."""
    matrix = shapes[statement.operands[0]]
    square = len(matrix) >= 2 and sympy.expand(matrix[-1] - matrix[-2]) == 0
    _require(square, statement, f"'{statement.operands[0]}' is not square")
    cores = (2, statement.core)[: len(statement.operands)]
    _require(len(cores) == len(statement.operands), statement, "it has too many operands")
    for name, core in zip(statement.operands, cores, strict=True):
        batch = shapes[name][: len(shapes[name]) - core]
        _require(
            batch in ((), statement.batch),
            statement,
            f"the batch axes of '{name}' are not those of the result",
        )


def _require(condition: bool, statement: Statement, reason: str) -> None:
    if not condition:
        where = f" ({statement.origin})" if statement.origin else ""
        raise ProgramError(f"definition '{statement.name}'{where}: {reason}")
