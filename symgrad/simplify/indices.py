"""Index letters for people: one extent has one letter throughout a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy

from symgrad.program import Axis, Definition, Program, Statement, index_symbol
from symgrad.simplify.rewriting import with_definitions

__all__ = ["name_indices"]

_LETTERS = "ijklmpqrstuvgh"


def name_indices(program: Program) -> Program:
    """The program with indices renamed: n -> i, d -> j, …; a second axis of n takes the next."""
    namer = _IndexNamer(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        kept.append(namer.rename(statement) if isinstance(statement, Definition) else statement)
    return with_definitions(program, kept)


class _IndexNamer:
    """Hands out letters by extent, in the order in which extents are met."""

    def __init__(self, program: Program) -> None:
        taken = {*program.shapes(), *(size.name for size in program.sizes())}
        self.free = self._names(taken)
        self.letters: dict[sympy.Expr, list[sympy.Symbol]] = {}
        for size in _extents_by_position(program):
            self._letter(size, 0)

    @staticmethod
    def _names(taken: set[str]) -> Iterator[str]:
        yield from (letter for letter in _LETTERS if letter not in taken)
        count = 0
        while True:
            count += 1
            for letter in "ijk":
                if f"{letter}{count}" not in taken:
                    yield f"{letter}{count}"

    def _letter(self, extent: sympy.Expr, position: int) -> sympy.Symbol:
        letters = self.letters.setdefault(extent, [])
        while len(letters) <= position:
            letters.append(index_symbol(next(self.free)))
        return letters[position]

    def rename(self, definition: Definition) -> Definition:
        used: dict[sympy.Expr, int] = {}
        outer = self._assign(definition.axes, used)
        axes = tuple(Axis(outer[a.index], a.extent) for a in definition.axes)
        terms = []
        for term in definition.terms:
            mapping = outer | self._assign(term.axes, dict(used))
            changed = any(old != new for old, new in mapping.items())
            terms.append(term.rename_axes(mapping) if changed else term)
        return replace(definition, axes=axes, terms=tuple(terms))

    def _assign(
        self, axes: tuple[Axis, ...], used: dict[sympy.Expr, int]
    ) -> dict[sympy.Symbol, sympy.Symbol]:
        mapping = {}
        for axis in axes:
            position = used.get(axis.extent, 0)
            used[axis.extent] = position + 1
            mapping[axis.index] = self._letter(axis.extent, position)
        return mapping


def _extents_by_position(program: Program) -> list[sympy.Expr]:
    """Size extents of the arguments, those that lead every array they occur in first."""
    furthest: dict[sympy.Expr, int] = {}
    for argument in program.arguments:
        for position, extent in enumerate(argument.shape):
            if extent.is_Symbol:
                furthest[extent] = max(position, furthest.get(extent, 0))
    return sorted(furthest, key=lambda extent: furthest[extent])
