"""LaTeX of definitions and programs: what it says, that it is well formed, that it compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from symgrad.compilation import Request, derive_file
from symgrad.driver import Timings
from symgrad.explain import latex_document, latex_program, latex_statement
from symgrad.explain.names import NameParts, split_name
from symgrad.program import Program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/model.py"))

# Everything that LaTeX with amsmath and MathJax have in common and GitHub allows.
KNOWN = """
    begin end left right frac sqrt sum prod max min exp log sin cos tan sinh cosh tanh arcsin
    arccos arctan det mathrm mathop mathbf
    limits overline odot oslash otimes le ge ne wedge vee neg top
    circ infty in partial nabla to cdot text lfloor rfloor | { } , _ \\ alpha beta gamma delta
    epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
    Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
ALLOWED = set(KNOWN.split())


def gradient_program(name: str) -> Program:
    (derived,) = derive_file(Request(EXAMPLES / name / "model.py"), Timings())
    return derived.gradient.program


def assert_well_formed(latex: str) -> None:
    """Braces, environments and \\left … \\right are balanced; every command is a known one."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for command, name in re.findall(r"\\(begin|end)\{(\w+)\}", latex):
        if command == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    assert len(re.findall(r"\\left\b", latex)) == len(re.findall(r"\\right\b", latex))
    assert set(re.findall(r"\\([A-Za-z]+|.)", latex)) <= ALLOWED
    assert latex.isascii()


@pytest.mark.parametrize("name", NAMES)
def test_programs_are_well_formed(name: str) -> None:
    assert_well_formed(latex_program(gradient_program(name)))


def test_lines_of_logistic_regression() -> None:
    program = gradient_program("logistic_regression")
    lines = {s.name: latex_statement(s) for s in program.definitions}
    assert lines["z"] == r"z_{i} = \sum_{j < d} w_{j} \, X_{i,j} + b"
    assert lines["w_bar"] == r"{\overline{w}}_{j} = \sum_{i < n} {\overline{z}}_{i} \, X_{i,j}"
    assert lines["z_bar"] == (r"{\overline{z}}_{i} = \frac{\sigma\left( z_{i} \right) - y_{i}}{n}")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("w", NameParts("w")),
        ("w_bar", NameParts("w", bar=True)),
        ("t1_bar", NameParts("t", "1", bar=True)),
        ("z_bar_2", NameParts("z", bar=True, version="2")),
        ("z_2", NameParts("z", "2")),
        ("log_weight", NameParts("log_weight")),
        ("max_", NameParts("max")),
    ],
)
def test_names_are_taken_apart(name: str, parts: NameParts) -> None:
    assert split_name(name) == parts


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_documents_compile(tmp_path: Path) -> None:
    document = latex_document(*(latex_program(gradient_program(name)) for name in NAMES))
    (tmp_path / "formulas.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "formulas.tex"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
