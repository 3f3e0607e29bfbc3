"""The tables: measured times beside their bars, as Markdown for people and for docs/."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import plots
from bench.machine import Machine
from bench.programs import PROGRAMS
from bench.results import Results
from bench.spec import Bar, BenchProgram, Case, Measurement, Size

FORWARD_BAR = 3.0
COMPILE_BARS = {"logistic": 2.5, "gmm": 5.0, "mlp": 5.0}
FIRST_RESULT_BAR = 0.8
SCALAR_BAR = 2e-6
MEMORY_BAR = 32 << 20
CHAIN_BAR = 1.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and where a measurement stands: ratios of medians and of least times."""

    bar: Bar
    rival: str
    ratio: float
    least: float

    @property
    def met(self) -> bool:
        """Whether the bar is reached, by the medians."""
        return self.ratio >= self.bar.ratio

    def text(self) -> str:
        """The bar and the ratio: `≥ 2× jax: 3.1 (3.0) met`."""
        names = "/".join(self.bar.peers)
        state = "met" if self.met else "**lost**"
        threads = "" if self.bar.threads == "all" else ", one thread"
        return (
            f"≥ {self.bar.ratio:g}× {names}{threads}: {self.ratio:.2f} ({self.least:.2f}) {state}"
        )


def verdicts(case: Case, row: Sequence[Measurement], threads: str) -> list[Verdict]:
    """How a row of measurements stands against the bars of its case."""
    own = find(row, "symgrad:module")
    found = []
    for bar in case.bars if own else ():
        rivals = [m for m in row if matches(bar, m) and own and m.run == own.run]
        rivals = [m for m in rivals if not math.isnan(m.median)]
        if bar.threads != threads or not rivals or own is None:
            continue
        rival = min(rivals, key=lambda m: m.median)
        least = min(m.least for m in rivals)
        found.append(Verdict(bar, rival.column, rival.median / own.median, least / own.least))
    return found


def matches(bar: Bar, m: Measurement) -> bool:
    """Whether a measurement is of one of the bar's peers: `jax`, or `jax:written`."""
    return m.peer in bar.peers or m.column in bar.peers


def find(row: Iterable[Measurement], column: str) -> Measurement | None:
    """The measurement of a column, unless it failed."""
    return next((m for m in row if m.column == column and not math.isnan(m.median)), None)


def rows(results: Results, program: BenchProgram) -> list[tuple[Size, int, list[Measurement]]]:
    """Measurements of a program by size and threads; sizes of the cases first."""
    own = [m for m in results.measurements if m.program == program.name]
    cases = [case.size for case in program.cases]
    sizes = [*cases, *sorted({m.size for m in own if m.size not in cases})]
    threads = sorted({m.threads for m in own})
    found = [
        (s, t, [m for m in own if (m.size, m.threads) == (s, t)]) for s in sizes for t in threads
    ]
    return [row for row in found if row[2]]


def milliseconds(seconds: float) -> str:
    """Three significant digits of milliseconds."""
    if math.isnan(seconds):
        return "–"
    value = 1e3 * seconds
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def best_of(row: Sequence[Measurement], peer: str) -> str:
    """The best variant of a peer: its time, its name where there is a choice."""
    own = [m for m in row if m.peer == peer]
    timed = [m for m in own if not math.isnan(m.median)]
    if not timed:
        return "failed" if own else "–"
    best = min(timed, key=lambda m: m.median)
    label = f" {best.variant}" if len(own) > 1 else ""
    return f"{milliseconds(best.median)}{label}"


def program_table(results: Results, program: BenchProgram) -> list[str]:
    """The table of one program."""
    head = ("size", "threads", "symgrad", "out=", "forward", "gradient/forward")
    peers = ("jax as written", "jax best", "torch", "torch.compile", "C++", "C++ -ffast-math")
    tail = ("roof", "of roof", "worst error")
    lines = [f"### {program.title} ({program.axes or '1'})", ""]
    table = [[*head, *peers, *tail]]
    most = max((m.threads for m in results.measurements), default=1)
    notes = []
    for size, threads, row in rows(results, program):
        table.append(cells(results, program, size, threads, row))
        case = program.case(size)
        for name in ("one",) * (threads == 1) + ("all",) * (threads == most):
            for verdict in verdicts(case, row, name):
                notes.append(f"- {label(size)}, {threads} threads: {verdict.text()}")
        notes += checks(program, size, threads, row, results.machines)
    return [*lines, *markdown(table), "", load_line(results, program), *notes, ""]


def load_line(results: Results, program: BenchProgram) -> str:
    """How busy the machine was: what was measured beside other work is no verdict."""
    loads = [m.load for m in results.measurements if m.program == program.name]
    known = [load for load in loads if load is not None]
    if len(known) < len(loads):
        return "- some rows were measured while other work used the machine: repeat them"
    return f"- processes that wanted a core: {min(known):.1f} to {max(known):.1f}"


def cells(
    results: Results, program: BenchProgram, size: Size, threads: int, row: list[Measurement]
) -> list[str]:
    """One line of a table."""
    own, reused = find(row, "symgrad:module"), find(row, "symgrad:out=")
    median = own.median if own else math.nan
    forward = own.forward_median if own else math.nan
    roof = next(
        (m.roof(program.cost(*size)) for m in results.machines if m.threads == threads), None
    )
    errors = [m.error for m in row if not math.isnan(m.error)]
    native = [find(row, f"native:{options}") for options in ("O3", "O3 -ffast-math")]
    written = find(row, "jax:written")
    return [
        label(size),
        str(threads),
        milliseconds(median),
        milliseconds(reused.median) if reused else "",
        milliseconds(forward),
        f"{median / forward:.2f}" if forward > 0 else "–",
        milliseconds(written.median if written else math.nan),
        *(best_of(row, peer) for peer in ("jax", "torch", "torch_compile")),
        *(milliseconds(m.median) if m else "" for m in native),
        f"{milliseconds(roof[0])} {roof[1]}" if roof else "–",
        f"{roof[0] / median:.0%}" if roof and median > 0 else "–",
        f"{max(errors):.0e}" if errors else "–",
    ]


def checks(
    program: BenchProgram,
    size: Size,
    threads: int,
    row: Sequence[Measurement],
    machines: Sequence[Machine],
) -> list[str]:
    """What holds for every program: agreement, cost of the gradient, memory; failures of peers."""
    place = f"{label(size)}, {threads} threads"
    found = [
        f"- {place}: **{m.column} deviates by {m.error:.1e}**, more than {program.tolerance:g}"
        for m in row
        if m.error > program.tolerance
    ]
    found += [f"- {place}: {m.column} failed: {m.failure}" for m in row if m.failure]
    own = find(row, "symgrad:module")
    if own is None:
        return found
    ratio = own.median / own.forward_median
    least = own.least / own.forward_least
    if ratio > FORWARD_BAR:
        found.append(f"- {place}: gradient ≤ 3 forwards: {ratio:.2f} ({least:.2f}) **lost**")
    for machine in machines:
        if program.name == "elementwise" and machine.threads == threads:
            cost = program.cost(*size)
            alone = cost.bytes / 2 / machine.read + machine.arithmetic(cost)
            state = "met" if own.median <= CHAIN_BAR * alone else "**lost**"
            found.append(
                f"- {place}: ≤ {CHAIN_BAR:g} times reading the input once and the arithmetic alone:"
                f" {own.median / alone:.2f} ({own.least / alone:.2f}) {state}"
            )
    if program.name == "scalar" and threads == 1:
        state = "met" if own.median <= SCALAR_BAR else "**lost**"
        found.append(f"- one call ≤ 2 µs: {1e6 * own.median:.2f} ({1e6 * own.least:.2f}) {state}")
    return found


def label(size: Size) -> str:
    """`1000×8`."""
    return "×".join(map(str, size)) or "1"


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table without the columns that are empty in every line."""
    keep = [k for k in range(len(table[0])) if any(line[k] not in ("", "–") for line in table[1:])]
    body = ["| " + " | ".join(line[k] for k in keep) + " |" for line in table]
    rule = "|" + "|".join("---" if at == 0 else "---:" for at, _ in enumerate(keep)) + "|"
    return [body[0], rule, *body[1:]]


def memory_table(results: Results) -> list[str]:
    """Peaks of memory beyond inputs and outputs, in MiB."""
    own = [m for m in results.measurements if m.extra_bytes is not None]
    if not own:
        return []
    columns = sorted({m.column for m in own if m.peer != "symgrad"})
    columns = ["symgrad:module", "symgrad:out=", *columns]
    table = [["program", "size", *columns, "≤ 32 MiB"]]
    for name, size in dict.fromkeys((m.program, m.size) for m in own):
        row = {m.column: m.extra_bytes for m in own if (m.program, m.size) == (name, size)}
        mine = row.get("symgrad:module") or 0
        state = "met" if mine <= MEMORY_BAR else "**lost**"
        values = (f"{row[c] / (1 << 20):.1f}" if row.get(c) is not None else "" for c in columns)
        table.append([name, label(size), *values, state])
    return ["### Peak memory beyond inputs and outputs, MiB", "", *markdown(table), ""]


def starting_tables(results: Results) -> list[str]:
    """Compile times, first results and new sizes."""
    lines: list[str] = []
    if results.starts:
        table = [["program", "formulas to text", "kernels, cold", "kernels, cached", "bar"]]
        for start in results.starts:
            bar = COMPILE_BARS.get(start.program)
            state = "met" if bar and start.cold <= bar else "**lost**"
            limit = f"≤ {bar:g} {state}" if bar else ""
            seconds = (start.derive, start.cold, start.cached)
            table.append([start.program, *(f"{s:.2f}" for s in seconds), limit])
        note = (
            "Kernels, cold: wall time of compiling all kernels as `symgrad compile` does it, in one"
            " process for each core, but at most four and no more than there are kernels."
        )
        lines += ["### Compile time, seconds", "", note, "", *markdown(table), ""]
    if results.first_results:
        table = [["", "first result of a new process, s", "twenty new sizes, ms", "compilations"]]
        sizes = {entry.peer: entry for entry in results.new_sizes}
        for entry in results.first_results:
            own = sizes[entry.peer]
            cells = (f"{entry.seconds:.2f}", f"{1e3 * own.seconds:.1f}", str(own.compilations))
            table.append([entry.peer, *cells])
        lines += ["### New processes and new sizes: logistic regression", "", *markdown(table), ""]
    return lines


def summary(results: Results) -> list[str]:
    """How many bars are met, and each that is not."""
    met, lost = 0, []
    most = max((m.threads for m in results.measurements), default=1)
    for program in PROGRAMS.values():
        for size, threads, row in rows(results, program):
            for name in ("one",) * (threads == 1) + ("all",) * (threads == most):
                for verdict in verdicts(program.case(size), row, name):
                    met += verdict.met
                    if not verdict.met:
                        lost.append(f"- {program.name} {label(size)}: {verdict.text()}")
    return [f"{met} of {met + len(lost)} bars against peers are met; not met:", "", *lost, ""]


def document(results: Results) -> str:
    """The whole report."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Milliseconds of a value and all its gradients,"
        " medians of calls in rounds in which the peers take turns. Behind a bar stands the ratio"
        " of medians, and in brackets that of least times. Inputs are random float64 arrays, passed"
        " as arguments; every entry was compared with symgrad's result in the same run. The roof is"
        " the larger of compulsory traffic at the measured bandwidth and arithmetic at the measured"
        " rate.",
        "",
        *(f"- {name}: {value}" for name, value in results.facts.items()),
        *(machine_line(machine) for machine in results.machines),
        "",
        *summary(results),
    ]
    for program in PROGRAMS.values():
        if any(m.program == program.name for m in results.measurements):
            lines += program_table(results, program)
            plot = plots.drawn(program)
            if plot is not None:
                lines += [f"![time against size](benchmarks/{plot.name})", ""]
    lines += [*memory_table(results), *starting_tables(results)]
    return "\n".join(lines).rstrip() + "\n"


def machine_line(machine: Machine) -> str:
    """The rates of the machine in words."""
    functions = ", ".join(f"{name} {1e9 * s:.2f}" for name, s in machine.functions.items())
    return (
        f"- {machine.threads} threads: copy {machine.copy / 1e9:.1f} GB/s, read"
        f" {machine.read / 1e9:.1f} GB/s, {machine.flops / 1e9:.0f} GFLOP/s,"
        f" ns for a number: {functions}"
    )
