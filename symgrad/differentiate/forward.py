"""Forward mode: from a program to the program that also computes its Jacobian-vector products."""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from symgrad.differentiate.linearise import linearise
from symgrad.differentiate.masks import (
    ZeroMasks,
    absorbing,
    mask_of,
    outside_selections,
    pull_selection,
)
from symgrad.differentiate.matrices import MatrixRules
from symgrad.differentiate.poles import Poles
from symgrad.program import (
    Access,
    Argument,
    Definition,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    dependencies,
    is_floating,
    verify,
)
from symgrad.program import functions as f
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["push_forward"]


def push_forward(program: Program, wrt: tuple[str, ...]) -> Program:
    """The Jacobian-vector product Ẏ = Σ_x ∂Y/∂x·ẋ of every output Y.

    The result has one more argument `x_tangent` for each x in `wrt`, in that order, and one more
    output for each floating output of the primal.
    """
    dtypes = program.dtypes()
    shapes = program.shapes()
    fresh = FreshNames(program)
    index = FreshIndices(program, "u")
    arguments = {a.name: a for a in program.arguments}
    tangents: dict[str, str] = {}
    added = []
    for name in wrt:
        tangents[name] = fresh(f"{name}_tangent")
        added.append(Argument(tangents[name], arguments[name].shape, arguments[name].dtype))
    definitions: list[Statement] = []
    products = _Products(program)
    for statement in program.definitions:
        definitions.append(statement)
        reached = any(name in tangents for name in dependencies(statement))
        if isinstance(statement, IndexCheck) or not is_floating(statement.dtype) or not reached:
            continue
        if isinstance(statement, MatrixOperation):
            rules = MatrixRules(statement, shapes, fresh, index)
            known = {n: tangents[n] for n in dependencies(statement) if n in tangents}
            tangent = rules.push_forward(known)
            definitions.extend(rules.statements)
            if tangent is not None:
                tangents[statement.name] = tangent
            continue
        name = fresh(f"{statement.name}_dot")
        if isinstance(statement, Reshape):
            source = tangents[statement.source]
            definitions.append(
                Reshape(name, statement.shape, statement.dtype, source, statement.origin)
            )
            products.note_tangent(definitions[-1], statement.name)
        else:
            linear = linearise(statement, dtypes, frozenset(tangents), fresh)
            dtypes.update((helper.name, helper.dtype) for helper in linear.auxiliary)
            definitions.extend(linear.auxiliary)
            terms = []
            for partial in linear.partials:
                tangent = Access(tangents[partial.access.name], *partial.access.subscripts)
                body = products.product(partial.coefficient, tangent, partial.vanishing)
                terms.append(Term(body, partial.axes, "sum", partial.guards))
            definitions.append(
                Definition(name, statement.axes, statement.dtype, tuple(terms), statement.origin)
            )
            products.note_tangent(definitions[-1], statement.name)
        tangents[statement.name] = name
    outputs = []
    for output in program.outputs:
        if output not in tangents and is_floating(dtypes[output]):
            # An output without any of `wrt` in it has the derivative 0, and keeps its place.
            constant = program.statement(output)
            axes = FreshIndices(program, "z").axes(constant.shape)
            tangents[output] = fresh(f"{output}_dot")
            definitions.append(Definition(tangents[output], axes, constant.dtype, ()))
        if output in tangents:
            outputs.append(tangents[output])
    return verify(
        Program(
            program.name,
            (*program.arguments, *added),
            tuple(definitions),
            (*program.outputs, *outputs),
            program.constants,
        )
    )


class _Products:
    """Products c·ẋ that keep exact zeros: where one factor is 0, an infinite other is not read."""

    def __init__(self, program: Program) -> None:
        self.zero = ZeroMasks()
        self.poles = Poles(program)
        for statement in program.definitions:
            self.note(statement)

    def note(self, statement: Statement) -> None:
        """Remembers where an array is zero, and whether it can be infinite."""
        self.poles.note(statement)
        self.zero.note(statement)

    def note_tangent(self, statement: Statement, value: str) -> None:
        """The same of a tangent: the tangent of a value that underflows does so too."""
        self.note(statement)
        if value in self.zero.vanishing:
            self.zero.vanishing.add(statement.name)

    def product(
        self, coefficient: sympy.Expr, tangent: Access, vanishing: bool = False
    ) -> sympy.Expr:
        """c·ẋ, exactly 0 where c or ẋ is masked or vanishes; (a + b)·ẋ by parts with own masks.

        `vanishing` says that c can be 0 by rounding.
        """
        if coefficient.is_Add and not self._finite((tangent,)):
            masks = {self.zero.of((part,)) for part in coefficient.args}
            if len(masks) > 1:
                parts = (self.product(part, tangent, vanishing) for part in coefficient.args)
                return sympy.Add(*parts)
        product = pull_selection(coefficient * tangent)
        factors = (*sympy.Mul.make_args(coefficient), tangent)
        mask = self.zero.of(factors)
        if mask is not None:
            own = mask_of(coefficient)
            if self._finite(factors):
                mask = own
            return product if mask is None else f.select(mask, product, sympy.S.Zero)
        absorbed = self.zero.absorbed(factors, lambda factor: self._finite((factor,)))
        if len(absorbed) < len(factors):
            return sympy.Mul(*absorbed)
        if vanishing and not self._finite((tangent,)):
            return absorbing(coefficient, tangent)
        return product

    def _finite(self, factors: Iterable[sympy.Expr]) -> bool:
        return all(self.poles.is_finite(outside_selections(factor)) for factor in factors)
