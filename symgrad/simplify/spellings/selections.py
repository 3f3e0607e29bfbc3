"""Selections that guard what needs no guard, and functions of what is never negative."""

from __future__ import annotations

import sympy

from symgrad.program import Access
from symgrad.program import functions as f
from symgrad.simplify.spellings.quotients import QUOTIENT_RULES
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["SELECTION_RULES"]

_SINC = next(rule.apply for rule in QUOTIENT_RULES if rule.name == "sinc")


def _guarded_quotient(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not isinstance(node, f.select):
        return None
    condition, a, b = node.args
    test = views.see(condition)
    if isinstance(test, f.not_equal):
        a, b = b, a
    elif not isinstance(test, f.equal):
        return None
    if 0 not in test.args:
        return None
    (zero_at,) = (side for side in test.args if side != 0) if test.args != (0, 0) else (None,)
    quotient = views.spell_out(b, 3)
    quotient = _decided(quotient, test, views)
    stable = quotient if quotient.has(f.sinc) else _SINC(quotient, views)
    if stable is None or stable.atoms(f.select):
        return None
    angle = views.spell_out(zero_at, 3)
    limit = stable.xreplace({angle: sympy.S.Zero}).xreplace({f.sinc(0): sympy.S.One})
    return stable if limit == views.see(a) and not limit.has(Access) else None


def _decided(quotient: sympy.Expr, test: sympy.Expr, views: Views) -> sympy.Expr:
    """The branch for u ≠ 0 with the selections inside it that ask for u = 0 or u ≠ 0 decided."""
    wanted = {views.spell_out(side, 3) for side in test.args}
    chosen: dict[sympy.Basic, sympy.Basic] = {}
    for selection in sorted(quotient.atoms(f.select), key=sympy.default_sort_key):
        inner = views.see(selection.args[0])
        if {views.spell_out(side, 3) for side in inner.args} != wanted:
            continue
        if isinstance(inner, f.equal):
            chosen[selection] = selection.args[2]
        elif isinstance(inner, f.not_equal):
            chosen[selection] = selection.args[1]
    return quotient.xreplace(chosen)


def _known_sign(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if isinstance(node, (f.absolute, sympy.Abs)):
        return node.args[0] if views.is_nonnegative(node.args[0]) else None
    if isinstance(node, f.maximum) and 0 in node.args:
        (other,) = (x for x in node.args if x != 0) if node.args != (0, 0) else (None,)
        return other if other is not None and views.is_nonnegative(other) else None
    return None


SELECTION_RULES = (
    Rule(
        "guarded quotient",
        "where(u = 0, 1, sin(u)/u) → sinc(u)",
        "the value given for 0 is the limit there",
        _guarded_quotient,
    ),
    Rule(
        "known sign",
        "|u| → u, max(u, 0) → u",
        "u is a sum of squares, an exponential or the like",
        _known_sign,
    ),
)
