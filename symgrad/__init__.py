"""symgrad: a symbolic differentiation compiler for NumPy programs.

The names of the interactive engine (`symgrad.tensor`, `symgrad.autograd`, `symgrad.nn` …) are
loaded when the first of them is used, so that the compiler alone starts quickly.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from symgrad.api import (
    Module,
    compile,
    grad,
    hessian,
    hessian_diagonal,
    hvp,
    jacobian,
    jacobian_sparse,
    jvp,
    value_and_grad,
    value_grad_hessian,
    vjp,
)
from symgrad.capture import program
from symgrad.errors import SymgradError
from symgrad.fitting import least_squares, minimize
from symgrad.precision import accuracy
from symgrad.version import __version__

__all__ = [
    "Module",
    "SymgradError",
    "__version__",
    "accuracy",
    "compile",
    "grad",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jacobian",
    "jacobian_sparse",
    "jvp",
    "least_squares",
    "minimize",
    "program",
    "value_and_grad",
    "value_grad_hessian",
    "vjp",
]


def __getattr__(name: str) -> Any:
    """A name of the interactive engine: `symgrad.tensor`, `symgrad.nn`, `symgrad.no_grad`."""
    if name.startswith("__"):
        raise AttributeError(f"module 'symgrad' has no attribute '{name}'")
    if importlib.util.find_spec(f"symgrad.{name}") is not None:
        return importlib.import_module(f"symgrad.{name}")
    from symgrad.autograd.namespace import NAMES

    if name not in NAMES:
        raise AttributeError(f"module 'symgrad' has no attribute '{name}'")
    globals()[name] = NAMES[name]  # found at once from now on
    return NAMES[name]
