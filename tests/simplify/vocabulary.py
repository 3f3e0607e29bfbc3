"""Short spellings for programs written by hand."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from symgrad.program import (
    Access,
    Argument,
    Axis,
    Definition,
    DType,
    Program,
    Statement,
    Term,
    index_symbol,
    size_symbol,
    verify,
)

n, m, d = size_symbol("n"), size_symbol("m"), size_symbol("d")
i, j, k, r = (index_symbol(name) for name in "ijkr")
ROW, COLUMN = (Axis(i, n),), (Axis(j, d),)
MATRIX = (*ROW, *COLUMN)


def x(index: sympy.Expr = i) -> Access:
    return Access("x", index)


def y(index: sympy.Expr = i) -> Access:
    return Access("y", index)


def w(index: sympy.Expr = j) -> Access:
    return Access("w", index)


def X(row: sympy.Expr = i, column: sympy.Expr = j) -> Access:
    return Access("X", row, column)


ARGUMENTS = (
    Argument("x", (n,), "float64"),
    Argument("y", (n,), "float64"),
    Argument("w", (d,), "float64"),
    Argument("X", (n, d), "float64"),
    Argument("p", (m,), "int64"),
)


def define(
    name: str, axes: tuple[Axis, ...], *bodies: sympy.Expr | Term, dtype: DType = "float64"
) -> Definition:
    """A definition whose terms are plain bodies or terms."""
    terms = tuple(b if isinstance(b, Term) else Term(sympy.sympify(b)) for b in bodies)
    return Definition(name, axes, dtype, terms)


def total(body: sympy.Expr, *axes: Axis) -> Term:
    return Term(body, axes)


def program(*statements: Statement, outputs: Iterable[str] | None = None) -> Program:
    """A legal program over the common arguments; its last statement is its output."""
    names = tuple(outputs) if outputs else (statements[-1].name,)
    return verify(Program("f", ARGUMENTS, statements, names))
