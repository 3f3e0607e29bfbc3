"""What stays above a positive number for all arguments, so that dividing by it gives no infinity.

A sum of squares plus 1e-5 is no zero, nor is its root, though it is another definition. Bounds are
numbers: 1e-20 + x² is no zero, but (1e-20 + x²)² is one in single precision, and exp(x) > 0 can be
0 in a computer.
"""

from __future__ import annotations

import math

import sympy

from symgrad.program import Access, Definition, Program, Reshape, Statement
from symgrad.program import functions as f

__all__ = ["Floors"]

_LEAST = 1e-30  # within the range of single precision, and so is its reciprocal
_NONNEGATIVE = (sympy.Abs, f.absolute, sympy.exp, f.softplus, f.sigmoid)


class Floors:
    """Lower bounds of a program's arrays, where they are at least zero for all arguments."""

    def __init__(self, program: Program) -> None:
        self.bounds: dict[str, float] = {}
        for statement in program.definitions:
            self._note(statement)

    def _note(self, statement: Statement) -> None:
        if isinstance(statement, Reshape) and statement.source in self.bounds:
            self.bounds[statement.name] = self.bounds[statement.source]
        if not isinstance(statement, Definition):
            return
        total = 0.0
        for term in statement.terms:
            bound = self.bound(term.body)
            if bound is None or (term.axes and term.reduction != "sum"):
                return
            total += 0.0 if term.axes or term.guards else bound
        self.bounds[statement.name] = total

    def bound(self, expression: sympy.Expr) -> float | None:
        """What an expression is at least for all arguments; None if it can be below zero."""
        if expression.is_number:
            return float(expression) if expression.is_nonnegative else None
        if isinstance(expression, Access):
            return self.bounds.get(expression.name)
        if expression.is_Add or expression.is_Mul:
            return self._combined(expression)
        if expression.is_Pow:
            return self._power(expression)
        if isinstance(expression, sympy.cosh):
            return 1.0
        known = expression.is_Symbol and expression.is_positive
        return 0.0 if known or isinstance(expression, _NONNEGATIVE) else None

    def _combined(self, expression: sympy.Expr) -> float | None:
        bounds = [self.bound(part) for part in expression.args]
        known = [bound for bound in bounds if bound is not None]
        if len(known) < len(bounds):
            return None
        return sum(known) if expression.is_Add else math.prod(known)

    def _power(self, power: sympy.Expr) -> float | None:
        bound = self.bound(power.base)
        if bound is not None and power.exp.is_number and power.exp.is_positive:
            return _raised(bound, power.exp)
        even = power.exp.is_Integer and power.exp % 2 == 0
        return 0.0 if even or bound is not None else None

    def without_divisions(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression with 1 in place of each quotient that is finite for all arguments."""
        found = {
            node: sympy.S.One
            for node in expression.atoms(sympy.Pow)
            if node.exp.is_negative and self._stays_above_zero(node)
        }
        return expression.xreplace(found) if found else expression

    def _stays_above_zero(self, quotient: sympy.Expr) -> bool:
        """Whether base^|e| of base^−|e| is no zero and no number that underflows."""
        bound = self.bound(quotient.base)
        if bound is None or not quotient.exp.is_number:
            return False
        return bound >= _LEAST and _raised(bound, -quotient.exp) >= _LEAST


def _raised(bound: float, exponent: sympy.Expr) -> float:
    """bound^exponent, the largest number where that is too large."""
    try:
        return float(bound ** float(exponent))
    except OverflowError:
        return math.inf
