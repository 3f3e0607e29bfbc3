"""A traced function as compiled code: value and gradients in one call.

Small programs run as fused Numba kernels. Where large matrix products dominate, the same program
runs as array statements, whose products are BLAS calls.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import sympy

from symgrad.autograd.rules import Rule
from symgrad.capture import CapturedModel
from symgrad.codegen import Target
from symgrad.driver import Derived, Timings, derive, emit
from symgrad.program import Definition, Program

__all__ = ["Engine", "compile_model", "largest_contraction"]

Array = np.ndarray
LARGE = 1 << 20  # multiplications in one contraction, beyond which BLAS is faster than a kernel


class Engine(Protocol):
    """A program that runs: arrays in the order of its arguments."""

    def value(self, arrays: Sequence[Array]) -> Array:
        """The value."""

    def value_and_gradients(self, arrays: Sequence[Array]) -> tuple[Array, Sequence[Array]]:
        """The value and its gradients; the value is 0-d."""

    def gradients(self, arrays: Sequence[Array], cotangent: Array) -> Sequence[Array]:
        """The gradients of Σ cotangent·value."""


class _Kernels:
    """The functions of a generated module: fused Numba kernels."""

    def __init__(self, derived: Derived, target: Target) -> None:
        from symgrad.modules import load

        text = repr(derived.model.program) + repr(derived.model.wrt)
        source = emit(
            (derived,),
            source="graph",
            digest=hashlib.sha256(text.encode()).hexdigest(),
            target=target,
            options=f"target {target}",
            timings=Timings(),
        )
        self.module = load(derived, source).python

    def value(self, arrays: Sequence[Array]) -> Array:
        return np.asarray(self.module.compiled(*arrays))

    def value_and_gradients(self, arrays: Sequence[Array]) -> tuple[Array, Sequence[Array]]:
        value, gradients = self.module.compiled_value_and_grad(*arrays)
        return np.asarray(value), gradients

    def gradients(self, arrays: Sequence[Array], cotangent: Array) -> Sequence[Array]:
        seed = cotangent if cotangent.ndim else cotangent[()]
        gradients: Sequence[Array] = self.module.compiled_vjp(*arrays, seed)[1]
        return gradients


class _Statements:
    """Array statements: contractions are BLAS calls."""

    def __init__(self, derived: Derived) -> None:
        self.forward = Rule(derived.forward)
        self.gradient = Rule(derived.gradient.program)
        self.scalar = derived.is_scalar

    def value(self, arrays: Sequence[Array]) -> Array:
        return np.asarray(self.forward.run(arrays)[0])

    def value_and_gradients(self, arrays: Sequence[Array]) -> tuple[Array, Sequence[Array]]:
        with np.errstate(all="ignore"):
            value, *gradients = self.gradient.run(arrays)
        return np.asarray(value), gradients

    def gradients(self, arrays: Sequence[Array], cotangent: Array) -> Sequence[Array]:
        with np.errstate(all="ignore"):
            if not self.scalar:
                return self.gradient.run([*arrays, cotangent])[1:]
            return [cotangent * g for g in self.gradient.run(arrays)[1:]]


def compile_model(model: CapturedModel, arrays: Sequence[Array], target: Target | None) -> Engine:
    """The engine of a model, chosen by the sizes of its arguments unless a target is given."""
    derived = derive(model, (), Timings())
    if target is None:
        large = largest_contraction(derived.gradient.program, arrays) > LARGE
        target = "numpy" if large else "cpu"
    return _Statements(derived) if target == "numpy" else _Kernels(derived, target)


def largest_contraction(program: Program, arrays: Sequence[Array]) -> int:
    """The most terms that one sum of products over an axis has, for arguments of these shapes."""
    lengths: dict[Any, int] = {}
    for argument, array in zip(program.arguments, arrays, strict=False):
        lengths.update(
            (extent, sympy.Integer(n))
            for extent, n in zip(argument.shape, array.shape, strict=True)
            if extent.is_Symbol
        )
    most = 0
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            continue
        for term in statement.terms:
            if term.axes:
                axes = (*statement.axes, *term.axes)
                most = max(most, math.prod(_length(axis.extent, lengths) for axis in axes))
    return most


def _length(extent: Any, lengths: dict[Any, int]) -> int:
    value = extent.xreplace(lengths)
    return int(value) if value.is_Integer else 1
