"""`capture`: run a model on symbolic arrays and keep what it does as a program."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.capture.annotations import ArgumentSpec
from symgrad.capture.array import SymbolicArray, fail_view_write
from symgrad.capture.elementwise import identity
from symgrad.capture.finish import finish_program, finished_requirements
from symgrad.capture.frames import ModelCode
from symgrad.capture.marking import MarkedProgram
from symgrad.capture.namespace import tracing_names
from symgrad.capture.operands import as_array, contains_symbolic
from symgrad.capture.signature import Signature, read_signature
from symgrad.capture.sizes import SizeNumber
from symgrad.capture.tracer import Tracer, activate, active_tracer
from symgrad.errors import CaptureError, ModelError, SymgradError
from symgrad.program import Argument, DType, Guard, Program, is_floating, verify

__all__ = ["CapturedModel", "capture"]


@dataclass(frozen=True, slots=True)
class CapturedModel:
    """A captured model: its program, and how its function is called and what it returns.

    `requirements` are conditions on sizes under which the program is what the model computes.
    """

    program: Program
    wrt: tuple[str, ...]
    single_wrt: bool
    returns_tuple: bool
    source: str
    docstring: str
    line: int
    requirements: tuple[Guard, ...] = ()
    named_wrt: bool = False


def capture(
    function: Callable[..., Any] | MarkedProgram,
    *,
    wrt: str | tuple[str, ...] | None = None,
    shapes: Mapping[str, str | ArgumentSpec] | None = None,
    examples: Mapping[str, object] | None = None,
    dtype: DType | None = None,
    name: str | None = None,
    source: str | None = None,
    nested: bool = False,
) -> CapturedModel:
    """The program that a function computes.

    Args:
        function: a plain function, or one marked with `@program`.
        wrt: arguments to differentiate by; by default those of the mark, or every floating one.
        shapes: shapes by argument, such as "f64[n, d]"; they win over annotations.
        examples: arrays by argument, for arguments without annotation; sizes stay symbolic.
        dtype: the type of every floating argument.
        name: the name of the program; that of the function by default.
        source: the file name to show in messages and formulas.
        nested: capture inside a running capture, whose sizes `shapes` speak of; sizes that turn
            out to be equal become equal there too.

    Raises:
        ModelError: the function cannot be used: annotations, `wrt`, or an exception of its own.
        CaptureError: an operation cannot be captured.
    """
    marked = function if isinstance(function, MarkedProgram) else MarkedProgram(function)
    plain = inspect.unwrap(marked.function)  # decorators run, but the signature is the inner one
    if not inspect.isfunction(plain):
        raise ModelError(f"{plain!r} is not a Python function, so it cannot be captured")
    outer = active_tracer()
    if outer is not None and not nested:
        raise CaptureError("a model cannot be compiled while another one is captured")
    code = ModelCode(plain.__code__, source or Path(plain.__code__.co_filename).name)
    signature = read_signature(plain, code, shapes or {}, examples or {}, dtype)
    chosen = marked.wrt if wrt is None else wrt
    names = _differentiated(plain, code, signature, chosen)
    tracer = Tracer(code, signature.arguments, signature.example_sizes)
    if outer is not None:
        tracer.example_sizes = outer.example_sizes
        tracer.equal_sizes = outer.equal_sizes
        tracer.requirements = outer.requirements
    title = _program_name(name or marked.name)
    outputs, returns_tuple = _trace(tracer, marked.function, signature)
    program = verify(finish_program(tracer, title, outputs))
    return CapturedModel(
        program=program,
        wrt=names,
        single_wrt=isinstance(chosen, str),
        returns_tuple=returns_tuple,
        source=code.source,
        docstring=inspect.getdoc(plain) or "",
        line=code.line,
        requirements=finished_requirements(tracer),
        named_wrt=chosen is not None,
    )


def _program_name(name: str) -> str:
    return name if name.isidentifier() else "function"


def _differentiated(
    function: Callable[..., Any],
    code: ModelCode,
    signature: Signature,
    wrt: str | tuple[str, ...] | None,
) -> tuple[str, ...]:
    """The arguments to differentiate by, checked."""
    dtypes: dict[str, DType] = {a.name: a.dtype for a in signature.arguments}
    floating = [name for name, dtype in dtypes.items() if is_floating(dtype)]
    if wrt is None:
        return tuple(floating)
    where = f"{code.source}:{code.line}: wrt of '{function.__name__}'"
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not names:
        raise ModelError(f"{where} names no argument; the floating ones are: {_list(floating)}")
    for name in names:
        if name in signature.constants:
            raise ModelError(
                f"{where} names '{name}', which has a default and no array annotation, so it is a "
                f'constant; annotate it to differentiate by it: {name}: Float64[Array, ""]'
            )
        if name not in dtypes:
            raise ModelError(
                f"{where} names '{name}', which is not an argument; the floating ones are: "
                f"{_list(floating)}"
            )
        if not is_floating(dtypes[name]):
            raise ModelError(
                f"{where} names '{name}', which is {dtypes[name]}: derivatives exist only for "
                f"floating arguments: {_list(floating)}"
            )
    if len(set(names)) < len(names):
        raise ModelError(f"{where} names an argument twice: {_list(list(names))}")
    return names


def _list(names: list[str]) -> str:
    return ", ".join(names) if names else "none"


# --- tracing -----------------------------------------------------------------------------------


def _trace(
    tracer: Tracer, function: Callable[..., Any], signature: Signature
) -> tuple[list[str], bool]:
    """Run the function; provisional names of its outputs, and whether it returned several."""
    tracer.code.boundary = _trace.__code__
    with activate(tracer):
        values: dict[str, Any] = {a.name: _symbolic(a) for a in signature.arguments}
        values.update(signature.constants)
        try:
            with tracing_names(function):
                result = function(
                    *[values[n] for n in signature.positional],
                    **{n: values[n] for n in signature.keyword_only},
                )
                return _outputs(tracer, function, result)
        except SymgradError:
            raise
        except RecursionError as error:
            raise ModelError(f"{tracer.code.source}: the model calls itself without end") from error
        except Exception as error:
            _raise_own_error(error)
            where = tracer.code.origin_of(error.__traceback__)
            raise ModelError(
                f"{where}: the model raised {type(error).__name__} while it was captured: {error}"
            ) from error


def _raise_own_error(error: BaseException) -> None:
    """Raise the error of symgrad behind an error of NumPy, which may have wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SymgradError):
            raise cause
        cause = cause.__cause__ or cause.__context__


def _symbolic(argument: Argument) -> SymbolicArray:
    return SymbolicArray(
        argument.name, argument.shape, argument.dtype, is_argument=bool(argument.shape)
    )


def _outputs(tracer: Tracer, function: Callable[..., Any], result: Any) -> tuple[list[str], bool]:
    for pending in tracer.pending.values():
        fail_view_write(pending)
    where = f"{tracer.code.source}:{tracer.code.line}: '{getattr(function, '__name__', 'it')}'"
    several = isinstance(result, (tuple, list)) and not _is_number_list(result)
    entries = list(result) if several else [result]
    if not entries:
        raise ModelError(f"{where} returns an empty {type(result).__name__}")
    outputs: list[str] = []
    for entry in entries:
        if not _is_array_like(entry):
            raise ModelError(
                f"{where} returns {_described(entry)}; it must return an array, or a tuple of "
                "arrays"
            )
        outputs.append(_own_statement(tracer, as_array("return", entry), outputs))
    return outputs, several


def _is_number_list(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and not contains_symbolic(result)


def _is_array_like(value: Any) -> bool:
    if isinstance(value, (SymbolicArray, SizeNumber, bool, int, float, np.generic)):
        return True
    if isinstance(value, (list, tuple)):
        return all(_is_array_like(entry) for entry in value)
    return isinstance(value, np.ndarray)


def _described(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _own_statement(tracer: Tracer, array: SymbolicArray, outputs: list[str]) -> str:
    """A statement for one output alone: arguments and repeated outputs get an identity."""
    name = array.read("return")
    if name in tracer.drafts and name not in outputs:
        return name
    return identity("return", array).reference
