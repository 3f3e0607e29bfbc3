"""The seven programs of `bench.gpu`, over NumPy for symgrad and over torch and JAX.

A program is one formula over a namespace, NumPy's or a peer's, where all of them can say it alike.
Two are written twice: symgrad is given the plain formula of a logistic regression, which it makes
stable, and an index of NumPy's where peers need a gather.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

__all__ = ["PROGRAMS", "Arrays", "Program", "program_called"]

Arrays = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Program:
    """A program for symgrad, and for torch and JAX.

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


class Names:
    """What formulas say with NumPy and SciPy; `bench.gpu_peers` has the same of torch and JAX."""

    sum, exp, log, sqrt, tanh = np.sum, np.exp, np.log, np.sqrt, np.tanh
    sin, cos, log1p, ndtr = np.sin, np.cos, np.log1p, special.ndtr
    logsumexp = staticmethod(lambda a: special.logsumexp(a, axis=-1))
    sum_last = staticmethod(lambda a: np.sum(a, axis=-1))
    min_last = staticmethod(lambda a: np.min(a, axis=-1))


def chain(x):
    """An elementwise chain with a total at its end."""
    return chain_peer(Names, x)


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
    return gmm_peer(Names, alpha, mu, q, X)


def gmm_peer(xp, alpha, mu, q, X):
    whitened = xp.exp(q) * (X[:, None, :] - mu)
    joint = alpha - xp.logsumexp(alpha[None])[0] + xp.sum_last(q)
    return xp.sum(xp.logsumexp(joint - 0.5 * xp.sum_last(whitened * whitened)))


def black_scholes(S, K, T, sigma):
    """The total of call prices; its gradient holds delta, dual delta, theta and vega."""
    return black_scholes_peer(Names, S, K, T, sigma)


def black_scholes_peer(xp, S, K, T, sigma):
    root = sigma * xp.sqrt(T)
    d1 = (xp.log(S / K) + (0.02 + 0.5 * sigma * sigma) * T) / root
    return xp.sum(S * xp.ndtr(d1) - K * xp.exp(-0.02 * T) * xp.ndtr(d1 - root))


def k_means(C, X):
    """Squared distances to the nearest centre."""
    return k_means_peer(Names, C, X)


def k_means_peer(xp, C, X):
    difference = X[:, None, :] - C
    return xp.sum(xp.min_last(xp.sum_last(difference * difference)))


def bundle(cameras, points, camera_index, point_index, weight):
    """A weighted total of projections: rotation by a vector, translation, focal, distortion."""
    return bundle_peer(Names, cameras, points, camera_index, point_index, weight)


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
        "chain", chain, {"x": "f64[n]"}, ("x",), {"n": 100_000_000}, {"n": 40},
        lambda rng, n: {"x": rng.standard_normal(n)}, chain_peer,
    ),
    Program(
        "logistic", logistic,
        {"w": "f64[d]", "b": "f64[]", "X": "f64[n, d]", "y": "f64[n]"}, ("w", "b"),
        {"n": 4_000_000, "d": 32}, {"n": 12, "d": 5},
        lambda rng, n, d: {
            "w": 0.1 * rng.standard_normal(d), "b": np.float64(0.1),
            "X": rng.standard_normal((n, d)), "y": np.floor(2 * rng.random(n)),
        },
        logistic_peer,
    ),
    Program(
        "softmax", softmax, {"W": "f64[d, c]", "X": "f64[n, d]", "label": "i64[n]"}, ("W",),
        {"n": 1_000_000, "d": 64, "c": 10}, {"n": 9, "d": 4, "c": 3},
        lambda rng, n, d, c: {
            "W": 0.1 * rng.standard_normal((d, c)), "X": rng.standard_normal((n, d)),
            "label": rng.integers(0, c, n),
        },
        softmax_peer,
    ),
    Program(
        "gmm", gmm,
        {"alpha": "f64[K]", "mu": "f64[K, d]", "q": "f64[K, d]", "X": "f64[n, d]"},
        ("alpha", "mu", "q"), {"n": 200_000, "K": 25, "d": 10}, {"n": 6, "K": 3, "d": 2},
        lambda rng, n, K, d: {
            "alpha": rng.standard_normal(K), "mu": rng.standard_normal((K, d)),
            "q": 0.1 * rng.standard_normal((K, d)), "X": rng.standard_normal((n, d)),
        },
        gmm_peer,
    ),
    Program(
        "black_scholes", black_scholes, dict.fromkeys(("S", "K", "T", "sigma"), "f64[n]"),
        ("S", "K", "T", "sigma"), {"n": 20_000_000}, {"n": 30},
        lambda rng, n: {
            "S": rng.uniform(80, 120, n), "K": rng.uniform(80, 120, n),
            "T": rng.uniform(0.2, 2, n), "sigma": rng.uniform(0.1, 0.4, n),
        },
        black_scholes_peer,
    ),
    Program(
        "k_means", k_means, {"C": "f64[K, d]", "X": "f64[n, d]"}, ("C",),
        {"n": 1_000_000, "K": 16, "d": 8}, {"n": 8, "K": 3, "d": 2},
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
        {"c": 2, "p": 3, "m": 7},
        lambda rng, c, p, m: {
            "cameras": 0.1 * rng.standard_normal((c, 9)) + [0, 0, 0, 0, 0, 9, 1, 0, 0],
            "points": rng.standard_normal((p, 3)), "camera_index": rng.integers(0, c, m),
            "point_index": rng.integers(0, p, m), "weight": rng.standard_normal((m, 2)),
        },
        bundle_peer,
    ),
)  # fmt: skip


def program_called(name: str) -> Program:
    """The program of this name."""
    return next(program for program in PROGRAMS if program.name == name)
