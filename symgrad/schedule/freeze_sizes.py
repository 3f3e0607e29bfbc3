"""How the sizes of a call follow from the shapes of its arguments; part of freezing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sympy

from symgrad.errors import ModelError
from symgrad.program import Argument, Guard
from symgrad.schedule.freeze_text import size_text

__all__ = ["SizeRule", "freeze_requirements", "freeze_sizes"]


@dataclass(frozen=True, slots=True)
class SizeRule:
    """One axis of one argument.

    bind:   `size` is the length of the axis.
    solve:  `size` = (length − `text`) / `divisor`, which must come out even.
    check:  the length must be `text`, which is known by then.
    """

    kind: Literal["bind", "solve", "check"]
    argument: str
    axis: int
    size: str
    text: str
    divisor: str


def freeze_sizes(function: str, arguments: tuple[Argument, ...]) -> tuple[SizeRule, ...]:
    """Rules that bind every size and check every axis, in an order in which they can run.

    Raises:
        ModelError: a size occurs only inside expressions that cannot be solved for it.
    """
    rules: list[SizeRule] = []
    known: set[sympy.Symbol] = set()
    checks: list[tuple[Argument, int, sympy.Expr]] = []
    for argument in arguments:
        for axis, extent in enumerate(argument.shape):
            if extent.is_Symbol and extent not in known:
                known.add(extent)
                rules.append(SizeRule("bind", argument.name, axis, extent.name, "", ""))
            else:
                checks.append((argument, axis, extent))
    pending = [c for c in checks if c[2].free_symbols - known]
    ready = [c for c in checks if not c[2].free_symbols - known]
    while pending:
        solved = next((c for c in pending if len(c[2].free_symbols - known) == 1), None)
        if solved is None:
            raise _unsolvable(function, pending[0])
        argument, axis, extent = solved
        (symbol,) = extent.free_symbols - known
        slope = sympy.expand(extent).coeff(symbol, 1)
        rest = sympy.expand(extent - slope * symbol)
        if symbol in slope.free_symbols | rest.free_symbols or slope == 0:
            raise _unsolvable(function, solved)
        known.add(symbol)
        rules.append(
            SizeRule("solve", argument.name, axis, symbol.name, size_text(rest), size_text(slope))
        )
        pending.remove(solved)
        ready += [c for c in pending if not c[2].free_symbols - known]
        pending = [c for c in pending if c[2].free_symbols - known]
    for argument, axis, extent in ready:
        rules.append(SizeRule("check", argument.name, axis, "", size_text(extent), ""))
    return tuple(rules)


def freeze_requirements(requirements: tuple[Guard, ...]) -> tuple[str, ...]:
    """Conditions on sizes as Python comparisons: `3 <= n`."""
    return tuple(
        f"{size_text(guard.left)} {guard.relation} {size_text(guard.right)}"
        for guard in requirements
    )


def _unsolvable(function: str, check: tuple[Argument, int, sympy.Expr]) -> ModelError:
    argument, axis, extent = check
    return ModelError(
        f"{function}: axis {axis} of argument '{argument.name}' has extent {extent}, which does "
        f"not determine its sizes; give one of them an axis of its own in some argument"
    )
