"""The NumPy target: one array statement for each definition, no compilation."""

from __future__ import annotations

from symgrad.codegen.blocks import BlockPrinter, NameAllocator, affine_text
from symgrad.codegen.host import (
    PrintedProgram,
    check_lines,
    extent_checks,
    ranks_of,
    reshape_line,
    shape_text,
)
from symgrad.codegen.linear_algebra import matrix_line
from symgrad.codegen.signatures import RESERVED
from symgrad.codegen.spelling import NUMPY
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenIndexCheck,
    FrozenMatrixOperation,
    FrozenProgram,
    FrozenReshape,
    FrozenTerm,
    Subscript,
)
from symgrad.schedule.plan import CheckIndex, ReshapeArray
from symgrad.schedule.scans import Scan, find_scan

__all__ = ["print_numpy"]

_FILL = {
    "sum": "0",
    "prod": "1",
    "norm": "0",
    "max": "-np.inf",
    "argmax": "-np.inf",
    "logsumexp": "-np.inf",
    "peak": "-np.inf",
}
_HELPED = ("logsumexp", "norm", "peak")  # reductions that NumPy has no function for


def print_numpy(program: FrozenProgram, helpers: dict[str, None]) -> PrintedProgram:
    """The program as NumPy statements; names of helper functions are added to `helpers`."""
    return PrintedProgram((), tuple(_NumpyPrinter(program, helpers).run()))


class _NumpyPrinter:
    def __init__(self, program: FrozenProgram, helpers: dict[str, None]) -> None:
        self.program = program
        self.helpers = helpers
        self.shapes = {a.name: a.shape for a in (*program.arguments, *program.constants)}
        self.shapes.update((s.name, s.shape) for s in program.statements)
        self.by_value = {a.name for a in program.arguments if not a.shape}
        taken = {*RESERVED, *program.sizes, *self.shapes}
        self.allocate = NameAllocator(taken)
        self.lines: list[str] = []
        self.order: list[str] = []
        self.extents: dict[str, str] = {}
        self.guarded = False

    def run(self) -> list[str]:
        self.lines.extend(extent_checks(self.program))
        for statement in self.program.statements:
            if isinstance(statement, FrozenReshape):
                self.lines.append(reshape_line(self.program, ReshapeArray(statement)))
            elif isinstance(statement, FrozenIndexCheck):
                self.lines.append(check_lines(self.program, CheckIndex(statement)))
            elif isinstance(statement, FrozenMatrixOperation):
                name, ranks = self.program.name, ranks_of(self.program)
                self.lines.append(f"# {statement.formula}")
                self.lines.append(matrix_line(statement, name, ranks, self.helpers))
            else:
                self._definition(statement)
        return self.lines

    def _definition(self, definition: FrozenDefinition) -> None:
        self.lines.append(f"# {definition.formula}")
        shape = shape_text(definition.shape)
        dtype = "bool_" if definition.dtype == "bool" else definition.dtype
        texts = [self._term(definition, term) for term in definition.terms] or ["0.0"]
        first = f"{definition.name} = _filled({texts[0]}, {shape}, np.{dtype})"
        self.lines.append(first)
        for text in texts[1:]:
            self.lines.append(f"{definition.name} += {text}")

    # --- terms -----------------------------------------------------------------------------------

    def _term(self, definition: FrozenDefinition, term: FrozenTerm) -> str:
        contraction = self._contraction(definition, term)
        if contraction is not None:
            return self._times_scale(contraction, term)
        scan = find_scan(definition, term) if term.reduction == "prod" else None
        if scan is not None:
            return self._running_product(definition, scan)
        axes = (*definition.axes, *term.axes)
        self.order = [axis.index for axis in axes]
        self.extents = {axis.index: axis.extent for axis in axes}
        self.guarded = bool(term.guards)
        printer = BlockPrinter(NUMPY, self._load, self._grid, self.allocate, self.helpers)
        last = len(term.operations) - 1
        lines, texts = printer.print(term.operations, [last])
        self.lines.extend(lines)
        text = texts[last]
        if term.guards:
            text = f"np.where({self._domain(term)}, {text}, {self._outside(term)})"
        if not term.axes:
            return text
        return self._times_scale(self._reduce(axes, definition, term, text), term)

    def _running_product(self, definition: FrozenDefinition, scan: Scan) -> str:
        """y[i] = Π_{k ≤ i} f(k) and its like: one pass instead of all pairs."""
        self.order = [axis.index for axis in definition.axes]
        self.extents = {axis.index: axis.extent for axis in definition.axes}
        self.guarded = False
        printer = BlockPrinter(NUMPY, self._load, self._grid, self.allocate, self.helpers)
        last = len(scan.term.operations) - 1
        lines, texts = printer.print(scan.term.operations, [last])
        self.lines.extend(lines)
        self.helpers.setdefault("running_product")
        values = f"np.broadcast_to({texts[last]}, {shape_text(definition.shape)})"
        axis = definition.axes.index(scan.axis)
        return f"_running_product({values}, {axis}, {scan.inclusive}, {scan.reverse})"

    def _outside(self, term: FrozenTerm) -> str:
        return _FILL.get(term.reduction, "np.inf") if term.axes else "0"

    def _domain(self, term: FrozenTerm) -> str:
        tests = [
            f"({self._subscript(g.left)} {g.relation} {self._subscript(g.right)})"
            for g in term.guards
        ]
        return " & ".join(tests)

    def _reduce(
        self,
        axes: tuple[FrozenAxis, ...],
        definition: FrozenDefinition,
        term: FrozenTerm,
        text: str,
    ) -> str:
        shape = shape_text(axis.extent for axis in axes)
        positions = tuple(range(len(definition.axes), len(axes)))
        axis = str(positions[0]) if len(positions) == 1 else str(positions)
        name = f"np.{term.reduction}"
        if term.reduction in _HELPED:
            name = f"_{term.reduction}"
            self.helpers.setdefault(term.reduction)
        return f"{name}(np.broadcast_to({text}, {shape}), axis={axis})"

    def _times_scale(self, text: str, term: FrozenTerm) -> str:
        if not term.scale:
            return text
        printer = BlockPrinter(NUMPY, self._load, self._grid, self.allocate, self.helpers)
        last = len(term.scale) - 1
        lines, texts = printer.print(term.scale, [last])
        self.lines.extend(lines)
        return f"{text} * ({texts[last]})"

    def _contraction(self, definition: FrozenDefinition, term: FrozenTerm) -> str | None:
        """`np.einsum(…)` if the body is a product of plain elements."""
        if term.guards or not term.axes or term.reduction != "sum":
            return None
        extents = {axis.index: axis.extent for axis in (*definition.axes, *term.axes)}
        letters = {
            axis.index: chr(ord("a") + position)
            for position, axis in enumerate((*definition.axes, *term.axes))
        }
        names, subscripts = [], []
        for operation in term.operations:
            if operation.name == "multiply":
                continue
            if operation.name != "load" or not isinstance(operation.value, Element):
                return None
            element = operation.value
            singles = [
                s.single_index if isinstance(s, Affine) else None for s in element.subscripts
            ]
            if None in singles or not singles:
                return None
            wanted = tuple(extents[str(single)] for single in singles)
            if self.shapes[element.array] != wanted:
                return None
            names.append(element.array)
            subscripts.append("".join(letters[str(single)] for single in singles))
        operands = sum(op.name == "load" for op in term.operations)
        products = sum(op.name == "multiply" for op in term.operations)
        covered = set("".join(subscripts))
        if operands < 2 or products != operands - 1 or covered != set(letters.values()):
            return None
        target = "".join(letters[axis.index] for axis in definition.axes)
        return f'np.einsum("{",".join(subscripts)}->{target}", {", ".join(names)})'

    # --- elements --------------------------------------------------------------------------------

    def _grid(self, affine: Affine) -> str:
        """An affine form on the grid of loop indices."""
        return affine_text(affine, self._arange)

    def _arange(self, index: str) -> str:
        text = f"np.arange({self.extents[index]})"
        position = self.order.index(index)
        after = len(self.order) - position - 1
        return f"{text}[:{', None' * after}]" if after else text

    def _subscript(self, subscript: Subscript) -> str:
        return self._grid(subscript) if isinstance(subscript, Affine) else self._load(subscript)

    def _load(self, element: Element) -> str:
        if element.array in self.by_value:
            return element.array
        if not element.subscripts:
            return f"{element.array}[0]"
        singles = [s.single_index if isinstance(s, Affine) else None for s in element.subscripts]
        plain = [s for s in singles if s is not None]
        wanted = tuple(self.extents[index] for index in plain)
        fits = self.shapes[element.array] == wanted or not self.guarded
        if len(plain) == len(singles) and len(set(plain)) == len(plain) and fits:
            return self._aligned(element.array, plain)
        inner = ", ".join(self._subscript(s) for s in element.subscripts)
        return f"_gather({element.array}, {inner})"

    def _aligned(self, array: str, indices: list[str]) -> str:
        """A whole array, its axes moved to where the loops have them."""
        ordered = sorted(indices, key=self.order.index)
        text = array
        wanted = [self.extents[index] for index in indices]
        if list(self.shapes[array]) != wanted:
            parts = zip(self.shapes[array], wanted, strict=True)
            cuts = [":" if have == want else f":{want}" for have, want in parts]
            text = f"{array}[{', '.join(cuts)}]"
        if ordered != indices:
            permutation = ", ".join(str(indices.index(index)) for index in ordered)
            text = f"{text}.transpose({permutation})"
        first = self.order.index(ordered[0])
        slots = [":" if index in ordered else "None" for index in self.order[first:]]
        return text if "None" not in slots else f"{text}[{', '.join(slots)}]"
