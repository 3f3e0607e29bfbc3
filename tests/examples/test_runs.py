"""The programs run on their data, meet their own checks, and print what their README shows."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from examples.readmes import EXAMPLES, NAMES

NEEDS = {
    "bundle_adjustment": (),
    "gaussian_process": ("sklearn",),
    "gmm": ("sklearn",),
    "logistic_regression": ("sklearn",),
    "matrix_factorisation": ("sklearn",),
    "mlp": ("sklearn",),
    "newton": ("sklearn",),
    "poisson": ("statsmodels",),
}


def without_numbers(text: str) -> list[str]:
    """The words of each line: figures differ in their last digits from machine to machine."""
    return [
        " ".join(re.sub(r"[\[(]?-?\d[\d.,e%+-]*[\])]?", "#", line).split())
        for line in text.strip().splitlines()
    ]


@pytest.mark.examples
@pytest.mark.parametrize("name", [*NAMES, pytest.param("newton", marks=pytest.mark.slow)])
def test_example_runs(name):
    for module in NEEDS[name]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install symgrad[examples]")
    # Tests run side by side; one thread each is faster.
    threads = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}.run"],
        cwd=EXAMPLES.parent,
        env={**os.environ, **dict.fromkeys(threads, "1")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    printed = readme.partition("## Output")[2].partition("```text\n")[2].partition("```\n")[0]
    assert printed
    assert without_numbers(done.stdout) == without_numbers(printed)
