"""A network of one hidden layer with a softmax: small products with work between them."""

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array
from scipy.special import logsumexp

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program

CLASSES = 10


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
    hidden = np.tanh(X @ W1 + b1)
    scores = hidden @ W2 + b2
    return np.mean(logsumexp(scores, axis=1) - scores[np.arange(X.shape[0]), label])


def build_jax():
    import jax
    import jax.numpy as jnp

    def loss(W1, b1, W2, b2, X, label):
        scores = jnp.tanh(X @ W1 + b1) @ W2 + b2
        own = scores[jnp.arange(X.shape[0]), label]
        return jnp.mean(jax.scipy.special.logsumexp(scores, axis=1) - own)

    return loss


def build_jax_one_hot():
    import jax
    import jax.numpy as jnp

    def loss(W1, b1, W2, b2, X, label):
        scores = jnp.tanh(X @ W1 + b1) @ W2 + b2
        chosen = jax.nn.one_hot(label, scores.shape[1], dtype=scores.dtype)
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(scores, axis=1) * chosen, axis=1))

    return loss


def build_torch():
    import torch

    def loss(W1, b1, W2, b2, X, label):
        scores = torch.addmm(b2, torch.tanh(torch.addmm(b1, X, W1)), W2)
        return torch.nn.functional.cross_entropy(scores, label)

    return loss


def inputs(rng, n, d, h):
    W1, b1 = rng.normal(size=(d, h)) / np.sqrt(d), rng.normal(size=h) * 0.1
    W2, b2 = rng.normal(size=(h, CLASSES)) / np.sqrt(h), rng.normal(size=CLASSES) * 0.1
    return W1, b1, W2, b2, rng.normal(size=(n, d)), rng.integers(0, CLASSES, n)


def cost(n, d, h):
    parameters = d * h + h + h * CLASSES + CLASSES
    flops = 4 * n * d * h + 6 * n * h * CLASSES + 10 * n * h
    return Cost(8 * (n * d + n + 2 * parameters), flops, {"tanh": n * h, "exp": n * CLASSES})


def bars(ratio):
    return (Bar(("jax", "torch", "torch_compile"), ratio),)


PROGRAM = BenchProgram(
    name="mlp",
    title="softmax regression with a hidden layer",
    axes="n,d,h",
    model=loss,
    inputs=inputs,
    cases=(
        Case((128, 64, 128), bars(2.0)),
        Case((1_000, 20, 32), bars(2.0)),
        Case((10_000, 64, 128), bars(1.5)),
        Case((4_000, 784, 256), bars(1.0)),
    ),
    quick=(23, 5, 7),
    cost=cost,
    jax={"written": build_jax, "one_hot": build_jax_one_hot},
    torch={"written": build_torch},
    trend=((128, 64, 128), (512, 64, 128), (2_048, 64, 128), (8_192, 64, 128)),
)
