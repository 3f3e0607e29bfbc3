"""Blocks on the diagonal: rows and columns equal along some axes of the argument."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class BlockDiagonal(Structure):
    """A[(t,r),(u,c)] = [u = t]·blocks[t,r,c], where t are the axes `tied` of the argument.

    Args:
        blocks: shape tied + rest + rest.
        tied: positions of the tied axes in the argument's shape.
        shape: the argument's shape.
    """

    def __init__(self, blocks: Any, tied: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.blocks = np.asarray(blocks)
        self.tied = tuple(tied)
        self.rows = self.columns = tuple(shape)

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        count, size = self._counts()
        matrix = np.zeros((count, size, count, size), self.blocks.dtype)
        np.einsum("tbtc->tbc", matrix)[...] = self._flat_blocks()  # a view of the blocks
        tied, rest = self._extents()
        order = np.argsort([*self.tied, *self._rest()])
        rank = len(self.rows)
        array = matrix.reshape(tied + rest + tied + rest)
        return array.transpose(*order, *(order + rank))

    def transpose(self) -> BlockDiagonal:
        """Each block transposed."""
        count = len(self.tied)
        half = (self.blocks.ndim - count) // 2
        order = (*range(count), *range(count + half, count + 2 * half), *range(count, count + half))
        return BlockDiagonal(self.blocks.transpose(order), self.tied, self.rows)

    def cholesky(self) -> BlockDiagonal:
        """The lower factor of each block."""
        factors = np.linalg.cholesky(self._flat_blocks()).reshape(self.blocks.shape)
        return BlockDiagonal(factors, self.tied, self.rows)

    def to_scipy(self) -> Any:
        """A sparse matrix of SciPy, rows in the order of the flattened argument."""
        from scipy import sparse

        count, size = self._counts()
        position = np.arange(self.shape[0]).reshape(self.rows)
        index = np.moveaxis(position, self.tied, range(len(self.tied))).reshape(count, size)
        rows = np.broadcast_to(index[:, :, None], (count, size, size))
        columns = np.broadcast_to(index[:, None, :], (count, size, size))
        values = self._flat_blocks().reshape(-1)
        return sparse.coo_array(
            (values, (rows.reshape(-1), columns.reshape(-1))), self.shape
        ).tocsr()

    def _rest(self) -> list[int]:
        return [axis for axis in range(len(self.rows)) if axis not in self.tied]

    def _extents(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(self.rows[k] for k in self.tied), tuple(self.rows[k] for k in self._rest())

    def _counts(self) -> tuple[int, int]:
        tied, rest = self._extents()
        return int(np.prod(tied, dtype=int)), int(np.prod(rest, dtype=int))

    def _flat_blocks(self) -> Any:
        count, size = self._counts()
        return self.blocks.reshape(count, size, size)

    def _gathered(self, flat: Any) -> Any:
        """Vectors by block: shape (blocks, size, m)."""
        count, size = self._counts()
        array = flat.reshape(*self.rows, -1)
        return np.moveaxis(array, self.tied, range(len(self.tied))).reshape(count, size, -1)

    def _scattered(self, gathered: Any) -> Any:
        tied, rest = self._extents()
        array = gathered.reshape(*tied, *rest, -1)
        return np.moveaxis(array, range(len(self.tied)), self.tied).reshape(self.shape[0], -1)

    def _times(self, flat: Any) -> Any:
        return self._scattered(self._flat_blocks() @ self._gathered(flat))

    def _solve(self, flat: Any) -> Any:
        return self._scattered(np.linalg.solve(self._flat_blocks(), self._gathered(flat)))
