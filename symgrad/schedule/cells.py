"""Terms that overlap on short axes, summed for each position of these axes and written once.

    y[q,k] = {a[k] if q = 0} + {b[k] if q < 2}    ->    y[0,k] = a[k] + b[k],  y[1,k] = b[k]

Without this the array is set to zero and each term added to it, which is a load and a store of
every element for every term. An array that is nothing but such pieces of another is written
where it is wanted in the first place:

    x[k,r] = {a[k] if r = 0} + …,  z[k,s] = {x[k,s] if s < 3} + {y[k,s−3] if 3 ≤ s}
    ->  z[k,s] = {a[k] if s = 0, s < 3} + … + {y[k,s−3] if 3 ≤ s}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
    Subscript,
    elements_of,
    rename_subscript,
    sources_of,
)
from symgrad.schedule.loops import Block, Loop, Node, Store
from symgrad.schedule.pieces import range_of
from symgrad.schedule.pool import OperationPool, shift_subscript
from symgrad.schedule.terms import guard_indices, is_integer, scaled

__all__ = ["cell_nests", "inline_pieces"]

MOST_CELLS = 32  # of one definition; each is a loop of its own
_HOLDS = {"==": int.__eq__, "<": int.__lt__, "<=": int.__le__, "!=": int.__ne__}


def cell_nests(definition: FrozenDefinition, tile_index: str | None) -> tuple[Node, ...] | None:
    """A loop over the rows of a tile for each position of all other axes; None if that is no gain.

    Args:
        definition: its last axis must be that of the samples, all others short and of known length.
        tile_index: the index of the sample axis.
    """
    *short, rows = definition.axes or (FrozenAxis("", ""),)
    if tile_index is None or rows.index != tile_index or not _are_cells(short, definition.terms):
        return None
    nests: list[Node] = []
    for place in product(*(range(int(axis.extent)) for axis in short)):
        values = {axis.index: value for axis, value in zip(short, place, strict=True)}
        pool, value = OperationPool(), -1
        for term in definition.terms:
            if not all(_holds(guard, values) for guard in term.guards):
                continue
            own, _ = scaled(term)
            number = pool.append(tuple(_placed_operation(o, values) for o in own))
            if value >= 0:
                number = pool.number(Operation("add", (value, number), definition.dtype))
            value = number
        if value < 0:
            value = pool.number(Operation("constant", (), definition.dtype, 0))
        subscripts = (*(Affine((), str(k)) for k in place), Affine(((rows.index, 1),)))
        store = Store(Element(definition.name, subscripts), value)
        block = Block(tuple(pool.operations), (store,))
        nests.append(Loop(rows.index, rows.extent, (block,), tile=True))
    return tuple(nests)


def _are_cells(short: Sequence[FrozenAxis], terms: Sequence[FrozenTerm]) -> bool:
    """Whether axes have few positions, and terms no sums and guards on these axes alone."""
    known = all(axis.extent.isdigit() for axis in short)
    if not short or not known or prod(int(axis.extent) for axis in short) > MOST_CELLS:
        return False
    own = {axis.index for axis in short}
    return len(terms) > 1 and not any(
        term.axes or not all(_is_known(guard, own) for guard in term.guards) for term in terms
    )


def _is_known(guard: FrozenGuard, own: set[str]) -> bool:
    sides = (guard.left, guard.right)
    plain = all(isinstance(s, Affine) and is_integer(s.rest) for s in sides)
    return plain and set(guard_indices(guard)) <= own and guard.relation in _HOLDS


def _holds(guard: FrozenGuard, values: Mapping[str, int]) -> bool:
    left, right = (_placed(side, values) for side in (guard.left, guard.right))
    assert isinstance(left, Affine) and isinstance(right, Affine)
    return bool(_HOLDS[guard.relation](int(left.rest), int(right.rest)))


def _placed_operation(operation: Operation, values: Mapping[str, int]) -> Operation:
    if isinstance(operation.value, (Affine, Element)):
        return replace(operation, value=_placed(operation.value, values))
    return operation


def _placed(subscript: Subscript, values: Mapping[str, int]) -> Subscript:
    """The subscript with indices replaced by numbers."""
    if isinstance(subscript, Element):
        inner = tuple(_placed(s, values) for s in subscript.subscripts)
        return Element(subscript.array, inner)
    moved = shift_subscript(subscript, values)
    assert isinstance(moved, Affine)
    return replace(moved, terms=tuple(t for t in moved.terms if t[0] not in values))


# --- pieces --------------------------------------------------------------------------------------


def inline_pieces(program: FrozenProgram) -> FrozenProgram:
    """The program without arrays of guarded terms that are only copied into one other array."""
    definitions = {s.name: s for s in program.statements if isinstance(s, FrozenDefinition)}
    uses = _uses(program)
    gone: set[str] = set()
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        if isinstance(statement, FrozenDefinition) and len(statement.terms) > 1:
            terms: list[FrozenTerm] = []
            formulas: list[str] = []
            for term in statement.terms:
                piece = _piece(statement, term, definitions, uses)
                if piece is None:
                    terms.append(term)
                    continue
                terms.extend(_moved_terms(term, piece))
                formulas.append(piece.formula)
                gone.add(piece.name)
            formula = "\n".join([*formulas, statement.formula])
            statement = replace(statement, terms=tuple(terms), formula=formula)
        statements.append(statement)
    kept = tuple(s for s in statements if s.name not in gone)
    return replace(program, statements=kept) if gone else program


def _uses(program: FrozenProgram) -> dict[str, int]:
    """How often each array is read, an output once more."""
    uses: dict[str, int] = {}
    for name in program.outputs:
        uses[name] = uses.get(name, 0) + 1
    for statement in program.statements:
        if isinstance(statement, FrozenDefinition):
            read = [e.array for term in statement.terms for e in elements_of(term)]
        else:
            read = list(sources_of(statement))
        for name in read:
            uses[name] = uses.get(name, 0) + 1
    return uses


def _piece(
    whole: FrozenDefinition,
    term: FrozenTerm,
    definitions: Mapping[str, FrozenDefinition],
    uses: Mapping[str, int],
) -> FrozenDefinition | None:
    """The array of guarded terms that a term copies as a whole, if nothing else reads it."""
    if term.axes or term.scale or len(term.operations) != 1:
        return None
    element = term.operations[0].value
    if not isinstance(element, Element) or uses[element.array] != 1:
        return None
    piece = definitions.get(element.array)
    if piece is None or piece.dtype != whole.dtype or len(piece.terms) < 2:
        return None
    if any(t.axes for t in piece.terms) or not any(t.guards for t in piece.terms):
        return None
    extents = {axis.index: axis.extent for axis in whole.axes}
    seen: set[str] = set()
    for axis, subscript in zip(piece.axes, element.subscripts, strict=True):
        if not isinstance(subscript, Affine) or len(subscript.terms) != 1:
            return None
        ((index, factor),) = subscript.terms
        if factor != 1 or index in seen:
            return None
        seen.add(index)
        if subscript.rest == "0" and extents.get(index) == axis.extent:
            continue
        if not (is_integer(subscript.rest) and axis.extent.isdigit()):
            return None
        if not extents.get(index, "").isdigit():
            return None
        guards = tuple(g for g in term.guards if index in guard_indices(g))
        found = range_of(replace(term, guards=guards), index, int(extents[index]))
        start = -int(subscript.rest)
        if found != (start, start + int(axis.extent)):
            return None
    return piece


def _moved_terms(term: FrozenTerm, piece: FrozenDefinition) -> list[FrozenTerm]:
    """The terms of a piece at the place where a term copies it to."""
    element = term.operations[0].value
    assert isinstance(element, Element)
    names: dict[str, str] = {}
    shifts: dict[str, int] = {}
    for axis, subscript in zip(piece.axes, element.subscripts, strict=True):
        assert isinstance(subscript, Affine)
        names[axis.index] = subscript.terms[0][0]
        shifts[axis.index] = int(subscript.rest)

    def moved(subscript: Subscript) -> Subscript:
        return rename_subscript(shift_subscript(subscript, shifts), names)

    result: list[FrozenTerm] = []
    for own in piece.terms:
        operations = tuple(
            replace(o, value=moved(o.value)) if isinstance(o.value, (Affine, Element)) else o
            for o in own.operations
        )
        guards = tuple(FrozenGuard(moved(g.left), g.relation, moved(g.right)) for g in own.guards)
        result.append(replace(own, operations=operations, guards=(*term.guards, *guards)))
    return result
