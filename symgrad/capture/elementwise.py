"""Ufuncs: y[i…] = f(a[i…], b[i…], …), with the element types of NumPy's own resolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from symgrad.capture.array import SymbolicArray, fail_view_write
from symgrad.capture.dispatch import call_handler, fail_unknown, implements, shown_name
from symgrad.capture.operands import (
    Operand,
    as_array,
    as_operand,
    checked_dtype,
    elementwise,
    result_dtype,
    shape_text,
)
from symgrad.capture.sizes import Size
from symgrad.capture.tracer import current_tracer, fail
from symgrad.capture.ufuncs import BOOLEAN_FORMS, BOOLEAN_ONLY, FORMULAS, SAME_ON_INTEGERS
from symgrad.program import DType, is_floating
from symgrad.program import functions as f

__all__ = ["apply_elementwise", "apply_method", "cast", "cast_body", "identity", "known_ufuncs"]

_SIZE_OPERATORS: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.floor_divide: lambda a, b: a // b,
    np.remainder: lambda a, b: a % b,
}
_CONTRACTIONS: dict[np.ufunc, str] = {
    getattr(np, name): name
    for name in ("matmul", "vecdot", "matvec", "vecmat")
    if hasattr(np, name)
}
_REDUCTIONS: dict[np.ufunc, str] = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "max",
    np.minimum: "min",
    np.logical_and: "all",
    np.logical_or: "any",
}


def known_ufuncs() -> set[str]:
    """Names of the ufuncs that can be captured."""
    return {shown_name(ufunc) for ufunc in (*FORMULAS, *_CONTRACTIONS)}


def apply_elementwise(ufunc: np.ufunc, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc on symbolic operands; `out=` is element assignment."""
    out, dtype = _read_options(ufunc, options)
    if ufunc in _CONTRACTIONS:
        result = call_handler(_CONTRACTIONS[ufunc], inputs, {})
    elif not any(isinstance(x, SymbolicArray) for x in (*inputs, out)) and _sizes_only(
        ufunc, inputs
    ):
        return _SIZE_OPERATORS[ufunc](*(int(x) if isinstance(x, np.integer) else x for x in inputs))
    elif ufunc is np.divmod:
        return tuple(apply_elementwise(u, inputs, {}) for u in (np.floor_divide, np.remainder))
    else:
        result = _apply_formula(ufunc, inputs, dtype)
    if out is None:
        return result
    return _assign_in_place(ufunc, result, out, inputs)


def _sizes_only(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> bool:
    return ufunc in _SIZE_OPERATORS and all(
        isinstance(x, (Size, int, np.integer)) and not isinstance(x, bool) for x in inputs
    )


def _read_options(ufunc: np.ufunc, options: dict[str, Any]) -> tuple[Any, DType | None]:
    name = shown_name(ufunc)
    for option, value in options.items():
        plain = value is True if option == "where" else value in ("same_kind", "K", "C")
        if option not in ("out", "dtype") and not plain:
            fail(name, f"the argument '{option}=' cannot be captured", "np.where on the result")
    out = options.get("out")
    if isinstance(out, tuple):
        out = out[0] if len(out) == 1 else fail(name, "several outputs cannot be captured")
    if out is not None and not isinstance(out, SymbolicArray):
        fail(
            name,
            "the result would be written into a plain array, which is not part of the program",
            "start from np.zeros((...)) inside the function, or write y = y + x",
        )
    dtype = options.get("dtype")
    return out, (None if dtype is None else checked_dtype(name, dtype))


def _apply_formula(ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: DType | None) -> SymbolicArray:
    if ufunc not in FORMULAS:
        fail_unknown(ufunc)
    name = shown_name(ufunc)
    operands = [as_operand(name, value) for value in inputs]
    kind = _result_type(ufunc, name, operands)
    build = FORMULAS[ufunc]
    if all(operand.token == np.dtype(bool) for operand in operands) and ufunc in BOOLEAN_FORMS:
        build = BOOLEAN_FORMS[ufunc]
    elif kind in ("int64", "int32"):
        build = _integer_form(ufunc, name, operands, build)
    result = elementwise(name, operands, kind, build)
    return result if dtype in (None, kind) else cast(result, dtype)


def _result_type(ufunc: np.ufunc, name: str, operands: list[Operand]) -> DType:
    tokens = tuple(operand.token for operand in operands)
    try:
        resolved = ufunc.resolve_dtypes((*tokens, *[None] * ufunc.nout))
    except TypeError:
        shown = ", ".join(str(np.dtype(token)) for token in tokens)
        fail(
            name,
            f"NumPy does not define it for operands of type {shown}",
            "for booleans ~, & and | or np.where; or convert with x.astype(np.float64)",
        )
    return checked_dtype(name, resolved[-1])


def _integer_form(
    ufunc: np.ufunc, name: str, operands: list[Operand], build: Callable[..., sympy.Expr]
) -> Callable[..., sympy.Expr]:
    if ufunc in SAME_ON_INTEGERS:
        return lambda x: x
    if ufunc in BOOLEAN_ONLY:
        fail(name, "it is captured for booleans only, not for integers", "arithmetic, or np.where")
    if ufunc is np.power:
        exponent = operands[1].value
        if exponent is not None and exponent.is_negative:
            fail(name, "integers to negative powers are not allowed", "a float base: x * 1.0")
    if ufunc is np.floor_divide:
        return lambda a, b: f.cast_integer(build(a, b))
    return build


def _assign_in_place(
    ufunc: np.ufunc, result: SymbolicArray, out: SymbolicArray, inputs: tuple[Any, ...]
) -> SymbolicArray:
    """`out[...] = result` by rebinding the object, as `a += b` does."""
    name = shown_name(ufunc)
    in_place = bool(inputs) and inputs[0] is out
    if in_place and out.is_scalar:
        return result
    if out.is_argument:
        fail_argument_write(out)
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        fail(
            name,
            f"a result of type {result.kind} cannot be stored in an array of type {out.kind}",
            "y = y + x, which makes a new array",
        )
    if not fits(result.extents, out.extents):
        fail(
            name,
            f"a result of shape {shape_text(result.extents)} cannot be stored in an array of "
            f"shape {shape_text(out.extents)}",
            "y = y + x, which makes a new array",
        )
    result = cast(result, out.kind)
    if out.view is None:
        out.rebind(result.reference)
        return out
    if not in_place:
        fail_view_write(out)
    pending = SymbolicArray(result.reference, result.extents, result.kind, view=out.view)
    current_tracer().pending[id(pending)] = pending
    return pending


def fits(source: tuple[sympy.Expr, ...], target: tuple[sympy.Expr, ...]) -> bool:
    """Whether two shapes are the same."""
    same = current_tracer().same_extent
    return len(source) == len(target) and all(map(same, source, target))


def fail_argument_write(array: SymbolicArray) -> None:
    """Elements of an argument belong to the caller."""
    label = current_tracer().label(array.reference)
    fail(
        "assignment",
        f"it would change {label}, an argument of the function",
        "y = x.copy() and assign to y, or y = x + 1 in place of x += 1",
    )


def apply_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """`ufunc.reduce`, `ufunc.accumulate` and `ufunc.outer` by the functions they stand for."""
    name = f"{shown_name(ufunc)}.{method}"
    if method == "reduce" and ufunc in _REDUCTIONS:
        given = {k: v for k, v in options.items() if v is not None or k == "axis"}
        return call_handler(_REDUCTIONS[ufunc], inputs, {"axis": 0, **given})
    if method == "accumulate" and ufunc in (np.add, np.multiply):
        accumulate = "cumsum" if ufunc is np.add else "cumprod"
        return call_handler(accumulate, inputs, {"axis": 0, **options})
    if method == "outer" and not options:
        left, right = (as_array(name, x) for x in inputs)
        stretched = left[(..., *[None] * right.ndim)] if right.ndim else left
        return apply_elementwise(ufunc, (stretched, right), {})
    instead = "y[i] = y[i] + x for literal i, or a matrix product with a one-hot matrix"
    fail(name, "this operation cannot be captured", instead if method == "at" else "")


# --- element types -----------------------------------------------------------------------------


def cast_body(body: sympy.Expr, source: DType, target: DType) -> sympy.Expr:
    """One element converted: to bool by ≠ 0, from float to integer by truncation."""
    if source == target:
        return body
    if target == "bool":
        return f.not_equal(body, 0)
    if is_floating(source) and not is_floating(target):
        return f.cast_integer(body)
    return body


def cast(array: SymbolicArray, dtype: DType) -> SymbolicArray:
    """The array with another element type; itself if it has that type already."""
    if array.kind == dtype:
        return array
    operand = as_operand("astype", array)
    return elementwise("astype", [operand], dtype, lambda x: cast_body(x, array.kind, dtype))


@implements(np.astype, name="ndarray.astype", method="astype")
def astype(x: Any, dtype: Any, order: str = "K", casting: str = "unsafe", copy: bool = True) -> Any:
    """y[i] = x[i] in another element type."""
    array = as_array("ndarray.astype", x)
    return cast(array, checked_dtype("ndarray.astype", dtype)) if array.kind != dtype else copy_(x)


@implements(np.copy, method="copy")
def copy_(a: Any, order: str = "K") -> SymbolicArray:
    """y[i] = x[i], sharing nothing with x."""
    array = as_array("np.copy", a)
    return SymbolicArray(array.reference, array.extents, array.kind, is_scalar=False)


@implements(np.asarray, np.ascontiguousarray, np.asanyarray)
def asarray(a: Any, dtype: Any = None, order: str = "K", *, copy: bool | None = None) -> Any:
    """The array itself, in another element type if one is given."""
    array = as_array("np.asarray", a)
    if dtype is not None:
        array = cast(array, checked_dtype("np.asarray", dtype))
    return copy_(array) if copy else array


@implements(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: str = "K", ndmin: int = 0
) -> SymbolicArray:
    """A copy of an array, or a nested list with symbolic entries as one array."""
    result = as_array("np.array", object)
    if dtype is not None:
        result = cast(result, checked_dtype("np.array", dtype))
    if ndmin > result.ndim:
        result = result[(*[None] * (ndmin - result.ndim), ...)]
    return copy_(result)


# --- selection ---------------------------------------------------------------------------------


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> SymbolicArray:
    """z[i] = x[i] where the condition holds, else y[i]."""
    if x is None or y is None:
        fail(
            "np.where",
            "positions where a condition holds have a number that depends on values",
            "np.where(condition, x, 0), which keeps the shape",
        )
    chosen, a, b = (as_operand("np.where", value) for value in (condition, x, y))
    dtype = result_dtype("np.where", [a, b])
    return elementwise("np.where", [chosen, a, b], dtype, f.select)


@implements(np.clip, method="clip")
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> SymbolicArray:
    """y[i] = minimum(maximum(x[i], lower), upper); a bound of None is not there."""
    lower, upper = (a_min if min is None else min), (a_max if max is None else max)
    if lower is None and upper is None:
        return copy_(a)
    if upper is None:
        return apply_elementwise(np.maximum, (a, lower), {})
    if lower is None:
        return apply_elementwise(np.minimum, (a, upper), {})
    operands = [as_operand("np.clip", value) for value in (a, lower, upper)]
    return elementwise("np.clip", operands, result_dtype("np.clip", operands), f.clip)


@implements(np.round, np.around, method="round")
def round_(a: Any, decimals: int = 0) -> SymbolicArray:
    """y[i] = rint(x[i]·10^d)/10^d."""
    if decimals == 0:
        return apply_elementwise(np.rint, (a,), {})
    scale = sympy.Integer(10) ** decimals
    operand = as_operand("np.round", a)
    return elementwise("np.round", [operand], operand.dtype, lambda x: f.rint(x * scale) / scale)


@implements(np.fix)
def fix(x: Any) -> SymbolicArray:
    """The nearest integer towards zero."""
    return apply_elementwise(np.trunc, (x,), {})


@implements(np.sinc)
def sinc(x: Any) -> SymbolicArray:
    """sin(πx)/(πx), 1 at 0."""
    operand = as_operand("np.sinc", x)
    dtype = checked_dtype("np.sinc", np.sin.resolve_dtypes((operand.token, None))[-1])

    def build(value: sympy.Expr) -> sympy.Expr:
        angle = sympy.pi * value
        return f.select(f.equal(value, 0), sympy.S.One, sympy.sin(angle) / angle)

    return elementwise("np.sinc", [operand], dtype, build)


@implements(np.real, np.real_if_close)
def real(val: Any) -> SymbolicArray:
    """A real array itself."""
    return as_array("np.real", val)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> SymbolicArray:
    """y[i] = x[i], with finite numbers for nan and the infinities."""
    array = as_array("np.nan_to_num", x)
    limits = np.finfo(array.dtype)
    top = float(limits.max) if posinf is None else posinf
    bottom = float(limits.min) if neginf is None else neginf
    bounded = where(array == np.inf, top, where(array == -np.inf, bottom, array))
    return cast(where(np.isnan(bounded), nan, bounded), array.kind)


def identity(operation: str, array: SymbolicArray) -> SymbolicArray:
    """y[i…] = x[i…]: a definition of its own."""
    operand = as_operand(operation, array)
    return elementwise(operation, [operand], operand.dtype, lambda x: x)
