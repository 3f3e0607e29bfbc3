"""Where the time of a program goes: each loop nest of its kernels, timed inside a running call.

    python -m bench.nests PROGRAM [SIZE ...]

The text of the generated module is compiled once more with a reading of the processor's cycle
counter between its nests, and run on one thread.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TICK = """
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic
from llvmlite import ir


@intrinsic
def _cycles(typing_context):
    def build(context, builder, signature, arguments):
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(64), []), "llvm.readcyclecounter"
        )
        return builder.call(function, [])

    return types.int64(), build


@intrinsic
def _pointer(typing_context, address):
    def build(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), build


@njit
def _now():
    return _cycles()


@njit
def _tick(nest):
    counts = carray(_pointer(ADDRESS), (LENGTH,), np.int64)
    now = _cycles()
    counts[nest] += now - counts[0]
    counts[0] = _cycles()
"""


@dataclass(frozen=True, slots=True)
class Nest:
    """A nest of loops: its kernel and the formulas above it."""

    kernel: str
    formulas: tuple[str, ...]


def instrument(source: str) -> tuple[str, list[Nest]]:
    """The module with a tick before each nest and at the end of each kernel."""
    nests: list[Nest] = []
    found: list[str] = []
    kernel, formulas, body = "", [], []

    def close() -> None:
        if formulas:
            nests.append(Nest(kernel, tuple(formulas)))
            found.append(f"    _tick({len(nests)})")
        formulas.clear()
        body.clear()

    for line in source.splitlines():
        definition = re.match(r"def (\w+)\(", line)
        if definition:
            kernel = definition[1]
        inside = line.startswith("    ") or line in (")", "):")
        if not inside and formulas:
            close()
        if line.startswith("    # ") and is_kernel(kernel):
            if body:
                close()
            if not formulas:
                found.append("    _tick(0)")
            formulas.append(line.strip("# "))
        elif formulas:
            body.append(line)
        found.append(line)
    return "\n".join(found), nests


def is_kernel(name: str) -> bool:
    """Kernels are numbered: `_loss_grad_1`."""
    return bool(re.fullmatch(r"_\w+_\d+", name))


def instrumented_module(source: str) -> tuple[Any, list[Nest], np.ndarray]:
    """The instrumented module, its nests, and the array that their cycles are added to."""
    from symgrad.modules import import_file

    text, nests = instrument(source)
    counts = np.zeros(len(nests) + 1, np.int64)
    tick = TICK.replace("ADDRESS", str(counts.ctypes.data)).replace("LENGTH", str(len(counts)))
    head, mark, rest = text.partition("_OPTIONS: dict")
    text = (head + tick + "\n\n" + mark + rest).replace('"cache": True', '"cache": False')
    folder = Path(tempfile.mkdtemp(prefix="symgrad-nests-"))
    path = folder / "instrumented.py"
    path.write_text(text, encoding="utf-8")
    return import_file(path), nests, counts


def profile(source: str, call: str, arrays: Sequence[Any], seconds: float) -> list[str]:
    """A table of the least times of each nest: share of the fastest call, kernel, formulas."""
    module, nests, counts = instrumented_module(source)
    function, now = getattr(module, call), module._now
    function(*arrays)
    now()
    best, least, rate = np.full(len(nests), np.iinfo(np.int64).max), math.inf, 1.0
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        counts[:] = 0
        start, first = time.perf_counter(), now()
        function(*arrays)
        last, elapsed = now(), time.perf_counter() - start
        best = np.minimum(best, counts[1:])
        if elapsed < least:
            least, rate = elapsed, (last - first) / elapsed
    inside = best.sum() / rate
    rows = [f"{call}: {1e6 * least:.1f} µs in all, {1e6 * inside:.1f} µs in nests"]
    for nest, cycles in zip(nests, best, strict=True):
        if cycles:
            own = cycles / rate
            rows.append(f"{own / least:6.1%} {1e6 * own:10.1f} µs  {nest.kernel}")
            rows += [f"{'':22}{formula}" for formula in nest.formulas]
    return rows


def main() -> None:
    """Prints the table of one program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("size", nargs="*", type=int)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    os.environ["NUMBA_NUM_THREADS"] = "1"

    from bench.programs import PROGRAMS
    from symgrad.capture import capture
    from symgrad.driver import Timings, derive, emit

    program = PROGRAMS[options.program]
    size = tuple(options.size) or program.cases[0].size
    model, timings = program.model, Timings()
    derived = derive(capture(model.function, wrt=model.wrt), (), timings)
    source = emit((derived,), source="", digest="", target="cpu", options="", timings=timings)
    suffix = "vjp" if program.vector else "value_and_grad"
    arrays = [float(a) if a.ndim == 0 else a for a in program.arrays(size)]
    rows = profile(source, f"{derived.name}_{suffix}", arrays, options.seconds)
    sys.stdout.write("\n".join([f"{program.name} {size}", *rows]) + "\n")


if __name__ == "__main__":
    main()
