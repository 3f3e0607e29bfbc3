"""Measuring: a process for each peer, rounds that take turns, results compared in the same run."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np

from bench.native import compiler
from bench.peers import MODULES
from bench.spec import BenchProgram, Measurement, Size, sources

ROOT = Path(__file__).resolve().parent.parent
LARGE_GRADIENT = 1 << 20  # bytes of gradients from which reused arrays are a row of their own


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured: rounds that take turns, seconds in each, and which peers."""

    rounds: int = 5
    seconds: float = 0.15
    peers: tuple[str, ...] = ("symgrad", "jax", "torch", "torch_compile", "native")


def cores() -> list[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def installed(peer: str) -> bool:
    """Whether a peer can be measured here."""
    if peer == "native":
        return compiler() is not None
    if peer == "torch_compile" and compiler() is None:
        return False
    return find_spec(MODULES[peer]) is not None


class Process:
    """The worker of one peer, held to as many processors as it has threads."""

    def __init__(
        self,
        peer: str,
        threads: int,
        errors: IO[bytes],
        environment: dict[str, str] | None = None,
    ) -> None:
        count = str(threads)
        names = ("NUMBA", "OMP", "OPENBLAS", "MKL")
        own = {f"{name}_NUM_THREADS": count for name in names} | (environment or {})
        allowed = set(cores()[:threads])

        def hold() -> None:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, allowed)

        self.errors = errors
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", peer, count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **own},
            preexec_fn=hold,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one command; a process that died answers with its last words."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return {"failure": f"process ended: {' '.join(words)}", "times": [], "bytes": None}

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def processes(
    peers: Sequence[str], threads: int, environment: dict[str, str] | None = None
) -> Iterator[dict[str, Process]]:
    """A process for each installed peer, ended at the end."""
    with contextlib.ExitStack() as stack:
        started: dict[str, Process] = {}
        for peer in filter(installed, peers):
            errors = stack.enter_context(tempfile.TemporaryFile())
            started[peer] = Process(peer, threads, errors, environment)
            stack.callback(started[peer].close)
        yield started


def variants(program: BenchProgram, size: Size, peer: str, threads: int) -> tuple[str, ...]:
    """The variants of a peer that are worth a row at a size."""
    found = sources(program).get(peer, ())
    if peer == "native" and threads > 1:
        return ()
    if peer == "symgrad":
        arrays = program.arrays(size)
        if sum(arrays[i].nbytes for i in program.active) < LARGE_GRADIENT:
            return found[:1]
    return found


def deviation(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The largest difference of any output or gradient, relative to its largest entry."""
    if len(found) != len(expected):
        return float("inf")
    worst = 0.0
    for a, b in zip(found, expected, strict=True):
        if a.shape != b.shape:
            return float("inf")
        scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
        difference = float(np.max(np.abs(a - b), initial=0.0)) / scale
        worst = max(worst, difference if np.isfinite(difference) else float("inf"))
    return worst


def measure(
    program: BenchProgram,
    size: Size,
    threads: int,
    running: dict[str, Process],
    settings: Settings,
) -> list[Measurement]:
    """Every variant of every running peer at one size, in turns; the first is the reference."""
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer, process in running.items():
            process.ask("clear")
            for variant in variants(program, size, peer, threads):
                path = str(Path(folder) / f"{len(entries)}.npz")
                entries[peer, variant] = process.ask(
                    "load", program=program.name, size=size, variant=variant, path=path
                ) | {"path": path}
        errors = _errors(entries)
    times: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(settings.rounds):
        for (peer, variant), entry in entries.items():
            modes = ("gradient", "forward") if variant == "module" else ("gradient",)
            for mode in modes if "failure" not in entry else ():
                answer = running[peer].ask(
                    "time", variant=variant, mode=mode, seconds=settings.seconds
                )
                times.setdefault((peer, variant, mode), []).extend(answer.get("times", []))
    commit, moment = describe_commit(), datetime.now().isoformat(timespec="seconds")
    load = round(os.getloadavg()[0], 1)
    found = []
    for (peer, variant), entry in entries.items():
        gradient = times.get((peer, variant, "gradient"), [])
        forward = times.get((peer, variant, "forward"), [])
        found.append(
            Measurement(
                program=program.name,
                size=size,
                threads=threads,
                peer=peer,
                variant=variant,
                commit=commit,
                moment=moment,
                load=load,
                first_call=entry.get("build", 0.0) + entry.get("first_call", 0.0),
                error=errors[peer, variant],
                calls=len(gradient),
                median=median(gradient),
                least=min(gradient, default=math.nan),
                forward_median=median(forward),
                forward_least=min(forward, default=math.nan),
                failure=entry.get("failure", ""),
            )
        )
    return found


def median(times: Sequence[float]) -> float:
    """The median, NaN of nothing."""
    return float(np.median(times)) if times else math.nan


def describe_commit() -> str:
    """The commit of the source, with a mark if it was changed since."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _errors(entries: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Each entry's deviation from symgrad's, which is there to be compared with."""
    results = {}
    for key, entry in entries.items():
        if "failure" not in entry:
            with np.load(entry["path"]) as saved:
                results[key] = [saved[name] for name in saved.files]
    reference = next(iter(results.values()), [])
    return {
        key: deviation(results[key], reference) if key in results else float("nan")
        for key in entries
    }


def peak_memory(
    program: BenchProgram, size: Size, threads: int, peers: Sequence[str]
) -> list[tuple[str, str, int | None]]:
    """Peak bytes beyond inputs and outputs, in processes that hand freed memory back at once."""
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    found: list[tuple[str, str, int | None]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        processes(peers, threads, environment) as running,
    ):
        for peer, process in running.items():
            for variant in variants(program, size, peer, threads):
                answer = process.ask(
                    "load",
                    program=program.name,
                    size=size,
                    variant=variant,
                    path=str(Path(folder) / "r.npz"),
                )
                if "failure" not in answer:
                    answer = process.ask("memory", variant=variant)
                found.append((peer, variant, answer.get("bytes")))
                process.ask("clear")
    return found
