"""Expressions in sizes as Python text; part of freezing."""

from __future__ import annotations

import sympy

from symgrad.errors import CompileError

__all__ = ["size_text"]


def size_text(expression: sympy.Expr) -> str:
    """An integer expression in sizes as Python text.

    >>> from symgrad.program import size_symbol
    >>> size_text(2 * size_symbol("n") - 1)
    '2 * n - 1'
    """
    return _size_text(sympy.sympify(expression))[0]


def _size_text(expression: sympy.Expr) -> tuple[str, int]:
    """Text and binding strength: 1 for sums, 2 for products, 3 for atoms."""
    if expression.is_Integer:
        return str(int(expression)), (3 if expression >= 0 else 1)
    if expression.is_Symbol:
        return expression.name, 3
    if expression.is_Add:
        ordered = sorted(
            expression.args, key=lambda a: (a.could_extract_minus_sign(), a.is_Number, str(a))
        )
        text = ""
        for part in ordered:
            negative = part.could_extract_minus_sign()
            shown = _parenthesised(-part if negative else part, 2)
            joint = (" - " if negative else " + ") if text else ("-" if negative else "")
            text += joint + shown
        return text, 1
    if expression.is_Mul:
        return _product_text(expression)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        return f"{_parenthesised(expression.base, 3)} ** {int(expression.exp)}", 2
    if isinstance(expression, (sympy.Min, sympy.Max)):
        name = "min" if isinstance(expression, sympy.Min) else "max"
        arguments = sorted(size_text(argument) for argument in expression.args)
        return f"{name}({', '.join(arguments)})", 3
    if isinstance(expression, sympy.Mod):
        left, right = (_parenthesised(argument, 3) for argument in expression.args)
        return f"{left} % {right}", 2
    if isinstance(expression, sympy.floor):
        numerator, denominator = sympy.together(expression.args[0]).as_numer_denom()
        return f"{_parenthesised(numerator, 3)} // {_parenthesised(denominator, 3)}", 2
    if isinstance(expression, sympy.ceiling):
        numerator, denominator = sympy.together(expression.args[0]).as_numer_denom()
        return f"-(-{_parenthesised(numerator, 3)} // {_parenthesised(denominator, 3)})", 1
    raise CompileError(f"size expression {expression} has no text")


def _product_text(expression: sympy.Expr) -> tuple[str, int]:
    if expression.could_extract_minus_sign():
        return f"-{_parenthesised(-expression, 3)}", 1
    numerator, denominator = expression.as_numer_denom()
    factors = sympy.Mul.make_args(numerator)
    text = " * ".join(_parenthesised(factor, 3) for factor in factors)
    if denominator == 1:
        return text, 2
    top = f"({text})" if len(factors) > 1 else text
    return f"{top} // {_parenthesised(denominator, 3)}", 2


def _parenthesised(expression: sympy.Expr, level: int) -> str:
    text, own = _size_text(expression)
    return text if own >= level else f"({text})"
