"""Seconds that a program takes through each stage, by its number of operations.

    python -m bench.compile_time [OPERATIONS ...]

A chain of element-wise operations grows from 125 to 2000; the last column is the time per
operation, which stays level if every stage is linear. Then the examples, one line each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.capture import capture, load_model
from symgrad.codegen import Target
from symgrad.driver import Timings, derive, emit

STAGES = ("capture", "simplify", "differentiate", "freeze", "schedule and print")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def chain(operations: int) -> Callable[[Any], Any]:
    """A function of `operations` element-wise NumPy operations and a sum."""

    def f(x: Any) -> Any:
        y = x
        for step in range(operations):
            match step % 5:
                case 0:
                    y = np.sin(y)
                case 1:
                    y = y * 1.01
                case 2:
                    y = np.tanh(y)
                case 3:
                    y = y + x
                case _:
                    y = np.exp(-y)
        return np.sum(y)

    return f


def measure(function: Callable[..., Any], shapes: dict[str, str] | None, target: Target) -> Timings:
    """Times of one function through all stages."""
    timings = Timings()
    with timings.stage("capture"):
        model = capture(function, shapes=shapes)
    derived = derive(model, (), timings)
    emit((derived,), source="bench", digest="", target=target, options="", timings=timings)
    return timings


def row(label: str, timings: Timings, operations: int) -> str:
    """One line of the table: seconds by stage, in all, and milliseconds per operation."""
    cells = "".join(f"{timings.seconds.get(stage, 0.0):>{len(stage) + 3}.2f}" for stage in STAGES)
    total = sum(timings.seconds.values())
    each = f"{1e3 * total / operations:>8.2f}" if operations else ""
    return f"{label:<24}{cells}{total:>8.2f}{each}"


def main() -> None:
    """Prints the table."""
    counts = [int(argument) for argument in sys.argv[1:]] or [125, 250, 500, 1000, 2000]
    head = "".join(f"{stage:>{len(stage) + 3}}" for stage in STAGES)
    print(f"{'operations':<24}{head}{'total':>8}{'ms each':>8}")
    measure(chain(25), {"x": "f64[n]"}, "cpu")
    for count in counts:
        print(row(str(count), measure(chain(count), {"x": "f64[n]"}, "cpu"), count))
    print()
    for folder in sorted(path.parent for path in EXAMPLES.glob("*/model.py")):
        for program in load_model(folder / "model.py"):
            print(row(folder.name, measure(program.function, None, "cpu"), 0))


if __name__ == "__main__":
    main()
