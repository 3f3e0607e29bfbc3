"""Regressions: a linear predictor and the losses of its residuals."""

import numpy as np
from scipy.special import gammaln, log_ndtr

from examples.gallery.entry import Entry

__all__ = ["REGRESSION"]

LINEAR = {"w": "f64[d]", "X": "f64[n, d]", "y": "f64[n]"}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def least_squares(w, X, y):
    return np.mean((X @ w - y) ** 2)


def least_squares_gradient(w, X, y):
    return 2 / X.shape[0] * (X.T @ (X @ w - y))


def ridge(w, X, y, c):
    return np.sum((X @ w - y) ** 2) + c * np.sum(w**2)


def ridge_gradient(w, X, y, c):
    return 2 * (X.T @ (X @ w - y)) + 2 * c * w


def lasso(w, X, y, c):
    return 0.5 * np.sum((X @ w - y) ** 2) + c * np.sum(np.abs(w))


def lasso_gradient(w, X, y, c):
    return X.T @ (X @ w - y) + c * np.sign(w)


def weighted_least_squares(w, X, y, a):
    return np.sum(a * (X @ w - y) ** 2)


def weighted_least_squares_gradient(w, X, y, a):
    return 2 * (X.T @ (a * (X @ w - y)))


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.log(1 + np.exp(z)) - y * z)


def logistic_gradient(w, X, y):
    return X.T @ (sigmoid(X @ w) - y) / X.shape[0]


def probit(w, X, y):
    z = X @ w
    return -np.sum(y * log_ndtr(z) + (1 - y) * log_ndtr(-z))


def normal_hazard(z):
    """φ(z)/Φ(z)"""
    return np.exp(-0.5 * z * z - log_ndtr(z)) / np.sqrt(2 * np.pi)


def probit_gradient(w, X, y):
    z = X @ w
    return X.T @ ((1 - y) * normal_hazard(-z) - y * normal_hazard(z))


def poisson(w, X, y):
    z = X @ w
    return np.sum(np.exp(z) - y * z + gammaln(y + 1))


def poisson_gradient(w, X, y):
    return X.T @ (np.exp(X @ w) - y)


def negative_binomial(w, X, y, r):
    z = X @ w
    return np.sum((y + r) * np.log(r + np.exp(z)) - y * z)


def negative_binomial_gradient(w, X, y, r):
    mean = np.exp(X @ w)
    return X.T @ ((y + r) * mean / (r + mean) - y)


def gamma(w, X, y):
    z = X @ w
    return np.sum(z + y * np.exp(-z))


def gamma_gradient(w, X, y):
    return X.T @ (1 - y * np.exp(-(X @ w)))


def huber(w, X, y, delta):
    r = X @ w - y
    small = np.abs(r) <= delta
    return np.sum(np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)))


def huber_gradient(w, X, y, delta):
    r = X @ w - y
    return X.T @ np.where(np.abs(r) <= delta, r, delta * np.sign(r))


def quantile(w, X, y, q):
    r = y - X @ w
    return np.sum(np.maximum(q * r, (q - 1) * r))


def quantile_gradient(w, X, y, q):
    return X.T @ (np.where(y - X @ w > 0, 0.0, 1.0) - q)


def hinge(w, X, y):
    return np.sum(np.maximum(1 - y * (X @ w), 0))


def hinge_gradient(w, X, y):
    return -(X.T @ np.where(y * (X @ w) < 1, y, 0.0))


def squared_hinge(w, X, y):
    return np.sum(np.maximum(1 - y * (X @ w), 0) ** 2)


def squared_hinge_gradient(w, X, y):
    return -2 * (X.T @ (y * np.maximum(1 - y * (X @ w), 0)))


def log_cosh(w, X, y):
    r = X @ w - y
    return np.sum(np.logaddexp(r, -r) - np.log(2))


def log_cosh_gradient(w, X, y):
    return X.T @ np.tanh(X @ w - y)


def student(w, X, y, nu):
    return np.sum(0.5 * (nu + 1) * np.log(1 + (X @ w - y) ** 2 / nu))


def student_gradient(w, X, y, nu):
    r = X @ w - y
    return X.T @ ((nu + 1) * r / (nu + r**2))


def ordinal(w, X, lower, upper):
    z = X @ w
    return -np.sum(np.log(sigmoid(upper - z) - sigmoid(lower - z)))


def ordinal_gradient(w, X, lower, upper):
    z = X @ w
    a, b = sigmoid(upper - z), sigmoid(lower - z)
    return X.T @ ((a * (1 - a) - b * (1 - b)) / (a - b))


def cox(w, X, event):
    risk = X @ w
    return np.sum(event * (np.log(np.cumsum(np.exp(risk))) - risk))


def cox_gradient(w, X, event):
    risk = np.exp(X @ w)
    share = event / np.cumsum(risk)
    return X.T @ (risk * np.cumsum(share[::-1])[::-1] - event)


REGRESSION = (
    Entry("Least squares", least_squares, least_squares_gradient, LINEAR),
    Entry("Ridge regression", ridge, ridge_gradient, {**LINEAR, "c": "f64[]"}),
    Entry("Lasso", lasso, lasso_gradient, {**LINEAR, "c": "f64[]"}),
    Entry(
        "Weighted least squares",
        weighted_least_squares,
        weighted_least_squares_gradient,
        {**LINEAR, "a": "f64[n]"},
    ),
    Entry("Logistic regression", logistic, logistic_gradient, LINEAR),
    Entry("Probit regression", probit, probit_gradient, LINEAR),
    Entry("Poisson regression", poisson, poisson_gradient, LINEAR),
    Entry(
        "Negative binomial regression",
        negative_binomial,
        negative_binomial_gradient,
        {**LINEAR, "r": "f64[]"},
    ),
    Entry("Gamma regression", gamma, gamma_gradient, LINEAR),
    Entry("Huber loss", huber, huber_gradient, {**LINEAR, "delta": "f64[]"}),
    Entry("Quantile regression", quantile, quantile_gradient, {**LINEAR, "q": "f64[]"}),
    Entry("Hinge loss (support vector machine)", hinge, hinge_gradient, LINEAR),
    Entry("Squared hinge loss", squared_hinge, squared_hinge_gradient, LINEAR),
    Entry("Log-cosh loss", log_cosh, log_cosh_gradient, LINEAR),
    Entry("Student's t regression", student, student_gradient, {**LINEAR, "nu": "f64[]"}),
    Entry(
        "Ordinal regression (proportional odds)",
        ordinal,
        ordinal_gradient,
        {"w": "f64[d]", "X": "f64[n, d]", "lower": "f64[n]", "upper": "f64[n]"},
    ),
    Entry(
        "Cox partial likelihood",
        cox,
        cox_gradient,
        {"w": "f64[d]", "X": "f64[n, d]", "event": "f64[n]"},
    ),
)
