"""The derivative of a scalar body by one access, and its reuse of values the forward computed."""

from __future__ import annotations

from collections.abc import Collection

import sympy

from symgrad.program import Access, accesses
from symgrad.program import functions as f
from symgrad.program.piecewise import ConstantFunction

__all__ = [
    "can_overflow",
    "differentiate_quotient",
    "differentiate_scalar",
    "is_bounded",
    "is_total",
    "may_vanish",
    "reuse_value",
    "saturates",
]

# Functions that are finite wherever their argument is.
_TOTAL_FUNCTIONS = (
    sympy.sin,
    sympy.cos,
    sympy.tanh,
    sympy.atan,
    sympy.erf,
    sympy.erfc,
    f.sigmoid,
    f.sech_squared,
    f.softplus,
    f.ndtr,
    f.versine,
    f.sinc,
    f.spherical_bessel,
    f.signum,
    f.absolute,
    f.exceeds,
    f.less,
    f.less_equal,
    f.equal,
    f.not_equal,
    f.conjunction,
    f.disjunction,
    f.negation,
    f.maximum,
    f.minimum,
    f.clip,
    f.select,
)

# Bounded functions that have a value at infinity too, and those that have none.
_SATURATING_FUNCTIONS = (
    sympy.tanh,
    sympy.atan,
    sympy.erf,
    sympy.erfc,
    f.sigmoid,
    f.sech_squared,
    f.ndtr,
)
_BOUNDED_FUNCTIONS = (
    *_SATURATING_FUNCTIONS,
    sympy.sin,
    sympy.cos,
    f.sinc,
    f.spherical_bessel,
)
_VANISHING_FUNCTIONS = (
    sympy.exp,
    sympy.tanh,
    sympy.erf,
    sympy.erfc,
    f.erfcx,
    f.exp2,
    f.expm1,
    f.ndtr,
    f.power,
    f.sech_squared,
    f.sigmoid,
    f.softplus,
)
_GROWING_FUNCTIONS = (sympy.exp, sympy.sinh, sympy.cosh, f.exp2, f.expm1, f.power)


def differentiate_scalar(body: sympy.Expr, access: Access) -> sympy.Expr:
    """∂body/∂access, every other access held fixed.

    Sums, products and powers by their rules; functions by SymPy's `fdiff`; a selection stays
    outermost, so that the branch not taken contributes exactly zero.

    >>> x = Access("x", sympy.Symbol("i"))
    >>> differentiate_scalar(sympy.sin(x) * 3, x) == 3 * sympy.cos(x)
    True
    """
    if body == access:
        return sympy.S.One
    if isinstance(body, Access) or access not in accesses(body):
        return sympy.S.Zero
    if body.is_Add:
        return sympy.Add(*(differentiate_scalar(part, access) for part in body.args))
    if body.is_Mul:
        return _differentiate_product(body, access)
    if body.is_Pow:
        return _differentiate_power(body, access)
    if isinstance(body, f.select):
        condition, a, b = body.args
        return f.select(condition, differentiate_scalar(a, access), differentiate_scalar(b, access))
    if isinstance(body, f.absorbing_product):
        adjoint, slope = body.args
        change = f.absorbing_product(differentiate_scalar(adjoint, access), slope)
        return change + f.absorbing_product(adjoint, differentiate_scalar(slope, access))
    if isinstance(body, sympy.Abs):  # SymPy's fold of sqrt(x²); its derivative has a delta in it
        return differentiate_scalar(f.absolute(body.args[0]), access)
    total: sympy.Expr = sympy.S.Zero
    for position, argument in enumerate(body.args, start=1):
        inner = differentiate_scalar(argument, access)
        if inner != 0:
            total += _slope(body, position) * inner
    return total


def _slope(body: sympy.Expr, position: int) -> sympy.Expr:
    """∂body/∂argument; 1 − x² as (1 − x)(1 + x), which keeps its digits next to ±1."""
    x = body.args[position - 1]
    if isinstance(body, sympy.tanh):
        return f.sech_squared(x)
    if isinstance(body, sympy.atanh):
        return 1 / ((1 - x) * (1 + x))
    if isinstance(body, (sympy.asin, sympy.acos)):
        slope = 1 / sympy.sqrt((1 - x) * (1 + x))
        return slope if isinstance(body, sympy.asin) else -slope
    return body.fdiff(position)


def _differentiate_product(body: sympy.Expr, access: Access) -> sympy.Expr:
    parts = []
    for position, factor in enumerate(body.args):
        inner = differentiate_scalar(factor, access)
        if inner != 0:
            others = (*body.args[:position], *body.args[position + 1 :])
            parts.append(sympy.Mul(inner, *others))
    return sympy.Add(*parts)


def _differentiate_power(body: sympy.Expr, access: Access) -> sympy.Expr:
    base, exponent = body.base, body.exp
    if access in accesses(exponent):
        return differentiate_scalar(f.power(base, exponent), access)
    return exponent * base ** (exponent - 1) * differentiate_scalar(base, access)


def differentiate_quotient(body: sympy.Expr, access: Access, value: Access) -> sympy.Expr | None:
    """∂(a/b)/∂access = (∂a − value·∂b)/b with the quotient's stored value; None for other bodies.

    a/b² would need b², which leaves the range of numbers where a/b does not. In the branches of a
    selection likewise.
    """
    if isinstance(body, f.select):
        condition, *branches = body.args
        found = [differentiate_quotient(branch, access, value) for branch in branches]
        if all(slope is None for slope in found):
            return None
        slopes = (
            differentiate_scalar(branch, access) if slope is None else slope
            for branch, slope in zip(branches, found, strict=True)
        )
        return f.select(condition, *slopes)
    divisors = [x for x in sympy.Mul.make_args(body) if x.is_Pow and x.exp.is_Number and x.exp < 0]
    below = sympy.Mul(*(1 / x for x in divisors))
    if not body.is_Mul or access not in accesses(below):
        return None
    above = sympy.Mul(*(x for x in body.args if x not in divisors))
    slope = differentiate_scalar(above, access) - value * differentiate_scalar(below, access)
    return sympy.Mul(slope, 1 / below)


def reuse_value(expression: sympy.Expr, body: sympy.Expr, value: Access) -> sympy.Expr:
    """The expression with `body` read from where the forward stored it.

    Also powers of it: with body = b^e, b^(k·e) becomes value^k, so that the derivative of sqrt(s)
    is 1/(2·value) and that of 1/x is −value².
    """
    if isinstance(body, Access) or body.is_number or not accesses(body):
        return expression
    mapping: dict[sympy.Basic, sympy.Basic] = {body: value}
    if isinstance(body, sympy.tanh):
        mapping[f.sech_squared(body.args[0])] = f.sech_squared(body.args[0], value)
    if body.is_Pow and not (body.exp.is_Integer and body.exp > 0):
        for node in sorted(expression.atoms(sympy.Pow), key=sympy.default_sort_key):
            ratio = node.exp / body.exp
            if node.base == body.base and ratio.is_Integer:
                mapping[node] = value**ratio
    return expression.xreplace(mapping)


def is_total(expression: sympy.Expr) -> bool:
    """Whether the expression is finite for every finite value of its accesses."""
    if isinstance(expression, Access) or expression.is_number or expression.is_Atom:
        return True
    if expression.is_Add or expression.is_Mul:
        return all(is_total(part) for part in expression.args)
    if expression.is_Pow:
        exponent = expression.exp
        return bool(exponent.is_Integer and exponent > 0) and is_total(expression.base)
    if isinstance(expression, sympy.exp):
        return _is_never_positive(expression.args[0])
    known = isinstance(expression, _TOTAL_FUNCTIONS)
    return known and all(is_total(part) for part in expression.args)


def _is_never_positive(exponent: sympy.Expr) -> bool:
    """-c·u² and -c·|u|, of which exp is at most 1."""
    number, rest = exponent.as_coeff_Mul()
    return bool(number.is_negative) and all(
        (factor.is_Pow and factor.exp.is_Integer and factor.exp % 2 == 0 and factor.exp > 0)
        or isinstance(factor, (f.absolute, sympy.Abs))
        for factor in sympy.Mul.make_args(rest)
    )


def can_overflow(expression: sympy.Expr, overflowing: Collection[str]) -> bool:
    """Whether a body is infinite for some ordinary arguments: exponentials and poles.

    `overflowing` names arrays that can be infinite. Products of arrays count as finite.
    """
    if isinstance(expression, Access):
        return expression.name in overflowing
    if expression.is_Mul and sum(factor.has(Access) for factor in expression.args) > 1:
        return False
    if expression.is_Atom or isinstance(expression, (*_BOUNDED_FUNCTIONS, ConstantFunction)):
        return False
    if expression.is_Pow:
        return expression.exp.is_negative or can_overflow(expression.base, overflowing)
    if isinstance(expression, sympy.exp) and _is_never_positive(expression.args[0]):
        return False
    if isinstance(expression, f.select):
        return False  # what keeps a pole away
    if isinstance(expression, _GROWING_FUNCTIONS):
        return True
    return any(can_overflow(part, overflowing) for part in expression.args)


def is_bounded(factor: sympy.Expr) -> bool:
    """Whether a factor is finite even where its argument is infinite."""
    if factor.is_Pow and factor.exp.is_Integer and factor.exp > 0:
        factor = factor.base
    return isinstance(factor, _SATURATING_FUNCTIONS)


def saturates(factor: sympy.Expr) -> bool:
    """Whether a factor is a function, or a power of one, that rounds to 0 for large arguments."""
    base = factor.base if factor.is_Pow else factor
    return isinstance(base, _VANISHING_FUNCTIONS) and base.has(Access)


def may_vanish(coefficient: sympy.Expr) -> bool:
    """Whether a factor can underflow or be saturated to 0, where an exact one would not be 0."""
    return any(
        (node.is_Pow and not 0 < node.exp < 2) or isinstance(node, _VANISHING_FUNCTIONS)
        for node in sympy.preorder_traversal(coefficient)
        if node.has(Access)
    )
