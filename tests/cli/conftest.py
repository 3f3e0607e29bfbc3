"""A folder of its own for every test, and the command line in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from symgrad.cli import main

HEAD = """\
import math
import numpy as np
from jaxtyping import Bool, Complex128, Float32, Float64, Int64
from numpy import ndarray as Array
from scipy import special
from symgrad import program


"""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Workshop:
    """An empty folder that commands run in."""

    folder: Path
    run: Callable[..., Outcome]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def model(self, text: str, name: str = "model.py") -> Path:
        """A model file: the usual imports, then this text."""
        return self.write(name, HEAD + text)

    def files(self) -> dict[str, bytes]:
        """Every file of the folder with its content, caches aside."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture
def workshop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Workshop:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return Workshop(tmp_path, run)
