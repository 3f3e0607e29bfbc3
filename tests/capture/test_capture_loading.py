"""Model files: what loads, and what the message says if one does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from symgrad.capture import load_function, load_model
from symgrad.errors import ModelError

HEADER = "from symgrad.capture import program\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "model.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_marked_functions_in_order_of_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER
        + "@program(wrt='x', name='first')\ndef b(x):\n    return x\n"
        + "@program\ndef a(x):\n    return x\n",
    )
    before = set(sys.modules)
    first, second = load_model(path)
    assert (first.name, second.name) == ("first", "a")
    assert first.wrt == "x"
    assert not {m for m in set(sys.modules) - before if m.startswith("_symgrad")}
    assert str(tmp_path) not in sys.path


def test_unmarked_function_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "def f(x):\n    return x * 2\n")
    assert load_function(path, "f")(4) == 8


def test_dataclasses_and_future_annotations(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    a: int = 1\n" + HEADER + "@program\ndef f(x):\n    return x\n",
    )
    assert len(load_model(path)) == 1


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("def f(x:\n    return x\n", r"model\.py:1: syntax error: .*\n    def f\(x:"),
        ("import nowhere_to_be_found\n", r"model\.py:1: the model raised ModuleNotFoundError"),
        (
            "x = 1\ny = x / 0\n",
            r"model\.py:2: the model raised ZeroDivisionError: division by zero",
        ),
        ("raise SystemExit(3)\n", r"model\.py:1: the model raised SystemExit"),
        (b"x = '\xff\xfe'\n", r"not UTF-8 text"),
        ("def f(x):\n    return x\n", r"no function is marked; write @program .*model\.py:f"),
        ("x = 1\0\n", r"model\.py"),
    ],
)
def test_model_that_does_not_load(tmp_path: Path, text: str | bytes, pattern: str) -> None:
    with pytest.raises(ModelError, match=pattern):
        load_model(write(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.py: there is no such file"):
        load_model(tmp_path / "none.py")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this is a folder"):
        load_model(tmp_path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "x = 1\n")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ModelError, match="the file cannot be read: Permission denied"):
        load_model(path)


def test_function_that_does_not_exist(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "value = 3\ndef f(x):\n    return x\ndef g(x):\n    return x\n")
    with pytest.raises(ModelError, match="there is no function 'h'; the functions are: f, g"):
        load_function(path, "h")
    with pytest.raises(ModelError, match="'value' is not a function; the functions are: f, g"):
        load_function(path, "value")
