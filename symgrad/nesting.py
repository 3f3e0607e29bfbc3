"""Derivatives inside models: `grad(f)` called while another function is captured.

The derivative of f becomes a part of the program that is being captured, so it can be
differentiated again, to any order, with the same passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.capture import ArgumentSpec, CapturedModel, MarkedProgram, capture
from symgrad.capture.array import SymbolicArray
from symgrad.capture.operands import as_array, contains_symbolic
from symgrad.capture.splicing import splice
from symgrad.capture.tracer import active_tracer
from symgrad.derivatives import Source, dense_program, gradient_program, product_program
from symgrad.driver import check_derivatives
from symgrad.errors import CaptureError
from symgrad.program import Program, is_floating
from symgrad.simplify import simplify

__all__ = ["is_nested", "nested_call"]


def is_nested(values: Sequence[Any]) -> bool:
    """Whether a call happens inside a capture, with arrays of the program."""
    return active_tracer() is not None and contains_symbolic(tuple(values))


def nested_call(
    function: Callable[..., Any] | MarkedProgram,
    wrt: str | tuple[str, ...] | None,
    product: str,
    own: Mapping[str, Any],
    extra: Sequence[Any],
    again: bool,
) -> Any:
    """The product of a function as arrays of the running capture.

    Args:
        function: what is differentiated.
        wrt: by which arguments; see `capture`.
        product: `grad`, `value_and_grad`, `vjp`, or one of `symgrad.derivatives.PRODUCTS`.
        own: the function's arguments by name.
        extra: what follows them: a cotangent, tangents.
        again: the function is a derivative itself, which may be constant.

    Raises:
        CaptureError: the function cannot be captured, or the product has no array form.
    """
    model = _captured(function, wrt, own)
    check_derivatives(replace(model, named_wrt=False) if again else model)
    arrays = {a.name: own[a.name] for a in model.program.arguments}
    source = _source(model)
    if product in ("grad", "value_and_grad", "vjp"):
        return _gradient(source, product, arrays, extra)
    if product in ("jvp", "hvp"):
        return _along(source, product, arrays, extra)
    if product not in ("hessian", "jacobian", "hessian_diagonal"):
        raise CaptureError(f"{product} has no form as arrays; call hessian or jacobian instead")
    results = splice(dense_program(source, product), arrays)
    if product == "hessian_diagonal":
        return results[0] if source.single_wrt else results
    if not source.single_wrt or source.returns_tuple:
        raise CaptureError(
            f"{product} inside a model needs one output and wrt as one name, for one array"
        )
    return results[0]


def _captured(
    function: Callable[..., Any] | MarkedProgram,
    wrt: str | tuple[str, ...] | None,
    own: Mapping[str, Any],
) -> CapturedModel:
    shapes = {}
    constants = {}
    for name, value in own.items():
        if isinstance(value, (SymbolicArray, np.ndarray)):
            array = as_array(name, value)
            shapes[name] = ArgumentSpec(tuple(array.extents), array.kind)
        else:
            constants[name] = value
    return capture(function, wrt=wrt, shapes=shapes, examples=constants, nested=True)


def _source(model: CapturedModel) -> Source:
    program = simplify(model.program, inline=False).program
    outputs = [program.statement(name) for name in program.outputs]
    is_scalar = not model.returns_tuple and not outputs[0].shape and is_floating(outputs[0].dtype)
    return Source(
        program.name,
        f"{model.source}:{model.line}: '{program.name}'",
        program,
        model.wrt,
        model.single_wrt,
        model.returns_tuple,
        is_scalar,
        (),
    )


def _gradient(source: Source, product: str, arrays: Mapping[str, Any], extra: Sequence[Any]) -> Any:
    seeded = product == "vjp"
    if not seeded and not source.is_scalar:
        raise CaptureError(
            f"{source.where} does not return one 0-d value, so it has no gradient; use vjp, "
            "jacobian, or sum the result"
        )
    program, cotangents = gradient_program(source, seeded=seeded)
    results = _run(program, arrays, cotangents, extra)
    count = len(source.program.outputs)
    values, gradients = results[:count], results[count:]
    shown = gradients[0] if source.single_wrt else gradients
    if product == "grad":
        return shown
    return (values if source.returns_tuple else values[0]), shown


def _along(source: Source, product: str, arrays: Mapping[str, Any], extra: Sequence[Any]) -> Any:
    program, vectors = product_program(source, product)
    results = _run(program, arrays, vectors, extra)
    if product == "hvp":
        return results[0] if source.single_wrt else results
    count = len(source.program.outputs)
    values, dots = results[:count], results[count:]
    return (values, dots) if source.returns_tuple else (values[0], dots[0])


def _run(
    program: Program, arrays: Mapping[str, Any], names: Sequence[str], extra: Sequence[Any]
) -> tuple[SymbolicArray, ...]:
    """The program with the vectors that follow the model's arguments, alone or as a sequence."""
    vectors = list(extra[0]) if len(extra) == 1 and len(names) > 1 else list(extra)
    if len(vectors) != len(names):
        raise CaptureError(
            f"{program.name}: {len(vectors)} vectors given after the arguments, expected "
            f"{len(names)}"
        )
    return splice(program, {**arrays, **dict(zip(names, vectors, strict=True))})
