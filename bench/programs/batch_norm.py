"""Batch norm in training mode: statistics of the batch feed back, so that phases are needed."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt=("X", "gain", "bias"))
def normalise(
    X: Float64[Array, "n d"],
    gain: Float64[Array, "d"],
    bias: Float64[Array, "d"],
):
    """Columns of X with mean 0 and variance 1, times gain, plus bias."""
    mean = np.mean(X, axis=0)
    variance = np.mean((X - mean) ** 2, axis=0)
    return (X - mean) / np.sqrt(variance + 1e-5) * gain + bias


def build_jax():
    import jax.numpy as jnp

    def normalise(X, gain, bias):
        mean = jnp.mean(X, axis=0)
        variance = jnp.mean((X - mean) ** 2, axis=0)
        return (X - mean) / jnp.sqrt(variance + 1e-5) * gain + bias

    return normalise


def build_torch():
    import torch

    def normalise(X, gain, bias):
        return torch.nn.functional.batch_norm(X, None, None, gain, bias, training=True)

    return normalise


def inputs(rng, n, d):
    X, cotangent = rng.normal(1.0, 2.0, size=(n, d)), rng.normal(size=(n, d))
    return X, rng.uniform(0.5, 1.5, d), rng.normal(size=d), cotangent


BARS = (Bar(("jax",), 2.0),)

PROGRAM = BenchProgram(
    name="batch_norm",
    title="batch norm in training mode, vjp",
    axes="n,d",
    model=normalise,
    inputs=inputs,
    cases=(Case((100_000, 64), BARS), Case((20_000, 10), BARS)),
    quick=(29, 4),
    cost=lambda n, d: Cost(8 * 6 * n * d, 14 * n * d),
    jax={"written": build_jax},
    torch={"written": build_torch},
    vector=True,
    tolerance=1e-9,
    trend=((100, 64), (1_000, 64), (10_000, 64), (100_000, 64)),
)
