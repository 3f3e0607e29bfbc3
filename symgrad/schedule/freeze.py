"""From SymPy to flat operations, with `freeze_bodies`: the last place that knows SymPy."""

from __future__ import annotations

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    DType,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    format_statement,
)
from symgrad.schedule.freeze_bodies import freeze_body, freeze_subscript
from symgrad.schedule.freeze_text import size_text
from symgrad.schedule.frozen import (
    FrozenArray,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenIndexCheck,
    FrozenMatrixOperation,
    FrozenProgram,
    FrozenReshape,
    FrozenStatement,
    FrozenTerm,
)
from symgrad.schedule.shifts import split_logsumexp

__all__ = ["freeze"]


def freeze(program: Program, wrt: tuple[str, ...] = ()) -> FrozenProgram:
    """The program as flat operations; `wrt` names its parameters, the other arguments are data.

    Raises:
        CompileError: a node of a body that has no operation; names the definition and the node.
    """
    dtypes = program.dtypes()
    arguments = tuple(
        FrozenArray(a.name, tuple(size_text(e) for e in a.shape), a.dtype)
        for a in program.arguments
    )
    constants = tuple(
        FrozenArray(c.name, tuple(str(n) for n in c.shape), c.dtype) for c in program.constants
    )
    statements = tuple(_freeze_statement(s, dtypes) for s in program.definitions)
    sizes = tuple(size.name for size in program.sizes())
    return split_logsumexp(
        FrozenProgram(program.name, arguments, constants, sizes, statements, program.outputs, wrt)
    )


def _freeze_statement(statement: Statement, dtypes: dict[str, DType]) -> FrozenStatement:
    formula = format_statement(statement)
    line = statement.origin.line if statement.origin else 0
    if isinstance(statement, Reshape):
        shape = tuple(size_text(e) for e in statement.shape)
        return FrozenReshape(
            statement.name, shape, statement.dtype, statement.source, formula, line
        )
    if isinstance(statement, IndexCheck):
        shape = tuple(size_text(e) for e in statement.shape)
        return FrozenIndexCheck(
            statement.name,
            shape,
            statement.dtype,
            statement.source,
            size_text(statement.extent),
            statement.array,
            statement.array_axis,
            formula,
            line,
        )
    if isinstance(statement, MatrixOperation):
        return FrozenMatrixOperation(
            statement.name,
            tuple(size_text(e) for e in statement.shape),
            statement.dtype,
            statement.routine,
            statement.operands,
            statement.transposed,
            statement.vector,
            formula,
            line,
        )
    terms = tuple(_freeze_term(statement, term, dtypes) for term in statement.terms)
    axes = _freeze_axes(statement.axes)
    return FrozenDefinition(statement.name, axes, statement.dtype, terms, formula, line)


def _freeze_axes(axes: tuple[Axis, ...]) -> tuple[FrozenAxis, ...]:
    return tuple(FrozenAxis(axis.index.name, size_text(axis.extent)) for axis in axes)


def _freeze_term(definition: Definition, term: Term, dtypes: dict[str, DType]) -> FrozenTerm:
    indices = frozenset(a.index for a in definition.axes + term.axes)
    bound = frozenset(a.index for a in term.axes)
    scale, body = _split_scale(term, bound)
    guards = tuple(_freeze_guard(definition, guard, indices) for guard in term.guards)
    return FrozenTerm(
        freeze_body(definition, dtypes, indices, body),
        _freeze_axes(term.axes),
        term.reduction,
        guards,
        () if scale == 1 else freeze_body(definition, dtypes, indices, scale),
    )


def _split_scale(term: Term, bound: frozenset[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
    """c·f with c free of arrays and summed indices: Σ c·f = c·Σ f."""
    if not term.axes or term.reduction != "sum":
        return sympy.S.One, term.body
    outside: list[sympy.Expr] = []
    inside: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(term.body):
        stays = factor.has(Access) or bool(factor.free_symbols & bound) or _needs_helper(factor)
        (inside if stays else outside).append(factor)
    return sympy.Mul(*outside), sympy.Mul(*inside)


def _needs_helper(factor: sympy.Expr) -> bool:
    """Scales run on the host, outside the kernels, where helper functions are not compiled."""
    return any(type(call) not in (sympy.exp, sympy.log) for call in factor.atoms(sympy.Function))


def _freeze_guard(
    definition: Definition, guard: Guard, indices: frozenset[sympy.Symbol]
) -> FrozenGuard:
    left = freeze_subscript(definition, guard.left, indices)
    right = freeze_subscript(definition, guard.right, indices)
    return FrozenGuard(left, guard.relation, right)
