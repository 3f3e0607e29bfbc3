"""The process that measures one program for `bench.gpu`; never started by hand.

What is found goes to standard output as lines of JSON, at once, so that nothing is lost when the
process runs out of time, memory or luck. Everything else that libraries print goes to standard
error.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import cuda

import symgrad
from bench.gpu_peers import PEERS, Missing, peer_way
from bench.gpu_programs import Arrays, Program, program_called

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
COPIED = (1 << 24, 1 << 26, 1 << 27)  # numbers in the arrays of the copy; the fastest counts


class Worker:
    """Measures one program, and tells of each result as soon as it is there."""

    def __init__(self, tell: Callable[..., None], tiny: bool) -> None:
        self.tell, self.tiny = tell, tiny

    def copy(self) -> None:
        """The name of the device, and GB/s of a copy on it, reads and writes counted."""
        if not cuda.is_available():
            self.tell("missing", why="no CUDA device")
            return
        best = 0.0
        for count in (1000,) if self.tiny else COPIED:
            source = cuda.device_array(count, np.float64)
            target = cuda.device_array(count, np.float64)
            best = max(
                best, 16e-6 * count / milliseconds(lambda s=source, t=target: t.copy_to_device(s))
            )
        self.tell("copy", device=_device_name(), bandwidth=best)

    def program(self, program: Program) -> None:
        """Builds, checks and times a program in every way that there is."""
        start = time.perf_counter()
        run = self._built(program, "cuda")
        small = program.make(np.random.default_rng(1), **program.tiny)
        known = self._built(program, "numpy")(**small)
        found = run(**small)
        self.tell("error", way="numpy", error=worst_error(_flat(found), _flat(known)))
        self.tell("built", seconds=time.perf_counter() - start)
        arguments = small
        if not self.tiny:
            arguments = program.make(np.random.default_rng(0), **program.sizes)
        device = {n: cuda.to_device(a) if np.ndim(a) else a for n, a in arguments.items()}
        out = tuple(cuda.device_array(np.shape(arguments[n]), np.float64) for n in program.wrt)
        values: list[Any] = []
        spent = milliseconds(lambda: values.append(run(**device, out=out)[0]))
        moved = sum(np.asarray(a).nbytes for a in arguments.values()) + sum(a.nbytes for a in out)
        self.tell("time", way="symgrad", milliseconds=spent, bytes=moved)
        found = [on_host(array) for array in (values[-1], *out)]
        if self.tiny:
            self.tell("error", way="numpy, out=", error=worst_error(found, _flat(known)))
        del device, out, values
        for peer in PEERS:
            self._peer(peer, program, arguments, found)

    def _built(self, program: Program, target: str) -> Callable[..., Any]:
        module = symgrad.compile(
            program.model, shapes=program.shapes, wrt=program.wrt, target=target
        )
        return getattr(module, f"{module.name}_value_and_grad")

    def _peer(self, peer: str, program: Program, arguments: Arrays, found: Sequence[Any]) -> None:
        """One peer; what goes wrong in it is told and goes no further."""
        try:
            if SIMULATED:
                raise Missing("no peers in the simulator")
            way = peer_way(peer, program, arguments, "cuda")
            self.tell("error", way=peer, error=worst_error(found, _flat(way())))
            self.tell("time", way=peer, milliseconds=milliseconds(way))
        except Missing as error:
            self.tell("skipped", way=peer, why=str(error))
        except Exception as error:  # compilers of three libraries: of no common type, none fatal
            self.tell("failed", way=peer, why=_in_a_line(error))


def milliseconds(function: Callable[[], Any], most: float = 2.0, rounds: int = 20) -> float:
    """The median of synchronised calls, within `most` seconds after the first."""
    if not SIMULATED:
        function()  # compiles, and fills the workspace
    rounds = 1 if SIMULATED else rounds
    cuda.synchronize()
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < rounds and (len(times) < 3 or time.perf_counter() - begun < most):
        start = time.perf_counter()
        function()
        cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def on_host(array: Any) -> Any:
    """A NumPy array of whatever a library returns."""
    if hasattr(array, "copy_to_host"):
        return array.copy_to_host()
    if hasattr(array, "detach"):
        return array.detach().cpu().numpy()
    return np.asarray(array)


def worst_error(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The largest deviation relative to the largest element; NaN counts as infinity."""
    worst = 0.0
    for mine, reference in zip(found, wanted, strict=True):
        a, b = on_host(mine), on_host(reference)
        scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-30)
        error = float(np.max(np.abs(a - b), initial=0.0)) / scale
        worst = max(worst, error if np.isfinite(error) else np.inf)
    return worst


def _flat(result: Any) -> list[Any]:
    value, gradients = result
    return [value, *gradients]


def _device_name() -> str:
    if SIMULATED:
        return "Numba's simulator (times mean nothing)"
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def _in_a_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"


def main() -> int:
    """`NAME`: measures that program; `copy`: the bandwidth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    # Libraries print what they like: file descriptor 1 becomes that of standard error for them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def tell(event: str, **values: Any) -> None:
        answers.write(json.dumps({"event": event, **values}) + "\n")
        answers.flush()

    worker = Worker(tell, options.tiny)
    if options.name == "copy":
        worker.copy()
    else:
        worker.program(program_called(options.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
