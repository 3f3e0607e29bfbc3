"""The order of the passes, the loop to a fixed point, and the report of what each did."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from symgrad.errors import SymgradError
from symgrad.program import Program, verify
from symgrad.simplify.absorbing import absorb_sums
from symgrad.simplify.centring import drop_deviations
from symgrad.simplify.cleaning import drop_zeros, merge_equal, remove_dead
from symgrad.simplify.exchanging import exchange_sums
from symgrad.simplify.indices import name_indices
from symgrad.simplify.inlining import inline_definitions
from symgrad.simplify.inverses import solve_for_inverses
from symgrad.simplify.matrices import read_matrices
from symgrad.simplify.narrowing import narrow_reads
from symgrad.simplify.operations import count_operations
from symgrad.simplify.pairing import pair_factors
from symgrad.simplify.scaled_matrices import take_out_numbers
from symgrad.simplify.selections import merge_selections
from symgrad.simplify.sharing import share_sums, share_values
from symgrad.simplify.stabilising import stabilise
from symgrad.simplify.sums import eliminate_deltas, factor_bodies, hoist_factors
from symgrad.simplify.symmetry import use_symmetry
from symgrad.simplify.units import drop_unit_axes

__all__ = ["PASS_NAMES", "PassReport", "Simplified", "Watch", "simplify"]

Pass = Callable[[Program], Program]
Watch = Callable[[str, Program, Program], None]

# Repeated until none of them changes the program.
_REPEATED: tuple[tuple[str, Pass], ...] = (
    ("drop_zeros", drop_zeros),
    ("drop_unit_axes", drop_unit_axes),
    ("remove_dead", remove_dead),
    ("merge_equal", merge_equal),
    ("inverses", solve_for_inverses),
    ("take_out_numbers", take_out_numbers),
    ("symmetry", use_symmetry),
    ("read_matrices", read_matrices),
    ("narrow_reads", narrow_reads),
    ("absorb", absorb_sums),
    ("inline", inline_definitions),
    ("eliminate_deltas", eliminate_deltas),
    ("hoist", hoist_factors),
    ("exchange", exchange_sums),
    ("factor", factor_bodies),
    ("centre", drop_deviations),
    ("selections", merge_selections),
)
_MOST_ROUNDS = 30

# Once at the end; the first only if asked for.
_LAST: tuple[tuple[str, Pass], ...] = (
    ("pair", pair_factors),
    ("share", share_values),
    ("share_sums", share_sums),
)

PASS_NAMES: tuple[str, ...] = ("stabilise", *(name for name, _ in (*_REPEATED, *_LAST)))


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass did over all rounds."""

    name: str
    changes: int
    operations_before: int
    operations_after: int
    milliseconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Simplified:
    """A simplified program and the account of how it came about."""

    program: Program
    reports: tuple[PassReport, ...]


def simplify(
    program: Program,
    *,
    without: Collection[str] = (),
    inline: bool = True,
    watch: Watch | None = None,
    pair: bool = False,
) -> Simplified:
    """The program with the same outputs, computed by fewer and simpler definitions.

    Args:
        program: what is simplified.
        without: names of passes to leave out (see `PASS_NAMES`).
        inline: substitute definitions into one another; a program that will be differentiated
            keeps them apart, so that the derivative can reuse their values.
        watch: called with the name of each pass that changed the program, before and after it.
        pair: multiply the factors of long products in pairs, and share costly values: for
            Hessians, whose sums have many factors and whose gradients have the same values.

    Raises:
        SymgradError: `without` names no pass.
    """
    unknown = sorted(set(without) - set(PASS_NAMES))
    if unknown:
        raise SymgradError(
            f"there is no pass '{unknown[0]}'; the passes are {', '.join(PASS_NAMES)}"
        )
    skipped = {*without, *(() if inline else ("absorb", "inline", "hoist", "exchange", "factor"))}
    records = {name: _Record() for name in PASS_NAMES}
    if "stabilise" not in skipped:
        start = time.perf_counter()
        before = count_operations(program)
        old = program
        program, notes = stabilise(program)
        records["stabilise"].note(int(program != old), before, program, start, notes)
        if watch is not None and program != old:
            watch("stabilise", old, program)
    skipped |= (set() if pair else {"pair"}) | (set() if inline else {"share", "share_sums"})
    program = _repeat(program, skipped, records, watch)
    while True:
        first = program
        for name, run in _LAST:
            if name not in skipped:
                program = _run(name, run, program, records, watch)
        if program == first:
            break
        program = name_indices(merge_equal(factor_bodies(program)))
        if pair:
            break  # what was paired would be inlined again
        program = _repeat(program, skipped, records, watch)
    program = verify(program)
    reports = tuple(record.report(name) for name, record in records.items() if record.changes)
    return Simplified(program, reports)


def _repeat(
    program: Program, skipped: Collection[str], records: dict[str, _Record], watch: Watch | None
) -> Program:
    """The program after as many rounds as change it, with canonical index letters."""
    for _ in range(_MOST_ROUNDS):
        first = program
        for name, run in _REPEATED:
            if name not in skipped:
                program = _run(name, run, program, records, watch)
        if program == first:
            break
    return name_indices(program)


def _run(
    name: str, run: Pass, program: Program, records: dict[str, _Record], watch: Watch | None
) -> Program:
    start = time.perf_counter()
    before, old = count_operations(program), program
    program = run(program)
    records[name].note(int(program != old), before, program, start, ())
    if watch is not None and program != old:
        watch(name, old, program)
    return program


class _Record:
    """Sums up the runs of one pass."""

    def __init__(self) -> None:
        self.changes = 0
        self.saved = 0
        self.before = -1
        self.milliseconds = 0.0
        self.notes: tuple[str, ...] = ()

    def note(
        self, changes: int, before: int, program: Program, start: float, notes: tuple[str, ...]
    ) -> None:
        if self.before < 0:
            self.before = before
        self.changes += changes
        self.saved += before - count_operations(program)
        self.milliseconds += 1e3 * (time.perf_counter() - start)
        self.notes += notes

    def report(self, name: str) -> PassReport:
        after = self.before - self.saved
        return PassReport(
            name, self.changes, self.before, after, round(self.milliseconds, 3), self.notes
        )
