"""Models whose hard inputs are part of everyday data: values and gradients against exact ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import special

from symgrad.precision import evaluate_exactly
from tests.support import build

Array = np.ndarray


def n_body(x, m):
    """Potential and forces without softening: a body does not act on itself."""
    distance = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=2)
    attraction = np.where(distance > 0, distance**-1.5, 0.0)
    return np.sum(m[:, None] * m[None, :] * attraction)


def student_t(y, mu, log_scale, log_nu):
    nu, scale = np.exp(log_nu), np.exp(log_scale)
    z = (y - mu) / scale
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - np.log(np.pi * nu) / 2
    return np.sum(constant - log_scale - (nu + 1) / 2 * np.log(1 + z**2 / nu))


def poisson_deviance(y, eta):
    mu = np.exp(eta)
    return 2 * np.sum(y * np.log(y / mu) - (y - mu))


def matern(x, y, length):
    """Cross covariances, of coincident points too."""
    distance = np.sqrt(np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=2))
    scaled = np.sqrt(3.0) * distance / length
    return (1 + scaled) * np.exp(-scaled)


def cosine_similarity(x, y):
    dot = np.sum(x * y, axis=1)
    size = np.sqrt(np.sum(x * x, axis=1)) * np.sqrt(np.sum(y * y, axis=1))
    return np.where(size > 0, dot / np.where(size > 0, size, 1.0), 0.0)


def focal_loss(p, y):
    positive = y * (1 - p) ** 2 * np.log(p)
    return -np.sum(positive + (1 - y) * p**2 * np.log(1 - p))


def truncated_normal(x, mu, lower):
    """A normal with mean mu, seen above a threshold far in its tail."""
    z = x - mu
    return np.sum(-(z**2) / 2 - np.log(np.sqrt(2 * np.pi)) - np.log(1 - special.ndtr(lower - mu)))


def log_mean_exp(x):
    return np.log(np.mean(np.exp(x), axis=1))


@dataclass(frozen=True)
class Model:
    """A model, its shapes, and arguments at which plain arithmetic fails."""

    function: Callable[..., Any]
    shapes: dict[str, str]
    arguments: dict[str, Any]
    wrt: tuple[str, ...]


GRID = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [1.0, 2.0, -1.0]])
MODELS = {
    "n-body": Model(
        n_body,
        {"x": "f64[n, d]", "m": "f64[n]"},
        {"x": GRID, "m": np.array([1.0, 2.0, 0.5, 1.5])},
        ("x", "m"),
    ),
    "Student t": Model(
        student_t,
        {"y": "f64[n]", "mu": "f64", "log_scale": "f64", "log_nu": "f64"},
        {"y": np.array([0.1, 1e-9, 1e100, -3.0]), "mu": 0.1, "log_scale": -2.0, "log_nu": 3.0},
        ("mu", "log_scale"),
    ),
    "Poisson deviance": Model(
        poisson_deviance,
        {"y": "f64[n]", "eta": "f64[n]"},
        {"y": np.array([0.0, 3.0, 0.0, 1.0]), "eta": np.array([-3.0, 1.0, -700.0, 2.0])},
        ("eta",),
    ),
    "Matérn kernel": Model(
        matern,
        {"x": "f64[n, d]", "y": "f64[m, d]", "length": "f64"},
        {"x": GRID, "y": GRID[1:], "length": 0.7},
        ("x", "y", "length"),
    ),
    "cosine similarity": Model(
        cosine_similarity,
        {"x": "f64[n, d]", "y": "f64[n, d]"},
        {"x": GRID, "y": GRID[::-1] + np.array([[0.0], [0.0], [1.0], [0.0]])},
        ("x", "y"),
    ),
    "focal loss": Model(
        focal_loss,
        {"p": "f64[n]", "y": "f64[n]"},
        {"p": np.array([0.0, 1.0, 0.3, 1e-20]), "y": np.array([0.0, 1.0, 1.0, 0.0])},
        ("p",),
    ),
    "truncated normal": Model(
        truncated_normal,
        {"x": "f64[n]", "mu": "f64", "lower": "f64"},
        {"x": np.array([40.1, 40.5]), "mu": 0.5, "lower": 40.0},
        ("mu", "lower"),
    ),
    "log-mean-exp": Model(
        log_mean_exp,
        {"x": "f64[n, d]"},
        {"x": np.array([[800.0, 799.0, 0.0], [-900.0, -900.5, -1e4], [1e-9, 0.0, 2.0]])},
        ("x",),
    ),
}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_and_gradients(name: str, target: Any) -> None:
    model = MODELS[name]
    built = build(model.function, model.shapes, wrt=model.wrt)
    arguments = {k: np.asarray(v) for k, v in model.arguments.items()}
    (value,) = built.value(target, arguments)
    weights = np.random.default_rng(3).uniform(0.5, 1.5, value.shape)
    _, gradients = built.vjp(target, arguments, [weights])
    gradient = built.derived.gradient
    seeds = dict.fromkeys(gradient.cotangents, weights)
    exact = evaluate_exactly(gradient.program, {**arguments, **seeds})
    factor = weights if built.derived.is_scalar else 1.0
    wanted = [exact[n].astype(np.float64) for n in gradient.program.outputs]
    for found, right in zip((value, *gradients), (wanted[0], *wanted[1:]), strict=True):
        right = right if right is wanted[0] else right * factor
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-13 * np.abs(right).max())


def test_exact_gradients_are_derivatives_of_the_models() -> None:
    """The rewritten programs are differentiable where they say so: central differences agree."""
    for name in ("Student t", "truncated normal", "log-mean-exp"):
        model = MODELS[name]
        built = build(model.function, model.shapes, wrt=model.wrt)
        gradient = built.derived.gradient
        arguments = {k: np.asarray(v, float) for k, v in model.arguments.items()}
        by = model.wrt[0]
        position = (0,) * arguments[by].ndim
        moved = [arguments[by].copy(), arguments[by].copy()]
        moved[0][position] += 1e-6
        moved[1][position] -= 1e-6
        forward = built.derived.forward
        high, low = (
            np.sum(evaluate_exactly(forward, {**arguments, by: m})[forward.outputs[0]])
            for m in moved
        )
        step = moved[0][position] - moved[1][position]
        seeds = {n: np.ones(len(arguments["x"])) for n in gradient.cotangents}
        exact = evaluate_exactly(gradient.program, {**arguments, **seeds})
        slope = exact[gradient.adjoints[0]][position]
        np.testing.assert_allclose(float((high - low) / step), float(slope), rtol=1e-9)
