"""Square roots of sums of squares, and differences of roots that cancel."""

from __future__ import annotations

import sympy

from symgrad.program import Access
from symgrad.program import functions as f
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["ROOT_RULES"]

HALF = sympy.Rational(1, 2)
_LONGEST_RADICAND = 6  # terms of a radicand that is worth expanding
_MOST_SQUARES = 12  # below one root


def _root_of_squares(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not node.is_Pow or node.exp not in (HALF, -HALF):
        return None
    found = _norm(node.base, views)
    if found is None:
        return None
    return found if node.exp == HALF else 1 / found


def _norm(base: sympy.Expr, views: Views) -> sympy.Expr | None:
    """The root of a sum of squares: over axes, or of two or more of them."""
    found = views.reduction(base)
    if found is not None:
        return _axis_norm(*found, views)
    parts = views.flat_addends(base)
    roots = [_root_of(part, views) for part in parts]
    if len(parts) > _MOST_SQUARES or any(root is None for root in roots):
        return None
    return f.absolute(roots[0]) if len(roots) == 1 else f.hypot(*roots)


def _root_of(part: sympy.Expr, views: Views) -> sympy.Expr | None:
    """u of a part seen as u²; the root of a positive number."""
    seen = views.see(part)
    if seen.is_number:
        return sympy.sqrt(seen) if seen.is_positive else None
    number, square = views.scaled(part)
    if number.is_positive and square.is_Pow and square.exp == 2:
        return sympy.sqrt(number) * square.base
    if not seen.is_Mul:
        return None
    # (x/4)·x is a square only when written out.
    for product in (sympy.Mul(*map(views.see, seen.args)), views.spell_out(seen)):
        factors = sympy.Mul.make_args(product)
        if all(map(_is_square, factors)):
            return sympy.Mul(*(sympy.sqrt(x) if x.is_number else x.base for x in factors))
    return None


def _is_square(factor: sympy.Expr) -> bool:
    return bool((factor.is_Pow and factor.exp == 2) or (factor.is_number and factor.is_positive))


def _axis_norm(
    definition: sympy.Expr, access: Access, factor: sympy.Expr, views: Views
) -> sympy.Expr | None:
    (term,) = definition.terms
    scale, body = term.body.as_independent(Access, as_Add=False)
    seen = views.see(body)
    if term.reduction != "sum" or term.guards or not (seen.is_Pow and seen.exp == 2):
        return None
    outside = factor * scale
    if not outside.is_positive or outside.free_symbols & views.bound(term.axes):
        return None
    norm = views.reduce(definition, "norm", seen.base, "norm")
    return sympy.sqrt(outside) * views.read(norm, access)


def _difference_of_roots(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    """sqrt(a) − s = (a − s²)/(sqrt(a) + s), where something of a − s² cancels."""
    if not node.is_Add or len(node.args) < 2:
        return None
    for sign in (1, -1):
        for root in node.args:
            part = sign * root
            radicand = _radicand(part, views)
            if radicand is None:
                continue
            found = _against_rest(part, radicand, part - sign * node, views)
            if found is not None:
                return sign * found
    return None


def _radicand(part: sympy.Expr, views: Views) -> sympy.Expr | None:
    """a of a part seen as sqrt(a)."""
    seen = views.see(part)
    if seen.is_Pow and seen.exp == HALF:
        return views.spell_out(seen.base)
    if isinstance(seen, f.hypot):
        return sympy.Add(*(views.spell_out(argument) ** 2 for argument in seen.args))
    return None


def _against_rest(
    root: sympy.Expr, radicand: sympy.Expr, subtracted: sympy.Expr, views: Views
) -> sympy.Expr | None:
    """(a − s²)/(sqrt(a) + s) for root = sqrt(a) and s = subtracted, if s² cancels a part of a."""
    other = _radicand(subtracted, views)
    square = views.spell_out(subtracted) ** 2 if other is None else other
    if len(sympy.Add.make_args(radicand)) > _LONGEST_RADICAND or subtracted == 0:
        return None
    first, second = (sympy.Add.make_args(sympy.expand(x)) for x in (radicand, square))
    difference = sympy.expand(radicand - square)
    left = 0 if difference == 0 else len(sympy.Add.make_args(difference))
    if left == 0 or left > len(first) - len(second):
        return None
    stable = difference / (root + subtracted)
    if other is not None or views.is_nonnegative(subtracted):
        return stable
    return f.select(f.less(0, subtracted), stable, root - subtracted)


def _log_of_root_sum(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    """log(sqrt(1 + u²) ± u) = ±arcsinh(u)."""
    if not isinstance(node, sympy.log):
        return None
    seen = views.see(node.args[0])
    if isinstance(seen, f.select):  # as the difference of roots leaves it
        seen = seen.args[2]
    if not seen.is_Add or len(seen.args) != 2:
        return None
    for root, other in (seen.args, seen.args[::-1]):
        square = _radicand(root, views)
        number, u = views.scaled(other)
        if square is not None and abs(number) == 1 and square == 1 + views.spell_out(u) ** 2:
            return number * sympy.asinh(u)
    return None


ROOT_RULES = (
    Rule(
        "arcsinh",
        "log(sqrt(1 + u²) + u) → arcsinh(u), log(sqrt(1 + u²) − u) → −arcsinh(u)",
        "always",
        _log_of_root_sum,
    ),
    Rule(
        "norm",
        "sqrt(c·Σ u²) → sqrt(c)·norm(u), sqrt(a² + b² + …) → hypot(a, b, …); "
        "likewise below a fraction",
        "c > 0",
        _root_of_squares,
    ),
    Rule(
        "difference of roots",
        "sqrt(a) − s → (a − s²)/(sqrt(a) + s) where s > 0; s may be a root itself",
        "s² cancels a part of a",
        _difference_of_roots,
    ),
)
