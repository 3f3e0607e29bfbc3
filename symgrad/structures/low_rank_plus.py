"""A diagonal matrix and a few outer products."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.structures.base import Structure
from symgrad.structures.dense import Dense
from symgrad.structures.diagonal import Diagonal


class LowRankPlus(Structure):
    """A = diagonal + Σ left⊗right, solved by the formula of Woodbury."""

    def __init__(self, diagonal: Diagonal, pairs: Any) -> None:
        self.diagonal = diagonal
        self.rows = self.columns = diagonal.rows
        self.left = np.stack([np.reshape(left, -1) for left, _ in pairs], axis=1)
        self.right = np.stack([np.reshape(right, -1) for _, right in pairs], axis=1)

    def to_dense(self) -> Any:
        """The array of shape rows + columns."""
        matrix = self.left @ self.right.T
        matrix[np.diag_indices_from(matrix)] += self.diagonal.values.reshape(-1)
        return matrix.reshape(self.rows + self.columns)

    def transpose(self) -> LowRankPlus:
        """Left and right factors exchanged."""
        return LowRankPlus(self.diagonal, list(zip(self.right.T, self.left.T, strict=True)))

    def cholesky(self) -> Dense:
        """The lower factor, which has no structure."""
        return Dense(self.to_dense(), len(self.rows)).cholesky()

    def to_scipy(self) -> Any:
        """A linear operator of SciPy."""
        from scipy.sparse.linalg import LinearOperator

        turned = self.transpose()
        return LinearOperator(
            self.shape,
            matvec=lambda v: self._times(np.reshape(v, (-1, 1))).reshape(-1),
            rmatvec=lambda v: turned._times(np.reshape(v, (-1, 1))).reshape(-1),
            dtype=self.left.dtype,
        )

    def _times(self, flat: Any) -> Any:
        return self.diagonal._times(flat) + self.left @ (self.right.T @ flat)

    def _solve(self, flat: Any) -> Any:
        # (D + L·Rᵀ)⁻¹ = D⁻¹ − D⁻¹·L·(1 + Rᵀ·D⁻¹·L)⁻¹·Rᵀ·D⁻¹
        direct = self.diagonal._solve(flat)
        spread = self.diagonal._solve(self.left)
        core = np.eye(self.left.shape[1]) + self.right.T @ spread
        return direct - spread @ np.linalg.solve(core, self.right.T @ direct)
