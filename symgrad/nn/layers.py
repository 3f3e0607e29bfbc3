"""Layers, activations and losses as modules: thin shells around `nn.functional`."""

from __future__ import annotations

import math
from typing import Any

from symgrad.autograd import losses, neural
from symgrad.autograd.creation import ones, rand, randn, zeros
from symgrad.autograd.gathering import embedding
from symgrad.autograd.tensor import Tensor
from symgrad.nn.modules import Module, Parameter

__all__ = [
    "ELU", "GELU", "BCELoss", "BCEWithLogitsLoss", "Conv2d", "CrossEntropyLoss", "Dropout",
    "Embedding", "Flatten", "HuberLoss", "Identity", "KLDivLoss", "L1Loss", "LayerNorm",
    "LeakyReLU", "Linear", "LogSigmoid", "LogSoftmax", "MSELoss", "NLLLoss", "ReLU", "SiLU",
    "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class Linear(Module):
    """x @ weightᵀ + bias; both start uniform in ±1/sqrt(in_features)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        self.weight = Parameter(_uniform((out_features, in_features), bound, dtype))
        if bias:
            self.bias = Parameter(_uniform((out_features,), bound, dtype))
        else:
            self.register_parameter("bias", None)

    def forward(self, input: Tensor) -> Tensor:
        return neural.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def _uniform(shape: tuple[int, ...], bound: float, dtype: Any) -> Tensor:
    return ((rand(*shape, dtype=dtype) * 2 - 1) * bound).detach()


class Conv2d(Module):
    """Σ weight[o,c,i,j]·x[n,c,s·h + d·i,s·w + d·j] + bias[o]"""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        pair = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        bound = 1 / math.sqrt(in_channels * pair[0] * pair[1])
        self.weight = Parameter(_uniform((out_channels, in_channels, *pair), bound, None))
        if bias:
            self.bias = Parameter(_uniform((out_channels,), bound, None))
        else:
            self.register_parameter("bias", None)

    def forward(self, input: Tensor) -> Tensor:
        return neural.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation
        )


class Embedding(Module):
    """Rows of a table by integers."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = Parameter(randn(num_embeddings, embedding_dim))

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight)


class LayerNorm(Module):
    """(x − mean)/sqrt(var + ε)·weight + bias over the last axes."""

    def __init__(self, normalized_shape: Any, eps: float = 1e-5) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(shape), eps
        self.weight = Parameter(ones(*self.normalized_shape))
        self.bias = Parameter(zeros(*self.normalized_shape))

    def forward(self, input: Tensor) -> Tensor:
        return neural.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class Identity(Module):
    """The input."""

    def __init__(self, *ignored: Any, **named: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Flatten(Module):
    """All axes from start_dim to end_dim as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        flat: Tensor = input.flatten(self.start_dim, self.end_dim)
        return flat


class Dropout(Module):
    """Zeros with probability p while training."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return neural.dropout(input, self.p, self.training)


class _Activation(Module):
    """A function of `nn.functional` with its options."""

    function = ""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = {k: v for k, v in options.items() if k != "inplace"}

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = neural.FUNCTIONAL[self.function](input, **self.options)
        return result

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self.options.items())


class ReLU(_Activation):
    """max(x, 0)"""

    function = "relu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class Tanh(_Activation):
    """tanh(x)"""

    function = "tanh"


class Sigmoid(_Activation):
    """1/(1 + exp(−x))"""

    function = "sigmoid"


class LogSigmoid(_Activation):
    """log σ(x)"""

    function = "logsigmoid"


class SiLU(_Activation):
    """x·σ(x)"""

    function = "silu"


class GELU(_Activation):
    """x·Φ(x)"""

    function = "gelu"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class ELU(_Activation):
    """x above 0, α·(exp(x) − 1) below."""

    function = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)


class LeakyReLU(_Activation):
    """x above 0, slope·x below."""

    function = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)


class Softplus(_Activation):
    """log(1 + exp(βx))/β"""

    function = "softplus"

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Softmax(_Activation):
    """exp(x)/Σ exp(x) along an axis."""

    function = "softmax"

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class LogSoftmax(_Activation):
    """log softmax along an axis."""

    function = "log_softmax"

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class _Loss(Module):
    """A loss of `nn.functional` with its options."""

    function = ""

    def __init__(self, reduction: str = "mean", **options: Any) -> None:
        super().__init__()
        self.options = {"reduction": reduction, **options}

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        result: Tensor = losses.LOSSES[self.function](input, target, **self.options)
        return result


class MSELoss(_Loss):
    """mean (x − y)²"""

    function = "mse_loss"


class L1Loss(_Loss):
    """mean |x − y|"""

    function = "l1_loss"


class SmoothL1Loss(_Loss):
    """Quadratic near 0, linear beyond."""

    function = "smooth_l1_loss"


class HuberLoss(_Loss):
    """Quadratic up to δ, linear beyond."""

    function = "huber_loss"

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=delta)


class KLDivLoss(_Loss):
    """target·(log target − input)"""

    function = "kl_div"

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)


class BCELoss(_Loss):
    """Cross-entropy of probabilities of two classes."""

    function = "binary_cross_entropy"


class BCEWithLogitsLoss(_Loss):
    """Cross-entropy of two classes from logits."""

    function = "binary_cross_entropy_with_logits"


class NLLLoss(_Loss):
    """−x[n, target[n]] of log-probabilities."""

    function = "nll_loss"

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, weight=weight, ignore_index=ignore_index)


class CrossEntropyLoss(_Loss):
    """−log softmax(x)[target]"""

    function = "cross_entropy"

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            reduction, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing
        )
