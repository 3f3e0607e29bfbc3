"""Which arrays of a program can hold infinities although its arguments are finite."""

from __future__ import annotations

import sympy

from symgrad.differentiate.floors import Floors
from symgrad.differentiate.masks import outside_selections
from symgrad.differentiate.scalar import is_bounded, is_total
from symgrad.program import Access, Definition, Program, Reshape, Statement, accesses, is_floating

__all__ = ["Poles"]


class Poles:
    """Names of arrays that can be infinite, by the definitions noted so far."""

    def __init__(self, program: Program) -> None:
        self.unsafe: set[str] = set()
        self.floors = Floors(program)
        self.totals = frozenset(
            s.name
            for s in program.definitions
            if isinstance(s, Definition) and any(t.reduction == "logsumexp" for t in s.terms)
        )

    def note(self, statement: Statement) -> None:
        """Remembers an array that can be infinite; who selects has said where values are good."""
        if isinstance(statement, Reshape) and statement.source in self.unsafe:
            self.unsafe.add(statement.name)
        if not isinstance(statement, Definition) or not is_floating(statement.dtype):
            return
        if not all(self.is_finite(outside_selections(term.body)) for term in statement.terms):
            self.unsafe.add(statement.name)

    def is_finite(self, expression: sympy.Expr) -> bool:
        """Whether an expression is finite for all finite arguments of the program."""
        if expression.is_Mul or expression.is_Add:
            return all(map(self.is_finite, expression.args))
        found = accesses(expression)
        if not found or is_bounded(expression):
            return True
        known = all(access.name not in self.unsafe for access in found)
        plain = self.floors.without_divisions(expression)
        return known and is_total(plain.xreplace(self._softmax_weights(plain)))

    def _softmax_weights(self, expression: sympy.Expr) -> dict[sympy.Basic, sympy.Basic]:
        """exp(u − logsumexp(u)), which is at most 1, by 1."""
        found: dict[sympy.Basic, sympy.Basic] = {}
        for node in expression.atoms(sympy.exp):
            for part in sympy.Add.make_args(node.args[0]):
                access = -part
                if isinstance(access, Access) and access.name in self.totals:
                    found[node] = sympy.S.One
        return found
