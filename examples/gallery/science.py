"""Functions of optimisation, finance, mechanics and vision."""

import numpy as np
from scipy.special import ndtr

from examples.gallery.entry import Entry

__all__ = ["SCIENCE"]


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    rise = x[1:] - x[:-1] ** 2
    left = -400 * x[:-1] * rise + 2 * (x[:-1] - 1)
    return np.concatenate([left, np.zeros(1)]) + np.concatenate([np.zeros(1), 200 * rise])


def total_variation(x):
    return np.sum(np.sqrt((x[1:] - x[:-1]) ** 2 + 1e-6))


def total_variation_gradient(x):
    step = x[1:] - x[:-1]
    slope = step / np.sqrt(step**2 + 1e-6)
    return np.concatenate([np.zeros(1), slope]) - np.concatenate([slope, np.zeros(1)])


def portfolio(x, S, mu, c):
    return c * (x @ S @ x) - mu @ x


def portfolio_gradient(x, S, mu, c):
    return c * (S @ x + S.T @ x) - mu


def black_scholes(S, K, r, sigma, T):
    spread = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / spread
    return np.sum(S * ndtr(d1) - K * np.exp(-r * T) * ndtr(d1 - spread))


def black_scholes_gradient(S, K, r, sigma, T):
    """Delta: the two densities cancel, which is a theorem about them and no algebra."""
    spread = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / spread
    density = np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi)
    other = np.exp(-0.5 * (d1 - spread) ** 2) / np.sqrt(2 * np.pi)
    return ndtr(d1) + (density - K / S * np.exp(-r * T) * other) / spread


def springs(x, length, k):
    apart = x - np.roll(x, -1, axis=0)
    stretch = np.sqrt(np.sum(apart**2, axis=1))
    return 0.5 * np.sum(k * (stretch - length) ** 2)


def springs_gradient(x, length, k):
    apart = x - np.roll(x, -1, axis=0)
    stretch = np.sqrt(np.sum(apart**2, axis=1))
    force = (k * (stretch - length) / stretch)[:, None] * apart
    return force - np.roll(force, 1, axis=0)


def bodies(x, m, eps):
    apart = x[:, None, :] - x[None, :, :]
    distance = np.sqrt(np.sum(apart**2, axis=2) + eps)
    return -0.5 * np.sum(m[:, None] * m[None, :] / distance)


def bodies_gradient(x, m, eps):
    apart = x[:, None, :] - x[None, :, :]
    square = np.sum(apart**2, axis=2) + eps
    weight = m[:, None] * m[None, :] / (square * np.sqrt(square))
    return np.sum(weight[:, :, None] * apart, axis=1)


def rotation(r):
    """Rodrigues: cos θ·I + sin θ/θ·[r]× + (1 − cos θ)/θ²·r·rᵀ, θ = ‖r‖."""
    angle = np.sqrt(np.sum(r**2))
    a, b, c = np.cos(angle), np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2
    cross = np.stack(
        [
            np.stack([0 * r[0], -r[2], r[1]]),
            np.stack([r[2], 0 * r[0], -r[0]]),
            np.stack([-r[1], r[0], 0 * r[0]]),
        ]
    )
    return a * np.eye(3) + b * cross + c * np.outer(r, r)


def reprojection(points, r, t, f, seen):
    moved = points @ rotation(r).T + t
    image = f * moved[:, :2] / moved[:, 2:]
    return 0.5 * np.sum((image - seen) ** 2)


def reprojection_gradient(points, r, t, f, seen):
    turn = rotation(r)
    moved = points @ turn.T + t
    depth = moved[:, 2:]
    ratio = moved[:, :2] / depth
    error = f * (f * ratio - seen) / depth
    along = -np.sum(error * ratio, axis=1, keepdims=True)
    return np.concatenate([error, along], axis=1) @ turn


SCIENCE = (
    Entry("Rosenbrock's function", rosenbrock, rosenbrock_gradient, {"x": "f64[n]"}),
    Entry("Total variation", total_variation, total_variation_gradient, {"x": "f64[n]"}),
    Entry(
        "Mean-variance portfolio",
        portfolio,
        portfolio_gradient,
        {"x": "f64[n]", "S": "f64[n, n]", "mu": "f64[n]", "c": "f64[]"},
    ),
    Entry(
        "Black-Scholes price of calls",
        black_scholes,
        black_scholes_gradient,
        {"S": "f64[n]", "K": "f64[n]", "r": "f64[]", "sigma": "f64[]", "T": "f64[]"},
    ),
    Entry(
        "Energy of a ring of springs",
        springs,
        springs_gradient,
        {"x": "f64[n, 3]", "length": "f64[n]", "k": "f64[n]"},
    ),
    Entry(
        "Potential of N bodies",
        bodies,
        bodies_gradient,
        {"x": "f64[n, 3]", "m": "f64[n]", "eps": "f64[]"},
    ),
    Entry(
        "Reprojection of points (Rodrigues' rotation)",
        reprojection,
        reprojection_gradient,
        {"points": "f64[n, 3]", "r": "f64[3]", "t": "f64[3]", "f": "f64[]", "seen": "f64[n, 2]"},
    ),
)
