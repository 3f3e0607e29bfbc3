"""Second derivatives against JAX and torch: structured results, medians of one run.

python -m bench.second_order [--one-core] [NAME ...]

Every row is checked before it is timed: values equal to 1e-9 (1e-10 for the sparse Jacobian), or no
row. Arrays are passed as arguments. Calls of both sides are made in turns. JAX's time is the best
of jacfwd∘jacrev and jacrev∘jacrev, compiled; torch's the better of torch.func.hessian
and torch.autograd.functional.hessian. Without a peer its column is empty. A run of all writes
docs/second_order.md. With --one-core the process keeps to one core and processor time is counted:
what other work on the machine changes least.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad
from bench.session import ROOT

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None
try:
    import torch
except ImportError:
    torch = None

Run = Callable[[], Any]
SECONDS = 0.5  # of repeated calls for each timing
ONE_CORE = len(os.sched_getaffinity(0)) == 1
CLOCK = time.process_time if ONE_CORE else time.perf_counter
TURN = 0.02  # of calls one after the other before it is another's turn
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Row:
    """One line of the table: milliseconds of each side, measured in turns, and the bar."""

    name: str
    bar: str
    times: dict[str, list[float]]
    note: str = ""

    def median(self, side: str) -> float | None:
        return float(np.median(self.times[side])) if self.times.get(side) else None

    def ratio(self, side: str) -> float | None:
        """How many times as long a peer takes, by medians."""
        own, other = self.median("symgrad"), self.median(side)
        return other / own if own and other else None

    def cells(self) -> list[str]:
        own = self.times["symgrad"]
        cells = [self.name, f"{np.median(own):.3g} ({min(own):.3g})"]
        for side in ("jax", "torch"):
            times, ratio = self.times.get(side), self.ratio(side)
            shown = f"{np.median(times):.3g} ({min(times):.3g})" if times else ""
            cells += [shown, f"{ratio:.1f}x" if ratio else ""]
        return [*cells, self.bar, self.note]


def in_turns(runs: dict[str, Run], seconds: float = SECONDS) -> dict[str, list[float]]:
    """Milliseconds of each run, in turns of at least `TURN` seconds or one call.

    At least three turns each. What takes longer than the time that is left is not started again.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds * len(runs)
    turns = 0
    while turns < 3 or time.perf_counter() < end:
        turns += 1
        for name, run in runs.items():
            if turns > 3 and time.perf_counter() + 1e-3 * min(times[name]) > end:
                continue
            stop = time.perf_counter() + TURN
            while True:
                start = CLOCK()
                run()
                times[name].append(1e3 * (CLOCK() - start))
                if time.perf_counter() > stop:
                    break
    return times


def check(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Raises unless two results are equal."""
    found, expected = np.asarray(found), np.asarray(expected)
    error = np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-300)
    if not error <= tolerance:
        raise SystemExit(f"results differ by {error:.1e}")


def fastest(ways: list[Run], result: Callable[[Run], Any], expected: Any) -> Run:
    """Of several ways to one result, that whose last call is fastest; all are checked."""
    times = []
    for way in ways:
        start = time.perf_counter()
        found = result(way)
        if time.perf_counter() - start < 10.0:  # the first call may have compiled something
            start = time.perf_counter()
            found = result(way)
        times.append(time.perf_counter() - start)
        check(found, expected)
    return ways[int(np.argmin(times))]


def peers(
    arguments: tuple[Any, ...], expected: Any, by_jax: Any = None, by_torch: Any = None
) -> dict[str, Run]:
    """The best of each peer's ways to a Hessian by the first argument."""
    found: dict[str, Run] = {}
    if jax is not None and by_jax is not None:
        given = tuple(jnp.asarray(a) for a in arguments)
        ways: list[Run] = []
        for outer, inner in ((jax.jacfwd, jax.jacrev), (jax.jacrev, jax.jacrev)):
            compiled = jax.jit(outer(inner(by_jax)))
            ways.append(lambda c=compiled: c(*given).block_until_ready())
        found["jax"] = fastest(ways, lambda way: way(), expected)
    if torch is not None and by_torch is not None:
        tensors = tuple(torch.tensor(a) for a in arguments)

        def single(x: Any) -> Any:
            return by_torch(x, *tensors[1:])

        ways = [
            lambda: torch.func.hessian(by_torch)(*tensors),
            lambda: torch.autograd.functional.hessian(single, tensors[0], vectorize=True),
        ]
        found["torch"] = fastest(ways, lambda way: way().numpy(), expected)
    return found


def compiled(function: Any, arguments: tuple[Any, ...], product: str) -> Any:
    """The generated function by the first argument, compiled."""
    wrt = function.__code__.co_varnames[0]
    wrapped = getattr(symgrad, product)(function, wrt=wrt)
    module = wrapped.module(*arguments)
    return getattr(module.python, f"{module.name}_{product}")


# --- the programs --------------------------------------------------------------------------------


def quadratic() -> list[Row]:
    """x'Ax: A + A'."""

    def form(x, A):
        return x @ A @ x

    x, A = RNG.normal(size=1000), RNG.normal(size=(1000, 1000))
    ours = compiled(form, (x, A), "hessian")
    expected = A + A.T
    check(ours(x, A).array, expected)
    runs = {"symgrad": lambda: ours(x, A), **peers((x, A), expected, form, form)}
    return [Row("x'Ax, n=1000", "<= 2 ms, >= 20x JAX", in_turns(runs))]


def factorisation() -> list[Row]:
    """‖T − UV'‖² by U: one block for all rows."""

    def loss(U, V, T):
        return ((T - U @ V.T) ** 2).sum()

    U, V, T = RNG.normal(size=(200, 5)), RNG.normal(size=(200, 5)), RNG.normal(size=(200, 200))
    ours = compiled(loss, (U, V, T), "hessian")
    expected = np.einsum("ij,kl->ikjl", np.eye(200), 2 * V.T @ V)
    check(ours(U, V, T).to_dense(), expected)
    others = peers((U, V, T), expected, loss, loss)
    runs = {
        "symgrad": lambda: ours(U, V, T),
        "dense": lambda: ours(U, V, T).to_dense(),
        **others,
    }
    times = in_turns(runs)
    dense = {**times, "symgrad": times["dense"]}
    n = 20_000
    U2, g = RNG.normal(size=(n, 5)), RNG.normal(size=(n, 5))
    matrix = ours(U2, V, RNG.normal(size=(n, 200)))
    check(matrix @ matrix.solve(g), g)
    solve = in_turns({"symgrad": lambda: matrix.solve(g)})
    return [
        Row("matrix factorisation, structured", "<= 0.05 ms, >= 500x JAX", times),
        Row("matrix factorisation, dense", "<= 0.2 ms, >= 500x JAX", dense),
        Row("matrix factorisation, solve at n=20000", "<= 50 ms", solve),
    ]


def network() -> list[Row]:
    """Ten ReLU layers and softmax cross-entropy, by the first layer's weights."""
    n, batch, layers = 24, 64, 10

    def loss_of(xp, logsumexp):
        def loss(W, rest, X, y):
            h = X @ W
            for k in range(layers - 1):
                h = xp.maximum(h, 0 * h) @ rest[k]
            return (logsumexp(h) - (h * y).sum(1)).mean()

        return loss

    def ours_loss(W, rest, X, y):
        h = X @ W
        for k in range(9):
            h = np.maximum(h, 0) @ rest[k]
        z = h
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(z * y, axis=1))

    W = RNG.normal(size=(n, n)) * np.sqrt(2 / n)
    rest = RNG.normal(size=(layers - 1, n, n)) * np.sqrt(2 / n)
    X, y = RNG.normal(size=(batch, n)), np.eye(n)[RNG.integers(0, n, batch)]
    arguments = (W, rest, X, y)
    ours = compiled(ours_loss, arguments, "hessian")
    expected = ours(*arguments).to_dense()
    by_jax = loss_of(jnp, lambda z: jax.nn.logsumexp(z, axis=1)) if jax else None
    by_torch = loss_of(torch, lambda z: torch.logsumexp(z, 1)) if torch else None
    runs = {"symgrad": lambda: ours(*arguments), **peers(arguments, expected, by_jax, by_torch)}
    return [Row("ten ReLU layers, first weights", "<= 2 ms or >= 5x JAX", in_turns(runs))]


def logistic() -> list[Row]:
    """Logistic regression: one product of matrices for both."""

    def ours_loss(w, X, y):
        z = X @ w
        return np.mean(np.log(1 + np.exp(z)) - y * z)

    return [_logistic(ours_loss, n, d) for n, d in ((2000, 1000), (600, 300))]


def _logistic(loss: Any, n: int, d: int) -> Row:
    w, X, y = RNG.normal(size=d) / 30, RNG.normal(size=(n, d)), RNG.integers(0, 2, n) * 1.0
    ours = compiled(loss, (w, X, y), "hessian")
    p = 1 / (1 + np.exp(-X @ w))
    expected = X.T @ (X * (p * (1 - p) / n)[:, None])
    check(ours(w, X, y).array, expected)
    runs = {
        "symgrad": lambda: ours(w, X, y),
        **peers(
            (w, X, y),
            expected,
            lambda w, X, y: jnp.mean(jax.nn.softplus(X @ w) - y * (X @ w)),
            lambda w, X, y: (torch.nn.functional.softplus(X @ w) - y * (X @ w)).mean(),
        ),
    }
    bar = "<= 1.1x the time of JAX, >= 10x torch"
    return Row(f"logistic regression, {n} x {d}", bar, in_turns(runs))


def rosenbrock() -> list[Row]:
    """A chain: three diagonals, one compilation."""

    def chain(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    x = RNG.uniform(-1, 1, 2000)
    ours = compiled(chain, (x,), "hessian")
    main = np.zeros(2000)
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    expected = np.diag(main) + np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    check(ours(x).to_dense(), expected)
    large = RNG.uniform(-1, 1, 1_000_000)
    runs = {"symgrad": lambda: ours(x)}
    many = in_turns({"symgrad": lambda: ours(large)})
    return [
        Row("Rosenbrock, n=2000", "<= 0.13 ms", in_turns(runs)),
        Row("Rosenbrock, n=1e6, the same compilation", "<= 50 ms", many),
    ]


def k_means() -> list[Row]:
    """Gradient and diagonal Hessian, against the gradient alone."""

    def loss(C, X):
        return np.sum(np.min(np.sum((X[:, None, :] - C[None]) ** 2, axis=2), axis=1))

    C, X = RNG.normal(size=(20, 8)), RNG.normal(size=(100_000, 8))
    both = compiled(loss, (C, X), "value_grad_hessian")
    module = symgrad.value_and_grad(loss, wrt="C").module(C, X)
    alone = module.python.loss_value_and_grad
    _value, gradient, matrix = both(C, X)
    check(gradient, alone(C, X)[1])
    nearest = np.argmin(((X[:, None, :] - C[None]) ** 2).sum(2), axis=1)
    counts = np.bincount(nearest, minlength=20)
    check(matrix.values, np.repeat(2.0 * counts[:, None], 8, axis=1))
    times = in_turns({"symgrad": lambda: both(C, X), "alone": lambda: alone(C, X)})
    own, single = (np.median(times[name]) for name in ("symgrad", "alone"))
    note = f"{own / single:.2f}x the gradient alone ({single:.3g} ms)"
    return [Row("k-means, gradient and diagonal", "<= 1.3x the gradient alone", times, note)]


def elementwise() -> list[Row]:
    """A diagonal of a million."""

    def loss(x, y):
        return np.sum(np.sin(x) * np.exp(x * y))

    x, y = RNG.uniform(size=1_000_000), RNG.uniform(size=1_000_000)
    ours = compiled(loss, (x, y), "hessian")
    found = ours(x, y)
    expected = np.exp(x * y) * ((y**2 - 1) * np.sin(x) + 2 * y * np.cos(x))
    check(found.values, expected)
    name = type(found).__name__
    times = in_turns({"symgrad": lambda: ours(x, y)})
    return [Row("elementwise, n=1e6", "Diagonal", times, name)]


def bundle_adjustment() -> list[Row]:
    """The Jacobian of 1e5 observations as compressed rows."""
    from examples.bundle_adjustment.model import residuals as model

    cameras, points, count = 50, 10_000, 100_000
    c = RNG.normal(size=(cameras, 9)) * 0.1
    c[:, 5] -= 6
    c[:, 6] = 500
    p = RNG.uniform(-1, 1, (points, 3))
    ci = RNG.integers(0, cameras, count)
    pi = RNG.integers(0, points, count)
    observed = RNG.normal(size=(count, 2))
    module = symgrad.compile(model, emit=("jacobian_sparse",))
    ours = module.python.residuals_jacobian_sparse
    found = ours(c, p, ci, pi, observed).to_scipy()
    runs = {"symgrad": lambda: ours(c, p, ci, pi, observed).to_scipy()}
    if jax is not None:
        runs["jax"] = _bundle_adjustment_by_jax(c, p, ci, pi, observed, found)
    return [Row("bundle adjustment, 1e5 observations", ">= 20x JAX", in_turns(runs, 2.0))]


def _bundle_adjustment_by_jax(c, p, ci, pi, observed, expected) -> Run:
    from scipy import sparse

    def rotate(r, x):
        theta2 = r @ r
        small = theta2 < 1e-6
        theta = jnp.sqrt(jnp.where(small, 1.0, theta2))
        half = jnp.sin(0.5 * theta) / theta
        first = jnp.where(small, 1 - theta2 / 6 + theta2**2 / 120, jnp.sin(theta) / theta)
        second = jnp.where(small, 0.5 - theta2 / 24 + theta2**2 / 720, 2 * half**2)
        rx = jnp.cross(r, x)
        return x + first * rx + second * jnp.cross(r, rx)

    def one(camera, point, seen):
        at = rotate(camera[:3], point) + camera[3:6]
        image = -at[:2] / at[2]
        radius2 = image @ image
        scale = camera[6] * (1 + radius2 * (camera[7] + camera[8] * radius2))
        return scale * image - seen

    ways: list[Run] = []
    for way in (jax.jacfwd, jax.jacrev):
        blocks = jax.jit(
            lambda c, p, ci, pi, o, w=way: jax.vmap(w(one, argnums=(0, 1)))(c[ci], p[pi], o)
        )

        def run(blocks=blocks):
            by_camera, by_point = (np.asarray(b) for b in blocks(c, p, ci, pi, observed))
            count = len(observed)
            row = np.arange(2 * count).reshape(count, 2, 1)
            left = np.broadcast_to(9 * ci[:, None, None] + np.arange(9), (count, 2, 9))
            right = np.broadcast_to(c.size + 3 * pi[:, None, None] + np.arange(3), (count, 2, 3))
            values = np.concatenate([by_camera, by_point], axis=2)
            columns = np.concatenate([left, right], axis=2)
            places = np.broadcast_to(row, columns.shape)
            shape = (2 * count, c.size + p.size)
            return sparse.coo_array(
                (values.ravel(), (places.ravel(), columns.ravel())), shape
            ).tocsr()

        difference = abs(run() - expected)
        if difference.max() > 1e-10 * abs(expected).max():
            raise SystemExit(f"bundle adjustment differs by {difference.max():.1e}")
        ways.append(run)
    return fastest(ways, lambda _: 0.0, 0.0)


PROGRAMS: dict[str, Callable[[], list[Row]]] = {
    "quadratic": quadratic,
    "factorisation": factorisation,
    "network": network,
    "logistic": logistic,
    "rosenbrock": rosenbrock,
    "k_means": k_means,
    "bundle_adjustment": bundle_adjustment,
    "elementwise": elementwise,
}


HEADINGS = ("program", "symgrad", "JAX", "ratio", "torch", "ratio", "bar", "")
OPTION = " --one-core" if ONE_CORE else ""
CLOCK_TEXT = (
    "Milliseconds of the processor on one core, which other work on the machine changes least."
    if ONE_CORE
    else "Milliseconds on all cores."
)
PAGE = ROOT / "docs" / "second_order.md"


def page(rows: list[Row], minutes: float) -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Second derivatives against JAX and torch",
        "",
        f"Written by `python -m bench.second_order{OPTION}`. {CLOCK_TEXT}",
        "Medians of calls in turns with the peers', minima in brackets; ratios are of medians.",
        "Results are compared with the peer's (or a closed form) before they are timed: 1e-9",
        "relative, 1e-10 for bundle adjustment. JAX's way is the better of jacfwd∘jacrev and",
        "jacrev∘jacrev, compiled; torch's of `torch.func.hessian` and",
        "`torch.autograd.functional.hessian`, vectorised. Arrays are arguments, float64.",
        "",
        *machine_lines(),
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
        "",
        f"The run took {minutes:.1f} minutes.",
        "",
    ]
    return "\n".join(lines)


def machine_lines() -> list[str]:
    """What the run was made on, and how busy that was."""
    versions = [f"NumPy {np.__version__}"]
    versions += [f"JAX {jax.__version__}"] if jax else []
    versions += [f"torch {torch.__version__}"] if torch else []
    load = os.getloadavg()[0]
    return [
        f"{platform.machine()}, {os.cpu_count()} cores, {', '.join(versions)}. Load at the end",
        f"of the run: {load:.1f}; above {os.cpu_count()}, others computed at the same time.",
    ]


def main(names: list[str]) -> None:
    """Runs the named programs, or all, and prints the table; all together also write the page."""
    if "--one-core" in names:
        names.remove("--one-core")
        if not ONE_CORE:
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            # Thread pools count cores when they are loaded, which is before this line.
            os.execv(sys.executable, [sys.executable, "-m", "bench.second_order", *names])
    unknown = [name for name in names if name not in PROGRAMS]
    if unknown:
        raise SystemExit(f"no program '{unknown[0]}'; there are {', '.join(PROGRAMS)}")
    begin = time.perf_counter()
    rows: list[Row] = []
    print(" | ".join(HEADINGS), flush=True)
    for name in names or list(PROGRAMS):
        for row in PROGRAMS[name]():
            rows.append(row)
            print(" | ".join(row.cells()), flush=True)
    if not names:
        PAGE.write_text(page(rows, (time.perf_counter() - begin) / 60), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
