"""Checks of second derivatives and Jacobians by CUDA kernels, in the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from symgrad.capture import capture, load_model
from symgrad.driver import Timings, derive
from tests.cuda.modules import EXAMPLES, expect
from tests.cuda.simulate import SMALL, compare, cuda_module, run_all
from tests.support import Built, random_arguments

ROOT = Path(__file__).resolve().parents[2]


def built(function: Any, shapes: Any, wrt: Any, products: tuple[str, ...], order: int = 1) -> Built:
    model = capture(function, shapes=shapes, wrt=wrt, name="f")
    return Built(model, derive(model, (), Timings(), products=products, order=order))


def example(name: str, products: tuple[str, ...], order: int) -> Built:
    (marked,) = load_model(ROOT / "examples" / name / "model.py")
    model = capture(marked.function, wrt=marked.wrt, source=f"examples/{name}/model.py")
    return Built(model, derive(model, (), Timings(), products=products, order=order))


def compare_products(module: Built, arguments: dict[str, Any], products: tuple[str, ...]) -> None:
    """Structures of both targets as dense arrays, values and gradients as they are."""
    python, plain = cuda_module(module, SMALL), module.module("cpu")
    for product in products:
        name = f"{module.derived.name}_{product}"
        found, known = getattr(python, name)(**arguments), getattr(plain, name)(**arguments)
        compare(f"{name} {arguments.keys()}", tuple(_flat(found)), tuple(_flat(known)))


def _flat(result: Any) -> list[np.ndarray]:
    if hasattr(result, "to_dense"):
        return [np.asarray(result.to_dense())]
    if isinstance(result, tuple):
        return [array for part in result for array in _flat(part)]
    return [np.asarray(result)]


def check_example(name: str) -> None:
    """hessian and value_grad_hessian of an example."""
    rng = np.random.default_rng(8)
    products = ("hessian", "value_grad_hessian")
    module = example(name, products, 2)
    for sizes in EXAMPLES[name][:2]:
        compare_products(module, random_arguments(module.model.program, rng, **sizes), products)


def chain(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def entropy(x: Any) -> Any:
    return special.logsumexp(x) + np.sum(np.tanh(x) ** 3)


def residuals(x: Any, t: Any) -> Any:
    return x[0] * np.exp(-x[1] * t) - np.tanh(t * x[2])


def check_structures() -> None:
    """Banded, diagonal plus low rank, and dense, of one size below a tile and one above."""
    products = ("hessian", "hessian_diagonal", "value_grad_hessian")
    rng = np.random.default_rng(9)
    for function in (chain, entropy):
        module = built(function, {"x": "f64[n]"}, "x", products)
        for n in (2, 3, 13):
            compare_products(module, {"x": rng.normal(size=n)}, products)
    module = built(residuals, {"x": "f64[3]", "t": "f64[n]"}, "x", ("jacobian",))
    for n in (1, 13):
        arguments = {"x": rng.normal(size=3), "t": rng.uniform(0, 1, n)}
        compare_products(module, arguments, ("jacobian",))


def check_rows() -> None:
    """The sparse Jacobian of a bundle adjustment, row by row."""
    rng = np.random.default_rng(10)
    module = example("bundle_adjustment", ("jacobian_sparse",), 1)
    arguments = random_arguments(module.model.program, rng, c=2, p=3, m=7)
    for label in arguments:
        if label.endswith("index"):
            arguments[label] %= 2
    compare_products(module, arguments, ("jacobian_sparse",))
    # A block by a 0-d argument has no axes.
    module = example("logistic_regression", ("jacobian_sparse",), 1)
    arguments = random_arguments(module.model.program, rng, n=5, d=2)
    compare_products(module, arguments, ("jacobian_sparse",))
    found = module.module("numpy").loss_jacobian_sparse(**arguments).to_dense()
    gradient = module.module("numpy").loss_grad(**arguments)
    np.testing.assert_allclose(np.ravel(found), [*gradient.w, gradient.b], rtol=1e-13)


def check_vectors() -> None:
    """hvp and jvp of a model with several arguments, and a vector of the wrong shape."""
    rng = np.random.default_rng(11)
    module = example("mlp", ("hvp", "jvp"), 1)
    python, plain = cuda_module(module), module.module("cpu")
    arguments = random_arguments(module.model.program, rng, n=7, d=3, h=5, c=3)
    given = [rng.normal(size=np.shape(arguments[name])) for name in module.model.wrt]
    for product, vectors in (("hvp", "vectors"), ("jvp", "tangents")):
        run, known = (getattr(m, f"loss_{product}") for m in (python, plain))
        found = run(**arguments, **{vectors: given})
        compare(product, tuple(_flat(found)), tuple(_flat(known(**arguments, **{vectors: given}))))
    wrong = {**arguments, "vectors": [given[0][:1], *given[1:]]}
    expect(ValueError, "vectors of W1", python.loss_hvp, **wrong)


CHECKS: dict[str, Callable[[], None]] = {
    **{
        name: partial(check_example, name)
        for name in ("gaussian_process", "logistic_regression", "matrix_factorisation", "mlp")
    },
    "structures": check_structures,
    "rows": check_rows,
    "vectors": check_vectors,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
