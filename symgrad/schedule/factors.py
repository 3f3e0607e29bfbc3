"""Factors of a contraction moved to the operand that is computed anyway.

    c[j,l] = x[j,l] − m[l],  e[j,k] = r[j]·w[j,k],  s[k,l] = Σ_j c[j,l]·e[j,k]
    ->  c_scaled[j,l] = (x[j,l] − m[l])·r[j],  s[k,l] = Σ_j c_scaled[j,l]·w[j,k]

w is in memory already. Where c is so cheap that it is computed again rather than kept, c_scaled
takes its place, and e is never stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenTerm,
    Operation,
    elements_of,
    indices_of,
    rename_subscript,
)
from symgrad.schedule.functions import formula_of
from symgrad.schedule.outer import CHEAP
from symgrad.schedule.terms import ARITHMETIC

__all__ = ["move_factors"]

Member = tuple[FrozenDefinition, bool]


def move_factors(
    members: Sequence[Member], sample: str, kept: Collection[str], taken: Collection[str]
) -> list[Member]:
    """The definitions of a tile with factors moved where that saves an array.

    Args:
        members: definitions in order, and whether each accumulates over the samples.
        sample: the extent that is divided into tiles.
        kept: definitions that must be stored as they are.
        taken: names that new definitions must not have.
    """
    result = list(members)
    names = set(taken)
    for definition, accumulates in members:
        if accumulates or definition.name in kept:
            continue
        product = _read_product(definition, sample)
        moved = product and _moved(product, result, names)
        if moved:
            names.add(moved[0].name)
            result = _with(result, definition.name, moved[0], moved[1])
    return result


@dataclass(frozen=True, slots=True)
class _Product:
    """`name = ±whole · factors`, where `whole` alone has all of the axes."""

    definition: FrozenDefinition
    whole: Element
    factors: tuple[Operation, ...]
    negative: bool


def _read_product(definition: FrozenDefinition, sample: str) -> _Product | None:
    if len(definition.terms) != 1 or sample not in definition.shape:
        return None
    (term,) = definition.terms
    if term.axes or term.guards or term.scale:
        return None
    leaves: list[Operation] = []
    negative = False
    waiting = [len(term.operations) - 1]
    while waiting:
        operation = term.operations[waiting.pop()]
        if operation.name in ("load", "constant", "size"):
            leaves.append(operation)
        elif operation.name in ("multiply", "negate"):
            negative ^= operation.name == "negate"
            waiting += reversed(operation.operands)
        else:
            return None
    axes = {axis.index for axis in definition.axes}
    loads = [o for o in leaves if o.name == "load"]
    whole = [o.value for o in loads if set(_indices(o)) == axes]
    factors = tuple(o for o in leaves if o.value not in whole)
    if len(whole) != 1 or not factors or not all(_is_plain(o.value) for o in loads):
        return None
    (element,) = whole
    assert isinstance(element, Element)
    return _Product(definition, element, factors, negative)


def _indices(operation: Operation) -> list[str]:
    return list(indices_of(operation.value)) if isinstance(operation.value, Element) else []


def _is_plain(value: object) -> bool:
    """Whether an element is read at loop indices alone."""
    return isinstance(value, Element) and all(
        isinstance(s, Affine) and s.single_index is not None for s in value.subscripts
    )


def _moved(
    product: _Product, members: Sequence[Member], taken: Collection[str]
) -> tuple[FrozenDefinition, Mapping[str, FrozenDefinition]] | None:
    """The other operand with the factors, and what reads it; None if kept anyway."""
    name = product.definition.name
    scaled: FrozenDefinition | None = None
    readers: dict[str, FrozenDefinition] = {}
    for reader, accumulates in members:
        own = [t for t in reader.terms if any(e.array == name for e in elements_of(t))]
        if not own:
            continue
        if not accumulates or len(reader.terms) != 1:
            return None
        (term,) = own
        if len(term.operations) == 1:
            continue  # its sum alone, which needs no array
        operand = _operand(term, name)
        found = operand and _scaled(product, operand, members, taken)
        if not operand or not found or (scaled is not None and scaled != found):
            return None
        scaled = found
        readers[reader.name] = _reading(reader, product, operand[1], operand[0], found.name)
    return (scaled, readers) if scaled is not None else None


def _operand(term: FrozenTerm, name: str) -> tuple[Element, Element] | None:
    """The other factor of a sum of products of two elements, and the one of that name."""
    if len(term.operations) != 3 or term.operations[2].name != "multiply":
        return None
    values = [o.value for o in term.operations[:2]]
    mine = [v for v in values if isinstance(v, Element) and v.array == name]
    other = [v for v in values if isinstance(v, Element) and v.array != name]
    if len(mine) != 1 or len(other) != 1 or not _is_plain(mine[0]) or not _is_plain(other[0]):
        return None
    return other[0], mine[0]


def _scaled(
    product: _Product,
    operand: tuple[Element, Element],
    members: Sequence[Member],
    taken: Collection[str],
) -> FrozenDefinition | None:
    """The other operand, computed again with the factors; None if that is no less work."""
    other, mine = operand
    maker = next((d for d, sums in members if d.name == other.array and not sums), None)
    if maker is None or len(maker.terms) != 1:
        return None
    (term,) = maker.terms
    computed = {d.name for d, _ in members}
    cheap = (
        not (term.axes or term.guards or term.scale)
        and len(term.operations) <= CHEAP
        and all(o.name in ARITHMETIC for o in term.operations)
        and not any(e.array in computed for e in elements_of(term))
    )
    if not cheap:
        return None
    # From the product's own indices to those of the reader, and on to the operand's.
    names = {
        axis.index: s.single_index
        for axis, s in zip(product.definition.axes, mine.subscripts, strict=True)
        if isinstance(s, Affine)
    }
    back = {
        s.single_index: axis.index
        for axis, s in zip(maker.axes, other.subscripts, strict=True)
        if isinstance(s, Affine)
    }
    operations = list(term.operations)
    for factor in product.factors:
        places = {index: back.get(names[index]) for index in _indices(factor)}
        if not all(places.values()):
            return None
        renamed = {index: place for index, place in places.items() if place}
        last = len(operations) - 1
        if isinstance(factor.value, Element):
            factor = replace(factor, value=rename_subscript(factor.value, renamed))
        operations.append(factor)
        operations.append(Operation("multiply", (last, last + 1), factor.dtype))
    if product.negative:
        operations.append(Operation("negate", (len(operations) - 1,), maker.dtype))
    name = f"{maker.name}_scaled"
    while name in taken:
        name += "_"
    letters = ",".join(axis.index for axis in maker.axes)
    formula = f"{name}[{letters}] = {formula_of(operations)}"
    return replace(
        maker, name=name, terms=(replace(term, operations=tuple(operations)),), formula=formula
    )


def _reading(
    reader: FrozenDefinition, product: _Product, mine: Element, other: Element, name: str
) -> FrozenDefinition:
    """The contraction of the scaled operand with what is in memory already."""
    (term,) = reader.terms
    names = {
        axis.index: s.single_index
        for axis, s in zip(product.definition.axes, mine.subscripts, strict=True)
        if isinstance(s, Affine) and s.single_index
    }
    whole = rename_subscript(product.whole, names)
    values = {mine: whole, other: replace(other, array=name)}
    operations = tuple(
        replace(o, value=values[o.value]) if isinstance(o.value, Element) else o
        for o in term.operations
    )
    return replace(reader, terms=(replace(term, operations=operations),))


def _with(
    members: Sequence[Member],
    product: str,
    scaled: FrozenDefinition,
    readers: Mapping[str, FrozenDefinition],
) -> list[Member]:
    """The members with the scaled operand behind the product, and what now reads it."""
    result: list[Member] = []
    for definition, accumulates in members:
        result.append((readers.get(definition.name, definition), accumulates))
        if definition.name == product:
            result.append((scaled, False))
    read = {e.array for d, _ in result for t in d.terms for e in elements_of(t)}
    return [m for m in result if m[0].name != product or product in read]
