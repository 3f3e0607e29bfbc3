"""Functions of any number of arrays under the parameter names that capture needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["with_parameters"]


def with_parameters(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The same function, which now says that its parameters have these names.

    >>> import inspect
    >>> str(inspect.signature(with_parameters(lambda *arrays: arrays, ["x0", "x1"])))
    '(x0, x1)'
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    vars(function)["__signature__"] = signature
    return function
