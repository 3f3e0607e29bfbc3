"""Layouts within a tile: which arrays of samples keep the sample axis last.

With the sample axis last, every loop over the rows of a tile is contiguous, whatever the other
sizes are, so it is the one to vectorise. Scratch is simply held that way. Rows of an array in
memory are copied first, which pays if each element is used several times, and results are copied
out:

    h[i,k] = Σ_j X[i,j]·W[j,k]     ->     X_packed[j,i] = X[i,j],  h[k,i] = Σ_j X_packed[j,i]·W[j,k]

Matrices that have no samples are read and summed transposed where that makes contiguous loops
without copies of the data:

    h[i,k] = Σ_j X[i,j]·W[k,j]     ->     W_turned[j,k] = W[k,j],  h[i,k] = Σ_j X[i,j]·W_turned[j,k]

The choice minimises an estimate of the work in a tile, in which sizes that are not literal count
as `LayoutModel` says. It reads no clock and no machine, so that the text stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from math import prod

from symgrad.program.definitions import DType
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    Operation,
    Subscript,
    elements_of,
)
from symgrad.schedule.layout_model import (
    LayoutModel,
    NestCost,
    nominal,
    reads_row,
    row_last,
    row_of,
)
from symgrad.schedule.nests import reuses_elements

__all__ = ["Layout", "choose_layout"]

Member = tuple[FrozenDefinition, bool]


@dataclass(frozen=True, slots=True)
class Layout:
    """The definitions of a tile as they are to be computed, and the shapes of what they keep.

    `shapes` holds the arrays whose axes were reordered and the copies, `dtypes` the copies.
    `turned` are the names that transposed matrices have in the tile.
    """

    members: tuple[Member, ...]
    shapes: Mapping[str, tuple[str, ...]]
    dtypes: Mapping[str, DType]
    turned: Mapping[str, str] = field(default_factory=dict)


def choose_layout(
    members: tuple[Member, ...],
    sample: str,
    shapes: Mapping[str, tuple[str, ...]],
    dtypes: Mapping[str, DType],
    kept: frozenset[str],
    model: LayoutModel | None = None,
) -> Layout:
    """The definitions of one tile with the layouts that make its loops cheapest.

    Args:
        members: definitions in order; the flag says which accumulate over the samples.
        sample: the extent of the sample axis.
        shapes: of every array of the program.
        dtypes: of every array of the program.
        kept: definitions whose arrays leave the tile, and so stay as they are.
        model: what the estimate assumes.
    """
    chooser = _Chooser(members, sample, shapes, kept, model or LayoutModel())
    moved = chooser.choose()
    if not moved:
        return Layout(members, {}, {})
    direct = frozenset(n.term for n in chooser.nests if chooser.prefers_rows(n, moved))
    return _Rewriter(sample, shapes, dtypes, moved, kept, direct).run(members)


class _Chooser:
    def __init__(
        self,
        members: tuple[Member, ...],
        sample: str,
        shapes: Mapping[str, tuple[str, ...]],
        kept: frozenset[str],
        model: LayoutModel,
    ) -> None:
        self.members = members
        self.sample = sample
        self.shapes = shapes
        self.model = model
        self.produced = {definition.name for definition, _ in members}
        computed = [d.name for d, sums in members if not sums]
        rows = _rows_read(members, sample, shapes)
        fixed = _read_elsewhere(members, sample, shapes)
        self.candidates = [
            name
            for name in (*(c for c in computed if c not in fixed), *rows)
            if _can_move(shapes[name], sample)
        ]
        self.matrices = _matrices(members, sample, shapes)
        self.copied = [c for c in self.candidates if c in kept or c not in self.produced]
        self.copied += self.matrices
        terms = [term for d, _ in members for term in d.terms if reuses_elements(term)]
        self.reused = {element.array for term in terms for element in elements_of(term)}
        self.nests = [
            NestCost.of(d, t, sums, sample, shapes) for d, sums in members for t in d.terms
        ]

    def choose(self) -> frozenset[str]:
        """The arrays that get the sample axis last; or matrices to transpose, see `_streams`."""
        best = self._descend(frozenset())
        other = self._descend(frozenset(self.candidates))
        best = other if self._cost(other) < self._cost(best) else best
        matrices = frozenset(self.matrices)
        if not matrices or not self._streams(best):
            return best
        self.model = self.model.of_streams()
        return matrices if self._cost(matrices) < self._cost(best) else best

    def _streams(self, moved: frozenset[str]) -> bool:
        """Whether data would be copied that no contraction reads again."""
        return any(c in moved and c not in self.reused for c in self.copied)

    def _descend(self, moved: frozenset[str]) -> frozenset[str]:
        """Moves one array after the other as long as the estimate falls."""
        cost = self._cost(moved)
        improved = True
        while improved:
            improved = False
            for name in self.candidates:
                trial = moved ^ {name}
                trial_cost = self._cost(trial)
                if trial_cost < cost * (1 - 1e-9):
                    moved, cost, improved = trial, trial_cost, True
        return moved

    def _cost(self, moved: frozenset[str]) -> float:
        total = sum(
            min(
                nest.cost(moved, self.model, self.sample),
                nest.cost(moved & self.produced, self.model, self.sample),
            )
            for nest in self.nests
        )
        for name in self.copied:
            if name in moved:
                extents = [self._extent(e) for e in self.shapes[name]]
                again = name in self.reused or name in self.produced
                total += (self.model.copy if again else self.model.stream) * prod(extents)
        return total

    def prefers_rows(self, nest: NestCost, moved: frozenset[str]) -> bool:
        """Whether a nest reads rows better where they are than in a copy."""
        packed = nest.cost(moved, self.model, self.sample)
        return nest.cost(moved & self.produced, self.model, self.sample) <= packed

    def _extent(self, extent: str) -> int:
        return nominal(extent, self.model, self.sample)


def _can_move(shape: tuple[str, ...], sample: str) -> bool:
    return len(shape) > 1 and shape.count(sample) == 1 and shape[-1] != sample


def _matrices(
    members: tuple[Member, ...], sample: str, shapes: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Matrices without samples that contractions read from outside or sum over the samples."""
    produced = {definition.name for definition, _ in members}
    found: dict[str, None] = {}
    for definition, sums in members:
        terms = [term for term in definition.terms if reuses_elements(term)]
        read = [e.array for term in terms for e in elements_of(term) if e.array not in produced]
        summed = [definition.name] if sums and len(terms) == len(definition.terms) else []
        for name in (*read, *summed):
            if len(shapes[name]) == 2 and sample not in shapes[name]:
                found.setdefault(name)
    return list(found)


def _read_elsewhere(
    members: tuple[Member, ...], sample: str, shapes: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Arrays that are read at other samples than the tile's own rows."""
    found: set[str] = set()
    for definition, sums in members:
        for term in definition.terms:
            row = row_of(definition, term, sums, sample)
            for element in elements_of(term):
                shape = shapes[element.array]
                if sample in shape and not reads_row(element, row, shape.index(sample)):
                    found.add(element.array)
    return found


def _rows_read(
    members: tuple[Member, ...], sample: str, shapes: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Arrays from outside that are read at the tile's own rows, the sample axis first."""
    produced = {definition.name for definition, _ in members}
    found: dict[str, None] = {}
    for definition, sums in members:
        for term in definition.terms:
            row = row_of(definition, term, sums, sample)
            for element in elements_of(term):
                if element.array in produced or not element.subscripts:
                    continue
                if shapes[element.array][0] == sample and reads_row(element, row, 0):
                    found.setdefault(element.array)
    return list(found)


# --- rewriting -----------------------------------------------------------------------------------


class _Rewriter:
    """The definitions of a tile with chosen arrays reordered, copied in or copied out."""

    def __init__(
        self,
        sample: str,
        shapes: Mapping[str, tuple[str, ...]],
        dtypes: Mapping[str, DType],
        moved: frozenset[str],
        kept: frozenset[str],
        direct: frozenset[FrozenTerm],
    ) -> None:
        self.sample = sample
        self.shapes = shapes
        self.dtypes = dtypes
        self.moved = moved
        self.own: frozenset[str] = frozenset()
        self.kept = kept
        self.direct = direct
        self.taken = {*shapes, *(extent for shape in shapes.values() for extent in shape)}
        self.copies: dict[str, str] = {}
        self.results: dict[str, str] = {}
        self.turned: dict[str, str] = {}

    def run(self, members: tuple[Member, ...]) -> Layout:
        """Copies of rows first, each result copied out after it is computed."""
        totals = {definition.name for definition, sums in members if sums}
        self.own = self.moved & {definition.name for definition, _ in members} - totals
        for name in sorted(self.moved):
            if self.sample not in self.shapes[name] and self._is_copied(name, members):
                self.turned[name] = _fresh(f"{name}_turned", self.taken)
        for name in _rows_read(members, self.sample, self.shapes):
            if name in self.moved and self._is_copied(name, members):
                self.copies[name] = _fresh(f"{name}_packed", self.taken)
        for name in (d.name for d, _ in members if d.name in self.own & self.kept):
            self.results[name] = _fresh(f"{name}_packed", self.taken)
        inside = {*self.own, *self.copies.values(), *self.results.values()}
        result: list[Member] = [(self._copied_in(name), False) for name in self.copies]
        for definition, sums in members:
            result.append((self._rewritten(definition, sums), sums))
            if definition.name in self.results:
                result.append((self._copied_out(definition), False))
        shapes = {d.name: d.shape for d, _ in result if d.name in inside - self.results.keys()}
        shapes |= {turned: self.shapes[name][::-1] for name, turned in self.turned.items()}
        renamed = {**self.copies, **self.results, **self.turned}
        dtypes = {copy: self.dtypes[name] for name, copy in renamed.items()}
        return Layout(tuple(result), shapes, dtypes, self.turned)

    def _is_copied(self, name: str, members: tuple[Member, ...]) -> bool:
        """Whether some nest reads the copy rather than the array itself, or sums into it."""
        if any(sums and definition.name == name for definition, sums in members):
            return True
        terms = (term for definition, _ in members for term in definition.terms)
        return any(
            term not in self.direct and any(e.array == name for e in elements_of(term))
            for term in terms
        )

    def _copied_in(self, name: str) -> FrozenDefinition:
        """`X_packed[j,i] = X[i,j]`."""
        axes, last = self._axes_of(name)
        copy = self.copies[name]
        formula = f"{copy}[{_letters(last)}] = {name}[{_letters(axes)}]"
        return FrozenDefinition(copy, last, self.dtypes[name], (self._load(name, axes),), formula)

    def _copied_out(self, definition: FrozenDefinition) -> FrozenDefinition:
        """`Y[i,j] = Y_packed[j,i]`."""
        name, copy = definition.name, self.results[definition.name]
        axes = definition.axes
        last = _sample_last(axes, self.sample)
        formula = f"{name}[{_letters(axes)}] = {copy}[{_letters(last)}]"
        term = self._load(copy, last, self.dtypes[name])
        return replace(definition, terms=(term,), formula=formula)

    def _load(
        self, name: str, axes: tuple[FrozenAxis, ...], dtype: DType | None = None
    ) -> FrozenTerm:
        element = Element(name, tuple(Affine(((a.index, 1),)) for a in axes))
        load = Operation("load", (), dtype or self.dtypes[name], element)
        return FrozenTerm((load,), (), "sum", ())

    def _axes_of(self, name: str) -> tuple[tuple[FrozenAxis, ...], tuple[FrozenAxis, ...]]:
        """Axes for an array, with indices that are neither sizes nor arrays, in both orders."""
        shape = self.shapes[name]
        free = (f"{letter}{number or ''}" for number in count() for letter in "ijklpqrst")
        indices = list(islice((index for index in free if index not in self.taken), len(shape)))
        axes = tuple(FrozenAxis(i, extent) for i, extent in zip(indices, shape, strict=True))
        return axes, _sample_last(axes, self.sample)

    def _rewritten(self, definition: FrozenDefinition, sums: bool) -> FrozenDefinition:
        """The definition with its own axes and its reads in the new order."""
        terms = []
        for term in definition.terms:
            row = row_of(definition, term, sums, self.sample)
            copies = {} if term in self.direct else {**self.copies, **self.turned}
            operations = tuple(
                replace(o, value=self._element(o.value, row, copies))
                if isinstance(o.value, Element)
                else o
                for o in term.operations
            )
            guards = tuple(
                FrozenGuard(
                    self._subscript(g.left, row, copies),
                    g.relation,
                    self._subscript(g.right, row, copies),
                )
                for g in term.guards
            )
            terms.append(replace(term, operations=operations, guards=guards))
        if definition.name in self.turned:
            name, axes = self.turned[definition.name], definition.axes[::-1]
            return replace(definition, name=name, axes=axes, terms=tuple(terms))
        if definition.name not in self.own:
            return replace(definition, terms=tuple(terms))
        axes = _sample_last(definition.axes, self.sample)
        name = self.results.get(definition.name, definition.name)
        return replace(definition, name=name, axes=axes, terms=tuple(terms))

    def _subscript(
        self, subscript: Subscript, row: str | None, copies: Mapping[str, str]
    ) -> Subscript:
        if isinstance(subscript, Affine):
            return subscript
        return self._element(subscript, row, copies)

    def _element(self, element: Element, row: str | None, copies: Mapping[str, str]) -> Element:
        inner = tuple(self._subscript(s, row, copies) for s in element.subscripts)
        element = Element(element.array, inner)
        if element.array in self.turned and element.array in copies:
            return replace(row_last(element, 0), array=copies[element.array])
        if element.array in copies and reads_row(element, row, 0):
            return replace(row_last(element, 0), array=copies[element.array])
        if element.array not in self.own:
            return element
        moved = row_last(element, self.shapes[element.array].index(self.sample))
        return replace(moved, array=self.results.get(element.array, element.array))


def _letters(axes: tuple[FrozenAxis, ...]) -> str:
    return ",".join(axis.index for axis in axes)


def _sample_last(axes: tuple[FrozenAxis, ...], sample: str) -> tuple[FrozenAxis, ...]:
    rest = tuple(axis for axis in axes if axis.extent != sample)
    return (*rest, *(axis for axis in axes if axis.extent == sample))


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
