"""Logistic regression: one pass over the data, bound by memory for small d."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt=("w", "b"))
def loss(
    w: Float64[Array, "d"],
    b: Float64[Array, ""],
    X: Float64[Array, "n d"],
    y: Float64[Array, "n"],
):
    """Mean negative log-likelihood of labels y in {0, 1}."""
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def build_jax():
    import jax.numpy as jnp

    def loss(w, b, X, y):
        z = X @ w + b
        return jnp.mean(jnp.log(1 + jnp.exp(z)) - y * z)

    return loss


def build_jax_stable():
    import jax
    import jax.numpy as jnp

    def loss(w, b, X, y):
        z = X @ w + b
        return jnp.mean(jax.nn.softplus(z) - y * z)

    return loss


def build_torch():
    import torch

    def loss(w, b, X, y):
        z = X @ w + b
        return torch.mean(torch.nn.functional.softplus(z) - y * z)

    return loss


def build_torch_loss():
    import torch

    def loss(w, b, X, y):
        return torch.nn.functional.binary_cross_entropy_with_logits(X @ w + b, y)

    return loss


def inputs(rng, n, d):
    X = rng.normal(size=(n, d))
    w = rng.normal(size=d) / np.sqrt(d)
    y = (rng.random(n) < 0.5).astype(np.float64)
    return w, np.array(0.1), X, y


def bars(jax):
    return (Bar(("jax",), jax), Bar(("torch", "torch_compile"), 2.0))


PROGRAM = BenchProgram(
    name="logistic",
    title="logistic regression",
    axes="n×d",
    model=loss,
    inputs=inputs,
    cases=(
        Case((1_000, 10), bars(4.0)),
        Case((100_000, 8), bars(3.0)),
        Case((100_000, 32), bars(1.5)),
        Case((1_000_000, 8), bars(1.5)),
    ),
    quick=(37, 3),
    cost=lambda n, d: Cost(
        bytes=8 * (n * d + n + 2 * d),
        flops=4 * n * d + 20 * n,
        functions={"softplus": n, "divide": n},
    ),
    jax={"written": build_jax, "stable": build_jax_stable},
    torch={"written": build_torch, "bce_with_logits": build_torch_loss},
    trend=((100, 8), (1_000, 8), (10_000, 8), (100_000, 8), (1_000_000, 8)),
)
