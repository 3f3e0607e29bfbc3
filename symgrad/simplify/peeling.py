"""Large products at the end of a program, left to a library of linear algebra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import sympy

from symgrad.program import Access, Axis, Definition, Program, dependencies, is_floating, is_index
from symgrad.simplify.cleaning import remove_dead
from symgrad.simplify.rewriting import with_definitions

__all__ = ["MatrixProduct", "TransposedSum", "peel_products"]


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """`name = Σ left·right` over the axes `summed` of each, free axes of left first, then `order`.

    The result's axis k is axis `order[k]` of the plain product.
    """

    name: str
    left: str
    right: str
    summed: tuple[tuple[int, ...], tuple[int, ...]]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TransposedSum:
    """`name = Σ factor·array.transpose(axes)`: A + A', which NumPy reads with few cache misses."""

    name: str
    parts: tuple[tuple[float, str, tuple[int, ...]], ...]


def peel_products(
    program: Program, names: Iterable[str]
) -> tuple[Program, tuple[MatrixProduct | TransposedSum, ...]]:
    """H[j,k] = Σ_i A[i,j]·B[i,k] as a product of matrices, the program without it.

    And H[j,k] = A[j,k] + A[k,j] as a sum of transposed arrays.

    Only outputs among `names` that nothing else reads, and whose free axes are of symbolic length
    on both sides: what is 3 long is faster in a loop.
    """
    wanted = set(names)
    read = {name for s in program.definitions for name in dependencies(s)}
    products: list[MatrixProduct | TransposedSum] = []
    for statement in program.definitions:
        alone = statement.name in wanted and statement.name not in read
        if alone and isinstance(statement, Definition):
            product = _matrix_product(program, statement) or _transposed_sum(program, statement)
            if product is not None:
                products.append(product)
    if not products:
        return program, ()
    peeled = {product.name for product in products}
    defined = {s.name for s in program.definitions}
    outputs = [name for name in program.outputs if name not in peeled]
    for product in products:
        outputs += [name for name in _operands(product) if name in defined]
    kept = with_definitions(program, (s for s in program.definitions if s.name not in peeled))
    return remove_dead(replace(kept, outputs=tuple(dict.fromkeys(outputs)))), tuple(products)


def _operands(product: MatrixProduct | TransposedSum) -> tuple[str, ...]:
    if isinstance(product, MatrixProduct):
        return (product.left, product.right)
    return tuple(name for _, name, _ in product.parts)


def _transposed_sum(program: Program, definition: Definition) -> TransposedSum | None:
    """A sum of whole arrays, some of them transposed."""
    if len(definition.terms) != 1 or definition.terms[0].axes or definition.terms[0].guards:
        return None
    dtypes, shapes = program.dtypes(), program.shapes()
    extents = dict(zip(definition.indices, definition.shape, strict=True))
    parts = []
    for part in sympy.Add.make_args(definition.terms[0].body):
        factor, access = part.as_coeff_Mul()
        if not isinstance(access, Access) or set(access.subscripts) != set(definition.indices):
            return None
        whole = tuple(extents[index] for index in access.subscripts)
        plain = whole == shapes[access.name] and dtypes[access.name] == definition.dtype
        if not plain or len(access.subscripts) != len(definition.indices):
            return None
        axes = tuple(access.subscripts.index(index) for index in definition.indices)
        parts.append((float(factor), access.name, axes))
    turned = any(axes != tuple(range(len(axes))) for _, _, axes in parts)
    return TransposedSum(definition.name, tuple(parts)) if turned and len(parts) > 1 else None


def _matrix_product(program: Program, definition: Definition) -> MatrixProduct | None:
    if len(definition.terms) != 1 or not is_floating(definition.dtype):
        return None
    (term,) = definition.terms
    if term.reduction != "sum" or not term.axes or term.guards:
        return None
    factors = _two_factors(term.body)
    if factors is None:
        return None
    shapes, dtypes = program.shapes(), program.dtypes()
    loops = {axis.index: axis for axis in (*definition.axes, *term.axes)}
    for factor in factors:
        whole = tuple(loops[i].extent for i in factor.subscripts if i in loops)
        if whole != shapes[factor.name] or dtypes[factor.name] != definition.dtype:
            return None
    return _arranged(definition, factors, term.axes)


def _two_factors(body: sympy.Expr) -> tuple[Access, Access] | None:
    """A product of two elements read at plain, distinct indices."""
    if body.is_Pow and body.exp == 2:
        return None  # a sum of squares has one free side at most
    factors = [x for x in sympy.Mul.make_args(body) if isinstance(x, Access)]
    if len(factors) != 2 or sympy.Mul(*factors) != body:
        return None
    for factor in factors:
        subscripts = factor.subscripts
        if len(set(subscripts)) < len(subscripts) or not all(map(is_index, subscripts)):
            return None
    return factors[0], factors[1]


def _arranged(
    definition: Definition, factors: tuple[Access, Access], summed: tuple[Axis, ...]
) -> MatrixProduct | None:
    bound = [axis.index for axis in summed]
    left, right = factors
    free = [[i for i in factor.subscripts if i not in bound] for factor in factors]
    in_both = all(i in left.subscripts and i in right.subscripts for i in bound)
    if not in_both or set(free[0]) & set(free[1]) or not free[0] or not free[1]:
        return None
    if set(free[0]) | set(free[1]) != set(definition.indices):
        return None
    extents = {axis.index: axis.extent for axis in definition.axes}
    if any(all(extents[i].is_Integer for i in side) for side in free):
        return None
    if free[0][0] != definition.indices[0]:
        left, right = right, left
        free.reverse()
    made = [*free[0], *free[1]]
    axes = tuple(
        tuple(factor.subscripts.index(index) for index in bound) for factor in (left, right)
    )
    order = tuple(made.index(index) for index in definition.indices)
    return MatrixProduct(definition.name, left.name, right.name, (axes[0], axes[1]), order)
