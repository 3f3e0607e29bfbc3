"""A diagonal matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class Diagonal(Structure):
    """A[i,k] = [k = i]·values[i]: the values have the shape of the argument."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.rows = self.columns = self.values.shape

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        matrix = np.zeros(self.shape, self.values.dtype)
        np.fill_diagonal(matrix, self.values.reshape(-1))
        return matrix.reshape(self.rows + self.columns)

    def transpose(self) -> Diagonal:
        """The matrix itself."""
        return self

    def cholesky(self) -> Diagonal:
        """The square roots of the values, for a positive definite matrix."""
        if not np.all(self.values > 0):
            raise np.linalg.LinAlgError("a diagonal value is not positive")
        return Diagonal(np.sqrt(self.values))

    def to_scipy(self) -> Any:
        """A sparse diagonal matrix of SciPy."""
        from scipy import sparse

        return sparse.diags_array(self.values.reshape(-1))

    def _times(self, flat: Any) -> Any:
        return self.values.reshape(-1, 1) * flat

    def _solve(self, flat: Any) -> Any:
        if not np.all(self.values):
            raise np.linalg.LinAlgError("a diagonal value is 0, so the matrix is singular")
        return flat / self.values.reshape(-1, 1)
