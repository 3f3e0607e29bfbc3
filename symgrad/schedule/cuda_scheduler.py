"""From a frozen program to launches of CUDA kernels: the phases of the CPU, the nests of a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from symgrad.schedule.arrays import arrays_of
from symgrad.schedule.cuda_apart import (
    index_arrays,
    scatters,
    scatters_samples,
    segment_names,
)
from symgrad.schedule.cuda_contractions import in_squares, matrix_product, split_products
from symgrad.schedule.cuda_division import arrays_in, divide
from symgrad.schedule.cuda_nests import (
    accumulate_nest,
    atomic_nests,
    element_nests,
    segment_arrays,
)
from symgrad.schedule.cuda_plan import (
    BlockSum,
    CudaAccumulator,
    CudaKernel,
    CudaOptions,
    CudaSchedule,
    CudaStep,
    ListSegments,
    Nest,
    RunGrid,
    RunProduct,
    RunTiles,
    ThreadNest,
)
from symgrad.schedule.frozen import (
    FrozenAxis,
    FrozenDefinition,
    FrozenIndexCheck,
    FrozenProgram,
    FrozenReshape,
    Operation,
)
from symgrad.schedule.fusion import FusedNest, Group, formulas, fuse
from symgrad.schedule.guarding import NestContext
from symgrad.schedule.loops import Declare, Node, Parameter, View
from symgrad.schedule.nests import is_pointwise
from symgrad.schedule.phases import Placed, is_extreme, sample_axis
from symgrad.schedule.plan import (
    CheckIndex,
    OperateOnMatrices,
    ReshapeArray,
    ScheduleOptions,
)
from symgrad.schedule.scheduler import Scheduler
from symgrad.schedule.terms import take_scale

__all__ = ["schedule_cuda"]


def schedule_cuda(program: FrozenProgram, options: CudaOptions | None = None) -> CudaSchedule:
    """Launches that compute the outputs of a program.

    Args:
        program: frozen definitions in order of dependence.
        options: sizes of blocks and tiles; the defaults are written into the generated module.
    """
    return _CudaScheduler(program, options or CudaOptions()).run_cuda()


def thread_loops(
    definition: FrozenDefinition, accumulates: bool, sample: str | None
) -> tuple[FrozenAxis, ...] | None:
    """The loops of a definition that a thread computes with others, element by element.

    A total over samples, without axes of its own, is kept in a register of each thread.
    """
    if not accumulates:
        return definition.axes if is_pointwise(definition) else None
    if definition.axes or len(definition.terms) != 1:
        return None
    (term,) = definition.terms
    if term.guards or term.reduction != "sum":
        return None
    first = tuple(a for a in term.axes if a.extent == sample)
    return (*first, *(a for a in term.axes if a not in first))


class _CudaScheduler(Scheduler):
    def __init__(self, program: FrozenProgram, options: CudaOptions) -> None:
        self.cuda_options = options
        super().__init__(split_products(program) if options.cublas else program, ScheduleOptions())
        self.cuda_steps: list[CudaStep] = []
        arrays = index_arrays(self.program)
        self.context = NestContext(None, False, self.ranges, arrays)
        self.listed: set[str] = set()

    def run_apart(self, program: FrozenProgram) -> frozenset[str]:
        # What blocks find is added up, which an extreme over all samples cannot be.
        extremes = (
            s.name
            for s in program.statements
            if isinstance(s, FrozenDefinition)
            and is_extreme(s)
            and sample_axis(s.shape, self.sample) is None
        )
        return frozenset((*self._scatters(program), *self._products(program), *extremes))

    def _scatters(self, program: FrozenProgram) -> Iterator[str]:
        """Sums over the positions of a value; atomics add those over samples in the tiles."""
        arrays = index_arrays(program)
        apart = scatters(program)
        for statement in program.statements:
            if isinstance(statement, FrozenDefinition) and statement.name in apart:
                adds = scatters_samples(statement, self.sample, arrays)
                if not (self.cuda_options.atomics and adds):
                    yield statement.name

    def _products(self, program: FrozenProgram) -> Iterator[str]:
        """Products of matrices that may be left to cuBLAS, which needs them as a whole."""
        for statement in program.statements if self.cuda_options.cublas else ():
            if isinstance(statement, FrozenDefinition) and matrix_product(statement) is not None:
                yield statement.name

    def with_pieces_in_place(self, program: FrozenProgram) -> FrozenProgram:
        """The program as it is: threads compute whole elements, with all terms."""
        return program

    def with_exponentials(self, program: FrozenProgram) -> FrozenProgram:
        """The program as it is: threads compute an exponential sooner than they load one."""
        return program

    def without_invariants(self, program: FrozenProgram, sample: str) -> FrozenProgram:
        """The program as it is: one more launch costs more than a few divisions."""
        return program

    def run_cuda(self) -> CudaSchedule:
        for phase in range(self.phases.count + 1):
            for item in self.phases.placed:
                if item.kind == "whole" and item.phase == phase:
                    self._whole(item)
            tiled = [p for p in self.phases.placed if p.kind != "whole" and p.phase == phase]
            if tiled:
                self._tiles(tiled)
        return CudaSchedule(self.program, self.sample, tuple(self.cuda_steps), self.cuda_options)

    # --- grid kernels ----------------------------------------------------------------------------

    def _whole(self, item: Placed) -> None:
        statement = item.statement
        if isinstance(statement, FrozenDefinition):
            nests = element_nests(statement, self.context, None)
            for number, plain in enumerate(nests):
                nest = in_squares(statement, plain, None) if len(nests) == 1 else plain
                outputs = () if number else (self.arrays.buffer(statement.name),)
                self._append(RunGrid(self._grid(nest, [statement]), outputs), statement)
        elif isinstance(statement, FrozenIndexCheck):
            self.cuda_steps.append(CheckIndex(statement))
        elif isinstance(statement, FrozenReshape):
            self.cuda_steps.append(ReshapeArray(statement))
        else:
            self.cuda_steps.append(OperateOnMatrices(statement))

    def _append(self, step: RunGrid, definition: FrozenDefinition) -> None:
        product = matrix_product(definition) if self.cuda_options.cublas else None
        if product is None:
            self.cuda_steps.append(step)
            return
        scale = definition.terms[0].scale
        self.cuda_steps.append(
            RunProduct(step, product.left, product.right, product.turned, product.extents, scale)
        )

    def _grid(self, nest: Nest, definitions: Sequence[FrozenDefinition]) -> CudaKernel:
        parameters = [self.arrays.parameter(name, "full") for name in arrays_of(definitions)]
        parameters.extend(self._segment_parameters([nest]))
        sizes = self.program.sizes
        return CudaKernel(self._kernel_name(), None, sizes, tuple(parameters), (), (nest,))

    # --- tiles of samples ------------------------------------------------------------------------

    def _tiles(self, placed: list[Placed]) -> None:
        assert self.sample is not None
        members: list[tuple[FrozenDefinition, bool]] = []
        scales = {}
        for item in placed:
            definition = item.statement
            assert isinstance(definition, FrozenDefinition)
            if item.kind == "accumulated":
                definition, scales[definition.name] = take_scale(definition)
            members.append((definition, item.kind == "accumulated"))
        parts = divide(fuse(members, self.sample, thread_loops), self.cuda_options.most_nests)
        for number, part in enumerate(parts):
            rest = [group for later in parts[number + 1 :] for group in later]
            self._tile_kernel(part, scales, arrays_in(rest))

    def _tile_kernel(
        self, groups: list[Group], scales: dict[str, tuple[Operation, ...]], later: set[str]
    ) -> None:
        """One launch over tiles; what later ones read is kept for all samples, not for a tile."""
        assert self.sample is not None
        members = [member for group in groups for member in group.members]
        scratch = [name for name in self._scratch(groups, members) if name not in later]
        outside = {*self.phases.stored, *later}
        stored = [d.name for d, sums in members if not sums and d.name in outside]
        kept = frozenset((*stored, *scratch))
        nests: list[Nest] = []
        sums: list[BlockSum] = []
        for group in groups:
            nests.extend(self._group(group, kept, sums))
        kernel = CudaKernel(
            self._kernel_name(),
            self.sample,
            self.program.sizes,
            (
                *self._cuda_parameters(members, scratch, kept),
                *self._segment_parameters(nests),
            ),
            tuple(sums),
            tuple(nests),
        )
        in_registers = {s.name for s in sums}
        shared = {d.name for d, accumulates in members if accumulates and self._is_atomic(d)}
        self.cuda_steps.append(
            RunTiles(
                kernel,
                self.sample,
                tuple(self.arrays.buffer(name) for name in stored),
                tuple(self.arrays.buffer(name) for name in scratch),
                tuple(
                    CudaAccumulator(
                        self.arrays.buffer(d.name),
                        scales[d.name],
                        "block"
                        if d.name in in_registers
                        else "all"
                        if d.name in shared
                        else "group",
                    )
                    for d, accumulates in members
                    if accumulates
                ),
                self.arrays.row_elements(scratch),
            )
        )

    def _group(self, group: Group, kept: frozenset[str], sums: list[BlockSum]) -> list[Nest]:
        assert self.sample is not None
        context = self.context
        definition, accumulates = group.members[0]
        if group.loops is None and accumulates and self._is_atomic(definition):
            return list(atomic_nests(definition, context, self.sample))
        if group.loops is None and accumulates:
            (term, *_) = definition.terms
            tile = next((a.index for a in term.axes if a.extent == self.sample), None)
            plain = accumulate_nest(definition, context, self.sample)
            return [in_squares(definition, plain, tile)]
        if group.loops is None:
            tile = next(a.index for a in definition.axes if a.extent == self.sample)
            nests = element_nests(definition, context, tile)
            alone = len(nests) == 1
            return [in_squares(definition, nest, tile) if alone else nest for nest in nests]
        tiled = replace(context, sample=self.sample)
        fused = FusedNest(group, group.loops, tiled, kept, thread_loops)
        body = fused.body()
        locals_ = [node.local for node in fused.before if isinstance(node, Declare)]
        totals = [d.name for d, sums_samples in group.members if sums_samples]
        sums.extend(BlockSum(*pair) for pair in zip(locals_, totals, strict=True))
        tile = next(a.index for a in group.loops if a.extent == self.sample)
        finish: tuple[Node, ...] = (body,)
        return [ThreadNest(formulas(group), group.loops, (), finish, tile=tile)]

    def _is_atomic(self, definition: FrozenDefinition) -> bool:
        arrays = index_arrays(self.program)
        return self.cuda_options.atomics and scatters_samples(definition, self.sample, arrays)

    def _segment_parameters(self, nests: Sequence[Nest]) -> list[Parameter]:
        """The lists of positions that nests run over; made before the first kernel that does."""
        found: list[Parameter] = []
        for array in dict.fromkeys(a for nest in nests for a in segment_arrays(nest)):
            shape = self.arrays.shapes[array]
            if array not in self.listed:
                self.listed.add(array)
                self.cuda_steps.append(ListSegments(array, shape, self.ranges[array]))
            for name in segment_names(array):
                found.append(Parameter(View(name, name, 1, "int64"), "full", ("",)))
        return found

    def _cuda_parameters(
        self,
        members: list[tuple[FrozenDefinition, bool]],
        scratch: list[str],
        kept: frozenset[str],
    ) -> list[Parameter]:
        produced = {definition.name: sums for definition, sums in members}
        found: list[Parameter] = []
        for name in arrays_of(definition for definition, _ in members):
            if produced.get(name):
                found.append(self.arrays.parameter(name, "accumulator"))
            elif name in scratch:
                found.append(self.arrays.scratch_parameter(name))
            elif name not in produced or name in kept:
                found.append(self.arrays.parameter(name, "full"))
        return found
