"""The parameters of a model: which are arrays, of what shape, and which are constants."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from symgrad.capture.annotations import (
    ArgumentSpec,
    annotation_spec,
    evaluated_annotations,
    parse_named_shape,
    parse_shape,
)
from symgrad.capture.frames import ModelCode
from symgrad.capture.numbers import supported_dtype
from symgrad.errors import ModelError
from symgrad.program import Argument, DType, is_floating, size_symbol

__all__ = ["Signature", "read_signature"]


@dataclass(slots=True)
class Signature:
    """Array arguments in order, compile-time constants, and how to call the function."""

    arguments: tuple[Argument, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    keyword_only: tuple[str, ...] = ()
    example_sizes: dict[str, int] | None = None


def read_signature(
    function: Callable[..., Any],
    code: ModelCode,
    shapes: Mapping[str, str | ArgumentSpec],
    examples: Mapping[str, object],
    dtype: DType | None,
) -> Signature:
    """The parameters of a function, with shapes from `shapes`, annotations or `examples`."""
    parameters = inspect.signature(function).parameters
    where = f"{code.source}:{code.line}: function '{function.__name__}'"
    for kind, given in (("shapes", shapes), ("examples", examples)):
        for name in given:
            if name not in parameters:
                raise ModelError(
                    f"{where}: {kind} names '{name}', which is not a parameter; they are: "
                    f"{', '.join(parameters) or 'none'}"
                )
    annotations = evaluated_annotations(function)
    reader = _Reader(where, annotations, shapes, examples, dtype)
    return reader.signature(parameters)


class _Reader:
    """Reads one parameter after the other."""

    def __init__(
        self,
        where: str,
        annotations: dict[str, Any],
        shapes: Mapping[str, str | ArgumentSpec],
        examples: Mapping[str, object],
        dtype: DType | None,
    ) -> None:
        self.where = where
        self.annotations = annotations
        self.shapes = shapes
        self.examples = examples
        self.dtype = dtype
        self.sizes: dict[str, int] = {}

    def signature(self, parameters: Mapping[str, inspect.Parameter]) -> Signature:
        arguments: list[Argument] = []
        result = Signature()
        for name, parameter in parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
                raise ModelError(
                    f"{self.where}: the parameter {stars}{name} cannot be compiled; give every "
                    "argument a name of its own"
                )
            if parameter.kind is parameter.KEYWORD_ONLY:
                result.keyword_only += (name,)
            else:
                result.positional += (name,)
            spec = self.spec(name, parameter)
            if spec is None:
                result.constants[name] = self.constant(name, parameter)
                continue
            kind = self.dtype if self.dtype is not None and is_floating(spec.dtype) else spec.dtype
            arguments.append(Argument(name, spec.shape, kind))
        result.arguments = tuple(arguments)
        if self.sizes or self._uses_examples(arguments):
            result.example_sizes = self.sizes
        return result

    def _uses_examples(self, arguments: list[Argument]) -> bool:
        return any(argument.name in self.examples for argument in arguments)

    def spec(self, name: str, parameter: inspect.Parameter) -> ArgumentSpec | None:
        """Shape and type of a parameter, None if it is a compile-time constant."""
        if name in self.shapes:
            given = self.shapes[name]
            if isinstance(given, ArgumentSpec):
                return given
            return parse_named_shape(given)[1] if ":" in given else parse_shape(given)
        has_default = parameter.default is not parameter.empty
        if parameter.default is None and name not in self.examples:
            return None
        annotation = self.annotations.get(name)
        if annotation in (int, bool, str, float) and has_default:
            return None
        where = f"{self.where}, parameter '{name}'"
        spec = None if annotation is None else annotation_spec(annotation, where)
        if spec is not None:
            return spec
        if has_default and not isinstance(self.examples.get(name), np.ndarray):
            return None
        if name in self.examples:
            return self.example(name, self.examples[name])
        raise ModelError(
            f"{where}: its shape is not known. Annotate it, for example\n"
            f'    {name}: Float64[Array, "n d"]\n'
            f'(from jaxtyping import Float64), or give it from outside: --shape "{name}: f64[n, d]"'
        )

    def constant(self, name: str, parameter: inspect.Parameter) -> Any:
        return self.examples.get(name, parameter.default)

    def example(self, name: str, value: object) -> ArgumentSpec | None:
        """The specification of an example: each length other than 1 gets a size of its own."""
        if isinstance(value, str) or value is None:
            return None
        array = np.asarray(value)
        dtype = supported_dtype(array.dtype)
        if dtype is None:
            raise ModelError(
                f"{self.where}, parameter '{name}': arrays of type {array.dtype} are not "
                "supported: use float64, float32, int64, int32 or bool"
            )
        shape: list[sympy.Expr] = []
        for axis, length in enumerate(array.shape):
            if length == 1:
                shape.append(sympy.S.One)
                continue
            size = f"{name}_{axis}"
            self.sizes[size] = length
            shape.append(size_symbol(size))
        return ArgumentSpec(tuple(shape), dtype)
