"""A matrix with few diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure


class Banded(Structure):
    """A[i, i + offsets[b]] = bands[b][i]: each band is as long as the argument, row by row.

    Entries of a band that would lie outside the matrix are not read.
    """

    def __init__(self, bands: Any, offsets: tuple[int, ...]) -> None:
        self.bands = tuple(np.asarray(band) for band in bands)
        self.offsets = tuple(offsets)
        self.rows = self.columns = self.bands[0].shape

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        matrix = np.zeros(self.shape, self.bands[0].dtype)
        for _, (rows, columns), band in self._slices():
            if band.size:
                matrix[np.arange(*rows), np.arange(*columns)] = band
        return matrix

    def transpose(self) -> Banded:
        """The matrix mirrored at its diagonal."""
        pairs = sorted(
            ((-offset, band, columns) for offset, (_, columns), band in self._slices()),
            key=lambda pair: pair[0],
        )
        bands = []
        for _, band, columns in pairs:
            row = np.zeros(self.rows, band.dtype)
            row[slice(*columns)] = band
            bands.append(row)
        return Banded(bands, tuple(offset for offset, _, _ in pairs))

    def cholesky(self) -> Banded:
        """The lower factor, with the bands of the lower half."""
        from scipy.linalg import cholesky_banded

        lower = -min(0, *self.offsets)
        factor = cholesky_banded(self._storage(lower, 0), lower=True)
        bands = []
        for below in range(lower, -1, -1):
            band = np.zeros(self.rows, factor.dtype)
            band[below:] = factor[below][: self.rows[0] - below]
            bands.append(band)
        return Banded(bands, tuple(range(-lower, 1)))

    def to_scipy(self) -> Any:
        """A sparse matrix of SciPy."""
        from scipy import sparse

        bands = [band for _, _, band in self._slices()]
        return sparse.diags_array(bands, offsets=list(self.offsets), shape=self.shape).tocsr()

    def _slices(self) -> Any:
        """For each band: its offset, its first and last row and column, its values inside."""
        (n,) = self.rows
        for offset, band in zip(self.offsets, self.bands, strict=True):
            first, last = max(0, -offset), max(max(0, -offset), n - max(0, offset))
            yield offset, ((first, last), (first + offset, last + offset)), band[first:last]

    def _storage(self, lower: int, upper: int) -> Any:
        """The bands below each other, column by column, as LAPACK has them."""
        storage = np.zeros((lower + upper + 1, self.rows[0]), self.bands[0].dtype)
        for offset, (_, columns), band in self._slices():
            if -lower <= offset <= upper:
                storage[upper - offset, slice(*columns)] = band
        return storage

    def _times(self, flat: Any) -> Any:
        result = np.zeros(flat.shape, np.result_type(flat, self.bands[0]))
        for _, (rows, columns), band in self._slices():
            result[slice(*rows)] += band[:, None] * flat[slice(*columns)]
        return result

    def _solve(self, flat: Any) -> Any:
        from scipy.linalg import solve_banded

        lower, upper = -min(0, *self.offsets), max(0, *self.offsets)
        return solve_banded((lower, upper), self._storage(lower, upper), flat)
