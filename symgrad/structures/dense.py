"""A matrix without structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class Dense(Structure):
    """Every element: an array of shape rows + columns, the first `rank` axes being rows."""

    def __init__(self, array: Any, rank: int) -> None:
        self.array = np.asarray(array)
        self.rows = self.array.shape[:rank]
        self.columns = self.array.shape[rank:]

    def to_dense(self) -> Any:
        """The array of shape rows + columns."""
        return self.array

    def transpose(self) -> Dense:
        """The map in the other direction."""
        rank, total = len(self.rows), self.array.ndim
        order = (*range(rank, total), *range(rank))
        return Dense(self.array.transpose(order), total - rank)

    def cholesky(self) -> Dense:
        """The lower triangular L with L·Lᵀ = A, for a positive definite A."""
        factor = np.linalg.cholesky(self.matrix())
        return Dense(factor.reshape(self.array.shape), len(self.rows))

    def to_scipy(self) -> Any:
        """The flattened matrix as an array."""
        return self.matrix()

    def _times(self, flat: Any) -> Any:
        return self.array.reshape(self.shape) @ flat
