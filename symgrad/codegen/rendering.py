"""Jinja templates, the formatter, and atomic writing."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jinja2
from ruff import find_ruff_bin

from symgrad.errors import CompileError, OutputError

__all__ = ["format_source", "helper_source", "render", "template_folder", "write_atomically"]


def template_folder() -> Path:
    """Where the templates are: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "codegen_templates"
    packaged = package / "_templates"
    return packaged if packaged.is_dir() else checkout


@functools.cache
def _environment() -> jinja2.Environment:
    """The templates' environment; parsing them is most of the cost of a small module."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, values: dict[str, Any]) -> str:
    """A template filled in; a key that the template does not know, or lacks, is an error."""
    return _environment().get_template(template).render(values)


_DECORATORS = {
    "cpu": "@njit(**_OPTIONS)",
    "cuda": '@cuda.jit(device=True, inline="always")',
    "numpy": "@np.vectorize(otypes=[np.float64])",
}


def helper_source(name: str, target: str) -> str:
    """The definition of a scalar helper function for a target.

    Written once for one number: compiled for the CPU and CUDA, vectorised for NumPy; unless the
    target's own folder holds another version (for whole arrays, or without calls of NumPy).
    """
    own = f"functions/{target}/{name}.py.jinja"
    if target == "numpy" and (template_folder() / own).is_file():
        return render(own, {}).strip()
    decorator = _DECORATORS[target]
    if target == "cuda" and (template_folder() / own).is_file():
        return render(own, {"decorator": decorator}).strip()
    return render(f"functions/{name}.py.jinja", {"decorator": decorator}).strip()


def format_source(source: str) -> str:
    """The source as ruff formats it, with no configuration but a line length of 100.

    Raises:
        CompileError: the source is not Python: a defect of the printers.
    """
    command = [
        find_ruff_bin(),
        "format",
        "--isolated",
        "--line-length=100",
        "--target-version=py311",
        "--stdin-filename=module.py",
        "-",
    ]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"the generated module is not legal Python: {done.stderr.strip()}")
    return done.stdout


def write_atomically(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all.

    Raises:
        OutputError: the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"cannot write '{path}': {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"cannot write '{path}': {error.strerror}") from error
