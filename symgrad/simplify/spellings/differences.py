"""Differences that cancel: of 1 and a function near 1, of exponentials, of moments."""

from __future__ import annotations

import sympy
from sympy import exp

from symgrad.program import Access, Definition
from symgrad.program import functions as f
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["DIFFERENCE_RULES"]


def _complement(function: sympy.Expr, views: Views) -> sympy.Expr | None:
    """1 − function, for functions whose complement has a name."""
    if not function.args:
        return None
    x = function.args[0]
    if isinstance(function, exp):
        return -f.expm1(x)
    if isinstance(function, sympy.cos):
        return f.versine(x)
    if isinstance(function, f.sigmoid):
        return f.sigmoid(-x)
    if isinstance(function, f.ndtr):
        return f.ndtr(-x)
    if isinstance(function, sympy.erf):
        return sympy.erfc(x)
    if isinstance(function, sympy.erfc):
        return sympy.erf(x)
    if isinstance(function, sympy.tanh):
        return 2 * f.sigmoid(-2 * x)
    if function.is_Pow and function.exp == 2 and isinstance(views.see(x), sympy.tanh):
        return f.sech_squared(views.see(x).args[0])
    return None


def _difference_from_constant(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Add:
        return None
    constant, rest = node.as_coeff_Add()
    if constant == 0:
        return None
    parts = list(sympy.Add.make_args(rest))
    for part in parts:
        number, function = views.scaled(part)
        others = sympy.Add(*(p for p in parts if p != part))
        if number == -constant:
            found = _complement(function, views)
            if found is not None:
                return constant * found + others
        if number == constant and isinstance(function, sympy.tanh):
            return 2 * constant * f.sigmoid(2 * function.args[0]) + others
    return None


def _hyperbolic(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Add:
        return None
    found = [(part, views.scaled_exponent(part)) for part in node.args]
    scaled = [(part, *pair) for part, pair in found if pair is not None]
    for position, (part, number, exponent) in enumerate(scaled):
        for other, second, opposite in scaled[position + 1 :]:
            if abs(number) != abs(second):
                continue
            if not _are_opposite(exponent, opposite, views):
                continue
            if views.spell_out(exponent).could_extract_minus_sign():
                number, second, exponent = second, number, opposite
            rest = sympy.Add(*(p for p in node.args if p not in (part, other)))
            name = sympy.cosh if number == second else sympy.sinh
            return 2 * number * name(exponent) + rest
    return None


def _are_opposite(u: sympy.Expr, v: sympy.Expr, views: Views) -> bool:
    """Whether u = −v, by numbers in front of the same expression or written out."""
    (first, inner), (second, other) = views.scaled(u), views.scaled(v)
    if first == -second and views.spell_out(inner) == views.spell_out(other):
        return True
    return bool(views.spell_out(u) == -views.spell_out(v))


def _softplus_of_opposite(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Add:
        return None
    for part in node.args:
        number, function = views.scaled(part)
        if not isinstance(function, f.softplus):
            continue
        whole = number * function.args[0]
        wanted = sympy.Add.make_args(whole)
        rest = [p for p in node.args if p != part]
        negated = [-p for p in wanted]
        if all(p in rest for p in negated):
            others = sympy.Add(*(p for p in rest if p not in negated))
            return number * f.softplus(-function.args[0]) + others
    return None


def _variance(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Add or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        number, square = views.scaled(second)
        if number == -1 and square.is_Pow and square.exp == 2:
            found = _central_moment(first, square.base, views)
            if found is not None:
                return found
    return None


def _central_moment(square: sympy.Expr, mean: sympy.Expr, views: Views) -> sympy.Expr | None:
    """Σ c·u² − (Σ c·u)² = Σ c·(u − mean)², if the weights c add up to 1."""
    squares, means = views.reduction(square), views.reduction(mean)
    if squares is None or means is None:
        return None
    (definition, access, factor), (other, place, other_factor) = squares, means
    term, own = views.term_seen_from(definition, access), views.term_seen_from(other, place)
    if {term.reduction, own.reduction} != {"sum"} or term.guards or own.guards:
        return None
    extents = [axis.extent for axis in term.axes]
    if extents != [axis.extent for axis in own.axes]:
        return None
    renamed = {a.index: b.index for a, b in zip(own.axes, term.axes, strict=True)}
    weight, body = term.body.as_independent(Access, as_Add=False)
    own_weight, own_body = own.body.xreplace(renamed).as_independent(Access, as_Add=False)
    count = sympy.Mul(*extents)
    if weight * factor * count != 1 or own_weight * other_factor * count != 1:
        return None
    if views.spell_out(body) != views.spell_out(own_body) ** 2:
        return None
    return _centred(definition, access, other, place, own_body / count, views)


def _centred(
    definition: Definition,
    access: Access,
    mean: Definition,
    place: Access,
    weighted: sympy.Expr,
    views: Views,
) -> sympy.Expr | None:
    """A new definition Σ (u − mean)²/n over the axes of the first; both are read at one place."""
    if access.subscripts != place.subscripts:
        return None
    own = dict(zip(access.subscripts, definition.indices, strict=True))
    (term,) = definition.terms
    (mean_term,) = mean.terms
    count = sympy.Mul(*(axis.extent for axis in term.axes))
    scale = mean_term.body.as_independent(Access, as_Add=False)[0] * count
    centre = Access(mean.name, *definition.indices) / scale
    element = (weighted * count).xreplace(own)
    spread = views.reduce(definition, "centred", (element - centre) ** 2 / count, "sum")
    return views.read(spread, access)


DIFFERENCE_RULES = (
    Rule(
        "complement",
        "eᵘ − 1 → expm1(u), 1 − cos(u) → versine(u), 1 − sigmoid(u) → sigmoid(−u), "
        "1 − ndtr(u) → ndtr(−u), 1 − erf(u) → erfc(u), 1 − tanh(u) → 2·sigmoid(−2u), "
        "1 − tanh(u)² → sech²(u)",
        "the same literal factor on both",
        _difference_from_constant,
    ),
    Rule(
        "hyperbolic",
        "eᵘ − e⁻ᵘ → 2·sinh(u), eᵘ + e⁻ᵘ → 2·cosh(u)",
        "the same literal factor on both",
        _hyperbolic,
    ),
    Rule(
        "softplus of opposite",
        "u − softplus(u) → −softplus(−u)",
        "the same literal factor on both",
        _softplus_of_opposite,
    ),
    Rule(
        "variance",
        "Σ u²/n − (Σ u/n)² → Σ (u − Σ u/n)²/n",
        "both sums run over the same axes, and n is their size",
        _variance,
    ),
)
