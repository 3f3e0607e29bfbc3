"""An attention block: scores, softmax, weighted sum, layer norm; its vjp."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array
from scipy.special import softmax

from bench.spec import Bar, BenchProgram, Case, Cost
from symgrad import program


@program(wrt=("Q", "K", "V", "gain", "bias"))
def block(
    Q: Float64[Array, "b t d"],
    K: Float64[Array, "b t d"],
    V: Float64[Array, "b t d"],
    gain: Float64[Array, "d"],
    bias: Float64[Array, "d"],
):
    """Layer norm of softmax(Q·Kᵀ/√d)·V."""
    scores = Q @ np.swapaxes(K, 1, 2) / np.sqrt(Q.shape[2])
    mixed = softmax(scores, axis=2) @ V
    centred = mixed - np.mean(mixed, axis=2, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=2, keepdims=True) + 1e-5)
    return centred / deviation * gain + bias


def build_jax():
    import jax
    import jax.numpy as jnp

    def block(Q, K, V, gain, bias):
        scores = Q @ jnp.swapaxes(K, 1, 2) / jnp.sqrt(Q.shape[2])
        mixed = jax.nn.softmax(scores, axis=2) @ V
        centred = mixed - jnp.mean(mixed, axis=2, keepdims=True)
        deviation = jnp.sqrt(jnp.mean(centred**2, axis=2, keepdims=True) + 1e-5)
        return centred / deviation * gain + bias

    return block


def build_torch():
    import torch

    def block(Q, K, V, gain, bias):
        scores = Q @ K.transpose(1, 2) / np.sqrt(Q.shape[2])
        mixed = torch.softmax(scores, dim=2) @ V
        return torch.nn.functional.layer_norm(mixed, (Q.shape[2],), gain, bias, 1e-5)

    return block


def build_torch_fused():
    import torch

    def block(Q, K, V, gain, bias):
        mixed = torch.nn.functional.scaled_dot_product_attention(Q, K, V)
        return torch.nn.functional.layer_norm(mixed, (Q.shape[2],), gain, bias, 1e-5)

    return block


def inputs(rng, b, t, d):
    Q, K, V, cotangent = rng.normal(size=(4, b, t, d))
    return Q, K, V, rng.uniform(0.5, 1.5, d), rng.normal(size=d), cotangent


PROGRAM = BenchProgram(
    name="attention",
    title="attention block with layer norm, vjp",
    axes="b,t,d",
    model=block,
    inputs=inputs,
    cases=(Case((8, 128, 64), (Bar(("jax", "torch", "torch_compile"), 1.0),)),),
    quick=(2, 7, 5),
    cost=lambda b, t, d: Cost(
        8 * 8 * b * t * d, 12 * b * t * t * d + 10 * b * t * t, {"exp": b * t * t}
    ),
    jax={"written": build_jax},
    torch={"written": build_torch, "scaled_dot_product": build_torch_fused},
    vector=True,
    tolerance=1e-9,
    trend=((8, 32, 64), (8, 64, 64), (8, 128, 64), (8, 256, 64)),
)
