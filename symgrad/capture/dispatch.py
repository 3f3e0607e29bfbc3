"""From NumPy's protocols to the operations: one registry of functions, one table of methods.

Everything that a model calls on a symbolic array passes through here. The results get the name of
the variable that receives them.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from symgrad.capture.array import SymbolicArray
from symgrad.capture.tracer import active_tracer, current_tracer, fail

__all__ = [
    "apply_function",
    "apply_ufunc",
    "array_method",
    "call_handler",
    "handler_of",
    "implements",
    "shown_name",
]


Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handler:
    """What stands for one function of NumPy or SciPy while a model is captured."""

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    always: bool


_BY_FUNCTION: dict[int, tuple[Any, Handler]] = {}
_BY_NAME: dict[str, Handler] = {}
_METHODS: dict[str, Handler] = {}

HINTS = {
    "sort": "sort before, or pass the order as an index array",
    "argsort": "pass the order as an index array",
    "svd": "matrix factorisations are not captured: pass the factors as arguments",
    "eigh": "matrix factorisations are not captured: pass the factors as arguments",
    "nansum": "np.sum(np.where(np.isnan(x), 0, x))",
    "nanmean": "np.sum(np.where(np.isnan(x), 0, x)) / np.sum(~np.isnan(x))",
    "median": "np.mean, or pass the order as an index array",
    "unique": "compute it before and pass it as an argument",
    "nonzero": "np.where(mask, x, 0)",
    "argwhere": "np.where(mask, x, 0)",
    "flatnonzero": "np.where(mask, x, 0)",
    "extract": "np.where(mask, x, 0)",
    "compress": "np.where(mask, x, 0)",
    "select": "nested np.where(condition, a, b)",
    "piecewise": "nested np.where(condition, a, b)",
    "fill": "np.full_like(x, value)",
    "put": "y[i] = value on an array made by np.zeros",
    "copyto": "y[...] = value",
    "vectorize": "the function on whole arrays",
    "apply_along_axis": "the function on whole arrays, with axis=",
}


def implements(
    *functions: Any, name: str = "", method: str = "", always: bool = False
) -> Callable[[Function], Function]:
    """Register the decorated function for functions of NumPy and SciPy, and as an array method.

    Args:
        functions: the real functions it stands for while a model is captured.
        name: the name to show in messages; by default that of the first function.
        method: the method of arrays with the same arguments, if there is one.
        always: whether it also takes calls without any symbolic argument (np.zeros).
    """

    def register(function: Function) -> Function:
        shown = name or shown_name(functions[0])
        handler = Handler(shown, function, inspect.signature(function), always)
        for real in functions:
            _BY_FUNCTION[id(real)] = (real, handler)
        _BY_NAME[function.__name__.rstrip("_")] = handler
        if method:
            _METHODS[method] = handler
        return function

    return register


def shown_name(function: Any) -> str:
    """How messages call a function: np.linalg.norm, scipy.special.expit."""
    module = str(getattr(function, "__module__", None) or "")
    name = str(getattr(function, "__name__", function))
    if module.startswith("scipy") or _is_special(function):
        return f"scipy.special.{name}"
    parts = [part for part in module.split(".")[1:] if part and not part.startswith("_")]
    inner = [part for part in parts if part in ("linalg", "fft", "random")]
    return ".".join(["np", *inner, name])


def _is_special(function: Any) -> bool:
    from scipy import special

    name = getattr(function, "__name__", "")
    return isinstance(function, np.ufunc) and getattr(special, name, None) is function


def handler_of(function: Any) -> Handler | None:
    """The handler registered for a real function."""
    try:
        found = _BY_FUNCTION.get(id(function))
    except TypeError:
        return None
    return found[1] if found is not None and found[0] is function else None


def call(handler: Handler, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Run a handler with the arguments of the model and name its result."""
    try:
        bound = handler.signature.bind(*arguments, **options)
    except TypeError as error:
        fail(
            handler.name,
            f"this form of the call cannot be captured: {error}",
            f"the captured form is {handler.name}{_plain_signature(handler.signature)}",
        )
    with outermost() as is_outermost:
        result = handler.function(*bound.args, **bound.kwargs)
    return named(result) if is_outermost else result


@contextmanager
def outermost() -> Iterator[bool]:
    """Whether an operation was called by the model itself, not by another operation."""
    tracer = current_tracer()
    tracer.depth += 1
    try:
        yield tracer.depth == 1
    finally:
        tracer.depth -= 1


def _plain_signature(signature: inspect.Signature) -> str:
    shown = []
    for parameter in signature.parameters.values():
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        shown.append(f"{star}{parameter.name}{default}")
    return f"({', '.join(shown)})"


def call_handler(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Run a handler by the name of its function."""
    return call(_BY_NAME[name], arguments, options)


def named(result: Any) -> Any:
    """The result itself; its statements prefer the names of the variables that receive it."""
    tracer = active_tracer()
    if tracer is None:
        return result
    if isinstance(result, SymbolicArray):
        names = tracer.code.receivers()
        if len(names) == 1:
            tracer.suggest(result.reference, names[0])
    elif isinstance(result, (list, tuple)):
        names = tracer.code.receivers()
        if len(names) == len(result):
            for entry, name in zip(result, names, strict=True):
                if isinstance(entry, SymbolicArray):
                    tracer.suggest(entry.reference, name)
    return result


def apply_function(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """NumPy's `__array_function__`: a function of NumPy on symbolic arrays."""
    handler = handler_of(function)
    if handler is None:
        fail_unknown(function)
    return call(handler, arguments, options)


def apply_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """NumPy's `__array_ufunc__`: a ufunc or one of its methods on symbolic arrays."""
    from symgrad.capture.elementwise import apply_elementwise, apply_method

    with outermost() as is_outermost:
        if method == "__call__":
            result = apply_elementwise(ufunc, inputs, options)
        else:
            result = apply_method(ufunc, method, inputs, options)
    return named(result) if is_outermost else result


def array_method(array: SymbolicArray, name: str) -> Any:
    """The bound method `array.name`, or why there is none."""
    handler = _METHODS.get(name)
    if handler is not None:

        def bound(*arguments: Any, **options: Any) -> Any:
            return call(handler, (array, *arguments), options)

        return bound
    if name.startswith("__") or not hasattr(np.ndarray, name):
        raise AttributeError(f"'ndarray' object has no attribute '{name}'")
    nearest = _nearest(name, sorted(_METHODS))
    fail(f"ndarray.{name}", "it cannot be captured", HINTS.get(name) or nearest)


def fail_unknown(function: Any) -> NoReturn:
    """An unknown function: say so, with what to write or the nearest names that are known."""
    from symgrad.capture.elementwise import known_ufuncs

    shown = shown_name(function)
    known = sorted({handler.name for _, handler in _BY_FUNCTION.values()} | known_ufuncs())
    hint = HINTS.get(shown.rpartition(".")[2]) or _nearest(shown, known)
    fail(shown, "this operation cannot be captured", hint)


def _nearest(name: str, known: Sequence[str]) -> str:
    short = {entry.rpartition(".")[2]: entry for entry in known}
    found = difflib.get_close_matches(name.rpartition(".")[2], short, n=4, cutoff=0.6)
    if not found:
        return "write it with NumPy functions that are supported; the guide lists them"
    return "the nearest that can be: " + ", ".join(short[entry] for entry in found)
