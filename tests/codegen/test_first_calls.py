"""Kernels are compiled when they are first called, each for itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symgrad.driver import Timings, emit
from symgrad.errors import CompileError
from symgrad.modules import import_file, load
from symgrad.warming import kernel_names, warm
from tests.support import build


def squares(x: Any) -> Any:
    return np.sum(x**2)


def compiled(module: Any) -> list[str]:
    """Names of the kernels that have been compiled or loaded."""
    return [k.function.__name__ for k in module._KERNELS if k.call != k._first_call]


def test_who_wants_a_value_does_not_wait_for_the_gradient() -> None:
    derived = build(squares, {"x": "f64[n]"}).derived
    text = emit((derived,), source="", digest="0" * 64, target="cpu", options="", timings=Timings())
    module = load(derived, text)
    assert [k.function.__name__ for k in module.python._KERNELS] == [
        "_f_1",
        "_f_1_blocks",
        "_f_grad_1",
        "_f_grad_1_blocks",
        "_each_worker",
    ]
    assert compiled(module.python) == []
    assert module.python.f(np.array([3.0, 4.0])) == 25.0
    assert compiled(module.python) == ["_f_1", "_f_1_blocks"], "few samples need no parallel loop"
    np.testing.assert_array_equal(module.python.f_grad(np.array([3.0, 4.0])).x, [6.0, 8.0])
    assert compiled(module.python) == ["_f_1", "_f_1_blocks", "_f_grad_1", "_f_grad_1_blocks"]


def test_warming_compiles_every_kernel(tmp_path: Path) -> None:
    derived = build(lambda x: np.sum(np.cosh(x) * x), {"x": "f64[n]"}).derived
    text = emit((derived,), source="", digest="0" * 64, target="cpu", options="", timings=Timings())
    path = tmp_path / "warm.py"
    path.write_text(text)
    done: list[str] = []
    warm(path, done.append)
    expected = ["_each_worker", "_f_1", "_f_1_blocks", "_f_grad_1", "_f_grad_1_blocks"]
    assert sorted(done) == expected == sorted(kernel_names(text))
    module = import_file(path)
    for kernel in module._KERNELS:
        assert kernel.compiled().stats.cache_hits, "loaded, not compiled again"


def test_workers_do_without_scipy(tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text(
        "import sys, numba, numpy.linalg\n"
        "class Kernel:\n"
        "    def __init__(self, function):\n"
        "        self.function = function\n"
        "    def compiled(self):\n"
        "        numba.njit('void(int64)')(self.function)\n"
        "        if any(name.startswith('scipy') for name in sys.modules):\n"
        "            raise SystemExit('SciPy was imported')\n"
        "def _kernel(signature):\n"
        "    return Kernel\n"
        '@_kernel("void(int64)")\n'
        "def _f_1(n):\n"
        "    pass\n"
        "_KERNELS = (_f_1,)\n"
    )
    warm(path)


def test_a_compiler_that_prints_much_is_not_stopped(tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(
        "import sys\n"
        "class Kernel:\n"
        "    def __init__(self, function):\n"
        "        self.function = function\n"
        "    def compiled(self):\n"
        "        sys.stderr.write('warning\\n' * 100_000)\n"
        "def _kernel(signature):\n"
        "    return Kernel\n"
        '@_kernel("void(int64)")\n'
        "def _f_1(n):\n"
        "    pass\n"
        "_KERNELS = (_f_1,)\n"
    )
    done: list[str] = []
    warm(path, done.append)
    assert done == ["_f_1"]


@pytest.mark.parametrize("line", ["raise SystemExit(3)", "raise ValueError('odd')"])
def test_a_kernel_that_does_not_compile_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(
        "class Kernel:\n"
        "    def __init__(self, function):\n"
        "        self.function = function\n"
        "    def compiled(self):\n"
        f"        {line}\n"
        "def _kernel(signature):\n"
        "    return Kernel\n"
        '@_kernel("void(int64)")\n'
        "def _f_1(n):\n"
        "    pass\n"
        "_KERNELS = (_f_1,)\n"
    )
    with pytest.raises(CompileError, match="its kernel '_f_1' does not compile"):
        warm(path)


def test_copies_of_a_module_in_one_process_run_alone_later(tmp_path: Path) -> None:
    derived = build(lambda x: np.sum(np.sinh(x) * x), {"x": "f64[n]"}).derived
    text = emit((derived,), source="", digest="0" * 64, target="cpu", options="", timings=Timings())
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(text)
    run = "import numpy as np; print({0}.f_grad(np.array([0.5])).x[0].hex())"

    def result(script: str) -> str:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    both = result("import one, two; one.f_grad([0.5]);" + run.format("two"))
    assert result("import one;" + run.format("one")) == both
    (tmp_path / "one.py").unlink()
    assert result("import two;" + run.format("two")) == both


def test_a_copy_that_was_edited_keeps_its_own_kernels(tmp_path: Path) -> None:
    derived = build(lambda x: np.sum(x**3), {"x": "f64[n]"}).derived
    text = emit((derived,), source="", digest="0" * 64, target="cpu", options="", timings=Timings())
    plain, edited = tmp_path / "plain.py", tmp_path / "edited.py"
    plain.write_text(text)
    assert "= 3.0 * " in text
    edited.write_text(text.replace("= 3.0 * ", "= 5.0 * "))
    one, two = (import_file(path) for path in (plain, edited))
    x = np.array([2.0])
    assert one.f_grad(x).x[0] == 12.0 and two.f_grad(x).x[0] == 20.0
