"""Logarithms of determinants, which overflow and underflow long before their logarithms do."""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from sympy import log

from symgrad.program import NOT_A_NUMBER, Access
from symgrad.program import functions as f
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.views import Views

__all__ = ["DETERMINANT_RULES"]

_DEEPEST = 8  # definitions between a logarithm and the determinants in it


@dataclass(slots=True)
class _Logarithm:
    """log of a product: a sum, and the determinants in it whose sign matters."""

    total: sympy.Expr
    signed: tuple[Access, ...] = ()
    found: bool = False

    def plus(self, other: _Logarithm) -> _Logarithm:
        signed = (*self.signed, *other.signed)
        return _Logarithm(self.total + other.total, signed, self.found or other.found)


def _log_of_determinants(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    if not isinstance(node, log):
        return None
    found = _logarithm(node.args[0], views, _DEEPEST)
    if found is None or not found.found:
        return None
    if not found.signed:
        return found.total
    if len(found.signed) == 1:  # one routine gives the logarithm and knows the sign
        plain = views.operate(found.signed[0], "log_abs_determinant")
        named = views.operate(found.signed[0], "log_determinant")
        return found.total.xreplace({plain: named})
    sign = sympy.Mul(*(views.operate(d, "determinant_sign") for d in found.signed))
    return f.select(f.less(sign, 0), NOT_A_NUMBER, found.total)


def _logarithm(node: sympy.Expr, views: Views, depth: int) -> _Logarithm | None:
    """log of a product of determinants and what is positive; None for anything else."""
    if views.is_determinant(node):
        return _Logarithm(views.operate(node, "log_abs_determinant"), (node,), True)
    diagonal = _product_of_diagonal(node, views)
    if diagonal is not None:
        return _Logarithm(diagonal, (), True)
    if isinstance(node, Access):
        seen = views.see(node)
        return None if seen == node or depth == 0 else _logarithm(seen, views, depth - 1)
    if isinstance(node, sympy.exp):
        return _Logarithm(node.args[0])
    if node.is_Pow and _is_positive(node.base) and not node.exp.has(Access):
        return _Logarithm(node.exp * log(node.base))  # (2π)^k overflows before its logarithm
    if _is_positive(node):
        return _Logarithm(log(node))
    if isinstance(node, f.absolute):
        inner = _logarithm(node.args[0], views, depth)
        return None if inner is None else _Logarithm(inner.total, (), inner.found)
    if node.is_Mul:
        total = _Logarithm(sympy.S.Zero)
        for factor in node.args:
            part = _logarithm(factor, views, depth)
            if part is None:
                return None
            total = total.plus(part)
        return total
    if node.is_Pow and node.exp.is_Rational:
        inner = _logarithm(node.base, views, depth)
        if inner is None:
            return None
        even = node.exp.is_Integer and node.exp % 2 == 0
        return _Logarithm(node.exp * inner.total, () if even else inner.signed, inner.found)
    return None


def _product_of_diagonal(node: sympy.Expr, views: Views) -> sympy.Expr | None:
    """log Π Lᵢᵢ = Σ log Lᵢᵢ for a Cholesky factor L."""
    found = views.reduction(node)
    if found is None:
        return None
    definition, access, factor = found
    (term,) = definition.terms
    if term.reduction != "prod" or term.guards or not _is_positive(factor):
        return None
    if not views.is_factor_diagonal(term.body):
        return None
    logs = views.reduce(definition, "log", log(term.body), "sum")
    return log(factor) + views.read(logs, access)


def _is_positive(node: sympy.Expr) -> bool:
    """Numbers and powers of sizes: 2π, (2π)^k."""
    return not node.has(Access) and bool(node.is_positive)


DETERMINANT_RULES = (
    Rule(
        "log of determinant",
        "log(c·det A) → log c + log det A, log √det A → ½·log det A, log(det A/det B) → "
        "log |det A| − log |det B|, log Π Lᵢᵢ² → 2·Σ log Lᵢᵢ for a Cholesky factor L",
        "c > 0; not a number where the product of the signs is negative",
        _log_of_determinants,
    ),
)
