"""How a tensor prints: as torch's do, four digits, columns in line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.autograd.dtypes import default_numpy

if TYPE_CHECKING:
    from symgrad.autograd.tensor import Tensor

__all__ = ["tensor_text"]

PRECISION = 4
THRESHOLD = 1000
EDGE = 3
WIDTH = 80
_LARGE, _SMALL, _SPREAD = 1e8, 1e-4, 1e3


class _Format:
    """One way to write every element, chosen by the elements that are shown."""

    def __init__(self, values: np.ndarray) -> None:
        self.kind = values.dtype.kind
        self.integral = self.scientific = False
        finite = np.abs(values[np.isfinite(values)]) if self.kind in "f" else values
        if self.kind == "f":
            self._choose(finite[finite != 0].astype(np.float64), values)
        counted = values[np.isfinite(values) & (values != 0)] if self.kind == "f" else values
        shown = [self._plain(v) for v in counted.ravel().tolist()]
        self.width = max(map(len, shown), default=1)

    def _choose(self, magnitudes: np.ndarray, values: np.ndarray) -> None:
        if not magnitudes.size:
            self.integral = bool(np.isfinite(values).any()) or True
            return
        high, low = float(magnitudes.max()), float(magnitudes.min())
        self.integral = bool((magnitudes == np.ceil(magnitudes)).all())
        self.scientific = high / low > _SPREAD or high > _LARGE
        if not self.integral:
            self.scientific = self.scientific or low < _SMALL

    def _plain(self, value: Any) -> str:
        if self.kind == "f":
            if math.isnan(value) or math.isinf(value):
                return str(value)
            if self.scientific:
                return f"{value:.{PRECISION}e}"
            return f"{value:.0f}." if self.integral else f"{value:.{PRECISION}f}"
        if self.kind == "c":
            return f"{value.real:.{PRECISION}f}{value.imag:+.{PRECISION}f}j"
        return str(value)

    def __call__(self, value: Any) -> str:
        return self._plain(value).rjust(self.width)


def _shown_part(array: np.ndarray) -> np.ndarray:
    """The elements that a long tensor shows: three at each end of every axis."""
    for axis, length in enumerate(array.shape):
        if length > 2 * EDGE:
            picked = [*range(EDGE), *range(length - EDGE, length)]
            array = np.take(array, picked, axis)
    return array


def _body(array: np.ndarray, write: _Format, indent: int, cut: bool) -> str:
    if array.ndim == 0:
        return write(array.item())
    length = array.shape[0]
    short = cut and length > 2 * EDGE
    if array.ndim == 1:
        return _row(array, write, indent, short)
    places: list[Any] = list(range(length))
    if short:
        places = [*range(EDGE), None, *range(length - EDGE, length)]
    parts = ["..." if k is None else _body(array[k], write, indent + 1, cut) for k in places]
    gap = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + gap.join(parts) + "]"


def _row(array: np.ndarray, write: _Format, indent: int, short: bool) -> str:
    values = array.tolist()
    texts = [write(v) for v in values]
    if short:
        texts = [*texts[:EDGE], " ...", *texts[-EDGE:]]
    per_line = max(1, (WIDTH - indent) // (write.width + 2))
    lines = [texts[k : k + per_line] for k in range(0, len(texts), per_line)] or [[]]
    joined = ("," + "\n" + " " * (indent + 1)).join(", ".join(line) for line in lines)
    return f"[{joined}]"


def tensor_text(tensor: Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`"""
    array = tensor._data
    head = "Parameter containing:\n" if type(tensor).__name__ == "Parameter" else ""
    cut = array.size > THRESHOLD
    if array.size:
        write = _Format(_shown_part(array) if cut else array)
        text = _body(array, write, len("tensor("), cut)
    else:
        text = "[]"
    tail = []
    if not array.size and array.ndim != 1:
        tail.append(f"size={tuple(array.shape)}")
    if not _is_default(array):
        tail.append(f"dtype={tensor.dtype}")
    if tensor.grad_fn is not None:
        tail.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        tail.append("requires_grad=True")
    return f"{head}tensor({', '.join([text, *tail])})"


def _is_default(array: np.ndarray) -> bool:
    if array.dtype == default_numpy():
        return True
    return array.dtype in (np.dtype(np.int64), np.dtype(bool)) and bool(array.size)
