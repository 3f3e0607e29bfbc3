"""The Python of README.md and docs/guide.md runs, in order, and prints what stands below it."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest

from examples.readmes import ROOT

# A Python block, and the text block that follows it directly, if there is one.
_BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def run_page(name):
    """Runs the blocks of a page in one namespace; for each with a text below it, both texts."""
    page = (ROOT / name).read_text(encoding="utf-8")
    namespace = {"__name__": "page"}
    results = []
    for match in _BLOCK.finditer(page):
        # As many empty lines before it as there are in the page: errors name the right line.
        source = "\n" * page.count("\n", 0, match.start(1)) + match[1]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            exec(compile(source, str(ROOT / name), "exec"), namespace)
        if match[2] is not None:
            results.append((printed.getvalue(), match[2]))
    return results


def without_lines(text):
    """The text without numbers of lines of the page itself."""
    return re.sub(r"\.md:\d+:", ".md:", text)


def test_guide():
    results = run_page("docs/guide.md")
    assert len(results) >= 9
    for printed, shown in results:
        assert without_lines(printed) == without_lines(shown)


@pytest.mark.examples
def test_readme():
    pytest.importorskip("sklearn")
    results = run_page("README.md")
    assert len(results) == 1
    for printed, shown in results:
        assert printed == shown
