"""Linear algebra on the last two axes: inverses, solutions, determinants and Cholesky factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg

from symgrad.capture.array import SymbolicArray
from symgrad.capture.broadcasting import broadcast_to
from symgrad.capture.dispatch import implements
from symgrad.capture.elementwise import cast
from symgrad.capture.operands import Shape, as_array, as_operand, broadcast_shapes, shape_text
from symgrad.capture.sizes import make_size
from symgrad.capture.tracer import current_tracer, fail
from symgrad.program import DType, MatrixRoutine, is_floating

__all__ = ["inv", "operate"]


def operate(
    operation: str,
    routine: MatrixRoutine,
    operands: Sequence[SymbolicArray],
    core: Shape,
    *,
    transposed: bool = False,
    vector: bool = False,
) -> SymbolicArray:
    """A matrix operation on operands whose batch axes are those of the result, or none."""
    kind: DType = operands[0].kind
    cores = (2, 1 if vector else 2)
    batches = [o.extents[: o.ndim - c] for o, c in zip(operands, cores, strict=False)]
    shape = (*max(batches, key=len), *core)
    names = tuple(operand.read(operation) for operand in operands)
    name = current_tracer().operate(operation, shape, kind, routine, names, transposed, vector)
    return SymbolicArray(name, shape, kind)


def _matrices(operation: str, a: Any) -> SymbolicArray:
    """The operand as floating matrices, square ones."""
    array = as_array(operation, a)
    label = current_tracer().label(array.reference)
    if array.ndim < 2:
        fail(operation, f"{label} has shape {shape_text(array.extents)}; it needs a matrix")
    if not current_tracer().same_extent(array.extents[-1], array.extents[-2]):
        fail(
            operation,
            f"{label} has shape {shape_text(array.extents)}, and only square matrices have a "
            "result",
            "give both sizes the same name in the annotation, as in f64[n, n]",
        )
    return _floating(array)


def _floating(array: SymbolicArray, dtype: Any = None) -> SymbolicArray:
    wanted: DType = array.kind if is_floating(array.kind) else "float64"
    wanted = wanted if dtype is None else dtype
    return array if array.kind == wanted else cast(array, wanted)


def _alone(operation: str, routine: MatrixRoutine, a: Any, *, square: bool) -> SymbolicArray:
    array = _matrices(operation, a)
    return operate(operation, routine, [array], array.extents[-2:] if square else ())


@implements(np.linalg.inv, name="np.linalg.inv")
def inv(a: Any) -> SymbolicArray:
    """A⁻¹"""
    return _alone("np.linalg.inv", "inverse", a, square=True)


@implements(np.linalg.det, name="np.linalg.det")
def det(a: Any) -> SymbolicArray:
    """det A"""
    return _alone("np.linalg.det", "determinant", a, square=False)


@implements(np.linalg.slogdet, name="np.linalg.slogdet")
def slogdet(a: Any) -> Any:
    """The sign of det A, and log |det A|."""
    sign = _alone("np.linalg.slogdet", "determinant_sign", a, square=False)
    logarithm = _alone("np.linalg.slogdet", "log_abs_determinant", a, square=False)
    return _SignAndLogarithm(sign, logarithm)


class _SignAndLogarithm(tuple[SymbolicArray, SymbolicArray]):
    """What `np.linalg.slogdet` returns: a pair with names."""

    __slots__ = ()

    def __new__(cls, sign: SymbolicArray, logabsdet: SymbolicArray) -> _SignAndLogarithm:
        return super().__new__(cls, (sign, logabsdet))

    @property
    def sign(self) -> SymbolicArray:
        return self[0]

    @property
    def logabsdet(self) -> SymbolicArray:
        return self[1]


@implements(np.linalg.cholesky, name="np.linalg.cholesky")
def cholesky(a: Any, /, *, upper: bool = False) -> SymbolicArray:
    """The lower triangular L with L·Lᵀ = A, or its transpose."""
    if not upper:
        return _alone("np.linalg.cholesky", "cholesky", a, square=True)
    turned = as_array("np.linalg.cholesky", a).mT
    return _alone("np.linalg.cholesky", "cholesky", turned, square=True).mT


@implements(np.linalg.solve, name="np.linalg.solve")
def solve(a: Any, b: Any) -> SymbolicArray:
    """X with A·X = B; a B of one axis is a vector, any other holds matrices."""
    return _solve("np.linalg.solve", "solve", a, b)


def _solve(
    operation: str, routine: MatrixRoutine, a: Any, b: Any, *, transposed: bool = False
) -> SymbolicArray:
    matrix = _matrices(operation, a)
    right = as_array(operation, b)
    dtype = np.result_type(matrix.dtype, _floating(right).dtype).name
    matrix, right = _floating(matrix, dtype), _floating(right, dtype)
    tracer = current_tracer()
    vector = right.ndim == 1
    if not right.ndim:
        fail(operation, f"{tracer.label(right.reference)} is 0-d; the right side is a vector")
    rows = right.extents[-1 if vector else -2]
    if not tracer.same_extent(matrix.extents[-1], rows):
        fail(
            operation,
            f"shape clash: {tracer.label(matrix.reference)} has shape "
            f"{shape_text(matrix.extents)} and {tracer.label(right.reference)} has shape "
            f"{shape_text(right.extents)}",
            "the right side has as many rows as the matrix; a stack of vectors needs a last axis, "
            "b[..., None]",
        )
    core = right.extents[-1:] if vector else right.extents[-2:]
    matrix, right = _same_batches(operation, matrix, right, vector)
    return operate(operation, routine, [matrix, right], core, transposed=transposed, vector=vector)


def _same_batches(
    operation: str, matrix: SymbolicArray, right: SymbolicArray, vector: bool
) -> tuple[SymbolicArray, SymbolicArray]:
    """Batch axes broadcast, where both operands have some."""
    core = 1 if vector else 2
    first, second = matrix.extents[:-2], right.extents[: right.ndim - core]
    if not first or not second:
        return matrix, right
    tracer = current_tracer()
    stand_ins = [as_operand(operation, matrix), as_operand(operation, right)]
    batch = broadcast_shapes(
        operation,
        [
            type(o)(extents, o.token, o.name)
            for o, extents in zip(stand_ins, (first, second), strict=True)
        ],
    )
    result = []
    for array, own in ((matrix, first), (right, second)):
        same = len(own) == len(batch) and all(map(tracer.same_extent, own, batch))
        shape = tuple(make_size(e) for e in (*batch, *array.extents[len(own) :]))
        result.append(array if same else broadcast_to(array, shape))
    return result[0], result[1]


# --- scipy.linalg --------------------------------------------------------------------------------


@implements(scipy.linalg.inv, name="scipy.linalg.inv")
def scipy_inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> SymbolicArray:
    """A⁻¹"""
    return _alone("scipy.linalg.inv", "inverse", a, square=True)


@implements(scipy.linalg.det, name="scipy.linalg.det")
def scipy_det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> SymbolicArray:
    """det A"""
    return _alone("scipy.linalg.det", "determinant", a, square=False)


@implements(scipy.linalg.cholesky, name="scipy.linalg.cholesky")
def scipy_cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> SymbolicArray:
    """L with L·Lᵀ = A if `lower`, else U with Uᵀ·U = A; only that triangle of A is read."""
    operation = "scipy.linalg.cholesky"
    if lower:
        return _alone(operation, "cholesky", a, square=True)
    return _alone(operation, "cholesky", as_array(operation, a).mT, square=True).mT


@implements(scipy.linalg.cho_factor, name="scipy.linalg.cho_factor")
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[SymbolicArray, bool]:
    """A Cholesky factor for `cho_solve`; the other triangle is 0 here."""
    return scipy_cholesky(a, lower), lower


@implements(scipy.linalg.cho_solve, name="scipy.linalg.cho_solve")
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> SymbolicArray:
    """X with L·Lᵀ·X = B (or Uᵀ·U·X = B)."""
    factor, lower = c_and_lower
    routine: MatrixRoutine = "solve_lower" if lower else "solve_upper"
    operation = "scipy.linalg.cho_solve"
    first = _solve(operation, routine, factor, b, transposed=not lower)
    return _solve(operation, routine, factor, first, transposed=bool(lower))


@implements(scipy.linalg.solve_triangular, name="scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> SymbolicArray:
    """X with A·X = B, or Aᵀ·X = B, where one triangle of A is read."""
    operation = "scipy.linalg.solve_triangular"
    if unit_diagonal:
        fail(operation, "unit_diagonal=True is not captured", "ones on the diagonal of the matrix")
    if trans not in (0, 1, "N", "T"):
        fail(operation, f"trans={trans!r} is not captured", "trans=0 or trans=1")
    routine: MatrixRoutine = "solve_lower" if lower else "solve_upper"
    return _solve(operation, routine, a, b, transposed=trans in (1, "T"))


@implements(scipy.linalg.solve, name="scipy.linalg.solve")
def scipy_solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> SymbolicArray:
    """X with A·X = B, or Aᵀ·X = B; the whole matrix is read, whatever is assumed of it."""
    if assume_a not in (None, "gen", "general"):
        fail(
            "scipy.linalg.solve",
            f"assume_a={assume_a!r} is not captured",
            "scipy.linalg.cho_solve for positive definite matrices, solve_triangular for "
            "triangular ones",
        )
    return _solve("scipy.linalg.solve", "solve", a, b, transposed=transposed)
