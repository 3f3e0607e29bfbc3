"""The text of CUDA modules, and what they say where there is no GPU."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.capture import load_model
from symgrad.cli import main
from symgrad.codegen.rendering import helper_source
from symgrad.codegen.spelling import CUDA, NUMBA
from symgrad.errors import ModelError
from tests.support import build

ROOT = Path(__file__).resolve().parents[2]


def energy(x, W, label):
    scores = np.tanh(x @ W)
    return np.sum(scores[np.arange(x.shape[0]), label]) + np.sum(np.cumsum(scores, axis=0))


SHAPES = {"x": "f64[n, d]", "W": "f64[d, k]", "label": "i64[n]"}


@pytest.fixture(scope="module")
def text() -> str:
    return build(energy, SHAPES, wrt=("x", "W")).source("cuda")


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**known, **environment},
    )


def test_imports_are_few(text: str) -> None:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    # cuda.core comes with numba-cuda, and is imported where a DLPack object is passed.
    assert found <= {
        *("__future__", "collections", "ctypes", "math", "pathlib", "sys", "threading", "typing"),
        *("numpy", "numba", "cuda"),
    }


def test_kernels_use_what_the_simulator_knows(text: str) -> None:
    tree = ast.parse(text)
    kernels = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list]
    assert len(kernels) > 6
    allowed = {"jit", "threadIdx", "blockIdx", "gridDim", "grid", "gridsize", "shared"}
    for kernel in kernels:
        for node in ast.walk(kernel):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cuda":
                assert node.attr in allowed | {"syncthreads"}, node.attr


def test_barriers_are_reached_by_every_thread(text: str) -> None:
    """No barrier, and no tree of lanes, stands under a condition on the element."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If) and "inside" in ast.unparse(node.test):
            inner = "".join(ast.unparse(part) for part in node.body)
            assert "syncthreads" not in inner and "_lanes_" not in inner


def test_every_kernel_has_a_signature(text: str) -> None:
    tree = ast.parse(text)
    kernels = [
        n.name
        for n in tree.body
        if isinstance(n, ast.FunctionDef) and n.decorator_list and "_OPTIONS" in ast.unparse(n)
    ]
    (table,) = (
        n.value
        for n in tree.body
        if isinstance(n, ast.AnnAssign) and getattr(n.target, "id", "") == "_SIGNATURES"
    )
    assert table is not None
    signed = ast.literal_eval(table)
    own = [name for name in kernels if name.startswith("_f_")]
    assert own and set(own) <= set(signed)
    for name in own:
        (node,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
        (signature,) = signed[name]
        types = signature.removeprefix("void(").removesuffix(")")
        depth, count = 0, 1
        for letter in types:
            depth += (letter == "[") - (letter == "]")
            count += letter == "," and depth == 0
        assert count == len(node.args.args), name


def test_one_run_over_the_samples_forward_and_backward() -> None:
    """Logistic regression is one kernel: no array of samples reaches memory."""

    def loss(w, X, y):
        z = X @ w
        return np.sum(np.log(1 + np.exp(z)) - y * z)

    source = build(loss, {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}, wrt="w").source("cuda")
    assert source.count("\ndef _f_grad_") == 1
    assert "atomic" not in source


def nearest_centre(C, X):
    return np.sum(np.min(np.sum((X[:, None, :] - C) ** 2, axis=2), axis=1))


@pytest.fixture(scope="module")
def centres() -> str:
    """The kernel of k-means, value and gradient."""
    shapes = {"C": "f64[K, d]", "X": "f64[n, d]"}
    source = build(nearest_centre, shapes, wrt="C").source("cuda")
    return source.split("\ndef _f_grad_1(")[1].split("\n@cuda")[0].split("\n# Numba")[0]


def test_the_extreme_of_a_row_stays_in_the_tile(centres: str) -> None:
    """Distances to all centres are forgotten with their tile."""
    assert "# sum1[j,i]" in centres and "min1_argmin[_at(block), _at(j - start)] =" in centres


def test_elements_of_a_tile_are_found_without_division(centres: str) -> None:
    (kernel,) = ast.parse("def kernel(" + centres).body
    loops = [n for n in ast.walk(kernel) if isinstance(n, ast.For)]
    elements = [n for n in loops if ast.unparse(n.target).startswith(("base", "element"))]
    checked = 0
    for loop in elements:
        text = ast.unparse(loop)
        if "_lanes_" in text and "j_step" in text:
            checked += 1
            assert "% max(K, 1)" not in text and "// max(K, 1)" not in text
    assert checked == 1


def test_lanes_are_neighbours_only_where_memory_is_read_once(centres: str) -> None:
    """A row of X is read for every centre, so that a thread sums alone over d."""
    first = centres.split("# sum1[j,i]")[1].split("cuda.syncthreads()")[0]
    assert "lane = thread // slots" in first
    second = centres.split("# min1[j]")[1].split("cuda.syncthreads()")[0]
    assert "lane = thread % lanes2" in second


def test_bytes_are_the_same_for_every_hash_seed() -> None:
    script = (
        "import sys; from tests.cuda.test_cuda_module import *; "
        "sys.stdout.write(build(energy, SHAPES, wrt=('x', 'W')).source('cuda'))"
    )
    texts = [run(script, ROOT, PYTHONHASHSEED=seed).stdout for seed in ("0", "1")]
    assert texts[0] == texts[1] and len(texts[0]) > 10_000


def test_options_are_named_in_the_header(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text(
        "import numpy as np\nfrom jaxtyping import Float64, Int64\n"
        "from symgrad import program\n@program(wrt='table')\n"
        "def f(table: Float64[np.ndarray, 'p'], index: Int64[np.ndarray, 'n']):\n"
        "    return np.sum(table[index] ** 2)\n",
        encoding="utf-8",
    )
    output = tmp_path / "f_grad.py"
    assert main(["compile", str(model), "--target", "cuda", "--atomics", "-o", str(output)]) == 0
    head = output.read_text(encoding="utf-8").split('"""')[1]
    assert "target cuda, atomics" in head and "added by atomics" in head
    function = load_model(model)[0]
    module = symgrad.compile(function, target="cuda", atomics=True, cublas=True)
    assert "target cuda, atomics, cublas" in module.source


def test_options_of_another_target_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(ROOT / "examples" / "mlp" / "model.py")
    assert main(["compile", model, "--cublas"]) == 1
    assert "cublas is an option of the target cuda" in capsys.readouterr().err
    with pytest.raises(ModelError, match="atomics is an option of the target cuda"):
        symgrad.compile(nearest_centre, shapes={"C": "f64[K, d]", "X": "f64[n, d]"}, atomics=True)


def test_without_a_gpu_a_call_says_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "energy_grad.py").write_text(text, encoding="utf-8")
    done = run(
        "import numpy as np, energy_grad as m\n"
        "m.f(np.ones((2, 3)), np.ones((3, 2)), np.zeros(2, int))",
        tmp_path,
        CUDA_VISIBLE_DEVICES="-1",
    )
    assert "f: no CUDA device was found" in done.stderr
    assert "--target cpu" in done.stderr and "NUMBA_ENABLE_CUDASIM" in done.stderr


def test_without_numba_cuda_the_import_says_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "energy_grad.py").write_text(text, encoding="utf-8")
    done = run("import sys; sys.modules['numba.cuda'] = None; import energy_grad", tmp_path)
    assert done.returncode and "pip install 'numba-cuda[cu13]'" in done.stderr


def test_every_operation_has_a_spelling() -> None:
    """What the CPU can spell, CUDA can, and never by the CPU's polynomials."""
    assert set(NUMBA) - set(CUDA) <= {"digamma", "spherical_bessel"}
    assert not [name for name, known in CUDA.items() if known.helper.startswith("cpu/")]


def test_helpers_call_no_function_of_numpy() -> None:
    """Numba's CUDA target has NumPy's types and constants only."""
    for name in {known.helper for known in CUDA.values()} - {""}:
        found = set(re.findall(r"\bnp\.(\w+)", helper_source(name, "cuda")))
        assert found <= {"float64", "float32", "int64", "inf", "nan", "pi"}, name
