"""PTX of generated kernels, for chosen compute capabilities, on a machine without a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from symgrad.ahead import (
    KernelReport,
    compile_ahead,
    format_reports,
    kernel_table,
    parse_capabilities,
)
from symgrad.compilation import Request, compile_file
from symgrad.errors import ModelError
from symgrad.modules import import_file
from tests.cuda.sweep import Sweep, examples, kernel_texts, subjects, values_and_gradient
from tests.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/model.py"))
EVERYTHING = bool(os.environ.get("SYMGRAD_ALL_CAPABILITIES"))


def _has_toolchain() -> bool:
    try:
        import cuda.core  # noqa: F401
        from numba import cuda as numba_cuda
    except ImportError:
        return False
    return getattr(numba_cuda, "implementation", "") == "NVIDIA"


needs_toolchain = pytest.mark.skipif(
    not _has_toolchain(), reason="numba-cuda is not installed (the extra 'cuda')"
)


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    """Kernels of the same text are assembled once, for one card or, by hand, for both."""
    return Sweep((80, 90), in_turn=not EVERYTHING)


def assert_assembled(sweep: Sweep, before: int, least: int) -> None:
    """The reports since `before`: no failure, no spills, within what a card has."""
    assert not sweep.failures, sweep.failures
    reports = sweep.reports[before:]
    assert len(reports) >= least, sweep.summary()
    for subject, report in reports:
        assert report.spilled == 0, (subject, report)
        assert 0 < report.registers <= 255, (subject, report)
        assert report.shared <= 48 * 1024, (subject, report)


@needs_toolchain
@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kernel_of_an_example_assembles_without_spills(name: str, sweep: Sweep) -> None:
    """Values and gradients; with SYMGRAD_ALL_CAPABILITIES=1 for two cards."""
    (subject,) = (subject for subject in examples() if subject.name == name)
    before = len(sweep.reports)
    sweep.run(subject)
    assert_assembled(sweep, before, 2)


@needs_toolchain
@pytest.mark.slow
def test_operations_assemble_without_spills(sweep: Sweep) -> None:
    """Some of the table; with SYMGRAD_ALL_CAPABILITIES=1 all of it, and further products."""
    before = len(sweep.reports)
    some = (values_and_gradient(operation) for operation in OPERATIONS[::30])
    for subject in subjects() if EVERYTHING else some:
        sweep.run(subject)
    assert_assembled(sweep, before, 20)


@needs_toolchain
@pytest.mark.slow
def test_folders_hold_the_kernels_of_both_cards(tmp_path: Path) -> None:
    model = ROOT / "examples" / "logistic_regression" / "model.py"
    path = compile_file(Request(model, output=tmp_path / "m.py", target="cuda")).path
    reports = compile_ahead(path, (80, 90))
    assert {r.capability for r in reports} == {80, 90} and len(reports) >= 12
    for folder in tmp_path.glob("m.sm_*"):
        for file in folder.glob("*.ptx"):
            text = file.read_text(encoding="utf-8")
            assert f".target {'sm_80' if 'sm_80' in folder.name else 'sm_90'}" in text
            assert file.with_suffix(".cubin").stat().st_size > 1000


@needs_toolchain
def test_arguments_are_passed_as_the_kernel_expects_them(tmp_path: Path) -> None:
    """As many words as the entry of the PTX has parameters; types select the file."""
    text = (
        "import numpy as np\nfrom jaxtyping import Float64, Int64\nfrom symgrad import program\n"
        "@program(wrt='x')\ndef f(x: Float64[np.ndarray, 'n d'], s: Float64[np.ndarray, ''],"
        " i: Int64[np.ndarray, 'm']):\n    return np.sum(s * np.tanh(x[i]) ** 2)\n"
    )
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    request = Request(tmp_path / "model.py", output=tmp_path / "m.py", target="cuda")
    path = compile_file(request).path
    reports = compile_ahead(path, (90,))
    module = import_file(path)
    (folder,) = tmp_path.glob("m.sm_90.*")
    for name, signatures in module._SIGNATURES.items():
        for number, signature in enumerate(signatures):
            arguments = [_argument(kind) for kind in _types(signature)]
            found = f"void({', '.join(module._type_of(a) for a in arguments)})"
            assert found == signature
            entry = (folder / f"{name}.{number}.ptx").read_text(encoding="utf-8")
            head = entry.partition(".entry ")[2].partition(")")[0]
            assert len(module._flattened(arguments)) == head.count(".param"), name
    assert {r.name for r in reports} == set(module._SIGNATURES)
    # Compiled again, the folder of the same text is made anew, and no other stays.
    compile_ahead(path, (90,))
    assert [f.name for f in tmp_path.glob("m.sm_90.*")] == [folder.name]


def _types(signature: str) -> list[str]:
    inside = signature.removeprefix("void(").removesuffix(")")
    return [part.strip() for part in re.findall(r"\w+(?:\[[^\]]*\])?", inside)]


def _argument(kind: str) -> object:
    name, bracket, axes = kind.partition("[")
    dtype = np.dtype({"boolean": "bool"}.get(name, name))
    if not bracket:
        return {"int64": 3, "float64": 1.5, "boolean": True}.get(name, dtype.type(1))
    shape = tuple(range(2, 2 + axes.count(":") - axes.count("::")))
    array = np.zeros(shape, dtype)
    return SimpleNamespace(
        shape=shape,
        strides=array.strides,
        dtype=dtype,
        __cuda_array_interface__={"data": (4096, False)},
    )


@needs_toolchain
def test_single_precision_stays_single(tmp_path: Path) -> None:
    """Only sums are kept in double precision: no division and no function is computed in it."""
    text = (
        "import numpy as np\nfrom jaxtyping import Float32\nfrom symgrad import program\n"
        "@program(wrt='w')\ndef f(w: Float32[np.ndarray, 'd'], X: Float32[np.ndarray, 'n d'],"
        " y: Float32[np.ndarray, 'n']):\n    z = X @ w\n"
        "    return np.mean(np.log(1 + np.exp(z)) - y * z)\n"
    )
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    request = Request(tmp_path / "model.py", output=tmp_path / "m.py", target="cuda")
    compile_ahead(compile_file(request).path, (90,))
    (kernel,) = tmp_path.glob("m.sm_90.*/_f_grad_1.0.ptx")
    found = re.findall(r"\b(\w+)(?:\.\w+)*\.f64\b", kernel.read_text(encoding="utf-8"))
    assert "add" in found and not {"div", "fma", "mul", "sqrt"} & set(found), sorted(set(found))
    assert "ld.local" not in kernel.read_text(encoding="utf-8")


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    text = (
        "import numpy as np\nfrom jaxtyping import Float64\nfrom symgrad import program\n"
        "@program(wrt='x')\ndef loss(x: Float64[np.ndarray, 'n']):\n    return np.sum(x**2)\n"
    )
    path = tmp_path / "model.py"
    path.write_text(text, encoding="utf-8")
    return path


@needs_toolchain
def test_on_the_command_line(small_model: Path) -> None:
    command = [sys.executable, "-m", "symgrad", "compile", str(small_model), "--target", "cuda"]
    done = subprocess.run(
        [*command, "--cc", "90", "-o", str(small_model.with_name("p.py"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"_loss_grad_1 +90 +\d+ +0 ", done.stdout), done.stdout


@needs_toolchain
def test_table_of_explain(small_model: Path) -> None:
    table = kernel_table(Request(small_model), (90,))
    assert "CUDA kernels" in table and re.search(r"_loss_grad_1 +90 +\d+ +0 ", table)


def test_kernels_of_a_sweep_are_known_by_all_that_they_call() -> None:
    """Names, comments and layout of a kernel do not matter; a helper and a constant do."""
    text = (
        "K = 2\ndef half(x):\n    return x / K\ndef f_1(a):\n    # first\n    a[0] = half(a[0])\n"
    )
    known = kernel_texts(text)["f_1"]
    other = text.replace("f_1", "g_2").replace("# first", "# other")
    assert kernel_texts(other)["g_2"] == known
    for change in (("K = 2", "K = 3"), ("return x /", "return x *"), ("half(a[0])", "half(a[1])")):
        assert kernel_texts(text.replace(*change))["f_1"] != known, change


def test_capabilities() -> None:
    assert parse_capabilities("80,9.0, sm_100") == (80, 90, 100)
    with pytest.raises(ModelError, match="no compute capability"):
        parse_capabilities("80,ampere")


def test_table() -> None:
    table = format_reports([KernelReport("_f_1", 90, 32, 0, 0, 2048)])
    assert table.splitlines()[1].split() == ["_f_1", "90", "32", "0", "0", "2048"]


def test_other_targets_have_no_kernels_to_compile_ahead(tmp_path: Path) -> None:
    model = ROOT / "examples" / "poisson" / "model.py"
    path = compile_file(Request(model, output=tmp_path / "p.py", target="numpy")).path
    with pytest.raises(ModelError, match="--target cuda"):
        compile_ahead(path, (90,))
