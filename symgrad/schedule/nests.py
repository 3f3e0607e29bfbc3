"""Loop nests for single definitions: loop order, vector axis, guards as bounds, reductions.

Three forms: *pointwise* (every output index a loop), *dot* (a reduction innermost, summed in a
local) and *axpy* (an output axis innermost, the reduction outside it, added into the output).
"""

from __future__ import annotations

from symgrad.program.definitions import DType
from symgrad.schedule.cells import cell_nests
from symgrad.schedule.folds import accumulator_type, fold_nest
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    Operation,
    elements_of,
    indices_of,
)
from symgrad.schedule.guarding import GuardedLoops, NestContext
from symgrad.schedule.jamming import hoist_invariants, jam
from symgrad.schedule.loops import Block, Declare, Fold, Local, Loop, Node, Store
from symgrad.schedule.pieces import divide_an_axis, join_loops
from symgrad.schedule.scans import Scan, find_scan
from symgrad.schedule.terms import (
    ARITHMETIC,
    append_scaled_local,
    guard_indices,
    scaled,
    sum_of_terms,
    vector_axis,
)

__all__ = ["NestBuilder", "build_nests", "is_pointwise", "partial_type", "reuses_elements"]


LONGEST_JAMMED = 8  # operations of a body that is still worth copying four or sixteen times


def is_pointwise(definition: FrozenDefinition) -> bool:
    """Whether each element is computed by straight-line code from its own index."""
    return all(not term.axes and not term.guards for term in definition.terms)


def reuses_elements(term: FrozenTerm) -> bool:
    """Whether a sum of products reads several arrays, so that blocking its loops saves loads."""
    return _is_short_sum(term) and sum(op.name == "load" for op in term.operations) > 1


def _is_short_sum(term: FrozenTerm) -> bool:
    short = len(term.operations) <= LONGEST_JAMMED
    plain = all(op.name in ARITHMETIC for op in term.operations)
    return bool(term.axes) and term.reduction == "sum" and short and plain


def partial_type(definition: FrozenDefinition) -> DType:
    """The type in which the samples' sum is accumulated: double precision, where that is no slower.

    Contractions in single precision are twice as fast, so they keep it for short runs of rows.
    """
    sums = all(term.reduction == "sum" for term in definition.terms)
    contracts = any(reuses_elements(term) for term in definition.terms)
    wide = sums and definition.dtype == "float32" and not (contracts and definition.axes)
    return "float64" if wide else definition.dtype


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


class NestBuilder(GuardedLoops):
    def __init__(self, definition: FrozenDefinition, context: NestContext) -> None:
        super().__init__(definition, context)
        self.target = Element(
            definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes)
        )

    def build(self) -> tuple[Node, ...]:
        terms = self.definition.terms
        if len(terms) == 1 and terms[0].reduction != "sum" and terms[0].axes:
            scan = find_scan(self.definition, terms[0])
            if scan is not None:
                return self._scan_nest(scan)
            self.tile_index = self.context.tile_index(self.definition, terms[0])
            return fold_nest(self.definition, terms[0], self, self.target)
        plain = [term for term in terms if not term.axes and not term.guards]
        others = [term for term in terms if term.axes or term.guards]
        if others and all(self._is_joined(t) for t in others):
            return self._dot_nest(plain, others)
        nodes: list[Node] = []
        started = self.context.accumulate
        apart = not plain and not started and divide_an_axis(self.definition.axes, others)
        if others and not started and not apart:
            cells = cell_nests(self.definition, self.context.tile_index(self.definition, None))
            if cells is not None:
                return cells
        if plain or not (started or apart):
            self.tile_index = self.context.tile_index(self.definition, None)
            nodes.extend(self._pointwise_nest(plain, add=started))
        for term in others:
            self.tile_index = self.context.tile_index(self.definition, term)
            nodes.extend(self._term_nest(term, add=not apart))
        return join_loops(nodes) if apart else tuple(nodes)

    # --- forms ---------------------------------------------------------------------------------

    def _pointwise_nest(self, terms: list[FrozenTerm], add: bool) -> tuple[Node, ...]:
        operations, value = sum_of_terms(terms, self.definition.dtype)
        block = Block(operations, (Store(self.target, value, add),))
        return self.loops(self.definition.axes, (), (block,))

    def _is_joined(self, term: FrozenTerm) -> bool:
        """Whether a sum runs innermost, for one output element at a time."""
        if not term.axes or find_scan(self.definition, term) is not None:
            return False
        self.tile_index = self.context.tile_index(self.definition, term)
        outputs = {axis.index for axis in self.definition.axes}
        bound = {g for g in term.guards if g.relation == "=="}
        if bound and any(set(guard_indices(g)) & outputs for g in bound):
            return False
        vector = vector_axis(self.definition, term, self.tile_index)
        return vector in {axis.index for axis in term.axes}

    def _dot_nest(self, plain: list[FrozenTerm], sums: list[FrozenTerm]) -> tuple[Node, ...]:
        """target[o] = pointwise + Σ_k scale·local, the sums one after another."""
        inner: list[Node] = []
        outer = self._outer_guards(plain, sums)
        operations, value = sum_of_terms(plain, self.definition.dtype)
        chain = list(operations) if plain else []
        for number, term in enumerate(sums):
            self.tile_index = self.context.tile_index(self.definition, term)
            local = Local(f"total{number or ''}", accumulator_type(self.definition.dtype))
            inner.append(Declare(local, 0))
            block = Block(term.operations, (Store(local, len(term.operations) - 1, add=True),))
            guards = tuple(g for g in term.guards if g not in outer)
            inner.extend(self.loops(self._inner_order(term), guards, (block,)))
            chain, scaled = append_scaled_local(chain, local, term.scale)
            if number or plain:
                chain.append(Operation("add", (value, scaled), self.definition.dtype))
                value = len(chain) - 1
            else:
                value = scaled
        inner.append(Block(tuple(chain), (Store(self.target, value, self.context.accumulate),)))
        self.tile_index = self.context.tile_index(self.definition, None)
        axes = _batch_first(self.definition.axes, sums)
        nest = self.loops(axes, outer, tuple(inner))
        return jam(nest, self._dot_factors(sums), rows=4) if len(sums) == 1 else nest

    def _outer_guards(
        self, plain: list[FrozenTerm], sums: list[FrozenTerm]
    ) -> tuple[FrozenGuard, ...]:
        """Guards on outputs alone, outside of which nothing is added to an accumulator."""
        if not self.context.accumulate or plain or len(sums) != 1:
            return ()
        outputs = {axis.index for axis in self.definition.axes}
        return tuple(g for g in sums[0].guards if set(guard_indices(g)) <= outputs)

    def _dot_factors(self, sums: list[FrozenTerm]) -> list[tuple[str, int]]:
        """Up to two output loops, the innermost that leave some element of the sum unchanged."""
        (term,) = sums
        if not reuses_elements(term):
            return []
        loops = [a.index for a in self.definition.axes if _leaves_unchanged(term, a.index)]
        return [(index, 4) for index in loops[-2:]]

    def _term_nest(self, term: FrozenTerm, add: bool = True) -> tuple[Node, ...]:
        """target += term, over exactly the domain of the term."""
        scan = find_scan(self.definition, term)
        if scan is not None:
            return self._scan_nest(scan)
        operations, value = scaled(term)
        if term.axes and not term.guards and not self.definition.axes:
            return self._scalar_sum(term)
        block = Block(operations, (Store(self.target, value, add),))
        if not (self.definition.axes or term.axes):
            return self.loops((), term.guards, (block,))
        vector = vector_axis(self.definition, term, self.tile_index)
        outputs = _batch_first(self.definition.axes, [term])
        axes = [a for a in outputs if a.index != vector]
        axes += [a for a in term.axes if a.index != vector]
        axes += [a for a in (*self.definition.axes, *term.axes) if a.index == vector]
        nest = self.loops(tuple(axes), term.guards, (block,))
        if not _is_short_sum(term):
            return nest
        return hoist_invariants(jam(nest, self._axpy_factors(term, vector)))

    def _axpy_factors(self, term: FrozenTerm, vector: str) -> list[tuple[str, int]]:
        """One output loop by 4 if that saves loads, and the summed loop inside it by 4."""
        reused = self.definition.axes if reuses_elements(term) else ()
        outer = [a.index for a in reused if a.index != vector and _leaves_unchanged(term, a.index)]
        summed = [a.index for a in term.axes if a.index != vector]
        return [(index, 4) for index in outer[-1:]] + [(index, 4) for index in summed[-1:]]

    def _scalar_sum(self, term: FrozenTerm) -> tuple[Node, ...]:
        """A total over everything: summed in a local, then added to the target."""
        local = Local("total", accumulator_type(self.definition.dtype))
        block = Block(term.operations, (Store(local, len(term.operations) - 1, add=True),))
        chain, value = append_scaled_local([], local, term.scale)
        loops = self.loops(self._inner_order(term), (), (block,))
        return (Declare(local, 0), *loops, Block(tuple(chain), (Store(self.target, value, True),)))

    def _scan_nest(self, scan: Scan) -> tuple[Node, ...]:
        """target[i] += running sum or product along i."""
        local = Local("running", accumulator_type(self.definition.dtype))
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
        return self.loops(rest, (), (Declare(local, 1 if product else 0), loop))

    def _inner_order(self, term: FrozenTerm) -> tuple[FrozenAxis, ...]:
        """The summed axes, the best one for vectors innermost."""
        vector = vector_axis(self.definition, term, self.tile_index)
        rest = tuple(axis for axis in term.axes if axis.index != vector)
        return (*rest, *(axis for axis in term.axes if axis.index == vector))
