"""Sums of products as matrix products: a network of vectors and matrices that share indices.

Indices are the nodes; a factor with one index is a weight of its node, a factor with two an edge.
A summed index with one neighbour becomes a matrix times a vector, with two a matrix product, with
none a number. Three neighbours have no matrix form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import sympy

from symgrad.explain.algebra import (
    diagonal,
    hadamard,
    product,
    times,
)
from symgrad.explain.expressions import Matrix, Ones, Scalar, SquaredNorm
from symgrad.explain.operators import (
    inner_product,
    total,
    trace,
    transposed,
)

__all__ = ["Edge", "Network", "NoMatrixForm"]

Index: TypeAlias = sympy.Symbol


class NoMatrixForm(Exception):
    """Index notation is all there is."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A matrix with rows along one index and columns along another."""

    rows: Index
    columns: Index
    matrix: Matrix

    def seen_from(self, rows: Index) -> Matrix:
        return self.matrix if self.rows == rows else transposed(self.matrix)

    def other(self, index: Index) -> Index:
        return self.columns if self.rows == index else self.rows


@dataclass(slots=True)
class Network:
    """Factors of a product under a sum, by the indices they carry."""

    extents: dict[Index, sympy.Expr]
    scalars: list[Matrix] = field(default_factory=list)
    weights: dict[Index, list[Matrix]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def weigh(self, index: Index, vector: Matrix) -> None:
        """One more vector along an index."""
        self.weights.setdefault(index, []).append(vector)

    def contract(self, outputs: tuple[Index, ...], summed: list[Index]) -> Matrix:
        """The network summed over some indices, as a matrix over the others.

        Raises:
            NoMatrixForm: an index has three neighbours, or there are more than two outputs.
        """
        if len(outputs) > 2:
            raise NoMatrixForm
        left = list(summed)
        while left:
            index = min(left, key=lambda i: (self._degree(i), i not in self.weights))
            left.remove(index)
            if not self._sum_pair(index, left):
                self._sum_out(index)
        return times(*self.scalars, self._result(outputs))

    def _neighbours(self, index: Index) -> list[Index]:
        found = [e.other(index) for e in self.edges if index in (e.rows, e.columns)]
        return list(dict.fromkeys(found))

    def _degree(self, index: Index) -> int:
        return len(self._neighbours(index))

    def _between(self, rows: Index, columns: Index) -> list[Matrix]:
        pair = {rows, columns}
        return [e.seen_from(rows) for e in self.edges if {e.rows, e.columns} == pair]

    def _drop(self, *indices: Index) -> None:
        self.edges = [e for e in self.edges if not {e.rows, e.columns} & set(indices)]
        for index in indices:
            self.weights.pop(index, None)

    def _vector(self, index: Index) -> Matrix:
        weights = self.weights.get(index)
        return hadamard(*weights) if weights else Ones(self.extents[index])

    def _sum_pair(self, index: Index, left: list[Index]) -> bool:
        """Two indices joined to each other alone: a trace, a norm, or the sum of a matrix."""
        neighbours = self._neighbours(index)
        if len(neighbours) != 1 or neighbours[0] not in left:
            return False
        other = neighbours[0]
        if self._neighbours(other) != [index]:
            return False
        matrices = self._between(other, index)
        weighted = index in self.weights or other in self.weights
        if len(matrices) == 1 and weighted:
            return False
        if len(matrices) == 1:
            self.scalars.append(total(matrices[0]))
        elif not weighted and len(set(matrices)) == 1 and len(matrices) == 2:
            self.scalars.append(SquaredNorm(matrices[0]))
        else:
            first, rest = matrices[0], hadamard(*matrices[1:])
            scaled = product(diagonal(self._vector(other)), first, diagonal(self._vector(index)))
            self.scalars.append(trace(product(transposed(rest), scaled)))
        left.remove(other)
        self._drop(index, other)
        return True

    def _sum_out(self, index: Index) -> None:
        neighbours = self._neighbours(index)
        weights = self.weights.get(index)
        if not neighbours:
            self.scalars.append(inner_product(weights) if weights else Scalar(self.extents[index]))
            self._drop(index)
        elif len(neighbours) == 1:
            (other,) = neighbours
            matrix = hadamard(*self._between(other, index))
            vector = product(matrix, self._vector(index))
            self._drop(index)
            self.weigh(other, vector)
        elif len(neighbours) == 2:
            rows, columns = neighbours
            first = hadamard(*self._between(rows, index))
            second = hadamard(*self._between(index, columns))
            middle = [diagonal(hadamard(*weights))] if weights else []
            joined = product(first, *middle, second)
            self._drop(index)
            self.edges.append(Edge(rows, columns, joined))
        else:
            raise NoMatrixForm

    def _result(self, outputs: tuple[Index, ...]) -> Matrix:
        if not outputs:
            return Scalar(sympy.S.One)
        if len(outputs) == 1:
            return self._vector(outputs[0])
        rows, columns = outputs
        matrices = self._between(rows, columns)
        if not matrices:
            return product(self._vector(rows), transposed(self._vector(columns)))
        factors = [hadamard(*matrices)]
        if rows in self.weights:
            factors.insert(0, diagonal(self._vector(rows)))
        if columns in self.weights:
            factors.append(diagonal(self._vector(columns)))
        return product(*factors)
