"""The benchmark for a GPU, run to its end in Numba's simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, simulator: str = "1") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.gpu", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": simulator},
    )


@pytest.mark.slow
def test_programs_are_built_checked_and_put_into_a_table() -> None:
    done = run("--tiny", "--only", "softmax,k_means")
    assert done.returncode == 0, done.stderr
    assert "a copy moves" in done.stdout and "WRONG" not in done.stdout
    for name in ("softmax", "k_means"):
        (error,) = re.findall(rf"^{name} .* (\S+)$", done.stdout, re.MULTILINE)
        assert 0 <= float(error) < 1e-12


def test_an_unknown_program_is_named() -> None:
    done = run("--tiny", "--only", "softmax,kmeans")
    assert done.returncode == 1 and "no program called kmeans" in done.stdout
    for name in ["chain", "logistic", "softmax", "gmm", "black_scholes", "k_means", "bundle"]:
        assert name in done.stdout
