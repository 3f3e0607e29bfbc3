"""Loops over axes, with the guards of a term as their bounds or as conditions inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenIndexCheck,
    FrozenTerm,
    Subscript,
    indices_of,
)
from symgrad.schedule.loops import Bind, Bound, Loop, Node, When
from symgrad.schedule.terms import as_bound, guard_indices, guard_solution

__all__ = ["GuardedLoops", "NestContext"]


@dataclass(frozen=True, slots=True)
class NestContext:
    """What a nest needs to know of its kernel.

    `sample` is the extent whose loops run over tile rows (None in a whole kernel), `accumulate`
    whether the target already holds a partial sum over earlier rows (the loop over rows is then
    a summed one, else an output's), `ranges` the extents in which index arrays lie, `segments`
    index arrays whose positions are listed by value.
    """

    sample: str | None
    accumulate: bool
    ranges: dict[str, str]
    segments: Mapping[str, FrozenIndexCheck] = field(default_factory=dict)

    def tile_index(self, definition: FrozenDefinition, term: FrozenTerm | None) -> str | None:
        """The loop index that counts the rows of the tile."""
        if self.sample is None:
            return None
        axes = (term.axes if term else ()) if self.accumulate else definition.axes
        return next((axis.index for axis in axes if axis.extent == self.sample), None)


class GuardedLoops:
    """Makes the loops of one definition in its kernel."""

    def __init__(self, definition: FrozenDefinition, context: NestContext) -> None:
        self.definition = definition
        self.context = context
        self.tile_index = context.tile_index(definition, None)

    def loops(
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

    def _is_certain(self, limit: Affine, axis: FrozenAxis) -> bool:
        """Whether a limit is in [0, extent]: k or k + 1, and k is an index of the same extent."""
        if len(limit.terms) != 1 or limit.terms[0][1] != 1:
            return False
        axes = [*self.definition.axes, *(a for t in self.definition.terms for a in t.axes)]
        same = any(a.index == limit.terms[0][0] and a.extent == axis.extent for a in axes)
        return same and limit.rest in ("0", "1")

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
                lower.append(Bound(limit[1], self._is_certain(limit[1], axis)))
            else:
                upper.append(Bound(limit[1], self._is_certain(limit[1], axis)))
        tile = axis.index == self.tile_index
        return Loop(axis.index, axis.extent, (), tuple(lower), tuple(upper), tile), pending
