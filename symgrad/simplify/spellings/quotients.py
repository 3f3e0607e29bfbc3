"""Quotients of what overflows, or is 0 above and below; products with a logarithm."""

from __future__ import annotations

import sympy
from sympy import exp

from symgrad.program import Access, accesses
from symgrad.program import functions as f
from symgrad.simplify.spellings.logarithms import log_form, logsumexp_of
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["QUOTIENT_RULES"]


def _split(node: sympy.Expr, views: Views) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """Factors above and below a fraction; whole powers below are repeated."""
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(node):
        if not (factor.is_Pow and factor.exp.is_Integer and factor.exp < 0):
            above.append(factor)
            continue
        base, count = factor.base, int(-factor.exp)
        seen = views.see(base)
        if seen.is_Pow and seen.exp.is_Integer and seen.exp > 0:
            base, count = seen.base, count * int(seen.exp)
        below.extend([base] * count)
    return above, below


def _join(above: list[sympy.Expr], below: list[sympy.Expr]) -> sympy.Expr:
    return sympy.Mul(*above, *(1 / x for x in below))


def _logistic(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    above, below = _split(node, views)
    for position, base in enumerate(below):
        seen = views.see(base)
        parts = log_form(base, views) if seen.is_Add and len(seen.args) == 2 else None
        if parts is None or len(parts) != 2:
            continue
        first, second = parts
        rest = below[:position] + below[position + 1 :]
        for factor in above:
            exponent = views.exponent(factor)
            for own, other in ((first, second), (second, first)):
                if exponent is not None and exponent == own:
                    above.remove(factor)
                    return _join([f.sigmoid(own - other), *above], rest)
        constant = next((part for part in parts if not accesses(part)), None)
        if constant is not None:
            other = second if first == constant else first
            return _join([f.sigmoid(constant - other), exp(-constant), *above], rest)
    return None


def _softmax(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    above, below = _split(node, views)
    for position, base in enumerate(below):
        parts = log_form(base, views)
        if parts is None:
            continue
        for factor in above:
            exponent = views.exponent(factor)
            if exponent is None or not _belongs(factor, base, views):
                continue
            above.remove(factor)
            total = parts[0]
            for part in parts[1:]:
                total = f.logaddexp(total, part)
            rest = below[:position] + below[position + 1 :]
            shifted = sympy.Add(*views.addends(exponent))
            return _join([exp(shifted - total), *above], rest)
    return None


def _belongs(factor: sympy.Expr, base: sympy.Expr, views: Views) -> bool:
    """Whether exp(u) is one of the summands of a sum of exponentials."""
    for addend in views.flat_addends(base):
        found = logsumexp_of(addend, views)
        if found is None:
            if views.see(addend) == views.see(factor):
                return True
            continue
        if _same_element(views.see(factor), views.see(found[1]), views):
            return True
    return False


def _same_element(element: sympy.Expr, summand: sympy.Expr, views: Views) -> bool:
    """Whether the summand runs over the array of the element, along bound indices only."""
    first, second = views.spell_out(element), views.spell_out(summand)
    mine, others = accesses(first), accesses(second)
    if [a.name for a in mine] != [a.name for a in others]:
        return False
    renamed: dict[sympy.Basic, sympy.Basic] = {}
    for a, b in zip(mine, others, strict=True):
        for left, right in zip(a.subscripts, b.subscripts, strict=True):
            moved = left != right
            if moved and (not right.is_Symbol or renamed.setdefault(right, left) != left):
                return False
    return first == second.xreplace(renamed)


def _tanh(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    above, below = _split(node, views)
    for position, base in enumerate(below):
        number, bottom = views.scaled(base)
        for factor in above:
            scale, top = views.scaled(factor)
            angle = _tanh_angle(top, bottom, views)
            if angle is None:
                continue
            above.remove(factor)
            rest = below[:position] + below[position + 1 :]
            return _join([scale / number * sympy.tanh(angle), *above], rest)
    return None


def _tanh_angle(top: sympy.Expr, bottom: sympy.Expr, views: Views) -> sympy.Expr | None:
    if isinstance(top, sympy.sinh) and isinstance(bottom, sympy.cosh):
        angle = top.args[0]
        same = views.spell_out(bottom.args[0]) == views.spell_out(angle)
        return angle if same else None
    if isinstance(top, f.expm1):
        constant, rest = bottom.as_coeff_Add()
        if constant == 1 and views.exponent(rest) == top.args[0]:
            return top.args[0] / 2
    return None


def _power_of_exp(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    """1/eᵘ = e⁻ᵘ and sqrt(eᵘ) = exp(u/2), which reach further than the exponential does.

    And sqrt(sigmoid(u)) = exp(−softplus(−u)/2), whose slope does not become ∞·0.
    """
    if not node.is_Pow or not isinstance(node.base, Access) or not node.exp.is_Number:
        return None
    seen = views.see(node.base)
    if isinstance(seen, f.sigmoid) and not node.exp.is_Integer:
        return exp(-node.exp * f.softplus(-seen.args[0]))
    exponent = views.exponent(node.base)
    if exponent is None or (node.exp.is_Integer and node.exp > 0):
        return None
    return exp(node.exp * exponent)


def _sinc(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    above, below = _split(node, views)
    for position, base in enumerate(below):
        for factor in above:
            seen = views.see(factor)
            ratio = _multiple(seen, base, views)
            if ratio is None:
                continue
            rest = below[:position] + below[position + 1 :]
            others = [x for x in above if x != factor]
            angle = seen.args[0]
            if isinstance(seen, sympy.sin):
                return _join([ratio * f.sinc(angle), *others], rest)
            again = next((x for x in rest if views.see(x) == views.see(base)), None)
            if again is not None:
                rest.remove(again)
                return _join([ratio**2 * f.sinc(angle / 2) ** 2 / 2, *others], rest)
            return _join([ratio * sympy.sin(angle / 2) * f.sinc(angle / 2), *others], rest)
    return None


def _multiple(function: sympy.Expr, base: sympy.Expr, views: Views) -> sympy.Expr | None:
    """k with angle = k·base, for a sine or versine of an angle."""
    if not isinstance(function, (sympy.sin, f.versine)) or not accesses(base):
        return None
    angle = function.args[0]
    for first in (angle, views.see(angle), views.spell_out(angle)):
        for second in (base, views.see(base), views.spell_out(base)):
            if not accesses(first / second):
                return first / second
    return None


def _product_with_log(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Mul:
        return None
    for factor in node.args:
        seen = views.see(factor)
        if isinstance(seen, sympy.log):
            name: type[f.ScalarFunction] = f.xlogy
        elif isinstance(seen, f.log1p):
            name = f.xlog1py
        else:
            continue
        base = seen.args[0] if name is f.xlogy else 1 + seen.args[0]
        if views.is_positive(base):
            continue  # its logarithm is finite
        others = [x for x in node.args if x != factor]
        weight = [x for x in others if accesses(x) and not _is_divisor(x)]
        rest = [x for x in others if x not in weight]
        if len(weight) != 1 or not accesses(seen) or not _may_vanish(weight[0], views):
            continue
        if not weight[0].free_symbols <= seen.free_symbols:
            continue  # the logarithm would be computed again for each weight
        return sympy.Mul(name(weight[0], seen.args[0]), *rest)
    return None


def _is_divisor(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Number and factor.exp < 0)


def _may_vanish(weight: sympy.Expr, views: Views) -> bool:
    seen = views.see(weight)
    positive = (exp, sympy.cosh, f.sigmoid, f.softplus, f.ndtr, sympy.log, f.log1p)
    return not isinstance(seen, positive)


QUOTIENT_RULES = (
    Rule(
        "tanh",
        "sinh(u)/cosh(u) → tanh(u), expm1(2u)/(1 + exp(2u)) → tanh(u)",
        "always",
        _tanh,
    ),
    Rule(
        "logistic",
        "1/(1 + eᵘ) → sigmoid(−u), eᵘ/(1 + eᵘ) → sigmoid(u), eᵃ/(eᵃ + eᵇ) → sigmoid(a − b)",
        "numbers in place of 1 are positive",
        _logistic,
    ),
    Rule(
        "softmax",
        "eᵘ/Σ eᵘ → exp(u − logsumexp(u))",
        "the exponential above is one of the summands below",
        _softmax,
    ),
    Rule(
        "power of exp",
        "1/eᵘ → e⁻ᵘ, sqrt(eᵘ) → exp(u/2), sqrt(sigmoid(u)) → exp(−softplus(−u)/2)",
        "it is a definition, and the exponent a number that is no count",
        _power_of_exp,
    ),
    Rule(
        "sinc",
        "sin(k·u)/u → k·sinc(k·u), (1 − cos(u))/u² → sinc(u/2)²/2",
        "k is a number",
        _sinc,
    ),
    Rule(
        "xlogy",
        "x·log(y) → xlogy(x, y), x·log1p(y) → xlog1py(x, y): 0 where x = 0",
        "x can be 0, y is not known to be positive, and x has no index that y lacks",
        _product_with_log,
    ),
)
