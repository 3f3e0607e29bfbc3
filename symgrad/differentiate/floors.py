"""What stays above a positive number for all arguments, so that dividing by it gives no infinity.

A sum of squares plus 1e-5 is no zero, nor is its root, though it is another definition. Only
numbers count that no type of floating point underflows: exp(x) > 0 can be 0 in a computer.
"""

from __future__ import annotations

import sympy

from symgrad.program import Access, Definition, Program, Reshape, Statement
from symgrad.program import functions as f

__all__ = ["Floors"]

_LEAST = 1e-30  # within the range of single precision
_MOST_POWER = 4
_NONNEGATIVE = (sympy.Abs, f.absolute, sympy.exp, sympy.cosh, f.softplus, f.sigmoid)


class Floors:
    """Arrays of a program that are at least zero, and those that are at least a positive number."""

    def __init__(self, program: Program) -> None:
        self.nonnegative: set[str] = set()
        self.positive: set[str] = set()
        for statement in program.definitions:
            self._note(statement)

    def _note(self, statement: Statement) -> None:
        if isinstance(statement, Reshape):
            for names in (self.nonnegative, self.positive):
                if statement.source in names:
                    names.add(statement.name)
        if not isinstance(statement, Definition):
            return
        if not all(
            self.is_nonnegative(term.body) and (term.reduction == "sum" or not term.axes)
            for term in statement.terms
        ):
            return
        self.nonnegative.add(statement.name)
        whole = (term for term in statement.terms if not term.axes and not term.guards)
        if any(self.is_positive(term.body) for term in whole):
            self.positive.add(statement.name)

    def is_nonnegative(self, expression: sympy.Expr) -> bool:
        """Whether an expression is at least 0 (or not a number) for all arguments."""
        if expression.is_number:
            return bool(expression.is_nonnegative)
        if isinstance(expression, Access):
            return expression.name in self.nonnegative
        if expression.is_Add or expression.is_Mul:
            return all(map(self.is_nonnegative, expression.args))
        if expression.is_Pow:
            even = bool(expression.exp.is_Integer and expression.exp % 2 == 0)
            return even or self.is_nonnegative(expression.base)
        return bool(expression.is_Symbol and expression.is_positive) or isinstance(
            expression, _NONNEGATIVE
        )

    def is_positive(self, expression: sympy.Expr) -> bool:
        """Whether an expression is at least some positive number for all arguments."""
        if expression.is_number:
            return bool(expression.is_real and expression >= _LEAST)
        if isinstance(expression, Access):
            return expression.name in self.positive
        if expression.is_Add:
            return all(map(self.is_nonnegative, expression.args)) and any(
                map(self.is_positive, expression.args)
            )
        if expression.is_Mul:
            number, rest = expression.as_coeff_Mul()
            return number != 1 and self.is_positive(number) and self.is_positive(rest)
        if expression.is_Pow:
            power = expression.exp
            return bool(power.is_number and 0 < power <= _MOST_POWER) and self.is_positive(
                expression.base
            )
        return isinstance(expression, sympy.cosh)

    def without_divisions(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression with 1 in place of each quotient that is finite for all arguments."""
        found = {
            node: sympy.S.One
            for node in expression.atoms(sympy.Pow)
            if node.exp.is_negative and self.is_positive(node.base)
        }
        return expression.xreplace(found) if found else expression
