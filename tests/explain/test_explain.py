"""`symgrad explain`: its sections, steps, formats, and what notebooks show."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.cli import main
from tests.explain.test_latex import assert_well_formed

ROOT = Path(__file__).resolve().parents[2]
MODEL = str(ROOT / "examples" / "logistic_regression" / "model.py")
VOID = {"mspace", "meta", "br", "link"}


class Checker(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_html_closes(text: str) -> set[str]:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker.tags


def explained(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["explain", MODEL, *options]) == 0
    return capsys.readouterr().out


def test_text_has_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, "--cost", "--steps")
    for title in (
        "as captured",
        "step 1: stabilise",
        "step 3: differentiate",
        "value and gradient by w, b, matrix notation",
        "value and gradient by w, b, index notation",
        "stabilised",
        "kept in",
        "cost",
    ):
        assert f"\n{title}" in text
    assert "w_bar = 1/n · Xᵀ(σ(Xw + b) − y)" in text
    assert "- t3[i] = log(t2[i])\n  + t3[i] = softplus(z[i])" in text
    assert "value and derivative cost 2.00 times the value" in text


def test_one_notation_alone(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = explained(capsys, "--notation", "matrix")
    index = explained(capsys, "--notation", "index")
    assert "Xᵀ" in matrix and "w_bar[j]" not in matrix
    assert "Xᵀ" not in index and "w_bar[j]" in index


def test_hessian_in_matrix_notation(capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, "--order", "2", "--notation", "matrix")
    assert "hessian_w_w = 1/n · Xᵀ diag(z_bar_by_w) X" in text


def test_fewer_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert "value and gradient by w, matrix notation" in explained(capsys, "--wrt", "w")


def test_markdown_is_what_github_renders(capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, "--format", "markdown", "--cost", "--steps")
    blocks = re.findall(r"```math\n(.*?)\n```", text, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert_well_formed(block)
        assert "operatorname" not in block
    assert text.count("```") % 2 == 0


def test_html_closes_what_it_opens(capsys: pytest.CaptureFixture[str]) -> None:
    tags = assert_html_closes(explained(capsys, "--format", "html", "--cost", "--steps"))
    assert {"math", "mfrac", "msub", "munder", "table"} <= tags


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, "--format", "latex", "--cost", "--steps", "--order", "2")
    (tmp_path / "a.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-1500:]


def test_latex_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, "--format", "latex", "--cost", "--steps")
    assert text.isascii()
    assert "?" not in text


def test_notebooks_show_formulas() -> None:
    def energy(x, A):
        return 0.5 * x @ A @ x

    module = symgrad.compile(
        energy, shapes={"x": "f64[n]", "A": "f64[n, n]"}, wrt="x", target="numpy"
    )
    latex = module._repr_latex_()
    assert latex.startswith("$$") and r"A^{\top}" in latex
    assert_well_formed(latex.replace("$$", ""))
    assert {"math", "h3"} <= assert_html_closes(module._repr_html_())
    assert "\n" not in repr(module)[:20]


def test_compiled_functions_show_what_they_compiled() -> None:
    gradient = symgrad.grad(lambda x: np.sum(x**2), target="numpy")
    assert gradient._repr_latex_() is None
    gradient(np.ones(3))
    assert r"\overline{x} &= 2 \, x" in gradient._repr_latex_()
