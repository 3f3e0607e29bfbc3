"""Matrix operations of generated modules at sizes where they are divided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg

from tests.support import assert_close, build


@pytest.mark.parametrize("columns", [1, 80])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1])
def test_triangular_solves_by_halves(
    columns: int, lower: bool, trans: int, rng: np.random.Generator
) -> None:
    def f(A: Any, b: Any) -> Any:
        return linalg.solve_triangular(A, b, trans=trans, lower=lower)

    module = build(f, {"A": "f64[n, n]", "b": "f64[n, k]"})
    A = rng.normal(size=(75, 75)) / 9 + 2 * np.eye(75)
    b = rng.normal(size=(75, columns))
    (found,) = module.value("numpy", {"A": A, "b": b})
    assert_close(found, f(A, b), 1e-12, atol=1e-13)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("columns", [2, 70])
def test_a_zero_on_the_diagonal_is_an_error(columns: int) -> None:
    module = build(lambda A, b: linalg.solve_triangular(A, b), {"A": "f64[n, n]", "b": "f64[n, k]"})
    A = np.eye(40)
    A[7, 7] = 0.0
    with pytest.raises(np.linalg.LinAlgError, match=r"solve_upper of 'A', line .*: Singular"):
        module.value("numpy", {"A": A, "b": np.ones((40, columns))})


def test_cuda_calls_numpy_on_the_host() -> None:
    """The determinant's matrix is fetched from the device; the header says so."""
    text = build(lambda A: np.linalg.slogdet(A)[1], {"A": "f64[n, n]"}).source("cuda")
    assert 'np.linalg.slogdet(run.fetch("A", A))' in text
    assert "Linear algebra is NumPy's" in text.split('"""')[1]
