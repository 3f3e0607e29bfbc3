"""Leaves of a body: index and size symbols, accesses to arrays, and the non-finite constants."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.symbol import Str

__all__ = [
    "INFINITY",
    "NOT_A_NUMBER",
    "Access",
    "accesses",
    "index_symbol",
    "is_index",
    "is_size",
    "size_symbol",
    "symbols_in",
]


def index_symbol(name: str) -> sympy.Symbol:
    """The bound variable of an axis: an integer, zero or more."""
    return sympy.Symbol(name, integer=True, nonnegative=True)


def size_symbol(name: str) -> sympy.Symbol:
    """The length of an axis: a positive integer, fixed by the arguments of a call.

    Zero-size arrays still work; they only make no formula false that had a value.
    """
    return sympy.Symbol(name, integer=True, positive=True)


def is_size(symbol: sympy.Basic) -> bool:
    """Whether a symbol was made by `size_symbol`."""
    return isinstance(symbol, sympy.Symbol) and bool(symbol.is_integer and symbol.is_positive)


def is_index(symbol: sympy.Basic) -> bool:
    """Whether a symbol was made by `index_symbol`."""
    return isinstance(symbol, sympy.Symbol) and bool(symbol.is_integer) and not symbol.is_positive


# Symbols, not sympy.oo and sympy.nan: SymPy's own would be folded (oo - oo, 0·oo) while a body is
# built, although whether the value is used at all is known only when it runs.
INFINITY = sympy.Symbol("inf", real=True, positive=True)
NOT_A_NUMBER = sympy.Symbol("nan", real=True)


class Access(sympy.Expr):
    """`name[s0, s1, …]`: one element of an argument, a constant or another definition.

    Subscripts are affine in indices and sizes, or themselves an access to an integer array.

    >>> Access("X", index_symbol("i"), 0)
    Access(X, i, 0)
    """

    is_commutative = True
    is_real = True
    is_extended_real = True

    def __new__(cls, name: str | Str, *subscripts: Any) -> Access:
        label = name if isinstance(name, Str) else Str(name)
        return sympy.Expr.__new__(cls, label, *(sympy.sympify(s) for s in subscripts))

    @property
    def name(self) -> str:
        """Name of the array that is read."""
        return str(self.args[0].name)

    @property
    def subscripts(self) -> tuple[sympy.Expr, ...]:
        """One integer expression per axis of the array."""
        return tuple(self.args[1:])

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        return sympy.S.Zero

    def _sympystr(self, printer: Any) -> str:
        inner = ", ".join([self.name, *(printer._print(s) for s in self.subscripts)])
        return f"Access({inner})"


def accesses(expression: sympy.Basic) -> tuple[Access, ...]:
    """Every distinct access in an expression, in order of first appearance, outermost first.

    An access inside a subscript (a gather) is found too, after the one that uses it.
    """
    found: dict[Access, None] = {}
    stack: list[sympy.Basic] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Access):
            found.setdefault(node)
        stack.extend(reversed(node.args))
    return tuple(found)


def symbols_in(expression: sympy.Basic) -> frozenset[sympy.Symbol]:
    """Free index and size symbols of an expression."""
    return frozenset(expression.free_symbols)
