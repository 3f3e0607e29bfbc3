"""Definitions in index notation as matrix expressions, where they have such a form."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy

from symgrad.explain.algebra import (
    plus,
    power,
    product,
    times,
)
from symgrad.explain.bodies import BodyReader, Index, matrix_name, ordered
from symgrad.explain.expressions import (
    Kronecker,
    Matrix,
    MatrixFunction,
    Ones,
    Reduce,
    size,
)
from symgrad.explain.network import NoMatrixForm
from symgrad.explain.operators import (
    call,
    inverse,
    total,
    transposed,
    triangle,
)
from symgrad.program import (
    SOLVES,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
)
from symgrad.program import functions as f

__all__ = ["Form", "matrix_forms", "matrix_name"]


@dataclass(frozen=True, slots=True)
class Form:
    """A matrix expression, and what must not be 0 for it: the program has 0 there."""

    matrix: Matrix
    nonzero: tuple[Matrix, ...] = ()


def _with_plain_products(statement: Statement) -> Statement:
    """The statement as formulas show it: absorbing products as products, slopes by one argument."""
    if not isinstance(statement, Definition):
        return statement
    terms = (
        replace(
            t,
            body=t.body.replace(f.absorbing_product, sympy.Mul).replace(
                f.sech_squared, lambda x, *_: f.sech_squared(x)
            ),
        )
        for t in statement.terms
    )
    return replace(statement, terms=tuple(terms))


def matrix_forms(program: Program) -> dict[str, Form]:
    """The matrix expression of every statement that has one, by name, in the program's order."""
    shapes = program.shapes()
    checked = {s.name: s.source for s in program.definitions if isinstance(s, IndexCheck)}
    bodies = BodyReader(shapes, checked)
    reader = _StatementReader(bodies)
    found: dict[str, Form] = {}
    statements = {s.name: s for s in program.definitions}
    for statement in map(_with_plain_products, program.definitions):
        bodies.zeros.clear()
        with contextlib.suppress(NoMatrixForm):
            matrix = reader.statement(statement, statements)
            found[statement.name] = Form(matrix, tuple(dict.fromkeys(bodies.zeros)))
    return found


@dataclass(frozen=True, slots=True)
class _StatementReader:
    """Reads statements and their terms; bodies and contractions are read by `bodies`."""

    bodies: BodyReader

    def statement(self, statement: Statement, others: Mapping[str, Statement]) -> Matrix:
        if isinstance(statement, Reshape):
            return self._kronecker(statement, others.get(statement.source))
        if isinstance(statement, MatrixOperation):
            return self._operation(statement, others)
        if not isinstance(statement, Definition) or len(statement.axes) > 2:
            raise NoMatrixForm
        extents = {a.index: a.extent for a in statement.axes}
        parts = [self._term(term, statement.indices, extents) for term in statement.terms]
        if not parts:
            raise NoMatrixForm
        return self.bodies.spread(plus(*parts), statement.indices, extents)

    def _operation(self, statement: MatrixOperation, others: Mapping[str, Statement]) -> Matrix:
        """A⁻¹, A⁻ᵀB and so on; no batches."""
        if statement.batch:
            raise NoMatrixForm
        first, *right = (matrix_name(name, self.bodies.shapes[name]) for name in statement.operands)
        if statement.routine == "inverse":
            return inverse(first)
        if statement.routine not in SOLVES:
            return MatrixFunction(statement.routine, first)
        source = others.get(first.name)
        factor = isinstance(source, MatrixOperation) and source.routine == "cholesky"
        matrix: Matrix = first
        if statement.routine != "solve" and not factor:
            matrix = triangle(first, statement.routine == "solve_lower", 0)
        inverted = inverse(matrix)
        return product(transposed(inverted) if statement.transposed else inverted, *right)

    def _kronecker(self, statement: Reshape, source: Statement | None) -> Matrix:
        """A[i,j]·B[k,l] in the order i, k, j, l, read as a matrix."""
        if not isinstance(source, Definition) or len(source.axes) != 4 or len(source.terms) != 1:
            raise NoMatrixForm
        (term,) = source.terms
        factors = sympy.Mul.make_args(term.body)
        if term.axes or term.guards or len(statement.shape) != 2:
            raise NoMatrixForm
        i, k, j, m = source.indices
        rows, blocks = (source.axes[0].extent, source.axes[1].extent)
        if sympy.expand(statement.shape[0] - rows * blocks) != 0:
            raise NoMatrixForm
        extents = {a.index: a.extent for a in source.axes}
        numbers = [x for x in factors if not x.free_symbols & set(extents)]
        left = sympy.Mul(*(x for x in factors if x.free_symbols & {i, j}))
        right = sympy.Mul(*(x for x in factors if x.free_symbols & {k, m}))
        if (left.free_symbols & {k, m}) or (right.free_symbols & {i, j}):
            raise NoMatrixForm
        parts = (
            self.bodies.convert(left, (i, j), extents),
            self.bodies.convert(right, (k, m), extents),
        )
        scale = self.bodies.convert(sympy.Mul(*numbers), (), extents)
        return times(scale, Kronecker(*parts))

    # --- terms ---------------------------------------------------------------------------------

    def _term(
        self, term: Term, outputs: tuple[Index, ...], outer: Mapping[Index, sympy.Expr]
    ) -> Matrix:
        extents = {**outer, **{a.index: a.extent for a in term.axes}}
        summed = [axis.index for axis in term.axes]
        if not summed and not term.guards:
            with contextlib.suppress(NoMatrixForm):
                return self.bodies.convert(term.body, outputs, extents)
        if term.reduction == "sum":
            return self._sum(term.body, term.guards, outputs, summed, extents)
        if term.guards or term.reduction in ("argmax", "argmin"):
            raise NoMatrixForm
        return self._reduction(term, outputs, summed, extents)

    def _reduction(
        self,
        term: Term,
        outputs: tuple[Index, ...],
        summed: list[Index],
        extents: Mapping[Index, sympy.Expr],
    ) -> Matrix:
        frame = (*outputs, *summed)
        if len(frame) > 2:
            raise NoMatrixForm
        body = self.bodies.spread(self.bodies.convert(term.body, frame, extents), frame, extents)
        if term.reduction == "norm":
            square = power(body, sympy.Integer(2))
            summed_up = product(square, Ones(extents[frame[1]])) if outputs else total(square)
            return power(summed_up, sympy.Rational(1, 2))
        if term.reduction in ("max", "min", "prod"):
            return Reduce(term.reduction, body, bool(outputs))
        if term.reduction != "logsumexp":
            raise NoMatrixForm
        exponential = call(sympy.exp, body)
        for index in reversed(summed):
            ones = Ones(extents[index])
            if index == frame[0]:
                exponential = product(transposed(ones), exponential)
            else:
                exponential = product(exponential, ones)
        return call(sympy.log, exponential)

    def _sum(
        self,
        body: sympy.Expr,
        guards: tuple[Guard, ...],
        outputs: tuple[Index, ...],
        summed: list[Index],
        extents: Mapping[Index, sympy.Expr],
    ) -> Matrix:
        """Whole if it can be, in parts if it must be or is shorter so."""
        choices: list[Matrix] = []
        with contextlib.suppress(NoMatrixForm):
            choices.append(self.bodies.contract(body, guards, outputs, summed, extents))
        split = _distributed(body)
        if split and (summed or not choices):
            with contextlib.suppress(NoMatrixForm):
                parts = [self._sum(p, guards, outputs, summed, extents) for p in split]
                choices.append(plus(*parts))
        if not choices:
            raise NoMatrixForm
        return min(choices, key=size)


def _distributed(body: sympy.Expr) -> list[sympy.Expr]:
    """The parts of a sum, or of a product with a sum as one of its factors; else nothing."""
    if body.is_Add:
        return ordered(body.args)
    if not body.is_Mul:
        return []
    for factor in body.args:
        if factor.is_Add:
            rest = sympy.Mul(*(other for other in body.args if other is not factor))
            return [rest * part for part in ordered(factor.args)]
    return []
