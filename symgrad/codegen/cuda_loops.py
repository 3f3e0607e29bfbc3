"""Loops, indices and elements inside CUDA kernels: what all kinds of nests are printed with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.codegen.blocks import BlockPrinter, affine_text
from symgrad.codegen.kernels import KernelPrinter, indices_in
from symgrad.codegen.spelling import CUDA
from symgrad.program.definitions import DType
from symgrad.schedule.cuda_apart import segment_names
from symgrad.schedule.cuda_plan import AccumulateNest, ContractNest, CudaKernel, Nest
from symgrad.schedule.frozen import Affine, Element, FrozenAxis, Operation
from symgrad.schedule.loops import FlatLoop, Loop, Parameter, Segment, Store

__all__ = [
    "CudaLoops",
    "CudaParameter",
    "clamped",
    "element_text",
    "factor",
    "grouped",
    "partial_type",
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


def clamped(extent: str) -> str:
    """`n - 1` elements are none if n is 0."""
    return f"max({extent}, 0)" if " - " in extent or extent.startswith("-") else extent


def factor(extent: str) -> str:
    """An extent as a factor of a product."""
    text = clamped(extent)
    return text if text.isalnum() or text.startswith("max(") else f"({text})"


def partial_type(dtype: DType) -> DType:
    """The type in which sums are kept: double precision, or integers."""
    return _SHARED_TYPES.get(dtype, "int64")


# Helpers that answer in the type of their arguments; the others answer in double precision.
_KEEP_TYPE = frozenset({"clip", "maximum", "minimum", "sigmoid", "softplus"})


class _CudaBlockPrinter(BlockPrinter):
    """Prints operations so that what follows a helper in single precision stays in it."""

    def _text(self, operation: Operation, texts: list[tuple[str, int]]) -> tuple[str, int]:
        text, strength = super()._text(operation, texts)
        if operation.dtype != "float32" or operation.name in _KEEP_TYPE:
            return text, strength
        if not self._calls_helper(operation):
            return text, strength
        return self._cast(text, "float32")


class CudaLoops(KernelPrinter):
    """Names of a kernel's own, and the text of loops that threads share."""

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
        self.printer = _CudaBlockPrinter(CUDA, self._load, self._index, self.allocate, helpers)
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

    def _counted_on(
        self, axes: tuple[FrozenAxis, ...], tile: str | None, first: str, step: str
    ) -> tuple[list[str], list[str]] | None:
        """Lines that set the indices of a thread's first element, and that count them on.

        A step of the flat number is a step of each index, with carries: no division in the loop.
        None where an extent is not known until the tile is.
        """
        if len(axes) < 2 or any(a.index == tile for a in axes[1:]):
            return None
        begin: list[str] = []
        steps: list[str] = []
        advance: list[str] = []
        carries: list[str] = []
        for axis, outer in zip(reversed(axes), reversed((None, *axes[:-1])), strict=True):
            stride = self.allocate(f"{axis.index}_step")
            advance.append(f"{axis.index} += {stride}")
            if outer is None:
                offset = f"{self.start} + " if axis.index == tile else ""
                begin.append(f"{axis.index} = {offset}{first}")
                steps.append(f"{stride} = {step}")
                break
            extent = axis.extent if axis.extent.isdigit() else f"max({axis.extent}, 1)"
            begin.append(f"{axis.index} = {first} % {extent}")
            steps.append(f"{stride} = {step} % {extent}")
            first, step = f"{first} // {extent}", f"{step} // {extent}"
            if outer is not axes[0]:
                names = self.allocate(self.flat), self.allocate(self.flat)
                begin.append(f"{names[0]} = {first}")
                steps.append(f"{names[1]} = {step}")
                first, step = names
            carries += [
                f"if {axis.index} >= {extent}:",
                f"    {axis.index} -= {extent}",
                f"    {outer.index} += 1",
            ]
        return [*begin, *steps], [*advance, *carries]

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
        before: list[str] = []
        if len(loop.axes) == 1 and loop.axes[0].index != loop.tile:
            header = f"for {loop.axes[0].index} in range({first}, {loop.axes[0].extent}, {step}):"
        elif len(loop.axes) == 1:
            index = loop.axes[0].index
            header = f"for {index} in range({self.start} + {first}, {self.stop}, {step}):"
        else:
            flat = self.allocate(self.flat)
            header = f"for {flat} in range({first}, {count}, {step}):"
            counted = self._counted_on(loop.axes, loop.tile, first, step)
            if counted is None:
                body = [*self._decode(loop.axes, loop.tile, flat, body), *body]
            else:
                before, body = counted[0], [*body, *counted[1]]
        lines = [*before, header, *(f"    {line}" for line in body)]
        return [pad + line for line in lines]

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
        return element_text(view.name, texts or ["0"])

    def _store(self, store: Store, text: str) -> str:
        if not store.atomic:
            return super()._store(store, text)
        assert isinstance(store.target, Element)
        view = self.views[store.target.array][0]
        places = ", ".join(["0", *(self._subscript(s) for s in store.target.subscripts)])
        return f"cuda.atomic.add({view.name}, ({places}), {text})"

    def _accumulator(self, name: str, indices: tuple[str, ...]) -> str:
        groups = self.counted[-1].name if not self.divided[1] else self.divided[1]
        return element_text(name, [f"{self.block} * {groups} + {self.part}", *(indices or ("0",))])

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


def element_text(name: str, subscripts: Sequence[str]) -> str:
    """An element of an array; subscripts are passed as the unsigned numbers that they are."""
    texts = (text if text.isdigit() else f"_at({text})" for text in subscripts)
    return f"{name}[{', '.join(texts)}]"


def _defined(line: str) -> str:
    return line.split(" = ", 1)[0]


def grouped(text: str) -> str:
    """A text as one factor of a product or quotient."""
    return text if text.isidentifier() or text.isdigit() else f"({text})"
