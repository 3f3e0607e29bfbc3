"""Derivatives beyond the gradient: products, Jacobians and Hessians, each a program of its own.

jvp               Ẏ = Σ ∂Y/∂x·ẋ                   forward mode on the model
hvp               Ḣ = ∂(x̄)/∂x·v                   forward mode on the gradient
jacobian          ∂Y/∂x for each x                 by forward or reverse mode, what costs less
hessian           ∂²f/∂x∂x' for each pair          symmetric blocks once
hessian_diagonal  ∂²f/∂x_i²                        without any other element
jacobian_sparse   ∂Y/∂(x, x', …)                   compressed rows over all arguments
value_grad_hessian                                 all three, sharing their subexpressions
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import sympy

from symgrad.accumulation import (
    Source,
    cheaper_hessian,
    cheaper_jacobians,
    gradient_of,
    prepare,
)
from symgrad.codegen.derivatives import DerivativeCode
from symgrad.differentiate import push_forward
from symgrad.differentiate.entries import Jacobian
from symgrad.differentiate.jacobian import JacobianBuilder
from symgrad.differentiate.pattern import (
    Pattern,
    choose_pattern,
    dense_definition,
    diagonal_of,
)
from symgrad.differentiate.sparse_rows import join_rows
from symgrad.errors import ModelError
from symgrad.explain.matrix import matrix_text
from symgrad.program import DType, Program, format_program, is_floating
from symgrad.result_text import (
    blocks_text,
    camel,
    class_files,
    cpu_line,
    describe,
    element_text,
    per_argument,
    product_line,
    returned_text,
    shape_text,
    structure_text,
)
from symgrad.schedule import freeze
from symgrad.schedule.freeze_text import size_text
from symgrad.settling import rename_reserved
from symgrad.simplify import simplify
from symgrad.simplify.peeling import peel_products

__all__ = [
    "PRODUCTS",
    "DerivedProduct",
    "Product",
    "Source",
    "dense_program",
    "derive_product",
    "gradient_program",
    "product_program",
    "products_of",
]

Product = Literal[
    "jvp",
    "hvp",
    "hessian",
    "hessian_diagonal",
    "value_grad_hessian",
    "jacobian",
    "jacobian_sparse",
]
PRODUCTS: tuple[Product, ...] = (
    "jvp",
    "hvp",
    "hessian",
    "hessian_diagonal",
    "value_grad_hessian",
    "jacobian",
    "jacobian_sparse",
)
_SCALAR_ONLY = ("hvp", "hessian", "hessian_diagonal", "value_grad_hessian")
_ALWAYS = ("value_and_grad", "grad", "vjp")  # every module has them


@dataclass(frozen=True, slots=True)
class DerivedProduct:
    """One product: its simplified program, and how its arrays become the result."""

    product: Product
    program: Program
    vectors: tuple[str, ...]
    result: str
    structures: tuple[str, ...]
    notes: tuple[str, ...]
    peelable: tuple[str, ...] = ()

    def formulas(self) -> str:
        """The definitions in both notations, and the structure of each block."""
        matrix = matrix_text(self.program, mostly=True)
        heading = ["in matrix notation:"] if matrix else []
        lines = [format_program(self.program), *heading, *matrix, *self.notes]
        return "\n".join(line for line in lines if line)

    def code(self, name: str, wrt: tuple[str, ...], peel: bool = True) -> DerivativeCode:
        """What is emitted, no SymPy from here on; `peel` leaves last products to NumPy."""
        rest, products = peel_products(self.program, self.peelable if peel else ())
        frozen = replace(freeze(rest, wrt), name=f"{name}_{self.product}")
        return DerivativeCode(
            self.product,
            frozen,
            self.vectors,
            tuple(map(product_line, products)),
            tuple(cpu_line(product, self.program) for product in products),
            self.result,
            self.structures,
            tuple(self.formulas().splitlines()),
            self.notes,
        )


def products_of(
    emit: Iterable[str] | None, order: int, is_scalar: bool, where: str
) -> tuple[Product, ...]:
    """The products that `emit` and `order` ask for, in the order of `PRODUCTS`.

    Raises:
        ModelError: an unknown name, an order above 2, or a Hessian of a function that is not a
            0-d value.
    """
    chosen = set(emit or ())
    unknown = sorted(chosen - {*PRODUCTS, *_ALWAYS})
    if unknown:
        raise ModelError(
            f"{where}: there is no product '{unknown[0]}' to emit; they are "
            f"{', '.join((*_ALWAYS, *PRODUCTS))}"
        )
    if order not in (1, 2):
        raise ModelError(
            f"{where}: order {order} cannot be emitted; orders 1 and 2 can, and in Python "
            "symgrad.grad(symgrad.grad(f)) goes on to any order"
        )
    if order == 2:
        chosen |= {"hvp", "hessian", "value_grad_hessian"} if is_scalar else {"jvp", "jacobian"}
    if not is_scalar:
        for name in _SCALAR_ONLY:
            if name in chosen:
                raise ModelError(
                    f"{where}: {name} needs a function that returns one floating 0-d value; "
                    "for others emit jacobian, or sum the result"
                )
    return tuple(product for product in PRODUCTS if product in chosen)


def derive_product(source: Source, product: Product) -> DerivedProduct:
    """One derivative of a function as a program.

    Raises:
        DifferentiationError: a statement has no rule.
    """
    if product == "jvp":
        return _jvp(source)
    if product == "hvp":
        return _hvp(source)
    if product == "hessian_diagonal":
        return _hessian_diagonal(source)
    if product in ("jacobian", "jacobian_sparse"):
        return _jacobian(source, product)
    return _hessian(source, product)


# --- products with vectors ------------------------------------------------------------------------


def _jvp(source: Source) -> DerivedProduct:
    raw, vectors = product_program(source, "jvp")
    program = _finish(source, raw)
    count = len(source.program.outputs)
    values, dots = program.outputs[:count], program.outputs[count:]
    shown = [returned_text(program, names, source.returns_tuple) for names in (values, dots)]
    return DerivedProduct("jvp", program, vectors, f"{shown[0]}, {shown[1]}", (), ())


def _hvp(source: Source) -> DerivedProduct:
    raw, vectors = product_program(source, "hvp")
    program = _finish(source, raw)
    return DerivedProduct(
        "hvp", program, vectors, per_argument(source.name, source.single_wrt, program), (), ()
    )


def product_program(source: Source, product: str) -> tuple[Program, tuple[str, ...]]:
    """The program of a jvp or hvp before its last simplification, and the arguments it adds."""
    if product == "jvp":
        raw = push_forward(source.program, source.wrt)
    else:
        gradient = gradient_of(source)
        raw = push_forward(replace(gradient.program, outputs=gradient.adjoints), source.wrt)
        raw = replace(raw, outputs=raw.outputs[len(source.wrt) :])
    return raw, tuple(a.name for a in raw.arguments[len(source.program.arguments) :])


def gradient_program(source: Source, *, seeded: bool) -> tuple[Program, tuple[str, ...]]:
    """Values and adjoints, and the cotangents that are arguments of it."""
    gradient = gradient_of(source, seeded=seeded)
    return gradient.program, gradient.cotangents


def dense_program(source: Source, product: str) -> Program:
    """A Hessian, its diagonal, or a Jacobian by the first of `wrt`, as plain arrays."""
    if product == "jacobian":
        builder = JacobianBuilder(prepare(source, source.program))
        outputs = source.program.outputs[:1]
    else:
        gradient = gradient_of(source)
        builder, outputs = JacobianBuilder(gradient.program), gradient.adjoints
    names = []
    for wrt, output in zip(source.wrt, outputs, strict=False):
        (jacobian,) = builder.expand(wrt, (output,))
        name = builder.fresh(f"{wrt}_{product}")
        if product == "hessian_diagonal":
            builder.define(diagonal_of(jacobian, name))
        else:
            builder.define(dense_definition(jacobian, name))
        names.append(name)
    return prepare(source, builder.program(names))


def _hessian_diagonal(source: Source) -> DerivedProduct:
    gradient = gradient_of(source)
    builder = JacobianBuilder(gradient.program)
    names = []
    for wrt, adjoint in zip(source.wrt, gradient.adjoints, strict=True):
        (jacobian,) = builder.expand(wrt, (adjoint,))
        definition = diagonal_of(jacobian, builder.fresh(f"{wrt}_diagonal"))
        builder.define(definition)
        names.append(definition.name)
    program = _finish(source, builder.program(names))
    return DerivedProduct(
        "hessian_diagonal",
        program,
        (),
        per_argument(source.name, source.single_wrt, program),
        (),
        (),
    )


# --- matrices -------------------------------------------------------------------------------------


def _hessian(source: Source, product: Product) -> DerivedProduct:
    way = cheaper_hessian(source)
    gradient, builder, found = way.gradient, way.builder, way.blocks
    patterns: dict[tuple[str, str], Pattern] = {}
    for (row, column), jacobian in found.items():
        name = "hessian" if source.single_wrt else f"hessian_{row}_{column}"
        patterns[row, column] = _choose(builder, jacobian, name)
    outputs = [name for pattern in patterns.values() for name in pattern.outputs]
    extra = (*gradient.values, *gradient.adjoints) if product == "value_grad_hessian" else ()
    program = _finish(source, builder.program(dict.fromkeys((*extra, *outputs))))
    if source.single_wrt:
        result = structure_text(patterns[source.wrt[0], source.wrt[0]])
    else:
        result = blocks_text(source.wrt, patterns)
    if extra:
        value = element_text(program, gradient.values[0])
        names = per_argument(source.name, source.single_wrt, program, gradient.adjoints)
        result = f"{value}, {names}, {result}"
    notes = tuple(
        f"{_label(source, pair)}: {describe(pattern)}" for pair, pattern in patterns.items()
    )
    kinds = [pattern.kind for pattern in patterns.values()]
    structures = class_files(kinds) + (() if source.single_wrt else ("blocks",))
    return DerivedProduct(product, program, (), result, structures, notes, tuple(outputs))


def _jacobian(source: Source, product: Product) -> DerivedProduct:
    dtypes = source.program.dtypes()
    outputs = tuple(name for name in source.program.outputs if is_floating(dtypes[name]))
    if product == "jacobian_sparse" and len(outputs) != 1:
        raise ModelError(f"{source.where}: jacobian_sparse needs exactly one floating output")
    builder, found = cheaper_jacobians(source, outputs)
    patterns: dict[tuple[str, str], Pattern] = {}
    for (output, wrt), jacobian in found.items():
        name = "jacobian" if len(found) == 1 else f"jacobian_{output}_{wrt}"
        sparse = product == "jacobian_sparse"
        patterns[output, wrt] = _choose(builder, jacobian, name, sparse=sparse)
    kinds = [pattern.kind for pattern in patterns.values()]
    if product == "jacobian_sparse":
        return _compressed_rows(source, builder, list(patterns.values()), dtypes[outputs[0]])
    names = [name for pattern in patterns.values() for name in pattern.outputs]
    program = _finish(source, builder.program(dict.fromkeys(names)))
    rows = []
    for output in outputs:
        texts = [structure_text(patterns[output, wrt]) for wrt in source.wrt]
        own = texts[0] if source.single_wrt else f"{camel(source.name)}Jacobian({', '.join(texts)})"
        rows.append(own)
    result = f"({', '.join(rows)},)" if source.returns_tuple else rows[0]
    notes = tuple(
        f"∂{output}/∂{wrt}: {describe(pattern)}" for (output, wrt), pattern in patterns.items()
    )
    return DerivedProduct(product, program, (), result, class_files(kinds), notes, tuple(names))


def _compressed_rows(
    source: Source, builder: JacobianBuilder, patterns: list[Pattern], dtype: DType
) -> DerivedProduct:
    """One sparse matrix over all arguments, assembled by the program itself where it can be."""
    joined = join_rows(patterns, dtype, builder.fresh, builder.index.axes)
    if joined is None:
        names = [name for pattern in patterns for name in pattern.outputs]
        parts = ", ".join(structure_text(pattern) for pattern in patterns)
        result = f"Sparse.beside([{parts}])"
    else:
        for definition in joined.definitions:
            builder.define(definition)
        names = [joined.data, joined.indices]
        rows, columns = shape_text(joined.rows), size_text(joined.columns)
        count = size_text(sympy.Mul(*joined.rows))
        width = joined.width
        ends = f"np.arange(0, {width} * ({count}) + 1, {width}, dtype=np.int32)"
        arrays = f"{joined.data}.reshape(-1), {joined.indices}.reshape(-1)"
        result = f"Sparse({arrays}, {ends}, {rows}, ({columns},))"
    program = _finish(source, builder.program(dict.fromkeys(names)))
    notes = ("compressed rows over " + ", ".join(source.wrt),)
    return DerivedProduct("jacobian_sparse", program, (), result, class_files(["sparse"]), notes)


# --- programs -------------------------------------------------------------------------------------


def _finish(source: Source, program: Program) -> Program:
    simplified = simplify(program, without={"stabilise", *source.without}, pair=True).program
    return rename_reserved(simplified)


def _choose(
    builder: JacobianBuilder, jacobian: Jacobian, name: str, *, sparse: bool = False
) -> Pattern:
    pattern = choose_pattern(jacobian, name, builder.fresh, sparse=sparse)
    for definition in pattern.definitions:
        builder.define(definition)
    return pattern


def _label(source: Source, pair: tuple[str, str]) -> str:
    return (
        f"∂²{source.name}/∂{pair[0]}²"
        if pair[0] == pair[1]
        else (f"∂²{source.name}/∂{pair[0]}∂{pair[1]}")
    )
