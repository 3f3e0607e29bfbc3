"""Structure of schedules: which loops run, over what, in which order, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.schedule import Schedule, freeze, schedule
from symgrad.schedule.loops import Kernel, Loop, Node, Store
from symgrad.schedule.plan import CheckIndex, ReshapeArray, RunTiled, RunWhole
from tests.support import build


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def batch_norm(X, w):
    scaled = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 0.1)
    return np.sum(np.tanh(scaled @ w))


def softmax_regression(W, X, Y):
    z = X @ W
    return np.mean(special.logsumexp(z, axis=1) - np.sum(Y * z, axis=1))


PROGRAMS: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "elementwise": (lambda x, y: np.sum(np.tanh(x) * y), {"x": "f64[n]", "y": "f64[n]"}),
    "logistic": (logistic, {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}),
    "batch_norm": (batch_norm, {"X": "f64[n, d]", "w": "f64[d]"}),
    "softmax": (softmax_regression, {"W": "f64[d, k]", "X": "f64[n, d]", "Y": "f64[n, k]"}),
    "cumsum": (lambda x: np.sum(np.cumsum(x) ** 2), {"x": "f64[n]"}),
    "running product": (lambda x: np.sum(np.cumprod(x)), {"x": "f64[n]"}),
    "reversed": (lambda x: np.sum(x[::-1] * np.exp(x)), {"x": "f64[n]"}),
    "stencil": (lambda x: np.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2), {"x": "f64[n]"}),
    "gather": (lambda x, p: np.sum(x[p] ** 2), {"x": "f64[k]", "p": "i64[n]"}),
    "reshape": (lambda x: np.sum(x.ravel() ** 2), {"x": "f64[n, d]"}),
    "maximum": (lambda x: np.sum(np.max(x, axis=1)), {"x": "f64[n, d]"}),
    "triangle": (lambda L, x: np.sum((np.tril(L) @ x) ** 2), {"L": "f64[d, d]", "x": "f64[d]"}),
    "no sizes": (lambda x: np.sin(x) * x, {"x": "f64[]"}),
    "fixed sizes": (lambda x: np.sum(x @ x.T), {"x": "f64[2, 3]"}),
}


@cache
def scheduled(name: str) -> Schedule:
    """The schedule of the gradient of a program."""
    function, shapes = PROGRAMS[name]
    return schedule(freeze(build(function, shapes).derived.gradient.program))


def nodes(body: tuple[Node, ...]) -> Iterator[Node]:
    for node in body:
        yield node
        yield from nodes(getattr(node, "body", ()))


def kernel_nodes(kernel: Kernel) -> Iterator[Node]:
    for _, body in kernel.nests:
        yield from nodes(body)


def depth(body: tuple[Node, ...]) -> int:
    """Loops inside loops."""
    inner = [isinstance(n, Loop) + depth(getattr(n, "body", ())) for n in body]
    return max(inner, default=0)


def written_by(step: Any) -> set[str]:
    if isinstance(step, RunTiled):
        return {b.name for b in step.outputs} | {a.buffer.name for a in step.accumulators}
    if isinstance(step, RunWhole):
        return {b.name for b in step.outputs}
    return {step.statement.name}


def read_by(step: Any) -> set[str]:
    if isinstance(step, (ReshapeArray, CheckIndex)):
        return {step.statement.source}
    scratch = {b.name for b in getattr(step, "scratch", ())}
    return {p.view.array for p in step.kernel.parameters} - written_by(step) - scratch


def tiled_steps(name: str) -> list[RunTiled]:
    return [step for step in scheduled(name).steps if isinstance(step, RunTiled)]


# --- what holds for every schedule -------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_read_before_it_is_written(name: str) -> None:
    plan = scheduled(name)
    known = {a.name for a in (*plan.program.arguments, *plan.program.constants)}
    for step in plan.steps:
        assert read_by(step) <= known, step
        assert not written_by(step) & known, step
        known |= written_by(step)
    assert set(plan.program.outputs) <= known


@pytest.mark.parametrize("name", PROGRAMS)
def test_tiled_kernels_loop_over_their_rows(name: str) -> None:
    """Every nest of a tiled kernel has tile loops over the sample axis, and only there."""
    plan = scheduled(name)
    for step in plan.steps:
        if isinstance(step, RunTiled):
            assert step.sample == plan.sample
            for _, body in step.kernel.nests:
                loops = [n for n in nodes(body) if isinstance(n, Loop)]
                assert any(loop.tile for loop in loops)
                assert all(loop.extent == plan.sample for loop in loops if loop.tile)
        elif isinstance(step, RunWhole):
            assert not any(isinstance(n, Loop) and n.tile for n in kernel_nodes(step.kernel))


@pytest.mark.parametrize("name", PROGRAMS)
def test_rows_are_written_once(name: str) -> None:
    """What is not an accumulator or local is stored, never added to across tiles."""
    for step in tiled_steps(name):
        for parameter in step.kernel.parameters:
            assert parameter.role in ("full", "rows", "scratch", "accumulator")
        accumulated = {a.buffer.name for a in step.accumulators}
        roles = {p.view.array: p.role for p in step.kernel.parameters if p.role == "accumulator"}
        assert set(roles) == accumulated


# --- fusion ------------------------------------------------------------------------------------


def test_elementwise_work_is_one_loop() -> None:
    """Value and both gradients in one pass over n; nothing kept but the gradients."""
    (step,) = scheduled("elementwise").steps
    assert isinstance(step, RunTiled)
    assert step.sample == "n"
    assert len(step.kernel.nests) == 1
    assert depth(step.kernel.nests[0][1]) == 1
    assert not step.scratch
    assert {b.name for b in step.outputs} == {"x_bar", "y_bar"}


@pytest.mark.parametrize("name", ["logistic", "softmax"])
def test_a_regression_is_one_pass_over_the_samples(name: str) -> None:
    (step,) = scheduled(name).steps
    assert isinstance(step, RunTiled)
    # Only gradients of data leave the tile: everything else of n rows is scratch.
    assert all(b.name.endswith("_bar") for b in step.outputs)
    assert {a.buffer.name for a in step.accumulators} >= {"f"}
    assert all(b.shape[0] != "n" or b.name in ("X_bar", "y_bar", "Y_bar") for b in step.outputs)


def test_a_mean_is_scaled_once() -> None:
    (step,) = scheduled("logistic").steps
    (total,) = (a for a in step.accumulators if a.buffer.name == "f")
    assert total.scale


# --- phases ------------------------------------------------------------------------------------


def test_totals_that_feed_back_split_the_program() -> None:
    """Batch norm: mean, then variance, then the rest, then what the backward totals feed."""
    steps = tiled_steps("batch_norm")
    totals = [{a.buffer.name for a in step.accumulators} for step in steps]
    assert len(steps) >= 4
    assert totals[0] == {"mean1"}
    assert len(totals[1]) == 1
    assert "f" in totals[2]


def test_what_a_later_phase_reads_is_stored() -> None:
    plan = scheduled("batch_norm")
    for position, step in enumerate(plan.steps):
        if not isinstance(step, RunTiled):
            continue
        scratch = {b.name for b in step.scratch}
        for later in plan.steps[position + 1 :]:
            assert not scratch & read_by(later)


def test_reading_another_row_starts_a_phase() -> None:
    """x[::-1]·exp(x): exp(x) of another tile is not at hand."""
    plan = scheduled("reversed")
    for step in plan.steps:
        if isinstance(step, RunTiled):
            own = {b.name for b in (*step.outputs, *step.scratch)}
            full = {p.view.array for p in step.kernel.parameters if p.role == "full"}
            assert not own & full


# --- scans -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cumsum", "running product"])
def test_running_totals_are_single_loops(name: str) -> None:
    """Σ_{j ≤ i} x[j] is computed in n steps, not n²."""
    plan = scheduled(name)
    for step in plan.steps:
        if isinstance(step, (RunTiled, RunWhole)):
            for formula, body in step.kernel.nests:
                if name == "cumsum" or formula.startswith("cumprod1["):
                    assert depth(body) <= 1, formula


def test_the_adjoint_of_a_running_total_runs_backwards() -> None:
    loops = [
        node
        for step in scheduled("cumsum").steps
        for node in kernel_nodes(step.kernel)
        if isinstance(node, Loop)
    ]
    assert any(loop.reverse for loop in loops)
    assert not all(loop.reverse for loop in loops)


# --- domains -----------------------------------------------------------------------------------


def test_a_triangle_is_not_a_square() -> None:
    """Σ_{j ≤ i}: the guard is a bound of the loop or decides once for each element."""
    plan = scheduled("triangle")
    bounded = [
        node
        for step in plan.steps
        if isinstance(step, (RunTiled, RunWhole))
        for node in kernel_nodes(step.kernel)
        if isinstance(node, Loop) and (node.lower or node.upper)
    ]
    assert bounded


def test_a_scatter_visits_every_read_once() -> None:
    """x̄[p[i]] += …: one loop over n, not one over k·n."""
    for step in scheduled("gather").steps:
        if isinstance(step, (RunTiled, RunWhole)):
            for formula, body in step.kernel.nests:
                assert depth(body) <= 1, formula
                if "x_bar" in formula:
                    stores = [e for n in nodes(body) for e in getattr(n, "effects", ())]
                    assert any(isinstance(e, Store) and e.add for e in stores)


def test_index_checks_come_first() -> None:
    steps = scheduled("gather").steps
    kinds = [type(step) for step in steps]
    assert kinds.index(CheckIndex) == 0


def test_without_sizes_nothing_is_tiled() -> None:
    for name in ("no sizes", "fixed sizes"):
        assert scheduled(name).sample is None
        assert not tiled_steps(name)


def test_an_empty_program_has_no_steps() -> None:
    from symgrad.program import Argument, Program, size_symbol

    x = Argument("x", (size_symbol("n"),), "float64")
    assert schedule(freeze(Program("f", (x,), (), ("x",)))).steps == ()
