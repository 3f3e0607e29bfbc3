"""`SymbolicArray`: what a model sees in place of an array, with NumPy's protocols and methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import sympy
from numpy.lib.mixins import NDArrayOperatorsMixin

from symgrad.capture.sizes import Size, make_size
from symgrad.capture.tracer import Tracer, current_tracer, fail
from symgrad.program import DType, Term

__all__ = ["SymbolicArray", "View", "define"]


@dataclass(frozen=True, slots=True)
class View:
    """What an array is a view of: the base, its version when the view was made, and the key."""

    base: SymbolicArray
    version: int
    key: object = None


class SymbolicArray(NDArrayOperatorsMixin):
    """An array of the program that is being captured: name, symbolic shape, element type.

    Assigning to elements rebinds the object to a new statement, so a program stays functional.
    """

    __slots__ = (
        "extents",
        "is_argument",
        "is_scalar",
        "kind",
        "reference",
        "tracer",
        "version",
        "view",
    )

    def __init__(
        self,
        reference: str,
        extents: Sequence[sympy.Expr],
        kind: DType,
        *,
        is_argument: bool = False,
        is_scalar: bool | None = None,
        view: View | None = None,
    ) -> None:
        self.tracer: Tracer = current_tracer()
        self.reference = reference
        self.extents = tuple(extents)
        self.kind: DType = kind
        self.is_argument = is_argument
        self.is_scalar = not self.extents if is_scalar is None else is_scalar
        self.view = view
        self.version = 0

    # --- what NumPy offers to read -------------------------------------------------------------

    @property
    def shape(self) -> tuple[int | Size, ...]:
        return tuple(make_size(self.tracer.resolve(extent)) for extent in self.extents)

    @property
    def ndim(self) -> int:
        return len(self.extents)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.kind)

    @property
    def size(self) -> int | Size:
        return make_size(sympy.expand(sympy.Mul(*map(self.tracer.resolve, self.extents))))

    @property
    def T(self) -> SymbolicArray:
        return _call("transpose", self)

    @property
    def mT(self) -> SymbolicArray:
        return _call("matrix_transpose", self)

    @property
    def real(self) -> SymbolicArray:
        return self

    @property
    def flat(self) -> NoReturn:
        fail("ndarray.flat", "element iterators cannot be captured", "x.ravel()")

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.extents))
        return f"SymbolicArray({self.tracer.label(self.reference)}, {self.kind}[{shape}])"

    # --- protocols -----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from symgrad.capture.dispatch import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        from symgrad.capture.dispatch import apply_function

        return apply_function(function, arguments, options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        fail(
            "conversion",
            f"{self.tracer.label(self.reference)} has no values while the model is captured, so "
            "it cannot be stored in a plain array",
            "build arrays with np.stack or np.concatenate, start element assignment from "
            "np.zeros((...)), and import numpy at the top of the module",
        )

    def __getattr__(self, name: str) -> Any:
        from symgrad.capture.dispatch import array_method

        return array_method(self, name)

    def __getitem__(self, key: Any) -> Any:
        return _call("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from symgrad.capture.assignment import set_item

        set_item(self, key, value)

    def __len__(self) -> int:
        if not self.extents:
            fail("len", "a 0-d array has no length")
        length = make_size(self.tracer.resolve(self.extents[0]))
        if isinstance(length, Size):
            fail(
                "len",
                f"the length of {self.tracer.label(self.reference)} is the size '{length}', "
                "not a plain integer",
                f"x.shape[0], which may be '{length}'",
            )
        return length

    def __iter__(self) -> Iterator[Any]:
        if not self.extents:
            fail("iteration", "a 0-d array cannot be iterated over")
        length = make_size(self.tracer.resolve(self.extents[0]))
        if isinstance(length, Size):
            fail(
                "iteration",
                f"a loop over {self.tracer.label(self.reference)} would run '{length}' times, "
                "which is not known while the model is captured",
                "one array operation over the whole axis, or a literal length in the annotation",
            )
        return iter([self[k] for k in range(length)])

    # --- what would need the values ------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        fail(
            "branch",
            f"the truth of {self.tracer.label(self.reference)} is not known while the model is "
            "captured (if, while, and, or, not, max and min of Python ask for it)",
            "np.where(condition, a, b) for a branch, & | ~ for logic, np.maximum for max",
        )

    def __float__(self) -> NoReturn:
        self._no_value(
            "float",
            "use the array as it is (x.astype(np.float64) changes the type); an array whose "
            "elements are assigned is to be made by np.zeros((...))",
        )

    def __int__(self) -> NoReturn:
        self._no_value("int", "use the array as it is; x.astype(np.int64) changes the type")

    def __index__(self) -> NoReturn:
        self._no_value("index", "index arrays of the program with it, not Python lists or range")

    def __complex__(self) -> NoReturn:
        self._no_value("complex", "real numbers: complex ones cannot be captured")

    def __round__(self, digits: int = 0) -> SymbolicArray:
        return _call("round", self, digits)

    def item(self, *position: int) -> NoReturn:
        self._no_value("ndarray.item", "x[i] for an element, or the array as it is")

    def tolist(self) -> NoReturn:
        self._no_value("ndarray.tolist", "the array as it is")

    def _no_value(self, operation: str, instead: str) -> NoReturn:
        label = self.tracer.label(self.reference)
        fail(operation, f"the value of {label} is not known while the model is captured", instead)

    # --- used by the operations ----------------------------------------------------------------

    def read(self, operation: str) -> str:
        """The statement to refer to, after checking that the array still means what it did."""
        if self.tracer is not current_tracer():
            fail(operation, "an array of an earlier capture is used")
        pending = self.tracer.pending
        if pending and operation != "assignment":
            for other in pending.values():
                base = other.view.base if other.view is not None else None
                if other is self or base is self:
                    fail_view_write(other)
        view = self.view
        while view is not None:
            if view.base.version != view.version:
                fail(
                    operation,
                    f"a view of {self.tracer.label(view.base.reference)} is used after that array "
                    "has been changed",
                    "take a copy before (x[1:].copy()), or index the array again",
                )
            view = view.base.view
        return self.reference

    def rebind(self, reference: str) -> None:
        """Let the object mean another statement from now on: an assignment to its elements."""
        self.reference = reference
        self.version += 1
        self.is_argument = False


def fail_view_write(array: SymbolicArray) -> NoReturn:
    """In-place work on a view would have to change another array as well."""
    base = array.view.base if array.view is not None else array
    draft = array.tracer.drafts.get(array.reference)
    fail(
        "in-place operation",
        f"a view of {array.tracer.label(base.reference)} is changed in place",
        "y[1:] += 1 on the array itself, not v = y[1:]; v += 1",
        draft.statement.origin if draft is not None else None,
    )


def define(
    operation: str,
    shape: Sequence[sympy.Expr],
    dtype: DType,
    terms: Sequence[Term],
    view: View | None = None,
) -> SymbolicArray:
    """Append a definition to the running capture and wrap it."""
    name = current_tracer().define(operation, shape, dtype, terms)
    return SymbolicArray(name, shape, dtype, view=view)


def _call(name: str, *arguments: Any) -> Any:
    from symgrad.capture.dispatch import call_handler

    return call_handler(name, arguments, {})
