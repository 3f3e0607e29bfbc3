"""The statements of a rule: the NumPy target, with what eager evaluation needs beyond it.

A rule runs once per recorded operation, often on a handful of numbers, so its text avoids copies
(`_filled` returns a value that has its shape and type already), sends contractions to BLAS, and
adds scattered values by their positions instead of comparing every pair of indices.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.codegen.blocks import BlockPrinter
from symgrad.codegen.host import shape_text
from symgrad.codegen.numpy_target import _NumpyPrinter
from symgrad.codegen.spelling import NUMPY
from symgrad.schedule.frozen import (
    Affine,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenProgram,
    FrozenTerm,
    Subscript,
    elements_of,
    indices_of,
)

__all__ = ["print_rule"]


def print_rule(program: FrozenProgram, helpers: dict[str, None]) -> list[str]:
    """The body of a rule as lines; names of helper functions are added to `helpers`."""
    return _RulePrinter(program, helpers).run()


class _RulePrinter(_NumpyPrinter):
    """Array statements whose results may share memory with the arguments."""

    def _definition(self, definition: FrozenDefinition) -> None:
        self.lines.append(f"# {definition.formula}")
        dtype = "bool_" if definition.dtype == "bool" else definition.dtype
        shape = shape_text(definition.shape)
        texts = [self._term(definition, term) for term in definition.terms] or ["0.0"]
        make = "_filled" if len(texts) == 1 else "_fresh"
        self.lines.append(f"{definition.name} = {make}({texts[0]}, {shape}, np.{dtype})")
        for text in texts[1:]:
            self.lines.append(f"{definition.name} += {text}")

    def _term(self, definition: FrozenDefinition, term: FrozenTerm) -> str:
        for attempt in (self._scatter, self._running_sum):
            text = attempt(definition, term)
            if text is not None:
                return self._times_scale(text, term)
        return super()._term(definition, term)

    def _body(self, axes: Sequence[FrozenAxis], term: FrozenTerm, guards: bool) -> str:
        """The body on a grid of the given axes."""
        self.order = [axis.index for axis in axes]
        self.extents = {axis.index: axis.extent for axis in axes}
        self.guarded = guards
        printer = BlockPrinter(NUMPY, self._load, self._grid, self.allocate, self.helpers)
        last = len(term.operations) - 1
        lines, texts = printer.print(term.operations, [last])
        self.lines.extend(lines)
        return texts[last]

    # --- sums over the places that an index array names --------------------------------------

    def _scatter(self, definition: FrozenDefinition, term: FrozenTerm) -> str | None:
        """y[m] = Σ_{k, m = index[k]} x[k] as additions at the positions index[k]."""
        if term.reduction != "sum" or not term.axes:
            return None
        pinned, others = _pins(definition, term)
        if not pinned or not _is_free_of(term, others, set(pinned)):
            return None
        free = [axis for axis in definition.axes if axis.index not in pinned]
        axes = (*free, *term.axes)
        text = self._body(axes, term, bool(others))
        if others:
            tests = " & ".join(
                f"({self._subscript(g.left)} {g.relation} {self._subscript(g.right)})"
                for g in others
            )
            text = f"np.where({tests}, {text}, 0)"
        places = ", ".join(
            self._subscript(pinned[a.index]) if a.index in pinned else self._arange(a.index)
            for a in definition.axes
        )
        over = shape_text(axis.extent for axis in axes)
        return f"_scattered(({places},), {text}, {over}, {shape_text(definition.shape)})"

    # --- cumulative sums -----------------------------------------------------------------------

    def _running_sum(self, definition: FrozenDefinition, term: FrozenTerm) -> str | None:
        """y[i] = Σ_{k ≤ i} x[k], or the sum over k ≥ i: one pass instead of all pairs."""
        if term.reduction != "sum" or len(term.axes) != 1 or len(term.guards) != 1:
            return None
        guard, inner = term.guards[0], term.axes[0]
        if guard.relation != "<=":
            return None
        left, right = (
            side.single_index if isinstance(side, Affine) else None
            for side in (guard.left, guard.right)
        )
        backwards = right == inner.index
        outer = left if backwards else right
        matching = [a for a in definition.axes if a.index == outer and a.extent == inner.extent]
        if not matching or inner.index not in (left, right) or outer == inner.index:
            return None
        if not _is_free_of(term, (), {str(outer)}):
            return None
        position = definition.axes.index(matching[0])
        axes = [inner if a is matching[0] else a for a in definition.axes]
        text = self._body(axes, term, False)
        return f"_running({text}, {shape_text(a.extent for a in axes)}, {position}, {backwards})"

    # --- contractions --------------------------------------------------------------------------

    def _reduce(
        self,
        axes: tuple[FrozenAxis, ...],
        definition: FrozenDefinition,
        term: FrozenTerm,
        text: str,
    ) -> str:
        if term.reduction != "sum":
            return super()._reduce(axes, definition, term, text)
        positions = tuple(range(len(definition.axes), len(axes)))
        return f"_total({text}, {shape_text(a.extent for a in axes)}, {positions})"

    def _contraction(self, definition: FrozenDefinition, term: FrozenTerm) -> str | None:
        text = super()._contraction(definition, term)
        if text is None or not text.startswith('np.einsum("'):
            return text
        spec, _, names = text.removeprefix('np.einsum("').removesuffix(")").partition('", ')
        product = _as_matrix_product(spec, names.split(", "))
        return product or text.removesuffix(")") + ', optimize="greedy")'


def _pins(
    definition: FrozenDefinition, term: FrozenTerm
) -> tuple[dict[str, Subscript], list[FrozenGuard]]:
    """Axes whose position is given by the loops of the term, and the guards that are left."""
    own = {axis.index for axis in definition.axes}
    pinned: dict[str, Subscript] = {}
    others: list[FrozenGuard] = []
    for guard in term.guards:
        for side, place in ((guard.left, guard.right), (guard.right, guard.left)):
            index = side.single_index if isinstance(side, Affine) else None
            usable = index in own and index not in pinned and not own & set(indices_of(place))
            if guard.relation == "==" and index is not None and usable:
                pinned[index] = place
                break
        else:
            others.append(guard)
    return pinned, others


def _is_free_of(term: FrozenTerm, guards: Sequence[FrozenGuard], indices: set[str]) -> bool:
    """Whether the body and these guards do not read the given indices."""
    found: set[str] = set()
    for operation in term.operations:
        if isinstance(operation.value, Affine):
            found.update(indices_of(operation.value))
    loads = {op.value for op in term.operations if op.name == "load"}
    for element in elements_of(term):
        if element in loads:
            found.update(indices_of(element))
    for guard in guards:
        found.update(indices_of(guard.left))
        found.update(indices_of(guard.right))
    return not found & indices


def _as_matrix_product(spec: str, names: Sequence[str]) -> str | None:
    """`a.T @ b` for a contraction of two arrays with at most one axis of each kind.

    The kinds of axes: in both and in the result (a batch), summed, of one operand alone.
    """
    inputs, _, output = spec.partition("->")
    operands = inputs.split(",")
    if len(operands) != 2 or any(len(set(o)) < len(o) for o in operands):
        return None
    left, right = operands
    if _comes_first(right, left, output):  # (b @ a) lies in memory as the result is read
        left, right, names = right, left, (names[1], names[0])
    batch = [k for k in left if k in right and k in output]
    summed = [k for k in left if k in right and k not in output]
    rows = [k for k in left if k not in right]
    columns = [k for k in right if k not in left]
    if len(summed) != 1 or any(k not in output for k in (*rows, *columns)):
        return None
    if len(batch) > 1 or len(rows) > 1 or len(columns) > 1:
        return None
    if batch and not (rows and columns):
        return None
    first = _permuted(names[0], left, [*batch, *rows, *summed])
    second = _permuted(names[1], right, [*batch, *summed, *columns])
    return _permuted(f"({first} @ {second})", "".join([*batch, *rows, *columns]), list(output))


def _comes_first(one: str, other: str, output: str) -> bool:
    """Whether an axis of `one` alone stands in the result before those of `other` alone."""
    free = [k for k in output if (k in one) != (k in other)]
    return bool(free) and free[0] in one


def _permuted(name: str, letters: str, wanted: list[str]) -> str:
    if list(letters) == wanted:
        return name
    if len(letters) == 2:
        return f"{name}.T"
    return f"{name}.transpose({', '.join(str(letters.index(k)) for k in wanted)})"
