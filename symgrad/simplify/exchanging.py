"""Sums over sums, taken in the other order where that has fewer loops."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    Program,
    Statement,
    Term,
    index_symbol,
    is_floating,
)
from symgrad.program.naming import FreshNames
from symgrad.simplify.rewriting import count_reads, merge_terms, with_definitions

__all__ = ["exchange_sums"]


def exchange_sums(program: Program) -> Program:
    """t(j,k) = Σ_l a(j,l)·b(l,k), Σ_j t(j,k) -> s(l) = Σ_j a(j,l), Σ_l s(l)·b(l,k).

    Only where nothing else reads t, and where each Σ_j has no more loops than the addend of t that
    it stands for, and one has fewer.
    """
    reads = count_reads(program)
    fresh = FreshNames(program)
    known: dict[str, Definition] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            exchanger = _Exchanger(statement, known, reads, fresh)
            terms = tuple(new for term in statement.terms for new in exchanger.rewrite(term))
            kept.extend(exchanger.inner)
            if exchanger.inner:
                statement = replace(statement, terms=merge_terms(terms))
            if statement.name not in program.outputs:
                known[statement.name] = statement
        kept.append(statement)
    return with_definitions(program, kept)


@dataclass(frozen=True, slots=True)
class _Split:
    """An addend of t: what the outer sum runs over, and what can be taken out of it."""

    term: Term
    inside: sympy.Expr
    outside: sympy.Expr
    axes: tuple[Axis, ...]  # of the sum of what is inside


class _Exchanger:
    """Rewrites the terms of one definition; `inner` collects the sums that became definitions."""

    def __init__(
        self,
        definition: Definition,
        known: dict[str, Definition],
        reads: Counter[str],
        fresh: FreshNames,
    ) -> None:
        self.definition = definition
        self.known = known
        self.reads = reads
        self.fresh = fresh
        self.inner: list[Definition] = []

    def rewrite(self, term: Term) -> list[Term]:
        source = self._exchangeable(term)
        if source is None:
            return [term]
        access = next(x for x in sympy.Mul.make_args(term.body) if isinstance(x, Access))
        splits = [self._split(term, moved) for moved in self._moved(source, access)]
        found = [split for split in splits if split is not None]
        if len(found) < len(splits):
            return [term]
        before = [len(source.axes) + len(split.term.axes) for split in found]
        after = [len(split.axes) + len(term.axes) for split in found]
        pairs = list(zip(after, before, strict=True))
        if any(new > old for new, old in pairs) or all(new == old for new, old in pairs):
            return [term]
        factor = term.body / access
        return [self._exchanged(split, term.axes, factor) for split in found]

    def _exchangeable(self, term: Term) -> Definition | None:
        """The definition that a term sums multiples of, if only this term reads it."""
        if term.reduction != "sum" or not term.axes or term.guards:
            return None
        factors = sympy.Mul.make_args(term.body)
        read = [x for x in factors if x.has(Access)]
        if len(read) != 1 or not isinstance(read[0], Access):
            return None
        (access,) = read
        source = self.known.get(access.name)
        if source is None or self.reads[source.name] != 1 or not _is_sum(source):
            return None
        loops = {axis.index: axis.extent for axis in (*self.definition.axes, *term.axes)}
        extents = tuple(loops.get(subscript) for subscript in access.subscripts)
        plain = extents == source.shape and len(set(access.subscripts)) == len(extents)
        summed = {axis.index for axis in term.axes}
        constant = not any(x.free_symbols & set(loops) for x in factors if x != access)
        same = source.dtype == self.definition.dtype and is_floating(source.dtype)
        return source if plain and constant and same and summed <= set(access.subscripts) else None

    def _moved(self, source: Definition, access: Access) -> list[Term]:
        """The terms of t at the indices it is read at, its own summed indices renamed apart."""
        outer = dict(zip(source.indices, access.subscripts, strict=True))
        taken = {*(s.name for s in access.subscripts), *(i.name for i in self.definition.indices)}
        moved = []
        for term in source.terms:
            apart: dict[sympy.Symbol, sympy.Symbol] = {}
            for axis in term.axes:
                name = axis.index.name
                while name in taken or name in {i.name for i in apart.values()}:
                    name += "_"
                apart[axis.index] = index_symbol(name)
            axes = tuple(Axis(apart[a.index], a.extent) for a in term.axes)
            moved.append(replace(term.xreplace({**outer, **apart}), axes=axes))
        return moved

    def _split(self, term: Term, moved: Term) -> _Split | None:
        """The factors of an addend with and without an index of the outer sum."""
        summed = {axis.index for axis in term.axes}
        sides = (side for guard in moved.guards for side in (guard.left, guard.right))
        if any(side.free_symbols & summed for side in sides):
            return None
        factors = sympy.Mul.make_args(moved.body)
        inside = sympy.Mul(*(x for x in factors if x.free_symbols & summed))
        outside = sympy.Mul(*(x for x in factors if not x.free_symbols & summed))
        loops = (*self.definition.axes, *moved.axes)
        axes = tuple(axis for axis in loops if axis.index in inside.free_symbols)
        return _Split(moved, inside, outside, axes)

    def _exchanged(self, split: _Split, summed: tuple[Axis, ...], factor: sympy.Expr) -> Term:
        definition = self.definition
        name = self.fresh(f"{definition.name}_sum")
        term = Term(split.inside, summed)
        inner = Definition(name, split.axes, definition.dtype, (term,), definition.origin)
        self.inner.append(inner)
        return replace(split.term, body=factor * split.outside * inner.access)


def _is_sum(definition: Definition) -> bool:
    sums = all(term.reduction == "sum" for term in definition.terms)
    return sums and any(term.axes for term in definition.terms)
