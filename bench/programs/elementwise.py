"""A chain of twenty element-wise operations and a sum: what fusion alone brings."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt="x")
def chain(x: Float64[Array, "n"]):
    """Twenty operations, eight of them exp, tanh and log."""
    a = np.tanh(0.5 * x)
    b = np.exp(-a * x)
    c = np.log(b + 1.5)
    d = np.tanh(c - a)
    e = np.log(d * d + 2.0)
    f = np.tanh(e * x)
    g = np.exp(f - d)
    return np.sum(np.log(g + a * a + 1.0))


def build_jax():
    import jax.numpy as jnp

    def chain(x):
        a = jnp.tanh(0.5 * x)
        b = jnp.exp(-a * x)
        c = jnp.log(b + 1.5)
        d = jnp.tanh(c - a)
        e = jnp.log(d * d + 2.0)
        f = jnp.tanh(e * x)
        g = jnp.exp(f - d)
        return jnp.sum(jnp.log(g + a * a + 1.0))

    return chain


def build_torch():
    import torch

    def chain(x):
        a = torch.tanh(0.5 * x)
        b = torch.exp(-a * x)
        c = torch.log(b + 1.5)
        d = torch.tanh(c - a)
        e = torch.log(d * d + 2.0)
        f = torch.tanh(e * x)
        g = torch.exp(f - d)
        return torch.sum(torch.log(g + a * a + 1.0))

    return chain


def functions(n):
    """Those of the value, and the quotients of the three logarithms' derivatives."""
    return {"tanh": 3 * n, "exp": 2 * n, "log": 3 * n, "divide": 3 * n}


BARS = (Bar(("jax", "torch_compile"), 2.0),)

PROGRAM = BenchProgram(
    name="elementwise",
    title="chain of 20 element-wise operations, sum",
    axes="n",
    model=chain,
    inputs=lambda rng, n: (rng.normal(size=n),),
    cases=(Case((1_000,), BARS), Case((100_000,), BARS), Case((10_000_000,), BARS)),
    quick=(37,),
    cost=lambda n: Cost(bytes=16 * n, flops=40 * n, functions=functions(n)),
    jax={"written": build_jax},
    torch={"written": build_torch},
    trend=((1_000,), (10_000,), (100_000,), (1_000_000,), (10_000_000,)),
)
