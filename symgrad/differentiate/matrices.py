"""Derivatives of matrix operations, as definitions and further matrix operations.

    C = A⁻¹            Ċ = −C·Ȧ·C                          Ā = −Cᵀ·C̄·Cᵀ
    A·X = B            A·Ẋ = Ḃ − Ȧ·X                       Aᵀ·B̄ = X̄,  Ā = −B̄·Xᵀ
    d = det A          ḋ = Σ cof(A) ⊙ Ȧ                    Ā = d̄·cof(A)
    l = log |det A|    l̇ = Σ A⁻ᵀ ⊙ Ȧ                       Ā = l̄·A⁻ᵀ
    A = L·Lᵀ           L̇ = L·Φ(L⁻¹·Ȧ·L⁻ᵀ)                  S = L⁻ᵀ·Φ(Lᵀ·L̄)·L⁻¹

Φ keeps the lower triangle and half of the diagonal (Giles, "Collected matrix derivative results",
2008; Murray, "Differentiation of the Cholesky decomposition", 2016). A Cholesky factor reads the
lower triangle of A alone, as NumPy's does, so Ā is S + Sᵀ below the diagonal, S on it, and 0 above.
What a rule uses has rules itself, so that programs can be differentiated to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain

import sympy

from symgrad.program import (
    SOLVES,
    Access,
    Axis,
    Definition,
    Guard,
    MatrixOperation,
    MatrixRoutine,
    Statement,
    Term,
)
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["MatrixRules"]


Contribution = tuple[str, Term]
Indices = tuple[sympy.Symbol, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the adjoint of an operand is written: its batch and own indices, and summed axes."""

    batch: Indices
    own: Indices
    summed: tuple[Axis, ...]


@dataclass(slots=True)
class MatrixRules:
    """The rules of one statement; `statements` are what they need, in order of dependence.

    Attributes:
        statement: the matrix operation.
        shapes: of all arrays that it reads.
        fresh: gives names to what is added.
        index: gives indices to what is added.
    """

    statement: MatrixOperation
    shapes: Mapping[str, tuple[sympy.Expr, ...]]
    fresh: FreshNames
    index: FreshIndices
    statements: list[Statement] = field(default_factory=list)
    ranks: dict[str, int] = field(default_factory=dict)

    # --- reverse ---------------------------------------------------------------------------------

    def pull_back(
        self,
        adjoint: str,
        active: Collection[str],
        axes_of: Callable[[str], tuple[Axis, ...]],
    ) -> list[Contribution]:
        """What the adjoint of the result contributes to the adjoint of each active operand."""
        statement = self.statement
        if statement.routine == "determinant_sign":
            return []
        self.ranks[adjoint] = len(statement.shape)
        if statement.routine in SOLVES:
            return self._solve_back(adjoint, active, axes_of)
        operand = statement.operands[0]
        target = self._target(axes_of(operand), 2)
        return [(operand, term) for term in self._terms_back(adjoint, target)]

    def _terms_back(self, adjoint: str, target: _Target) -> list[Term]:
        match self.statement.routine:
            case "inverse":
                return self._inverse_back(adjoint, target)
            case "cofactors":
                return self._cofactors_back(adjoint, target)
            case "cholesky":
                return self._cholesky_back(adjoint, target)
            case "determinant":
                cofactors = self._cofactors()
                factor = self._at(cofactors, target.batch, *target.own)
            case _:
                inverse = self._inverse()
                factor = self._at(inverse, target.batch, *reversed(target.own))
        return [Term(self._at(adjoint, target.batch) * factor, target.summed)]

    def _inverse_back(self, adjoint: str, target: _Target) -> list[Term]:
        """Ā = −Cᵀ·(C̄·Cᵀ)"""
        C = self.statement.name
        right = self._product("right", adjoint, C, transposed=(False, True))
        i, j = target.own
        (k,) = self._axes(self._extent)
        body = self._at(C, target.batch, k.index, i) * self._at(right, target.batch, k.index, j)
        return [Term(-body, (*target.summed, k))]

    def _cofactors_back(self, adjoint: str, target: _Target) -> list[Term]:
        """With C = cof(A): Ā = Σ(C̄ ⊙ C)·A⁻ᵀ − C·(A⁻¹·C̄)ᵀ, where A is regular."""
        C = self.statement.name
        inverse = self._inverse()
        total = self._total("total", adjoint, C)
        left = self._product("left", inverse, adjoint)
        i, j = target.own
        (k,) = self._axes(self._extent)
        body = self._at(C, target.batch, i, k.index) * self._at(left, target.batch, j, k.index)
        first = self._at(total, target.batch) * self._at(inverse, target.batch, j, i)
        return [Term(first, target.summed), Term(-body, (*target.summed, k))]

    def _cholesky_back(self, adjoint: str, target: _Target) -> list[Term]:
        """S = L⁻ᵀ·Φ(Lᵀ·L̄)·L⁻¹, its two triangles added below the diagonal."""
        left = self._solve_with_factor("left", self._half_product(adjoint), transposed=True)
        S = self._solve_with_factor("both", self._turned("turned", left), transposed=True)
        i, j = target.own
        lower, upper = self._at(S, target.batch, i, j), self._at(S, target.batch, j, i)
        return [
            Term(lower + upper, target.summed, "sum", (Guard(j, "<=", i - 1),)),
            Term(lower, target.summed, "sum", (Guard(i, "==", j),)),
        ]

    def _solve_back(
        self,
        adjoint: str,
        active: Collection[str],
        axes_of: Callable[[str], tuple[Axis, ...]],
    ) -> list[Contribution]:
        """B̄ = A⁻ᵀ·X̄, Ā = −B̄·Xᵀ on the triangle that is read."""
        statement = self.statement
        A, B = statement.operands
        B_bar = self._operate(
            f"{B}_bar",
            statement.routine,
            (A, adjoint),
            not statement.transposed,
            statement.vector,
        )
        found: list[Contribution] = []
        if B in active:
            target = self._target(axes_of(B), statement.core)
            found.append((B, Term(self._at(B_bar, target.batch, *target.own), target.summed)))
        if A in active:
            target = self._target(axes_of(A), 2)
            i, j = reversed(target.own) if statement.transposed else target.own
            columns = self._axes(*statement.shape[len(statement.batch) + 1 :])
            k = [axis.index for axis in columns]
            X = statement.name
            body = self._at(B_bar, target.batch, i, *k) * self._at(X, target.batch, j, *k)
            axes = (*target.summed, *columns)
            found.append((A, Term(-body, axes, "sum", self._triangle(*target.own))))
        return found

    # --- forward ---------------------------------------------------------------------------------

    def push_forward(self, tangents: Mapping[str, str]) -> str | None:
        """The tangent of the result, by name; None if it is 0 whatever the tangents are.

        Args:
            tangents: the tangent of each operand that has one, of the operand's own shape.
        """
        statement = self.statement
        wish = f"{statement.name}_dot"
        if statement.routine == "determinant_sign":
            return None
        for name, tangent in tangents.items():
            self.ranks[tangent] = self._rank(name)
        if statement.routine in SOLVES:
            right = self._right_side(tangents)
            return self._operate(
                wish,
                statement.routine,
                (statement.operands[0], right),
                statement.transposed,
                statement.vector,
            )
        tangent = tangents[statement.operands[0]]
        match statement.routine:
            case "inverse":
                right = self._product("right", tangent, statement.name)
                return self._product(wish, statement.name, right, sign=-1, plain=True)
            case "cofactors":
                return self._cofactors_forward(wish, tangent)
            case "cholesky":
                first = self._solve_with_factor("left", self._mirrored("even", tangent))
                second = self._solve_with_factor("both", self._turned("turned", first))
                half = self._half("half", second)
                return self._product(wish, statement.name, half, plain=True)
            case "determinant":
                return self._total(wish, self._cofactors(), tangent, plain=True)
            case _:
                inverse = self._inverse()
                return self._total(wish, inverse, tangent, plain=True, transposed=True)

    def _right_side(self, tangents: Mapping[str, str]) -> str:
        """Ḃ − Ȧ·X"""
        statement = self.statement
        A, B = statement.operands
        if A not in tangents:
            return tangents[B]
        axes = self._axes(*statement.shape)
        count = len(statement.batch)
        batch = tuple(axis.index for axis in axes[:count])
        i, *columns = (axis.index for axis in axes[count:])
        (k,) = self._axes(self._extent)
        terms = []
        if B in tangents:
            terms.append(Term(self._at(tangents[B], batch, i, *columns)))
        own = (k.index, i) if statement.transposed else (i, k.index)
        body = self._at(tangents[A], batch, *own) * self._at(
            statement.name, batch, k.index, *columns
        )
        terms.append(Term(-body, (k,), "sum", self._triangle(*own)))
        return self._define(f"{statement.name}_right", axes, tuple(terms))

    def _cofactors_forward(self, wish: str, tangent: str) -> str:
        """With C = cof(A): Ċ = Σ(A⁻ᵀ ⊙ Ȧ)·C − (Ȧ·A⁻¹)ᵀ·C, where A is regular."""
        C, inverse = self.statement.name, self._inverse()
        total = self._total("total", inverse, tangent, transposed=True)
        left = self._product("left", tangent, inverse)
        axes, batch, (i, j) = self._square()
        (k,) = self._axes(self._extent)
        body = self._at(left, batch, k.index, i) * self._at(C, batch, k.index, j)
        first = Term(self._at(total, batch) * self._at(C, batch, i, j))
        return self._define(wish, axes, (first, Term(-body, (k,))))

    # --- parts that rules share ------------------------------------------------------------------

    @property
    def _extent(self) -> sympy.Expr:
        return self.shapes[self.statement.operands[0]][-1]

    def _inverse(self) -> str:
        (matrix,) = self.statement.operands
        return self._operate(f"{matrix}_inverse", "inverse", (matrix,))

    def _cofactors(self) -> str:
        (matrix,) = self.statement.operands
        return self._operate(f"{matrix}_cofactors", "cofactors", (matrix,))

    def _solve_with_factor(self, wish: str, right: str, transposed: bool = False) -> str:
        name = f"{self.statement.name}_{wish}"
        return self._operate(name, "solve_lower", (self.statement.name, right), transposed)

    def _product(
        self,
        wish: str,
        left: str,
        right: str,
        *,
        transposed: tuple[bool, bool] = (False, False),
        sign: int = 1,
        plain: bool = False,
    ) -> str:
        """P = ± left·right, either of them transposed."""
        axes, batch, (i, j) = self._square()
        (k,) = self._axes(self._extent)
        first = (k.index, i) if transposed[0] else (i, k.index)
        second = (j, k.index) if transposed[1] else (k.index, j)
        body = sign * self._at(left, batch, *first) * self._at(right, batch, *second)
        name = wish if plain else f"{self.statement.name}_{wish}"
        return self._define(name, axes, (Term(body, (k,)),))

    def _total(
        self, wish: str, left: str, right: str, *, plain: bool = False, transposed: bool = False
    ) -> str:
        """t = Σ_{i,j} left[i,j]·right[i,j], or left[j,i] if it is transposed."""
        axes = self._axes(*self.statement.batch)
        batch = tuple(axis.index for axis in axes)
        i, j = self._axes(self._extent, self._extent)
        own = (j.index, i.index) if transposed else (i.index, j.index)
        body = self._at(left, batch, *own) * self._at(right, batch, i.index, j.index)
        name = wish if plain else f"{self.statement.name}_{wish}"
        return self._define(name, axes, (Term(body, (i, j)),))

    def _half(self, wish: str, matrix: str) -> str:
        """Φ: the lower triangle, and half of the diagonal."""
        axes, batch, (i, j) = self._square()
        element = self._at(matrix, batch, i, j)
        lower = Term(element, guards=(Guard(j, "<=", i - 1),))
        middle = Term(element / 2, guards=(Guard(i, "==", j),))
        return self._define(f"{self.statement.name}_{wish}", axes, (lower, middle))

    def _half_product(self, adjoint: str) -> str:
        """Φ(Lᵀ·L̄), over the rows in which L is not 0."""
        axes, batch, (i, j) = self._square()
        (k,) = self._axes(self._extent)
        body = self._at(self.statement.name, batch, k.index, i) * self._at(
            adjoint, batch, k.index, j
        )
        rows = Guard(i, "<=", k.index)
        lower = Term(body, (k,), "sum", (Guard(j, "<=", i - 1), rows))
        middle = Term(body / 2, (k,), "sum", (Guard(i, "==", j), rows))
        return self._define(f"{self.statement.name}_half", axes, (lower, middle))

    def _mirrored(self, wish: str, matrix: str) -> str:
        """The symmetric matrix with this lower triangle."""
        axes, batch, (i, j) = self._square()
        lower = Term(self._at(matrix, batch, i, j), guards=(Guard(j, "<=", i),))
        upper = Term(self._at(matrix, batch, j, i), guards=(Guard(i, "<=", j - 1),))
        return self._define(f"{self.statement.name}_{wish}", axes, (lower, upper))

    def _turned(self, wish: str, matrix: str) -> str:
        """The transposed matrix."""
        axes, batch, (i, j) = self._square()
        return self._define(
            f"{self.statement.name}_{wish}", axes, (Term(self._at(matrix, batch, j, i)),)
        )

    def _triangle(self, row: sympy.Symbol, column: sympy.Symbol) -> tuple[Guard, ...]:
        """Where a solve reads its matrix."""
        match self.statement.routine:
            case "solve_lower":
                return (Guard(column, "<=", row),)
            case "solve_upper":
                return (Guard(row, "<=", column),)
            case _:
                return ()

    # --- statements ------------------------------------------------------------------------------

    def _target(self, axes: tuple[Axis, ...], core: int) -> _Target:
        """The axes of an operand's adjoint; if it is shared by a batch, the batch is summed."""
        indices = tuple(axis.index for axis in axes)
        batch, own = indices[: len(axes) - core], indices[len(axes) - core :]
        if batch or not self.statement.batch:
            return _Target(batch, own, ())
        summed = self._axes(*self.statement.batch)
        return _Target(tuple(axis.index for axis in summed), own, summed)

    def _axes(self, *extents: sympy.Expr) -> tuple[Axis, ...]:
        return self.index.axes(extents)

    def _square(
        self,
    ) -> tuple[tuple[Axis, ...], Indices, Indices]:
        """Axes of a batch of matrices of the operand's size, and their indices."""
        axes = self._axes(*self.statement.batch, self._extent, self._extent)
        *batch, i, j = (axis.index for axis in axes)
        return axes, tuple(batch), (i, j)

    def _rank(self, name: str) -> int:
        if name == self.statement.name:
            return len(self.statement.shape)
        return self.ranks[name] if name in self.ranks else len(self.shapes[name])

    def _at(self, name: str, batch: Indices, *own: sympy.Symbol) -> Access:
        """An element, whether or not the array has the batch axes."""
        return Access(name, *(batch if self._rank(name) > len(own) else ()), *own)

    def _define(self, wish: str, axes: tuple[Axis, ...], terms: tuple[Term, ...]) -> str:
        name = self.fresh(wish)
        origin, dtype = self.statement.origin, self.statement.dtype
        self.statements.append(Definition(name, axes, dtype, terms, origin))
        self.ranks[name] = len(axes)
        return name

    def _operate(
        self,
        wish: str,
        routine: MatrixRoutine,
        operands: tuple[str, ...],
        transposed: bool = False,
        vector: bool = False,
    ) -> str:
        """Another matrix operation on matrices of the operand's size."""
        name, statement, n = self.fresh(wish), self.statement, self._extent
        lengths = (self._rank(o) - (2 if k == 0 else 2 - vector) for k, o in enumerate(operands))
        batch = statement.batch if any(lengths) else ()
        own: tuple[sympy.Expr, ...] = (n, n)
        if statement.routine in SOLVES:
            own = statement.shape[len(statement.batch) :]
        shape = tuple(chain(batch, own))
        dtype, origin = statement.dtype, statement.origin
        self.statements.append(
            MatrixOperation(name, shape, dtype, routine, operands, transposed, vector, origin)
        )
        self.ranks[name] = len(shape)
        return name
