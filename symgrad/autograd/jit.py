"""`jit`: a function of tensors through compiled kernels.

The first call with arguments of a kind (types, shapes, which require grad) traces the function and
compiles its value and gradient; later calls of that kind run the compiled code. Kinds that have
the same program, with sizes as symbols, share one compilation. What Python decided while tracing
(branches, loop counts) is fixed by it; reading a value in Python is refused.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.backward import grad
from symgrad.autograd.compiled import Engine, compile_model
from symgrad.autograd.modes import MODES
from symgrad.autograd.nodes import FREED, Node
from symgrad.autograd.recording import edge_of, saved_tensor
from symgrad.autograd.tensor import Tensor, wrap
from symgrad.autograd.tracing import Trace
from symgrad.codegen import Target
from symgrad.errors import ModelError

__all__ = ["jit"]

Array = np.ndarray
Kind = tuple[Any, ...]


class _Compiled:
    """The compiled code of one kind of arguments.

    Attributes:
        hidden: tensors that the function reads besides its arguments.
        wrt: places, among arguments and hidden tensors, of those with a gradient.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        given: Sequence[Tensor],
        target: Target | None,
        engines: dict[str, Engine],
    ) -> None:
        trace = Trace(function, given)
        self.trace = trace
        self.hidden = trace.hidden
        self.hidden_kind = _kind(self.hidden)
        every = [*given, *self.hidden]
        tracked = [k for k, x in enumerate(every) if x.requires_grad]
        names = [
            name
            for name, place in zip(trace.lifted.names, trace.positions, strict=False)
            if place in tracked
        ]
        self.wrt = [p for p in trace.positions if p in tracked]
        result = trace.lifted.roots[0]._data
        self.scalar = result.ndim == 0
        if result.dtype.kind != "f":
            raise ModelError(f"jit: the function returns {result.dtype}; it must be floating")
        # Without a gradient asked for, the derivative by any argument is made and never called.
        model = trace.lifted.capture("compiled", names or None)
        key = f"{model.program!r} {model.wrt}"
        engine = engines.get(key)
        if engine is None:
            arrays = trace.arrays([x._data for x in every])
            engine = engines[key] = compile_model(model, arrays, target)
        self.engine = engine


class _CompiledNode(Node):
    """The node of a compiled call: gradients that are there already, or made on demand."""

    __slots__ = ("arrays", "compiled", "counters", "freed", "function", "given", "gradients",
                 "like", "versions")  # fmt: skip

    def __init__(
        self,
        function: Callable[..., Any],
        compiled: _Compiled,
        given: Sequence[Tensor],
        arrays: Sequence[Array],
        value: Array,
        gradients: Sequence[Array] | None,
    ) -> None:
        every = (*given, *compiled.hidden)
        edges = tuple([edge_of(x) if k in compiled.wrt else None for k, x in enumerate(every)])
        super().__init__(edges)
        self.function = function
        self.compiled = compiled
        self.given: Any = [(x._data, x._counter, edge_of(x)) for x in given]
        self.counters = [x._counter for x in every]
        self.versions = [c[0] for c in self.counters]
        self.arrays: Any = arrays
        self.gradients = gradients
        self.like = value.shape, value.dtype
        self.freed = False

    def name(self) -> str:
        return "CompiledFunctionBackward"

    def output_like(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        return self.like

    def _check(self) -> None:
        if self.freed:
            raise RuntimeError(FREED)
        for counter, version in zip(self.counters, self.versions, strict=True):
            if counter[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: it is at version {counter[0]}; expected version {version} "
                    "instead"
                )

    def _release(self, release: bool) -> None:
        if release:
            self.freed = True
            self.arrays = self.gradients = self.given = None

    def backward_arrays(self, cotangents: Sequence[Array | None], release: bool) -> list[Any]:
        self._check()
        cotangent = cotangents[0]
        assert cotangent is not None
        found = self.gradients
        if found is None:
            found = self.compiled.engine.gradients(self.arrays, cotangent)
        elif cotangent != 1:
            found = [np.multiply(cotangent, g) for g in found]
        self._release(release)
        result: list[Any] = [None] * len(self.edges)
        for place, gradient in zip(self.compiled.wrt, found, strict=True):
            result[place] = gradient
        return result

    def backward_tensors(self, cotangents: Sequence[Any], release: bool) -> list[Any]:
        """The function is recorded operation by operation, so that it can be differentiated."""
        self._check()
        given = [saved_tensor(data, counter, edge) for data, counter, edge in self.given]
        every = [*given, *self.compiled.hidden]
        wanted = [every[k] for k in self.compiled.wrt]
        found = grad(
            self.function(*given), wanted, cotangents[0], create_graph=True, allow_unused=True
        )
        self._release(release)
        result: list[Any] = [None] * len(self.edges)
        for place, gradient in zip(self.compiled.wrt, found, strict=True):
            result[place] = gradient
        return result


def _kind(given: Sequence[Tensor]) -> Kind:
    """What the code depends on.

    Raises:
        ModelError: an argument is not a tensor.
    """
    try:
        return tuple([(x._data.dtype, x._data.shape, x.requires_grad) for x in given])
    except AttributeError:
        raise ModelError(
            "jit: arguments are tensors; what is fixed belongs into the function, not "
            + ", ".join(sorted({type(x).__name__ for x in given} - {"Tensor", "Parameter"}))
        ) from None


class _Jit:
    """A function with its compiled kinds."""

    def __init__(self, function: Callable[..., Any], target: Target | None) -> None:
        self.function = function
        self.target = target
        self.known: dict[Kind, _Compiled] = {}
        self.seen: set[Kind] = set()
        self.engines: dict[str, Engine] = {}
        self.lock = threading.Lock()

    def __call__(self, *given: Tensor) -> Tensor:
        if MODES.tracing is not None:
            result: Tensor = self.function(*given)
            return result
        compiled = self._find(given)
        if compiled is None:
            result = self.function(*given)
            return result
        arrays = compiled.trace.arrays([x._data for x in (*given, *compiled.hidden)])
        if not (MODES.enabled and compiled.wrt):
            return wrap(compiled.engine.value(arrays))
        gradients: Sequence[Array] | None = None
        if compiled.scalar:
            value, gradients = compiled.engine.value_and_gradients(arrays)
        else:
            value = compiled.engine.value(arrays)
        result = wrap(value)
        node = _CompiledNode(self.function, compiled, given, arrays, value, gradients)
        result._edge = (node, 0)
        return result

    def _find(self, given: Sequence[Tensor]) -> _Compiled | None:
        """The code of this kind; None for a new kind besides others, until it comes again."""
        key = _kind(given)
        compiled = self.known.get(key)
        if compiled is not None and _kind(compiled.hidden) == compiled.hidden_kind:
            return compiled
        with self.lock:
            if self.known and key not in self.seen:
                self.seen.add(key)
                return None
            compiled = _Compiled(self.function, given, self.target, self.engines)
            self.known[key] = compiled
        return compiled


def jit(function: Callable[..., Any], *, target: Target | None = None) -> Callable[..., Any]:
    """The function, compiled for each kind of tensors it is called with.

    Tensors that the function reads besides its arguments, such as the parameters of a module, are
    arguments too: their present values are used, and they receive gradients.

    Args:
        function: takes tensors, returns one tensor; it may be a module.
        target: `"cpu"` for Numba kernels, which take some seconds to compile when a program is
            new (the file is kept); `"numpy"` for array statements, ready in milliseconds; by
            default kernels, unless matrix products are large enough for BLAS to be faster.

    Raises:
        ModelError: the function returns something else.
        CaptureError: what the function does cannot be known from its arguments alone: it reads a
            value in Python, draws random numbers, or detaches, sorts or selects.

    >>> import symgrad
    >>> @symgrad.jit
    ... def energy(x):
    ...     return (x**2).sum()
    """
    compiled = _Jit(function, target)

    def run(*given: Tensor) -> Any:
        return compiled(*given)

    return functools.update_wrapper(run, function)
