"""The generated module as a whole: imports, signatures, determinism, self-check, text."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import build, compile_to_module

ROOT = Path(__file__).resolve().parents[2]

MODEL = '''"""A model."""
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray as Array
from scipy import special
from symgrad import program


@program(wrt=("w", "b"))
def loss(
    w: Float64[Array, "d k"], b: Float64[Array, "k"],
    X: Float64[Array, "n d"], y: Int64[Array, "n"],
):
    """Cross-entropy of a linear classifier."""
    z = X @ w + b
    return np.mean(special.logsumexp(z, axis=1) - z[np.arange(X.shape[0]), y])


@program
def smooth(x: Float64[Array, "n"], p: Int64[Array, "m"], keep: Bool[Array, "m"]):
    """Differences, gathers and running totals."""
    steps = np.diff(x) ** 2
    chosen = np.where(keep, np.cumsum(x)[p], x[p])
    return np.sqrt(1 + np.sum(steps)) + np.prod(1 + chosen**2), chosen


@program(wrt="x")
def single(x: Float32[Array, "n 3"]):
    """Norms of rows, in single precision."""
    return np.linalg.norm(x, axis=1) / np.float32(3) + special.erf(x[:, 0])
'''

BLOCKED = """
import sys

class Blocker:
    banned = ("symgrad", "sympy", "scipy", "jinja2", "jaxtyping", "mpmath", "ruff", "rich")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.banned:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, sys.argv[1])
"""


TWENTY_SIZES = """
import numpy as np

def signatures():
    called = [k for k in getattr(module, "_KERNELS", ()) if k.call != k._first_call]
    return {{k.function.__name__: list(k.compiled().signatures) for k in called}}

before = signatures()
assert len(before) >= (6 if "{target}" == "cpu" else 0)
assert all(len(own) == 1 for own in before.values())
rng = np.random.default_rng(0)
for size in range(1, 21):
    n, d, k = size, (size * 7) % 5 + 1, size % 4 + 1
    X, y = rng.normal(size=(n, d)), rng.integers(0, k, n)
    module.loss_value_and_grad(rng.normal(size=(d, k)), np.zeros(k), X, y)
    chosen, keep = rng.integers(0, n, d), rng.random(d) < 0.5
    module.smooth_vjp(rng.normal(size=n + 1), chosen, keep, (1.0, np.ones(d)))
    module.single_vjp(rng.normal(size=(n, 3)).astype(np.float32), np.ones(n, np.float32))
assert signatures() == before
print("twenty sizes")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules of the model above for both targets."""
    path = tmp_path_factory.mktemp("model")
    from symgrad.compilation import Request, compile_file

    (path / "model.py").write_text(MODEL, encoding="utf-8")
    for target in ("cpu", "numpy"):
        compile_file(Request(path / "model.py", output=path / f"{target}_grad.py", target=target))
    return path


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        cwd=ROOT,
    )


# --- imports -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_runs_where_only_numpy_and_numba_are(folder: Path, target: str) -> None:
    """And there: twenty sizes, no kernel compiled again."""
    script = BLOCKED + f"import {target}_grad as module\nassert module._self_check()\n"
    script += TWENTY_SIZES.format(target=target)
    if target == "numpy":
        script = script.replace('("symgrad"', '("numba", "symgrad"')
    done = run("-c", script, str(folder))
    assert done.returncode == 0, done.stderr
    assert "all gradients agree" in done.stdout
    assert "twenty sizes" in done.stdout


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_imports_are_few(folder: Path, target: str) -> None:
    tree = ast.parse((folder / f"{target}_grad.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    allowed = {"__future__", "math", "sys", "threading", "collections", "typing", "numpy"}
    assert found <= allowed | ({"numba"} if target == "cpu" else set())


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_nothing_is_evaluated_or_unpickled(folder: Path, target: str) -> None:
    text = (folder / f"{target}_grad.py").read_text(encoding="utf-8")
    names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    assert not names & {"eval", "exec", "pickle", "open", "compile", "__import__"}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_self_check_as_a_script(folder: Path, target: str) -> None:
    done = run(str(folder / f"{target}_grad.py"), NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("loss", "smooth", "single"):
        assert name in done.stdout


def test_self_check_finds_a_wrong_gradient(folder: Path, tmp_path: Path) -> None:
    text = (folder / "numpy_grad.py").read_text(encoding="utf-8")
    wrong = text.replace("def _run_loss_grad(", "def _right(", 1) + (
        "\n\ndef _run_loss_grad(*inner, targets=()):\n"
        "    values, gradients = _right(*inner)\n"
        "    return values, tuple(1.001 * g for g in gradients)\n"
    )
    head, tail = wrong.split('\nif __name__ == "__main__":')
    main, extra = tail.split("\n\ndef _run_loss_grad(", 1)
    broken = tmp_path / "broken.py"
    broken.write_text(f'{head}\n\ndef _run_loss_grad({extra}\nif __name__ == "__main__":{main}')
    done = run(str(broken))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "GRADIENTS DISAGREE" in done.stdout


# --- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_header_says_where_it_came_from(folder: Path, target: str) -> None:
    docstring = ast.get_docstring(ast.parse((folder / f"{target}_grad.py").read_text("utf-8")))
    assert docstring is not None
    assert "derived symbolically; do not edit" in docstring
    assert "sha256" in docstring and f"target {target}" in docstring
    assert "w_bar[" in docstring and "loss (line 9)" in docstring
    assert str(ROOT) not in docstring


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_public_functions_are_annotated_and_described(folder: Path, target: str) -> None:
    tree = ast.parse((folder / f"{target}_grad.py").read_text(encoding="utf-8"))
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    assert {n.name for n in public} == {
        *("loss", "loss_value_and_grad", "loss_grad", "loss_vjp"),
        *("smooth", "smooth_vjp", "single", "single_vjp"),
    }
    for node in public:
        assert ast.get_docstring(node), node.name
        assert node.returns is not None, node.name
        assert all(a.annotation for a in (*node.args.args, *node.args.kwonlyargs)), node.name


def test_formulas_stand_above_kernels(folder: Path) -> None:
    text = (folder / "cpu_grad.py").read_text(encoding="utf-8")
    kernels = text.split("# --- kernels of")[1:]
    assert len(kernels) == 3
    for part in kernels:
        assert "    # " in part


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_lines_are_no_longer_than_100(folder: Path, target: str) -> None:
    """Only what cannot be broken is longer: formulas, signatures and messages."""
    lines = (folder / f"{target}_grad.py").read_text(encoding="utf-8").splitlines()
    start = lines.index("from __future__ import annotations")
    for line in lines[start:]:
        assert len(line) <= 100 or line.lstrip().startswith(("#", '"', 'f"')), line


# --- determinism -------------------------------------------------------------------------------

EMIT = """
import sys
from pathlib import Path
from symgrad.compilation import Request, compile_file

for target in ("cpu", "numpy"):
    for model in sys.argv[2:]:
        output = Path(sys.argv[1]) / "module.py"
        sys.stdout.write(compile_file(Request(Path(model), output=output, target=target)).text)
"""


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_hash_seed(folder: Path, tmp_path: Path) -> None:
    """Of both targets; `tests/examples/test_fresh.py` has the examples."""
    models = [str(folder / "model.py"), str(ROOT / "examples/bundle_adjustment/model.py")]
    texts = []
    for seed in ("0", "1"):
        done = run("-c", EMIT, str(tmp_path), *models, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert len(texts[0]) > 10_000


def test_bytes_do_not_depend_on_what_was_compiled_before() -> None:
    def first(x):
        return np.sum(np.tanh(x) * x)

    text = build(first, {"x": "f64[n]"}).source()
    build(lambda a, b: a @ b, {"a": "f64[n, k]", "b": "f64[k, m]"}).source()
    assert build(first, {"x": "f64[n]"}).source() == text


# --- compilation -------------------------------------------------------------------------------


def test_kernels_have_explicit_signatures_and_a_cache(folder: Path) -> None:
    tree = ast.parse((folder / "cpu_grad.py").read_text(encoding="utf-8"))
    kernels = [
        n
        for n in tree.body
        if isinstance(n, ast.FunctionDef) and n.decorator_list and n.name.split("_")[-1] in "1234"
    ]
    assert kernels
    for node in kernels:
        (decorator,) = node.decorator_list
        assert isinstance(decorator, ast.Call)
        assert isinstance(decorator.args[0], ast.Constant), node.name
    assert '"cache": True' in (folder / "cpu_grad.py").read_text(encoding="utf-8")


def test_model_file_to_module(tmp_path: Path) -> None:
    text = (
        "import numpy as np\nfrom jaxtyping import Float64\nfrom symgrad import program\n"
        "@program\ndef energy(x: Float64[np.ndarray, 'n']):\n    return 0.5 * np.sum(x * x)\n"
    )
    module = compile_to_module(text, tmp_path / "physics.py", target="numpy")
    value, gradient = module.energy_value_and_grad(np.array([3.0, 4.0]))
    assert value == 12.5
    assert gradient.x.tolist() == [3.0, 4.0]
