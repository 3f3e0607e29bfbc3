"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`; per thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = [
    "MODES",
    "Tracing",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

Function = TypeVar("Function", bound=Callable[..., Any])


class _Modes(threading.local):
    """The state of one thread."""

    enabled: bool = True
    inference: bool = False
    anomaly: bool = False
    tracing: Tracing | None = None


class Tracing:
    """While a function is traced: all is recorded, and arrays of numbers in its text are noted."""

    def __init__(self) -> None:
        self._literals: dict[int, Any] = {}

    def note(self, array: Any) -> None:
        """The array holds numbers that do not depend on any tensor."""
        self._literals[id(array)] = array

    def knows(self, array: Any) -> bool:
        """Whether the array holds such numbers."""
        return id(array) in self._literals


MODES = _Modes()


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return MODES.enabled


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on in this thread."""
    return MODES.inference


class _GradMode:
    """A mode as a context manager and as a decorator, with or without parentheses."""

    _target = True

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()  # type: ignore[misc]
        return self(function)

    def __init__(self, function: Any = None) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(MODES.enabled)
        MODES.enabled = self._target

    def __exit__(self, *error: object) -> None:
        MODES.enabled = self._before.pop()

    def __call__(self, function: Function) -> Function:
        return _decorated(self, function)


def _decorated(mode: Any, function: Function) -> Function:
    if inspect.isgeneratorfunction(function):
        return _decorated_generator(mode, function)

    @functools.wraps(function)
    def inside(*arguments: Any, **named: Any) -> Any:
        with mode:
            return function(*arguments, **named)

    return inside  # type: ignore[return-value]


def _decorated_generator(mode: Any, function: Function) -> Function:
    """The mode holds while the generator runs, not between its values."""

    @functools.wraps(function)
    def inside(*arguments: Any, **named: Any) -> Any:
        generator = function(*arguments, **named)
        while True:
            try:
                with mode:
                    value = next(generator)
            except StopIteration as stop:
                return stop.value
            yield value

    return inside  # type: ignore[return-value]


class no_grad(_GradMode):
    """Nothing is recorded inside.

    >>> import symgrad
    >>> x = symgrad.ones(2, requires_grad=True)
    >>> with symgrad.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _target = False


class enable_grad(_GradMode):
    """Operations are recorded inside, also within `no_grad`."""

    _target = True


class set_grad_enabled:
    """Recording on or off: at once when called, and restored if used as a context manager."""

    def __init__(self, mode: bool) -> None:
        self._before = MODES.enabled
        self._mode = bool(mode)
        MODES.enabled = self._mode

    def __enter__(self) -> None:
        MODES.enabled = self._mode

    def __exit__(self, *error: object) -> None:
        MODES.enabled = self._before

    def __call__(self, function: Function) -> Function:
        MODES.enabled = self._before
        return _decorated(enable_grad() if self._mode else no_grad(), function)


class inference_mode:
    """Nothing is recorded inside, and tensors made inside cannot be saved for a backward."""

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode
        self._before: list[tuple[bool, bool]] = []

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if callable(mode):
            self.__init__()  # type: ignore[misc]
            return self(mode)
        return self

    def __enter__(self) -> None:
        self._before.append((MODES.enabled, MODES.inference))
        MODES.inference = self._mode
        if self._mode:
            MODES.enabled = False

    def __exit__(self, *error: object) -> None:
        MODES.enabled, MODES.inference = self._before.pop()

    def __call__(self, function: Function) -> Function:
        return _decorated(self, function)
