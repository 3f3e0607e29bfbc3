"""Contractions: y[o…] = Σ_{c…} a[…]·b[…], plain products of accesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import apply_elementwise
from symgrad.capture.operands import (
    Operand,
    as_array,
    as_operand,
    fail_shapes,
    result_dtype,
    shape_text,
)
from symgrad.capture.reductions import normalise_axis, sum_
from symgrad.capture.sizes import size_value
from symgrad.capture.tracer import current_tracer, fail, slot
from symgrad.program import Axis, Term

__all__ = ["contract"]

Labels = tuple[object, ...]


def contract(
    operation: str,
    operands: Sequence[Operand],
    labels: Sequence[Labels],
    output: Labels,
    *,
    broadcast: bool = False,
) -> SymbolicArray:
    """y[output] = Σ over the other labels of the product of operands[labels].

    Axes that share a label run together; with `broadcast`, length 1 stretches.
    """
    extents: dict[object, sympy.Expr] = {}
    givers: dict[object, Operand] = {}
    tracer = current_tracer()
    for operand, own in zip(operands, labels, strict=True):
        for label, extent in zip(own, operand.shape, strict=True):
            known = extents.get(label)
            if known is None or (broadcast and known == 1):
                extents[label], givers[label] = extent, operand
            elif not (broadcast and extent == 1) and not tracer.same_extent(known, extent):
                fail_shapes(operation, givers[label], operand)
    summed = [label for label in extents if label not in output]
    index = {label: slot(k) for k, label in enumerate((*output, *summed))}
    body: sympy.Expr = sympy.S.One
    for operand, own in zip(operands, labels, strict=True):
        body *= operand.at(
            [
                sympy.S.Zero if extent == 1 and extents[label] != 1 else index[label]
                for label, extent in zip(own, operand.shape, strict=True)
            ]
        )
    dtype = result_dtype(operation, operands)
    if dtype == "bool":
        fail(operation, "products of booleans are not captured", "x.astype(np.float64)")
    bound = tuple(Axis(index[label], extents[label]) for label in summed)
    shape = [extents[label] for label in output]
    return define(operation, shape, dtype, [Term(body, bound)])


def _pair(operation: str, a: Any, b: Any) -> tuple[Operand, Operand]:
    return as_operand(operation, a), as_operand(operation, b)


def _batched(
    operation: str,
    left: Operand,
    right: Operand,
    left_core: Labels,
    right_core: Labels,
    output_core: Labels,
) -> SymbolicArray:
    """A contraction of the last axes, the axes before them broadcast."""
    batches = []
    for operand, core in ((left, left_core), (right, right_core)):
        if len(operand.shape) < len(core):
            fail(operation, f"{operand.label} has {len(operand.shape)} axes, too few")
        batches.append(len(operand.shape) - len(core))
    common = tuple(range(-max(batches), 0))
    labels = [
        (*common[len(common) - batch :], *core)
        for batch, core in zip(batches, (left_core, right_core), strict=True)
    ]
    return contract(operation, [left, right], labels, (*common, *output_core), broadcast=True)


@implements(name="np.matmul")
def matmul(x1: Any, x2: Any, /) -> SymbolicArray:
    """y[b,i,j] = Σ_k a[b,i,k]·b[b,k,j]; 1-d operands are vectors."""
    left, right = _pair("np.matmul", x1, x2)
    for operand in (left, right):
        if not operand.shape:
            fail("np.matmul", f"{operand.label} is 0-d; @ needs at least one axis", "x * y")
    if len(left.shape) == 1 and len(right.shape) == 1:
        return _checked_batched("np.matmul", left, right, ("k",), ("k",), ())
    if len(left.shape) == 1:
        return _checked_batched("np.matmul", left, right, ("k",), ("k", "j"), ("j",))
    if len(right.shape) == 1:
        return _checked_batched("np.matmul", left, right, ("i", "k"), ("k",), ("i",))
    return _checked_batched("np.matmul", left, right, ("i", "k"), ("k", "j"), ("i", "j"))


def _checked_batched(
    operation: str,
    left: Operand,
    right: Operand,
    left_core: Labels,
    right_core: Labels,
    output_core: Labels,
) -> SymbolicArray:
    """As `_batched`, but contracted axes must agree: only the batch axes stretch."""
    for operand in (left, right):
        core = left_core if operand is left else right_core
        if len(operand.shape) < len(core):
            fail(operation, f"{operand.label} has {len(operand.shape)} axes, too few")
    inner_left = left.shape[len(left.shape) - len(left_core) + left_core.index("k")]
    inner_right = right.shape[len(right.shape) - len(right_core) + right_core.index("k")]
    if not current_tracer().same_extent(inner_left, inner_right):
        fail_shapes(operation, left, right)
    return _batched(operation, left, right, left_core, right_core, output_core)


@implements(name="np.vecdot")
def vecdot(x1: Any, x2: Any, /) -> SymbolicArray:
    """y[b] = Σ_k a[b,k]·b[b,k]."""
    return _checked_batched("np.vecdot", *_pair("np.vecdot", x1, x2), ("k",), ("k",), ())


@implements(name="np.matvec")
def matvec(x1: Any, x2: Any, /) -> SymbolicArray:
    """y[b,i] = Σ_k a[b,i,k]·b[b,k]."""
    return _checked_batched("np.matvec", *_pair("np.matvec", x1, x2), ("i", "k"), ("k",), ("i",))


@implements(name="np.vecmat")
def vecmat(x1: Any, x2: Any, /) -> SymbolicArray:
    """y[b,j] = Σ_k a[b,k]·b[b,k,j]."""
    return _checked_batched("np.vecmat", *_pair("np.vecmat", x1, x2), ("k",), ("k", "j"), ("j",))


@implements(np.dot, method="dot")
def dot(a: Any, b: Any, out: None = None) -> Any:
    """y[i…,j…] = Σ_k a[i…,k]·b[…,k,j]; with a 0-d operand, the product."""
    left, right = _pair("np.dot", a, b)
    if not left.shape or not right.shape:
        return apply_elementwise(np.multiply, (a, b), {})
    first = tuple(f"i{k}" for k in range(len(left.shape) - 1))
    last = [f"j{k}" for k in range(len(right.shape) - 1)]
    position = max(0, len(right.shape) - 2)
    second = (*last[:position], "k", *last[position:])
    return contract("np.dot", [left, right], [(*first, "k"), second], (*first, *last))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> SymbolicArray:
    """y = Σ a·b over all elements."""
    from symgrad.capture.shaping import ravel

    flat = [as_operand("np.vdot", ravel(as_array("np.vdot", x))) for x in (a, b)]
    return contract("np.vdot", flat, [("k",), ("k",)], ())


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """y[i…,j…] = Σ_k a[i…,k]·b[j…,k]."""
    left, right = _pair("np.inner", a, b)
    if not left.shape or not right.shape:
        return apply_elementwise(np.multiply, (a, b), {})
    first = tuple(f"i{k}" for k in range(len(left.shape) - 1))
    second = tuple(f"j{k}" for k in range(len(right.shape) - 1))
    return contract("np.inner", [left, right], [(*first, "k"), (*second, "k")], (*first, *second))


@implements(np.outer, np.linalg.outer)
def outer(a: Any, b: Any, out: None = None) -> SymbolicArray:
    """y[i,j] = a[i]·b[j]."""
    from symgrad.capture.shaping import ravel

    flat = [as_operand("np.outer", ravel(as_array("np.outer", x))) for x in (a, b)]
    return contract("np.outer", flat, [("i",), ("j",)], ("i", "j"))


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> SymbolicArray:
    """y[i…,j…] = Σ_{k…} a[i…,k…]·b[k…,j…]."""
    left, right = _pair("np.tensordot", a, b)
    first, second = _tensordot_axes(axes, len(left.shape), len(right.shape))
    left_labels: list[object] = [f"i{k}" for k in range(len(left.shape))]
    right_labels: list[object] = [f"j{k}" for k in range(len(right.shape))]
    for number, (p, q) in enumerate(zip(first, second, strict=True)):
        left_labels[p] = right_labels[q] = number
    output = [label for label in (*left_labels, *right_labels) if isinstance(label, str)]
    return contract(
        "np.tensordot", [left, right], [tuple(left_labels), tuple(right_labels)], tuple(output)
    )


def _tensordot_axes(axes: Any, left: int, right: int) -> tuple[list[int], list[int]]:
    count = size_value(axes)
    if count is not None:
        if not count.is_Integer or int(count) > min(left, right):
            fail("np.tensordot", f"axes={axes} is more than the operands have")
        return list(range(left - int(count), left)), list(range(int(count)))
    given = [list(entry) if isinstance(entry, (list, tuple)) else [entry] for entry in axes]
    if len(given) != 2 or len(given[0]) != len(given[1]):
        fail("np.tensordot", "axes must be a number or two lists of the same length")
    first = [normalise_axis("np.tensordot", axis, left) for axis in given[0]]
    return first, [normalise_axis("np.tensordot", axis, right) for axis in given[1]]


@implements(np.kron)
def kron(a: Any, b: Any) -> SymbolicArray:
    """y[i·p + r, j·q + s] = a[i,j]·b[r,s]."""
    left, right = as_array("np.kron", a), as_array("np.kron", b)
    rank = max(left.ndim, right.ndim)
    left = left[(*[None] * (rank - left.ndim), ...)]
    right = right[(*[None] * (rank - right.ndim), ...)]
    first = tuple(f"i{k}" for k in range(rank))
    second = tuple(f"j{k}" for k in range(rank))
    interleaved = tuple(label for pair in zip(first, second, strict=True) for label in pair)
    operands = _pair("np.kron", left, right)
    product = contract("np.kron", operands, [first, second], interleaved)
    shape = tuple(p * q for p, q in zip(left.shape, right.shape, strict=True))
    return product.reshape(shape)


@implements(np.trace, np.linalg.trace, method="trace")
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
) -> Any:
    """y = Σ_i x[i, i + offset]."""
    from symgrad.capture.matrices import diagonal

    return sum_(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


# --- einsum ------------------------------------------------------------------------------------


@implements(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = None, order: str = "K") -> Any:
    """y[output] = Σ over the other letters of the product of all operands.

    More than two operands are contracted from left to right, one definition for each step.
    """
    if not isinstance(subscripts, str):
        fail("np.einsum", "the form with lists of axes is not captured", "np.einsum('ij,j->i', …)")
    given = [as_operand("np.einsum", operand) for operand in operands]
    labels, output = _parse_einsum(subscripts, given)
    while len(given) > 2:
        needed = {label for own in labels[2:] for label in own} | set(output)
        both = dict.fromkeys((*labels[0], *labels[1]))
        kept = tuple(label for label in both if label in needed)
        product = contract("np.einsum", given[:2], labels[:2], kept, broadcast=True)
        given = [as_operand("np.einsum", product), *given[2:]]
        labels = [kept, *labels[2:]]
    return contract("np.einsum", given, labels, output, broadcast=True)


def _parse_einsum(subscripts: str, operands: Sequence[Operand]) -> tuple[list[Labels], Labels]:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        fail("np.einsum", f"'{subscripts}' has {len(parts)} operands but {len(operands)} are given")
    labels = [_einsum_labels(part, o) for part, o in zip(parts, operands, strict=True)]
    ellipsis = sorted({x for own in labels for x in own if isinstance(x, int)})
    if arrow:
        output = _expand_ellipsis(right, tuple(ellipsis))
    else:
        letters = sorted({x for own in labels for x in own if isinstance(x, str)})
        once = [x for x in letters if left.count(x) == 1]
        output = (*ellipsis, *once)
    known = {label for own in labels for label in own}
    unknown = [str(label) for label in output if label not in known]
    if unknown or len(set(output)) < len(output):
        fail("np.einsum", f"the output of '{subscripts}' has unknown or repeated letters")
    return labels, output


def _expand_ellipsis(part: str, ellipsis: tuple[int, ...]) -> Labels:
    before, dots, after = part.partition("...")
    return (*before, *(ellipsis if dots else ()), *after)


def _einsum_labels(part: str, operand: Operand) -> Labels:
    rank = len(operand.shape)
    named = len(part.replace("...", ""))
    if "..." in part and named <= rank:
        return _expand_ellipsis(part, tuple(range(named - rank, 0)))
    if named != rank:
        fail(
            "np.einsum",
            f"'{part}' names {named} axes but {operand.label} has shape "
            f"{shape_text(operand.shape)}",
        )
    return tuple(part)
