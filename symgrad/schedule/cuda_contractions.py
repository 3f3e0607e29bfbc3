"""Contractions that a block of threads computes in square tiles staged in shared memory.

    target[i,j] = Σ_k left[i,k]·right[j,k]     (in any order of subscripts)

A square of 2·side by 2·side elements belongs to side·side threads, 4 elements each: what is loaded
into shared memory once is used by all of them, and what a thread loads from there twice. Larger
parts would spill registers in kernels that hold several contractions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from symgrad.schedule.cuda_plan import AccumulateNest, ContractNest, ThreadNest
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
)
from symgrad.schedule.loops import Block, Local, Store
from symgrad.schedule.terms import append_scaled_local, shifted, sum_of_terms

__all__ = ["PARTS", "MatrixProduct", "in_squares", "matrix_product", "split_products"]

PARTS = 2  # rows and columns of a square that one thread computes
_LEAST_LITERAL = 16  # a literal extent below this fills no square


def in_squares(
    definition: FrozenDefinition, plain: ThreadNest | AccumulateNest, tile: str | None
) -> ThreadNest | AccumulateNest | ContractNest:
    """The nest as a contraction in squares, with the plain one for small sizes; else as it is.

    Args:
        definition: what the nest computes.
        plain: the nest that is used where a square would be mostly empty.
        tile: the index that counts samples, in a tiled kernel.
    """
    sums = [term for term in definition.terms if term.axes]
    rest = [term for term in definition.terms if not term.axes]
    if len(sums) != 1 or len(definition.axes) != 2 or any(term.guards for term in rest):
        return plain
    (term,) = sums
    factors = _factors(term)
    if factors is None or definition.dtype not in ("float64", "float32"):
        return plain
    i, j = definition.axes
    (k,) = term.axes
    if any(a.extent.isdigit() and int(a.extent) < _LEAST_LITERAL for a in (i, j, k)):
        return plain
    wanted = ({i.index, k.index}, {j.index, k.index})
    for left, right in (factors, factors[::-1]):
        if (_indices(left), _indices(right)) == wanted:
            accumulates = isinstance(plain, AccumulateNest)
            stores = _stores(definition, rest, term, accumulates)
            return ContractNest(left, right, i, j, k, tile, stores, plain)
    return plain


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """`target[i,j] = Σ_k left·right`; `turned` says which factor has k on its other side."""

    left: str
    right: str
    turned: tuple[bool, bool]
    extents: tuple[str, str, str]


def matrix_product(definition: FrozenDefinition) -> MatrixProduct | None:
    """The product of two matrices that a definition is, and nothing else."""
    if len(definition.terms) != 1 or len(definition.axes) != 2:
        return None
    (term,) = definition.terms
    factors = _factors(term)
    if factors is None or definition.dtype not in ("float64", "float32"):
        return None
    i, j = definition.axes
    (k,) = term.axes
    if any(a.extent.isdigit() and int(a.extent) < _LEAST_LITERAL for a in (i, j, k)):
        return None
    for left, right in (factors, factors[::-1]):
        first, second = _places(left), _places(right)
        if {*first} == {i.index, k.index} and {*second} == {j.index, k.index}:
            turned = (first[0] == k.index, second[1] == k.index)
            extents = (i.extent, j.extent, k.extent)
            return MatrixProduct(left.array, right.array, turned, extents)
    return None


def split_products(program: FrozenProgram) -> FrozenProgram:
    """Products of matrices that stand beside other terms get names of their own."""
    taken = {s.name for s in program.statements} | set(program.sizes)
    taken |= {a.name for a in (*program.arguments, *program.constants)}
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        if isinstance(statement, FrozenDefinition) and len(statement.terms) > 1:
            terms = []
            for term in statement.terms:
                alone = replace(statement, terms=(term,))
                if matrix_product(alone) is None:
                    terms.append(term)
                    continue
                name = f"{statement.name}_product"
                while name in taken:
                    name += "_"
                taken.add(name)
                formula = f"a product in {statement.formula}"
                statements.append(replace(alone, name=name, formula=formula))
                element = Element(name, tuple(Affine(((a.index, 1),)) for a in statement.axes))
                load = Operation("load", (), statement.dtype, element)
                terms.append(FrozenTerm((load,), (), "sum", ()))
            statement = replace(statement, terms=tuple(terms))
        statements.append(statement)
    return replace(program, statements=tuple(statements))


def _factors(term: FrozenTerm) -> tuple[Element, Element] | None:
    """The two arrays whose product a sum over one axis is."""
    names = tuple(operation.name for operation in term.operations)
    if names != ("load", "load", "multiply") or len(term.axes) != 1 or term.guards:
        return None
    left, right = term.operations[0].value, term.operations[1].value
    if term.reduction != "sum" or set(term.operations[2].operands) != {0, 1}:
        return None
    if not isinstance(left, Element) or not isinstance(right, Element):
        return None
    return left, right


def _indices(element: Element) -> set[str | None]:
    """The indices of an element whose subscripts are two plain indices."""
    found = _places(element)
    return set(found) if len(found) == 2 and None not in found else set()


def _places(element: Element) -> tuple[str | None, ...]:
    """The index of each subscript that is one index and nothing else."""
    return tuple(s.single_index if isinstance(s, Affine) else None for s in element.subscripts)


def _stores(
    definition: FrozenDefinition, rest: list[FrozenTerm], term: FrozenTerm, accumulates: bool
) -> tuple[Block, ...]:
    """What each of a thread's elements is written with: the other terms, and scale·sum."""
    target = Element(definition.name, tuple(Affine(((a.index, 1),)) for a in definition.axes))
    blocks = []
    for number in range(PARTS * PARTS):
        operations, value = sum_of_terms(rest, definition.dtype)
        chain = list(operations) if rest else []
        total = Local(f"sum{number}", "float64")
        more, last = append_scaled_local([], total, term.scale)
        chain.extend(shifted(tuple(more), len(chain)))
        last += len(chain) - len(more)
        if rest:
            chain.append(Operation("add", (value, last), definition.dtype))
            last = len(chain) - 1
        blocks.append(Block(tuple(chain), (Store(target, last, add=accumulates),)))
    return tuple(blocks)
