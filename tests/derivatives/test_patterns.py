"""Which structure a formula has, and that nothing of the size of rows × rows is made for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad
from symgrad.capture import capture
from symgrad.derivatives import DerivedProduct, Product
from symgrad.driver import Timings, derive
from symgrad.program import Definition


def product(function: Any, shapes: dict[str, str], wrt: Any, name: Product) -> DerivedProduct:
    model = capture(function, shapes=shapes, wrt=wrt, name="f")
    return derive(model, (), Timings(), products=(name,)).products[0]


def hessian(function: Any, shapes: dict[str, str], wrt: Any) -> DerivedProduct:
    return product(function, shapes, wrt, "hessian")


def shapes_in(found: DerivedProduct) -> set[tuple[str, ...]]:
    definitions = [s for s in found.program.definitions if isinstance(s, Definition)]
    return {tuple(map(str, definition.shape)) for definition in definitions}


def k_means(C: Any, X: Any) -> Any:
    return np.sum(np.min(np.sum((X[:, None, :] - C[None]) ** 2, axis=2), axis=1))


def network(W: Any, V: Any, X: Any, y: Any) -> Any:
    z = np.maximum(np.maximum(X @ W, 0) @ V, 0) @ V
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(z * y, axis=1))


def smoothed(x: Any) -> Any:
    inner = x[1:-1, 1:-1] ** 2 - x[:-2, 1:-1] * x[2:, 1:-1] - x[1:-1, :-2] * x[1:-1, 2:]
    return np.sum(inner**2)


@pytest.mark.parametrize(
    ("function", "shapes", "wrt", "note"),
    [
        (lambda x: np.sum(np.exp(x)), {"x": "f64[n, d]"}, "x", "diagonal"),
        (k_means, {"C": "f64[k, d]", "X": "f64[n, d]"}, "C", "diagonal"),
        (lambda x: np.sum(np.prod(x, axis=1)), {"x": "f64[n, d]"}, "x", "block diagonal over n"),
        (lambda x: np.sum(np.prod(x, axis=0)), {"x": "f64[n, d]"}, "x", "block diagonal over d"),
        (
            lambda x, A: np.sum((x @ A) ** 2),
            {"x": "f64[n, d]", "A": "f64[d, k]"},
            "x",
            "identity ⊗ block, over n",
        ),
        (
            lambda x, A: np.sum((A @ x) ** 2),
            {"x": "f64[n, d]", "A": "f64[k, n]"},
            "x",
            "identity ⊗ block, over d",
        ),
        (
            lambda x: np.sum((x[2:] - x[:-2]) ** 2 * x[1:-1]),
            {"x": "f64[n]"},
            "x",
            "banded, diagonals -2, -1, 0, 1, 2",
        ),
        (lambda x: np.sum(x) ** 2 + np.sum(x**3), {"x": "f64[n]"}, "x", "diagonal plus rank 1"),
        (smoothed, {"x": "f64[n, d]"}, "x", "sparse, compressed rows"),
        (lambda x: np.cumsum(x) @ np.cumsum(x), {"x": "f64[n]"}, "x", "dense"),
        (lambda x, y: np.sum(x * y), {"x": "f64[n]", "y": "f64[n]"}, "x", "diagonal"),
    ],
)
def test_structures(function: Any, shapes: dict[str, str], wrt: str, note: str) -> None:
    assert hessian(function, shapes, wrt).notes == (f"∂²f/∂{wrt}²: {note}",)


def test_no_array_of_rows_by_rows_is_made() -> None:
    for function, shapes in (
        (lambda x, y: np.sum(np.sin(x) * np.exp(x * y)), {"x": "f64[n]", "y": "f64[n]"}),
        (lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), {"x": "f64[n]"}),
    ):
        assert shapes_in(hessian(function, shapes, "x")) <= {("n",), ("n - 1",), ()}
    rows = hessian(lambda x: np.sum(np.prod(x, axis=1)), {"x": "f64[n, d]"}, "x")
    assert not any(shape.count("n") > 1 for shape in shapes_in(rows))


def test_the_first_layer_keeps_its_input_as_a_factor() -> None:
    shapes = {"W": "f64[d, h]", "V": "f64[h, h]", "X": "f64[m, d]", "y": "f64[m, h]"}
    found = hessian(network, shapes, "W")
    # Layers carry m·h·h numbers, not m·h·h·d.
    assert not any(("m" in s and "d" in s and len(s) > 3) for s in shapes_in(found))
    assert max(len(shape) for shape in shapes_in(found)) == 4
    assert "select" not in found.formulas()


def test_the_diagonal_alone_costs_no_matrix() -> None:
    def logistic(w: Any, X: Any, y: Any) -> Any:
        return np.sum(np.log(1 + np.exp(X @ w)) - y * (X @ w))

    shapes = {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}
    found = product(logistic, shapes, "w", "hessian_diagonal")
    assert ("d", "d") not in shapes_in(found)


def test_jacobians_by_the_cheaper_way() -> None:
    def wide(x: Any, A: Any, B: Any) -> Any:
        return B @ np.tanh(A @ x)

    few = {"x": "f64[d]", "A": "f64[h, d]", "B": "f64[2, h]"}
    backwards = product(wide, few, "x", "jacobian")
    assert ("h", "d") not in shapes_in(backwards)
    many = {"x": "f64[2]", "A": "f64[h, 2]", "B": "f64[k, h]"}
    forwards = product(wide, many, "x", "jacobian")
    assert ("k", "h") not in shapes_in(forwards)


def test_symmetric_blocks_are_computed_once() -> None:
    def product_of_sums(a: Any, b: Any) -> Any:
        return np.sum(np.exp(a)) * np.sum(np.sin(b))

    module = symgrad.compile(
        product_of_sums,
        shapes={"a": "f64[n]", "b": "f64[m]"},
        wrt=("a", "b"),
        target="numpy",
        emit=("hessian",),
    )
    assert "hessian_a_b" in module.source
    assert "hessian_b_a" not in module.source
    a, b = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0])
    found = module.product_of_sums_hessian(a, b)
    expected = np.outer(np.exp(a), np.cos(b))
    np.testing.assert_allclose(found["a", "b"].to_dense(), expected, rtol=1e-14)
    np.testing.assert_allclose(found["b", "a"].to_dense(), expected.T, rtol=1e-14)


def test_the_branch_not_taken_stays_out_of_second_derivatives() -> None:
    def root(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0) * x)

    x = np.array([0.0, 4.0, -1.0])
    found = symgrad.hessian(root, target="numpy")(x)
    np.testing.assert_allclose(found.values, [0.0, 0.375, 0.0], rtol=1e-14)


def test_zeros_behind_names_keep_infinite_factors_out() -> None:
    """√x has a pole at 0 in its derivative, and no value below: both are behind names here."""

    def roots(x: Any) -> Any:
        u = np.where(x > 0, np.sqrt(x) * x, 0.0)
        return np.sum(np.exp(u) * u)

    x = np.array([1.0, 2.0, 0.0, -1.0])
    root = np.sqrt(x[:2])
    u, slope, bend = root**3, 1.5 * root, 0.75 / root
    expected = np.exp(u) * ((2 + u) * slope**2 + (1 + u) * bend)
    found = symgrad.hessian(roots, target="numpy")(x).values
    np.testing.assert_allclose(found, [*expected, 0.0, 0.0], rtol=1e-12)
