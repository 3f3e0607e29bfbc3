"""Kernels for the CPU: loop nests printed as Numba functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from symgrad.codegen import ranks
from symgrad.codegen.angles import FAR, calls_angular, count_far_angles
from symgrad.codegen.blocks import BlockPrinter, NameAllocator, affine_text, number_text
from symgrad.codegen.signatures import RESERVED, WORD, PrintedKernel
from symgrad.codegen.spelling import NUMBA, NUMBA_FAR, Spelling
from symgrad.codegen.streaming import LEAST_BYTES, arrays_read, streamed_nest
from symgrad.codegen.turning import turned_rows
from symgrad.errors import CompileError
from symgrad.schedule.frozen import Affine, Element, Operation, Subscript, indices_of
from symgrad.schedule.loops import (
    Bind,
    Block,
    Bound,
    Declare,
    FlatLoop,
    Fold,
    FoldKind,
    Kernel,
    Local,
    Loop,
    Node,
    Parameter,
    Segment,
    Store,
    View,
    When,
)

__all__ = ["KernelPrinter", "indices_in", "print_kernel"]


def print_kernel(kernel: Kernel, helpers: dict[str, None]) -> PrintedKernel:
    """The kernel as Python lines; the names of helper functions it calls are added to `helpers`."""
    indices = (index for _, nodes in kernel.nests for index in indices_in(nodes))
    printer = KernelPrinter(kernel.parameters, (*kernel.sizes, *indices), helpers)
    return PrintedKernel(kernel, printer.lines(kernel.nests))


class KernelPrinter:
    """Prints nodes; `taken` are names of the kernel that locals must not have."""

    def __init__(
        self,
        parameters: tuple[Parameter, ...],
        taken: Iterable[str],
        helpers: dict[str, None],
        spellings: dict[str, Spelling] = NUMBA,
    ) -> None:
        self.views: dict[str, list[View]] = {}
        for parameter in parameters:
            self.views.setdefault(parameter.view.array, []).append(parameter.view)
        self.allocate = NameAllocator({*RESERVED, *taken, *(p.view.name for p in parameters)})
        self.tile_indices: set[str] = set()
        self.locals: dict[str, str] = {}
        self.ranked: dict[str, FoldKind] = {}
        self.parameters = parameters
        self.streams = False
        self.read: frozenset[str] = frozenset()
        self.printer = BlockPrinter(spellings, self._load, self._index, self.allocate, helpers)

    def lines(self, nests: tuple[tuple[str, tuple[Node, ...]], ...]) -> list[str]:
        """All nests, each below the formulas that it computes."""
        lines: list[str] = []
        self.read = frozenset(name for _, nodes in nests for name in arrays_read(nodes))
        for formula, nodes in nests:
            self.tile_indices = set()
            self.locals = {}
            self.ranked = ranks.ranked_locals(nodes) if self.printer.spellings is NUMBA else {}
            lines.extend(f"# {line}" for line in formula.splitlines())
            lines.extend(self._nest_of_angles(nodes))
        return lines

    def _nest_of_angles(self, nodes: tuple[Node, ...]) -> list[str]:
        """A nest; one with functions of angles twice, behind a look at the angles."""
        if self.printer.spellings is not NUMBA:
            return self._nodes(nodes, 0)
        if not calls_angular(nodes):
            return self._turned(nodes) or self._streamed(nodes)
        look = count_far_angles(nodes)
        if look is None:
            return self._with_far_angles(nodes, 0)
        counted = self._nodes((Declare(FAR, 0), *look), 0)
        far = self._with_far_angles(nodes, 1)
        return [*counted, f"if {self._local(FAR)}:", *far, "else:", *self._nodes(nodes, 1)]

    def _streamed(self, nodes: tuple[Node, ...]) -> list[str]:
        """A nest; one that may write past the caches twice, behind a look at the sizes."""
        found = streamed_nest(nodes, self.parameters, self.read)
        if found is None:
            return self._nodes(nodes, 0)
        size, by_row = found
        self.printer.helpers.setdefault("cpu/stream")
        self.streams = True
        streamed = [*self._nodes(by_row, 1), "    _end_stream()"]
        self.streams = False
        return [f"if {size} > {LEAST_BYTES}:", *streamed, "else:", *self._nodes(nodes, 1)]

    def _turned(self, nodes: tuple[Node, ...]) -> list[str]:
        """A copy of gathered rows with the samples last; nothing if a nest is not that."""
        found = turned_rows(nodes)
        if found is None:
            return []
        names = (found.target, found.source, found.index)
        views = [view for name in names for view in self.views[name]]
        kinds = [(view.name, view.rank, view.tile_axis) for view in views]
        wanted = [(names[0], 2, 1), (names[1], 2, None), (names[2], 1, 0)]
        if kinds != wanted:
            return []
        target, source, index = (view.dtype for view in views)
        if target != source or target == "bool" or index != "int64":
            return []
        self.printer.helpers.setdefault("cpu/turn")
        return found.lines()

    def _with_far_angles(self, nodes: tuple[Node, ...], depth: int) -> list[str]:
        self.printer.spellings = NUMBA_FAR
        lines = self._nodes(nodes, depth)
        self.printer.spellings = NUMBA
        return lines

    # --- nodes -----------------------------------------------------------------------------------

    def _nodes(self, nodes: tuple[Node, ...], depth: int) -> list[str]:
        lines: list[str] = []
        for node in nodes:
            lines.extend(self._node(node, depth))
        return lines

    def _node(self, node: Node, depth: int) -> list[str]:
        pad = "    " * depth
        if isinstance(node, Loop):
            return self._loop(node, depth)
        if isinstance(node, Bind):
            return self._bind(node, depth)
        if isinstance(node, When):
            tests = [
                f"{self._subscript(g.left)} {g.relation} {self._subscript(g.right)}"
                for g in node.guards
            ]
            return [f"{pad}if {' and '.join(tests)}:", *self._nodes(node.body, depth + 1)]
        if isinstance(node, Declare):
            return [f"{pad}{self._local(node.local)} = {self._initial(node)}"]
        if isinstance(node, (FlatLoop, Segment)):
            return self._divided_loop(node, depth)
        return [pad + line for line in self._block(node)]

    def _loop(self, loop: Loop, depth: int) -> list[str]:
        pad = "    " * depth
        if loop.tile:
            self.tile_indices.add(loop.index)
        else:
            self.tile_indices.discard(loop.index)
        extent = "rows" if loop.tile else loop.extent
        start = self._limit(loop.lower, loop.tile, "0", "max")
        stop = self._limit(loop.upper, loop.tile, extent, "min")
        count = _grouped(stop) if start == "0" else f"({stop} - {_grouped(start)})"
        if loop.step > 1 or loop.start_after > 1:
            header = _unrolled_range(loop, start, stop, count)
        elif loop.reverse:
            header = f"range({stop} - 1, {start} - 1, -1)"
        elif start == "0":
            header = f"range({stop})"
        else:
            header = f"range({start}, {stop})"
        body = self._nodes(loop.body, depth + 1)
        return [f"{pad}for {loop.index} in {header}:", *body]

    def _divided_loop(self, loop: FlatLoop | Segment, depth: int) -> list[str]:
        raise CompileError("loops divided among threads are for the CUDA target")

    def _limit(self, bounds: tuple[Bound, ...], tile: bool, default: str, function: str) -> str:
        """The tightest of the bounds and the loop's own limit, which a certain bound replaces."""
        texts = [self._index(b.value) + (" - start" if tile else "") for b in bounds]
        if tile or not any(b.certain for b in bounds):
            texts.insert(0, default)
        return texts[0] if len(texts) == 1 else f"{function}({', '.join(texts)})"

    def _bind(self, node: Bind, depth: int) -> list[str]:
        pad = "    " * depth
        self.tile_indices.discard(node.index)
        lines = [f"{pad}{node.index} = {self._subscript(node.value)}"]
        if node.inside:
            return [*lines, *self._nodes(node.body, depth)]
        lines.append(f"{pad}if 0 <= {node.index} < {node.extent}:")
        return [*lines, *self._nodes(node.body, depth + 1)]

    def _initial(self, node: Declare) -> str:
        if node.local.name in self.ranked:
            self.printer.helpers.setdefault(ranks.HELPER)
            return ranks.START
        if isinstance(node.initial, float) or node.local.dtype in ("float64", "float32"):
            return number_text(node.initial, node.local.dtype)[0]
        return str(node.initial)

    def _local(self, local: Local) -> str:
        if local.name not in self.locals:
            self.locals[local.name] = self.allocate(local.name)
        return self.locals[local.name]

    # --- blocks ----------------------------------------------------------------------------------

    def _block(self, block: Block) -> list[str]:
        lines, texts = self.printer.print(
            self._with_local_names(block), (effect.value for effect in block.effects)
        )
        for effect in block.effects:
            text = texts[effect.value]
            if isinstance(effect, Store):
                several = block.operations[effect.value].name == "add"
                waits = several and self._awaits_itself(effect)
                lines.append(self._add_last(effect, text) if waits else self._store(effect, text))
            else:
                lines.extend(self._fold(effect, text))
        return lines

    def _with_local_names(self, block: Block) -> tuple[Operation, ...]:
        return tuple(
            replace(load, value=self._local_text(load)) if load.name == "local" else load
            for load in block.operations
        )

    def _local_text(self, load: Operation) -> str:
        """How the value of a local is read."""
        name = str(load.value)
        text = self.locals.get(name, name)
        kind = self.ranked.get(name)
        return ranks.value_text(text, kind, load.dtype) if kind else text

    def _target(self, target: Element | Local) -> str:
        return self._local(target) if isinstance(target, Local) else self._load(target)

    def _is_floating(self, target: Element | Local) -> bool:
        dtype = target.dtype if isinstance(target, Local) else self._view(target).dtype
        return dtype in ("float64", "float32")

    def _store(self, store: Store, text: str) -> str:
        if self.streams and isinstance(store.target, Element):
            array, _, place = self._load(store.target).rstrip("]").partition("[")
            return f"_stream({array}, ({place}), {text})"
        return f"{self._target(store.target)} {'+=' if store.add else '='} {text}"

    def _awaits_itself(self, store: Store) -> bool:
        """Whether a sum is added to what the run of an outer loop just before added to.

        A loop over the rows of a tile is long enough to be there later.
        """
        if not (store.add and isinstance(store.target, Element)):
            return False
        indices = {*indices_of(store.target)}
        short = len(indices) == 1 and not indices & self.tile_indices
        return self.printer.spellings is NUMBA and short

    def _add_last(self, store: Store, text: str) -> str:
        self.printer.helpers.setdefault("cpu/add_last")
        target = self._target(store.target)
        return f"{target} = _add_last({target}, {text})"

    def _fold(self, fold: Fold, text: str) -> list[str]:
        local = self._target(fold.local)
        if fold.kind == "prod":
            return [f"{local} *= {text}"]
        lines = []
        if not WORD.fullmatch(text):
            name = self.allocate("v")
            lines.append(f"{name} = {text}")
            text = name
        if isinstance(fold.local, Local) and fold.local.name in self.ranked:
            return [*lines, ranks.fold_text(local, fold.kind, text)]
        sign, worse = (">", "<=") if fold.kind in ("max", "argmax") else ("<", ">=")
        if fold.position is None and not self._is_floating(fold.local):
            return [*lines, f"{local} = {text} if {text} {sign} {local} else {local}"]
        if fold.position is None:
            # A NaN is taken and then kept: no comparison with it is true.
            kept = f"{text} {worse} {local} or {local} != {local}"
            return [*lines, f"{local} = {local} if {kept} else {text}"]
        if isinstance(fold.position, Element):
            return [*lines, *self._fold_position(fold, text, sign, worse)]
        position = self._target(fold.position)
        lines += [
            f"if not {text} {worse} {local} and {local} == {local}:",
            f"    {local} = {text}",
            f"    {position} = {fold.index}",
        ]
        return lines

    def _fold_position(self, fold: Fold, text: str, sign: str, worse: str) -> list[str]:
        """An extreme and its position in arrays: assigned in every run, so that loops vectorise."""
        assert fold.position is not None
        best, position = self._target(fold.local), self._target(fold.position)
        found = self.allocate("found")
        test = f"{text} {sign} {best}"
        if self._is_floating(fold.local):
            # The first NaN is taken and then kept: no comparison with it is true.
            test = f"not {text} {worse} {best} and {best} == {best}"
        return [
            f"{found} = {test}",
            f"{best} = {text} if {found} else {best}",
            f"{position} = {fold.index} if {found} else {position}",
        ]

    # --- indices ---------------------------------------------------------------------------------

    def _absolute(self, index: str) -> str:
        """The index as a number of a sample, not of a row of the tile."""
        return f"start + {index}" if index in self.tile_indices else index

    def _index(self, affine: Affine) -> str:
        return affine_text(affine, self._absolute)

    def _subscript(self, subscript: Subscript) -> str:
        if isinstance(subscript, Affine):
            return self._index(subscript)
        return self._load(subscript)

    def _load(self, element: Element) -> str:
        view = self._view(element)
        if view.by_value:
            return view.name
        if not element.subscripts:
            return f"{view.name}[0]"
        texts = []
        for position, subscript in enumerate(element.subscripts):
            if position == view.tile_axis and isinstance(subscript, Affine):
                texts.append(affine_text(subscript))
            else:
                texts.append(self._subscript(subscript))
        return f"{view.name}[{', '.join(texts)}]"

    def _view(self, element: Element) -> View:
        """The view that fits: rows of the tile if that is what is read, else the whole array."""
        views = self.views[element.array]
        for view in views:
            if view.tile_axis is None:
                continue
            subscript = element.subscripts[view.tile_axis]
            if isinstance(subscript, Affine) and subscript.single_index in self.tile_indices:
                return view
        return next((v for v in views if v.tile_axis is None), views[0])


def _unrolled_range(loop: Loop, start: str, stop: str, count: str) -> str:
    """The runs of a loop by steps, or those that such a loop left over."""
    factor = max(loop.step, loop.start_after)
    whole = count.isdigit() and int(count) % factor == 0
    left = f"{count} % {factor}"
    if loop.rest_first:
        middle = left if start == "0" else f"{start} + {left}"
    else:
        middle = stop if whole else f"{stop} - {left}"
    if loop.rest_first == (loop.step > 1):
        first, last = middle, stop
    else:
        first, last = start, middle
    if loop.step > 1:
        return f"range({first}, {last}, {loop.step})"
    return f"range({last})" if first == "0" else f"range({first}, {last})"


def _grouped(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def indices_in(nodes: tuple[Node, ...]) -> set[str]:
    """Every loop index of some nodes."""
    found: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, (Loop, Bind)):
            found.add(node.index)
        if isinstance(node, (FlatLoop, Segment)):
            found.update(axis.index for axis in node.axes)
        if isinstance(node, (Loop, FlatLoop, Segment, Bind, When)):
            stack.extend(node.body)
    return found
