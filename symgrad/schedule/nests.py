"""Loop nests for single definitions: loop order, vector axis, guards as bounds, reductions.

Three forms: *pointwise* (every output index a loop), *dot* (a reduction innermost, summed in a
local) and *axpy* (an output axis innermost, the reduction outside it, added into the output).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from symgrad.program.definitions import DType
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    Operation,
    Subscript,
    elements_of,
    indices_of,
)
from symgrad.schedule.jamming import hoist_invariants, jam
from symgrad.schedule.loops import (
    Bind,
    Block,
    Bound,
    Declare,
    Fold,
    FoldKind,
    Local,
    Loop,
    Node,
    Store,
    When,
)
from symgrad.schedule.scans import Scan, find_scan
from symgrad.schedule.terms import (
    append_scaled_local,
    as_bound,
    guard_indices,
    guard_solution,
    is_integer,
    scaled,
    stride_cost,
    sum_of_terms,
)

__all__ = [
    "NestBuilder",
    "NestContext",
    "build_nests",
    "guard_solution",
    "is_pointwise",
    "reuses_elements",
]


# The local of a fold, the value it starts with, and what happens to it.
_FOLDS: dict[str, tuple[str, float, FoldKind]] = {
    "prod": ("product", 1.0, "prod"),
    "max": ("largest", -math.inf, "max"),
    "peak": ("largest", -math.inf, "max"),
    "min": ("smallest", math.inf, "min"),
}
LONGEST_JAMMED = 8  # operations of a body that is still worth copying four or sixteen times


@dataclass(frozen=True, slots=True)
class NestContext:
    """What a nest needs to know of its kernel.

    `sample` is the extent whose loops run over tile rows (None in a whole kernel), `accumulate`
    whether the target already holds a partial sum over earlier rows (the loop over rows is then
    a summed one, else an output's), `ranges` the extents in which index arrays lie.
    """

    sample: str | None
    accumulate: bool
    ranges: dict[str, str]

    def tile_index(self, definition: FrozenDefinition, term: FrozenTerm | None) -> str | None:
        """The loop index that counts the rows of the tile."""
        if self.sample is None:
            return None
        axes = (term.axes if term else ()) if self.accumulate else definition.axes
        return next((axis.index for axis in axes if axis.extent == self.sample), None)


def is_pointwise(definition: FrozenDefinition) -> bool:
    """Whether each element is computed by straight-line code from its own index."""
    return all(not term.axes and not term.guards for term in definition.terms)


def reuses_elements(term: FrozenTerm) -> bool:
    """Whether a sum reads several arrays, so that blocking its loops saves loads."""
    loads = [op for op in term.operations if op.name == "load"]
    short = len(term.operations) <= LONGEST_JAMMED
    return bool(term.axes) and term.reduction == "sum" and len(loads) > 1 and short


def _leaves_unchanged(term: FrozenTerm, index: str) -> bool:
    """Whether some element that the term reads is the same in every run of a loop."""
    return any(index not in indices_of(element) for element in elements_of(term))


def _batch_first(axes: tuple[FrozenAxis, ...], terms: list[FrozenTerm]) -> tuple[FrozenAxis, ...]:
    """Axes along which every element changes outermost: nothing can be reused across them."""
    if not all(reuses_elements(term) for term in terms):
        return axes
    elements = [element for term in terms for element in elements_of(term)]
    batch = [a for a in axes if all(a.index in indices_of(e) for e in elements)]
    return (*batch, *(a for a in axes if a not in batch))


def build_nests(definition: FrozenDefinition, context: NestContext) -> tuple[Node, ...]:
    """The loops that compute a definition.

    Args:
        definition: what is computed.
        context: the kernel the loops stand in.
    """
    return NestBuilder(definition, context).build()


class NestBuilder:
    def __init__(self, definition: FrozenDefinition, context: NestContext) -> None:
        self.definition = definition
        self.context = context
        self.target = Element(
            definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes)
        )
        self.tile_index = context.tile_index(definition, None)

    def build(self) -> tuple[Node, ...]:
        terms = self.definition.terms
        if len(terms) == 1 and terms[0].reduction != "sum" and terms[0].axes:
            return self._fold_nest(terms[0])
        plain = [term for term in terms if not term.axes and not term.guards]
        others = [term for term in terms if term.axes or term.guards]
        joined = [t for t in others if self._is_joined(t)]
        if joined and (len(joined) == len(others)) and not self.context.accumulate:
            return self._dot_nest(plain, joined)
        nodes: list[Node] = []
        started = self.context.accumulate
        if plain or not started:
            nodes.extend(self._pointwise_nest(plain, add=started))
        for term in others:
            self.tile_index = self.context.tile_index(self.definition, term)
            nodes.extend(self._term_nest(term))
        return tuple(nodes)

    # --- forms ---------------------------------------------------------------------------------

    def _pointwise_nest(self, terms: list[FrozenTerm], add: bool) -> tuple[Node, ...]:
        operations, value = sum_of_terms(terms, self.definition.dtype)
        block = Block(operations, (Store(self.target, value, add),))
        return self._loops(self.definition.axes, (), (block,))

    def _is_joined(self, term: FrozenTerm) -> bool:
        """Whether a sum runs innermost, for one output element at a time."""
        if not term.axes or find_scan(self.definition, term) is not None:
            return False
        outputs = {axis.index for axis in self.definition.axes}
        bound = {g for g in term.guards if g.relation == "=="}
        if bound and any(set(guard_indices(g)) & outputs for g in bound):
            return False
        return self._vector_axis(term) in {axis.index for axis in term.axes}

    def _dot_nest(self, plain: list[FrozenTerm], sums: list[FrozenTerm]) -> tuple[Node, ...]:
        """target[o] = pointwise + Σ_k scale·local, the sums one after another."""
        inner: list[Node] = []
        operations, value = sum_of_terms(plain, self.definition.dtype)
        chain = list(operations) if plain else []
        for number, term in enumerate(sums):
            local = Local(f"total{number or ''}", self._accumulator_type())
            inner.append(Declare(local, 0))
            block = Block(term.operations, (Store(local, len(term.operations) - 1, add=True),))
            inner.extend(self._loops(self._inner_order(term), term.guards, (block,)))
            chain, scaled = append_scaled_local(chain, local, term.scale)
            if number or plain:
                chain.append(Operation("add", (value, scaled), self.definition.dtype))
                value = len(chain) - 1
            else:
                value = scaled
        inner.append(Block(tuple(chain), (Store(self.target, value),)))
        axes = _batch_first(self.definition.axes, sums)
        nest = self._loops(axes, (), tuple(inner))
        return jam(nest, self._dot_factors(sums)) if len(sums) == 1 else nest

    def _dot_factors(self, sums: list[FrozenTerm]) -> list[tuple[str, int]]:
        """Up to two output loops, the innermost that leave some element of the sum unchanged."""
        (term,) = sums
        if not reuses_elements(term):
            return []
        loops = [a.index for a in self.definition.axes if _leaves_unchanged(term, a.index)]
        return [(index, 4) for index in loops[-2:]]

    def _accumulator_type(self) -> DType:
        return "float64" if self.definition.dtype == "float32" else self.definition.dtype

    def _term_nest(self, term: FrozenTerm) -> tuple[Node, ...]:
        """target += term, over exactly the domain of the term."""
        scan = find_scan(self.definition, term)
        if scan is not None:
            return self._scan_nest(scan)
        operations, value = scaled(term)
        if term.axes and not term.guards and not self.definition.axes:
            return self._scalar_sum(term)
        block = Block(operations, (Store(self.target, value, add=True),))
        vector = self._vector_axis(term)
        outputs = _batch_first(self.definition.axes, [term])
        axes = [a for a in outputs if a.index != vector]
        axes += [a for a in term.axes if a.index != vector]
        axes += [a for a in (*self.definition.axes, *term.axes) if a.index == vector]
        nest = self._loops(tuple(axes), term.guards, (block,))
        if not reuses_elements(term):
            return nest
        return hoist_invariants(jam(nest, self._axpy_factors(term, vector)))

    def _axpy_factors(self, term: FrozenTerm, vector: str) -> list[tuple[str, int]]:
        """One output loop by 4, and the summed loop inside it by 4."""
        outer = [
            a.index
            for a in self.definition.axes
            if a.index != vector and _leaves_unchanged(term, a.index)
        ]
        summed = [a.index for a in term.axes if a.index != vector]
        return [(index, 4) for index in outer[-1:]] + [(index, 4) for index in summed[-1:]]

    def _scalar_sum(self, term: FrozenTerm) -> tuple[Node, ...]:
        """A total over everything: summed in a local, then added to the target."""
        local = Local("total", self._accumulator_type())
        block = Block(term.operations, (Store(local, len(term.operations) - 1, add=True),))
        chain, value = append_scaled_local([], local, term.scale)
        loops = self._loops(self._inner_order(term), (), (block,))
        return (Declare(local, 0), *loops, Block(tuple(chain), (Store(self.target, value, True),)))

    def _scan_nest(self, scan: Scan) -> tuple[Node, ...]:
        """target[i] += running sum or product along i."""
        local = Local("running", self._accumulator_type())
        product = scan.term.reduction == "prod"
        last = len(scan.term.operations) - 1
        effect: Store | Fold = (
            Fold("prod", local, last) if product else Store(local, last, add=True)
        )
        update = Block(scan.term.operations, (effect,))
        chain, value = append_scaled_local([], local, scan.term.scale)
        write = Block(tuple(chain), (Store(self.target, value, add=not product),))
        body = (update, write) if scan.inclusive else (write, update)
        loop = Loop(scan.axis.index, scan.axis.extent, body, reverse=scan.reverse)
        rest = tuple(a for a in self.definition.axes if a != scan.axis)
        return self._loops(rest, (), (Declare(local, 1 if product else 0), loop))

    def _fold_nest(self, term: FrozenTerm) -> tuple[Node, ...]:
        """target[o] = max, min, argmax, argmin, prod or logsumexp over the term's axes."""
        kind = term.reduction
        scan = find_scan(self.definition, term)
        if scan is not None:
            return self._scan_nest(scan)
        last = len(term.operations) - 1
        number_type = term.operations[last].dtype
        if kind == "logsumexp":
            inner = self._logsumexp_nodes(term)
        elif kind in ("argmax", "argmin"):
            best = Local("best", number_type)
            position = Local("position", "int64")
            extreme = float("-inf") if kind == "argmax" else float("inf")
            fold = Fold(kind, best, last, position, term.axes[0].index)
            loops = self._loops(term.axes, term.guards, (Block(term.operations, (fold,)),))
            load = Operation("local", (), "int64", position.name)
            inner = (
                Declare(best, extreme),
                Declare(position, 0),
                *loops,
                Block((load,), (Store(self.target, 0),)),
            )
        else:
            name, start, step = _FOLDS[kind]
            local = Local(name, number_type)
            fold = Fold(step, local, last)
            loops = self._loops(term.axes, term.guards, (Block(term.operations, (fold,)),))
            result = [Operation("local", (), number_type, local.name)]
            if kind == "peak":
                result.append(Operation("finite_or_zero", (0,), number_type))
            write = Block(tuple(result), (Store(self.target, len(result) - 1),))
            inner = (Declare(local, start), *loops, write)
        return self._loops(self.definition.axes, (), inner)

    def _logsumexp_nodes(self, term: FrozenTerm) -> tuple[Node, ...]:
        """m = max b;  log Σ exp(b − m) + m, with m = 0 where it is not finite."""
        dtype = self.definition.dtype
        last = len(term.operations) - 1
        largest, total = Local("largest", dtype), Local("total", self._accumulator_type())
        find = Block(term.operations, (Fold("max", largest, last),))
        shift = Operation("local", (), dtype, largest.name)
        operations = (
            *term.operations,
            shift,
            Operation("subtract", (last, last + 1), dtype),
            Operation("exp", (last + 2,), dtype),
        )
        add = Block(operations, (Store(total, last + 3, add=True),))
        finite = Block((shift, Operation("finite_or_zero", (0,), dtype)), (Store(largest, 1),))
        result = (
            Operation("local", (), dtype, total.name),
            Operation("log", (0,), dtype),
            shift,
            Operation("add", (1, 2), dtype),
        )
        return (
            Declare(largest, float("-inf")),
            *self._loops(term.axes, term.guards, (find,)),
            finite,
            Declare(total, 0),
            *self._loops(term.axes, term.guards, (add,)),
            Block(result, (Store(self.target, 3),)),
        )

    # --- loops and guards ------------------------------------------------------------------------

    def _inner_order(self, term: FrozenTerm) -> tuple[FrozenAxis, ...]:
        """The summed axes, the best one for vectors innermost."""
        vector = self._vector_axis(term)
        rest = tuple(axis for axis in term.axes if axis.index != vector)
        return (*rest, *(axis for axis in term.axes if axis.index == vector))

    def _vector_axis(self, term: FrozenTerm) -> str:
        """The loop with the least total stride: 0 for invariant, 1 contiguous, 8 strided."""
        reduced = {axis.index for axis in term.axes}
        candidates = [axis.index for axis in (*self.definition.axes, *term.axes)]
        accessed = [*elements_of(term), self.target]

        def cost(index: str) -> float:
            total = sum(stride_cost(element, index) for element in accessed)
            return total + 0.5 * (index in reduced) - 0.25 * (index == self.tile_index)

        return min(candidates, key=cost)

    def _loops(
        self,
        axes: tuple[FrozenAxis, ...],
        guards: tuple[FrozenGuard, ...],
        body: tuple[Node, ...],
    ) -> tuple[Node, ...]:
        """Loops over `axes`, outermost first, restricted by `guards`."""
        bound = self._find_bound_indices(axes, guards)
        order = [axis for axis in axes if axis.index not in bound]
        pending = list(guards)
        layers: list[Node] = []
        known = {axis.index for axis in self.definition.axes} - {a.index for a in axes}
        waiting = dict(bound)
        self._place_binds(waiting, known, axes, layers, pending)
        for axis in order:
            later = {a.index for a in order[order.index(axis) + 1 :]} | set(waiting)
            loop, pending = self._restricted_loop(axis, pending, later)
            layers.append(loop)
            known.add(axis.index)
            self._place_binds(waiting, known, axes, layers, pending)
            ready = [g for g in pending if set(guard_indices(g)) <= known]
            if ready:
                layers.append(When(tuple(ready), ()))
                pending = [g for g in pending if g not in ready]
        if pending:
            layers.append(When(tuple(pending), ()))
        result = body
        for layer in reversed(layers):
            result = (replace(layer, body=result),)  # type: ignore[arg-type]
        return result

    def _place_binds(
        self,
        waiting: dict[str, tuple[Subscript, FrozenGuard]],
        known: set[str],
        axes: tuple[FrozenAxis, ...],
        layers: list[Node],
        pending: list[FrozenGuard],
    ) -> None:
        """Bind every index whose value is known by now."""
        extents = {axis.index: axis.extent for axis in axes}
        for index, (value, guard) in list(waiting.items()):
            if not set(indices_of(value)) <= known:
                continue
            inside = self._is_inside(value, extents[index], axes)
            layers.append(Bind(index, value, extents[index], inside, ()))
            known.add(index)
            pending.remove(guard)
            del waiting[index]

    def _is_inside(self, value: Subscript, extent: str, axes: tuple[FrozenAxis, ...]) -> bool:
        if isinstance(value, Element):
            return self.context.ranges.get(value.array) == extent
        single = value.single_index
        everywhere = (*self.definition.axes, *axes)
        return any(a.index == single and a.extent == extent for a in everywhere)

    def _find_bound_indices(
        self, axes: tuple[FrozenAxis, ...], guards: tuple[FrozenGuard, ...]
    ) -> dict[str, tuple[Subscript, FrozenGuard]]:
        """Indices that an equality fixes, with their values: these get no loop."""
        bound: dict[str, tuple[Subscript, FrozenGuard]] = {}
        outputs = [axis.index for axis in self.definition.axes]
        candidates = [a.index for a in reversed(axes) if a.index in outputs]
        candidates += [a.index for a in axes if a.index not in outputs]
        candidates.sort(key=lambda index: index == self.tile_index)
        for guard in guards:
            if guard.relation != "==":
                continue
            for index in candidates:
                value = guard_solution(guard, index)
                if value is None or index in bound:
                    continue
                if any(i in bound or i == index for i in indices_of(value)):
                    continue
                if any(index in indices_of(v) for v, _ in bound.values()):
                    continue
                bound[index] = (value, guard)
                break
        return bound

    def _is_certain(self, limit: Affine, axis: FrozenAxis, low: float, high: float) -> bool:
        """Whether a limit k + c lies in the loop's range since k is an index of the same extent."""
        if len(limit.terms) != 1 or limit.terms[0][1] != 1 or not is_integer(limit.rest):
            return False
        axes = [*self.definition.axes, *(a for t in self.definition.terms for a in t.axes)]
        same = any(a.index == limit.terms[0][0] and a.extent == axis.extent for a in axes)
        return same and low <= int(limit.rest) <= high

    def _restricted_loop(
        self, axis: FrozenAxis, guards: list[FrozenGuard], later: set[str]
    ) -> tuple[Loop, list[FrozenGuard]]:
        """The loop with the guards that it can take as bounds, and the guards it cannot."""
        lower: list[Bound] = []
        upper: list[Bound] = []
        pending = []
        for guard in guards:
            limit = None
            if not set(guard_indices(guard)) & later:
                limit = as_bound(guard, axis.index)
            if limit is None:
                pending.append(guard)
            elif limit[0] == "lower":
                lower.append(Bound(limit[1], self._is_certain(limit[1], axis, 0, math.inf)))
            else:
                upper.append(Bound(limit[1], self._is_certain(limit[1], axis, -math.inf, 1)))
        tile = axis.index == self.tile_index
        return Loop(axis.index, axis.extent, (), tuple(lower), tuple(upper), tile), pending
