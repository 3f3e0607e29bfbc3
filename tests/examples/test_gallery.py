"""The gallery: derived, right, and cheap; its page is what the script writes."""

from __future__ import annotations

import pytest

from examples.gallery import ENTRIES, Entry
from examples.gallery.page import MOST_OPERATIONS, PAGE, entry_text, study

TEXT = PAGE.read_text(encoding="utf-8")


def test_forty_entries_are_on_the_page() -> None:
    assert len(ENTRIES) >= 40
    assert [line[3:] for line in TEXT.splitlines() if line.startswith("## ")] == [
        entry.title for entry in ENTRIES
    ]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.title)
def test_entry(entry: Entry) -> None:
    page = study(entry)
    assert page.error < 1e-9
    assert page.ratio <= MOST_OPERATIONS
    assert entry_text(page) in TEXT, "run: python -m examples.gallery.page"
