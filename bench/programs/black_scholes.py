"""A book of European calls: its value, and all Greeks of every option as one gradient."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import ndtr

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt=("spot", "strike", "rate", "volatility", "maturity"))
def value(
    spot: Float64[Array, "n"],
    strike: Float64[Array, "n"],
    rate: Float64[Array, "n"],
    volatility: Float64[Array, "n"],
    maturity: Float64[Array, "n"],
    quantity: Float64[Array, "n"],
):
    """Σ quantity·price of European calls."""
    deviation = volatility * np.sqrt(maturity)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / deviation
    d2 = d1 - deviation
    price = spot * ndtr(d1) - strike * np.exp(-rate * maturity) * ndtr(d2)
    return np.sum(quantity * price)


def functions(n):
    """Two distribution functions and two densities; what else the Greeks share."""
    return {"ndtr": 2 * n, "exp": 3 * n, "log": n, "sqrt": n, "divide": 2 * n}


def build_jax():
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    def value(spot, strike, rate, volatility, maturity, quantity):
        deviation = volatility * jnp.sqrt(maturity)
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / deviation
        d2 = d1 - deviation
        price = spot * ndtr(d1) - strike * jnp.exp(-rate * maturity) * ndtr(d2)
        return jnp.sum(quantity * price)

    return value


def build_jax_erfc():
    """The normal distribution from erfc, without the branches of ndtr."""
    import jax
    import jax.numpy as jnp

    def cdf(x):
        return 0.5 * jax.lax.erfc(-x * np.sqrt(0.5))

    def value(spot, strike, rate, volatility, maturity, quantity):
        deviation = volatility * jnp.sqrt(maturity)
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / deviation
        d2 = d1 - deviation
        price = spot * cdf(d1) - strike * jnp.exp(-rate * maturity) * cdf(d2)
        return jnp.sum(quantity * price)

    return value


def build_torch():
    import torch

    def value(spot, strike, rate, volatility, maturity, quantity):
        ndtr = torch.special.ndtr
        deviation = volatility * torch.sqrt(maturity)
        d1 = (torch.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / deviation
        d2 = d1 - deviation
        price = spot * ndtr(d1) - strike * torch.exp(-rate * maturity) * ndtr(d2)
        return torch.sum(quantity * price)

    return value


def inputs(rng, n):
    return (
        rng.uniform(80.0, 120.0, n),
        rng.uniform(80.0, 120.0, n),
        rng.uniform(0.0, 0.05, n),
        rng.uniform(0.1, 0.5, n),
        rng.uniform(0.1, 2.0, n),
        rng.normal(size=n),
    )


BARS = (Bar(("jax",), 2.0),)

PROGRAM = BenchProgram(
    name="black_scholes",
    title="Black-Scholes book, all Greeks",
    axes="n",
    model=value,
    inputs=inputs,
    cases=(Case((1_000_000,), BARS),),
    quick=(43,),
    cost=lambda n: Cost(8 * 11 * n, 60 * n, functions(n)),
    jax={"written": build_jax, "erfc": build_jax_erfc},
    torch={"written": build_torch},
    tolerance=1e-9,
    trend=((1_000,), (10_000,), (100_000,), (1_000_000,)),
)
