"""From a frozen program to a schedule: phases, fused nests, kernels with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symgrad.schedule.arrays import arrays_of, index_ranges
from symgrad.schedule.cells import inline_pieces
from symgrad.schedule.counting import count_work
from symgrad.schedule.decisions import (
    explain_cut,
    explain_early,
    explain_held,
    explain_invariants,
    explain_layout,
    explain_outer,
    explain_pairs,
    explain_phases,
    explain_running,
    explain_sample,
)
from symgrad.schedule.early_sums import sum_early
from symgrad.schedule.exponentials import keep_exponentials
from symgrad.schedule.factors import move_factors
from symgrad.schedule.folds import split_fold
from symgrad.schedule.frozen import (
    FrozenDefinition,
    FrozenIndexCheck,
    FrozenMatrixOperation,
    FrozenProgram,
    FrozenReshape,
    elements_of,
    sources_of,
)
from symgrad.schedule.fusion import (
    MOST_FUNCTIONS,
    Group,
    cut,
    formulas,
    fuse,
    group_nests,
    join_sums,
    pair_positions,
)
from symgrad.schedule.gathers import pack_gathers
from symgrad.schedule.guarding import NestContext
from symgrad.schedule.in_place import find_held, with_held
from symgrad.schedule.invariants import split_invariants
from symgrad.schedule.layout import choose_layout
from symgrad.schedule.layout_model import LayoutModel
from symgrad.schedule.loops import Kernel
from symgrad.schedule.nests import partial_type
from symgrad.schedule.norms import split_norms
from symgrad.schedule.outer import fuse_outer_loops
from symgrad.schedule.parameters import KnownArrays
from symgrad.schedule.phases import Phases, Placed, choose_sample, place, split_mixed
from symgrad.schedule.plan import (
    Accumulator,
    CheckIndex,
    OperateOnMatrices,
    ReshapeArray,
    RunTiled,
    RunWhole,
    Schedule,
    ScheduleOptions,
    Step,
    TransposeMatrix,
)
from symgrad.schedule.running import AT_ONCE
from symgrad.schedule.shifts import split_logsumexp
from symgrad.schedule.splitting import split_wide
from symgrad.schedule.terms import align_sums, take_scale

__all__ = ["Scheduler", "schedule"]


def schedule(program: FrozenProgram, options: ScheduleOptions | None = None) -> Schedule:
    """Steps that compute the outputs of a program.

    Args:
        program: frozen definitions in order of dependence.
        options: tile and block sizes; the defaults are written into the generated module.
    """
    return Scheduler(program, options or ScheduleOptions()).run()


class Scheduler:
    def __init__(self, program: FrozenProgram, options: ScheduleOptions) -> None:
        program = self.with_pieces_in_place(split_norms(program))
        self.sample = choose_sample(program)
        self.decisions: list[str] = list(explain_sample(program, self.sample))
        if self.sample is not None:
            program = split_logsumexp(program, over=self.sample)
        program = self.with_exponentials(program)
        if self.sample is not None:
            program = self.without_invariants(program, self.sample)
        apart = self.run_apart(program)
        self.program = split_mixed(program, self.sample, apart)
        self.options = options
        self.phases: Phases = place(self.program, self.sample, apart)
        self.kinds = {p.statement.name: p.kind for p in self.phases.placed}
        self.decisions += explain_phases(self.phases)
        self.arrays = KnownArrays(self.program, self.sample)
        self.ranges = index_ranges(self.program)
        self.steps: list[Step] = []
        self.held: Mapping[str, str] = {}
        self.made: set[str] = set()
        self.kernel_count = 0

    def run(self) -> Schedule:
        self.held = find_held(self.program, self.phases)
        self.decisions += explain_held(self.held)
        for phase in range(self.phases.count + 1):
            self._whole_steps([p for p in self.phases.placed if _runs_before(p, phase)])
            tiled = [p for p in self.phases.placed if p.kind != "whole" and p.phase == phase]
            if tiled:
                self._tiled_step(tiled)
        decisions = tuple(dict.fromkeys(self.decisions))
        return Schedule(self.program, self.sample, tuple(self.steps), self.options, decisions)

    def run_apart(self, program: FrozenProgram) -> frozenset[str]:
        """Definitions that are not to be computed tile by tile, even where that is possible."""
        return frozenset()

    def with_pieces_in_place(self, program: FrozenProgram) -> FrozenProgram:
        """The program without arrays that are only pieces of another."""
        return inline_pieces(program)

    def with_exponentials(self, program: FrozenProgram) -> FrozenProgram:
        """The program with the exponentials of softmaxes computed once."""
        return keep_exponentials(program, self.sample)

    def without_invariants(self, program: FrozenProgram, sample: str) -> FrozenProgram:
        """The program with what no sample changes computed apart from the samples."""
        ahead = split_invariants(program, sample)
        self.decisions += explain_invariants(program, ahead)
        ahead, early = sum_early(ahead, sample)
        self.decisions += explain_early(early)
        return ahead

    # --- whole steps -----------------------------------------------------------------------------

    def _whole_steps(self, placed: list[Placed]) -> None:
        run: list[FrozenDefinition] = []
        for item in placed:
            statement = item.statement
            if isinstance(statement, FrozenDefinition):
                run.append(statement)
                continue
            self._whole_kernel(run)
            run = []
            if isinstance(statement, FrozenReshape):
                self.steps.append(ReshapeArray(statement))
            elif isinstance(statement, FrozenIndexCheck):
                self.steps.append(CheckIndex(statement))
            elif isinstance(statement, FrozenMatrixOperation):
                self.steps.append(OperateOnMatrices(statement))
        self._whole_kernel(run)

    def _whole_kernel(self, definitions: list[FrozenDefinition]) -> None:
        if not definitions:
            return
        parts: list[FrozenDefinition] = []
        for definition in definitions:
            parts.extend(self._split(definition, None, parts))
        definitions = parts
        context = NestContext(None, False, self.ranges)
        groups = self._paired(fuse([(d, False) for d in definitions], None), context)
        kept = self._kept_whole(groups)
        produced = {d.name for d in definitions}
        nests = tuple((formulas(g), group_nests(g, context, kept)) for g in groups)
        parameters = [
            self.arrays.parameter(name, "full")
            for name in arrays_of(definitions)
            if name in kept or name not in produced
        ]
        kernel = Kernel(self._kernel_name(), False, self.program.sizes, tuple(parameters), nests)
        outputs = tuple(self.arrays.buffer(d.name) for d in definitions if d.name in kept)
        self.steps.append(RunWhole(kernel, outputs))

    def _kept_whole(self, groups: list[Group]) -> frozenset[str]:
        """Values of a whole kernel that something outside of their own nest reads."""
        produced = {name for group in groups for name in group.names()}
        needed = set(self.program.outputs) | _sharing_own_loops(groups)
        for statement in self.program.statements:
            if not isinstance(statement, FrozenDefinition):
                needed.update(sources_of(statement))
            elif statement.name not in produced:
                needed.update(arrays_of([statement]))
        for group in groups:
            own = group.names() if group.loops is not None else set()
            needed.update(n for n in arrays_of(d for d, _ in group.members) if n not in own)
        return frozenset(needed & produced)

    # --- tiled steps -----------------------------------------------------------------------------

    def _tiled_step(self, placed: list[Placed]) -> None:
        assert self.sample is not None
        members: list[tuple[FrozenDefinition, bool]] = []
        accumulators: list[Accumulator] = []
        for item in placed:
            assert isinstance(item.statement, FrozenDefinition)
            definition = with_held(item.statement, self.held)
            if item.kind == "accumulated":
                definition, scale = take_scale(align_sums(definition))
                kind = definition.terms[0].reduction
                partial = partial_type(definition)
                self.arrays.partial_types[definition.name] = partial
                buffer = self.arrays.buffer(definition.name)
                accumulators.append(Accumulator(buffer, scale, partial, kind))
            members.extend(self._cut(definition, item.kind == "accumulated"))
        members, turned = self._laid_out(self._with_moved_factors(self._gathered(members)))
        totals = [a.buffer.name for a in accumulators if a.buffer.name in turned]
        self.arrays.partial_types.update((turned[n], self.arrays.partial_types[n]) for n in totals)
        self.steps += [TransposeMatrix(turned[n], n) for n in turned if n not in totals]
        context = NestContext(self.sample, False, self.ranges)
        groups = fuse(members, self.sample, most_functions=MOST_FUNCTIONS)
        groups = self._paired(groups, context)
        stored = [d.name for d, sums in members if not sums and d.name in self.phases.stored]
        groups = self._with_sums(groups, stored, context)
        groups = split_wide(groups, {*stored, *self._scratch(groups, members)})
        scratch = self._scratch(groups, members)
        kept = frozenset((*stored, *scratch))
        parameters = tuple(self.arrays.tiled_parameters(members, scratch, kept))
        nests = tuple((formulas(g), group_nests(g, context, kept)) for g in groups)
        fusion = fuse_outer_loops(nests, scratch, self.arrays.shapes)
        self.arrays.shapes.update(fusion.shapes)
        self.decisions += explain_outer(fusion)
        definitions = [definition for definition, _ in members]
        kernel = Kernel(
            self._kernel_name(),
            True,
            self.program.sizes,
            tuple(
                self.arrays.scratch_parameter(p.view.array) if p.view.array in fusion.shapes else p
                for p in parameters
            ),
            fusion.nests,
        )
        self.steps.append(
            RunTiled(
                kernel,
                self.sample,
                tuple(self.arrays.buffer(name) for name in stored if name not in self.made),
                tuple(self.arrays.buffer(name) for name in scratch),
                tuple(
                    replace(a, buffer=self.arrays.buffer(turned.get(a.buffer.name, a.buffer.name)))
                    for a in accumulators
                ),
                count_work(definitions, self.sample),
                self.arrays.row_elements(scratch),
            )
        )
        self.made.update(stored)
        self.steps += [TransposeMatrix(n, turned[n]) for n in totals]

    def _cut(
        self, definition: FrozenDefinition, accumulates: bool
    ) -> list[tuple[FrozenDefinition, bool]]:
        """A definition with many functions as several; new ones are recorded."""
        assert self.sample is not None
        *parts, last = cut(definition, accumulates, self.sample, self.arrays.taken())
        self.decisions += explain_cut(definition, parts)
        self.arrays.record(parts)
        return [*((part, False) for part in parts), (last, accumulates)]

    def _gathered(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> list[tuple[FrozenDefinition, bool]]:
        """The definitions of a tile with copies of gathered rows; the copies are recorded."""
        assert self.sample is not None
        known = self.arrays
        shapes, dtypes, taken = known.shapes, known.dtypes, known.taken()
        packed = pack_gathers(members, self.sample, shapes, dtypes, self.ranges, taken)
        known.record([d for d, _ in packed if d.name not in shapes])
        return packed

    def _with_moved_factors(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> list[tuple[FrozenDefinition, bool]]:
        """The definitions of a tile, factors of contractions where they cost no array."""
        assert self.sample is not None
        moved = move_factors(members, self.sample, self.phases.stored, self.arrays.taken())
        self.arrays.record([d for d, _ in moved if d.name not in self.arrays.shapes])
        return moved

    def _laid_out(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> tuple[list[tuple[FrozenDefinition, bool]], Mapping[str, str]]:
        """The definitions of a tile in the layouts that suit it, what they keep recorded.

        Also the names of matrices that are transposed there.
        """
        assert self.sample is not None
        data = (a for a in self.program.arguments if a.name not in self.program.wrt)
        model = LayoutModel(data=frozenset(extent for a in data for extent in a.shape))
        known = self.arrays
        layout = choose_layout(
            tuple(members), self.sample, known.shapes, known.dtypes, self.phases.stored, model
        )
        self.decisions += explain_layout(layout, self.sample)
        known.shapes.update(layout.shapes)
        known.dtypes.update(layout.dtypes)
        result: list[tuple[FrozenDefinition, bool]] = []
        for definition, sums in layout.members:
            row = next((a.index for a in definition.axes if a.extent == self.sample), None)
            earlier = [d for d, accumulates in result if not accumulates]
            parts = (definition,) if sums else self._split(definition, row, earlier)
            result.extend((part, sums) for part in parts)
        return result, layout.turned

    def _paired(self, groups: list[Group], context: NestContext) -> list[Group]:
        """The groups, extremes and their positions together."""
        paired = pair_positions(groups, context)
        self.decisions += explain_pairs(g.members for g in paired if g.loops is None)
        return paired

    def _with_sums(
        self, groups: list[Group], stored: list[str], context: NestContext
    ) -> list[Group]:
        """The groups, extremes together with the sums they are found in; few of these are held."""
        joined = join_sums(groups, stored, context)
        for sums in (g.sums for g in joined if g.sums is not None):
            self.arrays.shapes[sums.name] = (str(AT_ONCE), sums.axes[1].extent)
        self.decisions += explain_running((g.sums, g.members[0][0]) for g in joined if g.sums)
        return joined

    def _split(
        self, definition: FrozenDefinition, row: str | None, earlier: list[FrozenDefinition]
    ) -> tuple[FrozenDefinition, ...]:
        """A reduction that several definitions compute better; new ones are recorded."""
        parts = split_fold(definition, row, self.arrays.taken(), earlier)
        self.arrays.record(parts)
        return parts

    def _scratch(
        self, groups: list[Group], members: list[tuple[FrozenDefinition, bool]]
    ) -> list[str]:
        """Values that another nest of the kernel reads, kept for one tile."""
        needed: set[str] = set()
        for group in groups:
            own = group.names() if group.loops is not None else set()
            for definition in group.computed():
                for term in definition.terms:
                    needed.update(e.array for e in elements_of(term) if e.array not in own)
        produced = [d.name for d, sums in members if not sums]
        alone = {d.name for g in groups if g.loops is None for d, _ in g.members}
        return [
            name
            for name in produced
            if name not in self.phases.stored and (name in needed or name in alone)
        ]

    def _kernel_name(self) -> str:
        self.kernel_count += 1
        return f"{self.program.name}_{self.kernel_count}"


def _sharing_own_loops(groups: list[Group]) -> set[str]:
    """Values of nests that are not straight-line code and compute more than one."""
    shared = (g for g in groups if g.loops is None and len(g.members) > 1)
    return {definition.name for group in shared for definition, _ in group.members}


def _runs_before(placed: Placed, phase: int) -> bool:
    return placed.kind == "whole" and placed.phase == phase
