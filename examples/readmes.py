"""Writes what the compiler makes into the pages: formulas, excerpts of modules, printed results.

python -m examples.readmes

A block that follows a comment such as `<!-- symgrad show -->` is replaced, and in README.md and
docs/guide.md the text block below a Python block by what that block prints.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from examples.gallery.page import PAGE, gallery_text

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
NAMES = tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/model.py")))
SHOWN_IN_README = "logistic_regression"
PAGES_THAT_RUN = ("README.md", "docs/guide.md")

# A Python block, and the text block that follows it directly, if there is one.
_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


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


def summary(name):
    """The command that compiles an example and what it prints, but for the seconds it took."""
    output = f"generated/{name}_grad.py"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "module.py"
        command = ["symgrad", "compile", f"examples/{name}/model.py"]
        done = subprocess.run(
            [sys.executable, "-m", *command, "--no-warm", "-o", str(copy)],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            check=True,
        )
        lines = done.stdout.decode().replace(str(copy), output).splitlines()
    return "\n".join([f"$ {' '.join(command)}", *lines[:-1]]) + "\n"


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


def with_results(page, text):
    """The text of a page with its Python run, in order, and what it prints below each block."""
    namespace = {"__name__": "page"}
    parts, end = [], 0
    for block in _BLOCK.finditer(text):
        # As many empty lines before the code as in the page, so that errors name the right line.
        source = "\n" * text.count("\n", 0, block.start("code")) + block["code"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            exec(compile(source, str(ROOT / page), "exec"), namespace)
        if block["shown"] is not None:
            parts += [text[end : block.start("shown")], printed.getvalue()]
            end = block.end("shown")
    return "".join(parts) + text[end:]


def with_blocks():
    """Every README with generated blocks: its path, and its text as it has to be."""
    for name in NAMES:
        path = EXAMPLES / name / "README.md"
        blocks = {"symgrad show": formulas(name)}
        yield path, refreshed(path.read_text(encoding="utf-8"), blocks)
    path = ROOT / "README.md"
    blocks = {
        "symgrad compile": summary(SHOWN_IN_README),
        "the model": (EXAMPLES / SHOWN_IN_README / "model.py").read_text(encoding="utf-8"),
        "symgrad show": formulas(SHOWN_IN_README),
        "a kernel": kernel(SHOWN_IN_README, "_loss_grad_1"),
    }
    yield path, refreshed(path.read_text(encoding="utf-8"), blocks)


def write(path, text):
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


def main():
    for path, text in with_blocks():
        write(path, text)
    for page in PAGES_THAT_RUN:
        write(ROOT / page, with_results(page, (ROOT / page).read_text(encoding="utf-8")))
    write(PAGE, gallery_text())


if __name__ == "__main__":
    main()
