"""What all structures share: shapes, products and solutions of vectors in either form."""

from __future__ import annotations

from typing import Any

import numpy as np


class Structure:
    """A linear map from arrays of shape `columns` to arrays of shape `rows`.

    Vectors may have the shape of the argument, or be flat; several flat ones are the columns of a
    matrix.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the flattened matrix."""
        return int(np.prod(self.rows, dtype=int)), int(np.prod(self.columns, dtype=int))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.rows} x {self.columns}>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.to_dense(), dtype=dtype)

    def __matmul__(self, vector: Any) -> Any:
        """The product with one vector or several."""
        return self._apply("@", vector, self.columns, self.rows, self._times)

    def solve(self, vector: Any) -> Any:
        """The solution x of A·x = vector, for a square map.

        Raises:
            numpy.linalg.LinAlgError: the matrix is singular or not square.
        """
        if self.shape[0] != self.shape[1]:
            raise np.linalg.LinAlgError(f"{self!r} is not square, so it has no inverse")
        return self._apply("solve", vector, self.rows, self.columns, self._solve)

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        matrix = self._times(np.eye(self.shape[1]))
        return matrix.reshape(self.rows + self.columns)

    def matrix(self) -> Any:
        """The flattened matrix as a two-dimensional array."""
        return self.to_dense().reshape(self.shape)

    def _apply(self, name: str, vector: Any, given: Any, result: Any, run: Any) -> Any:
        array = np.asarray(vector)
        length = int(np.prod(given, dtype=int))
        if array.shape == tuple(given):
            return run(array.reshape(length, 1)).reshape(result)
        if array.shape == (length,):
            return run(array.reshape(length, 1)).reshape(-1)
        if array.ndim == 2 and array.shape[0] == length:
            return run(array)
        raise ValueError(
            f"{name}: a vector of shape {array.shape} does not fit {self!r}; "
            f"expected {tuple(given)}, ({length},) or ({length}, m)"
        )

    def _times(self, flat: Any) -> Any:
        raise NotImplementedError

    def _solve(self, flat: Any) -> Any:
        return np.linalg.solve(self.matrix(), flat)
