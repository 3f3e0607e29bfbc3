"""Nests of reductions other than sums: maxima, minima, their positions, products, log-sum-exp.

An element is folded in a local, one after another, or, where an output axis is the one to
vectorise, all elements of a row at once in the output itself. What needs more than one value for
that is first split into definitions that do not:

    y[i] = logsumexp_k b  ->  m[i] = max_k b,  t[i] = Σ_k exp(b − m[i]),  y[i] = log(t[i]) + m[i]
    y[i] = argmax_k b     ->  m[i] = max_k b,  y[i] = argmax_k b, in the loop that finds m
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from symgrad.program.definitions import DType, Reduction, is_floating
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenTerm,
    Operation,
)
from symgrad.schedule.guarding import GuardedLoops
from symgrad.schedule.loops import Block, Declare, Fold, FoldKind, Local, Node, Store
from symgrad.schedule.scans import find_scan
from symgrad.schedule.terms import vector_axis

__all__ = [
    "accumulator_type",
    "extreme_nest",
    "finds_position_of",
    "fold_nest",
    "is_vectorised_over_outputs",
    "split_fold",
    "start_of",
]

# The local of a fold, the value it starts with, and what happens to it.
_FOLDS: dict[Reduction, tuple[str, float, FoldKind]] = {
    "prod": ("product", 1.0, "prod"),
    "max": ("largest", -math.inf, "max"),
    "peak": ("largest", -math.inf, "max"),
    "min": ("smallest", math.inf, "min"),
}


def accumulator_type(dtype: DType) -> DType:
    """Sums in single precision are accumulated in double precision."""
    return "float64" if dtype == "float32" else dtype


def start_of(kind: Reduction) -> float:
    """The value with which a fold starts."""
    return _FOLDS[kind][1]


def is_vectorised_over_outputs(
    definition: FrozenDefinition, term: FrozenTerm, tile_index: str | None
) -> bool:
    """Whether the best axis for vectors is an output's, so that whole rows are folded at once."""
    if not definition.axes or definition.dtype == "bool" or find_scan(definition, term) is not None:
        return False
    return vector_axis(definition, term, tile_index) in {a.index for a in definition.axes}


# --- nests ---------------------------------------------------------------------------------------


def fold_nest(
    definition: FrozenDefinition,
    term: FrozenTerm,
    loops: GuardedLoops,
    target: Element,
    by_rows: bool = True,
) -> tuple[Node, ...]:
    """target[o] = max, min, argmax, argmin, prod or logsumexp over the term's axes.

    With `by_rows` many elements may be folded at once in the target.
    """
    kind = term.reduction
    last = len(term.operations) - 1
    number_type = term.operations[last].dtype
    if kind == "logsumexp":
        return loops.loops(definition.axes, (), _logsumexp_nodes(definition, term, loops, target))
    if kind in ("argmax", "argmin"):
        return loops.loops(definition.axes, (), _position_nodes(term, loops, target))
    name, start, step = _FOLDS[kind]
    if loops.context.accumulate:
        return _partial_nest(definition, term, loops, target)
    if by_rows and is_vectorised_over_outputs(definition, term, loops.tile_index):
        return _row_nests(definition, term, loops, target)
    local = Local(name, number_type)
    result = [Operation("local", (), number_type, local.name)]
    if kind == "peak":
        result.append(Operation("finite_or_zero", (0,), number_type))
    fold = Block(term.operations, (Fold(step, local, last),))
    inner = (
        Declare(local, start),
        *loops.loops(term.axes, term.guards, (fold,)),
        Block(tuple(result), (Store(target, len(result) - 1),)),
    )
    return loops.loops(definition.axes, (), inner)


def _partial_nest(
    definition: FrozenDefinition, term: FrozenTerm, loops: GuardedLoops, target: Element
) -> tuple[Node, ...]:
    """The target holds the extreme of earlier rows: those of the tile are folded into it."""
    _, start, step = _FOLDS[term.reduction]
    last = len(term.operations) - 1
    vector = vector_axis(definition, term, loops.tile_index)
    if vector in {a.index for a in definition.axes}:
        order = sorted((*definition.axes, *term.axes), key=lambda axis: axis.index == vector)
        fold = Block(term.operations, (Fold(step, target, last),))
        return loops.loops(tuple(order), term.guards, (fold,))
    order = sorted(term.axes, key=lambda axis: axis.index == vector)
    local = Local("extreme", definition.dtype)
    fold = Block(term.operations, (Fold(step, local, last),))
    load = Operation("local", (), definition.dtype, local.name)
    inner = (
        Declare(local, start),
        *loops.loops(tuple(order), term.guards, (fold,)),
        Block((load,), (Fold(step, target, 0),)),
    )
    return loops.loops(definition.axes, (), inner)


def _row_nests(
    definition: FrozenDefinition, term: FrozenTerm, loops: GuardedLoops, target: Element
) -> tuple[Node, ...]:
    """The target set to the starting value, then folded into, the vector axis innermost."""
    _, start, step = _FOLDS[term.reduction]
    vector = vector_axis(definition, term, loops.tile_index)
    constant = Operation("constant", (), definition.dtype, _start(definition.dtype, start))
    first = loops.loops(definition.axes, (), (Block((constant,), (Store(target, 0),)),))
    order = sorted((*definition.axes, *term.axes), key=lambda axis: axis.index == vector)
    fold = Block(term.operations, (Fold(step, target, len(term.operations) - 1),))
    folds = loops.loops(tuple(order), term.guards, (fold,))
    if term.reduction != "peak":
        return (*first, *folds)
    finite = (
        Operation("load", (), definition.dtype, target),
        Operation("finite_or_zero", (0,), definition.dtype),
    )
    last = loops.loops(definition.axes, (), (Block(finite, (Store(target, 1),)),))
    return (*first, *folds, *last)


def extreme_nest(
    extreme: FrozenDefinition, position: FrozenDefinition, loops: GuardedLoops
) -> tuple[Node, ...]:
    """Maxima or minima of a row and their first positions, folded in one loop."""
    (term,) = position.terms
    kind = term.reduction
    assert kind in ("argmax", "argmin")
    vector = vector_axis(position, term, loops.tile_index)
    start = -math.inf if kind == "argmax" else math.inf
    constants = (
        Operation("constant", (), extreme.dtype, _start(extreme.dtype, start)),
        Operation("constant", (), position.dtype, 0),
    )
    best, place = (_own_element(d) for d in (extreme, position))
    first = loops.loops(position.axes, (), (Block(constants, (Store(best, 0), Store(place, 1))),))
    order = sorted((*position.axes, *term.axes), key=lambda axis: axis.index == vector)
    fold = Fold(kind, best, len(term.operations) - 1, place, term.axes[0].index)
    return (*first, *loops.loops(tuple(order), (), (Block(term.operations, (fold,)),)))


def finds_position_of(
    position: FrozenDefinition, extreme: FrozenDefinition, tile_index: str | None
) -> bool:
    """Whether a definition is where another one's maxima or minima are, row by row."""
    if len(position.terms) != 1 or position.terms[0].reduction not in ("argmax", "argmin"):
        return False
    (term,) = position.terms
    kind: Reduction = "max" if term.reduction == "argmax" else "min"
    return (
        not term.guards
        and _computes(extreme, position, term, kind)
        and is_vectorised_over_outputs(position, term, tile_index)
    )


def _start(dtype: DType, start: float) -> float | int:
    """The starting value in an array of a type: infinities are the type's own limits."""
    if dtype in ("float64", "float32") or math.isfinite(start):
        return start
    limit = 2 ** (63 if dtype == "int64" else 31)
    return -limit if start < 0 else limit - 1


def _position_nodes(term: FrozenTerm, loops: GuardedLoops, target: Element) -> tuple[Node, ...]:
    kind = term.reduction
    assert kind in ("argmax", "argmin")
    last = len(term.operations) - 1
    best = Local("best", term.operations[last].dtype)
    position = Local("position", "int64")
    fold = Fold(kind, best, last, position, term.axes[0].index)
    load = Operation("local", (), "int64", position.name)
    return (
        Declare(best, float("-inf") if kind == "argmax" else float("inf")),
        Declare(position, 0),
        *loops.loops(term.axes, term.guards, (Block(term.operations, (fold,)),)),
        Block((load,), (Store(target, 0),)),
    )


def _logsumexp_nodes(
    definition: FrozenDefinition, term: FrozenTerm, loops: GuardedLoops, target: Element
) -> tuple[Node, ...]:
    """m = max b;  log Σ exp(b − m) + m, with m = 0 where it is not finite."""
    dtype = definition.dtype
    last = len(term.operations) - 1
    largest, shifting = Local("largest", dtype), Local("shift", dtype)
    total = Local("total", accumulator_type(dtype))
    find = Block(term.operations, (Fold("max", largest, last),))
    found = Operation("local", (), dtype, largest.name)
    shift = Operation("local", (), dtype, shifting.name)
    operations = (
        *term.operations,
        shift,
        Operation("subtract", (last, last + 1), dtype),
        Operation("exp", (last + 2,), dtype),
    )
    add = Block(operations, (Store(total, last + 3, add=True),))
    finite = Block((found, Operation("finite_or_zero", (0,), dtype)), (Store(shifting, 1),))
    result = (
        Operation("local", (), dtype, total.name),
        Operation("log", (0,), dtype),
        shift,
        Operation("add", (1, 2), dtype),
    )
    return (
        Declare(largest, float("-inf")),
        *loops.loops(term.axes, term.guards, (find,)),
        finite,
        Declare(total, 0),
        *loops.loops(term.axes, term.guards, (add,)),
        Block(result, (Store(target, 3),)),
    )


# --- splitting -----------------------------------------------------------------------------------


def split_fold(
    definition: FrozenDefinition,
    tile_index: str | None,
    taken: set[str],
    earlier: Sequence[FrozenDefinition] = (),
) -> tuple[FrozenDefinition, ...]:
    """The definitions that take its place where rows are folded at once; else itself alone.

    Names of new ones are added to `taken`. A maximum among the `earlier` ones is used again.
    """
    if len(definition.terms) != 1:
        return (definition,)
    (term,) = definition.terms
    if term.reduction not in ("logsumexp", "argmax", "argmin"):
        return (definition,)
    if not is_vectorised_over_outputs(definition, term, tile_index):
        return (definition,)
    if term.reduction == "logsumexp":
        return _split_logsumexp(definition, term, taken)
    if term.guards:
        return (definition,)
    return _split_position(definition, term, taken, earlier)


def _split_logsumexp(
    definition: FrozenDefinition, term: FrozenTerm, taken: set[str]
) -> tuple[FrozenDefinition, ...]:
    dtype = definition.dtype
    wide = accumulator_type(dtype)
    body, inner = definition.formula.partition(" = ")[2].partition("    ")[0], len(term.operations)
    content = body.partition(" ")[2]
    summed = body.partition(" ")[0].partition("_")[2]
    subscripts = ",".join(a.index for a in definition.axes)
    largest = _companion(definition, "largest", dtype, taken)
    raw = replace(
        largest,
        terms=(replace(term, reduction="max"),),
        formula=f"{largest.name}[{subscripts}] = max_{summed} {content}",
    )
    total = _companion(definition, "total", wide, taken)
    shift = _load(largest)
    operations = (
        *term.operations,
        shift,
        Operation("finite_or_zero", (inner,), dtype),
        Operation("subtract", (inner - 1, inner + 1), dtype),
        Operation("exp", (inner + 2,), dtype),
    )
    if wide != dtype:
        operations = (*operations, Operation("cast", (inner + 3,), wide))
    summing = replace(
        total,
        terms=(replace(term, operations=operations, reduction="sum"),),
        formula=f"{total.name}[{subscripts}] = Σ_{summed} exp({_bare(content)} - "
        f"{largest.name}[{subscripts}])",
    )
    result = [
        _load(total),
        Operation("log", (0,), wide),
        shift,
        Operation("finite_or_zero", (2,), dtype),
    ]
    if wide != dtype:
        result.append(Operation("cast", (3,), wide))
    result.append(Operation("add", (1, len(result) - 1), wide))
    if wide != dtype:
        result.append(Operation("cast", (len(result) - 1,), dtype))
    last = replace(definition, terms=(FrozenTerm(tuple(result), (), "sum", ()),))
    return raw, summing, last


def _split_position(
    definition: FrozenDefinition,
    term: FrozenTerm,
    taken: set[str],
    earlier: Sequence[FrozenDefinition],
) -> tuple[FrozenDefinition, ...]:
    """The extreme, which is found in the same loop, before its position."""
    kind: Reduction = "max" if term.reduction == "argmax" else "min"
    if any(_computes(d, definition, term, kind) for d in earlier):
        return (definition,)
    loads = [o.dtype for o in term.operations if o.name == "load"]
    number_type: DType = next((dtype for dtype in loads if is_floating(dtype)), "int64")
    best = _companion(definition, "best", number_type, taken)
    subscripts = ",".join(a.index for a in definition.axes)
    (axis,) = term.axes
    content = definition.formula.partition(" = ")[2].partition("    ")[0].partition(" ")[2]
    finding = replace(
        best,
        terms=(replace(term, reduction=kind),),
        formula=f"{best.name}[{subscripts}] = {kind}_{axis.index} {content}",
    )
    return (finding, definition)


def _computes(
    candidate: FrozenDefinition, definition: FrozenDefinition, term: FrozenTerm, kind: Reduction
) -> bool:
    """Whether a definition is already the maximum of the same values."""
    if candidate.axes != definition.axes or len(candidate.terms) != 1:
        return False
    (other,) = candidate.terms
    same = (other.axes, other.guards, other.reduction) == (term.axes, term.guards, kind)
    return same and _untyped(other) == _untyped(term)


def _untyped(term: FrozenTerm) -> list[tuple[object, ...]]:
    return [(o.name, o.operands, o.value) for o in term.operations]


def _companion(
    definition: FrozenDefinition, suffix: str, dtype: DType, taken: set[str]
) -> FrozenDefinition:
    name = f"{definition.name}_{suffix}"
    while name in taken:
        name += "_"
    taken.add(name)
    return replace(definition, name=name, dtype=dtype, terms=())


def _load(definition: FrozenDefinition) -> Operation:
    return Operation("load", (), definition.dtype, _own_element(definition))


def _own_element(definition: FrozenDefinition) -> Element:
    """The element that a run of a definition's loops computes."""
    return Element(definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes))


def _bare(content: str) -> str:
    return content[1:-1] if content.startswith("(") and content.endswith(")") else content
