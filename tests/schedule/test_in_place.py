"""Values of an earlier pass in the array of the result that replaces them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from symgrad.schedule import freeze, schedule
from symgrad.schedule.plan import RunTiled
from tests.support import Built, build


def shares(x):
    s = np.sin(x)
    return s / np.sum(s) + x


def shifted_rows(x):
    s = np.sin(x)
    return s[::-1] / np.sum(s)


def both(x):
    s = np.sin(x)
    return s / np.sum(s), s * np.max(s)


def made(built: Built) -> list[list[str]]:
    """The arrays that each pass makes."""
    steps = schedule(freeze(built.derived.forward)).steps
    return [[b.name for b in step.outputs] for step in steps if isinstance(step, RunTiled)]


def outputs(built: Built) -> tuple[str, ...]:
    return freeze(built.derived.forward).outputs


def test_a_value_lies_in_the_result() -> None:
    built = build(shares, {"x": "f64[n]"})
    assert made(built) == [[*outputs(built)], []]


def test_not_where_another_element_is_read() -> None:
    built = build(shifted_rows, {"x": "f64[n]"})
    assert len([name for names in made(built) for name in names]) == 2


def test_not_where_two_results_read_it() -> None:
    built = build(both, {"x": "f64[n]"})
    assert len([name for names in made(built) for name in names]) == 3


@pytest.mark.parametrize("function", [shares, shifted_rows, both])
@pytest.mark.parametrize("n", [1, 7, 200])
def test_results_are_those_of_numpy(function, n: int) -> None:
    built = build(function, {"x": "f64[n]"})
    x = np.random.default_rng(n).normal(size=n)
    expected = function(x)
    for variant in (built, built.in_small_tiles()):
        for actual, wanted in zip(
            variant.value("cpu", {"x": x}),
            expected if isinstance(expected, tuple) else (expected,),
            strict=True,
        ):
            np.testing.assert_allclose(actual, wanted, rtol=1e-13)


@pytest.mark.parametrize("large", [False, True])
def test_out_and_input_of_a_log_sum_exp_may_be_one_array(large: bool) -> None:
    built = build(lambda x: special.logsumexp(x), {"x": "f64[n]"})
    module = built.module("cpu")
    x = np.random.default_rng(3).normal(size=300) + (800.0 if large else 0.0)
    expected = special.softmax(x)
    for target in (np.empty_like(x), x):
        _, (gradient,) = module.f_value_and_grad(x, out=(target,))
        assert gradient is target
        np.testing.assert_allclose(gradient, expected, rtol=1e-12)
