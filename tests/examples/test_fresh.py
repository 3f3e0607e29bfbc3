"""What is committed is what the compiler makes today: modules and READMEs, to the byte.

When one of these fails after a change of the compiler, look at the difference, and if it is meant,
run `make examples`.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from examples.readmes import EXAMPLES, NAMES, with_blocks

ROOT = EXAMPLES.parent
HASH_SEEDS = ("0", "1")

# All examples in one process: importing symgrad takes longer than compiling them.
_COMPILE_ALL = """
import sys
from pathlib import Path
from symgrad.compilation import Request, compile_file
for name in sys.argv[2:]:
    output = Path(sys.argv[1]) / f"{name}_grad.py"
    compile_file(Request(Path("examples") / name / "model.py", output=output))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Folders of modules compiled from every example, by hash seed."""
    folders, processes = {}, []
    for seed in HASH_SEEDS:
        folders[seed] = tmp_path_factory.mktemp(f"seed{seed}")
        command = [sys.executable, "-c", _COMPILE_ALL, str(folders[seed]), *NAMES]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        processes.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, encoding="utf-8"
            )
        )
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return folders


def test_seven_examples():
    assert len(NAMES) == 7
    committed = {path.name for path in (ROOT / "generated").glob("*.py")}
    assert committed == {f"{name}_grad.py" for name in NAMES}


@pytest.mark.parametrize("seed", HASH_SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_generated_module_is_fresh(compiled, name, seed):
    made = (compiled[seed] / f"{name}_grad.py").read_bytes()
    committed = (ROOT / "generated" / f"{name}_grad.py").read_bytes()
    assert committed.decode() == made.decode(), "run: make examples"
    assert committed == made


def test_blocks_of_the_readmes_are_fresh():
    """Formulas and excerpts of modules; the figures around them are not checked here."""
    for path, text in with_blocks():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run make examples"
