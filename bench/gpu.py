"""Generated CUDA modules against torch, torch.compile, JAX and the bandwidth of a copy.

    python -m bench.gpu [--only chain,logistic] [--seconds 400] [--tiny]

One command for a machine with a GPU: it builds every program, checks its values and gradients
against torch (or, with --tiny, against the NumPy target), times all that is installed, and prints
one table. Needs symgrad and numba-cuda; torch and jax are left out where they are missing.

    NUMBA_ENABLE_CUDASIM=1 python -m bench.gpu --tiny     runs the same in Numba's simulator

It is meant to take less than 8 minutes: for each of the seven programs about 10 seconds to compile
its kernels, 5 for arguments and checks, 30 for torch.compile, 10 for JAX, and 2 for the calls
of each of the four. No peer is started after `--seconds`, which leaves more than a minute for the
slowest one.

Times are medians of calls that begin and end with a synchronised device, arguments on the device
and gradients written into new arrays. `bytes` are what must be read and written once: arguments and
gradients. `of copy` compares bytes a second with a copy of one GiB on the same device.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import numpy as np
from numba import cuda
from scipy import special

import symgrad

TOLERANCE = 1e-9
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
Arrays = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Program:
    """A program in symgrad's words and in those of torch and JAX.

    Attributes:
        name: on the command line and in the table.
        model: over NumPy names, what symgrad compiles.
        shapes: of its arguments.
        wrt: what it is differentiated by.
        sizes: as timed; `tiny` for the simulator.
        make: random arguments at given sizes.
        peer: the same over a namespace of torch or JAX; a total, so that gradients are its own.
    """

    name: str
    model: Callable[..., Any]
    shapes: Mapping[str, str]
    wrt: tuple[str, ...]
    sizes: Mapping[str, int]
    tiny: Mapping[str, int]
    make: Callable[..., Arrays]
    peer: Callable[..., Any]


# --- programs ------------------------------------------------------------------------------------


def chain(x):
    """An elementwise chain with a total at its end."""
    return np.sum(np.tanh(x) * np.exp(-0.5 * x * x) + np.log1p(x * x))


def chain_peer(xp, x):
    return xp.sum(xp.tanh(x) * xp.exp(-0.5 * x * x) + xp.log1p(x * x))


def logistic(w, b, X, y):
    """Mean negative log-likelihood of a logistic regression."""
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def logistic_peer(xp, w, b, X, y):
    z = X @ w + b
    return xp.mean(xp.logaddexp(z, xp.zeros_like(z)) - y * z)


def softmax(W, X, label):
    """Mean cross-entropy of a softmax regression."""
    scores = X @ W
    return np.mean(special.logsumexp(scores, axis=1) - scores[np.arange(X.shape[0]), label])


def softmax_peer(xp, W, X, label):
    scores = X @ W
    chosen = xp.take_along(scores, label[:, None])[:, 0]
    return xp.mean(xp.logsumexp(scores) - chosen)


def gmm(alpha, mu, q, X):
    """Log-likelihood of a Gaussian mixture with diagonal precisions exp(2·q)."""
    whitened = np.exp(q) * (X[:, None, :] - mu)
    joint = alpha - special.logsumexp(alpha) + np.sum(q, axis=1)
    return np.sum(special.logsumexp(joint - 0.5 * np.sum(whitened**2, axis=2), axis=1))


def gmm_peer(xp, alpha, mu, q, X):
    whitened = xp.exp(q) * (X[:, None, :] - mu)
    joint = alpha - xp.logsumexp(alpha[None])[0] + xp.sum_last(q)
    return xp.sum(xp.logsumexp(joint - 0.5 * xp.sum_last(whitened * whitened)))


def black_scholes(S, K, T, sigma):
    """The total of call prices; its gradient holds delta, dual delta, theta and vega."""
    root = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (0.02 + 0.5 * sigma * sigma) * T) / root
    return np.sum(S * special.ndtr(d1) - K * np.exp(-0.02 * T) * special.ndtr(d1 - root))


def black_scholes_peer(xp, S, K, T, sigma):
    root = sigma * xp.sqrt(T)
    d1 = (xp.log(S / K) + (0.02 + 0.5 * sigma * sigma) * T) / root
    return xp.sum(S * xp.ndtr(d1) - K * xp.exp(-0.02 * T) * xp.ndtr(d1 - root))


def k_means(C, X):
    """Squared distances to the nearest centre."""
    return np.sum(np.min(np.sum((X[:, None, :] - C) ** 2, axis=2), axis=1))


def k_means_peer(xp, C, X):
    difference = X[:, None, :] - C
    return xp.sum(xp.min_last(xp.sum_last(difference * difference)))


def bundle(cameras, points, camera_index, point_index, weight):
    """A weighted total of projections: rotation by a vector, translation, focal, distortion."""
    r, x = cameras[camera_index], points[point_index]
    theta = np.sqrt(r[:, 0] ** 2 + r[:, 1] ** 2 + r[:, 2] ** 2 + 1e-12)
    first, second = np.sin(theta) / theta, (1 - np.cos(theta)) / theta**2
    a = r[:, 1] * x[:, 2] - r[:, 2] * x[:, 1]
    b = r[:, 2] * x[:, 0] - r[:, 0] * x[:, 2]
    c = r[:, 0] * x[:, 1] - r[:, 1] * x[:, 0]
    u = x[:, 0] + first * a + second * (r[:, 1] * c - r[:, 2] * b) + r[:, 3]
    v = x[:, 1] + first * b + second * (r[:, 2] * a - r[:, 0] * c) + r[:, 4]
    w = x[:, 2] + first * c + second * (r[:, 0] * b - r[:, 1] * a) + r[:, 5]
    p, q = -u / w, -v / w
    square = p * p + q * q
    scale = r[:, 6] * (1 + square * (r[:, 7] + r[:, 8] * square))
    return np.sum(weight[:, 0] * scale * p + weight[:, 1] * scale * q)


def bundle_peer(xp, cameras, points, camera_index, point_index, weight):
    r, x = cameras[camera_index], points[point_index]
    theta = xp.sqrt(r[:, 0] ** 2 + r[:, 1] ** 2 + r[:, 2] ** 2 + 1e-12)
    first, second = xp.sin(theta) / theta, (1 - xp.cos(theta)) / theta**2
    a = r[:, 1] * x[:, 2] - r[:, 2] * x[:, 1]
    b = r[:, 2] * x[:, 0] - r[:, 0] * x[:, 2]
    c = r[:, 0] * x[:, 1] - r[:, 1] * x[:, 0]
    u = x[:, 0] + first * a + second * (r[:, 1] * c - r[:, 2] * b) + r[:, 3]
    v = x[:, 1] + first * b + second * (r[:, 2] * a - r[:, 0] * c) + r[:, 4]
    w = x[:, 2] + first * c + second * (r[:, 0] * b - r[:, 1] * a) + r[:, 5]
    p, q = -u / w, -v / w
    square = p * p + q * q
    scale = r[:, 6] * (1 + square * (r[:, 7] + r[:, 8] * square))
    return xp.sum(weight[:, 0] * scale * p + weight[:, 1] * scale * q)


PROGRAMS = (
    Program(
        "chain", chain, {"x": "f64[n]"}, ("x",), {"n": 100_000_000}, {"n": 700},
        lambda rng, n: {"x": rng.standard_normal(n)}, chain_peer,
    ),
    Program(
        "logistic", logistic,
        {"w": "f64[d]", "b": "f64[]", "X": "f64[n, d]", "y": "f64[n]"}, ("w", "b"),
        {"n": 4_000_000, "d": 32}, {"n": 40, "d": 5},
        lambda rng, n, d: {
            "w": 0.1 * rng.standard_normal(d), "b": np.float64(0.1),
            "X": rng.standard_normal((n, d)), "y": np.floor(2 * rng.random(n)),
        },
        logistic_peer,
    ),
    Program(
        "softmax", softmax, {"W": "f64[d, c]", "X": "f64[n, d]", "label": "i64[n]"}, ("W",),
        {"n": 1_000_000, "d": 64, "c": 10}, {"n": 20, "d": 4, "c": 3},
        lambda rng, n, d, c: {
            "W": 0.1 * rng.standard_normal((d, c)), "X": rng.standard_normal((n, d)),
            "label": rng.integers(0, c, n),
        },
        softmax_peer,
    ),
    Program(
        "gmm", gmm,
        {"alpha": "f64[K]", "mu": "f64[K, d]", "q": "f64[K, d]", "X": "f64[n, d]"},
        ("alpha", "mu", "q"), {"n": 200_000, "K": 25, "d": 10}, {"n": 10, "K": 3, "d": 2},
        lambda rng, n, K, d: {
            "alpha": rng.standard_normal(K), "mu": rng.standard_normal((K, d)),
            "q": 0.1 * rng.standard_normal((K, d)), "X": rng.standard_normal((n, d)),
        },
        gmm_peer,
    ),
    Program(
        "black_scholes", black_scholes, dict.fromkeys(("S", "K", "T", "sigma"), "f64[n]"),
        ("S", "K", "T", "sigma"), {"n": 20_000_000}, {"n": 300},
        lambda rng, n: {
            "S": rng.uniform(80, 120, n), "K": rng.uniform(80, 120, n),
            "T": rng.uniform(0.2, 2, n), "sigma": rng.uniform(0.1, 0.4, n),
        },
        black_scholes_peer,
    ),
    Program(
        "k_means", k_means, {"C": "f64[K, d]", "X": "f64[n, d]"}, ("C",),
        {"n": 1_000_000, "K": 16, "d": 8}, {"n": 20, "K": 3, "d": 2},
        lambda rng, n, K, d: {
            "C": rng.standard_normal((K, d)), "X": rng.standard_normal((n, d)),
        },
        k_means_peer,
    ),
    Program(
        "bundle", bundle,
        {"cameras": "f64[c, 9]", "points": "f64[p, 3]", "camera_index": "i64[m]",
         "point_index": "i64[m]", "weight": "f64[m, 2]"},
        ("cameras", "points"), {"c": 1000, "p": 200_000, "m": 2_000_000},
        {"c": 2, "p": 3, "m": 12},
        lambda rng, c, p, m: {
            "cameras": 0.1 * rng.standard_normal((c, 9)) + [0, 0, 0, 0, 0, 9, 1, 0, 0],
            "points": rng.standard_normal((p, 3)), "camera_index": rng.integers(0, c, m),
            "point_index": rng.integers(0, p, m), "weight": rng.standard_normal((m, 2)),
        },
        bundle_peer,
    ),
)  # fmt: skip


# --- peers ---------------------------------------------------------------------------------------


def torch_ways(program: Program, arguments: Arrays) -> dict[str, Callable[[], Any]]:
    """torch eager and torch.compile: value and gradients as NumPy arrays would name them."""
    import torch

    if not torch.cuda.is_available():
        return {}

    class Names:
        sum, mean, exp, log, sqrt, tanh = (
            torch.sum, torch.mean, torch.exp, torch.log, torch.sqrt, torch.tanh,
        )  # fmt: skip
        sin, cos, log1p, logaddexp = torch.sin, torch.cos, torch.log1p, torch.logaddexp
        zeros_like, ndtr = torch.zeros_like, torch.special.ndtr
        take_along = staticmethod(lambda a, i: torch.gather(a, 1, i))
        logsumexp = staticmethod(lambda a: torch.logsumexp(a, dim=-1))
        sum_last = staticmethod(lambda a: torch.sum(a, dim=-1))
        min_last = staticmethod(lambda a: torch.amin(a, dim=-1))

    given = {name: torch.as_tensor(array, device="cuda") for name, array in arguments.items()}
    leaves = [given[name].requires_grad_() for name in program.wrt]

    def loss() -> Any:
        return program.peer(Names, *given.values())

    compiled = torch.compile(lambda *a: program.peer(Names, *a))

    def run(function: Callable[[], Any]) -> Any:
        value = function()
        return value.detach(), torch.autograd.grad(value, leaves)

    return {
        "torch": lambda: run(loss),
        "torch.compile": lambda: run(lambda: compiled(*given.values())),
    }


def jax_ways(program: Program, arguments: Arrays) -> dict[str, Callable[[], Any]]:
    """jax.jit of value_and_grad."""
    import jax
    import jax.numpy as jnp

    if not any(device.platform == "gpu" for device in jax.devices()):
        return {}

    class Names:
        sum, mean, exp, log, sqrt, tanh = jnp.sum, jnp.mean, jnp.exp, jnp.log, jnp.sqrt, jnp.tanh
        sin, cos, log1p, logaddexp = jnp.sin, jnp.cos, jnp.log1p, jnp.logaddexp
        zeros_like, ndtr = jnp.zeros_like, jax.scipy.special.ndtr
        take_along = staticmethod(lambda a, i: jnp.take_along_axis(a, i, axis=1))
        logsumexp = staticmethod(lambda a: jax.nn.logsumexp(a, axis=-1))
        sum_last = staticmethod(lambda a: jnp.sum(a, axis=-1))
        min_last = staticmethod(lambda a: jnp.min(a, axis=-1))

    given = tuple(jax.device_put(array) for array in arguments.values())
    places = tuple(list(arguments).index(name) for name in program.wrt)
    run = jax.jit(jax.value_and_grad(lambda *a: program.peer(Names, *a), argnums=places))
    return {"jax": lambda: jax.block_until_ready(run(*given))}


# --- measuring -----------------------------------------------------------------------------------


def milliseconds(function: Callable[[], Any], most: float = 2.0, rounds: int = 20) -> float:
    """The median of synchronised calls, within `most` seconds."""
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


def copy_bandwidth(tiny: bool) -> float:
    """GB/s of a copy on the device, reads and writes counted."""
    count = 1000 if tiny else 1 << 27
    source = cuda.device_array(count, np.float64)
    target = cuda.device_array(count, np.float64)
    return 16e-6 * count / milliseconds(lambda: target.copy_to_device(source))


def on_host(array: Any) -> Any:
    """A NumPy array of whatever a library returns."""
    if hasattr(array, "copy_to_host"):
        return array.copy_to_host()
    if hasattr(array, "detach"):
        return array.detach().cpu().numpy()
    return np.asarray(array)


def worst_error(found: Sequence[Any], wanted: Sequence[Any]) -> float:
    """The largest deviation of an array, relative to its largest element."""
    worst = 0.0
    for mine, reference in zip(found, wanted, strict=True):
        a, b = on_host(mine), on_host(reference)
        scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-30)
        worst = max(worst, float(np.max(np.abs(a - b), initial=0.0)) / scale)
    return worst


@dataclass(frozen=True, slots=True)
class Row:
    """What was found for one program; `times` in milliseconds by way."""

    name: str
    sizes: Mapping[str, int]
    gigabytes: float
    times: Mapping[str, float]
    errors: Mapping[str, float]


def measure(program: Program, tiny: bool, deadline: float) -> Row:
    """Builds, checks and times one program in every way that is installed."""
    sizes = program.tiny if tiny else program.sizes
    arguments = program.make(np.random.default_rng(0), **sizes)
    module = symgrad.compile(program.model, shapes=program.shapes, wrt=program.wrt, target="cuda")
    run = getattr(module, f"{module.name}_value_and_grad")
    device = {
        name: cuda.to_device(array) if np.ndim(array) else array
        for name, array in arguments.items()
    }
    value, gradients = run(**device)
    found = [value, *gradients]
    moved = sum(np.asarray(a).nbytes for a in (*arguments.values(), *map(on_host, gradients)))
    times, errors = {"symgrad": milliseconds(lambda: run(**device))}, {}
    if tiny:
        plain = symgrad.compile(
            program.model, shapes=program.shapes, wrt=program.wrt, target="numpy"
        )
        known, products = getattr(plain, f"{plain.name}_value_and_grad")(**arguments)
        errors["numpy"] = worst_error(found, [known, *products])
    for library, ways_of in (("torch", torch_ways), ("jax", jax_ways)):
        if SIMULATED or importlib.util.find_spec(library) is None:
            continue
        for name, way in ways_of(program, arguments).items():
            if time.perf_counter() > deadline:
                print(f"{program.name}: no time left for {name}", file=sys.stderr)
                continue
            known, products = way()
            errors[name] = worst_error(found, [known, *products])
            times[name] = milliseconds(way)
    return Row(program.name, sizes, 1e-9 * moved, times, errors)


def table(rows: Sequence[Row], bandwidth: float) -> str:
    """One line for each program: milliseconds, ratios to symgrad, share of the copy's bandwidth."""
    peers = list(dict.fromkeys(name for row in rows for name in row.times if name != "symgrad"))
    head = f"{'program':<14} {'sizes':<28} {'ms':>9} {'GB/s':>8} {'of copy':>8}"
    head += "".join(f" {name + ' ms':>17} {'ratio':>6}" for name in peers) + f" {'error':>9}"
    lines = [head]
    for row in rows:
        sizes = " ".join(f"{name}={count}" for name, count in row.sizes.items())
        mine = row.times["symgrad"]
        speed = 1e3 * row.gigabytes / mine
        line = f"{row.name:<14} {sizes:<28} {mine:>9.3f} {speed:>8.1f} {speed / bandwidth:>8.0%}"
        for name in peers:
            theirs = row.times.get(name)
            shown = (f"{theirs:.3f}", f"{theirs / mine:.2f}") if theirs else ("-", "-")
            line += f" {shown[0]:>17} {shown[1]:>6}"
        lines.append(f"{line} {max(row.errors.values(), default=float('nan')):>9.1e}")
    return "\n".join(lines)


def device_name() -> str:
    """The card, for the heading of the table."""
    if SIMULATED:
        return "Numba's simulator (times mean nothing)"
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 1 if a result is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    names = ",".join(program.name for program in PROGRAMS)
    parser.add_argument("--only", default=names, help=f"some of {names}")
    parser.add_argument("--seconds", type=float, default=400.0, help="no peer starts after these")
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    options = parser.parse_args(arguments)
    if not cuda.is_available():
        print("bench.gpu: no CUDA device; with NUMBA_ENABLE_CUDASIM=1 and --tiny it runs without")
        return 1
    deadline = time.perf_counter() + options.seconds
    chosen = options.only.split(",")
    unknown = sorted(set(chosen) - {program.name for program in PROGRAMS})
    if unknown:
        print(f"bench.gpu: no program called {', '.join(unknown)}; there are {names}")
        return 1
    bandwidth = copy_bandwidth(options.tiny)
    print(f"{device_name()}: a copy moves {bandwidth:.0f} GB/s")
    rows = []
    for program in PROGRAMS:
        if program.name in chosen:
            rows.append(measure(program, options.tiny, deadline))
            print(f"{program.name} done", file=sys.stderr)
    print(table(rows, bandwidth))
    wrong = [row.name for row in rows if max(row.errors.values(), default=0.0) > TOLERANCE]
    if wrong:
        print(f"WRONG: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
