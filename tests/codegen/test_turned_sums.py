"""A + A': a kernel of its own, in squares of eight rows and columns."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

import symgrad


def quadratic(x: Any, A: Any) -> Any:
    return 0.5 * x @ A @ x


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_the_hessian_of_a_quadratic_form(target: Any, rng: np.random.Generator) -> None:
    """Equal to the bit, at sizes that squares of eight leave something of, on any threads."""
    function = symgrad.hessian(quadratic, wrt="x", target=target)
    x, A = rng.normal(size=400), rng.normal(size=(400, 400))
    module = function.module(x, A)
    assert ("_add_turned(A, A, 0.5)" in module.source) == (target == "cpu")
    before = numba.get_num_threads()
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            for n in (2, 256, 301, 400):
                part = np.ascontiguousarray(A[:n, :n])
                found = module.python.quadratic_hessian(x[:n], part)
                np.testing.assert_array_equal(found.array, 0.5 * (part + part.T))
    finally:
        numba.set_num_threads(before)


def test_literal_sizes_stay_with_numpy() -> None:
    shapes = {"x": "f64[3]", "A": "f64[3, 3]"}
    source = symgrad.compile(quadratic, wrt="x", shapes=shapes, emit=("hessian",)).source
    assert "A.transpose((1, 0))" in source
    assert "_add_turned" not in source
