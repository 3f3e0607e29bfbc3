"""The vector functions of generated modules against mpmath, in loops compiled as kernels are."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
import pytest

from symgrad.codegen.rendering import template_folder
from symgrad.codegen.spelling import HELPER_NEEDS, NUMBA
from tools.derive_coefficients import missing_literals
from tools.vector_functions import FUNCTIONS, errors_in_ulp, functions_source, sweep_module

NAMES = tuple(FUNCTIONS)
IN_SINGLE = ("exp", "log", "tanh", "sigmoid", "softplus", "sin", "cos", "power", "gammaln")
ENDS = (0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 0.5, 1.0, 2.0, 3.0, 1e300, 1.7e308, np.inf)
EDGES = np.array([*ENDS, *(-x for x in ENDS), np.nan])
# NumPy or SciPy are not right there, or there is no agreement on what is right.
NO_ORACLE = {
    "gammaln": lambda x: (np.abs(x) < 1e-300) & (x != 0) | (x == -np.inf),
    "digamma": lambda x: ((np.abs(x) < 1e-300) & (x != 0)) | (x == -np.inf),
    "sin": lambda x: np.abs(x) > 2.0**46,
    "cos": lambda x: np.abs(x) > 2.0**46,
    "tan": lambda x: np.abs(x) > 2.0**46,
    "sinc": lambda x: np.abs(x) > 2.0**46,
    "versine": lambda x: np.abs(x) > 2.0**46,
    "erfcx": lambda x: np.abs(x) > 1e300,
}


def call_text(name: str) -> str:
    return NUMBA[name].text


def points_of(name: str) -> np.ndarray:
    return FUNCTIONS[name].points(np.random.default_rng(NAMES.index(name)))


def run(module: dict[str, Any], name: str, points: np.ndarray) -> np.ndarray:
    columns = np.ascontiguousarray(points.T) if points.ndim == 2 else points[None]
    found = np.empty(len(points), points.dtype)
    module[f"sweep_{name}"](*columns, found)
    return found


def edge_points(name: str) -> np.ndarray:
    if len(FUNCTIONS[name].typical) == 1:
        return EDGES
    return np.stack([grid.ravel() for grid in np.meshgrid(EDGES, EDGES)], axis=1)


@pytest.fixture(scope="module")
def module() -> dict[str, Any]:
    return sweep_module({name: call_text(name) for name in NAMES}, NAMES)


@pytest.fixture(scope="module")
def interpreted() -> dict[str, Any]:
    """The same text run by Python itself."""
    with patch.object(numba.config, "DISABLE_JIT", True):
        return sweep_module({name: call_text(name) for name in NAMES}, NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_error_stays_within_the_documented_bound(module: dict[str, Any], name: str) -> None:
    function, points = FUNCTIONS[name], points_of(name)
    errors = errors_in_ulp(function, points, run(module, name, points))
    worst = int(np.argmax(errors))
    assert errors[worst] <= function.bound, f"{errors[worst]} ulp at {points[worst]!r}"


@pytest.mark.parametrize("name", NAMES)
def test_docstring_states_the_bound(name: str) -> None:
    text = (template_folder() / "functions" / "cpu" / f"{name}.py.jinja").read_text("utf-8")
    if name in ("xlogy", "xlog1py"):
        return
    stated = re.search(r"Error <= (\d+) ulp", text)
    assert stated and float(stated[1]) == FUNCTIONS[name].bound


@pytest.mark.parametrize("name", NAMES)
def test_zeros_infinities_subnormal_numbers_and_nan(module: dict[str, Any], name: str) -> None:
    points = edge_points(name)
    columns = points.T if points.ndim == 2 else points[None]
    with np.errstate(all="ignore"):
        wanted = FUNCTIONS[name].reference(*columns)
    found = run(module, name, points)
    judged = ~NO_ORACLE[name](points) if name in NO_ORACLE else np.full(len(points), True)
    # Next to a zero of its own the digamma function of a negative number loses digits.
    smallest = 3e-16 if name == "digamma" else 5e-324
    np.testing.assert_allclose(found[judged], wanted[judged], rtol=2e-15, atol=smallest)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("power",)])
def test_nan_comes_out_as_nan(module: dict[str, Any], name: str) -> None:
    width = len(FUNCTIONS[name].typical)
    for position in range(width):
        points = np.full((17, width), 0.75)
        points[:, position] = np.nan
        assert np.isnan(run(module, name, points)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_interpreted_module_computes_the_same(interpreted: dict[str, Any], name: str) -> None:
    points = np.concatenate([points_of(name)[::9], edge_points(name)[::3]])
    with np.errstate(all="ignore"), patch.object(numba.config, "DISABLE_JIT", True):
        found = run(interpreted, name, points)
    usual = slice(0, len(points_of(name)[::9]))
    errors = errors_in_ulp(FUNCTIONS[name], points[usual], found[usual])
    assert errors.max() <= FUNCTIONS[name].bound


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "sinc", "versine"])
def test_angles_beyond_the_range_are_nan_rather_than_wrong(
    module: dict[str, Any], name: str
) -> None:
    assert np.isnan(run(module, name, np.array([2.0**46 * 1.001, -1e18, 1e300]))).all()


def test_single_precision_is_double_precision_rounded(module: dict[str, Any]) -> None:
    single = sweep_module({name: call_text(name) for name in IN_SINGLE}, IN_SINGLE, "float32")
    for name in IN_SINGLE:
        with np.errstate(over="ignore", under="ignore"):
            points = points_of(name).astype(np.float32)
            found = run(single, name, points)
            wanted = run(module, name, points.astype(np.float64)).astype(np.float32)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_loop_is_vectorised(module: dict[str, Any], name: str) -> None:
    """Numbers are handled in vectors, and no function of libm is called."""
    kernel = module[f"sweep_{name}"]
    code = kernel.inspect_llvm(kernel.signatures[0])
    assert re.search(r"fmul .*<\d+ x double>", code)
    assert not re.search(
        r"call[^\n]* double @(llvm\.)?(exp|log|pow|sin|cos|tan|erf|lgamma)\b", code
    )


def test_templates_hold_the_derived_coefficients() -> None:
    assert missing_literals() == []


def test_each_function_comes_after_those_it_calls() -> None:
    for name in NAMES:
        order = [*HELPER_NEEDS[f"cpu/{name}"], f"cpu/{name}"]
        assert len(set(order)) == len(order)
        seen: set[str] = set()
        for key in order:
            assert set(HELPER_NEEDS.get(key, ())) <= seen, key
            seen.add(key)


def test_module_holds_only_what_it_uses() -> None:
    text = functions_source(["exp"])
    assert re.findall(r"^def (\w+)", text, re.MULTILINE) == ["_power_of_two", "_exp"]
