import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from symgrad import program


def predict(U, V, b):
    """Every entry of the matrix, the missing ones too: U·Vᵀ + b."""
    return U @ V.T + b


@program(wrt=("U", "V", "b"))
def loss(
    U: Float64[Array, "n r"],
    V: Float64[Array, "p r"],
    b: Float64[Array, "p"],
    Y: Float64[Array, "n p"],
    observed: Bool[Array, "n p"],
    penalty: Float64[Array, ""],
):
    """Squared error over the observed entries of Y, plus a quadratic penalty on the factors.

    Entries of Y that were not observed may hold anything, NaN included.
    """
    residual = np.where(observed, Y - predict(U, V, b), 0.0)
    return 0.5 * np.sum(residual**2) + 0.5 * penalty * (np.sum(U**2) + np.sum(V**2))
