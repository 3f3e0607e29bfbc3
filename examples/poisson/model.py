import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import gammaln

from symgrad import program


@program(wrt="beta", emit="hessian")
def loss(
    beta: Float64[Array, "p"],
    X: Float64[Array, "n p"],
    offset: Float64[Array, "n"],
    y: Float64[Array, "n"],
):
    """Mean negative log-likelihood of counts y with expectation exp(X·beta + offset)."""
    eta = X @ beta + offset
    return np.mean(np.exp(eta) - y * eta + gammaln(y + 1))
