"""The differential of a definition: one `Partial` for each access that can carry a derivative.

dY[o] = Σ over partials  Σ_axes [guards] coefficient · dX[subscripts]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy

from symgrad.differentiate.scalar import (
    differentiate_quotient,
    differentiate_scalar,
    is_total,
    may_vanish,
    reuse_value,
)
from symgrad.errors import DifferentiationError
from symgrad.program import (
    Access,
    Axis,
    Definition,
    DType,
    Guard,
    Term,
    accesses,
    index_symbol,
    is_floating,
)
from symgrad.program import functions as f

__all__ = ["Linearisation", "Partial", "linearise"]


@dataclass(frozen=True, slots=True)
class Partial:
    """`Σ_axes [guards] coefficient · dX[subscripts]`, a part of a definition's differential.

    `total` says that the coefficient is finite wherever the model's values are: then a zero
    adjoint times it is zero. `vanishing` says that it can be 0 by rounding.
    """

    access: Access
    coefficient: sympy.Expr
    axes: tuple[Axis, ...]
    guards: tuple[Guard, ...]
    total: bool
    vanishing: bool


@dataclass(frozen=True, slots=True)
class Linearisation:
    """Partials of one definition, and the definitions that their coefficients need."""

    partials: tuple[Partial, ...]
    auxiliary: tuple[Definition, ...]


def linearise(
    definition: Definition,
    dtypes: dict[str, DType],
    active: frozenset[str],
    fresh: Callable[[str], str],
) -> Linearisation:
    """The differential of a definition by its accesses to `active` arrays.

    Args:
        definition: what is differentiated.
        dtypes: element type of every array of the program.
        active: names of the arrays that carry a derivative.
        fresh: gives an unused name that starts like its argument.

    Raises:
        DifferentiationError: a reduction without a derivative.
    """
    partials: list[Partial] = []
    auxiliary: list[Definition] = []
    for term in definition.terms:
        found = [a for a in accesses(term.body) if a.name in active and is_floating(dtypes[a.name])]
        if not found:
            continue
        outer, guards, helpers = _reduction_weight(definition, term, fresh)
        slope = _tanh_slope(definition, term, dtypes, fresh)
        auxiliary.extend((*helpers, *slope))
        for access in found:
            inner = differentiate_scalar(term.body, access)
            total, vanishing = is_total(outer * inner), may_vanish(outer * inner)
            if _stores_its_body(definition, term, dtypes):
                quotient = differentiate_quotient(term.body, access, definition.access)
                inner = inner if quotient is None else quotient
                inner = reuse_value(inner, term.body, definition.access)
                if slope:
                    inner = inner.xreplace({slope[0].terms[0].body: slope[0].access})
            if inner != 0:
                partials.append(Partial(access, outer * inner, term.axes, guards, total, vanishing))
    return Linearisation(tuple(partials), tuple(auxiliary))


def _tanh_slope(
    definition: Definition, term: Term, dtypes: dict[str, DType], fresh: Callable[[str], str]
) -> tuple[Definition, ...]:
    """sech²(u) behind y = tanh(u): in one loop they share an exponential."""
    if not isinstance(term.body, sympy.tanh) or not _stores_its_body(definition, term, dtypes):
        return ()
    body = f.sech_squared(term.body.args[0], definition.access)
    name = fresh(f"{definition.name}_slope")
    terms = (Term(body),)
    return (Definition(name, definition.axes, definition.dtype, terms, definition.origin),)


def _stores_its_body(definition: Definition, term: Term, dtypes: dict[str, DType]) -> bool:
    """Whether the definition's value is the body itself, in the type it was computed in."""
    alone = len(definition.terms) == 1 and not term.axes and not term.guards
    return alone and all(
        dtypes[a.name] == definition.dtype or not is_floating(dtypes[a.name])
        for a in accesses(term.body)
    )


def _reduction_weight(
    definition: Definition, term: Term, fresh: Callable[[str], str]
) -> tuple[sympy.Expr, tuple[Guard, ...], tuple[Definition, ...]]:
    """∂(reduction)/∂(body at one element): its weight, the domain it holds on, and helpers."""
    if term.reduction == "sum" or not term.axes:
        return sympy.S.One, term.guards, ()
    if term.reduction == "logsumexp":
        # ∂ log Σ_r exp(b_r) / ∂b_r = exp(b_r − value)
        return sympy.exp(term.body - definition.access), term.guards, ()
    if term.reduction == "norm":
        # ∂ sqrt(Σ_r b_r²) / ∂b_r = b_r/value, and 0 where the value is
        unit = f.select(f.equal(definition.access, 0), sympy.S.Zero, term.body / definition.access)
        return unit, term.guards, ()
    if term.reduction in ("max", "min"):
        return _extreme_weight(definition, term, fresh)
    if term.reduction == "prod":
        return _product_weight(definition, term, fresh)
    raise DifferentiationError(
        f"'{definition.name}' ({definition.origin}): {term.reduction} has no derivative"
    )


def _extreme_weight(
    definition: Definition, term: Term, fresh: Callable[[str], str]
) -> tuple[sympy.Expr, tuple[Guard, ...], tuple[Definition, ...]]:
    """∂ max_r b_r / ∂b_r = [r = argmax]: the first of equal elements takes the derivative."""
    (axis,) = term.axes
    kind = "argmax" if term.reduction == "max" else "argmin"
    position = Definition(
        fresh(f"{definition.name}_{kind}"),
        definition.axes,
        "int64",
        (replace(term, reduction=kind),),  # type: ignore[arg-type]
        definition.origin,
    )
    guard = Guard(axis.index, "==", position.access)
    return sympy.S.One, (*term.guards, guard), (position,)


def _product_weight(
    definition: Definition, term: Term, fresh: Callable[[str], str]
) -> tuple[sympy.Expr, tuple[Guard, ...], tuple[Definition, ...]]:
    """∂ Π_k b_k / ∂b_r = Π_{k<r} b_k · Π_{k>r} b_k: no division, so zeros are right too."""
    if len(term.axes) != 1:
        raise DifferentiationError(f"'{definition.name}': a product over several axes at once")
    (axis,) = term.axes
    inner = index_symbol(f"{axis.index.name}_other")
    moved = term.xreplace({axis.index: inner})
    scanned = _scanned_axis(definition, moved, inner)
    helpers = []
    for label, low, high in (("before", inner, axis.index), ("after", axis.index, inner)):
        axes = (*definition.axes, axis)
        body = replace(moved, axes=(Axis(inner, axis.extent),))
        if scanned is None:
            body = replace(body, guards=(*moved.guards, Guard(low, "<", high)))
        elif (moved.guards[0].left == inner) == (label == "before"):
            # k < r ≤ i: the product before r is the same for every i.
            axes = (*(a for a in definition.axes if a != scanned), axis)
            body = replace(body, guards=(Guard(low, "<", high),))
        else:
            # Π_{r < k ≤ i} as a running product along i.
            body = replace(body, body=f.select(f.less(low, high), moved.body, sympy.S.One))
        helpers.append(
            Definition(
                fresh(f"{definition.name}_{label}"),
                axes,
                definition.dtype,
                (body,),
                definition.origin,
            )
        )
    return helpers[0].access * helpers[1].access, term.guards, tuple(helpers)


def _scanned_axis(definition: Definition, term: Term, inner: sympy.Symbol) -> Axis | None:
    """The axis of a cumulative product, Π_k [k ≤ i] f(k) or [i ≤ k] f(k), with f free of i."""
    if len(term.guards) != 1 or term.guards[0].relation not in ("<", "<="):
        return None
    sides = (term.guards[0].left, term.guards[0].right)
    if inner not in sides:
        return None
    other = sides[0] if sides[1] == inner else sides[1]
    axis = next((a for a in definition.axes if a.index == other), None)
    if axis is None or axis.extent != term.axes[0].extent or other in term.body.free_symbols:
        return None
    return axis
