"""The differentiable operations of the interactive engine, one line each, for every module.

Functions take the module (symgrad or torch) and the tensors. The domains keep sampled points away
from kinks and poles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

__all__ = ["OPERATIONS", "Operation", "sample"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        name: as in the table of behaviours.
        function: called with the module and the tensors.
        arguments: "shape domain" of each tensor, such as "3,4 positive"; an integer domain
            "index:4" makes constants.
        model: the same over NumPy's names, for the compiler.
        positions: what the model takes besides, found from the arrays: the order of a sort.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    model: Callable[..., Any] | None = None
    positions: Callable[..., np.ndarray] | None = None


_DOMAINS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "real": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2.0, shape),
    "nonzero": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2.0, shape),
    "inner": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above1": lambda rng, shape: rng.uniform(1.2, 3.0, shape),
    "unit": lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    "distinct": lambda rng, shape: (
        rng.permutation(int(np.prod(shape))) * 0.2 + rng.uniform(0, 0.1, int(np.prod(shape))) - 0.95
    ).reshape(shape),
    "flag": lambda rng, shape: rng.random(shape) < 0.5,
}


def sample(operation: Operation, rng: np.random.Generator) -> list[np.ndarray]:
    """Random arguments."""
    arrays = []
    for text in operation.arguments:
        shape_text, _, domain = text.partition(" ")
        shape = tuple(int(n) for n in shape_text.split(",") if n)
        if domain.startswith("index:"):
            arrays.append(rng.integers(0, int(domain.partition(":")[2]), shape))
        else:
            arrays.append(_DOMAINS[domain or "real"](rng, shape))
    return arrays


OPERATIONS: list[Operation] = []


def _op(
    name: str, function: Any, *arguments: str, model: Any = None, positions: Any = None
) -> None:
    OPERATIONS.append(Operation(name, function, arguments, model, positions))


def _along(x: Any, order: Any) -> Any:
    """Elements in an order along the second axis."""
    return np.take_along_axis(x, order, 1)


def _convolved(x: Any, w: Any, b: Any) -> Any:
    """Stride 2, one 0 around."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    pieces = [
        np.einsum("nchw,oc->nohw", padded[:, :, i : i + 5 : 2, j : j + 5 : 2], w[:, :, i, j])
        for i in range(3)
        for j in range(2)
    ]
    return sum(pieces[1:], pieces[0]) + b.reshape(1, 2, 1, 1)


# --- core --------------------------------------------------------------------------------------

_op("add", lambda t, x, y: x + y, "3,4", "4", model=lambda x, y: x + y)
_op("sub", lambda t, x, y: x - y, "3,4", "3,1", model=lambda x, y: x - y)
_op("mul", lambda t, x, y: x * y, "3,4", "3,4", model=lambda x, y: x * y)
_op("div", lambda t, x, y: x / y, "3,4", "4 nonzero", model=lambda x, y: x / y)
_op("neg", lambda t, x: -x, "3", model=lambda x: -x)
_op("pow int", lambda t, x: x**3, "3", model=lambda x: x**3)
_op("pow 0.5", lambda t, x: x**0.5, "3 positive", model=lambda x: x**0.5)
_op("pow negative", lambda t, x: x**-2, "3 nonzero", model=lambda x: x**-2.0)
_op("pow tensor", lambda t, x, y: x**y, "3 positive", "3", model=lambda x, y: x**y)
_op("pow of number", lambda t, x: 2.0**x, "3", model=lambda x: 2.0**x)
_op("torch.pow", lambda t, x: t.pow(x, 2), "3", model=lambda x: np.power(x, 2))
_op("exp", lambda t, x: t.exp(x), "3", model=lambda x: np.exp(x))
_op("log", lambda t, x: t.log(x), "3 positive", model=lambda x: np.log(x))
_op("sqrt", lambda t, x: t.sqrt(x), "3 positive", model=lambda x: np.sqrt(x))
_op("sin", lambda t, x: t.sin(x), "3", model=lambda x: np.sin(x))
_op("cos", lambda t, x: t.cos(x), "3", model=lambda x: np.cos(x))
_op("tanh", lambda t, x: t.tanh(x), "3", model=lambda x: np.tanh(x))
_op("sigmoid", lambda t, x: t.sigmoid(x), "3", model=lambda x: 1 / (1 + np.exp(-x)))
_op("relu", lambda t, x: t.relu(x), "4 nonzero", model=lambda x: np.where(x > 0, x, 0.0))
_op("abs", lambda t, x: t.abs(x), "4 nonzero", model=lambda x: np.abs(x))
_op("sum", lambda t, x: x.sum(), "3,4", model=lambda x: np.sum(x))
_op("sum dim", lambda t, x: x.sum(1), "3,4", model=lambda x: np.sum(x, axis=1))
_op(
    "sum dim keepdim",
    lambda t, x: x.sum(0, keepdim=True),
    "3,4",
    model=lambda x: np.sum(x, axis=0, keepdims=True),
)
_op("mean", lambda t, x: x.mean(), "3,4", model=lambda x: np.mean(x))
_op("mean dim", lambda t, x: x.mean(dim=0), "3,4", model=lambda x: np.mean(x, axis=0))
_op("norm", lambda t, x: x.norm(), "3,4", model=lambda x: np.linalg.norm(x))
_op("mm", lambda t, x, y: t.mm(x, y), "3,4", "4,2", model=lambda x, y: x @ y)
_op("matmul @", lambda t, x, y: x @ y, "2,3", "3,2", model=lambda x, y: x @ y)
_op("matmul matrix vector", lambda t, x, y: x @ y, "2,3", "3", model=lambda x, y: x @ y)
_op("dot", lambda t, x, y: t.dot(x, y), "3", "3", model=lambda x, y: np.dot(x, y))
_op("view", lambda t, x: x.view(4, 3), "3,4", model=lambda x: x.reshape(4, 3))
_op("reshape -1", lambda t, x: x.reshape(-1), "3,4", model=lambda x: x.reshape(-1))
_op("transpose", lambda t, x: x.transpose(0, 1), "3,4", model=lambda x: np.swapaxes(x, 0, 1))
_op("expand", lambda t, x: x.expand(3, 4), "3,1", model=lambda x: np.broadcast_to(x, (3, 4)))
_op(
    "squeeze unsqueeze",
    lambda t, x: x.squeeze(1).unsqueeze(0),
    "3,1",
    model=lambda x: np.expand_dims(np.squeeze(x, 1), 0),
)
_op("getitem", lambda t, x: x[1:, ::2], "3,4", model=lambda x: x[1:, ::2])
_op("getitem int", lambda t, x: x[-1], "3,4", model=lambda x: x[-1])
_op("getitem None", lambda t, x: x[None, ..., 1], "3,4", model=lambda x: x[None, ..., 1])
_op("getitem list", lambda t, x: x[[0, 2, 0]], "3,4", model=lambda x: x[np.array([0, 2, 0])])
_op("clone", lambda t, x: x.clone(), "3", model=lambda x: x.copy())
_op(
    "cat",
    lambda t, x, y: t.cat([x, y], 1),
    "3,2",
    "3,4",
    model=lambda x, y: np.concatenate([x, y], 1),
)
_op(
    "stack",
    lambda t, x, y: t.stack([x, y], dim=1),
    "3,2",
    "3,2",
    model=lambda x, y: np.stack([x, y], axis=1),
)
_op("softmax", lambda t, x: t.softmax(x, 1), "3,4", model=lambda x: special.softmax(x, axis=1))
_op(
    "linear",
    lambda t, x, w, b: t.nn.functional.linear(x, w, b),
    "2,3",
    "4,3",
    "4",
    model=lambda x, w, b: x @ w.T + b,
)
_op(
    "mse_loss",
    lambda t, x, y: t.nn.functional.mse_loss(x, y),
    "3,4",
    "3,4",
    model=lambda x, y: np.mean((x - y) ** 2),
)

# --- expected ------------------------------------------------------------------------------------

_op(
    "torch.add alpha",
    lambda t, x, y: t.add(x, y, alpha=2.5),
    "3",
    "3",
    model=lambda x, y: x + 2.5 * y,
)
_op("tan", lambda t, x: t.tan(x), "3 inner", model=lambda x: np.tan(x))
_op("asin", lambda t, x: t.asin(x), "3 inner", model=lambda x: np.arcsin(x))
_op("acos", lambda t, x: t.acos(x), "3 inner", model=lambda x: np.arccos(x))
_op("atan", lambda t, x: t.atan(x), "3", model=lambda x: np.arctan(x))
_op("sinh", lambda t, x: t.sinh(x), "3", model=lambda x: np.sinh(x))
_op("cosh", lambda t, x: t.cosh(x), "3", model=lambda x: np.cosh(x))
_op(
    "atan2",
    lambda t, x, y: t.atan2(x, y),
    "3 nonzero",
    "3 nonzero",
    model=lambda x, y: np.arctan2(x, y),
)
_op("log1p", lambda t, x: t.log1p(x), "3 positive", model=lambda x: np.log1p(x))
_op("expm1", lambda t, x: t.expm1(x), "3", model=lambda x: np.expm1(x))
_op("log2", lambda t, x: t.log2(x), "3 positive", model=lambda x: np.log2(x))
_op("log10", lambda t, x: t.log10(x), "3 positive", model=lambda x: np.log10(x))
_op("rsqrt", lambda t, x: t.rsqrt(x), "3 positive", model=lambda x: x**-0.5)
_op("reciprocal", lambda t, x: t.reciprocal(x), "3 nonzero", model=lambda x: np.reciprocal(x))
_op("square", lambda t, x: t.square(x), "3", model=lambda x: np.square(x))
_op("erf", lambda t, x: t.erf(x), "3", model=lambda x: special.erf(x))
_op(
    "maximum",
    lambda t, x, y: t.maximum(x, y),
    "4",
    "4",
    model=lambda x, y: np.maximum(x, y),
)
_op(
    "minimum",
    lambda t, x, y: t.minimum(x, y),
    "4",
    "4",
    model=lambda x, y: np.minimum(x, y),
)
_op(
    "clamp",
    lambda t, x: t.clamp(x, -0.5, 0.5),
    "6",
    model=lambda x: np.clip(x, -0.5, 0.5),
)
_op("clamp min", lambda t, x: x.clamp(min=0.1), "6", model=lambda x: np.maximum(x, 0.1))
_op(
    "where",
    lambda t, c, x, y: t.where(c, x, y),
    "4 flag",
    "4",
    "4",
    model=lambda c, x, y: np.where(c, x, y),
)
_op(
    "torch.sum dims", lambda t, x: t.sum(x, (0, 2)), "2,3,4", model=lambda x: np.sum(x, axis=(0, 2))
)
_op("norm p=1", lambda t, x: x.norm(p=1), "3,4 nonzero", model=lambda x: np.sum(np.abs(x)))
_op(
    "norm p=3 dim",
    lambda t, x: x.norm(p=3, dim=1),
    "3,4 nonzero",
    model=lambda x: np.sum(np.abs(x) ** 3, axis=1) ** (1 / 3),
)
_op("max all", lambda t, x: x.max(), "3,4 distinct", model=lambda x: np.max(x))
_op("max dim", lambda t, x: x.max(1).values, "3,4 distinct", model=lambda x: np.max(x, axis=1))
_op(
    "min dim .values",
    lambda t, x: t.min(x, dim=0, keepdim=True).values,
    "3,4 distinct",
    model=lambda x: np.min(x, axis=0, keepdims=True),
)
_op("prod", lambda t, x: x.prod(), "4 nonzero", model=lambda x: np.prod(x))
_op("prod dim", lambda t, x: x.prod(1), "3,4 nonzero", model=lambda x: np.prod(x, axis=1))
_op("var", lambda t, x: x.var(), "3,4", model=lambda x: np.var(x, ddof=1))
_op(
    "var dim unbiased=False",
    lambda t, x: x.var(1, unbiased=False),
    "3,4",
    model=lambda x: np.var(x, axis=1),
)
_op("std", lambda t, x: x.std(), "3,4", model=lambda x: np.std(x, ddof=1))
_op(
    "logsumexp", lambda t, x: t.logsumexp(x, 1), "3,4", model=lambda x: special.logsumexp(x, axis=1)
)
_op("cumsum", lambda t, x: t.cumsum(x, 1), "3,4", model=lambda x: np.cumsum(x, axis=1))
_op("matmul vector matrix", lambda t, x, y: x @ y, "3", "3,2", model=lambda x, y: x @ y)
_op("matmul batched", lambda t, x, y: x @ y, "2,3,4", "2,4,2", model=lambda x, y: x @ y)
_op(
    "matmul batched broadcast",
    lambda t, x, y: x @ y,
    "2,3,4",
    "4,2",
    model=lambda x, y: x @ y,
)
_op("mv", lambda t, x, y: t.mv(x, y), "3,4", "4", model=lambda x, y: x @ y)
_op("bmm", lambda t, x, y: t.bmm(x, y), "2,3,4", "2,4,2", model=lambda x, y: x @ y)
_op(
    "addmm",
    lambda t, c, x, y: t.addmm(c, x, y, beta=0.5, alpha=2),
    "2",
    "3,4",
    "4,2",
    model=lambda c, x, y: 0.5 * c + 2 * (x @ y),
)
_op("outer", lambda t, x, y: t.outer(x, y), "3", "4", model=lambda x, y: np.outer(x, y))
_op(
    "einsum",
    lambda t, x, y: t.einsum("ij,kj->ik", x, y),
    "2,3",
    "4,3",
    model=lambda x, y: np.einsum("ij,kj->ik", x, y),
)
_op("trace", lambda t, x: t.trace(x), "3,3", model=lambda x: np.trace(x))
_op("diag", lambda t, x: t.diag(x), "3,3", model=lambda x: np.diag(x))
_op("diag of vector", lambda t, x: t.diag(x), "3", model=lambda x: np.diag(x))
_op("tril", lambda t, x: t.tril(x), "3,4", model=lambda x: np.tril(x))
_op("triu", lambda t, x: t.triu(x, 1), "3,4", model=lambda x: np.triu(x, 1))
_op("permute", lambda t, x: x.permute(2, 0, 1), "2,3,4", model=lambda x: x.transpose(2, 0, 1))
_op("repeat", lambda t, x: x.repeat(2, 3), "2,2", model=lambda x: np.tile(x, (2, 3)))
_op("flip", lambda t, x: t.flip(x, [1]), "3,4", model=lambda x: np.flip(x, 1))
_op("roll", lambda t, x: t.roll(x, 1, 0), "3,4", model=lambda x: np.roll(x, 1, 0))
_op("select narrow", lambda t, x: x.select(0, 1).narrow(0, 1, 2), "3,4", model=lambda x: x[1][1:3])
_op(
    "index_select",
    lambda t, x, i: t.index_select(x, 1, i),
    "3,4",
    "3 index:4",
    model=lambda x, i: x[:, i],
)
_op(
    "gather",
    lambda t, x, i: t.gather(x, 1, i),
    "3,4",
    "3,2 index:4",
    model=lambda x, i: np.take_along_axis(x, i, 1),
)
_op(
    "masked_fill",
    lambda t, x, m: x.masked_fill(m, 1.5),
    "3,4",
    "3,4 flag",
    model=lambda x, m: np.where(m, 1.5, x),
)
_op(
    "masked_select",
    lambda t, x: t.masked_select(x, x > 0.2),
    "3,4 distinct",
    model=lambda x, k: x.reshape(-1)[k],
    positions=lambda x: np.flatnonzero(x > 0.2),
)
_op(
    "sort",
    lambda t, x: t.sort(x, 1, descending=True).values,
    "3,4 distinct",
    model=_along,
    positions=lambda x: np.argsort(-x, axis=1),
)
_op(
    "log_softmax",
    lambda t, x: t.log_softmax(x, 1),
    "3,4",
    model=lambda x: special.log_softmax(x, axis=1),
)
_op("softplus", lambda t, x: t.nn.functional.softplus(x), "4", model=lambda x: np.logaddexp(x, 0.0))
_op(
    "leaky_relu",
    lambda t, x: t.nn.functional.leaky_relu(x, 0.1),
    "4 nonzero",
    model=lambda x: np.where(x > 0, x, 0.1 * x),
)
_op(
    "elu",
    lambda t, x: t.nn.functional.elu(x),
    "4 nonzero",
    model=lambda x: np.where(x > 0, x, np.expm1(x)),
)
_op(
    "gelu",
    lambda t, x: t.nn.functional.gelu(x),
    "4",
    model=lambda x: 0.5 * x * (1 + special.erf(x / np.sqrt(2.0))),
)
_op("silu", lambda t, x: t.nn.functional.silu(x), "4", model=lambda x: x * special.expit(x))
_op(
    "l1_loss",
    lambda t, x, y: t.nn.functional.l1_loss(x, y),
    "3,4",
    "3,4",
    model=lambda x, y: np.mean(np.abs(x - y)),
)
_op(
    "cross_entropy",
    lambda t, x, i: t.nn.functional.cross_entropy(x, i),
    "3,4",
    "3 index:4",
    model=lambda x, i: -np.mean(special.log_softmax(x, axis=1)[np.arange(3), i]),
)
_op(
    "nll_loss",
    lambda t, x, i: t.nn.functional.nll_loss(x, i),
    "3,4",
    "3 index:4",
    model=lambda x, i: -np.mean(x[np.arange(3), i]),
)
_op(
    "bce_with_logits",
    lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, y),
    "5",
    "5 unit",
    model=lambda x, y: np.mean(np.logaddexp(x, 0.0) - x * y),
)

# --- extra ---------------------------------------------------------------------------------------

_op("asinh", lambda t, x: t.asinh(x), "3", model=lambda x: np.arcsinh(x))
_op("atanh", lambda t, x: t.atanh(x), "3 inner", model=lambda x: np.arctanh(x))
_op("arcsinh", lambda t, x: t.arcsinh(x), "3", model=lambda x: np.arcsinh(x))
_op("arccosh", lambda t, x: t.arccosh(x), "3 above1", model=lambda x: np.arccosh(x))
_op("arctanh", lambda t, x: x.arctanh(), "3 inner", model=lambda x: np.arctanh(x))
_op("fix", lambda t, x: x * t.fix(3 * x), "4 distinct", model=lambda x: x * np.trunc(3 * x))
_op("sgn", lambda t, x: x * t.sgn(x), "4 nonzero", model=lambda x: x * np.sign(x))
_op(
    "logaddexp2",
    lambda t, x, y: t.logaddexp2(x, y),
    "3",
    "3",
    model=lambda x, y: np.logaddexp2(x, y),
)
_op("exp2", lambda t, x: t.exp2(x), "3", model=lambda x: np.exp2(x))
_op("lgamma", lambda t, x: t.lgamma(x), "3 positive", model=lambda x: special.gammaln(x))
_op("hypot", lambda t, x, y: t.hypot(x, y), "3 nonzero", "3", model=lambda x, y: np.hypot(x, y))
_op("fmod", lambda t, x: t.fmod(x, 0.7), "3 positive", model=lambda x: np.fmod(x, 0.7))
_op("lerp", lambda t, x, y: t.lerp(x, y, 0.3), "3", "3", model=lambda x, y: x + 0.3 * (y - x))
_op(
    "logaddexp",
    lambda t, x, y: t.logaddexp(x, y),
    "3",
    "3",
    model=lambda x, y: np.logaddexp(x, y),
)
_op("amax", lambda t, x: t.amax(x, (0, 1)), "3,4 distinct", model=lambda x: np.max(x))
_op("cumprod", lambda t, x: t.cumprod(x, 1), "2,4 nonzero", model=lambda x: np.cumprod(x, 1))
_op("cross", lambda t, x, y: t.linalg.cross(x, y), "2,3", "2,3", model=lambda x, y: np.cross(x, y))
_op(
    "scatter_add",
    lambda t, x, i, y: t.scatter_add(x, 0, i, y),
    "4",
    "5 index:4",
    "5",
    model=lambda x, i, y: x + (np.arange(4)[:, None] == i) @ y,
)
_op(
    "topk",
    lambda t, x: t.topk(x, 2).values,
    "3,4 distinct",
    model=_along,
    positions=lambda x: np.argsort(-x, axis=1)[:, :2],
)
_op(
    "pad",
    lambda t, x: t.nn.functional.pad(x, (1, 2)),
    "2,3",
    model=lambda x: np.pad(x, ((0, 0), (1, 2))),
)
_op(
    "logsigmoid",
    lambda t, x: t.nn.functional.logsigmoid(x),
    "4",
    model=lambda x: special.log_expit(x),
)
_op(
    "layer_norm",
    lambda t, x, w, b: t.nn.functional.layer_norm(x, (4,), w, b),
    "3,4",
    "4",
    "4",
    model=lambda x, w, b: (
        (x - np.mean(x, axis=1, keepdims=True))
        / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-5)
        * w
        + b
    ),
)
_op(
    "embedding",
    lambda t, w, i: t.nn.functional.embedding(i, w),
    "5,3",
    "2,2 index:5",
    model=lambda w, i: w[i],
)
_op("unbind", lambda t, x: t.unbind(x, 1)[2] * x[:, 0], "3,4", model=lambda x: x[:, 2] * x[:, 0])
_op("split", lambda t, x: t.split(x, 2, 1)[1], "3,4", model=lambda x: x[:, 2:])
_op("to", lambda t, x: x.to(t.float64) * 2, "3", model=lambda x: x * 2)
_op(
    "index_add",
    lambda t, x, i, y: t.index_add(x, 0, i, y),
    "4,2",
    "3 index:4",
    "3,2",
    model=lambda x, i, y: x + (np.arange(4)[:, None] == i) @ y,
)
_op("take", lambda t, x, i: t.take(x, i), "3,4", "5 index:12", model=lambda x, i: x.reshape(-1)[i])
_op(
    "median",
    lambda t, x: t.median(x, 1).values,
    "3,5 distinct",
    model=lambda x, order: _along(x, order)[:, 0],
    positions=lambda x: np.argsort(x, axis=1)[:, 2:3],
)
_op(
    "smooth_l1_loss",
    lambda t, x, y: t.nn.functional.smooth_l1_loss(x, y),
    "6",
    "6",
    model=lambda x, y: np.mean(
        np.where(np.abs(x - y) < 1, 0.5 * (x - y) ** 2, np.abs(x - y) - 0.5)
    ),
)
_op(
    "repeat_interleave",
    lambda t, x: t.repeat_interleave(x, 2, 1),
    "2,3",
    model=lambda x: np.repeat(x, 2, 1),
)
_op(
    "tensordot",
    lambda t, x, y: t.tensordot(x, y, 1),
    "2,3",
    "3,4",
    model=lambda x, y: np.tensordot(x, y, 1),
)
_op("kron", lambda t, x, y: t.kron(x, y), "2,2", "2,3", model=lambda x, y: np.kron(x, y))
_op("digamma", lambda t, x: t.digamma(x), "3 positive", model=lambda x: special.psi(x))
_op(
    "xlogy",
    lambda t, x, y: t.xlogy(x, y),
    "3 positive",
    "3 positive",
    model=lambda x, y: special.xlogy(x, y),
)
_op(
    "conv2d",
    lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, stride=2, padding=1),
    "2,3,5,4",
    "2,3,3,2",
    "2",
    model=_convolved,
)

# --- factorisations ------------------------------------------------------------------------------


def _definite(t: Any, x: Any) -> Any:
    """A positive-definite matrix, as a function of any square one."""
    return _shifted(t, x @ x.transpose(-2, -1), 3)


def _shifted(t: Any, x: Any, times: int) -> Any:
    """x + c·I; a product of constants would not be recorded, and jit refuses those."""
    for _ in range(times):
        x = x + t.eye(3, dtype=t.float64)
    return x


_op("inverse", lambda t, x: t.inverse(_definite(t, x) + x), "3,3")
_op("inverse batched", lambda t, x: t.linalg.inv(_definite(t, x)), "2,3,3")
_op("det", lambda t, x: t.det(_shifted(t, x, 2)), "3,3")
_op("det batched", lambda t, x: t.linalg.det(_definite(t, x)), "2,3,3")
_op("slogdet", lambda t, x: t.slogdet(_definite(t, x)).logabsdet, "3,3")
_op("logdet", lambda t, x: t.logdet(_definite(t, x)), "3,3")
_op("linalg.solve", lambda t, x, b: t.linalg.solve(_definite(t, x) + x, b), "3,3", "3,2")
_op("linalg.solve vector", lambda t, x, b: t.linalg.solve(_definite(t, x), b), "3,3", "3")
_op("cholesky", lambda t, x: t.linalg.cholesky(_definite(t, x)), "3,3")
_op("cholesky upper", lambda t, x: t.linalg.cholesky(_definite(t, x), upper=True), "2,3,3")

# --- composed of the others ----------------------------------------------------------------------

_op("broadcast_to", lambda t, x: t.broadcast_to(x, (2, 3)), "3")
_op("tensor_split", lambda t, x: t.tensor_split(x, 2, 1)[0], "2,5")
_op("take_along_dim", lambda t, x, i: t.take_along_dim(x, i, 1), "3,4", "1,2 index:4")
_op("diff", lambda t, x: t.diff(x, 2), "2,5")
_op("frac", lambda t, x: x.frac(), "4")
_op("nan_to_num", lambda t, x: t.nan_to_num(x), "3")
_op("nanmean", lambda t, x: t.nanmean(x, 1), "3,4")
_op("dist", lambda t, x, y: t.dist(x, y, 3), "4", "4")
_op("float_power", lambda t, x: t.float_power(x, 1.5), "3 positive")
_op("index_fill", lambda t, x, i: x.index_fill(1, i, 2.0), "3,4", "2 index:4")
_op("fmax", lambda t, x, y: t.fmax(x, y), "4", "4")
_op("fmin", lambda t, x, y: t.fmin(x, y), "4", "4")
_op("fliplr", lambda t, x: t.fliplr(x), "2,3")
_op("var_mean", lambda t, x: t.var_mean(x, 1)[0] * t.std_mean(x, 1)[1], "3,4")
_op("trapezoid", lambda t, x, y: t.trapezoid(y, x), "4 distinct", "2,4")
_op("softsign", lambda t, x: t.nn.functional.softsign(x), "4 nonzero")
_op("softmin", lambda t, x: t.nn.functional.softmin(x, 1), "3,4")
_op("selu", lambda t, x: t.nn.functional.selu(x), "4 nonzero")
_op("mish", lambda t, x: t.nn.functional.mish(x), "4")
_op("glu", lambda t, x: t.nn.functional.glu(x), "3,4")
_op("normalize", lambda t, x: t.nn.functional.normalize(x), "3,4")
_op("cosine_similarity", lambda t, x, y: t.nn.functional.cosine_similarity(x, y, 1), "3,4", "3,4")
_op("huber_loss", lambda t, x, y: t.nn.functional.huber_loss(x, y, delta=0.5), "6", "6")
_op(
    "kl_div",
    lambda t, x, y: t.nn.functional.kl_div(x, y, reduction="batchmean"),
    "3,4",
    "3,4 unit",
)
_op("scatter in place", lambda t, x, i, y: (x * 1).scatter_(0, i, y), "4", "2 index:4", "2")
_op("index_add in place", lambda t, x, i, y: (x * 1).index_add_(0, i, y), "4,2", "3 index:4", "3,2")

# --- statistics and special functions ------------------------------------------------------------

_op("quantile", lambda t, x: t.quantile(x, 0.3, dim=1), "3,4 distinct")
_op(
    "quantile several keepdim",
    lambda t, x: t.quantile(x, t.tensor([0.1, 0.5], dtype=t.float64), 0, True),
    "3,4 distinct",
)
_op("quantile nearest", lambda t, x: x.quantile(0.6, interpolation="nearest"), "3,4 distinct")
_op("aminmax", lambda t, x: t.aminmax(x, dim=1).max * x.aminmax().min, "3,4 distinct")
_op("cov", lambda t, x: t.cov(x), "3,4")
_op("corrcoef", lambda t, x: t.corrcoef(x), "3,4")
_op("polygamma", lambda t, x: t.polygamma(2, x) * x.polygamma(3), "3 positive")
_op("mvlgamma", lambda t, x: t.mvlgamma(x, 3), "3 above1")
_op("special.ndtr", lambda t, x: t.special.ndtr(x), "3", model=lambda x: special.ndtr(x))
_op("special.log_ndtr", lambda t, x: t.special.log_ndtr(x), "3")
_op("special.erfcx", lambda t, x: t.special.erfcx(x), "3")
_op("special.xlog1py", lambda t, x, y: t.special.xlog1py(x, y), "3", "3 positive")
