"""Factorisation of a matrix of which a part was observed."""

import numpy as np

from bench.spec import Bar, BenchProgram, Case, Cost
from examples.matrix_factorisation.model import loss


def build_jax():
    import jax.numpy as jnp

    def loss(U, V, b, Y, observed, penalty):
        residual = jnp.where(observed, Y - (U @ V.T + b), 0.0)
        penalised = jnp.sum(U**2) + jnp.sum(V**2)
        return 0.5 * jnp.sum(residual**2) + 0.5 * penalty * penalised

    return loss


def build_torch():
    import torch

    def loss(U, V, b, Y, observed, penalty):
        residual = torch.where(observed, Y - (U @ V.T + b), 0.0)
        penalised = torch.sum(U**2) + torch.sum(V**2)
        return 0.5 * torch.sum(residual**2) + 0.5 * penalty * penalised

    return loss


def inputs(rng, n, p, r):
    U, V = rng.normal(size=(n, r)), rng.normal(size=(p, r))
    observed = rng.random((n, p)) < 0.3
    return U, V, rng.normal(size=p), rng.normal(size=(n, p)), observed, np.array(0.1)


PROGRAM = BenchProgram(
    name="factorisation",
    title="matrix factorisation with mask",
    axes="n,p,k",
    model=loss,
    inputs=inputs,
    cases=(Case((1_000, 800, 10), (Bar(("jax",), 2.0),)),),
    quick=(13, 11, 3),
    cost=lambda n, p, r: Cost(9 * n * p + 16 * r * (n + p), 6 * n * p * r + 4 * n * p),
    jax={"written": build_jax},
    torch={"written": build_torch},
    trend=((100, 800, 10), (300, 800, 10), (1_000, 800, 10), (3_000, 800, 10)),
)
