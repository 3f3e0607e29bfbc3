"""Every command and every option of the command line, on models small enough to be quick."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from symgrad import __version__
from symgrad.simplify import PASS_NAMES

LOSS = '''\
@program(wrt=("w", "b"))
def loss(w: Float64[Array, "d"], b: Float64[Array, ""], X: Float64[Array, "n d"]):
    """Mean logistic loss of an affine map, all labels zero."""
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(z)))
'''
TWO = """\
@program(wrt="x")
def first(x: Float64[Array, "n"]):
    return np.sum(x**2)


def unmarked(x, k):
    return np.sum(np.sin(x) * k)


@program
def second(x: Float64[Array, "n"], y: Float64[Array, "n"]):
    return x * y, np.sum(x)
"""
NUMPY = ("--target", "numpy", "--quiet")


def load(path: Path) -> ModuleType:
    """A generated module, imported from its file."""
    spec = importlib.util.spec_from_file_location(f"module_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- symgrad, --help, --version ----------------------------------------------------------------


def test_version(workshop):
    done = workshop.run("--version")
    assert done.status == 0
    assert done.out == f"symgrad {__version__}\n"


@pytest.mark.parametrize("command", [(), ("compile",)])
def test_help_has_examples(workshop, command):
    done = workshop.run(*command, "--help")
    assert done.status == 0
    assert "symgrad compile examples/logistic_regression/model.py" in done.out
    assert '--shape "x: f64[n, 3]"' in done.out


def test_help_of_compile_names_every_option_and_pass(workshop):
    text = workshop.run("compile", "--help").out
    for option in (
        *("--output", "-o", "--wrt", "--target", "--dtype", "--without", "--shape"),
        *("--timings", "--quiet", "--force", "--no-warm"),
    ):
        assert option in text
    for name in PASS_NAMES:
        assert name in text


def test_without_a_command_the_help_is_shown(workshop):
    done = workshop.run()
    assert done.status == 1
    assert "usage: symgrad" in done.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("frobnicate",), "invalid choice: 'frobnicate'"),
        (("compile",), "required: MODEL[:FUNCTION]"),
        (("compile", "model.py", "--target", "gpu"), "invalid choice: 'gpu'"),
        (("compile", "model.py", "--dtype", "float16"), "invalid choice: 'float16'"),
    ],
)
def test_wrong_usage(workshop, arguments, expected):
    done = workshop.run(*arguments)
    assert done.status == 2
    assert expected in done.err


# --- symgrad compile: where the module goes ----------------------------------------------------


def test_a_model_file_gives_a_module_named_after_it(workshop):
    workshop.model(LOSS, "logistic.py")
    done = workshop.run("compile", "logistic.py", "--target", "numpy")
    assert done.status == 0
    assert done.err == ""
    assert set(workshop.files()) == {"logistic.py", "generated/logistic_grad.py"}
    assert "wrote generated/logistic_grad.py" in done.out


def test_model_py_gives_a_module_named_after_its_folder(workshop):
    workshop.model(LOSS, "logistic/model.py")
    assert workshop.run("compile", "logistic/model.py", *NUMPY).status == 0
    assert "generated/logistic_grad.py" in workshop.files()


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_output_in_a_folder_that_does_not_exist_yet(workshop, option):
    workshop.model(LOSS)
    assert workshop.run("compile", "model.py", option, "deep/er/out.py", *NUMPY).status == 0
    assert set(workshop.files()) == {"model.py", "deep/er/out.py"}


def test_a_generated_file_is_overwritten_and_an_equal_one_left_alone(workshop):
    path = workshop.model(LOSS)
    workshop.run("compile", path, "-o", "out.py", *NUMPY)
    before = (workshop.folder / "out.py").stat()

    done = workshop.run("compile", path, "-o", "out.py", "--target", "numpy")
    assert "unchanged: out.py" in done.out
    assert (workshop.folder / "out.py").stat().st_mtime_ns == before.st_mtime_ns

    path.write_text(path.read_text().replace("np.mean", "np.sum"))
    done = workshop.run("compile", path, "-o", "out.py", "--target", "numpy")
    assert done.status == 0
    assert "wrote out.py" in done.out
    assert "loss = Σ_i" in (workshop.folder / "out.py").read_text()


def test_an_empty_file_may_be_overwritten(workshop):
    workshop.model(LOSS)
    workshop.write("out.py", "")
    assert workshop.run("compile", "model.py", "-o", "out.py", *NUMPY).status == 0


def test_force_overwrites_a_foreign_file(workshop):
    workshop.model(LOSS)
    workshop.write("out.py", "precious = 1\n")
    assert workshop.run("compile", "model.py", "-o", "out.py", "--force", *NUMPY).status == 0
    assert "derived symbolically" in (workshop.folder / "out.py").read_text()


# --- symgrad compile: what the module holds ----------------------------------------------------


def test_the_module_computes_the_gradient(workshop):
    workshop.model(LOSS)
    workshop.run("compile", "model.py", "-o", "out.py", *NUMPY)
    module = load(workshop.folder / "out.py")
    rng = np.random.default_rng(0)
    w, b, X = rng.normal(size=3), 0.5, rng.normal(size=(7, 3))
    value, gradient = module.loss_value_and_grad(w, b, X)
    z = X @ w + b
    np.testing.assert_allclose(value, np.mean(np.logaddexp(0, z)), rtol=1e-14)
    np.testing.assert_allclose(gradient.w, X.T @ (1 / (1 + np.exp(-z))) / 7, rtol=1e-13)
    assert gradient._fields == ("w", "b")


def test_every_marked_function_of_a_file(workshop):
    workshop.model(TWO)
    done = workshop.run("compile", "model.py", "-o", "out.py", "--target", "numpy")
    module = load(workshop.folder / "out.py")
    assert "first by x:" in done.out
    assert "second by x, y:" in done.out
    assert not hasattr(module, "unmarked")
    np.testing.assert_array_equal(module.first_grad(np.array([1.0, 2.0])), [2.0, 4.0])
    (product, total), gradients = module.second_vjp(
        np.array([1.0, 2.0]), np.array([3.0, 4.0]), (np.ones(2), np.float64(10.0))
    )
    np.testing.assert_array_equal(product, [3.0, 8.0])
    assert total == 3.0
    np.testing.assert_array_equal(gradients.x, [13.0, 14.0])
    assert not hasattr(module, "second_grad")


def test_one_function_of_a_file(workshop):
    workshop.model(TWO)
    assert workshop.run("compile", "model.py:first", "-o", "out.py", *NUMPY).status == 0
    module = load(workshop.folder / "out.py")
    assert hasattr(module, "first_grad")
    assert not hasattr(module, "second_vjp")
    assert "function first" in module.__doc__


def test_shape_gives_an_unmarked_function_its_arguments(workshop):
    workshop.model(TWO)
    arguments = ("--shape", "x: f32[n, 2*m]", "--shape", "k:i64[n,2*m]")
    done = workshop.run("compile", "model.py:unmarked", "-o", "out.py", *arguments, *NUMPY)
    assert done.status == 0, done.err
    module = load(workshop.folder / "out.py")
    x, k = np.ones((3, 4), np.float32), np.full((3, 4), 2)
    gradient = module.unmarked_grad(x, k).x
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, np.cos(x) * 2, rtol=1e-6)
    assert "shape x: f32[n, 2*m], shape k: i64[n,2*m]" in module.__doc__


@pytest.mark.parametrize(
    ("text", "fields"), [("w", None), ("w,", ("w",)), ("b,w", ("b", "w")), (" X , w ", ("X", "w"))]
)
def test_wrt(workshop, text, fields):
    workshop.model(LOSS)
    assert workshop.run("compile", "model.py", "-o", "out.py", "--wrt", text, *NUMPY).status == 0
    module = load(workshop.folder / "out.py")
    gradient = module.loss_grad(np.ones(2), 0.0, np.ones((3, 2)))
    if fields is None:
        assert isinstance(gradient, np.ndarray)
    else:
        assert gradient._fields == fields


def test_wrt_is_every_floating_argument_by_default(workshop):
    workshop.model(
        '@program\ndef f(x: Float64[Array, "n"], k: Int64[Array, "n"], m: Bool[Array, "n"], '
        'y: Float64[Array, "n"]):\n    return np.sum(np.where(m, x * k, y))\n'
    )
    done = workshop.run("compile", "model.py", "-o", "out.py", "--target", "numpy")
    assert "f by x, y:" in done.out


def test_dtype_changes_every_floating_argument(workshop):
    workshop.model(LOSS)
    arguments = ("compile", "model.py", "-o", "out.py", "--dtype", "float32")
    assert workshop.run(*arguments, *NUMPY).status == 0
    module = load(workshop.folder / "out.py")
    single = np.ones(2, np.float32)
    value, gradient = module.loss_value_and_grad(single, 0.0, np.ones((3, 2), np.float32))
    assert value.dtype == gradient.w.dtype == gradient.b.dtype == np.float32
    with pytest.raises(TypeError, match="argument 'w' has dtype float64, expected float32"):
        module.loss(np.ones(2), 0.0, np.ones((3, 2), np.float32))


def test_target_numpy_needs_no_numba(workshop):
    workshop.model(LOSS)
    assert workshop.run("compile", "model.py", "-o", "out.py", *NUMPY).status == 0
    tree = ast.parse((workshop.folder / "out.py").read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported <= {"__future__", "collections", "math", "typing", "numpy"}


def test_target_cpu_is_the_default_and_is_compiled_at_once(workshop):
    workshop.model('@program\ndef f(x: Float64[Array, "n"]):\n    return np.sum(x * x)\n')
    done = workshop.run("compile", "model.py", "-o", "out.py")
    assert done.status == 0, done.err
    assert "compile " in done.out.splitlines()[-1]
    assert "target cpu" in (workshop.folder / "out.py").read_text()
    assert list((workshop.folder / "__pycache__").glob("out.*.nbi"))
    # What was compiled under the loader's name serves whoever imports the module by its own.
    call = "import numpy as np, out; print(out.f_value_and_grad(np.ones(3))[0])"
    later = subprocess.run(
        [sys.executable, "-c", call],
        cwd=workshop.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert later.stdout == "3.0\n", later.stderr


def test_no_warm_leaves_compilation_to_the_first_import(workshop):
    workshop.model(LOSS)
    assert workshop.run("compile", "model.py", "-o", "out.py", "--no-warm").status == 0
    assert not list(workshop.folder.rglob("*.nbi"))


@pytest.mark.parametrize("name", PASS_NAMES)
def test_without_a_pass_the_gradient_is_the_same(workshop, name):
    workshop.model(LOSS)
    arguments = ("compile", "model.py", "-o", "out.py", "--without", name)
    done = workshop.run(*arguments, *NUMPY)
    assert done.status == 0, done.err
    module = load(workshop.folder / "out.py")
    assert f"without {name}" in module.__doc__
    X = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])
    w = np.array([0.5, -0.25])
    expected = X.T @ (1 / (1 + np.exp(-(X @ w + 0.1)))) / 3
    np.testing.assert_allclose(module.loss_grad(w, 0.1, X).w, expected, rtol=1e-13)


def test_without_stabilise_the_naive_spelling_stays(workshop):
    workshop.model(LOSS)
    arguments = ("compile", "model.py", "-o", "out.py", "--target", "numpy")
    assert "stabilised: log(1 + exp(" in workshop.run(*arguments).out
    done = workshop.run(*arguments, "--without", "stabilise", "--without", "factor")
    assert "stabilised" not in done.out
    text = (workshop.folder / "out.py").read_text()
    assert "softplus" not in text
    assert "without stabilise factor" in text


# --- symgrad compile: what is printed ----------------------------------------------------------


def test_the_summary(workshop):
    workshop.model(LOSS)
    lines = workshop.run("compile", "model.py", "-o", "out.py", "--target", "numpy").out.split("\n")
    assert lines[0].startswith("loss by w, b: 5 formulas, ")
    assert " operations simplified to " in lines[0]
    assert lines[1].startswith("  stabilised: log(1 + exp(")
    assert lines[1].endswith("model.py:13")
    assert lines[2].startswith("wrote out.py (")
    for stage in ("load", "capture", "differentiate", "simplify", "freeze", "write"):
        assert f"{stage} " in lines[3]


def test_timings_adds_a_table_of_passes(workshop):
    workshop.model(LOSS)
    arguments = ("compile", "model.py", "-o", "out.py", "--target", "numpy")
    assert "remove_dead" not in workshop.run(*arguments).out
    table = workshop.run(*arguments, "--timings").out
    for word in ("simplification", "pass", "changes", "operations", "ms", "remove_dead"):
        assert word in table


def test_quiet_prints_nothing(workshop):
    workshop.model(LOSS)
    done = workshop.run("compile", "model.py", "-o", "out.py", "--target", "numpy", "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")


# --- symgrad show ------------------------------------------------------------------------------


def test_show_prints_formulas_and_writes_nothing(workshop):
    workshop.model(LOSS)
    done = workshop.run("show", "model.py")
    assert done.status == 0
    lines = [line.split("   ")[0].strip() for line in done.out.splitlines() if line.strip()]
    assert lines[0] == "loss (model.py:9)"
    assert lines[1] == "z[i] = Σ_j w[j]·X[i,j] + b"
    assert any(line.startswith("w_bar[j] = Σ_i ") for line in lines)
    assert any("sigmoid(" in line for line in lines)
    assert set(workshop.files()) == {"model.py"}


def test_show_takes_the_options_of_the_model(workshop):
    workshop.model(TWO)
    arguments = ("--shape", "x: f64[3]", "--shape", "k: f64[3]", "--wrt", "k")
    done = workshop.run("show", "model.py:unmarked", *arguments)
    assert done.status == 0
    assert "sin(x[i])" in done.out
    assert "k_bar[i] = " in done.out
    assert "i < 3" in done.out
    assert "x_bar" not in done.out


# --- symgrad check -----------------------------------------------------------------------------


def test_check_runs_the_self_check(workshop):
    workshop.model(TWO)
    workshop.run("compile", "model.py", "-o", "out.py", *NUMPY)
    done = workshop.run("check", "out.py")
    assert done.status == 0
    assert "all gradients agree" in done.out
    rows = [line.split()[:2] for line in done.out.splitlines()]
    for row in (["first", "x"], ["second", "x"], ["second", "y"]):
        assert row in rows


def test_check_finds_a_wrong_gradient(workshop):
    workshop.model(TWO)
    workshop.run("compile", "model.py:first", "-o", "out.py", *NUMPY)
    path = workshop.folder / "out.py"
    text = path.read_text()
    spoiled = text.replace("x_bar = ", "x_bar = 1.001 * ", 1)
    assert spoiled != text
    path.write_text(spoiled)
    done = workshop.run("check", "out.py")
    assert done.status == 1
    assert "GRADIENTS DISAGREE" in done.out


# --- as a process ------------------------------------------------------------------------------


def run_module(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "symgrad", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_python_m_symgrad(workshop):
    workshop.model(LOSS)
    done = run_module(workshop.folder, "compile", "model.py", "-o", "out.py", "--target", "numpy")
    assert done.returncode == 0, done.stderr
    assert "wrote out.py" in done.stdout
    assert done.stderr == ""
    checked = subprocess.run(
        [sys.executable, "out.py"], cwd=workshop.folder, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "all gradients agree" in checked.stdout


def test_python_m_symgrad_fails_with_status_1(workshop):
    workshop.model(LOSS.replace("X @ w", "w @ X"))
    done = run_module(workshop.folder, "compile", "model.py")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("symgrad: model.py:12: np.matmul: shape clash")
    assert set(workshop.files()) == {"model.py"}
