"""Losses, as `nn.functional` offers them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.autograd.elementwise import xlogy
from symgrad.autograd.gathering import pick_along
from symgrad.autograd.modes import MODES
from symgrad.autograd.neural import log_softmax, logsigmoid
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.special import arange_of
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["LOSSES"]


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    _check_reduction(reduction)
    return loss


def _check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction: mean, sum or none")


def _mse(x: Any, y: Any, *, reduction: str) -> Any:
    square = (x - y) ** 2
    if reduction == "mean":
        return np.mean(square)
    return np.sum(square) if reduction == "sum" else square


def _l1(x: Any, y: Any) -> Any:
    return np.abs(x - y)


MSE = operation("MseLossBackward0", _mse)
L1 = operation("AbsBackward0", _l1)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """mean (x − y)²"""
    return apply(MSE, (input, target), {"reduction": reduction})


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """mean |x − y|"""
    return _reduced(apply(L1, (input, target)), reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Quadratic near 0, linear beyond β."""
    return _reduced(apply(SMOOTH_L1, (input, target), {"beta": float(beta)}), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """½·(x − y)² near 0, δ·(|x − y| − ½·δ) beyond δ."""
    return smooth_l1_loss(input, target, reduction, delta) * delta


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target·(log target − input), for log-probabilities as input."""
    given = target.exp() * target if log_target else xlogy(target, target)
    loss = given - (target.exp() if log_target else target) * input
    if reduction == "batchmean":
        return loss.sum() / input._data.shape[0]
    return _reduced(loss, reduction)


def _smooth_l1(x: Any, y: Any, *, beta: float) -> Any:
    distance = np.abs(x - y)
    return np.where(distance < beta, 0.5 * (x - y) ** 2 / beta, distance - 0.5 * beta)


SMOOTH_L1 = operation("SmoothL1LossBackward0", _smooth_l1)


def _nll(x: Any, y: Any, *, reduction: str) -> Any:
    """−x[n, y[n]]"""
    picked = x[arange_of(x.shape[0]), y]
    if reduction == "mean":
        return -np.mean(picked)
    return -np.sum(picked) if reduction == "sum" else -picked


def _nll_ignoring(x: Any, y: Any, *, reduction: str, ignored: int) -> Any:
    """−x[n, y[n]] without the samples whose class is the ignored one."""
    kept = y != ignored
    picked = x[arange_of(x.shape[0]), np.where(kept, y, 0)]
    losses = -np.where(kept, picked, np.zeros_like(picked))
    if reduction == "mean":
        return np.sum(losses) / np.sum(kept)
    return np.sum(losses) if reduction == "sum" else losses


NLL = operation("NllLossBackward0", _nll)
NLL_IGNORING = operation("NllLossBackward0", _nll_ignoring, quiet=True)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """−x[n, target[n]], averaged with the weights of the classes."""
    if input._data.ndim != 2 or weight is not None or not input._data.size:
        return _weighted_nll(input, target, weight, ignore_index, reduction)
    labels = target._data
    if labels.shape != input._data.shape[:1]:
        raise ValueError(
            f"Expected input batch_size ({len(input._data)}) to match target batch_size "
            f"({len(labels) if labels.ndim else 0})."
        )
    _check_reduction(reduction)
    if MODES.tracing is not None or (labels == ignore_index).any():
        static = {"reduction": reduction, "ignored": ignore_index}
        return apply(NLL_IGNORING, (input, target), static, promote=False)
    return apply(NLL, (input, target), {"reduction": reduction}, promote=False)


def _weighted_nll(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """The loss of any rank, with weights of the classes."""
    labels = target._data
    axis = 1 if input._data.ndim > 1 else 0
    ignored = labels == ignore_index
    index = np.expand_dims(np.where(ignored, 0, labels), axis) if input._data.ndim > 1 else labels
    picked = -pick_along(input, np.atleast_1d(index), axis)
    picked = picked.squeeze(axis) if input._data.ndim > 1 else picked.reshape(())
    scale = (~ignored).astype(input._data.dtype)
    if weight is not None:
        scale = scale * weight._data[np.where(ignored, 0, labels)]
    weighted = picked * wrap(np.asarray(scale))
    if reduction != "mean":
        return _reduced(weighted, reduction)
    return weighted.sum() / wrap(np.asarray(np.sum(scale)))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−log softmax(x)[target], or −Σ target·log softmax(x) for probabilities."""
    axis = 1 if input._data.ndim > 1 else 0
    logs = log_softmax(input, axis)
    if target._data.dtype.kind == "f":
        total = -(logs * target).sum(axis)
        return _reduced(total, reduction)
    loss = nll_loss(logs, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    smooth = _reduced(-logs.mean(axis), reduction)
    return loss * (1 - label_smoothing) + smooth * label_smoothing


def _bce(x: Any, y: Any) -> Any:
    """log(1 + exp(x)) − x·y"""
    return np.logaddexp(x, 0.0) - x * y


BCE_LOGITS = operation("BinaryCrossEntropyWithLogitsBackward0", _bce)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """−y·log σ(x) − (1 − y)·log σ(−x)"""
    if pos_weight is not None:
        loss = -(pos_weight * target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    else:
        loss = apply(BCE_LOGITS, (input, target))
    return _reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """−y·log x − (1 − y)·log(1 − x), logarithms not below −100."""
    log_x = input.log().clamp(min=-100.0)
    log_rest = (1 - input).log().clamp(min=-100.0)
    return _reduced(-(target * log_x + (1 - target) * log_rest), reduction)


LOSSES: dict[str, Any] = {
    f.__name__: f
    for f in (
        mse_loss, l1_loss, smooth_l1_loss, nll_loss, cross_entropy,
        binary_cross_entropy_with_logits, binary_cross_entropy, huber_loss, kl_div,
    )
}  # fmt: skip
