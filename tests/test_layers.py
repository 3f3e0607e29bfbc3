"""Which stage may import what: SymPy ends at freezing, and no stage imports a later one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "symgrad"
FROZEN = sorted(
    path
    for folder in ("schedule", "codegen")
    for path in (PACKAGE / folder).glob("*.py")
    if not path.name.startswith("freeze")
)
STAGES = ("program", "differentiate", "simplify", "schedule", "codegen")


def imported_modules(path: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_sympy_after_freezing(path: Path) -> None:
    assert not {name for name in imported_modules(path) if name.split(".")[0] == "sympy"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_a_later_one(stage: str) -> None:
    later = STAGES[STAGES.index(stage) + 1 :]
    for path in sorted((PACKAGE / stage).glob("*.py")):
        for name in imported_modules(path):
            parts = name.split(".")
            if parts[0] == "symgrad" and len(parts) > 1:
                assert parts[1] not in (*later, "driver", "api", "cli"), f"{path.name}: {name}"
