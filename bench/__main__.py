"""symgrad beside its peers, measured, checked and tabulated.

    python -m bench [--only NAMES] [--sizes quick|full] [--threads 1,2] [--peers NAMES]

Prints the report, keeps the numbers in bench/results/cpu.json and writes docs/benchmarks.md, which
shows the plots of `bench.plots`. A run of a part replaces what it measured again and keeps the
rest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import report, results, starting
from bench.machine import Machine
from bench.programs import PROGRAMS
from bench.results import Results
from bench.session import ROOT, Settings, cores, installed, measure, peak_memory, processes
from bench.spec import BenchProgram, Size

DOCUMENT = ROOT / "docs" / "benchmarks.md"
PARTS = ("machine", "times", "memory", "starting")
MILLION = 1_000_000


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PROGRAMS), help="programs, with commas between")
    parser.add_argument(
        "--sizes",
        choices=("quick", "full"),
        default="full",
        help="quick: tiny inputs; full: the table",
    )
    parser.add_argument("--threads", default=f"1,{len(cores())}", help="thread counts")
    parser.add_argument("--peers", default=",".join(Settings().peers), help="peers to measure")
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts to measure")
    parser.add_argument("--rounds", type=int, default=Settings().rounds, help="turns of each peer")
    parser.add_argument("--seconds", type=float, default=Settings().seconds, help="of each turn")
    parser.add_argument("--output", type=Path, default=results.FOLDER / "cpu.json")
    parser.add_argument("--no-docs", action="store_true", help="print only, write no documents")
    return parser.parse_args(arguments)


def facts() -> dict[str, str]:
    """Where and with what the numbers were made."""
    packages = []
    for name in ("numpy", "numba", "jax", "torch"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {processor()}, {len(cores())} cores",
        "software": f"Python {platform.python_version()}, {', '.join(packages)}",
    }


def processor() -> str:
    """The name of the processor as Linux gives it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def sizes(program: BenchProgram, which: str) -> list[Size]:
    """The sizes to measure, each once."""
    if which == "quick":
        return [program.quick]
    return [case.size for case in program.cases]


def measure_machines(threads: Sequence[int]) -> tuple[Machine, ...]:
    """The rates of the machine, each thread count in a process of its own."""
    found = []
    for count in threads:
        done = subprocess.run(
            [sys.executable, "-m", "bench.machine", str(count)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": str(count)},
        )
        found.append(Machine(**json.loads(done.stdout.splitlines()[-1])))
    return tuple(found)


def measure_times(
    chosen: Sequence[BenchProgram],
    options: argparse.Namespace,
    threads: Sequence[int],
    kept: Results,
    keep: Callable[[Results], None],
) -> Results:
    """Every program at every size; results are kept after each, so that a run can be ended."""
    settings = Settings(options.rounds, options.seconds, tuple(options.peers.split(",")))
    for count in threads:
        for program in chosen:
            with processes(settings.peers, count) as running:
                for size in sizes(program, options.sizes):
                    row = measure(program, size, count, running, settings)
                    kept = kept.merged(row)
                    keep(kept)
                    show(program, size, count, kept)
    return kept


def show(program: BenchProgram, size: Size, threads: int, kept: Results) -> None:
    """One line for each entry while the run goes on."""
    for m in kept.measurements:
        if (m.program, m.size, m.threads) == (program.name, size, threads):
            place = f"{program.name} {report.label(size)} ({threads})"
            times = f"{report.milliseconds(m.median)} ({report.milliseconds(m.least)}) ms"
            print(f"{place:<34}{m.column:<28}{times:<24}{m.failure}", flush=True)


def measure_memory(
    chosen: Sequence[BenchProgram], options: argparse.Namespace, count: int, kept: Results
) -> Results:
    """Peaks of memory of the programs that have a million samples."""
    found = []
    for program in chosen:
        for size in sizes(program, "full"):
            if size[:1] == (MILLION,):
                for peer, variant, peak in peak_memory(
                    program, size, count, options.peers.split(",")
                ):
                    found.append(((program.name, size, count, f"{peer}:{variant}"), peak))
    return kept.with_memory(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints, keeps, and writes."""
    options = parse(arguments)
    unknown = set(options.only.split(",")) - set(PROGRAMS)
    if unknown:
        raise SystemExit(
            f"no such program: {', '.join(sorted(unknown))}; there are: {', '.join(PROGRAMS)}"
        )
    chosen = [PROGRAMS[name] for name in options.only.split(",")]
    threads = [int(count) for count in dict.fromkeys(options.threads.split(","))]
    parts = options.parts.split(",")
    kept = replace(results.load(options.output), facts=facts())
    missing = [peer for peer in options.peers.split(",") if not installed(peer)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")

    def keep(found: Results) -> None:
        results.save(found, options.output)

    if "machine" in parts:
        kept = replace(kept, machines=measure_machines(threads))
    if "times" in parts:
        kept = measure_times(chosen, options, threads, kept, keep)
    if "memory" in parts:
        kept = measure_memory(chosen, options, max(threads), kept)
    if "starting" in parts:
        measured = {p.name: starting.start(p.name) for p in chosen}
        before = {s.program: s for s in kept.starts}
        kept = replace(kept, starts=tuple((before | measured).values()))
        if "logistic" in measured:
            first, new = starting.first_results()
            kept = replace(kept, first_results=tuple(first), new_sizes=tuple(new))
    keep(kept)
    text = report.document(kept)
    print(text)
    if not options.no_docs:
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
