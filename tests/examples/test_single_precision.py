"""The handwritten digits in float32, with the cross-entropy spelled naively and no epsilon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad
from examples.mlp.model import logits

pytestmark = pytest.mark.examples


def naive_loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, label: Any) -> Any:
    """−mean log p of the right class, p = eˢ/Σ eˢ."""
    e = np.exp(logits(W1, b1, W2, b2, X))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(X.shape[0]), label]))


def test_digits_train_without_any_epsilon() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    from examples.mlp.run import accuracy, adam, initial_parameters

    data = datasets.load_digits()
    X, label = (data.data / 16).astype(np.float32), data.target
    shapes = {"W1": "f32[d, h]", "b1": "f32[h]", "W2": "f32[h, c]", "b2": "f32[c]"}
    module = symgrad.compile(
        naive_loss,
        wrt=("W1", "b1", "W2", "b2"),
        shapes={**shapes, "X": "f32[n, d]", "label": "i64[n]"},
        target="numpy",
    )
    rng = np.random.default_rng(0)
    parameters = [p.astype(np.float32) for p in initial_parameters(64, 48, 10, rng)]
    parameters[2] *= 60  # scores of hundreds, whose exponentials are infinite
    assert np.abs(logits(*parameters, X)).max() > 100

    def gradient_of(current: list[np.ndarray], batch: np.ndarray) -> Any:
        gradients = module.naive_loss_grad(*current, X[batch], label[batch])
        assert all(g.dtype == np.float32 and np.isfinite(g).all() for g in gradients)
        return gradients

    batches = [rng.permutation(1500)[:128] for _ in range(250)]
    adam(parameters, gradient_of, batches, np.float32(2e-2))
    assert accuracy(parameters, X[1500:], label[1500:]) > 0.85
