"""k-means: squared distances to the nearest of K centres, n·K·d of work and nothing to keep."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt="centres")
def cost(centres: Float64[Array, "K d"], X: Float64[Array, "n d"]):
    """Sum of the squared distances to the nearest centre."""
    distances = np.sum((X[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    return np.sum(np.min(distances, axis=1))


def build_jax():
    import jax.numpy as jnp

    def cost(centres, X):
        distances = jnp.sum((X[:, None, :] - centres[None, :, :]) ** 2, axis=2)
        return jnp.sum(jnp.min(distances, axis=1))

    return cost


def build_jax_expanded():
    """‖x‖² - 2·x·c + ‖c‖²: one large product."""
    import jax.numpy as jnp

    def cost(centres, X):
        distances = jnp.sum(centres**2, axis=1) - 2 * X @ centres.T
        return jnp.sum(jnp.min(distances, axis=1)) + jnp.sum(X**2)

    return cost


def build_jax_gather():
    """The nearest centre is found without derivatives, the distance to it again with them."""
    import jax
    import jax.numpy as jnp

    def cost(centres, X):
        fixed = jax.lax.stop_gradient(centres)
        nearest = jnp.argmin(jnp.sum(fixed**2, axis=1) - 2 * X @ fixed.T, axis=1)
        return jnp.sum((X - centres[nearest]) ** 2)

    return cost


def build_torch():
    import torch

    def cost(centres, X):
        distances = torch.sum((X[:, None, :] - centres[None, :, :]) ** 2, dim=2)
        return torch.sum(torch.amin(distances, dim=1))

    return cost


def build_torch_expanded():
    import torch

    def cost(centres, X):
        distances = torch.sum(centres**2, dim=1) - 2 * X @ centres.T
        return torch.sum(torch.amin(distances, dim=1)) + torch.sum(X**2)

    return cost


BARS = (Bar(("jax:written",), 15.0), Bar(("jax",), 5.0))

PROGRAM = BenchProgram(
    name="kmeans",
    title="k-means cost",
    axes="n,K,d",
    model=cost,
    inputs=lambda rng, n, K, d: (rng.normal(size=(K, d)), rng.normal(size=(n, d))),
    cases=(
        Case((100_000, 20, 8), BARS),
        Case((20_000, 100, 16), BARS),
        Case((10_000, 1_000, 8), BARS),
    ),
    quick=(41, 5, 3),
    cost=lambda n, K, d: Cost(8 * (n * d + 2 * K * d), 3 * n * K * d + n * K + 3 * n * d),
    jax={
        "written": build_jax,
        "expanded": build_jax_expanded,
        "gather": build_jax_gather,
    },
    torch={"written": build_torch, "expanded": build_torch_expanded},
    tolerance=1e-9,
    trend=((100, 20, 8), (1_000, 20, 8), (10_000, 20, 8), (100_000, 20, 8)),
)
