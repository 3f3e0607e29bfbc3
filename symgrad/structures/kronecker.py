"""One matrix for all: the identity over some axes times a matrix over the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class Kronecker(Structure):
    """A[(t,r),(u,c)] = [u = t]·block[r,c]: I ⊗ block, in the order of the argument's axes.

    Args:
        block: shape rest + rest.
        tied: positions of the identity's axes in the argument's shape.
        shape: the argument's shape.
    """

    def __init__(self, block: Any, tied: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.block = np.asarray(block)
        self.tied = tuple(tied)
        self.rows = self.columns = tuple(shape)

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        rest = [axis for axis in range(len(self.rows)) if axis not in self.tied]
        tied = tuple(self.rows[k] for k in self.tied)
        count, size = int(np.prod(tied, dtype=int)), self._size()
        matrix = np.zeros((count, size, count, size), self.block.dtype)
        np.einsum("tbtc->tbc", matrix)[...] = self.block.reshape(size, size)  # a view of the blocks
        inner = tuple(self.rows[k] for k in rest)
        order = np.argsort([*self.tied, *rest])
        array = matrix.reshape(tied + inner + tied + inner)
        return array.transpose(*order, *(order + len(self.rows)))

    def transpose(self) -> Kronecker:
        """The block transposed."""
        half = self.block.ndim // 2
        order = (*range(half, 2 * half), *range(half))
        return Kronecker(self.block.transpose(order), self.tied, self.rows)

    def cholesky(self) -> Kronecker:
        """The lower factor: that of the block, for all."""
        size = self._size()
        factor = np.linalg.cholesky(self.block.reshape(size, size))
        return Kronecker(factor.reshape(self.block.shape), self.tied, self.rows)

    def to_scipy(self) -> Any:
        """A sparse matrix of SciPy, rows in the order of the flattened argument."""
        from scipy import sparse

        size = self._size()
        count = self.shape[0] // size
        position = np.arange(self.shape[0]).reshape(self.rows)
        index = np.moveaxis(position, self.tied, range(len(self.tied))).reshape(count, size)
        rows = np.broadcast_to(index[:, :, None], (count, size, size)).reshape(-1)
        columns = np.broadcast_to(index[:, None, :], (count, size, size)).reshape(-1)
        block = self.block.reshape(1, size, size)
        values = np.broadcast_to(block, (count, size, size)).reshape(-1)
        return sparse.coo_array((values, (rows, columns)), self.shape).tocsr()

    def _size(self) -> int:
        """Rows of the block: all elements but those along the tied axes."""
        rest = [length for axis, length in enumerate(self.rows) if axis not in self.tied]
        return int(np.prod(rest, dtype=int))

    def _over_rest(self, flat: Any, run: Any) -> Any:
        """A map of the block's vectors, applied to all at once."""
        array = flat.reshape(*self.rows, -1)
        last = array.ndim - len(self.tied)
        moved = np.moveaxis(array, self.tied, range(last, array.ndim))
        result = run(moved.reshape(self._size(), -1)).reshape(moved.shape)
        return np.moveaxis(result, range(last, array.ndim), self.tied).reshape(flat.shape)

    def _times(self, flat: Any) -> Any:
        size = self._size()
        return self._over_rest(flat, lambda v: self.block.reshape(size, size) @ v)

    def _solve(self, flat: Any) -> Any:
        size = self._size()
        block = self.block.reshape(size, size)
        return self._over_rest(flat, lambda v: np.linalg.solve(block, v))
