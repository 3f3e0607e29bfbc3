"""The structure of a Jacobian, decided by its deltas, and the definitions of the stored values.

[k = i]·v[i]                    diagonal
[k = i]·B[i,j,l]                block diagonal over i
[k = i]·A[j,l]                  Kronecker: identity over i, A over the rest
[k = i + c]·v[i], few c         banded
[k = i]·v[i] + u[i]·w[k]        diagonal plus low rank
[k = e(i)], e an index array    sparse, rows compressed
anything else                   dense
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import sympy

from symgrad.differentiate.entries import Entry, Jacobian
from symgrad.differentiate.fixed_columns import (
    Split,
    indices_in,
    indices_of_guard,
    indices_of_term,
    split_entry,
)
from symgrad.program import Axis, Definition, Guard, Term

__all__ = ["Kind", "Pattern", "SparsePart", "choose_pattern", "dense_definition", "diagonal_of"]

Kind = Literal[
    "diagonal", "block_diagonal", "banded", "kronecker", "low_rank_plus", "sparse", "dense"
]
_HIGHEST_RANK = 8


@dataclass(frozen=True, slots=True)
class SparsePart:
    """Values over rows and free columns, and for each column axis the array that gives it.

    `ties[c]` is None for a free column, else the name of an integer array over the row axes
    listed in `tie_axes[c]`. `inside` names a 0/1 array over the rows where the part holds.
    """

    values: str
    ties: tuple[str | None, ...]
    tie_axes: tuple[tuple[int, ...], ...]
    inside: str | None
    inside_axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A structure and the names of the arrays that hold its values.

    `tied` are the axes along which rows and columns are equal (block diagonal, Kronecker);
    `offsets` the diagonals of a band; `parts` those of a sparse matrix.
    """

    kind: Kind
    values: tuple[str, ...]
    rows: tuple[sympy.Expr, ...]
    columns: tuple[sympy.Expr, ...]
    definitions: tuple[Definition, ...]
    tied: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    parts: tuple[SparsePart, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Every array that the structure is made of."""
        found: dict[str, None] = dict.fromkeys(self.values)
        for part in self.parts:
            for name in (part.values, *part.ties, part.inside):
                if name is not None:
                    found.setdefault(name)
        return tuple(found)


def choose_pattern(
    jacobian: Jacobian, name: str, fresh: Callable[[str], str], *, sparse: bool = False
) -> Pattern:
    """The most special structure that holds for every value of the arguments.

    Args:
        jacobian: what is stored.
        name: how the arrays of values are called.
        fresh: gives an unused name that starts like its argument.
        sparse: compressed rows, whatever the structure.
    """
    chooser = _Chooser(jacobian, name, fresh)
    if sparse:
        return chooser.compressed_rows()
    for attempt in (
        chooser.diagonal,
        chooser.banded,
        chooser.low_rank_plus,
        chooser.blocks,
        chooser.sparse,
    ):
        found = attempt()
        if found is not None:
            return found
    return chooser.dense()


def diagonal_of(jacobian: Jacobian, name: str) -> Definition:
    """∂f[i]/∂x[i]: the columns put equal to the rows, before anything is computed."""
    change = {
        column.index: row.index for row, column in zip(jacobian.rows, jacobian.columns, strict=True)
    }
    terms = tuple(entry.term().xreplace(change) for entry in jacobian.entries)
    return Definition(name, jacobian.rows, jacobian.dtype, terms)


def dense_definition(jacobian: Jacobian, name: str) -> Definition:
    """Every element of a Jacobian, over its rows and columns."""
    terms = _add_unguarded([entry.term() for entry in jacobian.entries])
    return Definition(name, (*jacobian.rows, *jacobian.columns), jacobian.dtype, terms)


class _Chooser:
    def __init__(self, jacobian: Jacobian, name: str, fresh: Callable[[str], str]) -> None:
        self.jacobian = jacobian
        self.name = name
        self.fresh = fresh
        self.rows = jacobian.rows
        self.columns = jacobian.columns
        row_extents = tuple(axis.extent for axis in self.rows)
        column_extents = tuple(axis.extent for axis in self.columns)
        self.square = bool(self.rows) and row_extents == column_extents
        self.splits = [split_entry(entry, self.columns) for entry in jacobian.entries]

    # --- the structures, most special first ------------------------------------------------------

    def diagonal(self) -> Pattern | None:
        """Every entry has [k = i] in all axes; a zero matrix is one too."""
        if not self.square or not all(self._is_diagonal(split) for split in self.splits):
            return None
        return self._pattern("diagonal", (self._diagonal(self.splits),))

    def banded(self) -> Pattern | None:
        """Every entry has [k = i + c] for a number c, on one axis."""
        if not self.square or len(self.rows) != 1:
            return None
        by_offset: dict[int, list[Split]] = {}
        for split in self.splits:
            offset = self._offset(split)
            if offset is None:
                return None
            by_offset.setdefault(offset, []).append(split)
        offsets = tuple(sorted(by_offset))
        bands = tuple(self._diagonal(by_offset[offset], "band") for offset in offsets)
        return self._pattern("banded", bands, offsets=offsets)

    def low_rank_plus(self) -> Pattern | None:
        """A diagonal and products of a factor of the row and a factor of the column."""
        if not self.square:
            return None
        diagonal = [split for split in self.splits if self._is_diagonal(split)]
        others = [split for split in self.splits if not self._is_diagonal(split)]
        if not diagonal or not others or len(others) > _HIGHEST_RANK:
            return None
        pairs = []
        for split in others:
            pair = None if split.entry.guards else self._separate(split.entry)
            if pair is None:
                return None
            pairs.append(pair)
        definitions = [self._diagonal(diagonal)]
        for left, right in pairs:
            definitions.append(self._value(self.rows, (Term(left),), "left"))
            definitions.append(self._value(self.columns, (Term(right),), "right"))
        return self._pattern("low_rank_plus", tuple(definitions))

    def blocks(self) -> Pattern | None:
        """Every entry has [k = i] along some axes: blocks over the others, or one block for all."""
        if not self.square:
            return None
        common = set(range(len(self.rows)))
        for split in self.splits:
            common &= self._identity_axes(split)
        if not common:
            return None
        tied = tuple(sorted(common))
        drop = {self.columns[axis].index for axis in tied}
        terms = []
        for split in self.splits:
            guards = tuple(g for g in split.entry.guards if g.left not in drop)
            terms.append(Term(split.entry.body, (), "sum", guards))
        free_rows = tuple(axis for k, axis in enumerate(self.rows) if k not in common)
        free_columns = tuple(axis for k, axis in enumerate(self.columns) if k not in common)
        along = {self.rows[axis].index for axis in tied}
        if any(indices_of_term(term) & along for term in terms):
            axes = (*(self.rows[axis] for axis in tied), *free_rows, *free_columns)
            return self._pattern("block_diagonal", (self._value(axes, terms),), tied=tied)
        axes = (*free_rows, *free_columns)
        return self._pattern("kronecker", (self._value(axes, terms),), tied=tied)

    def sparse(self) -> Pattern | None:
        """Every entry fixes at least one column by the row: [k = e(i)]."""
        if all(self._outer_ties(split) for split in self.splits):
            return self.compressed_rows()
        return None

    def compressed_rows(self) -> Pattern:
        """Entries that fix columns by the row, and full rows for the others.

        Entries with the same columns are one part, a dense block for each row.
        """
        groups: dict[tuple[object, ...], list[Split]] = {}
        for split in self.splits:
            ties = self._outer_ties(split)
            inside = self._row_guards(split) if ties else ()
            groups.setdefault((tuple(sorted(ties.items())), frozenset(inside)), []).append(split)
        parts = []
        definitions: list[Definition] = []
        for group in groups.values():
            part, added = self._sparse_part(group)
            parts.append(part)
            definitions.extend(added)
        return Pattern(
            "sparse",
            (),
            tuple(axis.extent for axis in self.rows),
            tuple(axis.extent for axis in self.columns),
            tuple(definitions),
            parts=tuple(parts),
        )

    def _outer_ties(self, split: Split) -> dict[int, sympy.Expr]:
        """Columns that the row gives; those of a literal extent only if there are no others."""
        ties = self._row_ties(split)
        long = {k: v for k, v in ties.items() if not self.columns[k].extent.is_Integer}
        return long or ties

    def _row_ties(self, split: Split) -> dict[int, sympy.Expr]:
        rows = {axis.index for axis in self.rows}
        return {k: value for k, value in split.ties.items() if indices_in(value) <= rows}

    def _row_guards(self, split: Split) -> tuple[Guard, ...]:
        """Conditions on the row alone, on axes of a literal extent aside."""
        rows = {axis.index for axis in self.rows}
        long = {axis.index for axis in self.rows if not axis.extent.is_Integer}
        return tuple(
            guard
            for guard in split.rest
            if indices_of_guard(guard) <= rows and indices_of_guard(guard) & long
        )

    def dense(self) -> Pattern:
        """Every element; what deltas remain are conditions on it."""
        terms = [entry.term() for entry in self.jacobian.entries]
        return self._pattern("dense", (self._value((*self.rows, *self.columns), terms),))

    # --- parts -----------------------------------------------------------------------------------

    def _sparse_part(self, group: Sequence[Split]) -> tuple[SparsePart, list[Definition]]:
        """One part for entries with the same ties and the same conditions on the row."""
        outer = self._row_ties(group[0])
        for split in group[1:]:
            own = self._row_ties(split)
            outer = {k: value for k, value in outer.items() if own.get(k) == value}
        definitions: list[Definition] = []
        ties: list[str | None] = []
        tie_axes: list[tuple[int, ...]] = []
        for position in range(len(self.columns)):
            value = outer.get(position)
            if value is None:
                ties.append(None)
                tie_axes.append(())
                continue
            name, axes = self._over_rows("columns", Term(value), indices_in(value), definitions)
            ties.append(name)
            tie_axes.append(axes)
        free = tuple(a for k, a in enumerate(self.columns) if k not in outer)
        fixed = {self.columns[k].index for k in outer}
        terms = []
        for split in group:
            guards = tuple(g for g in split.entry.guards if g.left not in fixed)
            terms.append(Term(split.entry.body, (), "sum", guards))
        values = self._value((*self.rows, *free), terms)
        definitions.append(values)
        conditions = self._row_guards(group[0]) if outer else ()
        inside: str | None = None
        inside_axes: tuple[int, ...] = ()
        if conditions:
            used = {symbol for guard in conditions for symbol in indices_of_guard(guard)}
            one = Term(sympy.S.One, (), "sum", conditions)
            inside, inside_axes = self._over_rows("inside", one, used, definitions)
        part = SparsePart(values.name, tuple(ties), tuple(tie_axes), inside, inside_axes)
        return part, definitions

    def _over_rows(
        self,
        label: str,
        term: Term,
        used: set[sympy.Symbol],
        definitions: list[Definition],
    ) -> tuple[str, tuple[int, ...]]:
        """An integer array over those row axes that its term needs."""
        positions = tuple(k for k, axis in enumerate(self.rows) if axis.index in used)
        axes = tuple(self.rows[k] for k in positions)
        name = self.fresh(f"{self.name}_{label}")
        definitions.append(Definition(name, axes, "int64", (term,)))
        return name, positions

    def _diagonal(self, splits: Sequence[Split], label: str = "") -> Definition:
        """The values along one diagonal, over the row indices."""
        terms = [Term(split.entry.body, (), "sum", split.rest) for split in splits]
        return self._value(self.rows, terms, label)

    def _value(self, axes: tuple[Axis, ...], terms: Sequence[Term], label: str = "") -> Definition:
        name = self.fresh(f"{self.name}_{label}" if label else self.name)
        return Definition(name, axes, self.jacobian.dtype, _add_unguarded(terms))

    def _pattern(
        self,
        kind: Kind,
        definitions: tuple[Definition, ...],
        *,
        tied: tuple[int, ...] = (),
        offsets: tuple[int, ...] = (),
    ) -> Pattern:
        return Pattern(
            kind,
            tuple(definition.name for definition in definitions),
            tuple(axis.extent for axis in self.rows),
            tuple(axis.extent for axis in self.columns),
            definitions,
            tied,
            offsets,
        )

    # --- tests -----------------------------------------------------------------------------------

    def _identity_axes(self, split: Split) -> set[int]:
        return {k for k, axis in enumerate(self.rows) if split.ties.get(k) == axis.index}

    def _is_diagonal(self, split: Split) -> bool:
        rows = {axis.index for axis in self.rows}
        own = all(indices_of_guard(guard) <= rows for guard in split.rest)
        return own and len(self._identity_axes(split)) == len(self.rows)

    def _offset(self, split: Split) -> int | None:
        (row,) = self.rows
        value = split.ties.get(0)
        if value is None or any(indices_of_guard(guard) - {row.index} for guard in split.rest):
            return None
        offset = sympy.expand(value - row.index)
        return int(offset) if offset.is_Integer else None

    def _separate(self, entry: Entry) -> tuple[sympy.Expr, sympy.Expr] | None:
        """A factor of the row and a factor of the column, whose product the entry is."""
        rows = {axis.index for axis in self.rows}
        columns = {axis.index for axis in self.columns}
        left: list[sympy.Expr] = []
        right: list[sympy.Expr] = []
        for factor in entry.factors:
            symbols = indices_in(factor)
            if symbols <= rows:
                left.append(factor)
            elif symbols <= columns:
                right.append(factor)
            else:
                return None
        return sympy.Mul(*left), sympy.Mul(*right)


def _add_unguarded(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Terms on the same domain added into one."""
    merged: dict[tuple[Guard, ...], Term] = {}
    for term in terms:
        other = merged.get(term.guards)
        body = term.body if other is None else other.body + term.body
        merged[term.guards] = Term(body, (), "sum", term.guards)
    return tuple(term for term in merged.values() if term.body != 0)
