"""Activations, losses and layers' functions: what `nn.functional` offers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from symgrad.autograd.elementwise import FUNCTIONS as ELEMENTWISE
from symgrad.autograd.elementwise import relu
from symgrad.autograd.gathering import TAKE, Held, embedding
from symgrad.autograd.matrices import einsum, matmul
from symgrad.autograd.recording import apply, literal, operation, unary
from symgrad.autograd.special import log_softmax_of, softmax_of
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.views import axis_of

__all__ = ["FUNCTIONAL", "FUNCTIONS", "METHODS"]

# --- activations ---------------------------------------------------------------------------------


def _softplus(x: Any, *, beta: float, threshold: float) -> Any:
    """log(1 + exp(βx))/β, x itself above the threshold."""
    return np.where(beta * x > threshold, x, np.logaddexp(beta * x, 0.0) / beta)


def _elu(x: Any, *, alpha: float) -> Any:
    """x above 0, α·(exp(x) − 1) below."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _elu_formula(x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(x))


def _gelu(x: Any, *, approximate: str) -> Any:
    """x·Φ(x), or its approximation by tanh."""
    if approximate == "tanh":
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + np.tanh(inner))
    return x * special.ndtr(x)


SOFTPLUS = operation("SoftplusBackward0", _softplus, quiet=True)
ELU = operation("EluBackward0", _elu, formula=_elu_formula)
GELU = operation("GeluBackward0", _gelu, quiet=True)
SILU = operation("SiluBackward0", lambda x: x * special.expit(x))
LEAKY_RELU = operation("LeakyReluBackward0", lambda x, *, slope: np.where(x > 0, x, slope * x))
LOGSIGMOID = operation("LogSigmoidBackward0", special.log_expit)
SOFTMAX = operation("SoftmaxBackward0", softmax_of)
LOG_SOFTMAX = operation("LogSoftmaxBackward0", log_softmax_of)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(βx))/β"""
    return unary(SOFTPLUS, input, {"beta": float(beta), "threshold": float(threshold)})


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x above 0, α·(exp(x) − 1) below."""
    return unary(ELU, input, {"alpha": float(alpha)})


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x)"""
    return unary(GELU, input, {"approximate": approximate})


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x·σ(x)"""
    return unary(SILU, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x above 0, slope·x below."""
    return unary(LEAKY_RELU, input, {"slope": float(negative_slope)})


def logsigmoid(input: Tensor) -> Tensor:
    """log σ(x)"""
    return unary(LOGSIGMOID, input)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(x)/Σ exp(x) along an axis."""
    x = input if dtype is None else input.to(dtype)
    place = axis_of(-1 if dim is None else dim, x._data.ndim)
    return unary(SOFTMAX, x, {"dim": place})


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """x − log Σ exp(x) along an axis."""
    x = input if dtype is None else input.to(dtype)
    place = axis_of(-1 if dim is None else dim, x._data.ndim)
    return unary(LOG_SOFTMAX, x, {"dim": place})


def functional_relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)"""
    return input.relu_() if inplace else relu(input)


def softsign(input: Tensor) -> Tensor:
    """x/(1 + |x|)"""
    return input / (1 + input.abs())


def softmin(input: Tensor, dim: int | None = None) -> Tensor:
    """softmax(−x)"""
    return softmax(-input, dim)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """λ·elu(x, α), whose constants keep mean 0 and variance 1."""
    return elu(input, 1.6732632423543772) * 1.0507009873554805


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·tanh(softplus(x))"""
    return input * softplus(input).tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a·σ(b) of the two halves of an axis."""
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the position that each entry names, on a new last axis."""
    labels = tensor._data
    count = int(labels.max()) + 1 if num_classes < 0 else num_classes
    return wrap((labels[..., None] == np.arange(count)).astype(np.int64))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x/max(‖x‖, ε) along an axis."""
    return input / input.norm(p, dim, True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Σ x1·x2/(‖x1‖·‖x2‖) along an axis."""
    lengths = (x.norm(2, dim).clamp(min=eps) for x in (x1, x2))
    return (x1 * x2).sum(dim) / next(lengths) / next(lengths)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x between two bounds."""
    return input.clamp(min_val, max_val)


def relu6(input: Tensor) -> Tensor:
    """x between 0 and 6."""
    return input.clamp(0.0, 6.0)


# --- layers --------------------------------------------------------------------------------------

LINEAR = operation("AddmmBackward0", lambda x, w, b: x @ w.T + b)
LINEAR_PLAIN = operation("MmBackward0", lambda x, w: x @ w.T)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ wᵀ + b"""
    if input._data.shape[-1:] != weight._data.shape[-1:]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_by(input._data.shape)} and "
            f"{_by(weight._data.shape[::-1])})"
        )
    if weight._data.ndim == 1:
        product = matmul(input, weight)
        return product if bias is None else product + bias
    if bias is None:
        return apply(LINEAR_PLAIN, (input, weight))
    return apply(LINEAR, (input, weight, bias))


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


LAYER_NORM = operation(
    "NativeLayerNormBackward0",
    lambda x, w, b, *, axes, eps: (
        (x - np.mean(x, axis=axes, keepdims=True))
        / np.sqrt(np.var(x, axis=axes, keepdims=True) + eps)
        * w
        + b
    ),
)


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """(x − mean)/sqrt(var + ε)·w + b over the last axes."""
    count = len(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else 1
    axes = tuple(range(input._data.ndim - count, input._data.ndim))
    scale = 1.0 if weight is None else weight
    shift = 0.0 if bias is None else bias
    return apply(LAYER_NORM, (input, scale, shift), {"axes": axes, "eps": float(eps)})


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element is 0 with probability p, the others are scaled by 1/(1 − p)."""
    if not training or p == 0:
        return input
    from symgrad.autograd.creation import rand

    kept = rand(*input._data.shape)._data >= p
    return input * wrap(kept.astype(input._data.dtype) / np.asarray(1 - p, input._data.dtype))


PAD = operation(
    "ConstantPadNdBackward0",
    lambda x, *, widths, value: np.pad(x, widths, constant_values=value),
)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Constants around: (left, right) of the last axis, then of the one before, and so on."""
    if mode != "constant":
        raise NotImplementedError(f"pad: only mode='constant' is there, not '{mode}'")
    widths = [(0, 0)] * input._data.ndim
    for k in range(len(pad) // 2):
        widths[-1 - k] = (int(pad[2 * k]), int(pad[2 * k + 1]))
    return apply(PAD, (input,), {"widths": tuple(widths), "value": value or 0.0}, promote=False)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    """y[n,o,h,w] = Σ_{c,i,j} weight[o,c,i,j]·x[n,c,s·h + d·i,s·w + d·j] + b[o], x padded with 0."""
    (sh, sw), (ph, pw), (dh, dw) = (_pair(v) for v in (stride, padding, dilation))
    x = pad(input, (pw, pw, ph, ph)) if ph or pw else input
    (n, c, height, width), (_, _, kh, kw) = x._data.shape, weight._data.shape
    rows = np.arange(kh)[:, None] * dh + np.arange((height - dh * (kh - 1) - 1) // sh + 1) * sh
    columns = np.arange(kw)[:, None] * dw + np.arange((width - dw * (kw - 1) - 1) // sw + 1) * sw
    planes = (np.arange(n)[:, None] * c + np.arange(c))[:, :, None, None, None, None]
    index = literal((planes * height + rows[:, None, :, None]) * width + columns[:, None, :])
    patches = apply(TAKE, (x,), {"index": Held(index._data)}, promote=False)
    result = einsum("ncijhw,ocij->nohw", patches, weight)
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


FUNCTIONAL: dict[str, Any] = {
    f.__name__: f
    for f in (
        softsign, softmin, selu, mish, glu, one_hot, normalize, cosine_similarity,
        softplus, elu, gelu, silu, leaky_relu, logsigmoid, softmax, log_softmax, hardtanh, relu6,
        linear, conv2d, layer_norm, dropout, pad, embedding,
    )
}  # fmt: skip
FUNCTIONAL.update(
    {
        "relu": functional_relu,
        "tanh": ELEMENTWISE["tanh"],
        "sigmoid": ELEMENTWISE["sigmoid"],
    }
)
FUNCTIONS: dict[str, Any] = {"softmax": softmax, "log_softmax": log_softmax}
METHODS: dict[str, Any] = dict(FUNCTIONS)
