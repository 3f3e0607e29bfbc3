"""What Jacobians cost, to choose between forward and reverse accumulation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sympy

from symgrad.differentiate.entries import Jacobian
from symgrad.differentiate.jacobian import JacobianBuilder
from symgrad.program import Definition, dependencies
from symgrad.simplify.operations import operations_in

__all__ = ["count_operations", "reads_any", "without_cotangents"]

_NOMINAL_SIZE = 64  # sizes are symbols; costs of two ways are compared as if all were this


def reads_any(
    builder: JacobianBuilder, jacobians: Iterable[Jacobian], names: Collection[str]
) -> bool:
    """Whether Jacobians depend on any of these arguments."""
    needed = _needed(builder, jacobians)
    return any(name in needed for name in names)


def _needed(builder: JacobianBuilder, jacobians: Iterable[Jacobian]) -> set[str]:
    """Names of everything that the entries of Jacobians are computed from."""
    needed: set[str] = set()
    for jacobian in jacobians:
        probe = Definition("probe", (), jacobian.dtype, tuple(e.term() for e in jacobian.entries))
        needed.update(dependencies(probe))
    for statement in reversed(builder.statements()):
        if statement.name in needed:
            needed.update(dependencies(statement))
    return needed


def without_cotangents(builder: JacobianBuilder, cotangents: Sequence[str]) -> JacobianBuilder:
    """The builder without the statements that a cotangent flows through: no Jacobian reads them."""
    tainted = set(cotangents)
    for statement in builder.statements():
        if any(name in tainted for name in dependencies(statement)):
            tainted.add(statement.name)
    builder.drop(tainted)
    return builder


def count_operations(builder: JacobianBuilder, jacobians: Iterable[Jacobian]) -> float:
    """Scalar operations of all that Jacobians need, with every size at a nominal value."""
    listed = list(jacobians)
    needed = _needed(builder, listed)
    total = 0.0
    for statement in builder.statements():
        if statement.name in needed and isinstance(statement, Definition):
            total += _operations(statement)
    for jacobian in listed:
        axes = (*jacobian.rows, *jacobian.columns)
        terms = tuple(entry.term() for entry in jacobian.entries)
        total += _operations(Definition("probe", axes, jacobian.dtype, terms))
    return total


def _operations(definition: Definition) -> float:
    total = 0.0
    for term in definition.terms:
        extents = [axis.extent for axis in (*definition.axes, *term.axes)]
        ties = sum(guard.relation == "==" for guard in term.guards)
        runs = float(_NOMINAL_SIZE) ** -ties
        for extent in extents:
            runs *= _nominal(extent)
        total += runs * (1 + operations_in(term.body))
    return total


def _nominal(extent: sympy.Expr) -> float:
    values = {symbol: sympy.Integer(_NOMINAL_SIZE) for symbol in extent.free_symbols}
    return float(extent.xreplace(values))
