"""What the machine can do, measured: bandwidth, arithmetic, functions; the roof over a program.

    python -m bench.machine THREADS          prints one line of JSON

Run by the benchmark in a process of its own for each number of threads.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.spec import Cost

# Functions that programs count, measured one by one in loops of their own.
FUNCTIONS = ("exp", "log", "tanh", "softplus", "ndtr", "sin", "cos")
PLAIN = {"divide": "1.0 / {0}", "sqrt": "math.sqrt({0})"}
CACHE = 1 << 20  # bytes that are taken to stay in a core's second-level cache between calls


@dataclass(frozen=True, slots=True)
class Machine:
    """Rates of a number of threads: bytes and operations per second, seconds of each function."""

    threads: int
    copy: float
    read: float
    flops: float
    functions: Mapping[str, float]

    def arithmetic(self, cost: Cost) -> float:
        """The seconds of a program's arithmetic alone, on numbers that lie in the nearest cache."""
        functions = sum(count * self.functions[name] for name, count in cost.functions.items())
        return cost.flops / self.flops + functions

    def roof(self, cost: Cost) -> tuple[float, str]:
        """The least seconds of a program, and whether memory or arithmetic sets them."""
        arithmetic = self.arithmetic(cost)
        memory = cost.bytes / self.read if cost.bytes > CACHE else 0.0
        return (memory, "memory") if memory > arithmetic else (arithmetic, "arithmetic")


def best(run: Callable[[], Any], repeats: int = 15) -> float:
    """The least time of several runs, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def kernels() -> tuple[Any, Any, Any, dict[str, Any]]:
    """Copy, sum, fused multiply-add and functions over blocks of an array, one per thread."""
    from numba import njit, prange

    from symgrad.codegen.spelling import NUMBA
    from tools.vector_functions import sweep_module

    options: dict[str, Any] = {"fastmath": {"contract", "nsz", "arcp", "reassoc"}}
    texts = {name: NUMBA[name].text for name in FUNCTIONS} | PLAIN
    sweeps = sweep_module(texts, FUNCTIONS)

    @njit(parallel=True, **options)
    def copy(x: Any, y: Any) -> None:
        for block in prange(len(x)):
            for i in range(x.shape[1]):
                y[block, i] = x[block, i]

    @njit(parallel=True, **options)
    def read(x: Any, totals: Any) -> None:
        for block in prange(len(x)):
            total = 0.0
            for i in range(x.shape[1]):
                total += x[block, i]
            totals[block] = total

    @njit(parallel=True, **options)
    def multiply_add(x: Any, repeats: int) -> None:
        for block in prange(len(x)):
            for _ in range(repeats):
                for i in range(x.shape[1]):
                    u = x[block, i]
                    v = u * 0.999 + 0.001
                    w = v * u + 0.001
                    s = w * v + 0.002
                    t = s * w + 0.003
                    p = t * s + 0.004
                    q = p * t + 0.005
                    r = q * p + 0.006
                    x[block, i] = r * 0.1 + q

    def repeated(sweep: Any) -> Any:
        @njit(parallel=True)
        def run(x: Any, y: Any, repeats: int) -> None:
            for block in prange(len(x)):
                for _ in range(repeats):
                    sweep(x[block], y[block])

        return run

    functions = {name: repeated(sweeps[f"sweep_{name}"]) for name in texts}
    return copy, read, multiply_add, functions


def measure_machine(threads: int) -> Machine:
    """The rates of this machine for arrays that are cut into one block per thread."""
    copy, read, multiply_add, functions = kernels()
    large = np.ones((threads, (128 << 20) // 8 // threads))
    other, totals = np.empty_like(large), np.empty(threads)
    small, found = np.full((threads, 1024), 0.5), np.empty((threads, 1024))
    repeats = 1_000
    copied = best(lambda: copy(large, other), 7)
    summed = best(lambda: read(large, totals), 7)
    added = best(lambda: multiply_add(small, repeats))
    elements = small.size * repeats
    seconds = {
        name: best(partial(run, small, found, repeats)) / elements
        for name, run in functions.items()
    }
    return Machine(
        threads=threads,
        copy=2 * large.nbytes / copied,
        read=large.nbytes / summed,
        flops=16 * elements / added,
        functions=seconds,
    )


def main() -> None:
    """Prints the rates."""
    threads = int(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    print(json.dumps(asdict(measure_machine(threads))))


if __name__ == "__main__":
    main()
