"""Kernels of a generated module compiled ahead into Numba's cache, on several cores.

Numba compiles one function at a time in a process, so there are several processes. Each takes the
next kernel when it is done with one, long ones first.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from symgrad.errors import CompileError

__all__ = ["kernel_names", "warm"]

_KERNEL = re.compile(r"^@_kernel\([^@]*?\)\ndef (\w+)\(", re.MULTILINE)
_WORKER = Path(__file__).with_name("kernel_worker.py")
_PARALLEL = 1000  # characters of a kernel that takes as long as making a loop parallel
_MOST_PROCESSES = 4  # each holds some 250 MB


def kernel_names(text: str) -> list[str]:
    """The kernels of a generated module, those that take longest to compile first."""
    found = list(_KERNEL.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    lengths: dict[str, int] = {}
    for match, end in zip(found, ends, strict=True):
        parallel = "parallel=True" in match[0]
        lengths[match[1]] = end - match.start() + parallel * _PARALLEL
    return sorted(lengths, key=lambda name: -lengths[name])


def warm(path: Path, done: Callable[[str], None] = lambda name: None) -> None:
    """Compiles every kernel of a module into the cache beside it.

    Args:
        path: the generated module.
        done: called with the name of each kernel once it is compiled.

    Raises:
        CompileError: a kernel does not compile: a defect of symgrad, not of the model.
    """
    names = kernel_names(path.read_text(encoding="utf-8"))
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    count = min(os.cpu_count() or 1, len(names), _MOST_PROCESSES)
    with ThreadPoolExecutor(max(count, 1)) as pool:
        runs = [pool.submit(_work, path, waiting, done) for _ in range(count)]
        for run in runs:
            run.result()


def _work(path: Path, waiting: queue.SimpleQueue[str], done: Callable[[str], None]) -> None:
    """Gives one process after another kernel until none waits."""
    command: Sequence[str] = [sys.executable, "-P", str(_WORKER), str(path)]
    pipe = subprocess.PIPE
    # What the compiler prints goes to a file: a pipe that nobody reads would fill and stop it.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=printed, text=True) as process,
    ):
        assert process.stdin and process.stdout
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                break
            try:
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = ""
            if answer.strip() != name:
                process.communicate()
                printed.seek(0)
                reason = (printed.read().strip().splitlines() or ["no message"])[-1]
                raise CompileError(
                    f"'{path}' was written, but its kernel '{name}' does not compile; this is a "
                    f"defect of symgrad. --target numpy needs no kernels. {reason}"
                )
            done(name)
        process.communicate()
