"""What a structured Jacobian is: a sum of guarded products in row and column indices."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from symgrad.differentiate.ties import solve_ties
from symgrad.program import Axis, DType, Guard, Term

__all__ = ["Entry", "Jacobian", "transpose_jacobian"]


@dataclass(frozen=True, slots=True)
class Entry:
    """`[guards] · Π factors`: one part of a Jacobian, in row and column indices."""

    guards: tuple[Guard, ...]
    factors: tuple[sympy.Expr, ...]

    @property
    def body(self) -> sympy.Expr:
        return sympy.Mul(*self.factors)

    def term(self) -> Term:
        """The entry as a term of a definition over rows and columns."""
        return Term(self.body, (), "sum", self.guards)


@dataclass(frozen=True, slots=True)
class Jacobian:
    """∂output[rows]/∂wrt[columns] = Σ entries."""

    output: str
    wrt: str
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    dtype: DType
    entries: tuple[Entry, ...]


def transpose_jacobian(jacobian: Jacobian) -> Jacobian:
    """The same with rows and columns exchanged: deltas are solved for the new columns."""
    columns = jacobian.rows
    entries = []
    for entry in jacobian.entries:
        guards, factors = solve_ties(entry.guards, entry.factors, columns)
        entries.append(Entry(guards, tuple(factors)))
    return Jacobian(
        jacobian.wrt,
        jacobian.output,
        jacobian.columns,
        columns,
        jacobian.dtype,
        tuple(entries),
    )
