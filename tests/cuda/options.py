"""Checks of the two options of the target cuda in the simulator: atomics, and cuBLAS by CuPy.

CuPy needs a GPU; a stand-in of the same names over NumPy takes its place, and counts its calls.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numba import cuda

from symgrad.schedule.cuda_plan import CudaOptions
from tests.cuda.modules import example, expect
from tests.cuda.simulate import SMALL, cuda_module, flat_vjp, run_all
from tests.support import Built, build, random_arguments

ATOMIC = replace(SMALL, atomics=True)
CUBLAS = replace(SMALL, cublas=True, least_product=60)


def compare(module: Built, options: CudaOptions, arguments: dict[str, Any], seed: Any) -> None:
    """Values and products against the CPU target; sums in any order agree to rounding."""
    (value,), products = module.vjp("cpu", arguments, [np.asarray(seed)])
    found = flat_vjp(module, cuda_module(module, options), arguments, [seed])
    for mine, reference in zip(found, (value, *products), strict=True):
        exact = mine.dtype == np.float64
        assert mine.dtype == reference.dtype
        scale = float(np.max(np.abs(reference), initial=1.0))
        np.testing.assert_allclose(mine, reference, rtol=0, atol=(1e-13 if exact else 1e-5) * scale)


# --- atomics -------------------------------------------------------------------------------------


def gathers(table: Any, weight: Any, left: Any, right: Any) -> Any:
    """Two gathers of one table, one of them of a column, and a term of its own."""
    rows = np.tanh(table[left]) * table[right]
    return np.sum(np.sum(rows, axis=1) * weight) + np.sum(table**2) + np.sum(table[right, 1])


GATHERS = {"table": "f64[p, 3]", "weight": "f64[n]", "left": "i64[n]", "right": "i64[n]"}


def check_atomics() -> None:
    """Each sample adds to its elements at once: nothing is sorted, sums agree to rounding."""
    rng = np.random.default_rng(1)
    for dtype in ("float64", "float32"):
        module = build(gathers, GATHERS, wrt="table", dtype=dtype)
        text = module.source("cuda", ATOMIC)
        assert text.count("cuda.atomic.add(") >= 3 and "run.segments(" not in text
        for n, p in ((11, 4), (23, 2), (1, 1), (0, 3)):
            arguments = random_arguments(module.model.program, rng, n=n, p=p)
            for name in ("left", "right"):
                arguments[name] = rng.integers(-p, p, n)
            compare(module, ATOMIC, arguments, np.dtype(dtype).type(1.5))


def check_atomics_of_bundle_adjustment() -> None:
    """Residuals are an array; their derivatives by cameras and points are scatters."""
    rng = np.random.default_rng(2)
    module = example("bundle_adjustment")
    assert "run.segments(" in module.source("cuda")
    assert "run.segments(" not in module.source("cuda", ATOMIC)
    python = cuda_module(module, ATOMIC)
    for c, p, m in ((2, 3, 7), (1, 1, 0)):
        arguments = random_arguments(module.model.program, rng, c=c, p=p, m=m)
        for label in arguments:
            if label.endswith("index"):
                arguments[label] %= min(c, p)
        values = module.value("cpu", arguments)
        cotangents = [rng.normal(size=v.shape) for v in values]
        known, products = module.vjp("cpu", arguments, cotangents)
        found = flat_vjp(module, python, arguments, cotangents)
        for mine, reference in zip(found, (*known, *products), strict=True):
            scale = float(np.max(np.abs(reference), initial=1.0))
            np.testing.assert_allclose(mine, reference, rtol=0, atol=1e-12 * scale)


def check_texts() -> None:
    """The header says what differs; without the options nothing of it is there."""
    module = build(gathers, GATHERS, wrt="table")
    plain, atomic = module.source("cuda"), module.source("cuda", ATOMIC)
    assert "atomic" not in plain and "cupy" not in plain.replace("CuPy", "").split("def _like")[0]
    head = atomic.split('"""')[1]
    assert "added by atomics" in head and "differ from call to" in head
    other = build(lambda x: np.sum(x**2), {"x": "f64[n]"}).source("cuda", ATOMIC)
    assert "atomics, which no sum" in other.split('"""')[1] and "cuda.atomic" not in other
    layers = build(network, NETWORK)
    assert "left to cuBLAS" in layers.source("cuda", CUBLAS).split('"""')[1]
    assert "_cupy" not in layers.source("cuda")


# --- cuBLAS --------------------------------------------------------------------------------------


def network(X: Any, W: Any, b: Any, V: Any) -> Any:
    """Two layers: products with a bias beside them, of samples and over samples."""
    hidden = np.tanh(X @ W + b)
    return np.sum(np.tanh(hidden @ V.T) ** 2) / 3 + np.sum((V @ V.T) ** 2)


NETWORK = {"X": "f64[n, d]", "W": "f64[d, h]", "b": "f64[h]", "V": "f64[c, h]"}


@dataclass(slots=True)
class StandIn:
    """The names of CuPy that modules use, over NumPy."""

    products: list[tuple[int, ...]] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)

    def module(self) -> ModuleType:
        found = ModuleType("cupy")
        found.__dict__.update(
            asarray=lambda array: array._ary,
            matmul=self.matmul,
            multiply=np.multiply,
            cuda=SimpleNamespace(
                Stream=SimpleNamespace(null=nullcontext()), ExternalStream=self.stream
            ),
        )
        return found

    def matmul(self, left: Any, right: Any, out: Any) -> None:
        self.products.append((*left.shape, right.shape[1]))
        np.matmul(left, right, out=out)

    def stream(self, address: int) -> AbstractContextManager[None]:
        self.addresses.append(address)
        return nullcontext()


def check_cublas() -> None:
    """Products above a size are CuPy's, smaller ones a kernel's; results are the same."""
    rng = np.random.default_rng(3)
    for dtype in ("float64", "float32"):
        module = build(network, NETWORK, dtype=dtype)
        for n, d, h, c in ((11, 9, 7, 5), (4, 3, 2, 1), (0, 4, 4, 4)):
            large = [m * k * o >= 60 for m, k, o in ((n, d, h), (n, h, c), (c, h, c))]
            stand_in = StandIn()
            arguments = random_arguments(module.model.program, rng, n=n, d=d, h=h, c=c)
            with patch.dict(sys.modules, {"cupy": stand_in.module()}):
                compare(module, CUBLAS, arguments, np.dtype(dtype).type(1.5))
            assert bool(stand_in.products) == any(large), (n, d, h, c)
            if all(large):
                assert (n, d, h) in stand_in.products and (d, n, h) in stand_in.products
                assert len(stand_in.products) >= 6
            assert not stand_in.addresses


def check_scaled_product() -> None:
    """A factor of the sum is applied to the product."""
    module = build(lambda X: X.T @ X / 7, {"X": "f64[n, d]"})
    options = replace(CUBLAS, least_product=1)
    X = np.random.default_rng(4).normal(size=(6, 5))
    stand_in = StandIn()
    with patch.dict(sys.modules, {"cupy": stand_in.module()}):
        found = cuda_module(module, options).f(X)
    np.testing.assert_allclose(found, X.T @ X / 7, rtol=1e-13)
    assert stand_in.products == [(5, 6, 5)]


def check_stream_of_products() -> None:
    """Products run on the stream of the call."""
    module = build(network, NETWORK)
    python, stand_in = cuda_module(module, replace(CUBLAS, least_product=1)), StandIn()
    arguments = random_arguments(module.model.program, np.random.default_rng(5), n=4, d=3, h=2, c=2)
    stream = cuda.stream()
    with (
        patch.dict(sys.modules, {"cupy": stand_in.module()}),
        patch.object(python, "_address", lambda given: 77 if given is stream else 0),
    ):
        python.f(**arguments, stream=stream)
    assert stand_in.addresses and set(stand_in.addresses) == {77}


def check_without_cupy() -> None:
    """The first large product names the package; small ones never ask for it."""
    module = build(network, NETWORK)
    arguments = random_arguments(module.model.program, np.random.default_rng(6), n=4, d=3, h=2, c=2)
    with patch.dict(sys.modules, {"cupy": None}):
        small = cuda_module(module, replace(CUBLAS, least_product=10**6))
        assert np.isfinite(small.f(**arguments))
        large = cuda_module(module, replace(CUBLAS, least_product=1))
        expect(ImportError, "needs the package cupy", large.f, **arguments)


CHECKS: dict[str, Callable[[], None]] = {
    "atomics": check_atomics,
    "atomics of bundle adjustment": check_atomics_of_bundle_adjustment,
    "texts": check_texts,
    "cublas": check_cublas,
    "scaled product": check_scaled_product,
    "stream of products": check_stream_of_products,
    "without cupy": check_without_cupy,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
