"""Writes what the compiler makes into the pages: formulas, excerpts of modules, printed results.

python -m examples.readmes

A block that follows a comment such as `<!-- symgrad show -->` is replaced, and in README.md and
docs/guide.md the text block below a Python block by what that block prints.
"""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import numpy as np

from examples.gallery.page import PAGE, gallery_text
from symgrad import cli

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
NAMES = tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/model.py")))
SHOWN_IN_README = "logistic_regression"
PAGES_THAT_RUN = ("README.md", "docs/guide.md")

# A Python block, and the text block that follows it directly, if there is one.
_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


def printed(*command):
    """What a command prints at the top of the checkout."""
    output = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(output):
        if cli.main(command):
            raise SystemExit(f"symgrad {' '.join(command)} failed")
    return output.getvalue()


def formulas(name):
    """What `symgrad show examples/NAME/model.py` prints at the top of the checkout."""
    return printed("show", f"examples/{name}/model.py").rstrip() + "\n"


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
        command = ["compile", f"examples/{name}/model.py"]
        lines = printed(*command, "--no-warm", "-o", str(copy)).replace(str(copy), output)
    return "\n".join([f"$ symgrad {' '.join(command)}", *lines.splitlines()[:-1]]) + "\n"


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
