"""Forward mode: from a program to the program that also computes its Jacobian-vector products."""

from __future__ import annotations

import sympy

from symgrad.differentiate.linearise import linearise
from symgrad.differentiate.masks import mask_of, pull_selection
from symgrad.differentiate.matrices import MatrixRules
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
        else:
            linear = linearise(statement, dtypes, frozenset(tangents), fresh)
            dtypes.update((helper.name, helper.dtype) for helper in linear.auxiliary)
            definitions.extend(linear.auxiliary)
            terms = []
            for partial in linear.partials:
                tangent = Access(tangents[partial.access.name], *partial.access.subscripts)
                body = _masked_product(partial.coefficient, tangent)
                terms.append(Term(body, partial.axes, "sum", partial.guards))
            definitions.append(
                Definition(name, statement.axes, statement.dtype, tuple(terms), statement.origin)
            )
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


def _masked_product(coefficient: sympy.Expr, tangent: Access) -> sympy.Expr:
    """c·ẋ that is exactly 0 where c is masked: an infinite ẋ of the branch not taken stays out."""
    product = pull_selection(coefficient * tangent)
    mask = mask_of(coefficient)
    return product if mask is None else f.select(mask, product, sympy.S.Zero)
