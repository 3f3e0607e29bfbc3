"""Products with triangles: rows in pairs, and the same values as the reference at every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support import Built, assert_close, build


def strict(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.tril(L, -1), X) ** 2)


def with_diagonal(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.tril(L), X) ** 2)


def upper(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.triu(L), X) ** 2)


def below(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.tril(L, -3), X) ** 2)


def above(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.triu(L, 2), X) ** 2)


def shifted(L, X):
    return np.sum(np.einsum("mkl,nml->nmk", np.tril(L, 2), X) ** 2)


SHAPES = {"L": "f64[m, d, d]", "X": "f64[n, m, d]"}


@pytest.fixture(scope="module")
def compiled() -> dict[Callable[..., Any], Built]:
    return {
        f: build(f, SHAPES, wrt=("L",)).in_small_tiles()
        for f in (strict, with_diagonal, upper, shifted, below, above)
    }


def test_rows_of_a_triangle_are_computed_in_pairs(
    compiled: dict[Callable[..., Any], Built],
) -> None:
    source = compiled[strict].source()
    assert ", 2):" in source, "a loop over pairs of rows"
    assert " % 4, 4):" in source, "the summed axis by four inside it"
    assert "range(d % 4, d, 4)" in source, "the adjoint by four rows, the shortest rows apart"


@pytest.mark.parametrize("function", [strict, with_diagonal, upper, shifted, below, above])
@pytest.mark.parametrize("d", [0, 1, 2, 3, 5, 8, 11])
def test_values_at_every_size(
    function: Callable[..., Any],
    d: int,
    compiled: dict[Callable[..., Any], Built],
    rng: np.random.Generator,
) -> None:
    arguments = {"L": rng.normal(size=(2, d, d)), "X": rng.normal(size=(5, 2, d))}
    seeds = [np.float64(rng.normal())]
    values, products = compiled[function].vjp("cpu", arguments, seeds)
    expected, wanted = compiled[function].reference_vjp(arguments, seeds)
    for found, reference in zip((*values, *products), (*expected, *wanted), strict=True):
        assert_close(found, reference, 1e-12, atol=1e-15)
