"""Scalar functions of a body that SymPy lacks, or whose SymPy form is unfit for numbers.

Each is a `sympy.Function` with its own derivative, written in terms of named functions so that it
stays accurate where the textbook formula overflows or cancels. SymPy's `exp`, `log`, `sqrt`, the
trigonometric and hyperbolic functions, `erf` and `erfc` are used as they are.

Comparisons are numbers here (1 where true, 0 where false), so that a mask can be a factor.
"""

from __future__ import annotations

import sympy
from sympy import exp, log, pi, sqrt

from symgrad.program.piecewise import (
    ScalarFunction,
    absolute,
    cast_integer,
    ceil,
    clip,
    conjunction,
    copysign,
    disjunction,
    equal,
    exceeds,
    floor,
    floor_mod,
    fmod,
    heaviside,
    is_nan,
    less,
    less_equal,
    maximum,
    minimum,
    negation,
    not_equal,
    rint,
    select,
    signum,
    trunc,
)
from symgrad.program.symbols import NOT_A_NUMBER

__all__ = [
    "ScalarFunction",
    "absolute",
    "absorbing_product",
    "cast_integer",
    "cbrt",
    "ceil",
    "clip",
    "conjunction",
    "copysign",
    "disjunction",
    "equal",
    "erfcx",
    "exceeds",
    "exp2",
    "expm1",
    "floor",
    "floor_mod",
    "fmod",
    "gammaln",
    "heaviside",
    "hypot",
    "is_nan",
    "less",
    "less_equal",
    "log1p",
    "log2",
    "log10",
    "log_ndtr",
    "logaddexp",
    "logit",
    "maximum",
    "minimum",
    "ndtr",
    "negation",
    "norm_root",
    "not_equal",
    "polygamma",
    "power",
    "rint",
    "sech_squared",
    "select",
    "sigmoid",
    "signum",
    "sinc",
    "softplus",
    "spherical_bessel",
    "trunc",
    "versine",
    "xlog1py",
    "xlogy",
]


# --- products ----------------------------------------------------------------------------------


class absorbing_product(ScalarFunction):
    """a·b, and 0 where a = 0, also if b is infinite.

    For an adjoint a that can underflow to 0 and a derivative b that can overflow.
    """

    nargs = 2

    @classmethod
    def eval(cls, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr | None:
        if a.is_Number or b.is_Number:
            return a * b
        # (c/u)·u² = c·u: what makes b infinite cancels, and what makes a vanish with it.
        powers = a.as_powers_dict()
        for base, exponent in b.as_powers_dict().items():
            if base in powers and (exponent * powers[base]).is_negative:
                return a * b
        return None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return self.args[2 - argindex]


# --- powers and roots --------------------------------------------------------------------------


class power(ScalarFunction):
    """x**y with an exponent that is not a number.

    ∂/∂y = x**y·log(x), taken as 0 at x = 0 (its limit for y > 0).
    """

    nargs = 2

    @classmethod
    def eval(cls, x: sympy.Expr, y: sympy.Expr) -> sympy.Expr | None:
        return x**y if y.is_Number else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        if argindex == 1:
            return y * power(x, y - 1)
        if x.is_Number and x < 0:
            return NOT_A_NUMBER  # real only at whole exponents: no derivative by them
        return select(equal(x, 0), sympy.S.Zero, power(x, y) * log(x))


class cbrt(ScalarFunction):
    """The real cube root, also of negative x."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return 1 / (3 * cbrt(self.args[0]) ** 2)


class hypot(ScalarFunction):
    """sqrt(x² + y² + …) without overflow, of two numbers or more; the gradient at 0 is 0."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        root = hypot(*self.args)
        return select(equal(root, 0), sympy.S.Zero, self.args[argindex - 1] / root)


class norm_root(ScalarFunction):
    """sqrt(s) of a sum of squares s; its derivative is declared 0 at s = 0.

    The norm then has gradient 0 at 0: the subgradient of least length.
    """

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        root = norm_root(self.args[0])
        return select(equal(root, 0), sympy.S.Zero, 1 / (2 * root))


# --- exponentials and logarithms ---------------------------------------------------------------


class exp2(ScalarFunction):
    """2**x."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return log(2) * exp2(self.args[0])


class expm1(ScalarFunction):
    """exp(x) − 1, accurate near 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return exp(self.args[0])


class log1p(ScalarFunction):
    """log(1 + x), accurate near 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return 1 / (1 + self.args[0])


class log2(ScalarFunction):
    """The logarithm to base 2."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return 1 / (self.args[0] * log(2))


class log10(ScalarFunction):
    """The logarithm to base 10."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return 1 / (self.args[0] * log(10))


class logaddexp(ScalarFunction):
    """log(exp(a) + exp(b)) without overflow."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        a, b = self.args
        return sigmoid(a - b) if argindex == 1 else sigmoid(b - a)


class softplus(ScalarFunction):
    """log(1 + exp(x)) without overflow."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sigmoid(self.args[0])


class sigmoid(ScalarFunction):
    """1/(1 + exp(−x)) without overflow; σ' = σ(x)·σ(−x) keeps its digits for large x."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x = self.args[0]
        return sigmoid(x) * sigmoid(-x)


class logit(ScalarFunction):
    """log(x/(1 − x))."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x = self.args[0]
        return 1 / (x * (1 - x))


class xlogy(ScalarFunction):
    """x·log(y), and 0 where x = 0 whatever y is."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        if argindex == 1:
            return select(conjunction(equal(x, 0), equal(y, 0)), sympy.S.Zero, log(y))
        return select(equal(x, 0), sympy.S.Zero, x / y)


class xlog1py(ScalarFunction):
    """x·log(1 + y), and 0 where x = 0 whatever y is."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x, y = self.args
        if argindex == 1:
            return select(conjunction(equal(x, 0), equal(y, -1)), sympy.S.Zero, log1p(y))
        return select(equal(x, 0), sympy.S.Zero, x / (1 + y))


class sech_squared(ScalarFunction):
    """sech(x)² = 1 − tanh(x)², with all digits where tanh is saturated.

    Where y = tanh(x) is known, `sech_squared(x, y)` stands beside it and shares its work.
    """

    nargs = (1, 2)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex == 2:
            return sympy.S.Zero
        return -2 * (self.args[1] if len(self.args) == 2 else sympy.tanh(self.args[0])) * self


# --- trigonometric functions -------------------------------------------------------------------


class versine(ScalarFunction):
    """1 − cos(x) = 2·sin(x/2)², accurate near 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.sin(self.args[0])


class sinc(ScalarFunction):
    """sin(x)/x, and 1 at 0; the derivative is −j₁(x), which keeps its digits near 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return -spherical_bessel(1, self.args[0])


class spherical_bessel(ScalarFunction):
    """The spherical Bessel function jₙ(x); n is a literal, and j₀ is sinc.

    jₙ' = (n·jₙ₋₁ − (n + 1)·jₙ₊₁)/(2n + 1): finite at 0, to any order.
    """

    nargs = 2

    @classmethod
    def eval(cls, order: sympy.Expr, x: sympy.Expr) -> sympy.Expr | None:
        return sinc(x) if order == 0 else None

    def fdiff(self, argindex: int = 2) -> sympy.Expr:
        n, x = self.args
        if argindex == 1:
            return sympy.S.Zero
        lower, upper = spherical_bessel(n - 1, x), spherical_bessel(n + 1, x)
        return (n * lower - (n + 1) * upper) / (2 * n + 1)


# --- special functions -------------------------------------------------------------------------


class gammaln(ScalarFunction):
    """log |Γ(x)|."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return polygamma(0, self.args[0])


class polygamma(ScalarFunction):
    """The derivative of order m + 1 of log Γ at x; m is a literal, 0 is digamma."""

    nargs = 2

    def fdiff(self, argindex: int = 2) -> sympy.Expr:
        order, x = self.args
        return sympy.S.Zero if argindex == 1 else polygamma(order + 1, x)


class erfcx(ScalarFunction):
    """exp(x²)·erfc(x), which neither overflows nor underflows for positive x."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x = self.args[0]
        return 2 * x * erfcx(x) - 2 / sqrt(pi)


class ndtr(ScalarFunction):
    """The standard normal distribution function Φ(x)."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return exp(-(self.args[0] ** 2) / 2) / sqrt(2 * pi)


class log_ndtr(ScalarFunction):
    """log Φ(x); φ(x)/Φ(x) is written with erfcx, which keeps its digits in the tail."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sqrt(2 / pi) / erfcx(-self.args[0] / sqrt(2))
