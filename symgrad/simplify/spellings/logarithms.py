"""Logarithms of what overflows, underflows or is close to 1."""

from __future__ import annotations

import sympy
from sympy import exp, log

from symgrad.program import Access
from symgrad.program import functions as f
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["LOGARITHM_RULES", "log_form", "logsumexp_of"]


def _argument(node: sympy.Expr) -> sympy.Expr | None:
    return node.args[0] if isinstance(node, log) else None


def _log_of_exp(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    return None if argument is None else views.exponent(argument)


def _log_of_named(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    if argument is None:
        return None
    number, seen = views.scaled(argument)
    if number == 2 and isinstance(seen, f.sigmoid):  # 1 + tanh(u/2)
        u = seen.args[0]
        far = log(2) - f.softplus(-u)
        return f.select(f.less(f.absolute(u), 1), f.log1p(sympy.tanh(u / 2)), far)
    if not number.is_positive:
        return None
    found = _log_of_function(seen)
    return None if found is None else log(number) + found


def _log_of_function(seen: sympy.Expr) -> sympy.Expr | None:
    if isinstance(seen, f.sigmoid):
        return -f.softplus(-seen.args[0])
    if isinstance(seen, f.ndtr):
        return f.log_ndtr(seen.args[0])
    if isinstance(seen, sympy.erfc):
        u = seen.args[0]
        tail = f.log_ndtr(-sympy.sqrt(2) * u) + log(2)
        return f.select(f.less(sympy.S.Half, u), tail, f.log1p(-sympy.erf(u)))
    if isinstance(seen, sympy.cosh):
        u = seen.args[0]
        far = f.absolute(u) + f.log1p(exp(-2 * f.absolute(u))) - log(2)
        return f.select(f.less(f.absolute(u), 1), f.log1p(2 * sympy.sinh(u / 2) ** 2), far)
    return None


def _exp_of_log(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    """exp(log(u)) = u and its like; u ≥ 0 has to be known, since log(u) has no other u."""
    if not isinstance(node, (exp, f.expm1)):
        return None
    constant = 1 if isinstance(node, exp) else 0
    seen = views.see(node.args[0])
    if isinstance(seen, f.softplus):
        return constant + exp(seen.args[0])
    if isinstance(seen, log) and views.is_nonnegative(seen.args[0]):
        return constant - 1 + seen.args[0]
    if isinstance(seen, f.log1p) and views.is_nonnegative(seen.args[0]):
        return constant + seen.args[0]
    return None


def _log_of_product(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    if argument is None:
        return None
    total: sympy.Expr = sympy.S.Zero
    rest: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(views.see(argument)):
        taken = _log_of_exp(log(factor), views) if not factor.is_Number else None
        taken = _log_of_named(log(factor), views) if taken is None else taken
        if taken is None:
            rest.append(factor)
        else:
            total += taken
    if not rest or total == 0:
        return None
    remaining = log(sympy.Mul(*rest))
    known = next((r for r in (rule(remaining, views) for rule in _PLAIN) if r is not None), None)
    return total + (remaining if known is None else known)


def _log_near_one(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    if argument is None:
        return None
    constant, rest = views.see(argument).as_coeff_Add()
    if constant != 1 or rest == 0:
        return None
    found = _log1p_of_exp(f.log1p(rest), views)
    return f.log1p(rest) if found is None else found


def _log1p_of_exp(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not isinstance(node, f.log1p):
        return None
    exponent = views.exponent(node.args[0])
    if exponent is not None:
        return f.softplus(exponent)
    seen = views.see(node.args[0])
    if isinstance(seen, f.expm1):
        return seen.args[0]
    opposite = views.exponent(-views.see(node.args[0]))
    return None if opposite is None else _log_one_minus_exp(opposite)


def _log_one_minus_exp(u: sympy.Expr) -> sympy.Expr:
    """log(1 − eᵘ): each spelling where it keeps its digits."""
    return f.select(f.less(-log(2), u), log(-f.expm1(u)), f.log1p(-exp(u)))


def _log_of_difference(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    if argument is None:
        return None
    seen = views.see(argument)
    if isinstance(seen, f.expm1):
        u = seen.args[0]
        return f.select(f.less(1, u), u + f.log1p(-exp(-u)), log(seen))
    return _log_one_minus_exp((-seen).args[0]) if isinstance(-seen, f.expm1) else None


def logsumexp_of(node: sympy.Expr, views: Views) -> tuple[sympy.Expr, sympy.Expr] | None:
    """log S and S's own summand, for a node that reads S = Σ c·exp(u) with c > 0."""
    found = views.reduction(node)
    if found is None:
        return None
    definition, access, factor = found
    (term,) = definition.terms
    if term.reduction != "sum" or term.guards or not _is_positive(factor):
        return None
    scale, body = term.body.as_independent(Access, as_Add=False)
    exponent = views.exponent(body)
    if exponent is None or not _is_positive(scale):
        return None
    free, bound = _split_shift(exponent, views.bound(term.axes), views)
    total = views.reduce(definition, "log", bound, "logsumexp")
    outer = dict(zip(definition.indices, access.subscripts, strict=True))
    weight = factor * scale
    shift = -log(1 / weight) if weight.as_numer_denom()[0] == 1 else log(weight)
    value = views.read(total, access) + free.xreplace(outer) + shift
    return value, body.xreplace(outer)


def _is_positive(number: sympy.Expr) -> bool:
    """Whether a factor of sizes and numbers is positive and the same for each summand."""
    return bool(number.is_positive) and not any(s.is_positive is None for s in number.free_symbols)


def _split_shift(
    exponent: sympy.Expr, bound: set[sympy.Symbol], views: Views
) -> tuple[sympy.Expr, sympy.Expr]:
    """u = c + v with c the same for all summands: log Σ exp(c + v) = c + log Σ exp(v)."""
    parts = views.addends(exponent)
    free = [part for part in parts if not part.free_symbols & bound]
    rest = [part for part in parts if part.free_symbols & bound]
    if not free or not rest:
        return sympy.S.Zero, exponent
    return sympy.Add(*free), sympy.Add(*rest)


def _log_of_sum(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    if argument is None:
        return None
    found = logsumexp_of(argument, views)
    if found is not None:
        return found[0]
    parts = log_form(argument, views)
    return None if parts is None or len(parts) < 2 else _add_logs(parts)


def log_form(node: sympy.Expr, views: Views) -> list[sympy.Expr] | None:
    """uₖ of a node seen as Σ exp(uₖ); numbers are exp(log c), sums over axes one of them."""
    parts: list[sympy.Expr] = []
    exponentials = 0
    for addend in views.flat_addends(node):
        if addend.is_Number:
            if not addend > 0:
                return None
            parts.append(log(addend))
            continue
        found = _exponents_of(addend, views)
        if found is None:
            return None
        parts.extend(found)
        exponentials += 1
    return parts if exponentials else None


def _exponents_of(addend: sympy.Expr, views: Views) -> list[sympy.Expr] | None:
    """The exponents of c·exp(u), of c·cosh(u), or of a sum of exponentials over axes."""
    number, function = views.scaled(addend)
    if isinstance(function, sympy.exp) and number > 0:
        return [function.args[0] + log(number)]
    if isinstance(function, sympy.cosh) and number > 0:
        u = function.args[0]
        return [u + log(number / 2), -u + log(number / 2)]
    found = logsumexp_of(addend, views)
    return None if found is None else [found[0]]


def _add_logs(parts: list[sympy.Expr]) -> sympy.Expr:
    numbers = [part for part in parts if part.is_number]
    rest = [part for part in parts if not part.is_number]
    total = rest[0]
    for part in rest[1:]:
        total = f.logaddexp(total, part)
    if not numbers:
        return total
    if numbers == [0]:
        return f.softplus(total)
    # log(c + eᵘ) = log c + softplus(u − log c): as many functions as the naive spelling has
    constant = sympy.Float(float(sympy.Add(*map(exp, numbers)))) if numbers[1:] else None
    shift = sympy.Float(float(numbers[0] if constant is None else log(constant)))
    return shift + f.softplus(total - shift)


def _log_of_axis_product(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    argument = _argument(node)
    found = None if argument is None else views.reduction(argument)
    if found is None:
        return None
    definition, access, factor = found
    (term,) = definition.terms
    if term.reduction != "prod" or term.guards or not _is_positive(factor):
        return None
    logs = views.reduce(definition, "log", log(f.absolute(term.body)), "sum")
    if views.is_nonnegative(term.body):
        return views.read(logs, access) + log(factor)
    sign = views.reduce(definition, "sign", f.signum(term.body), "prod")
    positive = f.less(views.read(sign, access), 0)
    nan = log(views.read(sign, access))
    return f.select(positive, nan, views.read(logs, access)) + log(factor)


_PLAIN = (_log_of_exp, _log_of_named, _log_near_one, _log_of_difference, _log_of_sum)

LOGARITHM_RULES = (
    Rule("log of exp", "log(eᵘ) → u", "always", _log_of_exp),
    Rule(
        "exp of log",
        "exp(log(u)) → u, exp(log1p(u)) → 1 + u, exp(softplus(u)) → 1 + eᵘ; expm1 likewise less 1",
        "u ≥ 0 where a logarithm stands",
        _exp_of_log,
    ),
    Rule(
        "log of probability",
        "log(sigmoid(u)) → −softplus(−u), log(ndtr(u)) → log_ndtr(u), log(erfc(u)) → log_ndtr("
        "−√2·u) + log 2 in the tail, log(cosh(u)) → |u| + log1p(exp(−2|u|)) − log 2 where |u| > 1",
        "always",
        _log_of_named,
    ),
    Rule("softplus", "log1p(eᵘ) → softplus(u), log1p(expm1(u)) → u", "always", _log1p_of_exp),
    Rule("log1p", "log(1 + u) → log1p(u)", "a literal 1", _log_near_one),
    Rule(
        "log1mexp",
        "log(1 − eᵘ) → log(−expm1(u)) where u > −log 2, else log1p(−eᵘ); log(eᵘ − 1) → "
        "u + log1p(−e⁻ᵘ) where u > 1",
        "always",
        _log_of_difference,
    ),
    Rule(
        "logsumexp",
        "log Σ c·eᵘ → logsumexp(u) + log c, log(eᵃ + eᵇ) → logaddexp(a, b)",
        "c > 0 is free of the summed indices",
        _log_of_sum,
    ),
    Rule(
        "log of product",
        "log(a·eᵘ) → u + log(a), log(a·sigmoid(u)) → log(a) − softplus(−u)",
        "always",
        _log_of_product,
    ),
    Rule(
        "log of axis product",
        "log Π u → Σ log|u|, not a number where the sign of the product is negative",
        "a product over axes",
        _log_of_axis_product,
    ),
)
