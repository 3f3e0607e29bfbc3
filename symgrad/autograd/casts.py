"""Element types, copies, and the one device."""

from __future__ import annotations

from typing import Any

from symgrad.autograd.dtypes import DTYPES, as_numpy
from symgrad.autograd.modes import MODES
from symgrad.autograd.recording import apply, operation
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["FUNCTIONS", "METHODS", "clone", "device", "to"]


class device:
    """A place where tensors are: "cpu" is the only one."""

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        self.type = str(type).partition(":")[0]
        self.index = index
        if self.type != "cpu":
            raise RuntimeError(f"device '{type}': tensors of symgrad are in main memory, 'cpu'")

    def __repr__(self) -> str:
        return f"device(type='{self.type}')"

    def __str__(self) -> str:
        return self.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and other.type == self.type

    def __hash__(self) -> int:
        return hash(self.type)


CAST = operation("ToCopyBackward0", lambda x, *, dtype: x.astype(dtype))
CLONE = operation("CloneBackward0", lambda x: x.copy(), formula=lambda x: x + 0)


def to(input: Tensor, *arguments: Any, **named: Any) -> Tensor:
    """The tensor in another type; devices are accepted and mean nothing here."""
    given = named.get("dtype", named.get("other"))
    for value in arguments:
        if value is None or isinstance(value, (str, bool, device)):
            continue
        given = value.dtype if isinstance(value, Tensor) else value
    if given is None:
        return clone(input) if named.get("copy") else input
    kind = as_numpy(given)
    if kind == input._data.dtype:
        return clone(input) if named.get("copy") else input
    if MODES.tracing is not None:
        return apply(CAST, (input,), {"dtype": kind}, promote=False)
    if kind.kind not in "fc" or input._data.dtype.kind not in "fc":
        return wrap(input._data.astype(kind))
    return apply(CAST, (input,), {"dtype": kind}, promote=False)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that passes the gradient on."""
    return apply(CLONE, (input,), promote=False)


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the type of another one."""
    return to(input, other.dtype)


def _cast_method(name: str) -> Any:
    def run(input: Tensor) -> Tensor:
        return to(input, DTYPES[name])

    run.__doc__ = f"The tensor as {name}."
    return run


_CASTS = {
    method: _cast_method(name)
    for method, name in {
        "float": "float32",
        "double": "float64",
        "half": "float16",
        "int": "int32",
        "long": "int64",
        "short": "int16",
        "char": "int8",
        "byte": "uint8",
        "bool": "bool",
    }.items()
}


FUNCTIONS: dict[str, Any] = {"clone": clone}
METHODS: dict[str, Any] = {**FUNCTIONS, **_CASTS, "to": to, "type_as": type_as}
