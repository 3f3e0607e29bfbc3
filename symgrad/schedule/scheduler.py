"""From a frozen program to a schedule: phases, fused nests, kernels with their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from symgrad.program.definitions import DType
from symgrad.schedule.arrays import arrays_of, index_ranges
from symgrad.schedule.cells import inline_pieces
from symgrad.schedule.counting import count_elements, count_work
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
    Affine,
    Element,
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
from symgrad.schedule.loops import Kernel, Parameter, View
from symgrad.schedule.nests import partial_type
from symgrad.schedule.norms import split_norms
from symgrad.schedule.outer import fuse_outer_loops
from symgrad.schedule.phases import Phases, Placed, choose_sample, place, sample_axis, split_mixed
from symgrad.schedule.plan import (
    Accumulator,
    Buffer,
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

Role = Literal["full", "rows", "scratch", "accumulator"]


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
        self.shapes = {a.name: a.shape for a in (*program.arguments, *program.constants)}
        self.dtypes: dict[str, DType] = {
            a.name: a.dtype for a in (*program.arguments, *program.constants)
        }
        self.shapes.update((s.name, s.shape) for s in self.program.statements)
        self.dtypes.update((s.name, s.dtype) for s in self.program.statements)
        self.by_value = {a.name for a in program.arguments if not a.shape}
        self.ranges = index_ranges(self.program)
        self.steps: list[Step] = []
        self.held: Mapping[str, str] = {}
        self.made: set[str] = set()
        self.partial_types: dict[str, DType] = {}
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
            self._parameter(name, "full", None)
            for name in arrays_of(definitions)
            if name in kept or name not in produced
        ]
        kernel = Kernel(self._kernel_name(), False, self.program.sizes, tuple(parameters), nests)
        outputs = tuple(self._buffer(d.name) for d in definitions if d.name in kept)
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
                self.partial_types[definition.name] = partial
                buffer = self._buffer(definition.name)
                accumulators.append(Accumulator(buffer, scale, partial, kind))
            members.extend(self._cut(definition, item.kind == "accumulated"))
        members, turned = self._laid_out(self._with_moved_factors(self._gathered(members)))
        totals = [a.buffer.name for a in accumulators if a.buffer.name in turned]
        self.partial_types.update((turned[n], self.partial_types[n]) for n in totals)
        self.steps += [TransposeMatrix(turned[n], n) for n in turned if n not in totals]
        context = NestContext(self.sample, False, self.ranges)
        groups = fuse(members, self.sample, most_functions=MOST_FUNCTIONS)
        groups = self._paired(groups, context)
        stored = [d.name for d, sums in members if not sums and d.name in self.phases.stored]
        groups = self._with_sums(groups, stored, context)
        groups = split_wide(groups, {*stored, *self._scratch(groups, members)})
        scratch = self._scratch(groups, members)
        kept = frozenset((*stored, *scratch))
        parameters = tuple(self._tiled_parameters(members, scratch, kept))
        nests = tuple((formulas(g), group_nests(g, context, kept)) for g in groups)
        fusion = fuse_outer_loops(nests, scratch, self.shapes)
        self.shapes.update(fusion.shapes)
        self.decisions += explain_outer(fusion)
        definitions = [definition for definition, _ in members]
        kernel = Kernel(
            self._kernel_name(),
            True,
            self.program.sizes,
            tuple(self._smaller(p) if p.view.array in fusion.shapes else p for p in parameters),
            fusion.nests,
        )
        self.steps.append(
            RunTiled(
                kernel,
                self.sample,
                tuple(self._buffer(name) for name in stored if name not in self.made),
                tuple(self._buffer(name) for name in scratch),
                tuple(
                    replace(a, buffer=self._buffer(turned.get(a.buffer.name, a.buffer.name)))
                    for a in accumulators
                ),
                count_work(definitions, self.sample),
                self._row_elements(scratch),
            )
        )
        self.made.update(stored)
        self.steps += [TransposeMatrix(n, turned[n]) for n in totals]

    def _cut(
        self, definition: FrozenDefinition, accumulates: bool
    ) -> list[tuple[FrozenDefinition, bool]]:
        """A definition with many functions as several; new ones are recorded."""
        assert self.sample is not None
        taken = {*self.shapes, *self.program.sizes}
        *parts, last = cut(definition, accumulates, self.sample, taken)
        self.decisions += explain_cut(definition, parts)
        for part in parts:
            self.shapes[part.name] = part.shape
            self.dtypes[part.name] = part.dtype
        return [*((part, False) for part in parts), (last, accumulates)]

    def _gathered(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> list[tuple[FrozenDefinition, bool]]:
        """The definitions of a tile with copies of gathered rows; the copies are recorded."""
        assert self.sample is not None
        taken = {*self.shapes, *self.program.sizes}
        before = {definition.name for definition, _ in members}
        packed = pack_gathers(members, self.sample, self.shapes, self.dtypes, self.ranges, taken)
        for definition, _ in packed:
            if definition.name not in before:
                self.shapes[definition.name] = definition.shape
                self.dtypes[definition.name] = definition.dtype
        return packed

    def _with_moved_factors(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> list[tuple[FrozenDefinition, bool]]:
        """The definitions of a tile, factors of contractions where they cost no array."""
        assert self.sample is not None
        taken = {*self.shapes, *self.program.sizes}
        moved = move_factors(members, self.sample, self.phases.stored, taken)
        for definition, _ in moved:
            if definition.name not in self.shapes:
                self.shapes[definition.name] = definition.shape
                self.dtypes[definition.name] = definition.dtype
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
        layout = choose_layout(
            tuple(members), self.sample, self.shapes, self.dtypes, self.phases.stored, model
        )
        self.decisions += explain_layout(layout, self.sample)
        self.shapes.update(layout.shapes)
        self.dtypes.update(layout.dtypes)
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
            self.shapes[sums.name] = (str(AT_ONCE), sums.axes[1].extent)
        self.decisions += explain_running((g.sums, g.members[0][0]) for g in joined if g.sums)
        return joined

    def _split(
        self, definition: FrozenDefinition, row: str | None, earlier: list[FrozenDefinition]
    ) -> tuple[FrozenDefinition, ...]:
        """A reduction that several definitions compute better; new ones are recorded."""
        taken = {*self.shapes, *self.program.sizes}
        parts = split_fold(definition, row, taken, earlier)
        for part in parts:
            self.shapes[part.name] = part.shape
            self.dtypes[part.name] = part.dtype
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

    def _tiled_parameters(
        self,
        members: list[tuple[FrozenDefinition, bool]],
        scratch: list[str],
        kept: frozenset[str],
    ) -> Iterable[Parameter]:
        produced = {definition.name: sums for definition, sums in members}
        rows, whole = self._reads_by_row(members)
        for name in arrays_of(definition for definition, _ in members):
            if produced.get(name):
                yield self._parameter(name, "accumulator", None)
            elif name in scratch:
                axis = sample_axis(self.shapes[name], self.sample)
                yield self._parameter(name, "scratch", axis)
            elif name in produced and name not in kept:
                continue
            elif name in produced:
                first = sample_axis(self.shapes[name], self.sample) == 0
                yield self._parameter(name, "rows" if first else "full", 0 if first else None)
            else:
                if name in rows:
                    alias = self._row_name(name) if name in whole else name
                    yield self._parameter(name, "rows", 0, alias)
                if name in whole:
                    yield self._parameter(name, "full", None)

    def _smaller(self, parameter: Parameter) -> Parameter:
        """The parameter of scratch that lost an axis."""
        name = parameter.view.array
        return self._parameter(name, "scratch", sample_axis(self.shapes[name], self.sample))

    def _row_name(self, name: str) -> str:
        """A name for the rows of an array that is also read as a whole."""
        alias = f"{name}_rows"
        while alias in self.shapes or alias in self.program.sizes:
            alias += "_"
        return alias

    def _reads_by_row(
        self, members: list[tuple[FrozenDefinition, bool]]
    ) -> tuple[set[str], set[str]]:
        """Outside arrays that are read at the tile's own rows, and those read anywhere else."""
        rows: set[str] = set()
        whole: set[str] = set()
        for definition, sums in members:
            for term in definition.terms:
                axes = term.axes if sums else definition.axes
                index = next((a.index for a in axes if a.extent == self.sample), None)
                for element in elements_of(term):
                    own = self._is_row(element, index)
                    (rows if own else whole).add(element.array)
        return rows, whole

    def _is_row(self, element: Element, index: str | None) -> bool:
        if not element.subscripts or self.shapes[element.array][0] != self.sample:
            return False
        first = element.subscripts[0]
        return isinstance(first, Affine) and first.single_index == index

    # --- small parts -----------------------------------------------------------------------------

    def _kernel_name(self) -> str:
        self.kernel_count += 1
        return f"{self.program.name}_{self.kernel_count}"

    def _buffer(self, name: str) -> Buffer:
        return Buffer(name, self.shapes[name], self.dtypes[name])

    def _row_elements(self, scratch: list[str]) -> str:
        """Scratch elements for each row, as a text over sizes."""
        shapes = []
        for name in scratch:
            shape = list(self.shapes[name])
            shape.remove(str(self.sample))
            shapes.append(tuple(shape))
        return count_elements(shapes)

    def _parameter(
        self, name: str, role: Role, tile_axis: int | None, alias: str | None = None
    ) -> Parameter:
        shape, dtype = self.shapes[name], self.dtypes[name]
        if role == "accumulator":
            dtype = self.partial_types.get(name, dtype)
        view = View(name, alias or name, len(shape), dtype, tile_axis, name in self.by_value)
        return Parameter(view, role, shape)


def _sharing_own_loops(groups: list[Group]) -> set[str]:
    """Values of nests that are not straight-line code and compute more than one."""
    shared = (g for g in groups if g.loops is None and len(g.members) > 1)
    return {definition.name for group in shared for definition, _ in group.members}


def _runs_before(placed: Placed, phase: int) -> bool:
    return placed.kind == "whole" and placed.phase == phase
