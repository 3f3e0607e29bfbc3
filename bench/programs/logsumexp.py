"""log-sum-exp of a vector: two passes over memory and one exponential per element."""

from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import logsumexp

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt="x")
def lse(x: Float64[Array, "n"]):
    """log Σ_i exp(x_i)."""
    return logsumexp(x)


def build_jax():
    from jax.scipy.special import logsumexp

    return logsumexp


def build_jax_naive():
    """Without the maximum: right as long as nothing overflows."""
    import jax.numpy as jnp

    return lambda x: jnp.log(jnp.sum(jnp.exp(x)))


def build_torch():
    import torch

    return lambda x: torch.logsumexp(x, dim=0)


BARS = (Bar(("jax",), 2.0),)

PROGRAM = BenchProgram(
    name="logsumexp",
    title="log-sum-exp",
    axes="n",
    model=lse,
    inputs=lambda rng, n: (rng.normal(size=n),),
    cases=(Case((2_500,), BARS), Case((1_000_000,), BARS), Case((10_000_000,), BARS)),
    quick=(53,),
    cost=lambda n: Cost(16 * n, 3 * n, {"exp": n}),
    jax={"written": build_jax, "without maximum": build_jax_naive},
    torch={"written": build_torch},
    native="logsumexp",
    trend=((2_500,), (25_000,), (250_000,), (1_000_000,), (10_000_000,)),
)
