"""Errors and times of the vector functions of generated modules, as the table of a document.

    python -m bench.vector_math                  prints the table
    python -m bench.vector_math --write          writes docs/vector_math.md

Times are the best of many runs over 4096 numbers on one thread: a loop that Numba compiled with
the function, the same loop with libm's function, and NumPy's or SciPy's function on the array.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.codegen.spelling import NUMBA
from tools.vector_functions import FUNCTIONS, errors_in_ulp, sweep_module

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "vector_math.md"
START, STOP = "<!-- table: bench/vector_math.py -->", "<!-- end of table -->"
COUNT, REPEATS, SEEDS = 4096, 300, 20


def nanoseconds(run: Callable[[], Any]) -> float:
    """The best time of one run, per number."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / COUNT * 1e9


def largest_error(kernel: Any, name: str) -> float:
    """The largest error over several sweeps, in ulp."""
    function = FUNCTIONS[name]
    worst = 0.0
    for seed in range(SEEDS):
        points = function.points(np.random.default_rng(1000 + seed))
        columns = np.ascontiguousarray(points.T) if points.ndim == 2 else points[None]
        found = np.empty(len(points))
        kernel(*columns, found)
        worst = max(worst, float(errors_in_ulp(function, points, found).max()))
    return worst


def table() -> list[str]:
    """One line of Markdown for each function."""
    ours = {name: NUMBA[name].text for name in FUNCTIONS}
    libm = {name: f.libm for name, f in FUNCTIONS.items() if f.libm}
    fast, slow = sweep_module(ours, list(FUNCTIONS)), sweep_module(libm, list(FUNCTIONS))
    rng = np.random.default_rng(0)
    lines = [
        "| function | bound, ulp | found, ulp | ns | libm in a loop, ns | NumPy, SciPy, ns |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, function in FUNCTIONS.items():
        inputs = [rng.uniform(low, high, COUNT) for low, high in function.typical]
        out = np.empty(COUNT)
        kernel, other = fast[f"sweep_{name}"], slow.get(f"sweep_{name}")
        own = nanoseconds(lambda k=kernel, i=inputs, o=out: k(*i, o))
        reference = nanoseconds(lambda f=function.reference, i=inputs: f(*i))
        scalar = f"{nanoseconds(lambda k=other, i=inputs, o=out: k(*i, o)):.2f}" if other else ""
        error = largest_error(kernel, name)
        cells = (name, f"{function.bound:g}", f"{error:.2f}", f"{own:.2f}", scalar)
        lines.append(f"| {' | '.join(cells)} | {reference:.2f} |")
    return lines


def machine() -> str:
    """Where the numbers come from."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numba", "numpy", "scipy"))
    return f"Measured on {platform.machine()}, Python {platform.python_version()}, {packages}."


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, or puts it into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    lines = [machine(), "", *table()]
    if not parser.parse_args(arguments).write:
        print("\n".join(lines))
        return
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(START)
    after = rest.partition(STOP)[2]
    text = f"{before}{START}\n\n" + "\n".join(lines) + f"\n\n{STOP}{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
