"""Generated CUDA modules in Numba's simulator: every operation, every example, every argument."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = 4  # so that parallel workers share the table


def simulate(module: str, *arguments: str) -> dict[str, str]:
    """What the checks of a module say when the simulator stands for a GPU."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"tests.cuda.{module}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def assert_good(found: dict[str, str], least: int) -> None:
    assert len(found) >= least
    bad = {name: text for name, text in found.items() if text}
    assert not bad, "\n\n".join(f"{name}:\n{text}" for name, text in bad.items())


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation_equals_the_cpu_target(part: int) -> None:
    """Values and vector-Jacobian products to 1e-12: odd sizes, zeros, more than one grid."""
    assert_good(simulate("simulate", str(part), str(PARTS)), 80)


MODELS = (
    ("logistic_regression", "poisson", "mlp", "matrix_factorisation", "gaussian_process"),
    ("gmm", "bundle_adjustment"),
)


def test_no_example_is_left_out() -> None:
    models = {path.parent.name for path in (ROOT / "examples").glob("*/model.py")}
    assert models == {name for names in MODELS for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("names", MODELS, ids=["models", "gmm and bundle adjustment"])
def test_examples_equal_the_cpu_target(names: tuple[str, ...]) -> None:
    assert_good(simulate("modules", *names), len(names))


def test_blocks_of_the_simulator() -> None:
    """Threads take turns: missing barriers show, and results are those of Numba's blocks."""
    assert_good(simulate("blocks"), 4)


@pytest.mark.slow
def test_arguments_results_and_errors() -> None:
    """Device arrays, out=, accumulate, streams, workspace, float32, messages."""
    assert_good(simulate("modules", "arguments"), 6)


@pytest.mark.slow
def test_gallery_equals_the_cpu_target() -> None:
    assert_good(simulate("gallery"), 42)


@pytest.mark.slow
def test_memory_and_streams() -> None:
    """Streams of launches and copies, workspace, arrays of other libraries."""
    assert_good(simulate("memory"), 9)


def test_kernels_compiled_ahead_are_loaded() -> None:
    """By stand-ins for the driver: which file, which kernel, and none by Numba."""
    assert_good(simulate("ahead"), 2)


@pytest.mark.slow
def test_second_order() -> None:
    """Hessians and Jacobians of every structure equal those of the CPU target to 1e-12."""
    assert_good(simulate("second_order"), 7)


@pytest.mark.slow
def test_misuse() -> None:
    """Wrong devices, types and streams, `out` that shares memory, several modules and threads."""
    assert_good(simulate("misuse"), 12)


@pytest.mark.slow
def test_linear_algebra() -> None:
    """Copies to the host and back: streams, memory, out=, float32, errors; CuPy by a stand-in."""
    assert_good(simulate("matrices"), 9)


@pytest.mark.slow
def test_atomics_and_cublas() -> None:
    """The options that give up equal bits: results equal the CPU's to rounding."""
    assert_good(simulate("options"), 7)
