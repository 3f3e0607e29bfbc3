"""Writes the formulas of every example into its README, as `symgrad show` prints them.

python -m examples.formulas
"""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
NAMES = tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/model.py")))
_HEADING = "## Formulas\n"


def shown(name: str) -> str:
    """What `symgrad show examples/NAME/model.py` prints at the top of the checkout."""
    command = [sys.executable, "-m", "symgrad", "show", f"examples/{name}/model.py"]
    environment = {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        command, cwd=EXAMPLES.parent, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().rstrip() + "\n"


def with_formulas(readme: str, formulas: str) -> str:
    """The README with this text in the first block under its heading `Formulas`."""
    before, heading, after = readme.partition(_HEADING)
    introduction, opening, rest = after.partition("```text\n")
    _, closing, tail = rest.partition("```\n")
    if not (heading and opening and closing):
        raise SystemExit("a README needs '## Formulas' and a block ```text below it")
    return before + heading + introduction + opening + formulas + closing + tail


def main():
    for name in NAMES:
        path = EXAMPLES / name / "README.md"
        readme = path.read_text(encoding="utf-8")
        path.write_text(with_formulas(readme, shown(name)), encoding="utf-8")
        print(f"wrote {path.relative_to(EXAMPLES.parent)}")


if __name__ == "__main__":
    main()
