"""What the command line says when something is wrong: who, where, and what to do.

A case is a model with one mistake. `# here` marks the line that the message has to name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from symgrad.errors import CompileError
from tests.cli.test_commands import load


@dataclass(frozen=True)
class Case:
    """A mistake in a model, and what the message must say about it."""

    name: str
    model: str
    says: tuple[str, ...]
    options: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.name


def body(*lines: str, arguments: str = 'x: Float64[Array, "n"]') -> str:
    """A marked function of these lines."""
    return f"@program\ndef f({arguments}):\n" + "".join(f"    {line}\n" for line in lines)


def head(arguments: str, result: str = "np.sum(x)") -> str:
    """A marked function whose mistake is in its first lines."""
    return f"@program  # here\ndef f({arguments}):\n    return {result}\n"


TWO_SIZES = 'x: Float64[Array, "n"], y: Float64[Array, "m"]'
MATRIX = 'A: Float64[Array, "n d"], w: Float64[Array, "k"]'

SHAPES = [
    Case(
        "shape clash",
        body("return np.sum(x * y)  # here", arguments=TWO_SIZES),
        ("np.multiply: shape clash: 'x' has shape (n,) and 'y' has shape (m,)", "the same name"),
    ),
    Case(
        "shape clash with a literal size",
        body("z = x[:, None] * y  # here", "return np.sum(z + x)  # here too", arguments=TWO_SIZES)
        .replace("  # here\n", "\n")
        .replace("# here too", "# here"),
        ("np.add: shape clash: 'z' has shape (n, m) and 'x' has shape (n,)",),
    ),
    Case(
        "matmul",
        body("return np.sum(A @ w)  # here", arguments=MATRIX),
        ("np.matmul: shape clash: 'A' has shape (n, d) and 'w' has shape (k,)",),
    ),
    Case(
        "einsum, sizes",
        body('return np.einsum("ij,j->i", A, w)  # here', arguments=MATRIX),
        ("np.einsum: shape clash: 'A' has shape (n, d) and 'w' has shape (k,)",),
    ),
    Case(
        "einsum, axes",
        body('return np.einsum("ij,jk->ik", A, w)  # here', arguments=MATRIX),
        ("np.einsum: 'jk' names 2 axes but 'w' has shape (k,)",),
    ),
    Case(
        "concatenate",
        body("return np.concatenate([A, w[:, None]])  # here", arguments=MATRIX),
        ("np.concatenate: shape clash: 'A' has shape (n, d)", "shape (k, 1)"),
    ),
    Case(
        "stack",
        body("return np.stack([x, y])  # here", arguments=TWO_SIZES),
        ("np.stack: shape clash: 'x' has shape (n,) and 'y' has shape (m,)",),
    ),
    Case(
        "reshape that does not fit",
        body("return x.reshape(4, 2)  # here", arguments='x: Float64[Array, "6"]'),
        ("np.reshape: 'x' of shape (6,) does not have as many elements as (4, 2)",),
    ),
    Case(
        "reshape of a symbolic size",
        body("return x.reshape(4, 2)  # here"),
        ("np.reshape: 'x' of shape (n,) does not have as many elements as (4, 2)",),
    ),
    Case(
        "axis that does not exist",
        body("return np.sum(x, axis=1)  # here"),
        ("np.sum: axis 1 does not exist", "1 ax"),
    ),
    Case(
        "axes of transpose",
        body("return np.transpose(x, (0, 2))  # here", arguments='x: Float64[Array, "n d"]'),
        ("np.transpose: axis 2 does not exist", "2 axes"),
    ),
    Case(
        "index out of range",
        body("return x[5]  # here", arguments='x: Float64[Array, "3"]'),
        ("index 5 is out of range for axis 0 of 'x', which has 3 elements",),
    ),
    Case(
        "too many indices",
        body("return x[0, 0]  # here"),
        ("2 indices for 'x', which has 1 ax",),
    ),
]

VALUES = [
    Case(
        "if",
        body("if np.sum(x) > 0:  # here", "    return np.sum(x)", "return np.mean(x)"),
        ("branch", "np.greater", "is not known while the model is captured", "np.where("),
    ),
    Case(
        "and",
        body("return np.where(x > 0 and x < 1, x, 0)  # here"),
        ("branch", "and", "& | ~ for logic"),
    ),
    Case(
        "while",
        body("s = np.sum(x)", "while s > 1:  # here", "    s = s / 2", "return s"),
        ("branch", "while", "np.where("),
    ),
    Case(
        "max of Python",
        body("return max(x[0], 1.0)  # here"),
        ("branch", "np.maximum for max"),
    ),
    Case(
        "a branch on a size",
        body("if x.shape[0] > 10:  # here", "    return np.sum(x)", "return np.mean(x)"),
        ("comparison: 'n > 10' depends on the sizes of a call", "literal length"),
    ),
    Case(
        "a loop over a size",
        body("s = 0.0", "for i in range(x.shape[0]):  # here", "    s = s + x[i]", "return s"),
        ("range", "'n' cannot become a plain integer", "one array operation"),
    ),
    Case(
        "a loop over an array",
        body("s = 0.0", "for v in x:  # here", "    s = s + v", "return s"),
        (
            "iteration: a loop over 'x' would run 'n' times",
            "one array operation over the whole axis",
        ),
    ),
    Case(
        "int of a size",
        body("return np.zeros(int(len(x))) * x  # here"),
        ("int: ", "'n' cannot become a plain integer", "without int()"),
    ),
    Case(
        "float",
        body("return float(x[0])  # here"),
        ("float: ", "is not known while the model is captured", "use the array as it is"),
    ),
    Case(
        "item",
        body("return x.sum().item()  # here"),
        ("ndarray.item: ", "np.sum", "is not known while the model is captured"),
    ),
    Case(
        "a mask as an index",
        body("return np.sum(x[x > 0])  # here"),
        ("indexing", "mask", "np.where(mask, x, 0)"),
    ),
    Case(
        "a float as an index",
        body("return x[x]  # here"),
        ("indexing", "float64 is not an integer", "index.astype(np.int64)"),
    ),
    Case(
        "math.exp",
        body("return math.exp(x[0])  # here"),
        ("math.exp", "plain numbers only", "Instead: np.exp"),
    ),
    Case(
        "math.lgamma",
        body("return math.lgamma(np.sum(x))  # here"),
        ("math.lgamma", "Instead: scipy.special.gammaln"),
    ),
    Case(
        "random numbers",
        body("return np.sum(x * np.random.normal(size=3))  # here"),
        ("np.random.normal", "baked into the program", "pass them as an argument"),
    ),
    Case(
        "a random generator",
        body("rng = np.random.default_rng(0)  # here", "return np.sum(x * rng.normal(size=3))"),
        ("np.random.default_rng", "pass them as an argument"),
    ),
    Case(
        "assignment to an argument",
        body("x[0] = 1.0  # here", "return np.sum(x)"),
        ("assignment: it would change 'x', an argument of the function", "y = x.copy()"),
    ),
    Case(
        "in-place addition to an argument",
        body("x += 1.0  # here", "return np.sum(x)"),
        ("it would change 'x', an argument of the function", "y = x + 1 in place of x += 1"),
    ),
    Case(
        "a large constant",
        "BIG = np.zeros(200_000)\n\n\n"
        + body("return np.sum(x * BIG)  # here", arguments='x: Float64[Array, "200000"]'),
        ("np.multiply: an array of 200000 elements", "pass it as an argument of the function"),
    ),
    Case(
        "a complex number",
        body("return np.sum(x * 1j)  # here"),
        ("np.multiply: an operand of type complex", "real numbers"),
    ),
    Case(
        "a string",
        body('return np.sum(x + "a")  # here'),
        ("np.add: an operand of type str", "real numbers"),
    ),
]

OPERATIONS = [
    Case("sort", body("return np.sort(x)  # here"), ("np.sort: ", "an index array")),
    Case("fft", body("return np.fft.fft(x)  # here"), ("np.fft.fft: ", "cannot be captured")),
    Case(
        "eigenvalues",
        body("return np.linalg.eigh(A)  # here", arguments='A: Float64[Array, "n n"]'),
        ("np.linalg.eigh: ", "cannot be captured", "factorisations are not captured"),
    ),
    Case(
        "solve",
        body("return np.linalg.solve(A, A)  # here", arguments='A: Float64[Array, "n m"]'),
        ("np.linalg.solve: ", "'A' has shape (n, m)", "only square matrices", "f64[n, n]"),
    ),
    Case(
        "gamma",
        body("return special.gamma(x)  # here"),
        ("scipy.special.gamma: ", "cannot be captured", "scipy.special.gammaln"),
    ),
    Case(
        "an argument that is not captured",
        body("return np.sum(x, where=x > 0)  # here"),
        ("np.sum: ", "'where'", "np.sum(a, axis=None"),
    ),
    Case(
        "an option that is not captured",
        body('return np.pad(x, 1, mode="edge")  # here'),
        ("np.pad: mode='edge' is not captured", "np.concatenate"),
    ),
    Case(
        "a method that is not captured",
        body("return x.tolist()  # here"),
        ("ndarray.tolist: ", "'x'"),
    ),
    Case(
        "an attribute that does not exist",
        body("return x.at[0].set(3)  # here"),
        ("AttributeError", "'ndarray' object has no attribute 'at'"),
    ),
]

SIGNATURES = [
    Case(
        "no annotation",
        "@program  # here\ndef f(x):\n    return np.sum(x)\n",
        (
            "function 'f', parameter 'x': its shape is not known",
            'x: Float64[Array, "n d"]',
            '--shape "x: f64[n, d]"',
        ),
    ),
    Case("a plain array", head("x: np.ndarray"), ("parameter 'x': its shape is not known",)),
    Case(
        "a complex array",
        head('x: Complex128[Array, "n"]'),
        ("parameter 'x': the element type of Complex128", "use Float64, Float32, Int64"),
    ),
    Case(
        "a size with a slash",
        head('x: Float64[Array, "n/2"]'),
        ("parameter 'x': 'n/2' is not a size", "+ - * //"),
    ),
    Case(
        "half an expression",
        head('x: Float64[Array, "2*"]'),
        ("parameter 'x': '2*' is not a size: invalid syntax",),
    ),
    Case(
        "any number of axes",
        head('x: Float64[Array, "... n"]'),
        ("parameter 'x': the size '...' is not supported", "no '...'"),
    ),
    Case(
        "a negative size", head('x: Float64[Array, "-3"]'), ("parameter 'x': the size '-3' is neg",)
    ),
    Case("a size over 0", head('x: Float64[Array, "n//0"]'), ("the size 'n//0' divides by 0",)),
    Case(
        "a product of unknown sizes",
        head('x: Float64[Array, "n*m"]'),
        (
            "axis 0 of argument 'x' has extent m*n, which does not determine its sizes",
            "give one of them an axis of its own",
        ),
    ),
    Case(
        "a sum of unknown sizes",
        head('x: Float64[Array, "n+m"]'),
        ("axis 0 of argument 'x' has extent m + n, which does not determine its sizes",),
    ),
    Case(
        "a reserved name",
        head('out: Float64[Array, "n"]', "np.sum(out)"),
        ("argument 'out'", "generated code needs", "rename it"),
    ),
    Case(
        "arguments of any number",
        head('*x: Float64[Array, "n"]', "x[0]"),
        ("parameter *x cannot be compiled", "a name of its own"),
    ),
    Case(
        "keyword arguments of any number",
        head('x: Float64[Array, "n"], **options: float'),
        ("parameter **options cannot be compiled",),
    ),
    Case(
        "an annotation that cannot be evaluated",
        head("x: \"Float63[Array, 'n']\""),
        ("the annotations of 'f' cannot be evaluated", "Float63"),
    ),
    Case(
        "unknown wrt",
        '@program(wrt="v")  # here\ndef f(x: Float64[Array, "n"]):\n    return np.sum(x)\n',
        ("wrt of 'f' names 'v', which is not an argument; the floating ones are: x",),
    ),
    Case(
        "integer wrt",
        '@program(wrt=("x", "k"))  # here\n'
        'def f(x: Float64[Array, "n"], k: Int64[Array, "n"]):\n    return np.sum(x * k)\n',
        ("wrt of 'f' names 'k', which is int64: derivatives exist only for floating arguments: x",),
    ),
    Case(
        "wrt that is a constant",
        '@program(wrt="a")  # here\n'
        'def f(x: Float64[Array, "n"], a: float = 2.0):\n    return np.sum(x * a)\n',
        (
            "wrt of 'f' names 'a'",
            "constant",
            'annotate it to differentiate by it: a: Float64[Array, ""]',
        ),
    ),
    Case(
        "unused wrt",
        '@program(wrt=("x", "y"))  # here\n'
        'def f(x: Float64[Array, "n"], y: Float64[Array, "n"]):\n    return np.sum(x)\n',
        ("'f' does not use 'y', so its gradient is zero everywhere; leave it out of wrt",),
    ),
    Case(
        "no floating argument",
        head('x: Int64[Array, "n"]'),
        ("'f' has no floating argument to differentiate by; its arguments are: x (int64)",),
    ),
    Case(
        "no floating result",
        head('x: Float64[Array, "n"]', "np.argmax(x)"),
        ("'f' returns only integers or booleans; a derivative needs a floating output",),
    ),
    Case(
        "wrt given twice",
        head('x: Float64[Array, "n"]'),
        ("wrt of 'f' names an argument twice: x, x",),
        ("--wrt", "x,x"),
    ),
    Case(
        "no wrt at all",
        head('x: Float64[Array, "n"]'),
        ("wrt of 'f' names no argument; the floating ones are: x",),
        ("--wrt", ""),
    ),
    Case(
        "wrt of the command line",
        head('x: Float64[Array, "n"]'),
        ("wrt of 'f' names 'y', which is not an argument",),
        ("--wrt", "x,y"),
    ),
]

RESULTS = [
    Case("nothing", head('x: Float64[Array, "n"]', "None"), ("'f' returns nothing", "an array")),
    Case(
        "a dict",
        head('x: Float64[Array, "n"]', '{"a": x}'),
        ("'f' returns a dict", "it must return an array, or a tuple of arrays"),
    ),
    Case(
        "a returned string",
        head('x: Float64[Array, "n"]', '"x"'),
        ("'f' returns a str", "an array"),
    ),
    Case("an empty tuple", head('x: Float64[Array, "n"]', "()"), ("'f' returns an empty tuple",)),
    Case(
        "a generator",
        head('x: Float64[Array, "n"]', "(v for v in [x])"),
        ("'f' returns a generator", "an array"),
    ),
]

EXCEPTIONS = [
    Case(
        "a model that raises while it is captured",
        body('raise ValueError("no luck today")  # here'),
        ("the model raised ValueError while it was captured: no luck today",),
    ),
    Case(
        "a name that does not exist",
        body("return np.sum(z)  # here"),
        ("the model raised NameError", "name 'z' is not defined"),
    ),
    Case(
        "a mistake in a helper",
        "def helper(a):\n    return a.missing  # here\n\n\n" + body("return helper(x)"),
        ("AttributeError", "no attribute 'missing'"),
    ),
    Case(
        "a model without end",
        "def g(a):\n    return g(a + 1)\n\n\n" + body("return g(x)"),
        ("model.py: the model calls itself without end",),
    ),
    Case(
        "a model that raises on import",
        'raise RuntimeError("the data is gone")  # here\n',
        ("the model raised RuntimeError: the data is gone",),
    ),
    Case(
        "an import that fails",
        "import no_such_module_anywhere  # here\n",
        ("ModuleNotFoundError", "no_such_module_anywhere"),
    ),
    Case(
        "a model that exits", "raise SystemExit(3)  # here\n", ("the model raised SystemExit: 3",)
    ),
    Case("a syntax error", "def f(x:  # here\n    return 1\n", ("syntax error: ", "def f(x:")),
    Case("a null byte", "x = 1\0\n", ("model.py",)),
]

OPTIONS = [
    Case(
        "unknown pass",
        body("return np.sum(x)"),
        ("there is no pass 'polish'; the passes are stabilise, ", "factor"),
        ("--without", "polish"),
    ),
    Case(
        "shape without a colon",
        body("return np.sum(x)"),
        ('--shape "x f64[n]": expected "NAME: f64[n, d]"',),
        ("--shape", "x f64[n]"),
    ),
    Case(
        "shape with an unknown type",
        body("return np.sum(x)"),
        ('--shape "x: f128[n]": ', "is not a shape", "f64, f32, i64, i32, bool"),
        ("--shape", "x: f128[n]"),
    ),
    Case(
        "shape with a bad size",
        body("return np.sum(x)"),
        ('--shape "x: f64[n,]": ', "size"),
        ("--shape", "x: f64[n,]"),
    ),
    Case(
        "shape of an unknown argument",
        head('x: Float64[Array, "n"]'),
        ("'y', which is not a parameter; they are: x",),
        ("--shape", "y: f64[n]"),
    ),
]

CASES = [
    *(SHAPES + VALUES + OPERATIONS + SIGNATURES + RESULTS + EXCEPTIONS),
    *OPTIONS,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_mistake_is_explained_and_nothing_is_written(workshop, case):
    path = workshop.model(case.model)
    before = workshop.files()
    done = workshop.run("compile", "model.py", "--target", "numpy", *case.options)
    assert done.status == 1
    assert done.out == ""
    assert done.err.startswith("symgrad: ")
    assert "Traceback" not in done.err
    for text in case.says:
        assert text in done.err
    lines = path.read_text().split("\n")
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("# here")]
    for number in marked:
        assert f"model.py:{number}: " in done.err
    assert workshop.files() == before


def test_names_of_cases_are_distinct():
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(CASES) >= 60


# --- files and folders -------------------------------------------------------------------------

GOOD = body("return np.sum(x)")


def fails(workshop, *arguments, says):
    """Runs a command that must fail; no file may change, none may appear."""
    before = workshop.files()
    done = workshop.run(*arguments)
    assert done.status == 1, done.out
    assert done.out == ""
    assert done.err.startswith("symgrad: ")
    assert "Traceback" not in done.err
    for text in says:
        assert text in done.err
    assert workshop.files() == before


@pytest.mark.parametrize("command", ["compile", "show"])
def test_missing_model_file(workshop, command):
    fails(workshop, command, "nowhere.py", says=["nowhere.py: there is no such file"])


def test_a_folder_for_a_model(workshop):
    workshop.write("models/a.txt", "")
    fails(workshop, "compile", "models", says=["models: this is a folder, not a model file"])


def test_a_model_that_is_not_utf8(workshop):
    path = workshop.model(GOOD)
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")
    fails(workshop, "compile", "model.py", says=["model.py: the file is not UTF-8 text", "save it"])


def test_an_unreadable_model_file(workshop, monkeypatch):
    path = workshop.model(GOOD)
    before = workshop.files()
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def refuse(self):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    done = workshop.run("compile", "model.py")
    monkeypatch.undo()
    path.chmod(0o644)
    assert done.status == 1
    assert "model.py: the file cannot be read: Permission denied" in done.err
    assert {p.name: p.read_bytes() for p in workshop.folder.iterdir()} == before


def test_no_marked_function(workshop):
    workshop.model(GOOD.replace("@program\n", ""))
    says = ["model.py: no function is marked", "@program", "model.py:f"]
    fails(workshop, "compile", "model.py", says=says)


def test_a_function_that_does_not_exist(workshop):
    workshop.model("def helper(a):\n    return a\n\n\n" + GOOD)
    says = ["model.py: there is no function 'g'; the functions are: helper, f"]
    fails(workshop, "compile", "model.py:g", says=says)


def test_a_name_that_is_not_a_function(workshop):
    workshop.model("LIMIT = 3\n" + GOOD)
    says = ["'LIMIT' is not a function; the functions are: f"]
    fails(workshop, "compile", "model.py:LIMIT", says=says)


def test_a_colon_without_a_function(workshop):
    workshop.model(GOOD)
    says = ["'model.py:': the name of a function is missing after the colon"]
    fails(workshop, "compile", "model.py:", says=says)


def test_an_unmarked_function_without_shapes(workshop):
    workshop.model("def f(x):\n    return np.sum(x)\n")
    says = ["model.py:9: function 'f', parameter 'x': its shape is not known", "--shape"]
    fails(workshop, "compile", "model.py:f", says=says)


def test_output_that_symgrad_did_not_write(workshop):
    workshop.model(GOOD)
    workshop.write("out.py", "precious = 1\n")
    says = ["'out.py' exists and was not generated by symgrad", "-o", "--force"]
    fails(workshop, "compile", "model.py", "-o", "out.py", says=says)


def test_the_model_itself_as_output(workshop):
    workshop.model(GOOD)
    says = ["'model.py' exists and was not generated by symgrad"]
    fails(workshop, "compile", "model.py", "-o", "model.py", says=says)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_output_that_is_a_folder(workshop, force):
    workshop.model(GOOD)
    workshop.write("out/a.txt", "")
    says = ["'out' is a folder; give the file to write with -o"]
    fails(workshop, "compile", "model.py", "-o", "out", *force, says=says)


def test_output_below_a_file(workshop):
    workshop.model(GOOD)
    workshop.write("taken", "a file\n")
    says = ["cannot write 'taken/out.py': "]
    fails(workshop, "compile", "model.py", "-o", "taken/out.py", "--target", "numpy", says=says)


def test_output_in_a_folder_without_permission(workshop, monkeypatch):
    workshop.model(GOOD)
    folder = workshop.folder / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):  # root writes everywhere

        def refuse(*arguments, **named):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("symgrad.codegen.rendering.tempfile.mkstemp", refuse)
    arguments = ("-o", "locked/out.py", "--target", "numpy")
    says = ["cannot write 'locked/out.py': Permission denied"]
    fails(workshop, "compile", "model.py", *arguments, says=says)


def test_an_interrupted_write_leaves_the_old_module(workshop, monkeypatch):
    path = workshop.model(GOOD)
    arguments = ("compile", "model.py", "-o", "out.py", "--target", "numpy")
    assert workshop.run(*arguments).status == 0
    path.write_text(path.read_text().replace("np.sum(x)", "np.sum(x**2)"))

    def full(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("symgrad.codegen.rendering.os.replace", full)
    fails(workshop, *arguments, says=["cannot write 'out.py': No space left on device"])


def test_kernels_that_do_not_compile_are_a_defect_of_symgrad(workshop, monkeypatch):
    path = workshop.model(GOOD)
    broken = path.with_name("broken.py")
    broken.write_text("raise TypeError('no such overload')")
    monkeypatch.setattr("symgrad.warming._WORKER", broken)
    done = workshop.run("compile", "model.py", "-o", "out.py")
    assert done.status == 1
    assert "'out.py' was written, but its kernel '_" in done.err
    assert "does not compile" in done.err
    assert "TypeError: no such overload" in done.err
    assert issubclass(CompileError, Exception)


# --- symgrad check -----------------------------------------------------------------------------


def test_check_of_a_missing_module(workshop):
    fails(
        workshop, "check", "nowhere.py", says=["cannot read the module 'nowhere.py': No such file"]
    )


def test_check_of_a_folder(workshop):
    fails(workshop, "check", ".", says=["cannot read the module '.'"])


def test_check_does_not_run_a_foreign_file(workshop):
    workshop.write("mine.py", 'raise SystemExit("it ran")\n')
    fails(workshop, "check", "mine.py", says=["'mine.py' was not generated by symgrad"])


def test_check_of_a_damaged_module(workshop):
    workshop.model(GOOD)
    workshop.run("compile", "model.py", "-o", "out.py", "--target", "numpy")
    path = workshop.folder / "out.py"
    path.write_text(path.read_text() + "\ndef (:\n")
    fails(workshop, "check", "out.py", says=["'out.py' cannot be imported: SyntaxError", "again"])


# --- at the door of a generated module ---------------------------------------------------------

DOOR = """\
@program(wrt=("w", "b"))
def loss(
    w: Float64[Array, "d"],
    b: Float64[Array, ""],
    X: Float64[Array, "n d"],
    k: Int64[Array, "n"],
    pairs: Float64[Array, "2*m+1"],
):
    return np.sum((X @ w + b) * k) + np.sum(pairs)
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """A generated module, and arguments that fit it."""
    from symgrad.cli import main
    from tests.cli.conftest import HEAD

    folder = tmp_path_factory.mktemp("door")
    (folder / "model.py").write_text(HEAD + DOOR)
    output = folder / "out.py"
    arguments = [str(folder / "model.py"), "-o", str(output), "--target", "numpy", "--quiet"]
    assert main(["compile", *arguments]) == 0
    good = {
        "w": np.ones(2),
        "b": 0.5,
        "X": np.ones((3, 2)),
        "k": np.arange(3),
        "pairs": np.ones(5),
    }
    return load(output), good


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"w": np.ones(4)}, ValueError, ("axis 1 of argument 'X'", "2", "d = 4", "axis 0 of 'w'")),
        ({"k": np.arange(5)}, ValueError, ("axis 0 of argument 'k'", "5", "n = 3", "'X'")),
        ({"X": np.ones(3)}, ValueError, ("argument 'X'", "(3,)", "expected 2", "[n, d]")),
        ({"w": np.ones(2, np.float32)}, TypeError, ("argument 'w'", "float32", "expected float64")),
        ({"w": np.arange(2)}, TypeError, ("argument 'w'", "int64", "w.astype(np.float64)")),
        ({"k": np.ones(3)}, TypeError, ("argument 'k'", "float64", "expected int64")),
        ({"w": np.ones(2) * 1j}, TypeError, ("argument 'w'", "complex128", "expected float64")),
        ({"w": ["a", "b"]}, TypeError, ("argument 'w'", "expected float64")),
        ({"b": np.ones(2)}, ValueError, ("argument 'b'", "(2,)", "expected 0-d")),
        (
            {"pairs": np.ones(4)},
            ValueError,
            ("axis 0 of argument 'pairs'", "4 elements", "2·m + 1"),
        ),
    ],
)
def test_the_door_names_argument_and_axis(door, wrong, kind, says):
    module, good = door
    assert np.isfinite(module.loss(**good))
    with pytest.raises(kind) as caught:
        module.loss_value_and_grad(**{**good, **wrong})
    assert str(caught.value).startswith("loss: ")
    for text in says:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"accumulate": True}, ValueError, ("accumulate=True needs out=",)),
        ({"out": (np.zeros(2),)}, ValueError, ("out has 1 arrays, expected 2: w, b",)),
        (
            {"out": (np.zeros(3), np.zeros(()))},
            ValueError,
            ("out for 'w' must be an array of shape (2,), not (3,)",),
        ),
        (
            {"out": (np.zeros(2, np.float32), np.zeros(()))},
            TypeError,
            ("out for 'w' has dtype float32, expected float64",),
        ),
        ({"out": (np.zeros(2), 0.0)}, ValueError, ("out for 'b' must be an array of shape ()",)),
    ],
)
def test_the_door_names_what_is_wrong_with_out(door, options, kind, says):
    module, good = door
    with pytest.raises(kind) as caught:
        module.loss_grad(**good, **options)
    for text in says:
        assert text in str(caught.value)
