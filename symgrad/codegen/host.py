"""The Python side of a program: buffers, kernel calls and combination of partial sums, as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.codegen.blocks import BlockPrinter, NameAllocator, affine_text
from symgrad.codegen.kernels import print_kernel
from symgrad.codegen.linear_algebra import matrix_line
from symgrad.codegen.outlining import outline, take_out
from symgrad.codegen.scratch import share_scratch
from symgrad.codegen.signatures import RESERVED, PrintedKernel, array_type, scalar_type
from symgrad.codegen.spelling import NUMPY, Spelling
from symgrad.program.definitions import DType
from symgrad.schedule.counting import count_elements
from symgrad.schedule.frozen import FrozenDefinition, FrozenProgram, Operation
from symgrad.schedule.loops import Parameter
from symgrad.schedule.plan import (
    Accumulator,
    Buffer,
    CheckIndex,
    OperateOnMatrices,
    ReshapeArray,
    RunTiled,
    RunWhole,
    Schedule,
    TransposeMatrix,
)

__all__ = [
    "PrintedProgram",
    "check_lines",
    "extent_checks",
    "print_schedule",
    "ranks_of",
    "reshape_line",
    "scale_text",
    "shape_text",
]

_NAME = re.compile(r"[A-Za-z_]\w*")
_TILE = "tile"  # what the rows of a tile are called where they are an extent
# Rows of a block where the innermost loops run over rows: shorter ones cost more than they do.
_LEAST_ROWS = 64


@dataclass(frozen=True, slots=True)
class PrintedProgram:
    """Text of a program for a target: functions above, and the body that runs them.

    `signatures` are Numba's types of kernels that are not compiled where they are defined.
    """

    kernels: tuple[str, ...]
    body: tuple[str, ...]
    signatures: tuple[tuple[str, str], ...] = ()


def print_schedule(
    schedule: Schedule,
    helpers: dict[str, None],
    nests: dict[str, str],
    gradients: Sequence[str] = (),
) -> PrintedProgram:
    """Numba kernels and the lines that call them.

    Args:
        schedule: what is printed.
        helpers: receives the names of the helper functions that the kernels call.
        nests: receives the names of the nests that are kernels of their own, by their text.
        gradients: results that can be written into arrays of the caller, in their order.
    """
    return _HostPrinter(schedule, helpers, nests, gradients).run()


def shape_text(shape: Iterable[str]) -> str:
    """A shape as a tuple; a 0-d array is held as one element."""
    parts = [_clamped(extent) for extent in shape] or ["1"]
    return f"({', '.join(parts)},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _clamped(extent: str) -> str:
    """`n - 1` elements are none if n is 0."""
    return f"max({extent}, 0)" if " - " in extent or extent.startswith("-") else extent


def reshape_line(program: FrozenProgram, step: ReshapeArray) -> str:
    """`y = x.reshape(shape)`, a 0-d array held as one element; a result is a copy of its own."""
    s = step.statement
    copied = ".copy()" if s.name in program.outputs else ""
    return f"{s.name} = np.reshape({s.source}, {shape_text(s.shape)}){copied}"


def ranks_of(program: FrozenProgram) -> dict[str, int]:
    """The number of axes of every array, by name."""
    arrays = (*program.arguments, *program.constants, *program.statements)
    return {array.name: len(array.shape) for array in arrays}


def check_lines(program: FrozenProgram, step: CheckIndex) -> str:
    """`y = _check_index(…)`: wraps negative entries or raises IndexError."""
    s = step.statement
    return (
        f'{s.name} = _check_index("{program.name}", {s.source}, {s.extent}, "{s.source}", '
        f'"{s.array}", {s.array_axis})'
    )


def extent_checks(program: FrozenProgram) -> list[str]:
    """A maximum over nothing has no value: that is an error, as in NumPy."""
    lines: dict[str, None] = {}
    for statement in program.statements:
        if not isinstance(statement, FrozenDefinition):
            continue
        for term in statement.terms:
            if term.reduction not in ("max", "min", "argmax", "argmin"):
                continue
            for axis in term.axes:
                if axis.extent.isdigit() and axis.extent != "0":
                    continue
                where = f" (line {statement.line} of the model)" if statement.line else ""
                lines.setdefault(f"if {axis.extent} < 1:")
                lines.setdefault(
                    f'    raise ValueError("{program.name}: {term.reduction} over an axis of size '
                    f'{axis.extent}, which is 0{where}")'
                )
    return list(lines)


class _HostPrinter:
    def __init__(
        self,
        schedule: Schedule,
        helpers: dict[str, None],
        nests: dict[str, str],
        gradients: Sequence[str],
    ) -> None:
        self.schedule = schedule
        self.places = {name: position for position, name in reversed([*enumerate(gradients)])}
        self.program = schedule.program
        self.helpers = helpers
        self.nests = nests
        self.kernels: list[str] = []
        self.body: list[str] = extent_checks(self.program)
        taken = {*RESERVED, *self.program.sizes, *(s.name for s in self.program.statements)}
        taken.update(a.name for a in (*self.program.arguments, *self.program.constants))
        turns = [step for step in schedule.steps if isinstance(step, TransposeMatrix)]
        taken.update(name for step in turns for name in (step.name, step.source))
        self.allocate = NameAllocator(taken)

    def run(self) -> PrintedProgram:
        for step in self.schedule.steps:
            if isinstance(step, RunTiled):
                self._tiled(step)
            elif isinstance(step, RunWhole):
                self._whole(step)
            elif isinstance(step, ReshapeArray):
                self.body.append(reshape_line(self.program, step))
            elif isinstance(step, TransposeMatrix):
                self.body.append(f"{step.name} = np.ascontiguousarray({step.source}.T)")
            elif isinstance(step, OperateOnMatrices):
                name, ranks = self.program.name, ranks_of(self.program)
                self.body.append(matrix_line(step.statement, name, ranks, self.helpers))
            else:
                self.body.append(check_lines(self.program, step))
        return PrintedProgram(tuple(self.kernels), tuple(self.body))

    # --- kernels ---------------------------------------------------------------------------------

    def _define(
        self, printed: PrintedKernel, lines: Sequence[str], addresses: Iterable[str] | None = None
    ) -> None:
        """The kernel of these lines; that of a tile takes the addresses of those it calls first."""
        types = {**dict.fromkeys(addresses or (), "int64"), **printed.types()}
        inner = "" if addresses is None else ", **_INNER"
        outlined = outline(printed.name, lines, types)
        self.kernels.extend(outlined.functions)
        text = [
            f'@_kernel("void({", ".join(types.values())})"{inner})',
            f"def {printed.name}({', '.join(types)}):",
            *("    " + line for line in outlined.lines or ["pass"]),
        ]
        self.kernels.append("\n".join(text))

    def _whole(self, step: RunWhole) -> None:
        printed = print_kernel(step.kernel, self.helpers)
        self._define(printed, printed.lines)
        for buffer in step.outputs:
            self.body.append(self._result(buffer))
        self.body.append(f"{printed.name}.call({', '.join(printed.parameter_names())})")

    def _tiled(self, step: RunTiled) -> None:
        printed = print_kernel(step.kernel, self.helpers)
        nests = take_out(printed.lines, printed.types(), self.nests, self.program.sizes)
        self.kernels.extend(nests.functions)
        self._define(printed, nests.lines, nests.kernels)
        parts = {a.buffer.name: self.allocate(f"{a.buffer.name}_blocks") for a in step.accumulators}
        scratch = _tile_scratch(step, printed)
        shared = share_scratch(printed.lines, scratch)
        sample = step.sample
        if not sample.isidentifier():
            sample = self.allocate("samples")
            self.body.append(f"{sample} = {_clamped(step.sample)}")
        held = [buffer for buffer in scratch if shared[buffer.name] == buffer.name]
        self._define_blocks(step, printed, sample, held, shared, tuple(nests.kernels))
        tile, blocks = self.allocate("tile"), self.allocate("blocks")
        workers = self.allocate("workers")
        counted = [sample, step.work, self._block_size(step)]
        if any(len(b.shape) > 1 and b.shape[-1] == _TILE for b in scratch):
            counted.append(str(_LEAST_ROWS))
        alone = len(step.kernel.nests) == 1 and not step.scratch and not _has_sums(step)
        # Rows need no tiles where nothing of them is read again and no sum is to be divided.
        held_for = [_row_elements(held), sample, blocks]
        held_for += [self._block_size(step)] if step.accumulators else []
        rows = f"_count_rows({', '.join(held_for)})"
        self.body += [
            f"{blocks} = _count_blocks({', '.join(counted)})",
            f"{tile} = max({sample}, 1)" if alone else f"{tile} = {rows}",
            f"{workers} = min({blocks}, numba.get_num_threads()) if {blocks} > 1 else 1",
        ]
        for buffer in step.outputs:
            self.body.append(self._result(buffer))
        sums = self._count_sums(step, sample, blocks)
        for accumulator in step.accumulators:
            buffer = accumulator.buffer
            shape = (f"{blocks} * {sums}" if sums else blocks, *(buffer.shape or ("1",)))
            zeros = "_zeros({}" if buffer.shape else "np.zeros({}"
            sums_up = accumulator.reduction == "sum"
            maker = (zeros if sums_up else "np.empty({}").format(shape_text(shape))
            own, dtype = parts[buffer.name], _type_name(accumulator.partial)
            self.body.append(f"{own} = {maker}, np.{dtype})")
            if not sums_up:
                limit = "np.inf" if accumulator.reduction == "min" else "-np.inf"
                self.body.append(f"{own}.fill({limit})")
        given = [p.view.array for p in printed.parameters if p.role != "scratch"]
        arguments = [parts.get(array, array) for array in given]
        addresses = [f"{name}.address()" for name in (printed.name, *nests.kernels.values())]
        sizes = _sizes_passed(held, sample, printed)
        passed = [workers, *addresses, blocks, tile, *([sums] if sums else []), *sizes, *arguments]
        self.body.append(f"{printed.name}_blocks.spread({', '.join(passed)})")
        for accumulator in step.accumulators:
            self.body.append(self._combination(accumulator, parts[accumulator.buffer.name]))

    def _result(self, buffer: Buffer) -> str:
        """The line that makes the array of a result, or takes the caller's."""
        position = self.places.get(buffer.name)
        if position is None or not buffer.shape:
            return _allocation(buffer.name, buffer.shape, buffer)
        dtype = f"np.{_numpy_type(buffer)}"
        return f"{buffer.name} = _place(targets, {position}, {shape_text(buffer.shape)}, {dtype})"

    def _count_sums(self, step: RunTiled, sample: str, blocks: str) -> str:
        """The variable that holds how many partial sums a block has; empty without sums."""
        if not step.accumulators:
            return ""
        sums = self.allocate("sums")
        counted = ", ".join([sample, step.work, self._block_size(step), blocks])
        self.body.append(f"{sums} = _count_sums({counted})" if _has_sums(step) else f"{sums} = 1")
        return sums

    def _define_blocks(
        self,
        step: RunTiled,
        printed: PrintedKernel,
        sample: str,
        held: Sequence[Buffer],
        shared: Mapping[str, str],
        addresses: Sequence[str],
    ) -> None:
        """The loop over tiles: a worker takes whole blocks, a block its tiles in order.

        Workers are as many as threads, and each makes scratch of its own; partial sums belong to
        blocks, so that the result does not depend on who computed them.
        """
        vector = self.schedule.options.vector
        sizes = _sizes_passed(held, sample, printed)
        leading = ["worker", "workers", "each_worker", "address", *addresses, "blocks", "tile"]
        leading += ["sums"] if step.accumulators else []
        given = [p for p in printed.parameters if p.role != "scratch"]
        types = ["int64"] * (len(leading) + len(sizes)) + [_blocked_type(p) for p in given]
        names = [p.view.name for p in given]
        views = {p.view.array: p.view.name for p in printed.parameters}
        call = _tile_arguments(printed, {views[n]: views[shared[n]] for n in shared})
        call = [*addresses, *call]
        call = call if len(call) > 1 else [*call, ""]
        place = "place = block * sums + (start - first) * sums // (last - first)"
        lines = [
            f'@_kernel("void({", ".join(types)})")',
            f"def {printed.name}_blocks({', '.join([*leading, *sizes, *names])}):",
            "    if worker < 0:",
            "        _spread(each_worker, workers)",
            "        return",
            *(f"    {_allocation(views[b.name], b.shape, b, 'np.empty')}" for b in held),
            "    begin, end = worker * blocks // workers, (worker + 1) * blocks // workers",
            "    for block in range(begin, end):",
            f"        first = block * {sample} // blocks",
            f"        last = (block + 1) * {sample} // blocks",
            f"        if {sample} >= {4 * vector} * blocks:",
            f"            first = first // {vector} * {vector}",
            f"            last = last // {vector} * {vector} if last < {sample} else last",
            "        tiles = max(-(-(last - first) // tile), 1)",
            f"        height = (-(-(last - first) // tiles) + {vector - 1}) // {vector} * {vector}",
            "        height = max(min(height, tile), 1)",
            "        for start in range(first, last, height):",
            "            rows = min(height, last - start)",
            *([f"            {place}"] if step.accumulators else []),
            f"            _call_kernel(address, ({', '.join(call)}))",
        ]
        self.kernels.append("\n".join(lines))

    @staticmethod
    def _block_size(step: RunTiled) -> str:
        """Elements of the partial sums of one block, a text over sizes."""
        products = []
        for accumulator in step.accumulators:
            factors = [e if e.isalnum() else f"({e})" for e in accumulator.buffer.shape]
            products.append(" * ".join(factors) or "1")
        return " + ".join(products) or "0"

    def _combination(self, accumulator: Accumulator, parts: str) -> str:
        if accumulator.reduction == "peak":
            return f"{accumulator.buffer.name} = _combine_peaks({parts})"
        if accumulator.reduction != "sum":
            extreme = "minimum" if accumulator.reduction == "min" else "maximum"
            several = f"{parts}[0] if len({parts}) == 1 else np.{extreme}.reduce({parts})"
            return f"{accumulator.buffer.name} = {several}"
        text = f"_combine({parts})"
        if accumulator.scale:
            lines, factor = scale_text(accumulator.scale, self.allocate, "_quotient")
            self.body.extend(lines)
            text = f"{text} * ({factor})"
            if accumulator.buffer.dtype == "float32":
                text = f"({text})"
        if accumulator.buffer.dtype == "float32":
            text = f"{text}.astype(np.float32)"
        return f"{accumulator.buffer.name} = {text}"


def _has_sums(step: RunTiled) -> bool:
    return any(accumulator.reduction == "sum" for accumulator in step.accumulators)


def _tile_scratch(step: RunTiled, printed: PrintedKernel) -> list[Buffer]:
    """The scratch arrays that a kernel uses, the rows of a tile in place of the sample axis."""
    axes = {p.view.array: p.view.tile_axis for p in printed.parameters}
    found = []
    for buffer in step.scratch:
        axis = axes.get(buffer.name)
        if axis is not None:
            shape = (*buffer.shape[:axis], _TILE, *buffer.shape[axis + 1 :])
            found.append(replace(buffer, shape=shape))
    return found


def _row_elements(held: Iterable[Buffer]) -> str:
    """Scratch elements for each row, as a text over sizes."""
    shapes = [tuple(extent for extent in buffer.shape if extent != _TILE) for buffer in held]
    return count_elements(shapes)


def _tile_arguments(printed: PrintedKernel, holders: Mapping[str, str]) -> list[str]:
    """Arguments of one tile: rows as slices, scratch by who holds it, partial sums of the block."""
    places = {"rows": "[start : start + rows]", "accumulator": "[place]"}
    own = [(holders.get(p.view.name, p.view.name), p.role) for p in printed.parameters]
    return [*printed.scalars, *(name + places.get(role, "") for name, role in own)]


def _sizes_passed(held: Iterable[Buffer], sample: str, printed: PrintedKernel) -> list[str]:
    """The sizes that the loop over tiles takes: the sample count first."""
    extents = " ".join(extent for buffer in held for extent in buffer.shape)
    needed = (name for name in _NAME.findall(extents) if name not in ("max", _TILE))
    passed = dict.fromkeys((sample, *printed.scalars, *needed))
    return [name for name in passed if name not in ("start", "rows")]


def scale_text(
    scale: tuple[Operation, ...], allocate: NameAllocator, divide: str = "np.divide"
) -> tuple[list[str], str]:
    """The lines that compute the scale of a sum in Python floats, and its text."""
    spellings = {**NUMPY, "divide": Spelling(f"{divide}({{0}}, {{1}})", 8, (0, 0))}
    printer = BlockPrinter(spellings, lambda e: e.array, affine_text, allocate, {})
    last = len(scale) - 1
    lines, texts = printer.print(_as_double(scale), [last])
    return lines, texts[last]


def _as_double(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Scales are computed in Python floats."""
    return tuple(Operation(op.name, op.operands, "float64", op.value) for op in operations)


def _allocation(name: str, shape: Sequence[str], buffer: Buffer, maker: str = "") -> str:
    maker = maker or ("np.empty" if all(extent.isdigit() for extent in shape) else "_empty")
    return f"{name} = {maker}({shape_text(shape)}, np.{_numpy_type(buffer)})"


def _numpy_type(buffer: Buffer) -> str:
    return _type_name(buffer.dtype)


def _type_name(dtype: DType) -> str:
    return "bool_" if dtype == "bool" else dtype


def _blocked_type(parameter: Parameter) -> str:
    view = parameter.view
    if view.by_value:
        return scalar_type(view.dtype)
    return array_type(view.dtype, max(view.rank, 1) + (parameter.role == "accumulator"))
