"""Loop fusion: definitions whose loops are the same share one nest, their values in registers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from symgrad.schedule.folds import extreme_nest, finds_position_of
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenTerm,
    Operation,
    elements_of,
    rename_subscript,
)
from symgrad.schedule.functions import Key, cut_functions, function_operands
from symgrad.schedule.guarding import GuardedLoops, NestContext
from symgrad.schedule.jamming import jam
from symgrad.schedule.loops import Block, Declare, Fold, Local, Loop, Node, Store
from symgrad.schedule.nests import build_nests, is_pointwise, reuses_elements
from symgrad.schedule.pool import OperationPool
from symgrad.schedule.running import is_running_extreme, readers_of, running_nest
from symgrad.schedule.terms import stride_cost, vector_axis

__all__ = [
    "FusedNest",
    "Group",
    "cut",
    "formulas",
    "fuse",
    "group_nests",
    "join_sums",
    "pair_positions",
    "simple_loops",
]

# The loops of a definition that can share a nest, given whether it accumulates, and the sample.
LoopsOf = Callable[[FrozenDefinition, bool, str | None], tuple[FrozenAxis, ...] | None]

LONGEST_GROUP = 48  # definitions in one loop body; more spill registers and compile slowly
MOST_FUNCTIONS = 1  # operands of functions in one loop body over a tile, see `functions`


@dataclass(slots=True)
class Group:
    """Definitions computed in one nest.

    `loops` is None for one that keeps loops of its own, or for extremes and their positions; these
    may be extremes of `sums` that are computed in the same nest.
    """

    loops: tuple[FrozenAxis, ...] | None
    members: list[tuple[FrozenDefinition, bool]]
    functions: frozenset[Key] = frozenset()
    sums: FrozenDefinition | None = None

    def names(self) -> set[str]:
        return {definition.name for definition, _ in self.members}

    def computed(self) -> list[FrozenDefinition]:
        """All that the nest computes, in order."""
        found = [definition for definition, _ in self.members]
        return found if self.sums is None else [self.sums, *found]


def formulas(group: Group) -> str:
    """What a group computes, a line for each definition."""
    return "\n".join(definition.formula for definition in group.computed())


def simple_loops(
    definition: FrozenDefinition, accumulates: bool, sample: str | None
) -> tuple[FrozenAxis, ...] | None:
    """The loops of a definition that is straight-line code in each of their runs.

    A sum of products of arrays keeps loops of its own: there its elements can be reused.
    """
    if not accumulates:
        return definition.axes if is_pointwise(definition) else None
    axes = {term.axes for term in definition.terms}
    if len(axes) != 1 or any(t.guards or t.reduction != "sum" for t in definition.terms):
        return None
    if definition.axes and any(reuses_elements(term) for term in definition.terms):
        return None
    (summed,) = axes
    if len(summed) != 1 or summed[0].extent != sample:
        return None
    (row,) = summed
    vectors = {vector_axis(definition, term, row.index) for term in definition.terms}
    return (*definition.axes, row) if vectors == {row.index} else (row, *definition.axes)


def fuse(
    definitions: list[tuple[FrozenDefinition, bool]],
    sample: str | None,
    loops_of: LoopsOf = simple_loops,
    most_functions: int | None = None,
) -> list[Group]:
    """Definitions of one kernel in groups; the flag says which accumulate over the samples.

    A definition joins the earliest group with its loops after which nothing it reads is computed,
    unless the group would then call functions of more than `most_functions` operands.
    """
    groups: list[Group] = []
    for definition, accumulates in definitions:
        loops = loops_of(definition, accumulates, sample)
        if loops is not None:
            operands = function_operands(definition, loops)
            host = _find_host(groups, definition, loops, operands, most_functions)
            if host is not None:
                host.members.append((definition, accumulates))
                host.functions |= operands
                continue
            groups.append(Group(loops, [(definition, accumulates)], operands))
        else:
            groups.append(Group(None, [(definition, accumulates)]))
    return groups


def cut(
    definition: FrozenDefinition, accumulates: bool, sample: str, taken: set[str]
) -> tuple[FrozenDefinition, ...]:
    """Straight-line code over samples as definitions with few functions; the given one is last."""
    loops = simple_loops(definition, accumulates, sample)
    if loops is None or len(function_operands(definition, loops)) <= MOST_FUNCTIONS:
        return (definition,)
    return cut_functions(definition, loops, taken)


def _find_host(
    groups: list[Group],
    definition: FrozenDefinition,
    loops: tuple[FrozenAxis, ...],
    operands: frozenset[Key],
    most_functions: int | None,
) -> Group | None:
    reads = {element.array for term in definition.terms for element in elements_of(term)}
    hosts: list[Group] = []
    for group in reversed(groups):
        if group.loops is not None and len(group.members) < LONGEST_GROUP:
            same = tuple(a.extent for a in group.loops) == tuple(a.extent for a in loops)
            full = (
                most_functions is not None
                and operands
                and (len(group.functions | operands) > most_functions)
            )
            if same and not full and _reads_in_step(group, definition, loops):
                hosts.append(group)
        if reads & group.names():
            break
    # Functions of one operand share most of their work.
    sharing = (group for group in hosts if operands & group.functions)
    return next(sharing, hosts[0] if hosts else None)


def _reads_in_step(
    group: Group, definition: FrozenDefinition, loops: tuple[FrozenAxis, ...]
) -> bool:
    """Whether what is read from the group is what the same run of the loops has just computed."""
    indices = tuple(axis.index for axis in loops)
    computed = {d.name: accumulates for d, accumulates in group.members}
    for term in definition.terms:
        for element in elements_of(term):
            if element.array not in computed:
                continue
            own = tuple(
                s.single_index if isinstance(s, Affine) else None for s in element.subscripts
            )
            if computed[element.array] or own != indices:
                return False
    return True


def group_nests(group: Group, context: NestContext, kept: frozenset[str]) -> tuple[Node, ...]:
    """The loops of a group; values not in `kept` stay in registers."""
    if group.sums is not None:
        return running_nest(group.sums, [d for d, _ in group.members], context)
    if group.loops is None:
        definition, accumulates = group.members[0]
        if len(group.members) > 1:
            ((position, _),) = group.members[1:]
            return extreme_nest(definition, position, GuardedLoops(position, context))
        return build_nests(definition, replace(context, accumulate=accumulates))
    return FusedNest(group, group.loops, context, kept).build()


def pair_positions(groups: list[Group], context: NestContext) -> list[Group]:
    """Groups of maxima or minima joined by that of their positions, which one loop can find too."""
    result: list[Group] = []
    for group in groups:
        definition, accumulates = group.members[0]
        row = context.tile_index(definition, None)
        host = next(
            (
                other
                for other in result
                if other.loops is None
                and not (accumulates or other.members[0][1])
                and len(other.members) == 1
                and finds_position_of(definition, other.members[0][0], row)
            ),
            None,
        )
        if host is None or group.loops is not None:
            result.append(group)
        else:
            host.members.append(group.members[0])
    return result


def join_sums(groups: list[Group], stored: Collection[str], context: NestContext) -> list[Group]:
    """Groups of extremes joined by the sums that nothing else reads; `stored` are results."""
    readers = readers_of(definition for group in groups for definition, _ in group.members)
    alone = {
        group.members[0][0].name: group
        for group in groups
        if group.loops is None and len(group.members) == 1 and not group.members[0][1]
    }
    gone: set[str] = set()
    for group in groups:
        extreme, accumulates = group.members[0]
        if group.loops is not None or accumulates:
            continue
        for name in (n for n in alone if n not in stored and n != extreme.name):
            ((sums, _),) = alone[name].members
            own = readers[name] == group.names() if name in readers else False
            if own and is_running_extreme(sums, extreme, context):
                group.sums = sums
                gone.add(name)
    return [g for g in groups if not (g.loops is None and g.members[0][0].name in gone)]


class FusedNest:
    """One loop nest whose body computes every member of a group."""

    def __init__(
        self,
        group: Group,
        loops: tuple[FrozenAxis, ...],
        context: NestContext,
        kept: frozenset[str],
        loops_of: LoopsOf = simple_loops,
    ) -> None:
        self.group = group
        self.loops_of = loops_of
        self.loops = loops
        self.context = context
        self.kept = kept
        self.pool = OperationPool()
        self.values: dict[str, int] = {}
        self.effects: list[Store | Fold] = []
        self.before: list[Node] = []
        self.after: list[Node] = []

    def body(self) -> Block:
        """What one run of the loops computes; `before` and `after` stand around the loops."""
        for definition, accumulates in self.group.members:
            self._add(definition, accumulates)
        return Block(tuple(self.pool.operations), tuple(self.effects))

    def build(self) -> tuple[Node, ...]:
        body: tuple[Node, ...] = (self.body(),)
        row = next((k for k, a in enumerate(self.loops) if a.extent == self.context.sample), None)
        for position in reversed(range(len(self.loops))):
            axis = self.loops[position]
            tile = position == row and self.context.sample is not None
            body = (Loop(axis.index, axis.extent, body, tile=tile),)
            if position == len(self.loops) - 1:
                body = (*self.before, *body, *self.after)
        return jam(body, [(index, 4) for index in self._copied_across()])

    def _copied_across(self) -> list[str]:
        """The outer loop along which transposed copies read neighbours, if that is all there is.

        Four rows of a copy at a time use four neighbours of each line of memory that is read.
        """
        loads = [o.value for o in self.pool.operations if isinstance(o.value, Element)]
        if not loads or len(loads) < len(self.pool.operations) or len(self.loops) < 2:
            return []
        *outer, inner = (axis.index for axis in self.loops)
        if self.before or any(stride_cost(element, inner) <= 1 for element in loads):
            return []
        return [i for i in outer if all(stride_cost(element, i) == 1 for element in loads)]

    def _add(self, definition: FrozenDefinition, accumulates: bool) -> None:
        own = self.loops_of(definition, accumulates, self.context.sample) or ()
        names = {a.index: b.index for a, b in zip(own, self.loops, strict=True)}
        value = -1
        for term in definition.terms:
            number = self._append(term, names)
            value = (
                number
                if value < 0
                else self.pool.number(Operation("add", (value, number), definition.dtype))
            )
        if value < 0:
            value = self.pool.number(Operation("constant", (), definition.dtype, 0))
        subscripts = tuple(Affine(((names[a.index], 1),)) for a in definition.axes)
        target = Element(definition.name, subscripts)
        if not accumulates:
            self.values[definition.name] = value
            if definition.name in self.kept:
                self.effects.append(Store(target, value))
        elif not definition.axes or own[-1] == definition.terms[0].axes[0]:
            self._sum_in_local(definition, target, value)
        else:
            self.effects.append(Store(target, value, add=True))

    def _sum_in_local(self, definition: FrozenDefinition, target: Element, value: int) -> None:
        """What the innermost loop sums is summed in a local and added to its place after it."""
        dtype = "float64" if definition.dtype == "float32" else definition.dtype
        local = Local(f"{definition.name}_sum", dtype)
        self.before.append(Declare(local, 0))
        self.effects.append(Store(local, value, add=True))
        load = Operation("local", (), dtype, local.name)
        self.after.append(Block((load,), (Store(target, 0, add=True),)))

    def _append(self, term: FrozenTerm, names: dict[str, str]) -> int:
        """The term's operations in the shared list; equal ones are computed once."""
        value = self._append_operations(term.operations, names)
        if term.scale:
            scale = self._append_operations(term.scale, names)
            dtype = self.pool.operations[value].dtype
            value = self.pool.number(Operation("multiply", (value, scale), dtype))
        return value

    def _append_operations(self, operations: tuple[Operation, ...], names: dict[str, str]) -> int:
        numbers: list[int] = []
        for operation in operations:
            if isinstance(operation.value, (Affine, Element)):
                operation = replace(operation, value=rename_subscript(operation.value, names))
            computed = self._computed(operation)
            if computed is None:
                operands = tuple(numbers[k] for k in operation.operands)
                computed = self.pool.number(replace(operation, operands=operands))
            numbers.append(computed)
        return numbers[-1]

    def _computed(self, operation: Operation) -> int | None:
        """The value of a load that this nest has just computed."""
        if operation.name != "load" or not isinstance(operation.value, Element):
            return None
        return self.values.get(operation.value.array)
