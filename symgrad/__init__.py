"""symgrad: a symbolic differentiation compiler for NumPy programs."""

from symgrad.api import Module, compile, grad, value_and_grad, vjp
from symgrad.capture import program
from symgrad.errors import SymgradError
from symgrad.version import __version__

__all__ = [
    "Module",
    "SymgradError",
    "__version__",
    "compile",
    "grad",
    "program",
    "value_and_grad",
    "vjp",
]
