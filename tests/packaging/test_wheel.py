"""The built wheel is complete: it compiles a model with nothing of the checkout in reach."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = """\
import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from symgrad import program


@program
def energy(x: Float64[Array, "n"]):
    return np.sum(np.sin(x) ** 2)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the unpacked wheel and nothing else."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_wheel_holds_templates_and_types(installed: Path) -> None:
    assert (installed / "symgrad" / "_templates" / "module.py.jinja").is_file()
    assert (installed / "symgrad" / "py.typed").is_file()
    tops = {path.name for path in installed.iterdir()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"symgrad"}


def test_wheel_compiles_a_model(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "energy.py").write_text(MODEL)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "symgrad", "compile", "energy.py", "--target", "numpy"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "energy_grad" in (tmp_path / "generated" / "energy_grad.py").read_text()
    where = subprocess.run(
        [sys.executable, "-c", "import symgrad; print(symgrad.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
