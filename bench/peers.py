"""Each peer behind one face: a program and its arrays in, calls without arguments out.

Imports of the peers are inside the functions, since a worker has exactly one of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.spec import BenchProgram, Inputs

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A value with its gradients, and the forward alone where it is measured.

    `arrays` turns the result of `call` into NumPy arrays: outputs first, then gradients.
    """

    call: Call
    arrays: Callable[[Any], list[np.ndarray]]
    forward: Call | None = None


def flat(result: Any) -> list[np.ndarray]:
    """The leaves of nested tuples and lists."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [np.asarray(result)]


def load_symgrad(program: BenchProgram, variant: str, arrays: Inputs, threads: int) -> Loaded:
    """The generated module; with "out=", gradients go into arrays that are reused."""
    import symgrad

    module = symgrad.compile(program.model)
    suffix = "vjp" if program.vector else "value_and_grad"
    derive = getattr(module, f"{module.name}_{suffix}")
    value = getattr(module, module.name)
    own = arrays[: len(program.arguments)]
    # 0-d arrays as plain numbers, as a user would pass them.
    given = tuple(float(a) if a.ndim == 0 else a for a in arrays)
    plain = given[: len(own)]
    options: dict[str, Any] = {}
    if variant == "out=":
        out = tuple(np.empty_like(arrays[i]) for i in program.active)
        options["out"] = out[0] if isinstance(program.model.wrt, str) else out
    return Loaded(lambda: derive(*given, **options), flat, lambda: value(*plain))


def load_jax(program: BenchProgram, variant: str, arrays: Inputs, threads: int) -> Loaded:
    """`jax.jit` of value and gradient, in float64, arrays as arguments."""
    import jax

    jax.config.update("jax_enable_x64", True)
    function = program.jax[variant]()
    count = len(program.arguments)

    def pulled(*given: Any) -> Any:
        def of_active(*active: Any) -> Any:
            full = list(given[:count])
            for position, value in zip(program.active, active, strict=True):
                full[position] = value
            return function(*full)

        outputs, pull = jax.vjp(of_active, *(given[i] for i in program.active))
        return outputs, pull(given[count])

    derived = pulled if program.vector else jax.value_and_grad(function, argnums=program.active)
    compiled, forward = jax.jit(derived), jax.jit(function)
    device = tuple(jax.device_put(array) for array in arrays)
    own = device[:count]
    return Loaded(
        lambda: jax.block_until_ready(compiled(*device)),
        flat,
        lambda: jax.block_until_ready(forward(*own)),
    )


def _load_torch(
    program: BenchProgram, variant: str, arrays: Inputs, threads: int, compiled: bool
) -> Loaded:
    import torch

    torch.set_num_threads(threads)
    function = program.torch[variant]()
    if compiled:
        torch._dynamo.reset()
        function = torch.compile(function, dynamic=False)
    count = len(program.arguments)
    tensors = [torch.from_numpy(np.array(array)) for array in arrays]
    active = [tensors[i].requires_grad_() for i in program.active]
    own = tensors[:count]
    seeds = tensors[count:] or None

    def call() -> Any:
        output = function(*own)
        return output, torch.autograd.grad(output, active, seeds)

    def to_arrays(result: Any) -> list[np.ndarray]:
        return [part.detach().numpy() for part in (result[0], *result[1])]

    return Loaded(call, to_arrays)


def load_torch(program: BenchProgram, variant: str, arrays: Inputs, threads: int) -> Loaded:
    """torch as it stands, and `torch.autograd.grad`."""
    return _load_torch(program, variant, arrays, threads, False)


def load_torch_compile(program: BenchProgram, variant: str, arrays: Inputs, threads: int) -> Loaded:
    """The same under `torch.compile`, one compilation for each size."""
    return _load_torch(program, variant, arrays, threads, True)


def load_native(program: BenchProgram, variant: str, arrays: Inputs, threads: int) -> Loaded:
    """C++ written by hand, on one thread."""
    from bench.native import build

    library = build(program.native, variant)
    function = getattr(library, program.native)
    function.restype = ctypes.c_double
    gradients = [np.empty_like(arrays[i]) for i in program.active]
    lengths = [ctypes.c_int64(length) for length in _sizes(program, arrays)]
    pointers = [_pointer(array) for array in (*arrays, *gradients)]
    return Loaded(
        lambda: function(*lengths, *pointers), lambda value: [np.array(value), *gradients]
    )


def _sizes(program: BenchProgram, arrays: Inputs) -> Sequence[int]:
    if program.native == "gmm":
        (n, d), K = arrays[-1].shape, len(arrays[0])
        return n, d, K
    return arrays[0].shape


def _pointer(array: np.ndarray) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


LOADERS: dict[str, Callable[[BenchProgram, str, Inputs, int], Loaded]] = {
    "symgrad": load_symgrad,
    "jax": load_jax,
    "torch": load_torch,
    "torch_compile": load_torch_compile,
    "native": load_native,
}
MODULES = {"symgrad": "numba", "jax": "jax", "torch": "torch", "torch_compile": "torch"}
