import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from symgrad import program


@program(wrt=("log_variance", "log_length", "log_noise"), emit="hessian")
def loss(
    log_variance: Float64[Array, ""],
    log_length: Float64[Array, ""],
    log_noise: Float64[Array, ""],
    X: Float64[Array, "n d"],
    y: Float64[Array, "n"],
):
    """Negative log marginal likelihood of a Gaussian process with a squared exponential kernel."""
    n = X.shape[0]
    distance = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    kernel = np.exp(log_variance - 0.5 * distance * np.exp(-2 * log_length))
    K = kernel + np.exp(log_noise) * np.eye(n)
    alpha = np.linalg.solve(K, y)
    return 0.5 * (y @ alpha + np.linalg.slogdet(K)[1] + n * np.log(2 * np.pi))
