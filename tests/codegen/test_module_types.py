"""A generated module passes mypy: its public functions are annotated and consistent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad

pytest.importorskip("mypy")


def test_generated_modules_are_typed(tmp_path: Path) -> None:
    scalar = symgrad.compile(
        lambda w, X: np.mean(np.log(1 + np.exp(X @ w))),
        shapes={"w": "f64[d]", "X": "f64[n, d]"},
        target="numpy",
    )
    several = symgrad.compile(
        lambda x, k: (np.sin(x), np.sum(x), k),
        wrt="x",
        shapes={"x": "f64[n]", "k": "i64[n]"},
        target="numpy",
    )
    files = [str(scalar.write(tmp_path / "scalar.py")), str(several.write(tmp_path / "several.py"))]
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout
