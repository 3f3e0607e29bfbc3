"""Every operation: value and gradient against torch and differences, second derivative likewise."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import symgrad as st
from symgrad.api import compile as compile_model
from symgrad.errors import SymgradError
from tests.autograd.operations import OPERATIONS, Operation, sample

HAS_TORCH = importlib.util.find_spec("torch") is not None
BY_NAME = {operation.name: operation for operation in OPERATIONS}
_TYPES = {"f": "f64", "i": "i64", "b": "bool"}
WITH_MODEL = [operation.name for operation in OPERATIONS if operation.model is not None]


def run(
    module: Any, operation: Operation, arrays: list[np.ndarray], rng: np.random.Generator
) -> dict[str, Any]:
    """Value, gradients, and gradients of a weighted sum of the gradients."""
    tensors = [
        module.tensor(a, requires_grad=True) if a.dtype.kind == "f" else module.tensor(a)
        for a in arrays
    ]
    floating = [x for x in tensors if x.requires_grad]
    value = operation.function(module, *tensors)
    weight = module.tensor(rng.normal(size=tuple(value.shape)))
    first = module.autograd.grad(value, floating, weight, create_graph=True, allow_unused=True)
    total = 0
    for gradient in first:
        if gradient is not None and gradient.requires_grad:
            total = total + (gradient * module.tensor(rng.normal(size=tuple(gradient.shape)))).sum()
    second: tuple[Any, ...] = (None,) * (len(floating) + 1)
    if not isinstance(total, int) and total.requires_grad:
        second = (
            module.autograd.grad(total, [*floating, weight], allow_unused=True)
            if (weight.requires_grad)
            else (*module.autograd.grad(total, floating, allow_unused=True), None)
        )

    def plain(x: Any) -> np.ndarray:
        return np.zeros(()) if x is None else x.detach().numpy(force=True)

    return {
        "value": plain(value),
        "first": [plain(g) for g in first],
        "second": [
            np.zeros_like(a) if g is None else plain(g)
            for g, a in zip(second[: len(floating)], _floats(arrays), strict=True)
        ],
    }


def _floats(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [a for a in arrays if a.dtype.kind == "f"]


@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed")
@pytest.mark.peers
@pytest.mark.parametrize("name", BY_NAME)
def test_agrees_with_torch(name: str) -> None:
    import torch

    operation = BY_NAME[name]
    arrays = sample(operation, np.random.default_rng(7))
    ours = run(st, operation, arrays, np.random.default_rng(8))
    theirs = run(torch, operation, arrays, np.random.default_rng(8))
    for part in ("value", "first", "second"):
        for mine, reference in zip(_listed(ours[part]), _listed(theirs[part]), strict=True):
            assert mine.shape == reference.shape, part
            np.testing.assert_allclose(mine, reference, rtol=1e-8, atol=1e-10, err_msg=part)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", BY_NAME)
def test_agrees_with_differences(name: str) -> None:
    operation = BY_NAME[name]
    arrays = sample(operation, np.random.default_rng(5))
    floating = [k for k, a in enumerate(arrays) if a.dtype.kind == "f"]
    weight = np.random.default_rng(6).normal(
        size=operation.function(st, *[st.tensor(a) for a in arrays]).shape
    )
    direction = [np.random.default_rng(9 + k).normal(size=arrays[k].shape) for k in floating]

    def moved(step: float) -> list[Any]:
        changed = list(arrays)
        for k, way in zip(floating, direction, strict=True):
            changed[k] = arrays[k] + step * way
        return [st.tensor(a) for a in changed]

    def slope(step: float) -> tuple[float, float]:
        """Σ w·f, and its derivative along the direction, at a distance from the point."""
        tensors = moved(step)
        leaves = [tensors[k].requires_grad_() for k in floating]
        total = (operation.function(st, *tensors) * st.tensor(weight)).sum()
        gradients = st.autograd.grad(total, leaves, create_graph=True)
        derivative = sum(
            (g.detach().numpy() * w).sum() for g, w in zip(gradients, direction, strict=True)
        )
        return total.item(), float(derivative)

    step = 1e-5
    high, low = slope(step), slope(-step)
    tensors = moved(0.0)
    leaves = [tensors[k].requires_grad_() for k in floating]
    total = (operation.function(st, *tensors) * st.tensor(weight)).sum()
    first = st.autograd.grad(total, leaves, create_graph=True)
    along = sum((g * st.tensor(w)).sum() for g, w in zip(first, direction, strict=True))
    np.testing.assert_allclose(
        along.item(), (high[0] - low[0]) / (2 * step), rtol=2e-6, atol=2e-7, err_msg="gradient"
    )
    second = [None] * len(leaves)
    if along.requires_grad:
        second = list(st.autograd.grad(along, leaves, allow_unused=True))
    twice = sum(
        (g.numpy() * w).sum() for g, w in zip(second, direction, strict=True) if g is not None
    )
    np.testing.assert_allclose(
        twice, (high[1] - low[1]) / (2 * step), rtol=2e-6, atol=2e-6, err_msg="second derivative"
    )


# What picks positions by values, or has a backward of its own, cannot be compiled, and says so.
REFUSED = {
    "max dim", "min dim .values", "masked_select", "sort", "scatter_add", "topk", "index_add",
    "median", "take_along_dim", "index_fill", "scatter in place", "index_add in place",
    "quantile", "quantile several keepdim", "quantile nearest",
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_compiled_call_agrees_with_the_recorded_one(name: str) -> None:
    """Traced with one sample, run with another: nothing of the first may be left in the code."""
    operation = BY_NAME[name]

    def function(*tensors: Any) -> Any:
        return operation.function(st, *tensors)

    compiled = st.jit(function, target="numpy")
    for seed in (7, 11):
        arrays = sample(operation, np.random.default_rng(seed))
        results = []
        for call in (compiled, function):
            tensors = [st.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
            if name in REFUSED and call is compiled:
                with pytest.raises(SymgradError, match=r"without recording|no formula"):
                    call(*tensors)
                return
            value = call(*tensors)
            weight = st.tensor(np.random.default_rng(1).normal(size=tuple(value.shape)))
            floating = [x for x in tensors if x.requires_grad]
            gradients = st.autograd.grad(value, floating, weight, materialize_grads=True)
            results.append([value.detach().numpy(), *(g.numpy() for g in gradients)])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", WITH_MODEL)
def test_agrees_with_the_compiler(name: str) -> None:
    operation = BY_NAME[name]
    assert operation.model is not None
    arrays = sample(operation, np.random.default_rng(3))
    tensors = [st.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    value = operation.function(st, *tensors)
    weight = np.random.default_rng(4).normal(size=tuple(value.shape))
    value.backward(st.tensor(weight))
    if operation.positions is not None:
        arrays.append(operation.positions(*arrays))
    names = operation.model.__code__.co_varnames[: operation.model.__code__.co_argcount]
    shapes = {
        n: f"{_TYPES[a.dtype.kind]}[{', '.join(map(str, a.shape))}]"
        for n, a in zip(names, arrays, strict=True)
    }
    module = compile_model(operation.model, shapes=shapes, target="numpy")
    values, gradients = getattr(module, f"{module.name}_vjp")(*arrays, weight)
    np.testing.assert_allclose(values, value.detach().numpy(), rtol=1e-12, atol=1e-12)
    leaves = [x for x in tensors if x.requires_grad]
    for gradient, leaf in zip(gradients, leaves, strict=True):
        np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-12, atol=1e-12)
