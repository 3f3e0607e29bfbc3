"""The decorator `program`: it marks a function for compilation and leaves it as it is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, overload

from symgrad.errors import ModelError

__all__ = ["MarkedProgram", "program"]


class MarkedProgram:
    """A function marked with `@program`: calling it runs the plain function on arrays.

    Attributes:
        function: the plain function.
        wrt: the arguments to differentiate by; None is every floating argument.
        order: the highest order of derivative that is asked for.
        name: the name of the compiled functions; that of the function by default.
        emit: further functions of the generated module: `hessian`, `jvp` …
    """

    function: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: str | tuple[str, ...] | None = None,
        order: int = 1,
        name: str | None = None,
        emit: tuple[str, ...] = (),
    ) -> None:
        if not callable(function):
            raise ModelError(f"@program marks a function, not {function!r}")
        functools.update_wrapper(self, function)
        self.function = function
        self.wrt = wrt
        self.order = order
        self.emit = emit
        self.name = name or str(getattr(function, "__name__", "program"))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self.function, instance)

    def __repr__(self) -> str:
        return f"<program {self.name}>"


@overload
def program(function: Callable[..., Any], /) -> MarkedProgram: ...
@overload
def program(
    function: None = None,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    order: int = 1,
    name: str | None = None,
    emit: str | Sequence[str] = (),
) -> Callable[[Callable[..., Any]], MarkedProgram]: ...
def program(
    function: Callable[..., Any] | None = None,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    order: int = 1,
    name: str | None = None,
    emit: str | Sequence[str] = (),
) -> Any:
    """Mark a function for `symgrad compile`.

    Args:
        function: the function, when used without brackets.
        wrt: one argument or several to differentiate by; by default every floating argument.
        order: the highest order of derivative that is asked for.
        name: the name of the compiled functions; that of the function by default.
        emit: further functions of the generated module, such as "hessian" or ("jvp", "hvp").

    >>> @program(wrt="x")
    ... def f(x: "f64[n]"):
    ...     return (x * x).sum()
    >>> f.wrt
    'x'
    """
    chosen = wrt if wrt is None or isinstance(wrt, str) else tuple(wrt)
    if function is not None:
        return MarkedProgram(function)

    def mark(plain: Callable[..., Any]) -> MarkedProgram:
        products = (emit,) if isinstance(emit, str) else tuple(emit)
        return MarkedProgram(plain, chosen, order, name, products)

    return mark
