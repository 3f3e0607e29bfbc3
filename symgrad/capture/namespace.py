"""While a model is captured, its names for NumPy and SciPy stand for tracing versions of them.

`np.zeros((n, k))` with a symbolic size and SciPy's Python functions never reach NumPy's
protocols, so the names themselves are exchanged, in the modules of the model and in closures, and
put back at the end.
"""

from __future__ import annotations

import functools
import random
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from symgrad.capture.dispatch import call, fail_unknown, handler_of
from symgrad.capture.frames import is_library_file
from symgrad.capture.marking import MarkedProgram
from symgrad.capture.operands import contains_symbolic
from symgrad.capture.tracer import active_tracer, fail

__all__ = ["tracing_names"]

_LOCK = threading.RLock()
_LIBRARIES = ("numpy", "scipy", "math")


class TracingModule:
    """A module of NumPy or SciPy as a model sees it while it is captured."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return replacement(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return dir(self._module)


class TracingRandom:
    """A source of random numbers while a model is captured: every use is an error."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __getattr__(self, name: str) -> NoReturn:
        _fail_random(f"{self._source}.{name}")

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        _fail_random(self._source)


def _fail_random(operation: str) -> NoReturn:
    fail(
        operation,
        "random numbers drawn while the model is captured would be baked into the program",
        "draw them before and pass them as an argument",
    )


def _random_source(value: Any) -> str | None:
    """How messages call a source of random numbers; None for anything else."""
    if isinstance(value, TracingRandom):
        return None  # a capture inside of another finds the names exchanged
    generators = (np.random.Generator, np.random.RandomState, random.Random)
    if value is np.random or value is random:
        return "np.random" if value is np.random else "random"
    if isinstance(value, generators):
        return type(value).__name__
    module = str(getattr(value, "__module__", None) or "")
    own = getattr(value, "__self__", None)
    if isinstance(own, generators) or (callable(value) and module.startswith("numpy.random")):
        return (
            f"np.random.{getattr(value, '__name__', '')}" if not isinstance(value, type) else None
        )
    return None


def replacement(value: Any) -> Any:
    """What stands for a value of NumPy, SciPy or math while a model is captured."""
    source = _random_source(value)
    if source is not None:
        return TracingRandom(source)
    if isinstance(value, types.ModuleType):
        return TracingModule(value) if _is_library_module(value) else value
    if handler_of(value) is not None or _is_library_function(value):
        return _traced(value)
    return value


def _is_library_function(value: Any) -> bool:
    """Plain functions of NumPy, SciPy and math: not ufuncs, types or constants."""
    if isinstance(value, (np.ufunc, type)) or not callable(value):
        return False
    module = str(getattr(value, "__module__", None) or "")
    return module.partition(".")[0] in _LIBRARIES


def _is_library_module(module: types.ModuleType) -> bool:
    return module.__name__.partition(".")[0] in _LIBRARIES


def _traced(function: Any) -> Callable[..., Any]:
    """The function, but with its handler for symbolic arguments."""
    handler = handler_of(function)

    @functools.wraps(function, updated=())
    def traced(*arguments: Any, **named: Any) -> Any:
        symbolic = contains_symbolic(arguments) or contains_symbolic(tuple(named.values()))
        wanted = symbolic or (handler is not None and handler.always)
        if active_tracer() is None or not wanted:
            return function(*arguments, **named)
        if handler is not None:
            return call(handler, arguments, named)
        return _fail_library(function)

    return traced


def _fail_library(function: Any) -> NoReturn:
    if getattr(function, "__module__", "") == "math":
        name = function.__name__
        numpy_name = {
            "fabs": "abs",
            "pow": "power",
            "asin": "arcsin",
            "acos": "arccos",
            "atan": "arctan",
            "atan2": "arctan2",
            "lgamma": "",
            "erf": "",
            "erfc": "",
        }
        known = numpy_name.get(name, name)
        instead = f"np.{known}" if known else f"scipy.special.{name.replace('lgamma', 'gammaln')}"
        fail(f"math.{name}", "it takes plain numbers only, not arrays of the program", instead)
    fail_unknown(function)


# --- exchanging the names ----------------------------------------------------------------------


@contextmanager
def tracing_names(function: Callable[..., Any]) -> Iterator[None]:
    """Exchange the names in everything that a model reaches, and put them back at the end."""
    with _LOCK:
        undo: list[Callable[[], None]] = []
        try:
            for scope in _reachable_scopes(function, undo):
                _exchange(scope, undo)
            yield
        finally:
            for restore in reversed(undo):
                restore()


def _exchange(scope: dict[str, Any], undo: list[Callable[[], None]]) -> None:
    for name, value in list(scope.items()):
        other = replacement(value) if _worth_replacing(value) else value
        if other is not value:
            scope[name] = other
            undo.append(functools.partial(scope.__setitem__, name, value))
    if "len" not in scope:
        scope["len"] = _traced(len)
        undo.append(functools.partial(scope.pop, "len", None))


def _worth_replacing(value: Any) -> bool:
    if _random_source(value) is not None:
        return True
    if isinstance(value, types.ModuleType):
        return _is_library_module(value)
    return callable(value) and (handler_of(value) is not None or _is_library_function(value))


def _reachable_scopes(
    function: Callable[..., Any], undo: list[Callable[[], None]]
) -> list[dict[str, Any]]:
    """Global names of the model and of the user's modules and functions that it reaches."""
    scopes: dict[int, dict[str, Any]] = {}
    seen: set[int] = set()
    queue: list[Any] = [function]
    while queue:
        value = queue.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, MarkedProgram):
            queue.append(value.function)
        elif isinstance(value, types.FunctionType):
            if value is not function and is_library_file(value.__code__.co_filename):
                continue
            queue.extend(_cells(value, undo))
            queue.append(getattr(value, "__wrapped__", None))
            if id(value.__globals__) not in scopes:
                scopes[id(value.__globals__)] = value.__globals__
                queue.extend(value.__globals__.values())
        elif isinstance(value, types.ModuleType):
            file = getattr(value, "__file__", None)
            if file and not is_library_file(file) and id(vars(value)) not in scopes:
                scopes[id(vars(value))] = vars(value)
                queue.extend(vars(value).values())
        elif isinstance(value, types.MethodType):
            queue.append(value.__func__)
        elif isinstance(value, type) and not _is_library_class(value):
            queue.extend(vars(value).values())
    return list(scopes.values())


def _is_library_class(value: type) -> bool:
    import sys

    module = sys.modules.get(value.__module__)
    file = getattr(module, "__file__", None)
    if module is None:
        return value.__module__ in ("builtins",)
    return file is None or is_library_file(file)


def _cells(function: types.FunctionType, undo: list[Callable[[], None]]) -> list[Any]:
    """Values in the closure of a function, with NumPy's names exchanged in place."""
    values = []
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        values.append(value)
        if _worth_replacing(value):
            cell.cell_contents = replacement(value)
            undo.append(functools.partial(setattr, cell, "cell_contents", value))
    return values
