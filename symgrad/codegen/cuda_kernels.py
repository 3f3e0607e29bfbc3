"""Kernels for CUDA: nests of thread loops printed as numba.cuda functions.

Only what Numba's simulator knows is used: thread and block numbers, shared arrays of a literal
length, barriers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.codegen.blocks import affine_text
from symgrad.codegen.kernels import KernelPrinter, array_type, indices_in, scalar_type
from symgrad.codegen.spelling import CUDA
from symgrad.program.definitions import DType
from symgrad.schedule.cuda_apart import segment_names
from symgrad.schedule.cuda_contractions import PARTS
from symgrad.schedule.cuda_plan import (
    AccumulateNest,
    Combine,
    ContractNest,
    CudaKernel,
    Nest,
    ThreadNest,
)
from symgrad.schedule.frozen import Affine, Element, FrozenAxis
from symgrad.schedule.loops import Declare, FlatLoop, Loop, Node, Parameter, Segment

__all__ = [
    "CudaParameter",
    "PrintedCudaKernel",
    "clamped",
    "factor",
    "partial_type",
    "print_cuda_kernel",
]

_WORD = re.compile(r"[A-Za-z_]\w*")
_SHARED_TYPES: dict[DType, DType] = {"float64": "float64", "float32": "float64"}


@dataclass(frozen=True, slots=True)
class CudaParameter:
    """A parameter in order: an integer that the host computes, or an array or number.

    `kind` is "size" (a size of the program), "tile", "lanes" or "groups" (counted by the host, for
    the nest of that `number`), or "array".
    """

    kind: str
    name: str
    type: str
    number: int = 0
    parameter: Parameter | None = None


@dataclass(frozen=True, slots=True)
class PrintedCudaKernel:
    """The text of a kernel and what it is launched with."""

    name: str
    lines: tuple[str, ...]
    parameters: tuple[CudaParameter, ...]

    @property
    def signature(self) -> str:
        """Numba's types of all parameters, for compilation ahead of time."""
        return f"void({', '.join(p.type for p in self.parameters)})"


def print_cuda_kernel(kernel: CudaKernel, helpers: dict[str, None]) -> PrintedCudaKernel:
    """The kernel as a Python function; helper functions it calls are added to `helpers`."""
    return _CudaPrinter(kernel, helpers).print()


def clamped(extent: str) -> str:
    """`n - 1` elements are none if n is 0."""
    return f"max({extent}, 0)" if " - " in extent or extent.startswith("-") else extent


def factor(extent: str) -> str:
    """An extent as a factor of a product."""
    text = clamped(extent)
    return text if text.isalnum() or text.startswith("max(") else f"({text})"


class _CudaPrinter(KernelPrinter):
    def __init__(self, kernel: CudaKernel, helpers: dict[str, None]) -> None:
        indices = {index for nest in kernel.nests for index in _indices(nest)}
        super().__init__(
            kernel.parameters,
            (*kernel.sizes, *indices, "cuda", "left_strip", "right_strip"),
            helpers,
            CUDA,
        )
        self.kernel = kernel
        self.helpers = helpers
        self.roles = {p.view.array: p.role for p in kernel.parameters}
        self.start, self.stop, self.rows = (self._own(n) for n in ("start", "stop", "rows"))
        self.tile, self.block, self.part = (self._own(n) for n in ("tile", "block", "part"))
        self.thread, self.lane, self.slots = (self._own(n) for n in ("thread", "lane", "slots"))
        self.element, self.flat = self._own("element"), self._own("flat")
        self.divided = ("", "")
        self.counted: list[CudaParameter] = []
        self.sum_names: dict[str, str] = {}

    def _own(self, name: str) -> str:
        """A name of the kernel's own: reserved words are not taken unless the model has them."""
        taken = {v.name for views in self.views.values() for v in views} | set(self.kernel.sizes)
        if name in taken:
            return self.allocate(f"{name}_")
        self.allocate.taken.add(name)
        return name

    # --- whole kernels ---------------------------------------------------------------------------

    def print(self) -> PrintedCudaKernel:
        body = self._tiled() if self.kernel.sample is not None else self._grid()
        kinds = sorted({_shared_type(c) for nest in self.kernel.nests for c in _combines(nest)})
        if any(c.position for nest in self.kernel.nests for c in _combines(nest)):
            kinds = sorted({*kinds, "int64"})
        if self.kernel.sums:
            kinds = sorted({*kinds, *(partial_type(s.local.dtype) for s in self.kernel.sums)})
        head = [f"shared_{kind} = cuda.shared.array(_THREADS, np.{kind})" for kind in kinds]
        if any(isinstance(nest, ContractNest) for nest in self.kernel.nests):
            head += [
                f"{strip} = cuda.shared.array((_SIDE, _PITCH), np.float64)"
                for strip in ("left_strip", "right_strip")
            ]
        lines = [*head, *body]
        parameters = self._parameters(lines)
        text = [
            "@cuda.jit(**_OPTIONS)",
            f"def _{self.kernel.name}({', '.join(p.name for p in parameters)}):",
            *("    " + line for line in lines),
        ]
        return PrintedCudaKernel(f"_{self.kernel.name}", tuple(text), tuple(parameters))

    def _parameters(self, lines: Sequence[str]) -> list[CudaParameter]:
        words = set(_WORD.findall("\n".join(line for line in lines if "#" not in line)))
        found = [CudaParameter("size", n, "int64") for n in self.kernel.sizes if n in words]
        if self.tile in words and self.kernel.sample is not None:
            found.append(CudaParameter("tile", self.tile, "int64"))
        found.extend(p for p in self.counted if p.name in words)
        for parameter in self.kernel.parameters:
            if parameter.view.name in words:
                found.append(
                    CudaParameter(
                        "array", parameter.view.name, _type(parameter), parameter=parameter
                    )
                )
        return found

    def _grid(self) -> list[str]:
        (nest,) = self.kernel.nests
        start = [f"{self.thread} = cuda.threadIdx.x"] if isinstance(nest, ContractNest) else []
        return [*start, *self._nest(nest, 0)]

    def _tiled(self) -> list[str]:
        sample = clamped(str(self.kernel.sample))
        several = len(self.kernel.nests) > 1 or any(
            p.role == "scratch" for p in self.kernel.parameters
        )
        lines = [f"{self.thread} = cuda.threadIdx.x", f"{self.block} = cuda.blockIdx.x"]
        for total in self.kernel.sums:
            self.sum_names[total.local.name] = self.allocate(total.local.name)
            lines.extend(self._node_with_sums(Declare(total.local, 0)))
        inner: list[str] = []
        for number, nest in enumerate(self.kernel.nests):
            sums = nest.plain if isinstance(nest, ContractNest) else nest
            if isinstance(sums, AccumulateNest):
                lines.extend(self._clear_parts(sums, number))
                if nest is not sums:
                    lines.append("cuda.syncthreads()")
            inner.extend(self._nest(nest, number))
            if several:
                inner.append("cuda.syncthreads()")
        step = f"cuda.gridDim.x * {self.tile}"
        lines += [
            f"for {self.start} in range({self.block} * {self.tile}, {sample}, {step}):",
            f"    {self.stop} = min({self.start} + {self.tile}, {sample})",
            f"    {self.rows} = {self.stop} - {self.start}",
            *("    " + line for line in inner),
        ]
        for total in self.kernel.sums:
            lines.extend(self._block_sum(total.local.name, total.local.dtype, total.name))
        return lines

    def _node_with_sums(self, node: Node) -> list[str]:
        self.locals = dict(self.sum_names)
        return self._node(node, 0)

    def _block_sum(self, local: str, dtype: DType, name: str) -> list[str]:
        self.helpers.setdefault("cuda/lanes_sum")
        own = self.sum_names[local]
        shared = f"shared_{partial_type(dtype)}"
        return [
            f"{own} = _lanes_sum({shared}, {own}, _THREADS, 1)",
            f"if {self.thread} == 0:",
            f"    {self.views[name][0].name}[{self.block}, 0] = {own}",
        ]

    # --- nests -----------------------------------------------------------------------------------

    def _nest(self, nest: Nest, number: int) -> list[str]:
        if isinstance(nest, ContractNest):
            comments = [f"# {line}" for line in nest.formula.splitlines()]
            plain = self._nest(nest.plain, number)[len(comments) :]
            large = self._squares(nest, number)
            return [
                *comments,
                f"if {self._fills_squares(nest)}:",
                *("    " + line for line in large),
                "else:",
                *("    " + line for line in plain),
            ]
        if isinstance(nest, AccumulateNest):
            return self._accumulate_nest(nest, number)
        return self._thread_nest(nest, number)

    def _fills_squares(self, nest: ContractNest) -> str:
        """By sizes alone, so that all blocks agree."""
        rows, columns, summed = (
            self.tile if a.index == nest.tile else factor(a.extent)
            for a in (nest.rows, nest.columns, nest.summed)
        )
        return f"min({rows}, {columns}) >= _LEAST_SIDE and {summed} >= _SIDE"

    def _squares(self, nest: ContractNest, number: int) -> list[str]:
        """Squares one after another: stage a strip of both factors, multiply, store."""
        self.locals = {f"sum{k}": self.allocate("total") for k in range(PARTS * PARTS)}
        i, j, k = nest.rows.index, nest.columns.index, nest.summed.index
        begin = {i: "0", j: "0", k: "0"}
        end = {a.index: factor(a.extent) for a in (nest.rows, nest.columns, nest.summed)}
        length = dict(end)
        if nest.tile is not None:
            begin[nest.tile], end[nest.tile] = self.start, self.stop
            length[nest.tile] = self.rows
        square, corners = self.allocate("square"), {n: self.allocate(f"corner_{n}") for n in (i, j)}
        corner_k, across = self.allocate(f"corner_{k}"), self.allocate("across")
        row, column, inner = (self.allocate(n) for n in ("row", "column", "inner"))
        grid = self.kernel.sample is None
        first, step = ("cuda.blockIdx.x", "cuda.gridDim.x") if grid else ("0", "1")
        offset = {n: f"{begin[n]} + " if begin[n] != "0" else "" for n in (i, j)}
        across_columns = self.allocate("squares")
        strips = [
            *self._stage("left_strip", nest.left, (i, k), corners[i], corner_k, across, end),
            *self._stage("right_strip", nest.right, (j, k), corners[j], corner_k, across, end),
        ]
        totals = [self.locals[f"sum{n}"] for n in range(PARTS * PARTS)]
        lefts = [self.allocate("a") for _ in range(PARTS)]
        rights = [self.allocate("b") for _ in range(PARTS)]
        product = [
            *(f"{a} = left_strip[{inner}, {row} + {n} * _SIDE]" for n, a in enumerate(lefts)),
            *(f"{b} = right_strip[{inner}, {column} + {n} * _SIDE]" for n, b in enumerate(rights)),
            *(
                f"{totals[PARTS * m + n]} += {a} * {b}"
                for m, a in enumerate(lefts)
                for n, b in enumerate(rights)
            ),
        ]
        stores: list[str] = []
        if isinstance(nest.plain, AccumulateNest):
            stores.append(f"{self.part} = 0")
            self.divided = (self.part, self._counter("groups", number))
        for m in range(PARTS):
            stores += [f"{i} = {corners[i]} + {row} + {m} * _SIDE", f"if {i} < {end[i]}:"]
            for n in range(PARTS):
                stores += [
                    f"    {j} = {corners[j]} + {column} + {n} * _SIDE",
                    f"    if {j} < {end[j]}:",
                    *("        " + line for line in self._block(nest.stores[PARTS * m + n])),
                ]
        self.divided = ("", "")
        indent = "    "
        return [
            f"{row} = {self.thread} // _SIDE",
            f"{column} = {self.thread} % _SIDE",
            f"{across_columns} = ({length[j]} + _WIDTH - 1) // _WIDTH",
            f"for {square} in range({first}, ({length[i]} + _WIDTH - 1) // _WIDTH "
            f"* {across_columns}, {step}):",
            f"    {corners[i]} = {offset[i]}{square} // {across_columns} * _WIDTH",
            f"    {corners[j]} = {offset[j]}{square} % {across_columns} * _WIDTH",
            *(f"    {total} = 0.0" for total in totals),
            f"    for {corner_k} in range({begin[k]}, {end[k]}, _SIDE):",
            *(2 * indent + line for line in strips),
            "        cuda.syncthreads()",
            # A count that the compiler does not know: unrolled, this loop fills all registers.
            f"        for {inner} in range(min(_SIDE, {end[k]} - {corner_k})):",
            *(3 * indent + line for line in product),
            "        cuda.syncthreads()",
            *(indent + line for line in stores),
        ]

    def _stage(
        self,
        strip: str,
        factor_element: Element,
        indices: tuple[str, str],
        corner: str,
        corner_k: str,
        across: str,
        end: dict[str, str],
    ) -> list[str]:
        """Copies a strip of a factor into shared memory, neighbours in memory by neighbours."""
        index, k = indices
        last = factor_element.subscripts[-1]
        along = isinstance(last, Affine) and last.single_index == k
        flat = self.allocate(self.flat)
        below = f"{flat} % _SIDE" if along else f"{flat} // _WIDTH"
        beside = f"{flat} // _SIDE" if along else f"{flat} % _WIDTH"
        return [
            f"for {flat} in range({self.thread}, _WIDTH * _SIDE, _THREADS):",
            f"    {across} = {beside}",
            f"    {index} = {corner} + {across}",
            f"    {k} = {corner_k} + {below}",
            f"    {strip}[{below}, {across}] = ("
            f"{self._load(factor_element)} if {index} < {end[index]} and {k} < {end[k]} else 0.0)",
        ]

    def _thread_nest(self, nest: ThreadNest, number: int) -> list[str]:
        lines = [f"# {line}" for line in nest.formula.splitlines()]
        self.locals = dict(self.sum_names)
        self.divided = ("", "")
        if nest.rounds:
            return [*lines, *self._shared_nest(nest, number)]
        count = self._count(nest.axes, nest.tile)
        body = [line for node in nest.finish for line in self._node(node, 0)]
        if self.kernel.sample is None:
            header = f"for {self.element} in range(cuda.grid(1), {count}, cuda.gridsize(1)):"
        else:
            header = f"for {self.element} in range({self.thread}, {count}, _THREADS):"
        body = [*self._decode(nest.axes, nest.tile, self.element, body), *body]
        return [*lines, header, *("    " + line for line in body)]

    def _shared_nest(self, nest: ThreadNest, number: int) -> list[str]:
        """Elements whose sums several lanes share; every thread reaches every barrier."""
        lanes = self._counter("lanes", number)
        count = self._count(nest.axes, nest.tile)
        unit = "1" if nest.wide else self.slots
        t, slots = self.thread, self.slots
        place = f"{t} // {lanes}" if nest.wide else f"{t} % {slots}"
        lane = f"{t} % {lanes}" if nest.wide else f"{t} // {slots}"
        if self.kernel.sample is None:
            first, step = f"cuda.blockIdx.x * {slots}", f"cuda.gridDim.x * {slots}"
        else:
            first, step = "0", slots
        base, inside = self.allocate("base"), self.allocate("inside")
        lines = [f"{self.thread} = cuda.threadIdx.x"] if self.kernel.sample is None else []
        lines += [f"{slots} = _THREADS // {lanes}", f"{self.lane} = {lane}"]
        body = [f"{self.element} = {base} + {place}", f"{inside} = {self.element} < {count}"]
        self.divided = (self.lane, lanes)
        nodes: list[str] = []
        for part in nest.rounds:
            declares = [n for n in part.nodes if isinstance(n, Declare)]
            for node in declares:
                nodes.extend(self._node(node, 0))
            inner = [line for n in part.nodes if n not in declares for line in self._node(n, 0)]
            nodes += [f"if {inside}:", *("    " + line for line in inner)]
            for combine in part.combines:
                nodes.append(self._combination(combine, lanes, unit))
        self.divided = ("", "")
        finish = [line for node in nest.finish for line in self._node(node, 0)]
        nodes += [f"if {inside} and {self.lane} == 0:", *("    " + line for line in finish)]
        body += [*self._decode(nest.axes, nest.tile, self.element, nodes), *nodes]
        header = f"for {base} in range({first}, {count}, {step}):"
        return [*lines, header, *("    " + line for line in body)]

    def _combination(self, combine: Combine, lanes: str, unit: str) -> str:
        self.helpers.setdefault(f"cuda/lanes_{combine.kind}")
        local = self._local(combine.local)
        shared = f"shared_{_shared_type(combine)}"
        if combine.position is None:
            return f"{local} = _lanes_{combine.kind}({shared}, {local}, {lanes}, {unit})"
        place = self._local(combine.position)
        return (
            f"{place} = _lanes_{combine.kind}({shared}, shared_int64, {local}, {place}, "
            f"{lanes}, {unit})"
        )

    def _clear_parts(self, nest: AccumulateNest, number: int) -> list[str]:
        groups = self._counter("groups", number)
        count = self._count(nest.axes, None)
        name = self.views[nest.name][0].name
        where = self._accumulator(name, tuple(a.index for a in nest.axes))
        body = [*self._slot(nest, groups, [where]), f"{where} = 0"]
        return [
            f"for {self.element} in range({self.thread}, {count} * {groups}, _THREADS):",
            *("    " + line for line in body),
        ]

    def _accumulate_nest(self, nest: AccumulateNest, number: int) -> list[str]:
        lines = [f"# {line}" for line in nest.formula.splitlines()]
        groups = self._counter("groups", number)
        self.locals = {}
        self.divided = (self.part, groups)
        body = [line for node in nest.body for line in self._node(node, 0)]
        self.divided = ("", "")
        count = self._count(nest.axes, None)
        body = [*self._slot(nest, groups, body), *body]
        header = f"for {self.element} in range({self.thread}, {count} * {groups}, _THREADS):"
        return [*lines, header, *("    " + line for line in body)]

    def _slot(self, nest: AccumulateNest, groups: str, body: Sequence[str]) -> list[str]:
        """The group of a thread's slot, and the indices of its element."""
        count = self._count(nest.axes, None)
        if not nest.axes:
            return [f"{self.part} = {self.element}"]
        place = self.allocate("place")
        return [
            f"{self.part} = {self.element} // {_grouped(count)}",
            f"{place} = {self.element} - {self.part} * {_grouped(count)}",
            *self._decode(nest.axes, None, place, body),
        ]

    def _counter(self, kind: str, number: int) -> str:
        """A parameter that the host counts from the sizes, for one nest."""
        for known in self.counted:
            if (known.kind, known.number) == (kind, number):
                return known.name
        name = self.allocate(kind)
        self.counted.append(CudaParameter(kind, name, "int64", number))
        return name

    def _count(self, axes: tuple[FrozenAxis, ...], tile: str | None) -> str:
        parts = [self.rows if a.index == tile else factor(a.extent) for a in axes]
        return " * ".join(parts) or "1"

    def _decode(
        self, axes: tuple[FrozenAxis, ...], tile: str | None, flat: str, body: Sequence[str]
    ) -> list[str]:
        """Indices of axes from a flat number, the last axis fastest; those that the body reads."""
        words = set(_WORD.findall("\n".join(body)))
        lines: list[str] = []
        rest = flat
        for position in range(len(axes) - 1, -1, -1):
            axis = axes[position]
            offset = f"{self.start} + " if axis.index == tile else ""
            if position == 0:
                lines.append(f"{axis.index} = {offset}{rest}")
                break
            extent = self.rows if axis.index == tile else factor(axis.extent)
            lines.append(f"{axis.index} = {offset}{rest} % {extent}")
            if position == 1:
                rest = f"{rest} // {extent}"
            else:
                above = self.allocate(self.flat)
                lines.append(f"{above} = {rest} // {extent}")
                rest = above
        needed = [
            line
            for line in lines
            if _defined(line) in words or _defined(line).startswith(self.flat)
        ]
        return needed

    # --- loops -----------------------------------------------------------------------------------

    def _loop(self, loop: Loop, depth: int) -> list[str]:
        pad = "    " * depth
        lower = [self._index(b.value) for b in loop.lower]
        upper = [self._index(b.value) for b in loop.upper]
        if loop.tile:
            lower, upper = [self.start, *lower], [self.stop, *upper]
        else:
            if not any(b.certain for b in loop.lower):
                lower.insert(0, "0")
            if not any(b.certain for b in loop.upper):
                upper.insert(0, loop.extent)
        start = lower[0] if len(lower) == 1 else f"max({', '.join(lower)})"
        stop = upper[0] if len(upper) == 1 else f"min({', '.join(upper)})"
        lane, lanes = self.divided
        if loop.lanes and lane:
            begin = lane if start == "0" else f"{start} + {lane}"
            header = f"range({begin}, {stop}, {lanes})"
        elif loop.reverse:
            header = f"range({stop} - 1, {start} - 1, -1)"
        else:
            header = f"range({start}, {stop})" if start != "0" else f"range({stop})"
        return [f"{pad}for {loop.index} in {header}:", *self._nodes(loop.body, depth + 1)]

    def _divided_loop(self, loop: FlatLoop | Segment, depth: int) -> list[str]:
        if isinstance(loop, Segment):
            return self._segment(loop, depth)
        pad = "    " * depth
        first, step = self.divided
        count = self._count(loop.axes, loop.tile)
        body = self._nodes(loop.body, 0)
        if len(loop.axes) == 1 and loop.axes[0].index != loop.tile:
            header = f"for {loop.axes[0].index} in range({first}, {loop.axes[0].extent}, {step}):"
        elif len(loop.axes) == 1:
            index = loop.axes[0].index
            header = f"for {index} in range({self.start} + {first}, {self.stop}, {step}):"
        else:
            flat = self.allocate(self.flat)
            header = f"for {flat} in range({first}, {count}, {step}):"
            body = [*self._decode(loop.axes, loop.tile, flat, body), *body]
        return [pad + header, *(f"{pad}    {line}" for line in body)]

    def _segment(self, loop: Segment, depth: int) -> list[str]:
        pad = "    " * depth
        first, order = segment_names(loop.array)
        place, position = self.allocate("place"), self.allocate("position")
        lane, lanes = self.divided
        begin = f"{first}[{loop.key}] + {lane}" if lane else f"{first}[{loop.key}]"
        step = f", {lanes}" if lanes else ""
        body = self._nodes(loop.body, 0)
        body = [*self._decode(loop.axes, None, position, body), *body]
        return [
            f"{pad}for {place} in range({begin}, {first}[{loop.key} + 1]{step}):",
            f"{pad}    {position} = {order}[{place}]",
            *(f"{pad}    {line}" for line in body),
        ]

    # --- elements --------------------------------------------------------------------------------

    def _load(self, element: Element) -> str:
        view = self.views[element.array][0]
        role = self.roles[element.array]
        if view.by_value:
            return view.name
        if role == "accumulator":
            indices = tuple(
                s.single_index or "" for s in element.subscripts if isinstance(s, Affine)
            )
            return self._accumulator(view.name, indices)
        texts = []
        for position, subscript in enumerate(element.subscripts):
            text = self._subscript(subscript)
            if role == "scratch" and position == view.tile_axis:
                text = f"{text} - {self.start}"
            texts.append(text)
        if role == "scratch":
            texts.insert(0, self.block)
        return f"{view.name}[{', '.join(texts) or '0'}]"

    def _accumulator(self, name: str, indices: tuple[str, ...]) -> str:
        groups = self.counted[-1].name if not self.divided[1] else self.divided[1]
        return (
            f"{name}[{', '.join([f'{self.block} * {groups} + {self.part}', *(indices or ('0',))])}]"
        )

    def _index(self, affine: Affine) -> str:
        return affine_text(affine)


def _indices(nest: Nest) -> set[str]:
    if isinstance(nest, ContractNest):
        return _indices(nest.plain) | {nest.rows.index, nest.columns.index, nest.summed.index}
    nodes = (
        nest.body
        if isinstance(nest, AccumulateNest)
        else (*(n for r in nest.rounds for n in r.nodes), *nest.finish)
    )
    return indices_in(tuple(nodes)) | {a.index for a in nest.axes}


def _combines(nest: Nest) -> tuple[Combine, ...]:
    if isinstance(nest, ContractNest):
        return _combines(nest.plain)
    if isinstance(nest, AccumulateNest):
        return ()
    return tuple(c for part in nest.rounds for c in part.combines)


def _shared_type(combine: Combine) -> DType:
    # Extremes and products start at an infinity or 1.0, so they are floats whatever they fold.
    return partial_type(combine.local.dtype) if combine.kind == "sum" else "float64"


def _type(parameter: Parameter) -> str:
    view = parameter.view
    if view.by_value:
        return scalar_type(view.dtype)
    if parameter.role == "accumulator":
        return array_type(partial_type(view.dtype), max(view.rank, 1) + 1)
    return array_type(view.dtype, max(view.rank, 1) + (parameter.role == "scratch"))


def partial_type(dtype: DType) -> DType:
    """The type in which sums are kept: double precision, or integers."""
    return _SHARED_TYPES.get(dtype, "int64")


def _defined(line: str) -> str:
    return line.split(" = ", 1)[0]


def _grouped(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"
