"""Random graphs with views, masks and changes in place: values and two derivatives as in torch."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad

COUNT = int(os.environ.get("SYMGRAD_RANDOM_GRAPHS", "60"))


def written(x: Any, y: Any) -> Any:
    z = x.clone()
    z[...] = y
    return z


def masked(x: Any, y: Any) -> Any:
    z = x.clone()
    z[x > 0] = 0.25
    return z * y.mean()


def changed_view(x: Any, y: Any) -> Any:
    z = x * 1
    part = z[0] if z.dim() else z
    part.add_(1.5)
    return z * part


def transposed_view(x: Any, y: Any) -> Any:
    z = x * 1
    turned = z.t() if z.dim() == 2 else z
    turned.neg_()
    return z + turned.sum()


def added(x: Any, y: Any) -> Any:
    z = x * 1
    z += y
    return z.tanh_()


STEPS: list[Callable[[Any, Any, Any], Any]] = [
    lambda t, x, y: x + y,
    lambda t, x, y: x * y,
    lambda t, x, y: x - 2 * y,
    lambda t, x, y: t.tanh(x),
    lambda t, x, y: t.sin(x) * 0.5,
    lambda t, x, y: x.sum(0) if x.dim() else x.sum(),
    lambda t, x, y: x.sum(0, keepdim=True) if x.dim() else x.cos(),
    lambda t, x, y: x.mean(),
    lambda t, x, y: x[..., ::2] if x.dim() else x.exp(),
    lambda t, x, y: x.reshape(-1),
    lambda t, x, y: x.transpose(0, -1) if x.dim() > 1 else x.clone(),
    lambda t, x, y: t.where(x > 0, x, y),
    lambda t, x, y: x.unsqueeze(0).expand(2, *x.unsqueeze(0).shape[1:]),
    lambda t, x, y: x.squeeze(),
    lambda t, x, y: x.softmax(-1) if x.dim() else x.sigmoid(),
    lambda t, x, y: t.cat([x.reshape(-1), y.reshape(-1)])[:12],
    lambda t, x, y: x.clamp(-0.5, 0.8),
    lambda t, x, y: x.clone().mul_(y),
    lambda t, x, y: written(x, y),
    lambda t, x, y: masked(x, y),
    lambda t, x, y: changed_view(x, y),
    lambda t, x, y: transposed_view(x, y),
    lambda t, x, y: added(x, y),
    lambda t, x, y: x.max(),
    lambda t, x, y: x.max(0).values if x.dim() else -x,
    lambda t, x, y: x.cumsum(0) if x.dim() else x.cos(),
    lambda t, x, y: x @ y if x.dim() and y.dim() else x * y,
    lambda t, x, y: x.flip(0) if x.dim() else -x,
    lambda t, x, y: (x * x).sum().sqrt() + y,
    lambda t, x, y: x.detach() * y,
]


def outcome(module: Any, seed: int) -> list[Any]:
    """What failed on the way, the value, gradients, and gradients of their squares."""
    rng = np.random.default_rng(seed)
    leaves = [
        module.tensor(rng.normal(size=shape), requires_grad=True)
        for shape in ((3, 4), (4,), (3, 1))
    ]
    values, failed = list(leaves), []
    for number in range(rng.integers(3, 14)):
        x, y = (values[int(k)] for k in rng.integers(0, len(values), 2))
        step = STEPS[int(rng.integers(0, len(STEPS)))]
        try:
            result = step(module, x, y)
        except RuntimeError:
            failed.append(number)
            continue
        if result.numel() <= 200:
            values.append(result)
    total = sum(
        (v * v).sum() * (0.1 * (k + 1)) if k % 2 else module.sin(v).sum()
        for k, v in enumerate(values)
    )
    first = module.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    squares = sum((g * g).sum() for g in first if g is not None)
    second = module.autograd.grad(squares, leaves, allow_unused=True)
    return [failed, *(0.0 if r is None else r.detach().numpy() for r in (total, *first, *second))]


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("block", range(0, COUNT, 20))
def test_random_graphs_agree_with_torch(block: int) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(block, block + 20):
            ours, theirs = outcome(symgrad, seed), outcome(torch, seed)
            assert ours[0] == theirs[0], f"graph {seed}: steps that fail"
            for mine, reference in zip(ours[1:], theirs[1:], strict=True):
                np.testing.assert_allclose(
                    mine, reference, rtol=1e-7, atol=1e-8, err_msg=f"graph {seed}"
                )
