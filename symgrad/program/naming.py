"""Unused names for the definitions and indices that a pass adds."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from symgrad.program.definitions import Axis, Program
from symgrad.program.symbols import index_symbol

__all__ = ["FreshIndices", "FreshNames"]


class FreshNames:
    """Gives names that no array, size or earlier call has."""

    def __init__(self, program: Program) -> None:
        self.taken = {*program.shapes(), *(size.name for size in program.sizes())}

    def __call__(self, wish: str) -> str:
        """`wish` if it is free, else `wish2`, `wish3`, …"""
        name, count = wish, 1
        while name in self.taken:
            count += 1
            name = f"{wish}{count}"
        self.taken.add(name)
        return name


class FreshIndices:
    """Gives index symbols that occur nowhere else in the program being built."""

    def __init__(self, program: Program, prefix: str) -> None:
        self.prefix = prefix
        self.count = 0
        self.taken = {*program.shapes(), *(size.name for size in program.sizes())}
        for statement in program.definitions:
            for axis in getattr(statement, "axes", ()):
                self.taken.add(axis.index.name)
            for term in getattr(statement, "terms", ()):
                self.taken.update(axis.index.name for axis in term.axes)

    def __call__(self) -> sympy.Symbol:
        while True:
            name = f"{self.prefix}{self.count}"
            self.count += 1
            if name not in self.taken:
                return index_symbol(name)

    def axes(self, shape: Iterable[sympy.Expr]) -> tuple[Axis, ...]:
        """Fresh axes for the extents of a shape."""
        return tuple(Axis(self(), extent) for extent in shape)
