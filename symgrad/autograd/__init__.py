"""The interactive engine: torch.autograd's semantics on the compiler's derivatives.

    import symgrad as torch

Operations are evaluated by NumPy at once and recorded. Each one's derivative is the program that
the compiler derives for it; under `create_graph` derivatives are recorded like any operation.
`tensor` and `recording` make the graph, `engine` walks it, `rules` run the derivatives.
"""

from __future__ import annotations

from symgrad.autograd import forward_ad, functional, graph
from symgrad.autograd.backward import backward, grad
from symgrad.autograd.checking import GradcheckError, gradcheck, gradgradcheck
from symgrad.autograd.function import Function, once_differentiable
from symgrad.autograd.graph import detect_anomaly, set_detect_anomaly
from symgrad.autograd.methods import FUNCTIONS
from symgrad.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from symgrad.autograd.tensor import Tensor
from symgrad.autograd.variable import Variable

__all__ = [
    "FUNCTIONS",
    "Function",
    "GradcheckError",
    "Tensor",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
