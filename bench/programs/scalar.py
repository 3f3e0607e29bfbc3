"""A scalar function: nothing but the cost of a call."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from bench.spec import BenchProgram, Case, Cost
from symgrad import program


@program(wrt="x")
def f(x: Float64[Array, ""]):
    """sin(x)·exp(-x²)."""
    return np.sin(x) * np.exp(-(x**2))


def build_jax():
    import jax.numpy as jnp

    return lambda x: jnp.sin(x) * jnp.exp(-(x**2))


def build_torch():
    import torch

    return lambda x: torch.sin(x) * torch.exp(-(x**2))


PROGRAM = BenchProgram(
    name="scalar",
    title="sin(x)·exp(-x²), latency of a call",
    axes="",
    model=f,
    inputs=lambda rng: (np.array(rng.normal()),),
    cases=(Case(()),),
    quick=(),
    cost=lambda: Cost(16, 6, {"sin": 1, "cos": 1, "exp": 1}),
    jax={"written": build_jax},
    torch={"written": build_torch},
)
