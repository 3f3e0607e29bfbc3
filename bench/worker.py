"""The process of one peer: reads commands as lines of JSON, measures, answers in kind.

Started by `bench.session`, never by hand. Standard output belongs to the answers; whatever the
peers print goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import LOADERS, Loaded
from bench.programs import PROGRAMS

FEWEST_CALLS, MOST_CALLS = 3, 400
SHORT = 50e-6  # calls shorter than this are timed several at a time
SLOW = 0.2  # calls longer than this count from the first, whatever was in the cache
PATIENCE = 4  # times the seconds of a turn that slow calls may take to be called often enough


class Worker:
    """The state of a peer's process: what is loaded, by variant."""

    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
        self.loaded: dict[str, Loaded] = {}

    def load(self, program: str, size: list[int], variant: str, path: str) -> dict[str, Any]:
        """Builds one variant, calls it once, and saves what it returned."""
        spec = PROGRAMS[program]
        arrays = spec.arrays(tuple(size))
        start = time.perf_counter()
        loaded = LOADERS[self.peer](spec, variant, arrays, self.threads)
        built = time.perf_counter()
        result = loaded.call()
        first = time.perf_counter() - built
        parts = loaded.arrays(result)
        np.savez(path, *parts)
        self.loaded[variant] = loaded
        return {"build": built - start, "first_call": first}

    def clear(self) -> dict[str, Any]:
        """Forgets everything that was loaded."""
        self.loaded.clear()
        gc.collect()
        return {}

    def time(self, variant: str, mode: str, seconds: float) -> dict[str, Any]:
        """Times of single calls, as many as fit."""
        loaded = self.loaded[variant]
        call = loaded.call if mode == "gradient" else loaded.forward
        if call is None:
            return {"times": []}
        gc.collect()
        gc.disable()
        try:
            return {"times": sample(call, seconds)}
        finally:
            gc.enable()

    def memory(self, variant: str) -> dict[str, Any]:
        """Bytes that one call holds at its peak beyond its inputs and its result."""
        call, status = self.loaded[variant].call, Path("/proc/self/status")
        if not status.exists():
            return {"bytes": None}
        call()
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before = _kilobytes(status, "VmRSS")
        result = call()
        peak = _kilobytes(status, "VmHWM")
        own = sum(part.nbytes for part in self.loaded[variant].arrays(result))
        reused = own if variant == "out=" else 0
        return {"bytes": max(0, 1024 * (peak - before) - own + reused)}


def sample(call: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds per call, from repeated timing for about `seconds`."""
    clock = time.perf_counter
    start = clock()
    call()
    first = clock() - start
    number = max(1, int(SHORT / max(first, 1e-9)))
    times: list[float] = [] if first < SLOW else [first]
    stop = clock() + seconds
    slow = stop + PATIENCE * seconds
    while clock() < (slow if len(times) < FEWEST_CALLS else stop) and len(times) < MOST_CALLS:
        start = clock()
        for _ in range(number):
            call()
        times.append((clock() - start) / number)
    return times


def _kilobytes(status: Path, field: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def main() -> None:
    """Answers commands until standard input ends."""
    peer, threads = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(peer, threads)
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        try:
            answer = getattr(worker, name)(**command)
        except Exception as error:  # whatever a peer raises is its entry in the table
            answer = {"failure": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
