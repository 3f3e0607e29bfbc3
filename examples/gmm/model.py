import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import logsumexp

from symgrad import program


def log_joint(alpha, mu, q, lower, X):
    """log p(x_n, component k), shape n K.

    Component k has the precision matrix Q_kᵀ·Q_k, where Q_k is lower triangular with the
    diagonal exp(q_k) and the strict lower triangle of lower_k, and the weight softmax(alpha)_k.
    """
    d = X.shape[1]
    centred = X[:, None, :] - mu
    off_diagonal = np.einsum("kij,nkj->nki", np.tril(lower, -1), centred)
    whitened = np.exp(q) * centred + off_diagonal
    log_weight = alpha - logsumexp(alpha)
    log_normaliser = np.sum(q, axis=1) - 0.5 * d * np.log(2 * np.pi)
    return log_weight + log_normaliser - 0.5 * np.sum(whitened**2, axis=2)


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
    """Log-likelihood of a Gaussian mixture plus the log of a Wishart prior on its precisions.

    The prior, up to a constant, is Σ_k (m·Σ_i q_ki - gamma²/2·‖Q_k‖²); gamma = m = 0 leaves
    the likelihood alone.
    """
    log_likelihood = np.sum(logsumexp(log_joint(alpha, mu, q, lower, X), axis=1))
    frobenius = np.sum(np.exp(q) ** 2) + np.sum(np.tril(lower, -1) ** 2)
    return log_likelihood + m * np.sum(q) - 0.5 * gamma**2 * frobenius
