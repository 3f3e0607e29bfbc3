"""One page of the gallery: a function, and the gradient that a textbook prints for it."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A function over NumPy names, differentiated by its first argument.

    `textbook` takes the same arguments and returns the gradient, written over NumPy names as well:
    its operations are counted like those of the derived one.
    """

    title: str
    function: Callable
    textbook: Callable
    shapes: dict[str, str]
