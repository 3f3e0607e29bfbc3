"""Writes what the compiler makes into the READMEs: formulas, and an excerpt of a module.

python -m examples.readmes

A block of a README that follows a comment such as `<!-- symgrad show -->` is replaced.
"""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
NAMES = tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/model.py")))
SHOWN_IN_README = "logistic_regression"


def formulas(name):
    """What `symgrad show examples/NAME/model.py` prints at the top of the checkout."""
    command = [sys.executable, "-m", "symgrad", "show", f"examples/{name}/model.py"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().rstrip() + "\n"


def kernel(name, function):
    """One kernel of a generated module, its decorator left out."""
    module = (ROOT / "generated" / f"{name}_grad.py").read_text(encoding="utf-8")
    _, opening, rest = module.partition(f"def {function}(")
    return opening + rest.partition("\n\n\n")[0] + "\n"


def refreshed(text, blocks):
    """The text with the contents of the fenced block after each comment `<!-- KEY -->` replaced."""
    for key, content in blocks.items():
        before, comment, after = text.partition(f"<!-- {key} -->\n")
        between, fence, rest = after.partition("```")
        language, newline, rest = rest.partition("\n")
        _, closing, after = rest.partition("```\n")
        if not (comment and closing) or between.strip():
            raise SystemExit(f"a comment '<!-- {key} -->' with a fenced block below it is missing")
        text = f"{before}{comment}{between}{fence}{language}{newline}{content}{closing}{after}"
    return text


def fresh_readmes():
    """Every README with generated blocks: its path, and its text as it has to be."""
    for name in NAMES:
        path = EXAMPLES / name / "README.md"
        blocks = {"symgrad show": formulas(name)}
        yield path, refreshed(path.read_text(encoding="utf-8"), blocks)
    path = ROOT / "README.md"
    blocks = {
        "the model": (EXAMPLES / SHOWN_IN_README / "model.py").read_text(encoding="utf-8"),
        "symgrad show": formulas(SHOWN_IN_README),
        "a kernel": kernel(SHOWN_IN_README, "_loss_grad_1"),
    }
    yield path, refreshed(path.read_text(encoding="utf-8"), blocks)


def main():
    for path, text in fresh_readmes():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
