import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from symgrad import program


@program(wrt=("w", "b"))
def loss(
    w: Float64[Array, "d"],
    b: Float64[Array, ""],
    X: Float64[Array, "n d"],
    y: Float64[Array, "n"],
):
    """Mean negative log-likelihood of labels y in {0, 1} under P(y=1 | x) = sigmoid(x·w + b)."""
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(z)) - y * z)
