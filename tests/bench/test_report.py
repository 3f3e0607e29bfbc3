"""Bars, tables and the file that keeps measurements between runs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench import results
from bench.__main__ import DOCUMENT
from bench.machine import FUNCTIONS, PLAIN, Machine
from bench.plots import caption, curves, drawn, moving
from bench.programs import PROGRAMS
from bench.report import document, milliseconds, verdicts
from bench.results import Results
from bench.spec import Bar, BenchProgram, Case, Cost, Measurement

SIZE = (1_000_000, 8)

SECONDS = dict.fromkeys([*FUNCTIONS, *PLAIN], 1e-9)


def entry(peer: str, variant: str, median: float, threads: int = 2) -> Measurement:
    """A measurement of logistic regression."""
    return Measurement(
        program="logistic",
        size=SIZE,
        threads=threads,
        peer=peer,
        variant=variant,
        calls=3,
        median=median,
        least=median / 2,
        forward_median=median / 2,
        forward_least=median / 4,
    )


ROW = [
    entry("symgrad", "module", 1e-3),
    entry("jax", "written", 4e-3),
    entry("jax", "stable", 3e-3),
    entry("torch", "written", 1.5e-3),
]


def test_a_bar_is_held_against_the_best_of_its_peers() -> None:
    case = Case(SIZE, (Bar(("jax",), 2.0), Bar(("jax:written",), 5.0), Bar(("torch",), 1.0, "one")))
    best, written = verdicts(case, ROW, "all")
    assert best.ratio == pytest.approx(3.0) and best.met and best.rival == "jax:stable"
    assert written.ratio == pytest.approx(4.0) and not written.met
    assert [v.bar.peers for v in verdicts(case, ROW, "one")] == [("torch",)]


def test_no_bar_is_met_without_a_rival() -> None:
    assert verdicts(Case(SIZE, (Bar(("jax",), 2.0),)), ROW[:1], "all") == []


def test_a_bar_compares_within_one_run_only() -> None:
    case = Case(SIZE, (Bar(("jax",), 2.0),))
    earlier = replace(entry("jax", "stable", 9e-3), moment="yesterday")
    later = replace(entry("jax", "written", 3e-3), commit="another")
    assert verdicts(case, [ROW[0], earlier, later], "all") == []
    (verdict,) = verdicts(case, [ROW[0], earlier, ROW[1]], "all")
    assert verdict.rival == "jax:written"


def test_rows_of_a_busy_machine_say_so() -> None:
    found = Results({}).merged([replace(m, load=1.5) for m in ROW])
    assert "processes that wanted a core: 1.5 to 1.5" in document(found)
    assert "other work used the machine" in document(Results({}).merged(ROW))


def test_results_survive_the_file_and_are_replaced_one_by_one(tmp_path: Path) -> None:
    machine = Machine(threads=2, copy=1e10, read=2e10, flops=1e11, functions=SECONDS)
    first = Results({"date": "today"}, (machine,)).merged(ROW)
    first = first.with_memory([(ROW[0].key, 4096)])
    path = tmp_path / "r.json"
    results.save(first, path)
    again = results.load(path).merged([entry("symgrad", "module", 2e-3)])
    own = next(m for m in again.measurements if m.peer == "symgrad")
    assert (own.median, own.extra_bytes) == (2e-3, 4096)
    assert len(again.measurements) == len(ROW)
    text = document(again)
    assert "| 1000000×8 | 2 | 2.00 |" in text
    assert "**lost**" in text and "logistic 1000000×8: ≥ 2× torch" in text


def test_the_roof_is_memory_or_arithmetic() -> None:
    machine = Machine(threads=1, copy=1e10, read=1e10, flops=1e10, functions=SECONDS)
    assert machine.roof(Cost(bytes=10**9, flops=10**8)) == (0.1, "memory")
    assert machine.roof(Cost(bytes=10**5, flops=10**7, functions={"exp": 10**6})) == (
        0.002,
        "arithmetic",
    )


def test_milliseconds_have_three_digits() -> None:
    assert [milliseconds(s) for s in (1.5, 12.345e-3, 1.2345e-6)] == ["1500", "12.3", "0.00123"]


@pytest.mark.parametrize("program", [p for p in PROGRAMS.values() if p.axes], ids=lambda p: p.name)
def test_every_program_with_an_axis_has_sizes_for_a_plot(program: BenchProgram) -> None:
    assert len(program.trend) > 2
    grows = moving(program)
    assert all(a[grows] < b[grows] for a, b in itertools.pairwise(program.trend))
    title, axis = caption(program)
    assert axis in program.axes and title.startswith(program.title)
    path = drawn(program)
    if path is not None:
        text = DOCUMENT.read_text(encoding="utf-8")
        assert f"![time against size](benchmarks/{path.name})" in text


def test_a_curve_has_the_best_variant_of_each_peer_and_no_reused_outputs() -> None:
    program = PROGRAMS["logistic"]
    sizes = program.trend[:2]
    row = [*ROW, entry("symgrad", "out=", 1e-9), entry("torch", "broken", math.nan)]
    measured = tuple(replace(m, size=size) for m in row for size in sizes)
    found = curves(program, Results({}, measurements=measured), 2)
    assert found == {
        "symgrad": [(sizes[0][0], 1e-3), (sizes[1][0], 1e-3)],
        "jax": [(sizes[0][0], 3e-3), (sizes[1][0], 3e-3)],
        "torch": [(sizes[0][0], 1.5e-3), (sizes[1][0], 1.5e-3)],
    }
