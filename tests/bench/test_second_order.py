"""The benchmark of second derivatives: turns, ratios and the page."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench import second_order
from bench.second_order import Row, check, in_turns, page


def test_everything_has_its_turns() -> None:
    calls: list[str] = []
    times = in_turns({"symgrad": lambda: calls.append("a"), "jax": lambda: calls.append("b")}, 0.0)
    assert all(len(found) >= 3 for found in times.values())
    turns = [a for a, b in pairwise(calls) if a != b]
    assert turns[:4] == ["a", "b", "a", "b"], "one after the other, several times"


def test_rows_and_page() -> None:
    row = Row("f", "<= 2 ms", {"symgrad": [1.0, 2.0, 3.0], "jax": [20.0, 30.0, 40.0]})
    assert row.ratio("jax") == 15.0
    assert row.ratio("torch") is None
    assert row.cells() == ["f", "2 (1)", "30 (20)", "15.0x", "", "", "<= 2 ms", ""]
    text = page([row], 1.0)
    assert "| f | 2 (1) | 30 (20) | 15.0x |" in text
    assert all(len(line.split("|")) == 10 for line in text.splitlines() if line.startswith("|"))


def test_wrong_results_are_not_timed() -> None:
    check([1.0, 2.0], [1.0, 2.0 + 1e-12])
    with pytest.raises(SystemExit, match="differ"):
        check([1.0, 2.0], [1.0, 2.1])


def test_every_program_has_a_name() -> None:
    assert set(second_order.PROGRAMS) >= {"network", "bundle_adjustment", "rosenbrock"}
