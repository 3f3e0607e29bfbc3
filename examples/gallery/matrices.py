"""Determinants, inverses and solutions."""

import numpy as np

from examples.gallery.entry import Entry

__all__ = ["MATRICES"]


def gaussian_density(S, x):
    return 0.5 * (x @ np.linalg.solve(S, x) + np.linalg.slogdet(S)[1])


def gaussian_density_gradient(S, x):
    inverse = np.linalg.inv(S).T
    a = inverse @ x
    b = np.linalg.solve(S, x)
    return 0.5 * (inverse - np.outer(a, b))


def full_divergence(S, T):
    return 0.5 * (np.trace(np.linalg.solve(T, S)) - np.linalg.slogdet(S)[1])


def full_divergence_gradient(S, T):
    return 0.5 * (np.linalg.inv(T).T - np.linalg.inv(S).T)


def _kernel(log_length, X):
    distance = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=2)
    return distance, np.exp(-0.5 * distance * np.exp(-2 * log_length))


def process_likelihood(log_length, noise, X, y):
    K = _kernel(log_length, X)[1] + (1 + noise**2) * np.eye(X.shape[0])
    return 0.5 * (y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1])


def process_likelihood_gradient(log_length, noise, X, y):
    distance, kernel = _kernel(log_length, X)
    K = kernel + (1 + noise**2) * np.eye(X.shape[0])
    a = np.linalg.solve(K, y)
    by_kernel = np.linalg.inv(K) - np.outer(a, a)
    return 0.5 * np.exp(-2 * log_length) * np.sum(by_kernel * kernel * distance)


def optimal_design(w, X):
    return -np.linalg.slogdet((X.T * np.exp(w)) @ X + np.eye(X.shape[1]))[1]


def optimal_design_gradient(w, X):
    weights = np.exp(w)
    inverse = np.linalg.inv((X.T * weights) @ X + np.eye(X.shape[1]))
    return -weights * np.sum((X @ inverse) * X, axis=1)


MATRICES = (
    Entry(
        "Gaussian density with a full covariance",
        gaussian_density,
        gaussian_density_gradient,
        {"S": "f64[d, d]", "x": "f64[d]"},
    ),
    Entry(
        "Divergence between Gaussians with full covariances",
        full_divergence,
        full_divergence_gradient,
        {"S": "f64[d, d]", "T": "f64[d, d]"},
    ),
    Entry(
        "Marginal likelihood of a Gaussian process",
        process_likelihood,
        process_likelihood_gradient,
        {"log_length": "f64[]", "noise": "f64[]", "X": "f64[n, d]", "y": "f64[n]"},
    ),
    Entry(
        "Bayesian D-optimal design",
        optimal_design,
        optimal_design_gradient,
        {"w": "f64[n]", "X": "f64[n, d]"},
    ),
)
