"""Capture: a Python function over NumPy names in, a `CapturedModel` with its `Program` out.

    @program(wrt=("w", "b"))
    def loss(w: Float64[Array, "d"], b: Float64[Array, ""], …): …

    capture(loss).program

The function runs once, on symbolic arrays that answer NumPy's protocols; each operation appends
definitions. `frames` and `tracer` hold the state, `array` and `sizes` are what the model sees,
`dispatch` finds the operations, `finish` gives the readable names.
"""

from symgrad.capture import (
    broadcasting,
    contractions,
    creation,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    matrices,
    norms,
    reductions,
    scans,
    shaping,
    special,
)
from symgrad.capture.annotations import ArgumentSpec, parse_named_shape, parse_shape
from symgrad.capture.loading import load_function, load_model
from symgrad.capture.marking import MarkedProgram, program
from symgrad.capture.session import CapturedModel, capture

__all__ = [
    "ArgumentSpec",
    "CapturedModel",
    "MarkedProgram",
    "capture",
    "load_function",
    "load_model",
    "parse_named_shape",
    "parse_shape",
    "program",
]

# Importing these registers the operations.
OPERATIONS = (
    broadcasting,
    contractions,
    creation,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    matrices,
    norms,
    reductions,
    scans,
    shaping,
    special,
)
