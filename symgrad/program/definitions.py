"""The level-1 vocabulary: a program is an ordered tuple of named definitions in index notation.

    z[i]  = Σ_j X[i,j]·w[j]                      i < n, j < d
    loss  = 1/n · Σ_i softplus(z[i]) − y[i]·z[i]

A `Definition` is a sum of `Term`s; a term is a SymPy scalar under at most one reduction, on a
domain given by `Guard`s. Definitions refer to each other by name only. A program, its gradient and
its Hessian are values of this one type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import sympy

from symgrad.program.symbols import Access, accesses

__all__ = [
    "REDUCTIONS",
    "SOLVES",
    "Argument",
    "Axis",
    "Constant",
    "DType",
    "Definition",
    "Guard",
    "IndexCheck",
    "MatrixOperation",
    "MatrixRoutine",
    "Origin",
    "Program",
    "Reduction",
    "Relation",
    "Reshape",
    "Statement",
    "Term",
    "dependencies",
    "is_floating",
    "term_accesses",
    "term_expressions",
]

DType = Literal["float64", "float32", "int64", "int32", "bool"]
Relation = Literal["<", "<=", "==", "!="]
Reduction = Literal["sum", "prod", "max", "min", "argmax", "argmin", "logsumexp", "norm", "peak"]
# A peak is a maximum that shifts: 0 where it is not finite. Schedules use it, programs do not.
REDUCTIONS: tuple[Reduction, ...] = (
    "sum",
    "prod",
    "max",
    "min",
    "argmax",
    "argmin",
    "logsumexp",
    "norm",
)


def is_floating(dtype: DType) -> bool:
    """Whether values of this type can carry a derivative."""
    return dtype in ("float64", "float32")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where in the model something was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One bound index and its extent: 0 ≤ index < extent."""

    index: sympy.Symbol
    extent: sympy.Expr


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on the indices of a term: where it is false the term contributes nothing."""

    left: sympy.Expr
    relation: Relation
    right: sympy.Expr

    def xreplace(self, mapping: Mapping[sympy.Basic, sympy.Basic]) -> Guard:
        """The guard with sub-expressions replaced, both sides at once."""
        return Guard(self.left.xreplace(mapping), self.relation, self.right.xreplace(mapping))


@dataclass(frozen=True, slots=True)
class Term:
    """`reduction over axes of body`, on the domain where every guard holds.

    Without axes the term is the body itself, 0 outside its domain.
    """

    body: sympy.Expr
    axes: tuple[Axis, ...] = ()
    reduction: Reduction = "sum"
    guards: tuple[Guard, ...] = ()

    def xreplace(self, mapping: Mapping[sympy.Basic, sympy.Basic]) -> Term:
        """The term with sub-expressions of body and guards replaced; axes are left alone."""
        guards = tuple(guard.xreplace(mapping) for guard in self.guards)
        return replace(self, body=self.body.xreplace(mapping), guards=guards)

    def rename_axes(self, mapping: Mapping[sympy.Symbol, sympy.Symbol]) -> Term:
        """The term with its indices renamed throughout, bound ones included."""
        axes = tuple(Axis(mapping.get(a.index, a.index), a.extent) for a in self.axes)
        return replace(self.xreplace(mapping), axes=axes)


@dataclass(frozen=True, slots=True)
class Definition:
    """`name[axes] = Σ terms`. A reduction other than a sum must be the only term."""

    name: str
    axes: tuple[Axis, ...]
    dtype: DType
    terms: tuple[Term, ...]
    origin: Origin | None = None

    @property
    def shape(self) -> tuple[sympy.Expr, ...]:
        return tuple(axis.extent for axis in self.axes)

    @property
    def indices(self) -> tuple[sympy.Symbol, ...]:
        return tuple(axis.index for axis in self.axes)

    @property
    def access(self) -> Access:
        """The definition read at its own indices."""
        return Access(self.name, *self.indices)


@dataclass(frozen=True, slots=True)
class Reshape:
    """`name = source` read in row-major order with another shape of equal size."""

    name: str
    shape: tuple[sympy.Expr, ...]
    dtype: DType
    source: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """`name = source` with negative entries counted from the end of an axis of `extent` elements.

    Values outside [−extent, extent) are an IndexError when the program runs: after this statement
    a gather is known to stay inside its array.
    """

    name: str
    shape: tuple[sympy.Expr, ...]
    dtype: DType
    source: str
    extent: sympy.Expr
    array: str
    array_axis: int
    origin: Origin | None = None


MatrixRoutine = Literal[
    "inverse",
    "solve",
    "solve_lower",
    "solve_upper",
    "determinant",
    "determinant_sign",
    "log_determinant",
    "log_abs_determinant",
    "cofactors",
    "cholesky",
]
SOLVES: tuple[MatrixRoutine, ...] = ("solve", "solve_lower", "solve_upper")


@dataclass(frozen=True, slots=True)
class MatrixOperation:
    """`name = routine(operands)`, a routine of linear algebra on whole matrices.

    Matrices are on the last two axes, or vectors on the last one; axes before these count matrices
    of a batch. Operands have the batch axes of the result, or none.

        inverse              A⁻¹
        solve                X with A·X = B; `solve_lower` and `solve_upper` read that triangle of A
        determinant          det A
        determinant_sign     −1, 0 or 1
        log_determinant      log det A, NaN where det A < 0
        log_abs_determinant  log |det A|
        cofactors            ∂ det A/∂A, which is det(A)·A⁻ᵀ where A is regular
        cholesky             lower triangular L with L·Lᵀ = A, of which the lower triangle is read

    Attributes:
        transposed: of a solve: Aᵀ·X = B, of the triangle that is read.
        vector: of a solve: right side and result are vectors.
    """

    name: str
    shape: tuple[sympy.Expr, ...]
    dtype: DType
    routine: MatrixRoutine
    operands: tuple[str, ...]
    transposed: bool = False
    vector: bool = False
    origin: Origin | None = None

    @property
    def core(self) -> int:
        """How many of the last axes of the result are not batches."""
        if self.routine in SOLVES:
            return 1 if self.vector else 2
        return 2 if self.routine in ("inverse", "cofactors", "cholesky") else 0

    @property
    def batch(self) -> tuple[sympy.Expr, ...]:
        """The extents of the batch axes."""
        return self.shape[: len(self.shape) - self.core]


Statement = Definition | Reshape | IndexCheck | MatrixOperation


@dataclass(frozen=True, slots=True)
class Argument:
    """An array that the caller passes: name, symbolic shape, element type."""

    name: str
    shape: tuple[sympy.Expr, ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Constant:
    """An array literal of the model: row-major values, kept in the generated module."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    values: tuple[float | int | bool, ...]

    def array(self) -> np.ndarray:
        """The values as an array of the constant's shape and type."""
        return np.array(self.values, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Program:
    """Arguments and constants in, definitions in order of dependence, named outputs."""

    name: str
    arguments: tuple[Argument, ...]
    definitions: tuple[Statement, ...]
    outputs: tuple[str, ...]
    constants: tuple[Constant, ...] = ()

    def statement(self, name: str) -> Statement:
        """The statement that defines `name`."""
        for statement in self.definitions:
            if statement.name == name:
                return statement
        raise KeyError(name)

    def shapes(self) -> dict[str, tuple[sympy.Expr, ...]]:
        """Shape of every array of the program, by name."""
        shapes: dict[str, tuple[sympy.Expr, ...]] = {a.name: a.shape for a in self.arguments}
        for constant in self.constants:
            shapes[constant.name] = tuple(sympy.Integer(n) for n in constant.shape)
        shapes.update((s.name, s.shape) for s in self.definitions)
        return shapes

    def dtypes(self) -> dict[str, DType]:
        """Element type of every array of the program, by name."""
        dtypes: dict[str, DType] = {a.name: a.dtype for a in self.arguments}
        dtypes.update((c.name, c.dtype) for c in self.constants)
        dtypes.update((s.name, s.dtype) for s in self.definitions)
        return dtypes

    def sizes(self) -> tuple[sympy.Symbol, ...]:
        """The size symbols of the arguments, in order of first appearance."""
        found: dict[sympy.Symbol, None] = {}
        for argument in self.arguments:
            for extent in argument.shape:
                for symbol in sorted(extent.free_symbols, key=str):
                    found.setdefault(symbol)
        return tuple(found)


def term_expressions(term: Term) -> Iterable[sympy.Expr]:
    """Body and guard sides of a term: everywhere an access can stand."""
    yield term.body
    for guard in term.guards:
        yield guard.left
        yield guard.right


def term_accesses(term: Term) -> tuple[Access, ...]:
    """Every distinct access of a term, guards and subscripts included, in order."""
    found: dict[Access, None] = {}
    for expression in term_expressions(term):
        for access in accesses(expression):
            found.setdefault(access)
    return tuple(found)


def dependencies(statement: Statement) -> tuple[str, ...]:
    """Names that a statement reads, in order of first appearance."""
    if isinstance(statement, MatrixOperation):
        return tuple(dict.fromkeys(statement.operands))
    if not isinstance(statement, Definition):
        return (statement.source,)
    found: dict[str, None] = {}
    for term in statement.terms:
        for access in term_accesses(term):
            found.setdefault(access.name)
    return tuple(found)
