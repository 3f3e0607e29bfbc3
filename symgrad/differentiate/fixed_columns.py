"""Which columns of an entry of a Jacobian the row fixes, and the indices that occur in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from symgrad.differentiate.entries import Entry
from symgrad.program import Axis, Guard, Term, is_index

__all__ = ["Split", "indices_in", "indices_of_guard", "indices_of_term", "split_entry"]


@dataclass(frozen=True, slots=True)
class Split:
    """An entry with its ties by column axis, k = value; `rest` are the other guards."""

    entry: Entry
    ties: dict[int, sympy.Expr]
    rest: tuple[Guard, ...]


def split_entry(entry: Entry, columns: Sequence[Axis]) -> Split:
    """The entry with the first guard [k = value] of each column as its tie."""
    ties: dict[int, sympy.Expr] = {}
    rest = []
    positions = {axis.index: k for k, axis in enumerate(columns)}
    for guard in entry.guards:
        position = positions.get(guard.left)
        if guard.relation == "==" and position is not None and position not in ties:
            ties[position] = guard.right
        else:
            rest.append(guard)
    return Split(entry, ties, tuple(rest))


def indices_in(expression: sympy.Expr) -> set[sympy.Symbol]:
    """The indices of an expression, sizes aside."""
    return {symbol for symbol in expression.free_symbols if is_index(symbol)}


def indices_of_guard(guard: Guard) -> set[sympy.Symbol]:
    """The indices of both sides."""
    return indices_in(guard.left) | indices_in(guard.right)


def indices_of_term(term: Term) -> set[sympy.Symbol]:
    """The indices of the body and the guards."""
    found = indices_in(term.body)
    for guard in term.guards:
        found |= indices_of_guard(guard)
    return found
