"""Selection, comparisons, and functions that are constant or have kinks.

Comparisons are numbers (1 where true, 0 where false), so that a mask can be a factor. The
derivative of a function that is constant almost everywhere is declared zero; at a kink it is the
value that the class states.
"""

from __future__ import annotations

import sympy
from sympy import Integer, Rational

__all__ = [
    "ConstantFunction",
    "ScalarFunction",
    "absolute",
    "cast_integer",
    "ceil",
    "clip",
    "conjunction",
    "copysign",
    "disjunction",
    "equal",
    "exceeds",
    "floor",
    "floor_mod",
    "fmod",
    "heaviside",
    "is_nan",
    "less",
    "less_equal",
    "maximum",
    "minimum",
    "negation",
    "not_equal",
    "rint",
    "select",
    "signum",
    "trunc",
]


class ScalarFunction(sympy.Function):
    """Base of the functions below: real-valued, differentiated by `fdiff`."""

    is_real = True
    is_extended_real = True
    is_commutative = True


class ConstantFunction(ScalarFunction):
    """A function that is constant almost everywhere: its derivative is declared zero."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.S.Zero


def _are_numbers(*operands: sympy.Expr) -> bool:
    """Whether a comparison can be decided; what SymPy folded to a pole or NaN cannot."""
    return all(x.is_Number and x.is_finite for x in operands)


# --- selection ---------------------------------------------------------------------------------


class select(ScalarFunction):
    """`select(c, a, b)` = a where c is not 0, else b.

    The derivative keeps the selection outermost, so the branch not taken contributes exactly 0.
    """

    nargs = 3

    @classmethod
    def eval(cls, condition: sympy.Expr, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        if condition.is_Number:
            return a if condition != 0 else b
        if isinstance(condition, negation):
            return select(condition.args[0], b, a)
        inner_a, inner_b = _under(condition, a, 1), _under(condition, b, 2)
        if inner_a == inner_b:
            return inner_a
        return None if (inner_a, inner_b) == (a, b) else select(condition, inner_a, inner_b)

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        condition, a, b = self.args
        return select(condition, a.diff(symbol), b.diff(symbol))


def _under(condition: sympy.Expr, branch: sympy.Expr, position: int) -> sympy.Expr:
    """The branch with selections by the same condition decided."""
    found = [node for node in branch.atoms(select) if node.args[0] == condition]
    return branch.xreplace({node: node.args[position] for node in found}) if found else branch


class less(ConstantFunction):
    """1 where a < b, else 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(bool(a < b))) if _are_numbers(a, b) else None


class less_equal(ConstantFunction):
    """1 where a ≤ b, else 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(bool(a <= b))) if _are_numbers(a, b) else None


class equal(ConstantFunction):
    """1 where a = b, else 0. `equal(x, x)` is kept: it is 0 where x is not a number."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(a == b)) if _are_numbers(a, b) else None


class not_equal(ConstantFunction):
    """1 where a ≠ b, else 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(a != b)) if _are_numbers(a, b) else None


class conjunction(ConstantFunction):
    """1 where both a and b are not 0, else 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        if a.is_zero or b.is_zero:
            return sympy.S.Zero
        return Integer(1) if _are_numbers(a, b) else None


class disjunction(ConstantFunction):
    """1 where a or b is not 0, else 0."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(a != 0 or b != 0)) if _are_numbers(a, b) else None


class negation(ConstantFunction):
    """1 where a is 0, else 0."""

    nargs = 1

    @classmethod
    def eval(cls, a: sympy.Expr) -> sympy.Expr | None:
        return Integer(int(a == 0)) if a.is_Number else None


class is_nan(ConstantFunction):
    """1 where a is not a number, else 0."""

    nargs = 1


# --- piecewise constant ------------------------------------------------------------------------


class signum(ConstantFunction):
    """−1, 0 or 1: the sign of x."""

    nargs = 1

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        return sympy.sign(x) if x.is_Number else None


class floor(ConstantFunction):
    """The largest integer not above x."""

    nargs = 1


class ceil(ConstantFunction):
    """The smallest integer not below x."""

    nargs = 1


class trunc(ConstantFunction):
    """x without its fraction, towards zero."""

    nargs = 1


class rint(ConstantFunction):
    """The nearest integer, halves to even."""

    nargs = 1


class cast_integer(ConstantFunction):
    """x truncated to an integer, as `astype(int64)` does."""

    nargs = 1


class exceeds(ConstantFunction):
    """1 where a > b, 1/2 where a = b, else 0: the derivative of `maximum(a, b)` by a."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        if _are_numbers(a, b):
            return Rational(1, 2) if a == b else Integer(int(bool(a > b)))
        return None


class heaviside(ScalarFunction):
    """0 where x < 0, h where x = 0, 1 where x > 0."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.S.Zero if argindex == 1 else equal(self.args[0], 0)


# --- kinks -------------------------------------------------------------------------------------


class absolute(ScalarFunction):
    """|x|; the derivative is the sign, 0 at 0."""

    nargs = 1

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        return abs(x) if x.is_Number else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return signum(self.args[0])


class maximum(ScalarFunction):
    """The larger of a and b; at a tie the derivative is 1/2 each."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return max(a, b) if _are_numbers(a, b) else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        a, b = self.args
        return exceeds(a, b) if argindex == 1 else exceeds(b, a)


class minimum(ScalarFunction):
    """The smaller of a and b; at a tie the derivative is 1/2 each."""

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        return min(a, b) if _are_numbers(a, b) else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        a, b = self.args
        return exceeds(b, a) if argindex == 1 else exceeds(a, b)


class clip(ScalarFunction):
    """`min(max(x, lower), upper)`; the derivative by x is 1 at both edges."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, lower, upper = self.args
        if argindex == 1:
            return conjunction(less_equal(lower, x), less_equal(x, upper))
        return less(x, lower) if argindex == 2 else less(upper, x)


class copysign(ScalarFunction):
    """|x| with the sign of y."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        return signum(x) * copysign(sympy.S.One, y) if argindex == 1 else sympy.S.Zero


class fmod(ScalarFunction):
    """x − y·trunc(x/y): the remainder with the sign of x."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        return sympy.S.One if argindex == 1 else -trunc(x / y)


class floor_mod(ScalarFunction):
    """x − y·floor(x/y): the remainder with the sign of y."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        return sympy.S.One if argindex == 1 else -floor(x / y)
