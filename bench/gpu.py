"""Generated CUDA modules against torch, torch.compile, JAX and the bandwidth of a copy.

    python -m bench.gpu [--only chain,logistic] [--budget 60] [--save gpu.json] [--tiny]

One command for a machine with a GPU. It measures the bandwidth of a copy, then builds, checks and
times seven programs, and prints one table, a line as soon as its program is done. Needs symgrad and
numba-cuda; torch and jax are left out where they are missing.

    NUMBA_ENABLE_CUDASIM=1 python -m bench.gpu --tiny     the same in Numba's simulator

Each program runs in a process of its own, which is ended after `--budget` seconds: seven times 60
and 30 for the copy are less than 8 minutes. What was measured by then is kept, what was not is
printed as skipped. A program or a peer that fails, even by a crash of the process, ends nothing
else. After every program everything found so far is saved as JSON.

Values and gradients are checked twice: at small sizes against the NumPy target, and at the timed
ones against every peer. Times are medians of calls that begin and end with a synchronised device,
arguments on the device, gradients written into arrays of the caller. `GB/s` counts what must be
read and written once: arguments and gradients. `of copy` compares that with a copy on the same
device.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.gpu_peers import PEERS
from bench.gpu_programs import PROGRAMS, Program

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-9
COPY_SECONDS = 30.0
Event = dict[str, Any]


@dataclass(slots=True)
class Row:
    """What was found for one program: times and errors by way, and why others are missing."""

    name: str
    sizes: Mapping[str, int]
    bytes: int = 0
    times: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failed: bool = False

    def take(self, event: Event) -> None:
        """Notes one thing that the process found."""
        match event["event"]:
            case "time":
                self.times[event["way"]] = event["milliseconds"]
                self.bytes = event.get("bytes", self.bytes)
            case "error":
                self.errors[event["way"]] = event["error"]
            case "skipped" | "failed":
                self.missing[event["way"]] = event["why"]
                self.failed |= event["event"] == "failed" and event["way"] == "symgrad"

    def end(self, why: str) -> None:
        """What was not found when the process ended is missing for this reason."""
        for way in ("symgrad", *PEERS):
            if way not in self.times:
                self.missing.setdefault(way, why)

    @property
    def wrong(self) -> bool:
        return any(error > TOLERANCE for error in self.errors.values())


# --- processes -----------------------------------------------------------------------------------


def events(name: str, tiny: bool, seconds: float) -> Iterator[Event]:
    """What the process of a program tells, until it ends or its time is over.

    The last event is "ended", with a reason that is empty if all went well.
    """
    command = [sys.executable, "-m", "bench.gpu_worker", name, *(["--tiny"] if tiny else [])]
    environment = {**os.environ, "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(
        part for part in (str(ROOT), environment.get("PYTHONPATH", "")) if part
    )
    deadline = time.perf_counter() + seconds
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # torch.compile starts processes, which end with it
    )
    lines: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []
    threading.Thread(target=_read, args=(process.stdout, lines.put), daemon=True).start()
    errors = threading.Thread(target=_read, args=(process.stderr, said.append), daemon=True)
    errors.start()
    try:
        while True:
            try:
                line = lines.get(timeout=max(deadline - time.perf_counter(), 0.0))
            except queue.Empty:
                yield {"event": "ended", "why": f"no time left of {seconds:.0f} s"}
                return
            if line is None:
                break
            yield json.loads(line)
        status = process.wait(timeout=10)
        errors.join(timeout=1)
        last = next((text.strip() for text in reversed(said) if text and text.strip()), "")
        why = f"the process ended with {status}: {last[:160]}" if status else ""
        yield {"event": "ended", "why": why}
    finally:
        _end(process)


def _read(stream: Any, put: Any) -> None:
    for line in stream:
        put(line)
    put(None)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def measure(program: Program, tiny: bool, seconds: float) -> Row:
    """Everything that a process finds about a program within its time."""
    begun = time.perf_counter()
    row = Row(program.name, program.tiny if tiny else program.sizes)
    for event in events(program.name, tiny, seconds):
        if event["event"] == "ended":
            row.end(event["why"] or "not measured")
            row.failed |= event["why"].startswith("the process")
        else:
            row.take(event)
    row.seconds = time.perf_counter() - begun
    return row


# --- the table -----------------------------------------------------------------------------------


def head() -> str:
    """The first line of the table."""
    text = f"{'program':<14} {'sizes':<28} {'ms':>9} {'GB/s':>8} {'of copy':>8}"
    return text + "".join(f" {name + ' ms':>17} {'ratio':>6}" for name in PEERS) + f" {'error':>9}"


def line(row: Row, bandwidth: float) -> str:
    """One program: milliseconds, bytes a second, and what the peers take beside it."""
    sizes = " ".join(f"{name}={count}" for name, count in row.sizes.items())
    text = f"{row.name:<14} {sizes:<28}"
    mine = row.times.get("symgrad")
    if mine is None:
        kind = "failed" if row.failed else "skipped"
        return f"{text} {kind}: {row.missing.get('symgrad', 'not measured')}"
    speed = 1e-6 * row.bytes / mine
    share = f"{speed / bandwidth:.0%}" if bandwidth else "-"
    text += f" {mine:>9.3f} {speed:>8.1f} {share:>8}"
    for name in PEERS:
        theirs = row.times.get(name)
        shown = (f"{theirs:.3f}", f"{theirs / mine:.2f}") if theirs else ("-", "-")
        text += f" {shown[0]:>17} {shown[1]:>6}"
    return f"{text} {max(row.errors.values(), default=float('nan')):>9.1e}"


def notes(rows: Sequence[Row]) -> list[str]:
    """Why peers are missing, each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for way, why in row.missing.items():
            if way != "symgrad" and "symgrad" in row.times:
                found.setdefault((way, why), []).append(row.name)
    return [f"{way}: {why} ({', '.join(names)})" for (way, why), names in found.items()]


def save(path: Path, device: str, bandwidth: float, rows: Sequence[Row]) -> None:
    """Everything found so far."""
    found = {"device": device, "copy": bandwidth, "programs": [asdict(row) for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


# --- command line --------------------------------------------------------------------------------


def copy_bandwidth(tiny: bool, seconds: float) -> tuple[str, float, str]:
    """The device, GB/s of a copy on it, and what went wrong."""
    device, bandwidth, problem = "unknown device", 0.0, ""
    for event in events("copy", tiny, seconds):
        match event["event"]:
            case "copy":
                device, bandwidth = event["device"], event["bandwidth"]
            case "missing" | "failed" | "ended":
                problem = problem or event["why"]
    return device, bandwidth, problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 1 if a result is wrong or a program fails."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(program.name for program in PROGRAMS)
    parser.add_argument("--only", default=names, help=f"some of {names}")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each program")
    parser.add_argument("--save", type=Path, help="where results go; bench/results/gpu.json")
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    unknown = sorted(set(chosen) - {program.name for program in PROGRAMS})
    if unknown:
        print(f"bench.gpu: no program called {', '.join(unknown)}; there are {names}")
        return 1
    place = options.save
    if place is None and not options.tiny:
        place = ROOT / "bench" / "results" / "gpu.json"
    device, bandwidth, problem = copy_bandwidth(options.tiny, COPY_SECONDS)
    if problem == "no CUDA device":
        print("bench.gpu: no CUDA device; with NUMBA_ENABLE_CUDASIM=1 and --tiny it runs without")
        return 1
    said = (
        f"the copy was not measured: {problem}" if problem else f"a copy moves {bandwidth:.0f} GB/s"
    )
    print(f"{device}: {said}\n\n{head()}", flush=True)
    rows: list[Row] = []
    for program in PROGRAMS:
        if program.name in chosen:
            rows.append(measure(program, options.tiny, options.budget))
            print(line(rows[-1], bandwidth), flush=True)
            if place is not None:
                save(place, device, bandwidth, rows)
    print("".join(f"\n{note}" for note in notes(rows)))
    print(f"\n{sum(row.seconds for row in rows):.0f} s" + (f", saved in {place}" if place else ""))
    wrong = [row.name for row in rows if row.wrong]
    if wrong:
        print(f"WRONG: {', '.join(wrong)}")
    return 1 if wrong or any(row.failed for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
