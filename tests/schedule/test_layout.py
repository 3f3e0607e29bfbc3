"""Layouts of a tile, and reductions that fold whole rows at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.schedule import freeze, schedule
from symgrad.schedule.loops import Kernel, Loop, Node
from symgrad.schedule.plan import RunTiled, TransposeMatrix
from tests.support import Built, assert_close, build


def network(W, V, X, label):
    scores = np.tanh(X @ W) @ V
    return np.mean(special.logsumexp(scores, axis=1) - scores[np.arange(len(label)), label])


NETWORK = {"W": "f64[d, h]", "V": "f64[h, c]", "X": "f64[n, d]", "label": "i64[n]"}


def nearest(C, X):
    gaps = X[:, None, :] - C[None, :, :]
    return np.sum(np.min(np.sum(gaps**2, axis=2), axis=1))


def factors(U, V, Y, observed):
    return np.sum(np.where(observed, Y - U @ V.T, 0.0) ** 2)


FACTORS = {"U": "f64[n, r]", "V": "f64[p, r]", "Y": "f64[n, p]", "observed": "bool[n, p]"}


def tiled(function: Callable[..., Any], shapes: dict[str, str], wrt: Any = None) -> RunTiled:
    program = freeze(build(function, shapes, wrt=wrt).derived.gradient.program)
    (step,) = [s for s in schedule(program).steps if isinstance(s, RunTiled)]
    return step


def innermost(kernel: Kernel) -> list[Loop]:
    found: list[Loop] = []

    def visit(nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            body = getattr(node, "body", ())
            if isinstance(node, Loop) and not any(isinstance(n, Loop) for n in body):
                found.append(node)
            visit(body)

    for _, nodes in kernel.nests:
        visit(nodes)
    return found


def test_transposed_copies_read_four_neighbours() -> None:
    kernel = tiled(network, NETWORK, ("W", "V")).kernel
    (copy,) = [nodes for text, nodes in kernel.nests if text.startswith("X_packed")]
    four, rest = copy
    assert isinstance(four, Loop) and isinstance(rest, Loop)
    assert (four.extent, four.step, rest.start_after) == ("d", 4, 4)


def test_scratch_of_contractions_has_the_sample_axis_last() -> None:
    step = tiled(network, NETWORK, ("W", "V"))
    shapes = {b.name: b.shape for b in step.scratch}
    assert shapes["X_packed"] == ("d", "n")
    assert all(shape[-1] == "n" for shape in shapes.values())


def test_every_innermost_loop_of_a_network_runs_over_the_tile() -> None:
    loops = innermost(tiled(network, NETWORK, ("W", "V")).kernel)
    assert loops
    assert all(loop.tile for loop in loops)


def test_blocks_have_rows_enough_for_loops_over_them() -> None:
    text = build(network, NETWORK, wrt=("W", "V")).source()
    assert ", 64)" in text[text.index("= _count_blocks(") :].partition("workers")[0]
    module = build(network, NETWORK, wrt=("W", "V")).module("cpu")
    assert module._count_blocks(128, 10**7, 1, 64) == 2
    assert module._count_blocks(10, 10**7, 1, 64) == 1
    assert module._count_blocks(10, 10**7, 1) == 8, "threads share powers of two evenly"


def test_rows_that_are_used_once_are_not_copied() -> None:
    step = tiled(lambda w, X: np.sum(np.tanh(X @ w)), {"w": "f64[d]", "X": "f64[n, d]"})
    assert not [b.name for b in step.scratch if b.name.endswith("_packed")]
    assert {loop.extent for loop in innermost(step.kernel)} >= {"d"}


def test_matrices_are_transposed_rather_than_data_that_are_read_once() -> None:
    program = freeze(build(factors, FACTORS, wrt=("U", "V")).derived.gradient.program, ("U", "V"))
    steps = schedule(program).steps
    (step,) = [s for s in steps if isinstance(s, RunTiled)]
    assert not [b.name for b in step.scratch if b.name.endswith("_packed")]
    assert all(shape[-1] == "p" for shape in (b.shape for b in step.scratch))
    turned = {(s.name, s.source) for s in steps if isinstance(s, TransposeMatrix)}
    assert turned == {("V_turned", "V"), ("V_bar", "V_bar_turned")}
    assert {loop.extent for loop in innermost(step.kernel)} == {"p"}


@pytest.mark.parametrize(
    ("n", "p", "r"), [(0, 3, 2), (1, 1, 1), (7, 5, 3), (90, 10, 4), (150, 9, 1)]
)
def test_values_with_transposed_matrices(
    n: int, p: int, r: int, factorisation: Built, rng: np.random.Generator
) -> None:
    arguments = {"U": rng.normal(size=(n, r)), "V": rng.normal(size=(p, r))}
    arguments |= {"Y": rng.normal(size=(n, p)), "observed": rng.random((n, p)) < 0.5}
    seeds = [np.float64(rng.normal())]
    values, products = factorisation.vjp("cpu", arguments, seeds)
    expected, wanted = factorisation.reference_vjp(arguments, seeds)
    for found, reference in zip((*values, *products), (*expected, *wanted), strict=True):
        assert_close(found, reference, 1e-12, atol=1e-15)


@pytest.fixture(scope="module")
def factorisation() -> Built:
    return build(factors, FACTORS, wrt=("U", "V")).in_small_tiles()


def test_a_copy_has_indices_that_are_no_sizes() -> None:
    def f(a, b):
        return np.tensordot(a, b, axes=([0, -1], [1, 0]))

    built = build(f, {"a": "f64[n, k, i]", "b": "f64[i, n]"})
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3, 4)), rng.normal(size=(4, 5))
    (value,) = built.in_small_tiles().value("cpu", {"a": a, "b": b})
    np.testing.assert_allclose(value, f(a, b), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_layouts_change_no_result(n: int) -> None:
    rng = np.random.default_rng(n)
    arguments = {
        "W": rng.normal(size=(3, 5)),
        "V": rng.normal(size=(5, 6)),
        "X": rng.normal(size=(n, 3)),
        "label": rng.integers(0, 6, n),
    }
    built = build(network, NETWORK, wrt=("W", "V"))
    expected = built.reference_vjp(arguments, [np.array(1.0)])
    for variant in (built, built.in_small_tiles()):
        module = variant.module("cpu")
        value, gradients = module.f_value_and_grad(**arguments)
        np.testing.assert_allclose(value, expected[0][0], rtol=1e-12)
        for actual, wanted in zip(gradients, expected[1], strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-11, atol=1e-14)


def test_minimum_over_columns_folds_rows_at_once() -> None:
    kernel = tiled(nearest, {"C": "f64[k, d]", "X": "f64[n, d]"}, "C").kernel
    *others, scatter = kernel.nests
    assert all(loop.tile for loop in innermost(replace(kernel, nests=tuple(others))))
    assert innermost(replace(kernel, nests=(scatter,)))[-1].extent == "d"  # its place jumps by row


def positions(x):
    return np.argmax(x, axis=0), np.argmin(x, axis=0), np.max(x, axis=0)


SPECIAL = {
    "ties": [[1.0, 2.0], [1.0, 2.0], [0.0, 3.0]],
    "nan": [[1.0, np.nan], [np.nan, 2.0], [np.nan, 3.0]],
    "infinities": [[-np.inf, np.inf], [-np.inf, -np.inf], [-np.inf, np.inf]],
}


@pytest.mark.parametrize("name", SPECIAL)
def test_positions_are_those_of_numpy(name: str) -> None:
    x = np.array(SPECIAL[name])
    built = build(positions, {"x": "f64[n, d]"}, wrt="x")
    for actual, expected in zip(built.value("cpu", {"x": x}), positions(x), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_positions_of_other_types(dtype: type) -> None:
    x = np.random.default_rng(3).integers(-5, 5, size=(40, 7)).astype(dtype)
    x[3, 4] = np.iinfo(np.int64).min if dtype is np.int64 else -np.inf
    kinds = {"x": "i64[n, d]" if dtype is np.int64 else "f32[n, d]", "s": "f64[]"}
    built = build(lambda x, s: (*positions(x), s), kinds, wrt="s")
    actual = built.value("cpu", {"x": x, "s": np.array(1.0)})
    for value, expected in zip(actual, positions(x), strict=False):
        np.testing.assert_array_equal(value, expected)


def test_a_minimum_and_its_position_share_a_loop() -> None:
    kernel = tiled(nearest, {"C": "f64[k, d]", "X": "f64[n, d]"}, "C").kernel
    both = [text for text, _ in kernel.nests if " = min_" in text]
    assert len(both) == 1 and "\n" in both[0] and " = argmin_" in both[0]


def test_a_gradient_at_nan_and_ties() -> None:
    built = build(nearest, {"C": "f64[k, d]", "X": "f64[n, d]"}, wrt="C")
    centres = np.array([[0.0, 1.0], [0.0, 1.0], [3.0, 1.0], [np.inf, 1.0]])
    points = np.array([[0.0, 0.5], [2.0, 1.0], [np.nan, 1.0], [0.0, 2.0]])
    module = built.module("cpu")
    assert np.isnan(module.f_value_and_grad(centres, points)[0])
    assert_close(
        module.f_grad(centres, points[:2]), np.array([[0, 1], [0, 0], [2, 0], [0, 0.0]]), 1e-15
    )
    assert np.isnan(module.f_grad(centres, points)[0, 0])  # NumPy's argmin of a row of NaN is 0


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_logsumexp_over_the_first_axis(dtype: str) -> None:
    x = np.array([[-np.inf, 800.0, 1.0, np.inf], [-np.inf, 799.0, np.nan, 0.0]])
    x = x.astype({"f64": np.float64, "f32": np.float32}[dtype])
    built = build(lambda x: special.logsumexp(x, axis=0), {"x": f"{dtype}[n, d]"})
    (value,) = built.value("cpu", {"x": x})
    np.testing.assert_allclose(value, special.logsumexp(x, axis=0), rtol=1e-6)
    assert value.dtype == x.dtype
