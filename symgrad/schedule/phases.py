"""Which definitions run sample by sample, which sum over the samples, and in which phase.

Every definition is one of: *sample-wise* (it has the sample axis and is computed tile by tile),
*accumulated* (it sums the sample axis away, tile by tile), or *whole* (computed once, between
phases). A sample-wise definition that is read at another sample than the reader's own must be
finished first: that read starts a new phase, as does the use of a total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from symgrad.program.definitions import is_floating
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
    elements_of,
    indices_of,
    sources_of,
)
from symgrad.schedule.scans import find_scan
from symgrad.schedule.terms import guard_solution

__all__ = [
    "Phases",
    "Placed",
    "choose_sample",
    "is_extreme",
    "place",
    "sample_axis",
    "split_mixed",
]

Kind = Literal["input", "sample", "accumulated", "whole"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A statement with its kind and phase: whole ones run before the phase of their number."""

    statement: FrozenStatement
    kind: Kind
    phase: int


@dataclass(frozen=True, slots=True)
class Phases:
    """All statements placed, and the arrays that must exist as a whole."""

    placed: tuple[Placed, ...]
    stored: frozenset[str]
    count: int


def choose_sample(program: FrozenProgram) -> str | None:
    """The extent that most loops of the program share; among equals, the first argument's.

    An extent that no parameter has is preferred: it counts the data, and is the long one. Where
    there is none, the definitions with the most loops decide, in which the time is spent.
    """
    loops = [_extents(s) for s in program.statements if isinstance(s, FrozenDefinition)]
    order = dict.fromkeys(extent for array in program.arguments for extent in array.shape)
    order |= dict.fromkeys(extent for extents in loops for extent in extents)
    symbolic = [extent for extent in order if not extent.isdigit()]
    votes = Counter(extent for extents in loops for extent in extents)
    parameters = {e for a in program.arguments if a.name in program.wrt for e in a.shape}
    data = [e for e in symbolic if e not in parameters and votes[e] > 1]
    if not data:
        most = max(map(len, loops), default=0)
        votes = Counter(e for extents in loops if len(extents) == most for e in extents)
    candidates = [extent for extent in data or symbolic if votes[extent]]
    return max(candidates, key=lambda extent: votes[extent], default=None)


def _extents(definition: FrozenDefinition) -> tuple[str, ...]:
    """The distinct extents of a definition's loops."""
    summed = (axis for term in definition.terms for axis in term.axes)
    return tuple(dict.fromkeys(axis.extent for axis in (*definition.axes, *summed)))


def sample_axis(shape: tuple[str, ...], sample: str | None) -> int | None:
    """Position of the sample axis in a shape."""
    return shape.index(sample) if sample is not None and sample in shape else None


def split_mixed(
    program: FrozenProgram, sample: str | None, apart: Collection[str] = ()
) -> FrozenProgram:
    """A total with terms that need no samples: the total gets a name, the rest is added to it.

    Definitions of `apart` stay as they are.
    """
    taken = {s.name for s in program.statements}
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        if (
            not isinstance(statement, FrozenDefinition)
            or statement.name in apart
            or _kind(statement, sample) != "mixed"
        ):
            statements.append(statement)
            continue
        name = f"{statement.name}_total"
        while name in taken:
            name += "_"
        taken.add(name)
        sums = tuple(t for t in statement.terms if _sums_samples(t, sample))
        rest = tuple(t for t in statement.terms if not _sums_samples(t, sample))
        element = Element(name, tuple(Affine(((a.index, 1),)) for a in statement.axes))
        read = FrozenTerm((Operation("load", (), statement.dtype, element),), (), "sum", ())
        statements.append(replace(statement, name=name, terms=sums))
        statements.append(replace(statement, terms=(read, *rest)))
    return replace(program, statements=tuple(statements))


def _sums_samples(term: FrozenTerm, sample: str | None) -> bool:
    return any(axis.extent == sample for axis in term.axes)


def _kind(definition: FrozenDefinition, sample: str | None) -> Kind | Literal["mixed"]:
    if sample is None:
        return "whole"
    position = sample_axis(definition.shape, sample)
    index = None if position is None else definition.axes[position].index
    if index is not None and not any(_must_bind(definition, t, index) for t in definition.terms):
        if any(_scans_along(definition, term, index) for term in definition.terms):
            return "whole"
        return "sample"
    sums = [_sums_samples(term, sample) for term in definition.terms]
    if not any(sums) or not (_only_sums(definition) or is_extreme(definition)):
        return "whole"
    for term in definition.terms:
        summed = next((a.index for a in term.axes if a.extent == sample), None)
        if summed is not None and _must_bind(definition, term, summed):
            return "whole"
        if find_scan(definition, term) is not None:
            return "whole"
    return "accumulated" if all(sums) else "mixed"


def _only_sums(definition: FrozenDefinition) -> bool:
    return all(term.reduction == "sum" for term in definition.terms)


def is_extreme(definition: FrozenDefinition) -> bool:
    """Whether a definition is a maximum or minimum, whose partial values combine to the whole."""
    kinds = [term.reduction for term in definition.terms]
    return len(kinds) == 1 and kinds[0] in ("max", "min", "peak") and is_floating(definition.dtype)


def _must_bind(definition: FrozenDefinition, term: FrozenTerm, index: str) -> bool:
    """Whether an equality can be met only by fixing the sample index: a scatter along it."""
    others = {a.index for a in (*definition.axes, *term.axes)} - {index}
    for guard in term.guards:
        touched = {*indices_of(guard.left), *indices_of(guard.right)}
        if guard.relation != "==" or index not in touched:
            continue
        if not any(guard_solution(guard, other) is not None for other in sorted(others)):
            return True
    return False


def _scans_along(definition: FrozenDefinition, term: FrozenTerm, index: str) -> bool:
    scan = find_scan(definition, term)
    return scan is not None and scan.axis.index == index


def place(program: FrozenProgram, sample: str | None, apart: Collection[str] = ()) -> Phases:
    """The phase of every statement, by the reads between them; those of `apart` are whole."""
    return _Placer(program, sample, apart).run()


class _Placer:
    def __init__(self, program: FrozenProgram, sample: str | None, apart: Collection[str]) -> None:
        self.program = program
        self.apart = apart
        self.sample = sample
        self.kinds: dict[str, Kind] = {}
        self.phases: dict[str, int] = {}
        self.axis: dict[str, int | None] = {}
        self.stored: set[str] = set(program.outputs)
        for array in (*program.arguments, *program.constants):
            self.kinds[array.name] = "input"
            self.phases[array.name] = 0

    def run(self) -> Phases:
        for statement in self.program.statements:
            self._place(statement)
        self._store_across_phases()
        placed = tuple(
            Placed(s, self.kinds[s.name], self.phases[s.name]) for s in self.program.statements
        )
        count = max((p.phase + (p.kind != "whole") for p in placed), default=0)
        return Phases(placed, frozenset(self.stored), count)

    def _place(self, statement: FrozenStatement) -> None:
        name = statement.name
        kind: Kind = "whole"
        if isinstance(statement, FrozenDefinition) and name not in self.apart:
            found = _kind(statement, self.sample)
            kind = "whole" if found == "mixed" else found
        self.kinds[name] = kind
        self.axis[name] = sample_axis(statement.shape, self.sample) if kind == "sample" else None
        phase = 0
        if isinstance(statement, FrozenDefinition):
            for term in statement.terms:
                index = self._sample_index(statement, term, kind)
                for element in elements_of(term):
                    phase = max(phase, self._after(element, index, kind))
        else:
            reads = (Element(name, ()) for name in sources_of(statement))
            phase = max(self._after(element, None, kind) for element in reads)
        self.phases[name] = phase

    def _sample_index(
        self, definition: FrozenDefinition, term: FrozenTerm, kind: Kind
    ) -> str | None:
        axes = definition.axes if kind == "sample" else term.axes
        if kind == "whole":
            return None
        return next((a.index for a in axes if a.extent == self.sample), None)

    def _after(self, element: Element, index: str | None, reader: Kind) -> int:
        """The first phase in which a reader can use an element."""
        kind = self.kinds[element.array]
        phase = self.phases[element.array]
        if kind in ("input", "whole"):
            return phase
        if kind == "accumulated":
            return phase + 1
        if reader != "whole" and self._is_own_row(element, index):
            return phase
        self.stored.add(element.array)
        return phase + 1

    def _is_own_row(self, element: Element, index: str | None) -> bool:
        position = self.axis[element.array]
        if position is None or index is None:
            return False
        subscript = element.subscripts[position]
        return isinstance(subscript, Affine) and subscript.single_index == index

    def _store_across_phases(self) -> None:
        """A sample-wise value that a later phase reads is kept in memory."""
        for statement in self.program.statements:
            if not isinstance(statement, FrozenDefinition):
                continue
            for term in statement.terms:
                for element in elements_of(term):
                    name = element.array
                    later = self.phases[name] < self.phases[statement.name]
                    if self.kinds[name] == "sample" and later:
                        self.stored.add(name)
