"""Factor models, clusters and latent states."""

import numpy as np
from scipy.special import logsumexp, softmax

from examples.gallery.entry import Entry

__all__ = ["MODELS"]


def factorisation(U, V, Y, observed):
    return 0.5 * np.sum(np.where(observed, U @ V.T - Y, 0.0) ** 2)


def factorisation_gradient(U, V, Y, observed):
    return np.where(observed, U @ V.T - Y, 0.0) @ V


def nonnegative_factorisation(W, H, X):
    product = W @ H
    return np.sum(X * np.log(X / product) - X + product)


def nonnegative_factorisation_gradient(W, H, X):
    return (1 - X / (W @ H)) @ H.T


def reconstruction(W, X):
    return np.sum((X - (X @ W) @ W.T) ** 2)


def reconstruction_gradient(W, X):
    residual = X - (X @ W) @ W.T
    return -2 * (X.T @ (residual @ W)) - 2 * (residual.T @ (X @ W))


def k_means(C, X):
    distance = np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=2)
    return np.sum(np.min(distance, axis=1))


def k_means_gradient(C, X):
    distance = np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=2)
    member = np.argmin(distance, axis=1)[:, None] == np.arange(C.shape[0])
    apart = np.where(member[:, :, None], C[None, :, :] - X[:, None, :], 0.0)
    return 2 * np.sum(apart, axis=0)


def mixture(M, X):
    distance = np.sum((X[:, None, :] - M[None, :, :]) ** 2, axis=2)
    return -np.sum(logsumexp(-0.5 * distance, axis=1))


def mixture_gradient(M, X):
    distance = np.sum((X[:, None, :] - M[None, :, :]) ** 2, axis=2)
    share = softmax(-0.5 * distance, axis=1)
    return np.sum(share[:, :, None] * (M[None, :, :] - X[:, None, :]), axis=0)


def forward_step(a, A, b, c):
    step = logsumexp(a[:, None] + A, axis=0) + b
    return c @ step


def forward_step_gradient(a, A, b, c):
    share = softmax(a[:, None] + A, axis=0)
    return share @ c


MODELS = (
    Entry(
        "Matrix factorisation",
        factorisation,
        factorisation_gradient,
        {"U": "f64[n, r]", "V": "f64[p, r]", "Y": "f64[n, p]", "observed": "bool[n, p]"},
    ),
    Entry(
        "Nonnegative factorisation with Kullback-Leibler divergence",
        nonnegative_factorisation,
        nonnegative_factorisation_gradient,
        {"W": "f64[n, r]", "H": "f64[r, p]", "X": "f64[n, p]"},
    ),
    Entry(
        "Reconstruction by principal components",
        reconstruction,
        reconstruction_gradient,
        {"W": "f64[d, r]", "X": "f64[n, d]"},
    ),
    Entry("k-means", k_means, k_means_gradient, {"C": "f64[K, d]", "X": "f64[n, d]"}),
    Entry("Gaussian mixture", mixture, mixture_gradient, {"M": "f64[K, d]", "X": "f64[n, d]"}),
    Entry(
        "Forward step of a hidden Markov model",
        forward_step,
        forward_step_gradient,
        {"a": "f64[k]", "A": "f64[k, l]", "b": "f64[l]", "c": "f64[l]"},
    ),
)
