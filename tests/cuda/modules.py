"""Checks of whole CUDA modules in the simulator: examples, arguments, results, errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import cuda

from symgrad.capture import capture, load_model
from symgrad.driver import Timings, derive
from symgrad.schedule.cuda_plan import CudaOptions
from tests.cuda.simulate import SMALL, as_tuple, compare, cuda_module, flat_vjp, run_all
from tests.support import Built, build, random_arguments

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {
    "logistic_regression": ({"n": 11, "d": 3}, {"n": 1, "d": 1}, {"n": 0, "d": 2}),
    "poisson": ({"n": 11, "p": 3}, {"n": 0, "p": 2}),
    "matrix_factorisation": ({"n": 5, "p": 3, "r": 2}, {"n": 0, "p": 2, "r": 3}),
    "mlp": ({"n": 7, "d": 3, "h": 5, "c": 3}, {"n": 1, "d": 1, "h": 1, "c": 2}),
    "gmm": ({"n": 5, "K": 3, "d": 3}, {"n": 1, "K": 1, "d": 1}),
    "gaussian_process": ({"n": 7, "d": 3}, {"n": 1, "d": 1}, {"n": 0, "d": 2}),
    "bundle_adjustment": ({"c": 2, "p": 3, "m": 7}, {"c": 1, "p": 1, "m": 0}),
}


def example(name: str) -> Built:
    (marked,) = load_model(ROOT / "examples" / name / "model.py")
    model = capture(marked.function, wrt=marked.wrt, source=f"examples/{name}/model.py")
    return Built(model, derive(model, (), Timings(), products=marked.emit))


def check_example(name: str, options: CudaOptions = SMALL) -> None:
    """Every kernel of an example against the CPU target."""
    rng = np.random.default_rng(7)
    module = example(name)
    python = cuda_module(module, options)
    for sizes in EXAMPLES[name]:
        arguments = random_arguments(module.model.program, rng, **sizes)
        for label in arguments:
            if label.endswith("index"):
                arguments[label] %= min(sizes["c"], sizes["p"])
        values = module.value("cpu", arguments)
        cotangents = [rng.normal(size=v.shape) for v in values]
        known, products = module.vjp("cpu", arguments, cotangents)
        found = flat_vjp(module, python, arguments, cotangents)
        compare(f"{name} {sizes}", found, (*known, *products))
        forward = getattr(python, module.derived.name)(**arguments)
        compare(name, as_tuple(forward, module.model.returns_tuple), values)


def model(x: Any, W: Any, label: Any) -> Any:
    """A softmax with a gather, a running sum and a total, in one function."""
    scores = np.tanh(x @ W)
    total = np.cumsum(np.sum(scores, axis=1))
    return np.sum(total) + np.sum(scores[np.arange(x.shape[0]), label] ** 2)


SHAPES = {"x": "f64[n, d]", "W": "f64[d, k]", "label": "i64[n]"}


def softmax_module() -> tuple[Built, Any, dict[str, Any]]:
    rng = np.random.default_rng(3)
    module = build(model, SHAPES, wrt=("x", "W"))
    arguments = {
        "x": rng.normal(size=(7, 3)),
        "W": rng.normal(size=(3, 4)),
        "label": np.array([0, 3, -1, 2, 1, -4, 0]),
    }
    return module, cuda_module(module), arguments


def check_device_arrays() -> None:
    """Device arrays in, device arrays out: nothing is copied to the host."""
    module, python, arguments = softmax_module()
    (value,), gradients = module.vjp("cpu", arguments, [np.array(1.0)])
    on_device = {name: cuda.to_device(array) for name, array in arguments.items()}
    found_value, found = python.f_value_and_grad(**on_device)
    for array in (found_value, *found):
        assert hasattr(array, "copy_to_host"), type(array)
    compare("device", tuple(a.copy_to_host() for a in (found_value, *found)), (value, *gradients))
    assert found_value.shape == ()


def check_out_and_accumulate() -> None:
    """`out` on the host and on the device; `accumulate` adds to what is there."""
    module, python, arguments = softmax_module()
    _, gradients = module.vjp("cpu", arguments, [np.array(1.0)])
    for put in (np.array, cuda.to_device):
        out = tuple(put(np.ones(g.shape)) for g in gradients)
        _, delivered = python.f_value_and_grad(**arguments, out=out)
        assert delivered is out
        compare("out", _on_host(out), gradients)
        python.f_value_and_grad(**arguments, out=out, accumulate=True)
        compare("accumulate", _on_host(out), tuple(2 * g for g in gradients))
    expect(ValueError, "out has 1 arrays", python.f_grad, **arguments, out=(gradients[0],))
    wrong = (np.ones((2, 2)), np.ones((3, 4)))
    expect(ValueError, "out for 'x'", python.f_grad, **arguments, out=wrong)
    expect(ValueError, "needs out=", python.f_grad, **arguments, accumulate=True)


def check_streams_and_workspace() -> None:
    """A stream of its own, other sizes between calls, the same bits every time."""
    module, python, arguments = softmax_module()
    stream = cuda.stream()
    first = flat_vjp(module, python, arguments, [1.5])
    smaller = {**arguments, "x": arguments["x"][:2], "label": arguments["label"][:2]}
    compare(
        "smaller",
        flat_vjp(module, python, smaller, [1.0]),
        tuple(a for part in module.vjp("cpu", smaller, [np.array(1.0)]) for a in part),
    )
    value, gradients = python.f_vjp(**arguments, cotangent=1.5, stream=stream)
    for mine, before in zip((value, *gradients), first, strict=True):
        assert np.array_equal(mine, before)
    held = len(python._WORKSPACE.arrays)
    python.f_vjp(**arguments, cotangent=1.5, stream=stream)
    assert len(python._WORKSPACE.arrays) == held


def check_errors() -> None:
    """Messages name argument and axis; a wrong index is found on host and device."""
    _, python, arguments = softmax_module()
    bad = {**arguments, "label": np.array([0, 3, 4, 2, 1, 0, 0])}
    expect(IndexError, "'label' holds 4, outside axis 1", python.f, **bad)
    bad["label"] = cuda.to_device(bad["label"])
    expect(IndexError, "'label' holds 4, outside axis 1", python.f_grad, **bad)
    expect(ValueError, "axis 0 of argument 'W'", python.f, **{**arguments, "W": np.ones((2, 4))})
    expect(TypeError, "dtype float32", python.f, **{**arguments, "W": np.ones((3, 4), np.float32)})
    single = cuda.to_device(np.ones((3, 4), np.float32))
    expect(TypeError, "dtype float32", python.f, **{**arguments, "W": single})
    strided = cuda.to_device(np.ones((3, 8)))[:, ::2]
    expect(ValueError, "not contiguous", python.f, **{**arguments, "W": strided})
    expect(ValueError, "expected 2", python.f, **{**arguments, "x": np.ones(3)})


def check_float32() -> None:
    """Single precision in and out, sums kept in double precision."""
    module = build(model, SHAPES, wrt=("x", "W"), dtype="float32")
    double, python, arguments = softmax_module()
    single = {n: a.astype("f4") if a.dtype.kind == "f" else a for n, a in arguments.items()}
    wide = {n: a.astype("f8") if a.dtype.kind == "f" else a for n, a in single.items()}
    python = cuda_module(module)
    value, gradients = python.f_value_and_grad(**single)
    (known,), products = double.vjp("cpu", wide, [np.array(1.0)])
    for mine, exact in zip((value, *gradients), (known, *products), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, exact, rtol=1e-5, atol=1e-5)


def product(A: Any, B: Any, C: Any) -> Any:
    """A product whose rows are samples, one over samples, and one of neither."""
    hidden = np.tanh(A @ B + 0.5)
    return np.sum(hidden @ C.T) + np.sum((C @ C.T) ** 2)


def check_contractions() -> None:
    """Squares of contractions: full ones, their edges, and sizes too small for one."""
    rng = np.random.default_rng(5)
    shapes = {"A": "f64[n, d]", "B": "f64[d, h]", "C": "f64[m, h]"}
    module = build(product, shapes)
    roomy = replace(SMALL, tile_elements=400)  # tiles of five rows, for squares of four
    python = cuda_module(module, roomy)
    assert "left_strip" in module.source("cuda")
    for n, d, h, m in ((11, 9, 13, 5), (16, 8, 8, 8), (3, 4, 5, 2), (9, 1, 4, 6), (0, 4, 4, 4)):
        sizes = {"n": n, "d": d, "h": h, "m": m}
        arguments = random_arguments(module.model.program, rng, **sizes)
        (known,), products = module.vjp("cpu", arguments, [np.array(1.5)])
        found = flat_vjp(module, python, arguments, [1.5])
        compare(f"product {sizes}", found, (known, *products))
    single = build(product, shapes, dtype="float32")
    arguments = random_arguments(single.model.program, rng, n=11, d=9, h=13, m=5)
    found = flat_vjp(single, cuda_module(single, roomy), arguments, [np.float32(1.0)])
    wide = {name: array.astype("f8") for name, array in arguments.items()}
    (known,), products = module.vjp("cpu", wide, [np.array(1.0)])
    for mine, exact in zip(found, (known, *products), strict=True):
        np.testing.assert_allclose(mine, exact, rtol=2e-5, atol=1e-4)


def check_derivatives() -> None:
    """A Hessian by its structure, computed by kernels and returned as NumPy arrays."""
    rng = np.random.default_rng(9)
    module = example("poisson")
    python, plain = cuda_module(module), module.module("cpu")
    arguments = random_arguments(module.model.program, rng, n=11, p=3)
    found, known = python.loss_hessian(**arguments), plain.loss_hessian(**arguments)
    vector = rng.normal(size=3)
    compare("hessian", (np.asarray(found @ vector),), (np.asarray(known @ vector),))
    model = capture(lambda x: np.sum(np.tanh(x) ** 3), shapes={"x": "f64[n]"}, wrt="x", name="f")
    module = Built(model, derive(model, (), Timings(), products=("jvp", "hvp")))
    python, plain = cuda_module(module), module.module("cpu")
    x, direction = rng.normal(size=11), rng.normal(size=11)
    compare("jvp", tuple(python.f_jvp(x, direction)), tuple(plain.f_jvp(x, direction)))
    compare("hvp", (python.f_hvp(x, direction),), (plain.f_hvp(x, direction),))
    expect(ValueError, "'vector of x' has shape", python.f_hvp, x=x, vector=direction[:3])


def check_self_check() -> None:
    """The module's own comparison with differences, at the launch sizes that are shipped."""
    module = build(lambda x: np.sum(np.exp(-x * x)), {"x": "f64[n]"})
    assert cuda_module(module)._self_check()
    default = cuda_module(module, CudaOptions())
    x = np.linspace(-1, 1, 300)
    value, gradients = default.f_value_and_grad(x)
    np.testing.assert_allclose(value, np.sum(np.exp(-x * x)), rtol=1e-13)
    np.testing.assert_allclose(gradients[0], -2 * x * np.exp(-x * x), rtol=1e-13)


def _on_host(arrays: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(a if isinstance(a, np.ndarray) else a.copy_to_host() for a in arrays)


def expect(
    kind: type[Exception], text: str, function: Callable[..., Any], **arguments: Any
) -> None:
    try:
        function(**arguments)
    except kind as error:
        assert text in str(error), str(error)
    else:
        raise AssertionError(f"no {kind.__name__} with '{text}'")


def main() -> None:
    """`modules NAME…`: examples by name, and `arguments` for everything else."""
    checks: dict[str, Callable[[], None]] = {}
    for name in sys.argv[1:]:
        if name in EXAMPLES:
            checks[name] = partial(check_example, name)
        else:
            checks |= {
                "device arrays": check_device_arrays,
                "out and accumulate": check_out_and_accumulate,
                "streams and workspace": check_streams_and_workspace,
                "errors": check_errors,
                "float32": check_float32,
                "contractions": check_contractions,
                "divided kernels": partial(check_example, "mlp", replace(SMALL, most_nests=3)),
                "derivatives": check_derivatives,
                "self check": check_self_check,
            }
    print(json.dumps(run_all(checks)))


if __name__ == "__main__":
    main()
