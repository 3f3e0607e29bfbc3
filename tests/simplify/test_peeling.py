"""peel_products: the last products of matrices leave the program, what they multiply stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.program import evaluate
from symgrad.simplify.peeling import MatrixProduct, TransposedSum, peel_products
from tests.support import captured, random_arguments


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda A, B: np.exp(A).T @ np.sin(B), {"A": "f64[n, j]", "B": "f64[n, k]"}),
        (lambda A, B: np.einsum("nj,nkl->kjl", A, B), {"A": "f64[n, j]", "B": "f64[n, k, l]"}),
        (lambda A, B: np.einsum("nmj,mnk->kj", A, B), {"A": "f64[n, m, j]", "B": "f64[m, n, k]"}),
    ],
)
def test_the_product_of_what_is_left_is_the_output(
    function: Any, shapes: dict[str, str], rng: np.random.Generator
) -> None:
    program = captured(function, **shapes)
    rest, (product,) = peel_products(program, program.outputs)
    arguments = random_arguments(program, rng, n=3, m=2, j=4, k=5, l=2)
    values = {**arguments, **evaluate(rest, arguments)}
    assert isinstance(product, MatrixProduct)
    found = np.tensordot(values[product.left], values[product.right], product.summed)
    expected = evaluate(program, arguments)[program.outputs[0]]
    np.testing.assert_allclose(found.transpose(product.order), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda A, B: A.T @ B, {"A": "f64[n, 3]", "B": "f64[n, k]"}),  # small: a loop is faster
        (lambda A, B: np.einsum("nj,nj->j", A, B), {"A": "f64[n, j]", "B": "f64[n, j]"}),
        (lambda A, B: np.sum(A @ B), {"A": "f64[n, j]", "B": "f64[j, k]"}),
        (lambda A, B: A @ B + 1, {"A": "f64[n, j]", "B": "f64[j, k]"}),
    ],
)
def test_everything_else_stays(function: Any, shapes: dict[str, str]) -> None:
    program = captured(function, **shapes)
    assert peel_products(program, program.outputs) == (program, ())


def test_sums_of_transposed_arrays(rng: np.random.Generator) -> None:
    shapes = {"A": "f64[n, n]", "B": "f64[n, n]"}
    program = captured(lambda A, B: 2 * A + B.T, **shapes)
    names = program.outputs
    from symgrad.simplify import simplify

    rest, (total,) = peel_products(simplify(program).program, names)
    assert isinstance(total, TransposedSum)
    assert rest.definitions == ()
    arguments = random_arguments(program, rng, n=3)
    found = sum(c * arguments[name].transpose(axes) for c, name, axes in total.parts)
    np.testing.assert_allclose(found, 2 * arguments["A"] + arguments["B"].T, rtol=1e-15)
    same = simplify(captured(lambda A, B: A + B, **shapes)).program
    assert peel_products(same, same.outputs) == (same, ())
