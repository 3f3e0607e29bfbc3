"""Symbolic sizes as they appear in a model: `X.shape[0]` is a `Size`, `1 / n` a `SizeRatio`."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import sympy

from symgrad.capture.numbers import number
from symgrad.capture.tracer import active_tracer, fail

__all__ = ["Size", "SizeNumber", "SizeRatio", "as_size", "make_ratio", "make_size", "size_value"]

_BAKED = "the value of a size is not known while the model is captured"


class SizeNumber:
    """A number made of sizes: known by its formula only, so no code can be tied to one value."""

    __slots__ = ("expression",)

    def __init__(self, expression: sympy.Expr) -> None:
        self.expression = expression

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.expression})"

    def __str__(self) -> str:
        return str(self.expression)

    def __hash__(self) -> int:
        return hash(self.expression)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from symgrad.capture.dispatch import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        fail("np.array", f"{_BAKED}: '{self.expression}' cannot be stored in an array")

    # --- arithmetic: sizes and Python numbers; anything else is left to the other operand ------

    def __add__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: a / b, ratio=True)

    def __rtruediv__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: b / a, ratio=True)

    def __floordiv__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: sympy.floor(a / b))

    def __rfloordiv__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: sympy.floor(b / a))

    def __mod__(self, other: Any) -> Any:
        return _combine(self, other, sympy.Mod)

    def __rmod__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: sympy.Mod(b, a))

    def __pow__(self, other: Any) -> Any:
        whole = isinstance(other, int) and other >= 0
        return _combine(self, other, lambda a, b: a**b, ratio=not whole)

    def __rpow__(self, other: Any) -> Any:
        return _combine(self, other, lambda a, b: b**a)

    def __neg__(self) -> Any:
        return _wrap(-self.expression, isinstance(self, SizeRatio))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    # --- comparison: only what holds for every size, or for none --------------------------------

    def __eq__(self, other: object) -> Any:
        return _compare(self, other, "==")

    def __ne__(self, other: object) -> Any:
        return _compare(self, other, "!=")

    def __lt__(self, other: object) -> Any:
        return _compare(self, other, "<")

    def __le__(self, other: object) -> Any:
        return _compare(self, other, "<=")

    def __gt__(self, other: object) -> Any:
        return _compare(self, other, ">")

    def __ge__(self, other: object) -> Any:
        return _compare(self, other, ">=")

    def __bool__(self) -> bool:
        return bool(self != 0)

    # --- what would need the value --------------------------------------------------------------

    def __index__(self) -> NoReturn:
        fail(
            "range or index",
            f"{_BAKED}: '{self.expression}' cannot become a plain integer",
            "write the loop as one array operation (np.arange works with a size), "
            "give the axis a literal length in the annotation, and import numpy at the top of "
            "the module",
        )

    def __int__(self) -> NoReturn:
        fail(
            "int",
            f"{_BAKED}: '{self.expression}' cannot become a plain integer",
            "use it as it is, without int(); // stays an integer",
        )

    def __float__(self) -> NoReturn:
        fail(
            "float",
            f"{_BAKED}: '{self.expression}' cannot become a plain number",
            "use it as it is, without float(), and NumPy's functions (np.log, np.sqrt) on it",
        )


class Size(SizeNumber):
    """An integer made of sizes, such as n − 1; NumPy sees a Python int."""

    __slots__ = ()


class SizeRatio(SizeNumber):
    """A real number made of sizes, such as 1/n; NumPy sees a Python float."""

    __slots__ = ()


def make_size(expression: sympy.Expr) -> int | Size:
    """An extent as the model sees it: a literal is a plain int, anything else a `Size`."""
    return int(expression) if expression.is_Integer else Size(expression)


def make_ratio(expression: sympy.Expr) -> float | SizeRatio:
    """A real number made of sizes; without sizes it is a plain float."""
    return float(expression) if expression.is_number else SizeRatio(expression)


def size_value(value: Any) -> sympy.Expr | None:
    """The formula of an int or a `Size`, None for anything else.

    >>> size_value(3)
    3
    """
    if isinstance(value, Size):
        return value.expression
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)):
        return sympy.Integer(int(value))
    return None


def as_size(operation: str, what: str, value: Any) -> sympy.Expr:
    """The formula of an int or a `Size`; a CaptureError for anything else."""
    expression = size_value(value)
    if expression is None:
        fail(operation, f"{what} must be an integer or a size, not {_kind(value)}")
    return expression


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _wrap(expression: sympy.Expr, ratio: bool) -> Any:
    return make_ratio(expression) if ratio else make_size(sympy.expand(expression))


def _plain(other: Any) -> tuple[sympy.Expr, bool] | None:
    """Formula of a partner in size arithmetic and whether it is a ratio."""
    if isinstance(other, SizeNumber):
        return other.expression, isinstance(other, SizeRatio)
    if isinstance(other, np.floating):
        return None  # a NumPy scalar fixes the element type: left to its own operator
    if isinstance(other, (int, float, np.integer)):
        return number(other), isinstance(other, float)
    return None


def _combine(self: SizeNumber, other: Any, operation: Any, *, ratio: bool = False) -> Any:
    partner = _plain(other)
    if partner is None:
        return NotImplemented
    expression, is_ratio = partner
    result = operation(self.expression, expression)
    return _wrap(result, ratio or is_ratio or isinstance(self, SizeRatio))


def _compare(self: SizeNumber, other: object, relation: str) -> Any:
    partner = _plain(other)
    if partner is None:
        return NotImplemented
    left, right = self.expression, partner[0]
    tracer = active_tracer()
    if tracer is not None and relation in ("==", "!=") and tracer.same_extent(left, right):
        return relation == "=="
    verdict = decide(sympy.expand(left - right), relation)
    if verdict is None:
        fail(
            "comparison",
            f"'{left} {relation} {right}' depends on the sizes of a call: "
            "a branch on it would fix the program to one of them",
            "write it without the branch, or give the axis a literal length in the annotation",
        )
    return verdict


def decide(difference: sympy.Expr, relation: str) -> bool | None:
    """Whether `difference relation 0` holds for every value of the sizes (True) or none (False)."""
    if relation in ("==", "!="):
        equal = True if difference == 0 else difference.is_zero
        nonzero = difference.is_positive or difference.is_negative
        verdict = True if equal else (False if nonzero else None)
        return verdict if relation == "==" or verdict is None else not verdict
    always, never = {
        "<": (difference.is_negative, difference.is_nonnegative),
        "<=": (difference.is_nonpositive, difference.is_positive),
        ">": (difference.is_positive, difference.is_nonpositive),
        ">=": (difference.is_nonnegative, difference.is_negative),
    }[relation]
    return True if always else (False if never else None)
