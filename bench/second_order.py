"""Second derivatives against JAX and torch: structured results, medians of one run.

python -m bench.second_order [NAME ...]

Every row is checked before it is timed: values equal to 1e-9 (1e-10 for the sparse Jacobian), or no
row. Arrays are passed as arguments. JAX's time is the best of jacfwd∘jacrev, jacrev∘jacrev and
jacfwd∘jacfwd, compiled; torch's that of torch.func.hessian, compiled if it can be. Without a peer
its column is empty.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad

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
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Row:
    """One line of the table: what, its bar, and milliseconds."""

    name: str
    ours: float
    jax: float | None
    torch: float | None
    note: str

    def show(self) -> str:
        def peer(value: float | None) -> str:
            return f"{value:10.3f} {value / self.ours:8.1f}x" if value else f"{'':>19}"

        return f"{self.name:<44} {self.ours:10.4f} {peer(self.jax)} {peer(self.torch)}  {self.note}"


def median(run: Run, seconds: float = SECONDS) -> float:
    """Median milliseconds of a call that has run before; at least three."""
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def check(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    """Raises unless two results are equal."""
    found, expected = np.asarray(found), np.asarray(expected)
    error = np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-300)
    if not error <= tolerance:
        raise SystemExit(f"results differ by {error:.1e}")


def best_of_jax(function: Any, arguments: tuple[Any, ...], expected: Any) -> float | None:
    """The best of JAX's ways to a Hessian by the first argument."""
    if jax is None:
        return None
    given = tuple(jnp.asarray(a) for a in arguments)
    times = []
    for outer, inner in (
        (jax.jacfwd, jax.jacrev),
        (jax.jacrev, jax.jacrev),
        (jax.jacfwd, jax.jacfwd),
    ):
        compiled = jax.jit(outer(inner(function)))
        check(compiled(*given), expected)
        times.append(median(lambda c=compiled: c(*given).block_until_ready()))
    return min(times)


def best_of_torch(function: Any, arguments: tuple[Any, ...], expected: Any) -> float | None:
    """torch's best: torch.func.hessian and torch.autograd.functional.hessian, vectorised or not."""
    if torch is None:
        return None
    given = tuple(torch.tensor(a) for a in arguments)

    def single(x: Any) -> Any:
        return function(x, *given[1:])

    ways = (
        lambda: torch.func.hessian(function)(*given),
        lambda: torch.autograd.functional.hessian(single, given[0], vectorize=True),
    )
    times = []
    for way in ways:
        check(way().numpy(), expected)
        times.append(median(way))
    return min(times)


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
    return [
        Row(
            "x'Ax, n=1000",
            median(lambda: ours(x, A)),
            best_of_jax(form, (x, A), expected),
            best_of_torch(form, (x, A), expected),
            "<= 2 ms, >= 20x JAX",
        )
    ]


def factorisation() -> list[Row]:
    """‖T − UV'‖² by U: one block for all rows."""

    def loss(U, V, T):
        return ((T - U @ V.T) ** 2).sum()

    U, V, T = RNG.normal(size=(200, 5)), RNG.normal(size=(200, 5)), RNG.normal(size=(200, 200))
    ours = compiled(loss, (U, V, T), "hessian")
    expected = np.einsum("ij,kl->ikjl", np.eye(200), 2 * V.T @ V)
    check(ours(U, V, T).to_dense(), expected)
    by_jax = best_of_jax(loss, (U, V, T), expected)
    by_torch = best_of_torch(loss, (U, V, T), expected)
    structured = median(lambda: ours(U, V, T))
    dense = median(lambda: ours(U, V, T).to_dense())
    n = 20_000
    U2, g = RNG.normal(size=(n, 5)), RNG.normal(size=(n, 5))
    matrix = ours(U2, V, RNG.normal(size=(n, 200)))
    check(matrix @ matrix.solve(g), g)
    return [
        Row("matrix factorisation, structured", structured, by_jax, by_torch, "<= 0.05, 500x JAX"),
        Row("matrix factorisation, dense", dense, by_jax, by_torch, "<= 0.2, 500x JAX"),
        Row("  its solve at n=20000", median(lambda: matrix.solve(g)), None, None, "<= 50"),
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
    by_jax = by_torch = None
    if jax is not None:
        by_jax = best_of_jax(
            loss_of(jnp, lambda z: jax.nn.logsumexp(z, axis=1)), arguments, expected
        )
    if torch is not None:
        by_torch = best_of_torch(
            loss_of(torch, lambda z: torch.logsumexp(z, 1)), arguments, expected
        )
    ours_time = median(lambda: ours(*arguments))
    return [Row("ten ReLU layers, first weights", ours_time, by_jax, by_torch, "<= 2 or 5x JAX")]


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
    by_jax = by_torch = None
    if jax is not None:
        by_jax = best_of_jax(
            lambda w, X, y: jnp.mean(jax.nn.softplus(X @ w) - y * (X @ w)), (w, X, y), expected
        )
    if torch is not None:
        by_torch = best_of_torch(
            lambda w, X, y: (torch.nn.functional.softplus(X @ w) - y * (X @ w)).mean(),
            (w, X, y),
            expected,
        )
    ours_time = median(lambda: ours(w, X, y))
    note = ">= 0.9x JAX, 10x torch"
    return Row(f"logistic regression, {n} x {d}", ours_time, by_jax, by_torch, note)


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
    return [
        Row(
            "Rosenbrock, n=2000",
            median(lambda: ours(x)),
            best_of_jax(chain, (x,), expected),
            None,
            "<= 0.13",
        ),
        Row("Rosenbrock, n=1e6", median(lambda: ours(large)), None, None, "<= 50"),
    ]


def k_means() -> list[Row]:
    """Gradient and diagonal Hessian against the gradient alone (in the column of JAX)."""

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
    time_both, time_alone = [], []
    for _ in range(40):
        time_both.append(median(lambda: both(C, X), 0.0))
        time_alone.append(median(lambda: alone(C, X), 0.0))
    ratio = np.median(time_both) / np.median(time_alone)
    note = f"{ratio:.2f}x the gradient alone ({np.median(time_alone):.2f} ms), <= 1.3x"
    return [Row("k-means, gradient and diagonal", float(np.median(time_both)), None, None, note)]


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
    return [Row("elementwise, n=1e6", median(lambda: ours(x, y)), None, None, name)]


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
    by_jax = None
    if jax is not None:
        by_jax = _bundle_adjustment_by_jax(c, p, ci, pi, observed, found)

    def run() -> Any:
        return ours(c, p, ci, pi, observed).to_scipy()

    return [Row("bundle adjustment, 1e5 observations", median(run), by_jax, None, ">= 20x JAX")]


def _bundle_adjustment_by_jax(c, p, ci, pi, observed, expected) -> float:
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

    rows = []
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
        rows.append(median(run))
    return min(rows)


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


def main(names: list[str]) -> None:
    """Runs the named programs, or all, and prints the table."""
    print(f"{'milliseconds (medians)':<44} {'symgrad':>10} {'JAX':>10} {'':>9} {'torch':>10}")
    for name in names or list(PROGRAMS):
        for row in PROGRAMS[name]():
            print(row.show(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
