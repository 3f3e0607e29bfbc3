"""Structures by pair of arguments: the Hessian of a function of several arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


class Blocks:
    """`H["U", "V"]` is the block of rows U and columns V; vectors are tuples, one for each name."""

    def __init__(self, names: tuple[str, ...], table: Any) -> None:
        self.names = tuple(names)
        self.table = dict(table)

    @classmethod
    def symmetric(cls, names: tuple[str, ...], upper: Any) -> Blocks:
        """From the blocks (a, b) with a before b, the others being their transposes."""
        table = dict(upper)
        for (a, b), block in upper.items():
            if a != b:
                table[b, a] = block.transpose()
        return cls(names, table)

    def __getitem__(self, pair: tuple[str, str]) -> Any:
        try:
            return self.table[pair]
        except KeyError:
            raise KeyError(
                f"there is no block {pair!r}; the arguments are {', '.join(self.names)}"
            ) from None

    def __repr__(self) -> str:
        kinds = (
            f"{a},{b}: {type(self.table[a, b]).__name__}" for a in self.names for b in self.names
        )
        return f"<Blocks {'; '.join(kinds)}>"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole matrix."""
        total = sum(self.table[name, name].shape[0] for name in self.names)
        return total, total

    def to_dense(self) -> Any:
        """The whole matrix over the flattened arguments, one after the other."""
        return np.block([[self.table[a, b].matrix() for b in self.names] for a in self.names])

    def matrix(self) -> Any:
        """The whole matrix, as `to_dense` gives it."""
        return self.to_dense()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.to_dense(), dtype=dtype)

    def __matmul__(self, vectors: Any) -> Any:
        """The product with a tuple of arrays (a tuple) or with one flat vector (flat)."""
        if isinstance(vectors, np.ndarray):
            return np.concatenate([np.reshape(x, -1) for x in self @ self._split(vectors)])
        return tuple(
            sum(self.table[a, b] @ v for b, v in zip(self.names, vectors, strict=True))
            for a in self.names
        )

    def solve(self, vectors: Any) -> Any:
        """The solution for a tuple of arrays (a tuple) or for one flat vector (flat)."""
        if isinstance(vectors, np.ndarray):
            return np.linalg.solve(self.to_dense(), vectors)
        flat = np.concatenate([np.reshape(v, -1) for v in vectors])
        return self._split(self.solve(flat))

    def cholesky(self) -> Any:
        """The lower factor of the whole matrix, as an array."""
        return np.linalg.cholesky(self.to_dense())

    def to_scipy(self) -> Any:
        """The whole matrix as SciPy's csr_array."""
        from scipy import sparse

        def block(a: str, b: str) -> Any:
            found = self.table[a, b].to_scipy()
            known = sparse.issparse(found) or isinstance(found, np.ndarray)
            return sparse.csr_array(found if known else self.table[a, b].matrix())

        return sparse.block_array([[block(a, b) for b in self.names] for a in self.names]).tocsr()

    def _split(self, flat: Any) -> Any:
        shapes = [self.table[name, name].rows for name in self.names]
        ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes])
        parts = np.split(flat, ends[:-1])
        return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
