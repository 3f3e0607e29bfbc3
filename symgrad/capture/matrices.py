"""Diagonals, triangles and identity matrices: guards that compare two indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, define
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import cast_body
from symgrad.capture.keys import nonnegative
from symgrad.capture.operands import as_array, as_operand, checked_dtype
from symgrad.capture.reductions import normalise_axis
from symgrad.capture.shaping import share
from symgrad.capture.sizes import as_size, decide
from symgrad.capture.tracer import current_tracer, fail, slot, slots
from symgrad.program import Access, Guard, Term

__all__ = ["diagonal"]


@implements(np.diagonal, np.linalg.diagonal, method="diagonal")
def diagonal(a: Any, offset: Any = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    """y[…, i] = x[i, i + k] on two axes, which become the last one."""
    operation = "np.diagonal"
    array = as_array(operation, a)
    first, second = (normalise_axis(operation, axis, array.ndim) for axis in (axis1, axis2))
    if first == second:
        fail(operation, "axis1 and axis2 must be different")
    k = as_size(operation, "the offset", offset)
    rest = [axis for axis in range(array.ndim) if axis not in (first, second)]
    down, right = _offsets(operation, k)
    rows = nonnegative(sympy.expand(array.extents[first] - down))
    columns = nonnegative(sympy.expand(array.extents[second] - right))
    shape = [array.extents[axis] for axis in rest] + [_shorter(rows, columns)]
    subscripts: list[sympy.Expr] = [sympy.S.Zero] * array.ndim
    for position, axis in enumerate(rest):
        subscripts[axis] = slot(position)
    subscripts[first] = slot(len(rest)) + down
    subscripts[second] = slot(len(rest)) + right
    body = Access(array.read(operation), *subscripts)
    return define(operation, shape, array.kind, [Term(body)], share(array))


def _offsets(operation: str, k: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Rows skipped and columns skipped before a diagonal starts."""
    if decide(k, ">="):
        return sympy.S.Zero, k
    if decide(k, "<="):
        return -k, sympy.S.Zero
    fail(operation, f"the sign of the offset {k} depends on the sizes")


def _shorter(rows: sympy.Expr, columns: sympy.Expr) -> sympy.Expr:
    if current_tracer().same_extent(rows, columns):
        return rows
    return sympy.Min(rows, columns)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> SymbolicArray:
    """A matrix with v on the k-th diagonal, or that diagonal of a matrix."""
    array = as_array("np.diag", v)
    if array.ndim == 2:
        return diagonal(array, k)
    if array.ndim != 1:
        fail("np.diag", f"an array with {array.ndim} axes has no diagonal", "np.diagonal")
    offset = as_size("np.diag", "k", k)
    down, right = _offsets("np.diag", offset)
    extent = sympy.expand(array.extents[0] + down + right)
    row, column = slots(2)
    guard = Guard(column, "==", row + offset)
    position = row if right != 0 or offset == 0 else column
    term = Term(Access(array.read("np.diag"), position), guards=(guard,))
    return define("np.diag", (extent, extent), array.kind, [term])


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> SymbolicArray:
    """A matrix with the elements of v on the k-th diagonal."""
    return diag(as_array("np.diagflat", v).ravel(), k)


def _triangle(operation: str, m: Any, k: Any, lower: bool) -> SymbolicArray:
    array = as_array(operation, m)
    if array.ndim < 2:
        fail(operation, "it needs a matrix", "x[None, :]")
    row, column = slots(2, array.ndim - 2)
    edge = row + as_size(operation, "k", k)
    guard = Guard(column, "<=", edge) if lower else Guard(edge, "<=", column)
    body = Access(array.read(operation), *slots(array.ndim))
    return define(operation, array.extents, array.kind, [Term(body, guards=(guard,))])


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> SymbolicArray:
    """y[i, j] = x[i, j] for j ≤ i + k, else 0."""
    return _triangle("np.tril", m, k, lower=True)


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> SymbolicArray:
    """y[i, j] = x[i, j] for j ≥ i + k, else 0."""
    return _triangle("np.triu", m, k, lower=False)


@implements(np.eye)
def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: str = "C") -> SymbolicArray:
    """y[i, j] = 1 for j = i + k, else 0."""
    rows = as_size("np.eye", "the number of rows", N)
    columns = rows if M is None else as_size("np.eye", "the number of columns", M)
    guard = Guard(slot(1), "==", slot(0) + as_size("np.eye", "k", k))
    term = Term(sympy.S.One, guards=(guard,))
    return define("np.eye", (rows, columns), checked_dtype("np.eye", dtype), [term])


@implements(np.identity)
def identity(n: Any, dtype: Any = None) -> SymbolicArray:
    """y[i, j] = 1 for i = j, else 0."""
    return eye(n, dtype=float if dtype is None else dtype)


@implements(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> SymbolicArray:
    """y[i, j] = 1 for j ≤ i + k, else 0."""
    rows = as_size("np.tri", "the number of rows", N)
    columns = rows if M is None else as_size("np.tri", "the number of columns", M)
    guard = Guard(slot(1), "<=", slot(0) + as_size("np.tri", "k", k))
    term = Term(sympy.S.One, guards=(guard,))
    return define("np.tri", (rows, columns), checked_dtype("np.tri", dtype), [term])


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """y′[i, j] = v for i = j, y[i, j] else: the object means a new definition."""
    from symgrad.capture.elementwise import fail_argument_write

    array = a
    if not isinstance(array, SymbolicArray) or array.ndim != 2 or array.view is not None:
        fail("np.fill_diagonal", "only a matrix made by the function itself can be filled")
    if array.is_argument:
        fail_argument_write(array)
    value = as_operand("np.fill_diagonal", val)
    if value.shape:
        fail("np.fill_diagonal", "only one number can be filled in", "y * (1 - eye) + np.diag(v)")
    row, column = slots(2)
    new = cast_body(value.at(()), value.dtype, array.kind)
    old = Access(array.read("assignment"), row, column)
    terms = [
        Term(new, guards=(Guard(row, "==", column),)),
        Term(old, guards=(Guard(row, "!=", column),)),
    ]
    tracer = current_tracer()
    array.rebind(tracer.define("np.fill_diagonal", array.extents, array.kind, terms))
