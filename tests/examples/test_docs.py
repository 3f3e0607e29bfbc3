"""The Python of README.md and docs/guide.md runs, in order, and prints what stands below it."""

from __future__ import annotations

import re

import pytest

from examples.readmes import ROOT, with_results


def check(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    # Numbers of lines of the page itself change with every line above them.
    expected, found = (re.sub(r"\.md:\d+:", ".md:", t) for t in (text, with_results(page, text)))
    assert found == expected, "run: make examples"


def test_guide():
    check("docs/guide.md")


@pytest.mark.examples
def test_readme():
    pytest.importorskip("sklearn")
    check("README.md")
