"""Kernels for CUDA: nests of thread loops printed as numba.cuda functions.

Only what Numba's simulator knows is used: thread and block numbers, shared arrays of a literal
length, barriers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.codegen.cuda_loops import (
    CudaParameter,
    clamped,
    element_text,
    grouped,
    partial_type,
)
from symgrad.codegen.cuda_squares import CudaSquares
from symgrad.codegen.signatures import array_type, scalar_type
from symgrad.program.definitions import DType
from symgrad.schedule.cuda_plan import (
    AccumulateNest,
    Combine,
    ContractNest,
    CudaKernel,
    Nest,
    ThreadNest,
)
from symgrad.schedule.loops import Declare, Node, Parameter

__all__ = ["PrintedCudaKernel", "print_cuda_kernel"]

_WORD = re.compile(r"[A-Za-z_]\w*")


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


class _CudaPrinter(CudaSquares):
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
        lines.extend(self._fold_groups())
        return lines

    def _node_with_sums(self, node: Node) -> list[str]:
        self.locals = dict(self.sum_names)
        return self._node(node, 0)

    def _block_sum(self, local: str, dtype: DType, name: str) -> list[str]:
        self.helpers.setdefault("cuda/lanes_sum")
        own = self.sum_names[local]
        shared = f"shared_{partial_type(dtype)}"
        return [
            f"{own} = _lanes_sum({shared}, {own}, {self.thread}, _THREADS, 1)",
            f"if {self.thread} == 0:",
            f"    {element_text(self.views[name][0].name, [self.block, '0'])} = {own}",
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

    def _thread_nest(self, nest: ThreadNest, number: int) -> list[str]:
        lines = [f"# {line}" for line in nest.formula.splitlines()]
        self.locals = dict(self.sum_names)
        self.divided = ("", "")
        if nest.rounds:
            return [*lines, *self._shared_nest(nest, number)]
        count = self._count(nest.axes, nest.tile)
        body = [line for node in nest.finish for line in self._node(node, 0)]
        if self.kernel.sample is None:
            # Few threads of a grid have a second element, for which counting on would pay.
            header = f"for {self.element} in range(cuda.grid(1), {count}, cuda.gridsize(1)):"
            body = [*self._decode(nest.axes, nest.tile, self.element, body), *body]
        else:
            header = f"for {self.element} in range({self.thread}, {count}, _THREADS):"
            before, body = self._with_indices(nest, self.thread, "_THREADS", body)
            lines += before
        return [*lines, header, *("    " + line for line in body)]

    def _with_indices(
        self, nest: ThreadNest, first: str, step: str, body: list[str]
    ) -> tuple[list[str], list[str]]:
        """What stands before a loop over elements, and its body with the element's indices."""
        counted = self._counted_on(nest.axes, nest.tile, first, step)
        if counted is None:
            return [], [*self._decode(nest.axes, nest.tile, self.element, body), *body]
        return counted[0], [*body, *counted[1]]

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
        at = place if first == "0" else f"({first} + {place})"
        before, nodes = self._with_indices(nest, at, step, nodes)
        header = f"for {base} in range({first}, {count}, {step}):"
        return [*lines, *before, header, *("    " + line for line in [*body, *nodes])]

    def _combination(self, combine: Combine, lanes: str, unit: str) -> str:
        self.helpers.setdefault(f"cuda/lanes_{combine.kind}")
        local = self._local(combine.local)
        shared = f"shared_{_shared_type(combine)}"
        if combine.position is None:
            return (
                f"{local} = _lanes_{combine.kind}({shared}, {local}, {self.lane}, {lanes}, {unit})"
            )
        place = self._local(combine.position)
        return (
            f"{place} = _lanes_{combine.kind}({shared}, shared_int64, {local}, {place}, "
            f"{self.lane}, {lanes}, {unit})"
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

    def _fold_groups(self) -> list[str]:
        """Each block leaves one partial sum: those of its groups are added to the first."""
        lines: list[str] = []
        for number, whole in enumerate(self.kernel.nests):
            nest = whole.plain if isinstance(whole, ContractNest) else whole
            if not isinstance(nest, AccumulateNest):
                continue
            groups = self._counter("groups", number)
            name = self.views[nest.name][0].name
            indices = [a.index for a in nest.axes] or ["0"]
            first = f"{self.block} * {groups}"
            other = element_text(name, [f"{first} + {self.part}", *indices])
            body = [
                f"for {self.part} in range(1, {groups}):",
                f"    {element_text(name, [first, *indices])} += {other}",
            ]
            body = [*self._decode(nest.axes, None, self.element, body), *body]
            count = self._count(nest.axes, None)
            lines.append(f"for {self.element} in range({self.thread}, {count}, _THREADS):")
            lines.extend("    " + line for line in body)
        return ["cuda.syncthreads()", *lines] if lines else []

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
            f"{self.part} = {self.element} // {grouped(count)}",
            f"{place} = {self.element} - {self.part} * {grouped(count)}",
            *self._decode(nest.axes, None, place, body),
        ]


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
