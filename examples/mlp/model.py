import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array
from scipy.special import logsumexp

from symgrad import program


def logits(W1, b1, W2, b2, X):
    """Scores of every class, before the softmax: tanh(X·W1 + b1)·W2 + b2."""
    hidden = np.tanh(X @ W1 + b1)
    return hidden @ W2 + b2


@program(wrt=("W1", "b1", "W2", "b2"))
def loss(
    W1: Float64[Array, "d h"],
    b1: Float64[Array, "h"],
    W2: Float64[Array, "h c"],
    b2: Float64[Array, "c"],
    X: Float64[Array, "n d"],
    label: Int64[Array, "n"],
):
    """Mean cross-entropy of the softmax against integer labels."""
    scores = logits(W1, b1, W2, b2, X)
    score_of_label = scores[np.arange(X.shape[0]), label]
    return np.mean(logsumexp(scores, axis=1) - score_of_label)
