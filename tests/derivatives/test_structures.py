"""The structure classes: every operation against the same operation on the dense matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.structures import (
    Banded,
    BlockDiagonal,
    Blocks,
    Dense,
    Diagonal,
    Kronecker,
    LowRankPlus,
    Sparse,
)
from tests.support import assert_close

RNG = np.random.default_rng(3)


def positive(*shape: int) -> np.ndarray:
    """Positive definite matrices in the last two axes."""
    factor = RNG.normal(size=shape)
    return factor @ np.swapaxes(factor, -1, -2) + shape[-1] * np.eye(shape[-1])


def sparse_symmetric() -> Sparse:
    rows = np.arange(5)
    parts = [
        (RNG.uniform(4, 5, (5,)), (rows,), None),
        (np.full(5, -0.5), (np.minimum(rows + 1, 4),), (rows < 4).astype(int)),
        (np.full(5, -0.5), (np.maximum(rows - 1, 0),), (rows > 0).astype(int)),
    ]
    return Sparse.from_parts((5,), (5,), parts)


def examples() -> list[Any]:
    diagonal = Diagonal(RNG.uniform(1, 2, (3, 2)))
    pair = RNG.normal(size=(3, 2)) / 4
    return [
        diagonal,
        BlockDiagonal(positive(3, 2, 2), (0,), (3, 2)),
        BlockDiagonal(positive(2, 3, 3), (1,), (3, 2)),
        BlockDiagonal(positive(2, 4, 12, 12).reshape(2, 4, 3, 4, 3, 4), (0, 2), (2, 3, 4, 4)),
        Kronecker(positive(2, 2), (0,), (3, 2)),
        Kronecker(positive(3, 3), (1,), (3, 2)),
        Banded((np.full(6, -1.0), RNG.uniform(3, 4, 6), np.full(6, -1.0)), (-1, 0, 1)),
        LowRankPlus(diagonal, [(pair, pair)]),
        sparse_symmetric(),
        Dense(positive(6, 6).reshape(3, 2, 3, 2), 2),
    ]


CASES = [
    pytest.param(matrix, id=f"{k}-{type(matrix).__name__}") for k, matrix in enumerate(examples())
]


@pytest.mark.parametrize("matrix", CASES)
def test_operations_equal_those_of_the_dense_matrix(matrix: Any) -> None:
    flat = matrix.matrix()
    assert matrix.to_dense().shape == matrix.rows + matrix.columns
    np.testing.assert_array_equal(np.asarray(matrix), matrix.to_dense())
    v = RNG.normal(size=matrix.columns)
    assert_close((matrix @ v).reshape(-1), flat @ v.reshape(-1), 1e-13, atol=1e-13)
    assert_close(matrix @ v.reshape(-1), flat @ v.reshape(-1), 1e-13, atol=1e-13)
    several = RNG.normal(size=(flat.shape[1], 3))
    assert_close(matrix @ several, flat @ several, 1e-13, atol=1e-13)
    g = RNG.normal(size=matrix.rows)
    expected = np.linalg.solve(flat, g.reshape(-1))
    assert_close(matrix.solve(g).reshape(-1), expected, 1e-12, atol=1e-13)
    assert matrix.solve(g).shape == matrix.columns
    assert_close(matrix.transpose().matrix(), flat.T, 0)
    factor = matrix.cholesky()
    lower = factor.matrix()
    assert_close(lower @ lower.T, flat, 1e-12, atol=1e-12)
    found = matrix.to_scipy()
    as_array = found.toarray() if hasattr(found, "toarray") else found @ np.eye(flat.shape[1])
    assert_close(as_array, flat, 1e-14, atol=1e-14)
    with pytest.raises(ValueError, match="does not fit"):
        matrix @ np.zeros(flat.shape[1] + 1)


def test_factors_of_triangular_structures_are_lower() -> None:
    for matrix in (examples()[0], examples()[4], examples()[6], sparse_symmetric()):
        lower = matrix.cholesky().matrix()
        np.testing.assert_array_equal(lower, np.tril(lower))


def test_singular_and_indefinite_matrices_are_errors() -> None:
    for matrix in (
        Diagonal(np.zeros(3)),
        Banded((np.zeros(3),), (0,)),
        Kronecker(np.zeros((2, 2)), (0,), (3, 2)),
        BlockDiagonal(np.zeros((3, 2, 2)), (0,), (3, 2)),
        Sparse.from_parts((3,), (3,), [(np.zeros(3), (np.arange(3),), None)]),
    ):
        with pytest.raises(np.linalg.LinAlgError):
            matrix.solve(np.ones(matrix.columns))
        with pytest.raises(np.linalg.LinAlgError):
            matrix.cholesky()
    with pytest.raises(np.linalg.LinAlgError, match="not square"):
        Dense(np.ones((2, 3)), 1).solve(np.ones(2))


def test_sparse_rows_from_parts() -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    tie = np.array([4, 1])
    matrix = Sparse.from_parts((2, 3), (5, 2), [(values, (tie[:, None], None), None)])
    dense = np.zeros((2, 3, 5, 2))
    for i in range(2):
        dense[i, :, tie[i], :] = values[i]
    np.testing.assert_array_equal(matrix.to_dense(), dense)
    assert matrix.indices.dtype == np.int32
    np.testing.assert_array_equal(matrix.to_bsr((3, 2)).toarray(), dense.reshape(6, 10))
    empty = Sparse.from_parts((2,), (3,), [])
    np.testing.assert_array_equal(empty.to_dense(), np.zeros((2, 3)))
    twice = Sparse.from_parts((2,), (3,), [(np.ones(2), (np.zeros(2, int),), None)] * 2)
    np.testing.assert_array_equal(twice.to_dense(), [[2, 0, 0], [2, 0, 0]])


def test_matrices_beside_each_other() -> None:
    regular = Sparse.from_parts((2,), (3,), [(np.ones(2), (np.array([2, 0]),), None)])
    ragged = sparse_symmetric()
    np.testing.assert_array_equal(
        Sparse.beside([regular, regular]).to_dense(), np.hstack([regular.matrix()] * 2)
    )
    np.testing.assert_array_equal(
        Sparse.beside([ragged, ragged]).to_dense(), np.hstack([ragged.matrix()] * 2)
    )


def test_blocks_by_pair() -> None:
    coupling = Dense(RNG.normal(size=(6, 4)).reshape(3, 2, 4) / 9, 2)
    blocks = Blocks.symmetric(
        ("a", "b"),
        {
            ("a", "a"): Kronecker(positive(2, 2), (0,), (3, 2)),
            ("a", "b"): coupling,
            ("b", "b"): Diagonal(np.ones(4)),
        },
    )
    whole = blocks.to_dense()
    assert whole.shape == blocks.shape == (10, 10)
    np.testing.assert_array_equal(whole, whole.T)
    a, b = RNG.normal(size=(3, 2)), RNG.normal(size=4)
    flat = np.concatenate([a.reshape(-1), b])
    product = blocks @ (a, b)
    assert [p.shape for p in product] == [(3, 2), (4,)]
    assert_close(np.concatenate([p.reshape(-1) for p in product]), whole @ flat, 1e-13)
    assert_close(blocks @ flat, whole @ flat, 1e-13)
    solved = blocks.solve((a, b))
    assert_close(
        np.concatenate([p.reshape(-1) for p in solved]), np.linalg.solve(whole, flat), 1e-12
    )
    assert_close(blocks.to_scipy().toarray(), whole, 0)
    with pytest.raises(KeyError, match="the arguments are a, b"):
        blocks["a", "c"]
