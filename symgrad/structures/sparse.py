"""Compressed rows, assembled from dense parts whose columns an index gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class Sparse(Structure):
    """Row r holds data[indptr[r]:indptr[r + 1]] in the columns indices[…] of the same range.

    Equal columns in a row add up.
    """

    def __init__(
        self, data: Any, indices: Any, indptr: Any, rows: tuple[int, ...], columns: tuple[int, ...]
    ) -> None:
        self.data = np.asarray(data)
        self.indices = np.asarray(indices)
        self.indptr = np.asarray(indptr)
        self.rows, self.columns = tuple(rows), tuple(columns)

    @classmethod
    def from_parts(cls, rows: tuple[int, ...], columns: tuple[int, ...], parts: Any) -> Sparse:
        """Rows compressed from parts.

        Args:
            rows: shape of the rows.
            columns: shape of the columns.
            parts: `(values, ties, inside)`: values over the rows and the free column axes; for
                each column axis an integer array that broadcasts to the rows, or None where it is
                free; and None or an array of 0 and 1 that broadcasts to the rows.
        """
        count = int(np.prod(rows, dtype=int))
        width = int(np.prod(columns, dtype=int))
        kind: Any = np.int32 if max(count, width) < 2**31 else np.int64
        data: list[Any] = []
        indices: list[Any] = []
        kept: list[Any] = []
        for values, ties, inside in parts:
            column = cls._columns(rows, columns, ties, kind)
            data.append(np.reshape(values, (count, -1)))
            indices.append(column)
            if inside is not None:
                mask = np.broadcast_to(inside, rows).reshape(count, 1) != 0
                kept.append(np.broadcast_to(mask, column.shape))
            else:
                kept.append(None)
        if not parts:
            return cls(np.zeros(0), np.zeros(0, kind), np.zeros(count + 1, kind), rows, columns)
        values = data[0] if len(data) == 1 else np.concatenate(data, axis=1)
        places = indices[0] if len(indices) == 1 else np.concatenate(indices, axis=1)
        if all(mask is None for mask in kept):
            indptr = np.arange(count + 1, dtype=kind) * kind(values.shape[1])
            return cls(values.reshape(-1), places.reshape(-1), indptr, rows, columns)
        full = [
            np.ones(place.shape, bool) if mask is None else mask
            for place, mask in zip(indices, kept, strict=True)
        ]
        mask = np.concatenate(full, axis=1)
        indptr = np.zeros(count + 1, kind)
        np.cumsum(mask.sum(axis=1), out=indptr[1:])
        return cls(values[mask], places[mask], indptr, rows, columns)

    @staticmethod
    def _columns(rows: tuple[int, ...], columns: tuple[int, ...], ties: Any, kind: Any) -> Any:
        """The flat column of every value: shape (rows, free columns)."""
        count = int(np.prod(rows, dtype=int))
        base = np.zeros((1, 1), kind)
        free = np.zeros(1, kind)
        stride = int(np.prod(columns, dtype=int))
        for length, tie in zip(columns, ties, strict=True):
            stride = stride // max(length, 1)
            if tie is None:
                free = (free[:, None] + np.arange(length, dtype=kind) * kind(stride)).reshape(-1)
            else:
                places = np.broadcast_to(tie, rows).reshape(count, 1)
                base = base + places.astype(kind) * kind(stride)
        return np.broadcast_to(base + free, (count, free.size))

    @classmethod
    def beside(cls, matrices: Any) -> Sparse:
        """Matrices with the same rows next to each other, as one over flat columns."""
        first = matrices[0]
        count = first.shape[0]
        lengths = [np.diff(m.indptr) for m in matrices]
        offsets = np.cumsum([0, *(m.shape[1] for m in matrices)])
        rows, columns = first.rows, (int(offsets[-1]),)
        if all(length.size and (length == length[0]).all() for length in lengths):
            data = np.concatenate([m.data.reshape(count, -1) for m in matrices], axis=1)
            places = np.concatenate(
                [
                    m.indices.reshape(count, -1) + m.indices.dtype.type(offset)
                    for m, offset in zip(matrices, offsets[:-1], strict=True)
                ],
                axis=1,
            )
            indptr = np.arange(count + 1, dtype=places.dtype) * places.dtype.type(places.shape[1])
            return cls(data.reshape(-1), places.reshape(-1), indptr, rows, columns)
        row = np.concatenate([np.repeat(np.arange(count), length) for length in lengths])
        data = np.concatenate([m.data for m in matrices])
        places = np.concatenate(
            [m.indices + offset for m, offset in zip(matrices, offsets[:-1], strict=True)]
        )
        order = np.argsort(row, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(sum(lengths))])
        return cls(data[order], places[order], indptr, rows, columns)

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        matrix = np.zeros(self.shape, self.data.dtype)
        np.add.at(matrix, (self._row(), self.indices), self.data)
        return matrix.reshape(self.rows + self.columns)

    def transpose(self) -> Sparse:
        """Columns compressed into rows."""
        order = np.argsort(self.indices, kind="stable")
        counts = np.bincount(self.indices, minlength=self.shape[1])
        indptr = np.concatenate([[0], np.cumsum(counts)])
        return Sparse(self.data[order], self._row()[order], indptr, self.columns, self.rows)

    def cholesky(self) -> Sparse:
        """The lower factor in the given order of rows, for a positive definite matrix."""
        from scipy.sparse.linalg import splu

        try:
            found = splu(
                self.to_scipy().tocsc(),
                permc_spec="NATURAL",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:
            raise np.linalg.LinAlgError("the matrix is singular") from error
        pivots = found.U.diagonal()
        natural = np.arange(self.shape[0])
        if not (np.all(pivots > 0) and np.array_equal(found.perm_r, natural)):
            raise np.linalg.LinAlgError("the matrix is not positive definite")
        factor = found.L.tocsr().multiply(np.sqrt(pivots)[None, :]).tocsr()
        return Sparse(factor.data, factor.indices, factor.indptr, self.rows, self.columns)

    def to_scipy(self) -> Any:
        """The matrix as SciPy's csr_array, without a copy."""
        from scipy import sparse

        return sparse.csr_array((self.data, self.indices, self.indptr), self.shape)

    def to_bsr(self, blocksize: tuple[int, int]) -> Any:
        """The matrix as SciPy's bsr_array, of dense blocks of this size."""
        return self.to_scipy().tobsr(blocksize)

    def _row(self) -> Any:
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def _times(self, flat: Any) -> Any:
        row, count = self._row(), self.shape[0]
        products = self.data[:, None] * flat[self.indices]
        sums = [np.bincount(row, column, minlength=count) for column in products.T]
        return np.stack(sums, axis=1) if sums else np.zeros((count, 0))

    def _solve(self, flat: Any) -> Any:
        from scipy.sparse.linalg import splu

        try:
            return splu(self.to_scipy().tocsc()).solve(np.ascontiguousarray(flat, dtype=float))
        except RuntimeError as error:
            raise np.linalg.LinAlgError("the matrix is singular") from error
