"""What tests share: building modules for every target, oracles of derivatives, comparison."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
from scipy import special

from symgrad.capture import CapturedModel, capture
from symgrad.codegen import Target
from symgrad.driver import Derived, Timings, derive, emit
from symgrad.modules import load
from symgrad.program import (
    Program,
    evaluate,
    evaluate_size,
    format_statement,
    is_floating,
    verify,
)
from symgrad.schedule import ScheduleOptions
from symgrad.schedule.cuda_plan import CudaOptions

__all__ = [
    "C_MATH",
    "Built",
    "assert_close",
    "assert_same_values",
    "build",
    "captured",
    "central_difference",
    "compile_to_module",
    "complex_step_gradient",
    "difference_gradient",
    "flat",
    "formulas",
    "magnitude",
    "random_arguments",
    "weighted_total",
]

Array = np.ndarray
Arguments = Mapping[str, Any]


# --- modules -----------------------------------------------------------------------------------


def build(
    function: Callable[..., Any],
    shapes: Mapping[str, Any],
    *,
    without: Collection[str] = (),
    **options: Any,
) -> Built:
    """A function captured and differentiated; modules are emitted when they are first used."""
    model = capture(function, shapes=shapes, **{"name": "f", **options})
    return Built(model, derive(model, without, Timings()))


@dataclass(slots=True)
class Built:
    """A derived function that can be run by the reference evaluator and on every target."""

    model: CapturedModel
    derived: Derived
    options: ScheduleOptions | None = None
    modules: dict[tuple[Target, bool], ModuleType] = field(default_factory=dict)

    @property
    def floating_outputs(self) -> tuple[bool, ...]:
        dtypes = self.model.program.dtypes()
        return tuple(is_floating(dtypes[name]) for name in self.model.program.outputs)

    def source(self, target: Target = "cpu", cuda: CudaOptions | None = None) -> str:
        """The text of the generated module."""
        chosen = self.options or ScheduleOptions()
        with patch("symgrad.codegen.module.ScheduleOptions", lambda: chosen):
            return emit(
                (self.derived,),
                source="model.py",
                digest="0" * 64,
                target=target,
                options="",
                timings=Timings(),
                cuda=cuda,
            )

    def _unformatted(self, target: Target) -> str:
        """The module's text to be run: neither formatted nor with matrix notation in its header.

        Both are for readers, and take more time than all else in emitting a small module.
        """
        with (
            patch("symgrad.codegen.module.format_source", lambda text: text),
            patch("symgrad.driver.matrix_text", lambda *_, **__: ()),
        ):
            return self.source(target)

    def in_small_tiles(self) -> Built:
        """The same with tiles of two rows and blocks of few, so that small sizes need several."""
        small = ScheduleOptions(least_tile=2, most_tile=2, most_blocks=3, work_per_block=1)
        return Built(self.model, self.derived, small)

    def module(self, target: Target, jit: bool = False) -> ModuleType:
        """The generated module; without `jit` its kernels are plain Python loops."""
        if (target, jit) not in self.modules:
            text = self._unformatted(target)
            if jit or target == "numpy":
                self.modules[target, jit] = load(self.derived, text).python
            else:
                self.modules[target, jit] = _interpreted(self.derived, text)
        return self.modules[target, jit]

    def value(self, target: Target, arguments: Arguments, jit: bool = False) -> tuple[Array, ...]:
        """The outputs computed by a generated module."""
        result = getattr(self.module(target, jit), self.derived.name)(**arguments)
        return _as_tuple(result, self.model.returns_tuple)

    def vjp(
        self, target: Target, arguments: Arguments, cotangents: Sequence[Array], jit: bool = False
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The outputs and vector-Jacobian products computed by a generated module."""
        run = getattr(self.module(target, jit), f"{self.derived.name}_vjp")
        if self.model.returns_tuple:
            values, gradients = run(**arguments, cotangents=tuple(cotangents))
        else:
            values, gradients = run(**arguments, cotangent=cotangents[0])
        return _as_tuple(values, self.model.returns_tuple), _as_tuple(
            gradients, not self.model.single_wrt
        )

    def reference_value(self, arguments: Arguments) -> tuple[Array, ...]:
        """The outputs of the captured program, before any pass, by the reference evaluator."""
        values = evaluate(self.model.program, arguments)
        return tuple(values[name] for name in self.model.program.outputs)

    def reference_vjp(
        self, arguments: Arguments, cotangents: Sequence[Array]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Outputs and products of the simplified gradient program by the reference evaluator."""
        gradient = self.derived.gradient
        seeds = dict(zip(gradient.cotangents, cotangents, strict=False))
        values = evaluate(gradient.program, {**arguments, **seeds})
        # A scalar function has the cotangent 1 built in.
        factor = cotangents[0] if self.derived.is_scalar else None
        products = (values[name] for name in gradient.program.outputs[len(gradient.values) :])
        return tuple(values[name] for name in gradient.program.outputs[: len(gradient.values)]), (
            tuple(p if factor is None else (p * factor).astype(p.dtype) for p in products)
        )


def _as_tuple(result: Any, is_tuple: bool) -> tuple[Array, ...]:
    return tuple(map(np.asarray, result)) if is_tuple else (np.asarray(result),)


def _interpreted(derived: Derived, text: str) -> ModuleType:
    """The module with Numba's compiler off, and `math` with the results of C instead of errors."""
    before = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = 1
    try:
        module = load(derived, text).python
    finally:
        numba.config.DISABLE_JIT = before
    if hasattr(module, "math"):
        module.math = C_MATH  # type: ignore[attr-defined]
    return module


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*map(np.float64, operands))

    return run


C_MATH = SimpleNamespace(
    **{
        name: getattr(math, name)
        for name in ("floor", "ceil", "isnan", "erf", "erfc", "fabs", "prod")
    },
    **{
        name: _quiet(function)
        for name, function in {
            "exp": np.exp,
            "log": np.log,
            "sqrt": np.sqrt,
            "sin": np.sin,
            "cos": np.cos,
            "tan": np.tan,
            "asin": np.arcsin,
            "acos": np.arccos,
            "atan": np.arctan,
            "atan2": np.arctan2,
            "sinh": np.sinh,
            "cosh": np.cosh,
            "tanh": np.tanh,
            "asinh": np.arcsinh,
            "acosh": np.arccosh,
            "atanh": np.arctanh,
            "exp2": np.exp2,
            "expm1": np.expm1,
            "log1p": np.log1p,
            "log2": np.log2,
            "log10": np.log10,
            "hypot": np.hypot,
            "copysign": np.copysign,
            "fmod": np.fmod,
            "pow": np.power,
            "lgamma": special.gammaln,
            "gamma": special.gamma,
        }.items()
    },
)


def compile_to_module(text: str, path: Path, **options: Any) -> ModuleType:
    """The generated module of a model file with this text, written to `path`'s folder."""
    from symgrad.compilation import Request, compile_file
    from symgrad.modules import import_file

    path.write_text(text, encoding="utf-8")
    output = path.with_name(f"{path.stem}_grad.py")
    return import_file(compile_file(Request(path, output=output, **options)).path)


# --- oracles -----------------------------------------------------------------------------------

STEP = 1.5e-3
_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


def flat(result: Any) -> tuple[Array, ...]:
    """The outputs of a model as arrays."""
    return (
        tuple(map(np.asarray, result))
        if isinstance(result, (tuple, list))
        else (np.asarray(result),)
    )


def central_difference(function: Callable[[float], Any], step: float = STEP) -> Any:
    """f'(0) with an error of order step⁸."""
    total: Any = 0.0
    for k, weight in enumerate(_WEIGHTS, start=1):
        total = total + weight * (function(k * step) - function(-k * step))
    return total / step


def weighted_total(
    function: Callable[..., Any], cotangents: Sequence[Array | None]
) -> Callable[[Arguments], Any]:
    """Σ w·f(arguments) over the outputs that have a cotangent."""

    def total(arguments: Arguments) -> Any:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = flat(function(**arguments))
        return sum(np.sum(w * y) for w, y in zip(cotangents, outputs, strict=True) if w is not None)

    return total


def difference_gradient(
    total: Callable[[Arguments], Any], arguments: Arguments, name: str, step: float = STEP
) -> Array:
    """The gradient of a total by one argument, element by element, by central differences."""
    base = np.asarray(arguments[name], dtype=np.float64)
    gradient = np.zeros(base.shape)
    for position in np.ndindex(*base.shape):

        def at(distance: float, position: tuple[int, ...] = position) -> Any:
            moved = base.copy()
            moved[position] += distance
            return total({**arguments, name: moved})

        gradient[position] = central_difference(at, step)
    return gradient


def complex_step_gradient(
    total: Callable[[Arguments], Any], arguments: Arguments, name: str
) -> Array | None:
    """The gradient by Im f(x + i·h)/h, exact to rounding; None if the function refuses complex."""
    base = np.asarray(arguments[name], dtype=np.complex128)
    gradient = np.zeros(base.shape)
    for position in np.ndindex(*base.shape):
        moved = base.copy()
        moved[position] += 1e-30j
        try:
            gradient[position] = np.imag(total({**arguments, name: moved})) / 1e-30
        except (TypeError, ValueError):
            return None
    return gradient


# --- comparison --------------------------------------------------------------------------------


def assert_close(
    actual: Any, expected: Any, rtol: float, *, atol: float = 0.0, what: str = "result"
) -> None:
    """Equal shapes, equal places of NaN and infinity, and |a − e| ≤ rtol·|e| + atol elsewhere."""
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
    if a.dtype.kind not in "fc" and e.dtype.kind not in "fc":
        assert np.array_equal(a, e), f"{what}: {a} is not {e}"
        return
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(a, e, rtol=rtol, atol=atol, err_msg=what)


def magnitude(array: Any) -> float:
    """The largest finite absolute value, 0 for none."""
    values = np.abs(np.asarray(array, dtype=np.float64)).ravel()
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else 0.0


# --- small programs ----------------------------------------------------------------------------


def captured(function: Callable[..., Any], **shapes: str) -> Program:
    """The program of a function, as capture leaves it."""
    return capture(function, shapes=shapes, name="f").program


def formulas(program: Program) -> list[str]:
    """The definitions of a program as text."""
    return [format_statement(statement) for statement in program.definitions]


def random_arguments(program: Program, rng: np.random.Generator, **sizes: int) -> dict[str, Array]:
    """Floating arguments in [0.2, 1.2), integers in [0, 2), at the given sizes."""
    arguments = {}
    for argument in program.arguments:
        shape = tuple(evaluate_size(extent, sizes) for extent in argument.shape)
        drawn = (
            rng.uniform(0.2, 1.2, shape)
            if is_floating(argument.dtype)
            else rng.integers(0, 2, shape)
        )
        arguments[argument.name] = np.asarray(drawn).astype(argument.dtype)
    return arguments


def assert_same_values(
    before: Program, after: Program, rng: np.random.Generator, **sizes: int
) -> None:
    """Both programs are legal and have equal outputs on random arguments."""
    verify(after)
    arguments = random_arguments(before, rng, **sizes)
    first, second = evaluate(before, arguments), evaluate(after, arguments)
    assert len(before.outputs) == len(after.outputs)
    for old, new in zip(before.outputs, after.outputs, strict=True):
        assert_close(second[new], first[old], 1e-12, atol=1e-13, what=old)
