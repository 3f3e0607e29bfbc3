"""Compile time, time to the first result of a new process, and new sizes in a running one.

    python -m bench.starting PROGRAM         compiles one program, prints one line of JSON

Each figure comes from processes of its own. Kernels are compiled into an empty cache folder.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from bench.session import ROOT, installed

NEW_SIZES = tuple((1_000 + 137 * k, 3 + k % 17) for k in range(20))


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one program: formulas to text, kernels compiled cold, loaded from the cache.

    Compiled as `symgrad compile` does: into an empty cache, in as many processes as it takes.
    """

    program: str
    derive: float
    cold: float
    cached: float


@dataclass(frozen=True, slots=True)
class FirstResult:
    """Seconds from the start of a process to its first value and gradient."""

    peer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NewSizes:
    """Seconds of twenty calls with sizes never seen before, and how many compiled anything."""

    peer: str
    seconds: float
    compilations: int


INPUTS = """
import time
import numpy as np
rng = np.random.default_rng(0)
def inputs(n, d):
    X = rng.normal(size=(n, d))
    return rng.normal(size=d), np.array(0.1), X, (rng.random(n) < 0.5).astype(float)
"""

SCRIPTS = {
    "symgrad": """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("logistic_grad", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["logistic_grad"] = module
spec.loader.exec_module(module)
def compiled():
    ready = [k.call for k in module._KERNELS if hasattr(k.call, "nopython_signatures")]
    return sum(sum(k.stats.cache_misses.values()) for k in ready)  # the rest was loaded
def run(arrays):
    w, b, X, y = arrays
    return module.loss_value_and_grad(w, float(b), X, y)
""",
    "jax": """
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
def loss(w, b, X, y):
    z = X @ w + b
    return jnp.mean(jnp.log(1 + jnp.exp(z)) - y * z)
function = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
def compiled():
    return function._cache_size()
def run(arrays):
    return jax.block_until_ready(function(*arrays))
""",
    "torch": """
import torch
def compiled():
    return 0
def run(arrays):
    w, b, X, y = (torch.from_numpy(np.array(a)) for a in arrays)
    w.requires_grad_(), b.requires_grad_()
    z = X @ w + b
    value = torch.mean(torch.nn.functional.softplus(z) - y * z)
    return value, torch.autograd.grad(value, (w, b))
""",
}

MEASURE = """
run(inputs(1000, 10))
first = time.time()
before = compiled()
cases = [inputs(*size) for size in SIZES]
start = time.perf_counter()
for case in cases:
    run(case)
seconds = time.perf_counter() - start
import json
print(json.dumps([first, seconds, compiled() - before]))
"""


def run_script(peer: str, path: str) -> tuple[float, float, int]:
    """Seconds to the first result, seconds of the new sizes, compilations among them."""
    measure = MEASURE.replace("SIZES", repr(NEW_SIZES))
    begin = time.time()
    done = subprocess.run(
        [sys.executable, "-c", INPUTS + SCRIPTS[peer] + measure, path],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    first, seconds, compilations = json.loads(done.stdout.splitlines()[-1])
    return first - begin, seconds, compilations


def first_results(repeats: int = 3) -> tuple[list[FirstResult], list[NewSizes]]:
    """Logistic regression in processes of its own, each peer the least of some repeats."""
    found, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = child("logistic", folder)["path"]
        for peer in SCRIPTS:
            if not installed(peer):
                continue
            runs = [run_script(peer, path) for _ in range(repeats)]
            found.append(FirstResult(peer, min(run[0] for run in runs)))
            sizes.append(NewSizes(peer, min(run[1] for run in runs), runs[0][2]))
    return found, sizes


def child(program: str, folder: str) -> dict[str, Any]:
    """The answer of a process that compiles one program into a cache folder."""
    environment = {**os.environ, "SYMGRAD_CACHE": folder, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "bench.starting", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return json.loads(done.stdout.splitlines()[-1])


def start(program: str) -> Start:
    """Compile times of one program: into an empty cache, and out of a full one."""
    with tempfile.TemporaryDirectory() as folder:
        found = child(program, folder)
    return Start(program, found["derive"], found["cold"], found["cached"])


def main() -> None:
    """Derives and loads one program, and prints the seconds of both."""
    importlib.import_module("numba")  # beforehand: its import is no part of compiling

    from bench.programs import PROGRAMS
    from symgrad.capture import capture
    from symgrad.driver import Timings, derive, emit
    from symgrad.modules import load
    from symgrad.warming import warm

    model, timings = PROGRAMS[sys.argv[1]].model, Timings()
    begin = time.perf_counter()
    derived = derive(capture(model.function, wrt=model.wrt), (), timings)
    text = emit((derived,), source="", digest="", target="cpu", options="", timings=timings)
    derive_seconds = time.perf_counter() - begin
    module = load(derived, text)
    begin = time.perf_counter()
    warm(module.path)
    cold = time.perf_counter() - begin
    begin = time.perf_counter()
    for kernel in module.python._KERNELS:
        kernel.compiled()
    cached = time.perf_counter() - begin
    found = {"derive": derive_seconds, "cold": cold, "cached": cached, "path": str(module.path)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
