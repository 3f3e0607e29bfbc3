"""`jit`: a function of tensors through compiled kernels.

The first call with arguments of a kind (types, ranks, which lengths are 1) runs and records the
function, lifts the record to a program and compiles value and gradient; later calls of that kind
run the compiled module, for every size. What Python decided in the first call (branches, loop
counts) is fixed by it.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.backward import grad
from symgrad.autograd.function import Function
from symgrad.autograd.lifting import Lifted
from symgrad.autograd.modes import MODES, enable_grad
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.codegen import Target
from symgrad.errors import ModelError

__all__ = ["jit"]


class _Compiled:
    """One compiled kind: the module, and how its arguments follow from those of the call."""

    def __init__(self, function: Callable[..., Any], given: Sequence[Tensor], target: Target):
        from symgrad.api import load
        from symgrad.driver import Timings, derive, emit

        leaves = [wrap(x._data).requires_grad_(x._data.dtype.kind == "f") for x in given]
        with enable_grad():
            result = function(*leaves)
        if not isinstance(result, Tensor):
            raise ModelError("jit: the function must return one tensor")
        names = {f"x{k}": leaf for k, leaf in enumerate(leaves)}
        lifted = Lifted([result], names)
        self.constants = lifted.constants
        self.positions: list[int] = []
        for leaf in lifted.leaves:
            place = next((k for k, own in enumerate(leaves) if own is leaf), None)
            if place is None:
                raise ModelError(
                    "jit: the function reads a tensor that requires grad and is no argument; "
                    "pass it as one"
                )
            self.positions.append(place)
        model = lifted.capture("compiled")
        self.wrt = [lifted.names.index(n) for n in model.wrt]
        derived = derive(model, (), Timings())
        source = emit(
            (derived,),
            source="graph",
            digest=hashlib.sha256(repr(model.program).encode()).hexdigest(),
            target=target,
            options=f"target {target}",
            timings=Timings(),
        )
        self.module = load(derived, source).python

    def arguments(self, given: Sequence[Tensor]) -> list[np.ndarray]:
        """The arrays that the module takes."""
        return [*(given[k]._data for k in self.positions), *self.constants]

    def value(self, given: Sequence[Tensor]) -> np.ndarray:
        """The function's value."""
        return np.asarray(self.module.compiled(*self.arguments(given)))

    def gradients(self, given: Sequence[Tensor], cotangent: np.ndarray) -> list[Any]:
        """One gradient for each argument of the call, None where there is none."""
        seed = cotangent if cotangent.ndim else cotangent[()]
        _, found = self.module.compiled_vjp(*self.arguments(given), seed)
        result: list[Any] = [None] * len(given)
        for position, gradient in zip(self.wrt, found, strict=True):
            result[self.positions[position]] = wrap(np.asarray(gradient))
        return result


class _Run(Function):
    """A compiled function as an operation of the graph."""

    @staticmethod
    def forward(ctx: Any, function: Any, compiled: Any, *given: Tensor) -> Tensor:
        ctx.function, ctx.compiled = function, compiled
        ctx.save_for_backward(*given)
        return wrap(compiled.value(given))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        given = ctx.saved_tensors
        (g,) = gradients
        if not MODES.enabled:
            return (None, None, *ctx.compiled.gradients(given, g._data))
        wanted = [k for k, x in enumerate(given) if x.requires_grad]
        inner = [given[k] for k in wanted]
        found = grad(ctx.function(*given), inner, g, create_graph=True, allow_unused=True)
        result: list[Any] = [None] * len(given)
        for k, gradient in zip(wanted, found, strict=True):
            result[k] = gradient
        return (None, None, *result)


def jit(function: Callable[..., Any], *, target: Target = "cpu") -> Callable[..., Any]:
    """The function, compiled for each kind of tensors it is called with.

    Args:
        function: takes tensors, returns one tensor.
        target: `"cpu"` for Numba kernels, `"numpy"` for array statements.

    Raises:
        ModelError: the function returns something else, or reads a tensor that requires grad and
            is not an argument.
    """
    known: dict[Any, _Compiled] = {}
    lock = threading.Lock()

    @functools.wraps(function)
    def run(*given: Tensor) -> Any:
        key = tuple((x._data.dtype, tuple(n == 1 for n in x._data.shape)) for x in given)
        compiled = known.get(key)
        if compiled is None:
            with lock:
                compiled = known.get(key) or _Compiled(function, given, target)
                known[key] = compiled
        return _Run.apply(function, compiled, *given)

    return run
