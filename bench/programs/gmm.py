"""A Gaussian mixture with full precision matrices and a Wishart prior, as in GradBench."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import gammaln, logsumexp

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt=("alpha", "mu", "q", "lower"))
def log_posterior(
    alpha: Float64[Array, "K"],
    mu: Float64[Array, "K d"],
    q: Float64[Array, "K d"],
    lower: Float64[Array, "K d d"],
    gamma: Float64[Array, ""],
    m: Float64[Array, ""],
    X: Float64[Array, "n d"],
):
    """Log-likelihood of the mixture plus the log of the Wishart prior on its precisions.

    Component k has the precision Q_kᵀ·Q_k: Q_k is lower triangular, exp(q_k) on its diagonal and
    the strict lower triangle of lower_k below it.
    """
    n, d = X.shape
    centred = X[:, None, :] - mu
    strict = np.tril(lower, -1)
    whitened = np.exp(q) * centred + np.einsum("kij,nkj->nki", strict, centred)
    joint = alpha + np.sum(q, axis=1) - 0.5 * np.sum(whitened**2, axis=2)
    likelihood = np.sum(logsumexp(joint, axis=1)) - n * logsumexp(alpha)
    constant = -n * d * 0.5 * np.log(2 * np.pi)
    freedom = d + m + 1
    frobenius = np.sum(np.exp(q) ** 2) + np.sum(strict**2)
    gamma_of_freedom = 0.25 * d * (d - 1) * np.log(np.pi) + np.sum(
        gammaln(0.5 * (freedom - np.arange(d)))
    )
    scale = freedom * d * (np.log(gamma) - 0.5 * np.log(2)) - gamma_of_freedom
    prior = 0.5 * gamma**2 * frobenius - m * np.sum(q)
    return constant + likelihood + prior - alpha.shape[0] * scale


def prior_in(xp, gammaln, gamma, m, q, strict, n, d):
    """The prior and the constants, in the words of a peer."""
    freedom = d + m + 1
    frobenius = xp.sum(xp.exp(q) ** 2) + xp.sum(strict**2)
    pi, two = np.pi, 2.0
    gammas = 0.25 * d * (d - 1) * np.log(pi) + xp.sum(gammaln(0.5 * (freedom - xp.arange(d))))
    scale = freedom * d * (xp.log(gamma) - 0.5 * np.log(two)) - gammas
    prior = 0.5 * gamma**2 * frobenius - m * xp.sum(q)
    return prior - q.shape[0] * scale - n * d * 0.5 * np.log(2 * pi)


def jax_posterior(squares):
    """The posterior from a function (centre, diagonal, strict triangle, X) -> squares of n K."""
    import jax.numpy as jnp
    from jax.scipy.special import gammaln, logsumexp

    def log_posterior(alpha, mu, q, lower, gamma, m, X):
        n, d = X.shape
        strict = jnp.tril(lower, -1)
        joint = alpha + jnp.sum(q, axis=1) - 0.5 * squares(mu, jnp.exp(q), strict, X)
        likelihood = jnp.sum(logsumexp(joint, axis=1)) - n * logsumexp(alpha)
        return likelihood + prior_in(jnp, gammaln, gamma, m, q, strict, n, d)

    return log_posterior


def build_jax():
    import jax.numpy as jnp

    def squares(mu, diagonal, strict, X):
        centred = X[:, None, :] - mu
        whitened = diagonal * centred + jnp.einsum("kij,nkj->nki", strict, centred)
        return jnp.sum(whitened**2, axis=2)

    return jax_posterior(squares)


def build_jax_product():
    """Q·x - Q·mu: one large product instead of K small ones."""
    import jax.numpy as jnp

    def squares(mu, diagonal, strict, X):
        Q = strict + diagonal[:, :, None] * jnp.eye(X.shape[1])
        shift = jnp.einsum("kij,kj->ki", Q, mu)
        whitened = (X @ Q.reshape(-1, X.shape[1]).T).reshape(-1, *shift.shape) - shift
        return jnp.sum(whitened**2, axis=2)

    return jax_posterior(squares)


def build_jax_expanded():
    """x'Px - 2·x'Pmu + mu'Pmu with P = Q'Q: the square expanded by hand."""
    import jax.numpy as jnp

    def squares(mu, diagonal, strict, X):
        Q = strict + diagonal[:, :, None] * jnp.eye(X.shape[1])
        P = jnp.einsum("kij,kil->kjl", Q, Q)
        n, d = X.shape
        quadratic = (X[:, :, None] * X[:, None, :]).reshape(n, d * d) @ P.reshape(-1, d * d).T
        P_mu = jnp.einsum("kjl,kl->kj", P, mu)
        return quadratic - 2 * X @ P_mu.T + jnp.sum(mu * P_mu, axis=1)

    return jax_posterior(squares)


def torch_posterior(squares):
    """The posterior from a function (centre, diagonal, strict triangle, X) -> squares of n K."""
    import torch

    def log_posterior(alpha, mu, q, lower, gamma, m, X):
        n, d = X.shape
        strict = torch.tril(lower, -1)
        joint = alpha + torch.sum(q, dim=1) - 0.5 * squares(mu, torch.exp(q), strict, X)
        likelihood = torch.sum(torch.logsumexp(joint, dim=1)) - n * torch.logsumexp(alpha, dim=0)
        return likelihood + prior_in(torch, torch.lgamma, gamma, m, q, strict, n, d)

    return log_posterior


def build_torch():
    import torch

    def squares(mu, diagonal, strict, X):
        centred = X[:, None, :] - mu
        whitened = diagonal * centred + torch.einsum("kij,nkj->nki", strict, centred)
        return torch.sum(whitened**2, dim=2)

    return torch_posterior(squares)


def build_torch_product():
    import torch

    def squares(mu, diagonal, strict, X):
        Q = strict + torch.diag_embed(diagonal)
        shift = torch.einsum("kij,kj->ki", Q, mu)
        whitened = (X @ Q.reshape(-1, X.shape[1]).T).reshape(-1, *shift.shape) - shift
        return torch.sum(whitened**2, dim=2)

    return torch_posterior(squares)


def inputs(rng, n, d, K):
    alpha, mu = rng.normal(size=K), rng.normal(size=(K, d))
    q, lower = 0.3 * rng.normal(size=(K, d)), rng.normal(size=(K, d, d)) / np.sqrt(d)
    return alpha, mu, q, lower, np.array(1.0), np.array(2.0), rng.normal(size=(n, d))


def cost(n, d, K):
    triangle = d * (d + 1) // 2
    parameters = K * (1 + 2 * d + d * d)
    return Cost(8 * (n * d + 2 * parameters), n * K * (6 * triangle + 6 * d), {"exp": n * K})


JAX = (Bar(("jax:written",), 3.0), Bar(("jax:product", "jax:expanded"), 2.0))
PLAIN = (Bar(("native:O3",), 1.0, "one"), *JAX)

PROGRAM = BenchProgram(
    name="gmm",
    title="Gaussian mixture with Wishart prior (GradBench)",
    axes="n,d,K",
    model=log_posterior,
    inputs=inputs,
    cases=(
        Case((1_000, 2, 5), PLAIN),
        Case((1_000, 10, 25), PLAIN),
        Case((1_000, 20, 50), PLAIN),
        Case((1_000, 64, 100), (Bar(("native:O3",), 3.0, "one"), *JAX)),
        Case((10_000, 10, 25), PLAIN),
        Case((10_000, 32, 25), PLAIN),
    ),
    quick=(31, 3, 4),
    cost=cost,
    jax={"written": build_jax, "product": build_jax_product, "expanded": build_jax_expanded},
    torch={"written": build_torch, "product": build_torch_product},
    native="gmm",
    tolerance=1e-8,
    trend=((100, 10, 25), (1_000, 10, 25), (10_000, 10, 25), (100_000, 10, 25)),
)
