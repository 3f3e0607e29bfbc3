"""Ways of accumulating a Jacobian or a Hessian, and which of them costs less."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import sympy

from symgrad.differentiate import Gradient, pull_back
from symgrad.differentiate.entries import Jacobian, transpose_jacobian
from symgrad.differentiate.jacobian import JacobianBuilder
from symgrad.program import Definition, Program, dependencies
from symgrad.simplify import simplify
from symgrad.simplify.inlining import inline_copies
from symgrad.simplify.operations import operations_in

__all__ = [
    "HessianWay",
    "Source",
    "cheaper_hessian",
    "cheaper_jacobians",
    "gradient_of",
    "hessian_ways",
    "prepare",
]

_NOMINAL_SIZE = 64  # sizes are symbols; costs of two ways are compared as if all were this


@dataclass(frozen=True, slots=True)
class Source:
    """The function that is differentiated: its program before inlining, and what is asked of it."""

    name: str
    where: str
    program: Program
    wrt: tuple[str, ...]
    single_wrt: bool
    returns_tuple: bool
    is_scalar: bool
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HessianWay:
    """The blocks of a Hessian by pair of arguments, and the gradient that they are derived of."""

    gradient: Gradient
    builder: JacobianBuilder
    blocks: dict[tuple[str, str], Jacobian]


def hessian_ways(source: Source) -> list[HessianWay]:
    """Forward mode on the gradient, and Σ Jᵀ·S·J where it exists; each pair of arguments once."""
    gradient = gradient_of(source)
    builder = JacobianBuilder(gradient.program)
    adjoint_of = dict(zip(source.wrt, gradient.adjoints, strict=True))
    found: dict[tuple[str, str], Jacobian] = {}
    for position, wrt in enumerate(source.wrt):
        rows = source.wrt[: position + 1]
        for row, jacobian in zip(
            rows, builder.expand(wrt, tuple(adjoint_of[r] for r in rows)), strict=True
        ):
            found[row, wrt] = jacobian
    apart = gradient_of(source, apart=True)
    other = JacobianBuilder(apart.program)
    summed = other.expand_hessian(tuple(found), dict(apart.belongs))
    ways = [HessianWay(gradient, builder, found)]
    return ways if summed is None else [*ways, HessianWay(apart, other, summed)]


def cheaper_hessian(source: Source) -> HessianWay:
    """The blocks of a Hessian by pair of arguments, in the way with the fewest operations."""
    return min(hessian_ways(source), key=lambda w: _count_operations(w.builder, w.blocks.values()))


def cheaper_jacobians(
    source: Source, outputs: tuple[str, ...]
) -> tuple[JacobianBuilder, dict[tuple[str, str], Jacobian]]:
    """All Jacobians by forward or by reverse accumulation, whichever has fewer operations."""
    forward = JacobianBuilder(prepare(source, source.program))
    by_forward = {
        (output, wrt): jacobian
        for wrt in source.wrt
        for output, jacobian in zip(outputs, forward.expand(wrt, outputs), strict=True)
    }
    gradient = gradient_of(source, seeded=True)
    reverse = JacobianBuilder(gradient.program)
    by_reverse: dict[tuple[str, str], Jacobian] = {}
    for output, cotangent in zip(outputs, gradient.cotangents, strict=True):
        for wrt, jacobian in zip(
            source.wrt, reverse.expand(cotangent, gradient.adjoints), strict=True
        ):
            by_reverse[output, wrt] = transpose_jacobian(jacobian)
    costs = [
        _count_operations(b, f.values()) for b, f in ((forward, by_forward), (reverse, by_reverse))
    ]
    arguments = forward.base.arguments
    if costs[1] < costs[0] and not _reads_any(reverse, by_reverse.values(), gradient.cotangents):
        reverse.base = replace(reverse.base, arguments=arguments)
        return _without_cotangents(reverse, gradient.cotangents), by_reverse
    return forward, by_forward


def gradient_of(source: Source, *, seeded: bool = False, apart: bool = False) -> Gradient:
    """The gradient with values apart, ready to be differentiated again."""
    unit_seed = source.is_scalar and not seeded
    raw = pull_back(source.program, source.wrt, unit_seed=unit_seed)
    return replace(raw, program=prepare(source, raw.program, apart=apart))


def prepare(source: Source, program: Program, *, apart: bool = False) -> Program:
    """The program with constants, copies and deltas written out, everything else kept apart.

    If `apart`, equal definitions are too, so that an adjoint is that of one array.
    """
    without = {"stabilise", *source.without, *(("merge_equal",) if apart else ())}
    while True:
        before = program
        program = simplify(program, without=without, inline=False).program
        program = program if "inline" in without else inline_copies(program)
        if program == before:
            return program


# --- costs ----------------------------------------------------------------------------------------


def _reads_any(
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


def _without_cotangents(builder: JacobianBuilder, cotangents: Sequence[str]) -> JacobianBuilder:
    """The builder without the statements that a cotangent flows through: no Jacobian reads them."""
    tainted = set(cotangents)
    for statement in builder.statements():
        if any(name in tainted for name in dependencies(statement)):
            tainted.add(statement.name)
    builder.drop(tainted)
    return builder


def _count_operations(builder: JacobianBuilder, jacobians: Iterable[Jacobian]) -> float:
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
