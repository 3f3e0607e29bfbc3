"""A generated module runs where there is no symgrad: the standard library, NumPy and Numba only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from examples.readmes import EXAMPLES, NAMES

ROOT = EXAMPLES.parent

# Every top-level module that is neither Python's own nor NumPy, Numba or Numba's llvmlite looks as
# if it were not installed. The module's own check then runs, as `python module.py` does it.
_ALONE = """
import importlib.abc
import runpy
import sys

ALLOWED = {*sys.stdlib_module_names, "numpy", "numba", "llvmlite"}

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run_alone(path, **environment):
    """The self-check of a module in a process of its own, in isolated mode."""
    return subprocess.run(
        [sys.executable, "-I", "-c", _ALONE, str(path)],
        cwd=path.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_self_check_with_numpy_and_numba_only(name, tmp_path):
    path = tmp_path / f"{name}_grad.py"
    shutil.copy(ROOT / "generated" / path.name, path)
    interpreted = name != "logistic_regression"
    done = run_alone(path, NUMBA_DISABLE_JIT="1") if interpreted else run_alone(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all gradients agree" in done.stdout
    assert done.stderr == ""
    assert interpreted != bool(list(path.parent.glob("__pycache__/*.nbi")))


def test_the_blocker_blocks(tmp_path):
    path = tmp_path / "needs_sympy.py"
    path.write_text("import sympy\n")
    done = run_alone(path)
    assert done.returncode != 0
    assert "No module named 'sympy'" in done.stderr
