"""The Python side of a program on the GPU: arrays, launches and combination of partial sums."""

from __future__ import annotations

from symgrad.codegen.blocks import NameAllocator
from symgrad.codegen.cuda_kernels import PrintedCudaKernel, print_cuda_kernel
from symgrad.codegen.cuda_loops import CudaParameter, clamped, factor, partial_type
from symgrad.codegen.doors import numpy_type
from symgrad.codegen.host import (
    PrintedProgram,
    extent_checks,
    ranks_of,
    scale_text,
    shape_text,
)
from symgrad.codegen.linear_algebra import matrix_call, operation_text, reads_upper
from symgrad.codegen.signatures import RESERVED
from symgrad.program.definitions import DType
from symgrad.schedule.cuda_apart import segment_names
from symgrad.schedule.cuda_plan import (
    AccumulateNest,
    ContractNest,
    CudaAccumulator,
    CudaSchedule,
    ListSegments,
    RunGrid,
    RunProduct,
    RunTiles,
    ThreadNest,
)
from symgrad.schedule.frozen import (
    FrozenAxis,
    FrozenIndexCheck,
    FrozenMatrixOperation,
    FrozenReshape,
)
from symgrad.schedule.plan import Buffer, CheckIndex, OperateOnMatrices, ReshapeArray

__all__ = ["print_cuda"]


def print_cuda(schedule: CudaSchedule, helpers: dict[str, None]) -> PrintedProgram:
    """Kernels and the lines that launch them; names of device functions go into `helpers`."""
    return _CudaHost(schedule, helpers).run()


class _CudaHost:
    def __init__(self, schedule: CudaSchedule, helpers: dict[str, None]) -> None:
        self.schedule = schedule
        self.program = schedule.program
        self.helpers = helpers
        self.kernels: list[PrintedCudaKernel] = []
        self.body: list[str] = extent_checks(self.program)
        taken = {*RESERVED, "run", *self.program.sizes, *(s.name for s in self.program.statements)}
        taken.update(a.name for a in (*self.program.arguments, *self.program.constants))
        self.allocate = NameAllocator(taken)
        self.constants = {c.name for c in self.program.constants}
        self.by_value = {a.name for a in self.program.arguments if not a.shape}

    def run(self) -> PrintedProgram:
        for step in self.schedule.steps:
            if isinstance(step, RunTiles):
                self._tiles(step)
            elif isinstance(step, RunGrid):
                self._grid(step)
            elif isinstance(step, RunProduct):
                self._matrix_product(step)
            elif isinstance(step, ListSegments):
                first, order = segment_names(step.array)
                self.body.append(
                    f'{first}, {order} = run.segments("{step.array}", {step.array}, {step.extent})'
                )
            elif isinstance(step, ReshapeArray):
                self._reshape(step.statement)
            elif isinstance(step, OperateOnMatrices):
                self._operate(step.statement)
            else:
                assert isinstance(step, CheckIndex)
                self._check(step.statement)
        return PrintedProgram(
            tuple("\n".join(kernel.lines) for kernel in self.kernels),
            tuple(self.body),
            tuple((kernel.name, kernel.signature) for kernel in self.kernels),
        )

    # --- steps -----------------------------------------------------------------------------------

    def _grid(self, step: RunGrid) -> None:
        printed = print_cuda_kernel(step.kernel, self.helpers)
        self.kernels.append(printed)
        for buffer in step.outputs:
            self._array(buffer)
        (nest,) = step.kernel.nests
        nest = nest.plain if isinstance(nest, ContractNest) else nest
        assert isinstance(nest, ThreadNest)
        elements = _product(nest.axes)
        names: dict[str, str] = {}
        work = elements
        for parameter in printed.parameters:
            if parameter.kind == "lanes":
                name = names[parameter.name] = self.allocate("lanes")
                least = "_NEIGHBOURS" if nest.wide else "1"
                self.body.append(
                    f"{name} = _count_lanes({nest.summed}, {elements}, _LEAST_THREADS, {least})"
                )
                work = f"{elements} * {name}"
        self._launch(printed, f"_count_blocks({work})", names)

    def _matrix_product(self, step: RunProduct) -> None:
        """A large product is left to cuBLAS, another one is computed by the kernel."""
        start = len(self.body)
        self._grid(step.launch)
        arrays = len(step.launch.outputs)
        allocations, kernel = self.body[start : start + arrays], self.body[start + arrays :]
        lines, scale = scale_text(step.scale, self.allocate) if step.scale else ([], "1.0")
        (target,) = step.launch.outputs
        factors = ", ".join(
            f"{self._given(name)}, {turned}"
            for name, turned in zip((step.left, step.right), step.turned, strict=True)
        )
        self.body[start:] = [
            *allocations,
            f"if {_product_of(step.extents)} >= _LEAST_PRODUCT:",
            *("    " + line for line in lines),
            f"    run.multiply({factors}, {target.name}, {scale})",
            "else:",
            *("    " + line for line in kernel),
        ]

    def _tiles(self, step: RunTiles) -> None:
        printed = print_cuda_kernel(step.kernel, self.helpers)
        self.kernels.append(printed)
        tile, blocks = self.allocate("tile"), self.allocate("blocks")
        sample = clamped(step.sample)
        sizes = [_product_of(a.buffer.shape) for a in step.accumulators if a.owner == "group"]
        if step.scratch:
            sizes.append(f"{tile} * ({step.row_elements})")
        self.body += [
            f"{tile} = _count_rows({sample}, {step.row_elements})",
            f"{blocks} = _count_tiles({sample}, {tile}, {' + '.join(sizes) or '0'})",
        ]
        names: dict[str, str] = {}
        groups: dict[str, str] = {}
        for parameter in printed.parameters:
            if parameter.kind == "tile":
                names[parameter.name] = tile
            elif parameter.kind in ("lanes", "groups"):
                self._counter(step, parameter, tile, names, groups)
        for buffer in step.outputs:
            self._array(buffer)
        for buffer in step.scratch:
            extents = [blocks, *buffer.shape]
            extents[1 + buffer.shape.index(step.sample)] = tile
            names[buffer.name] = self.allocate(f"{buffer.name}_tile")
            self._allocate("scratch", names[buffer.name], shape_text(extents), buffer.dtype)
        for accumulator in step.accumulators:
            buffer = accumulator.buffer
            count = {"block": blocks, "all": "1"}.get(accumulator.owner)
            if count is None:
                count = f"{blocks} * {groups[buffer.name]}"
            names[buffer.name] = self.allocate(f"{buffer.name}_parts")
            shape = shape_text((count, *(buffer.shape or ("1",))))
            method = "zeros" if accumulator.owner == "all" else "scratch"
            self._allocate(method, names[buffer.name], shape, partial_type(buffer.dtype))
        self._launch(printed, blocks, names)
        for accumulator in step.accumulators:
            name = accumulator.buffer.name
            self._combine(accumulator, names[name], groups.get(name, "1"))

    def _counter(
        self,
        step: RunTiles,
        parameter: CudaParameter,
        tile: str,
        names: dict[str, str],
        groups: dict[str, str],
    ) -> None:
        whole = step.kernel.nests[parameter.number]
        nest = whole.plain if isinstance(whole, ContractNest) else whole
        name = names[parameter.name] = self.allocate(parameter.kind)
        if isinstance(nest, AccumulateNest):
            groups[nest.name] = name
            count = f"_count_groups({_product(nest.axes)})"
            if isinstance(whole, ContractNest):
                rows, columns, summed = (
                    tile if a.index == whole.tile else factor(a.extent)
                    for a in (whole.rows, whole.columns, whole.summed)
                )
                large = f"min({rows}, {columns}) >= _LEAST_SIDE and {summed} >= _SIDE"
                count = f"1 if {large} else {count}"
            self.body.append(f"{name} = {count}")
            return
        rest = tuple(a for a in nest.axes if a.index != nest.tile)
        elements = f"{tile} * {_product(rest)}" if rest else tile
        least = "_NEIGHBOURS" if nest.wide else "1"
        self.body.append(f"{name} = _count_lanes({nest.summed}, {elements}, _THREADS, {least})")

    def _combine(self, accumulator: CudaAccumulator, parts: str, every: str) -> None:
        buffer = accumulator.buffer
        self._array(buffer)
        factor_text = "1.0"
        if accumulator.scale:
            lines, factor_text = scale_text(accumulator.scale, self.allocate)
            self.body.extend(lines)
        kernel = "_combine_integers" if partial_type(buffer.dtype) == "int64" else "_combine_parts"
        arguments = f"{kernel}, {parts}, {every}, {buffer.name}, {factor_text}"
        self.body.append(f"run.combine({arguments})")

    def _reshape(self, statement: FrozenReshape) -> None:
        source = self._given(statement.source)
        copied = "copied" if statement.name in self.program.outputs else "reshaped"
        self.body.append(
            f'{statement.name} = run.{copied}("{statement.name}", {source}, '
            f"{shape_text(statement.shape)}, np.{numpy_type(statement.dtype)})"
        )

    def _check(self, statement: FrozenIndexCheck) -> None:
        source = self._given(statement.source)
        self.body.append(
            f'{statement.name} = run.check_index("{statement.name}", "{self.program.name}", '
            f'{source}, {statement.extent}, "{statement.source}", "{statement.array}", '
            f"{statement.array_axis}, np.{numpy_type(statement.dtype)})"
        )

    def _operate(self, statement: FrozenMatrixOperation) -> None:
        """Linear algebra: NumPy's on the host; by option CuPy's, for a single large matrix."""
        s, ranks = statement, ranks_of(self.program)
        self._array(Buffer(s.name, s.shape, s.dtype))
        found = self.allocate(f"{s.name}_host")
        fetched = tuple(
            name if name in self.constants else f'run.fetch("{name}", {name})'
            for name in s.operands
        )
        on_host = [
            f"{found} = {matrix_call(s, self.program.name, ranks, self.helpers, fetched)}",
            f'run.put("{s.name}", {found}, {s.name})',
        ]
        self.body.append(f"# {s.formula}")
        if not self.schedule.options.cublas or not by_cupy(s, ranks):
            self.body += on_host
            return
        routine = s.routine
        if routine in ("solve_lower", "solve_upper"):
            routine = "solve_upper" if reads_upper(s) else "solve_lower"
        operands = ", ".join(self._given(name) for name in s.operands)
        where = operation_text(s, self.program.name)
        self.body += [
            f"if {self._given(s.operands[0])}.shape[0] ** 3 >= _LEAST_PRODUCT:",
            f'    run.operate({where}, "{routine}", {s.transposed}, {s.name}, {operands})',
            "else:",
            *("    " + line for line in on_host),
        ]

    # --- small parts -----------------------------------------------------------------------------

    def _given(self, name: str) -> str:
        return f'run.constant("{name}", {name})' if name in self.constants else name

    def _array(self, buffer: Buffer) -> None:
        method = "output" if buffer.name in self.program.outputs else "scratch"
        self._allocate(method, buffer.name, shape_text(buffer.shape), buffer.dtype)

    def _allocate(self, method: str, name: str, shape: str, dtype: DType) -> None:
        self.body.append(f'{name} = run.{method}("{name}", {shape}, np.{numpy_type(dtype)})')

    def _launch(self, printed: PrintedCudaKernel, blocks: str, names: dict[str, str]) -> None:
        arguments = []
        for parameter in printed.parameters:
            array = parameter.parameter.view.array if parameter.parameter else parameter.name
            arguments.append(names.get(array) or names.get(parameter.name) or self._given(array))
        self.body.append(f"run.launch({', '.join([printed.name, blocks, *arguments])})")


def by_cupy(statement: FrozenMatrixOperation, ranks: dict[str, int]) -> bool:
    """Whether CuPy has the operation: of one matrix, and not a determinant, which it finds as the
    exponential of its logarithm, nor cofactors."""
    single = ranks[statement.operands[0]] == 2 and len(statement.shape) <= 2
    return single and statement.routine not in ("determinant", "cofactors")


def _product(axes: tuple[FrozenAxis, ...]) -> str:
    return _product_of(tuple(axis.extent for axis in axes))


def _product_of(extents: tuple[str, ...]) -> str:
    return " * ".join(factor(extent) for extent in extents) or "1"
