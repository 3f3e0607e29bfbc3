"""Arithmetic on frozen terms, guards and affine forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.program.definitions import DType
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenGuard,
    FrozenTerm,
    Operation,
    Subscript,
    elements_of,
    indices_of,
    rename_subscript,
)
from symgrad.schedule.loops import Local

__all__ = [
    "ARITHMETIC",
    "align_sums",
    "append_scaled_local",
    "as_bound",
    "difference",
    "guard_indices",
    "guard_solution",
    "is_integer",
    "negate",
    "plus_one",
    "reachable",
    "rename_indices",
    "scaled",
    "shifted",
    "stride_cost",
    "subtract_text",
    "sum_of_terms",
    "take_scale",
    "vector_axis",
]

# Operations that are one instruction or none; all others are calls.
_ARITHMETIC = """
    load constant index size local copy cast add subtract multiply divide negate
"""
ARITHMETIC = frozenset(_ARITHMETIC.split())


def shifted(operations: tuple[Operation, ...], by: int) -> tuple[Operation, ...]:
    return tuple(replace(op, operands=tuple(k + by for k in op.operands)) for op in operations)


def reachable(operations: Sequence[Operation], last: int) -> tuple[Operation, ...]:
    """The operations that one of them needs, itself last, renumbered."""
    used = {last}
    for number in range(last, -1, -1):
        if number in used:
            used.update(operations[number].operands)
    renumbered = {old: new for new, old in enumerate(sorted(used))}
    return tuple(
        replace(operations[old], operands=tuple(renumbered[k] for k in operations[old].operands))
        for old in sorted(used)
    )


def rename_indices(term: FrozenTerm, names: dict[str, str]) -> FrozenTerm:
    """The term with its summed indices renamed, wherever they occur."""
    operations = tuple(
        replace(o, value=rename_subscript(o.value, names))
        if isinstance(o.value, (Affine, Element))
        else o
        for o in term.operations
    )
    guards = tuple(
        replace(g, left=rename_subscript(g.left, names), right=rename_subscript(g.right, names))
        for g in term.guards
    )
    axes = tuple(replace(a, index=names.get(a.index, a.index)) for a in term.axes)
    return replace(term, operations=operations, guards=guards, axes=axes)


def sum_of_terms(terms: list[FrozenTerm], dtype: DType) -> tuple[tuple[Operation, ...], int]:
    """Operations of the sum of the bodies, and the number of its value."""
    if not terms:
        return (Operation("constant", (), dtype, 0),), 0
    operations, value = scaled(terms[0])
    chain = list(operations)
    for term in terms[1:]:
        more, last = scaled(term)
        last += len(chain)
        chain.extend(shifted(more, len(chain)))
        chain.append(Operation("add", (value, last), dtype))
        value = len(chain) - 1
    return tuple(chain), value


def scaled(term: FrozenTerm) -> tuple[tuple[Operation, ...], int]:
    """The body times the term's scale."""
    last = len(term.operations) - 1
    if not term.scale:
        return term.operations, last
    dtype = term.operations[last].dtype
    if _is_minus_one(term.scale):
        return (*term.operations, Operation("negate", (last,), dtype)), last + 1
    scale = shifted(term.scale, last + 1)
    product = Operation("multiply", (last, last + len(scale)), dtype)
    return (*term.operations, *scale, product), last + len(scale) + 1


def _is_minus_one(scale: tuple[Operation, ...]) -> bool:
    return len(scale) == 1 and scale[0].name == "constant" and scale[0].value == -1


def append_scaled_local(
    chain: list[Operation], local: Local, scale: tuple[Operation, ...]
) -> tuple[list[Operation], int]:
    """The chain with scale·local at its end, and the number of that value."""
    chain = [*chain, Operation("local", (), local.dtype, local.name)]
    value = len(chain) - 1
    if _is_minus_one(scale):
        chain.append(Operation("negate", (value,), local.dtype))
        value = len(chain) - 1
    elif scale:
        chain.extend(shifted(scale, value + 1))
        chain.append(Operation("multiply", (value, len(chain) - 1), local.dtype))
        value = len(chain) - 1
    return chain, value


def stride_cost(element: Element, index: str) -> int:
    subscripts = element.subscripts
    uses = [k for k, s in enumerate(subscripts) if index in indices_of(s)]
    if not uses:
        return 0
    last = subscripts[-1]
    contiguous = isinstance(last, Affine) and last.coefficient(index) in (1, -1)
    return 1 if uses == [len(subscripts) - 1] and contiguous else 8


def vector_axis(definition: FrozenDefinition, term: FrozenTerm, tile_index: str | None) -> str:
    """The loop with the least total stride: 0 for invariant, 1 contiguous, 8 strided."""
    reduced = {axis.index for axis in term.axes}
    candidates = [axis.index for axis in (*definition.axes, *term.axes)]
    target = Element(definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes))
    accessed = [*elements_of(term), target]

    def cost(index: str) -> float:
        total = sum(stride_cost(element, index) for element in accessed)
        return total + 0.5 * (index in reduced) - 0.25 * (index == tile_index)

    return min(candidates, key=cost)


def guard_indices(guard: FrozenGuard) -> tuple[str, ...]:
    return (*indices_of(guard.left), *indices_of(guard.right))


def guard_solution(guard: FrozenGuard, index: str) -> Subscript | None:
    """The value an equality gives to `index`: when one side is the index alone, or both affine."""
    for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
        if isinstance(side, Affine) and side.single_index == index:
            return None if index in indices_of(other) else other
    if not (isinstance(guard.left, Affine) and isinstance(guard.right, Affine)):
        return None
    gap = difference(guard.left, guard.right)
    slope = gap.coefficient(index)
    if slope not in (1, -1):
        return None
    return negate(gap.without(index)) if slope == 1 else gap.without(index)


def difference(left: Affine, right: Affine) -> Affine:
    factors = dict(left.terms)
    for name, factor in right.terms:
        factors[name] = factors.get(name, 0) - factor
    terms = tuple((name, factor) for name, factor in factors.items() if factor)
    return Affine(terms, subtract_text(left.rest, right.rest))


def negate(affine: Affine) -> Affine:
    terms = tuple((name, -factor) for name, factor in affine.terms)
    return Affine(terms, subtract_text("0", affine.rest))


def subtract_text(left: str, right: str) -> str:
    if right == "0":
        return left
    if is_integer(left) and is_integer(right):
        return str(int(left) - int(right))
    shown = right if right.isidentifier() or right.isdigit() else f"({right})"
    return f"-{shown}" if left == "0" else f"{left} - {shown}"


def as_bound(guard: FrozenGuard, index: str) -> tuple[str, Affine] | None:
    """`index < value` as an upper, `value <= index` as a lower bound of a loop."""
    if guard.relation not in ("<", "<="):
        return None
    if not (isinstance(guard.left, Affine) and isinstance(guard.right, Affine)):
        return None
    gap = difference(guard.right, guard.left)  # must be > 0, or >= 0
    slope = gap.coefficient(index)
    rest = gap.without(index)
    strict = guard.relation == "<"
    if slope == -1:  # rest - index > 0
        return "upper", rest if strict else plus_one(rest)
    if slope == 1:  # index + rest > 0
        return "lower", plus_one(negate(rest)) if strict else negate(rest)
    return None


def plus_one(affine: Affine) -> Affine:
    if is_integer(affine.rest):
        return Affine(affine.terms, str(int(affine.rest) + 1))
    return Affine(affine.terms, f"{affine.rest} + 1")


def is_integer(text: str) -> bool:
    return text.lstrip("-").isdigit()


def align_sums(definition: FrozenDefinition) -> FrozenDefinition:
    """Sums over the same extents with the same indices, so that they can share loops."""
    first = definition.terms[0].axes
    terms = []
    for term in definition.terms:
        if [a.extent for a in term.axes] == [a.extent for a in first]:
            names = {a.index: b.index for a, b in zip(term.axes, first, strict=True)}
            term = rename_indices(term, names)
        terms.append(term)
    return replace(definition, terms=tuple(terms))


def take_scale(
    definition: FrozenDefinition,
) -> tuple[FrozenDefinition, tuple[Operation, ...]]:
    """A scale that all terms share is applied once, after the blocks are combined."""
    scales = {term.scale for term in definition.terms}
    if len(scales) != 1 or scales == {()}:
        return definition, ()
    (scale,) = scales
    terms = tuple(replace(term, scale=()) for term in definition.terms)
    return replace(definition, terms=terms), scale
