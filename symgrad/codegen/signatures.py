"""What a printed kernel is: its name, lines, parameters and their Numba types."""

from __future__ import annotations

import re

from symgrad.program.definitions import DType
from symgrad.schedule.loops import Kernel, Parameter

__all__ = ["RESERVED", "WORD", "PrintedKernel", "array_type", "parameter_type", "scalar_type"]

WORD = re.compile(r"[A-Za-z_]\w*")
RESERVED = frozenset(
    [
        "np",
        "numba",
        "math",
        "njit",
        "prange",
        "range",
        "min",
        "max",
        "abs",
        "float",
        "int",
        "start",
        "rows",
        "stop",
        "block",
        "blocks",
        "worker",
        "workers",
        "each_worker",
        "begin",
        "end",
        "first",
        "last",
        "sums",
        "tile",
        "tiles",
        "height",
        "place",
        "address",
    ]
)


class PrintedKernel:
    """The text of a kernel: its name, the parameters that its body uses, its lines."""

    def __init__(self, kernel: Kernel, lines: list[str]) -> None:
        self.kernel = kernel
        self.name = f"_{kernel.name}"
        self.lines = lines
        words = set(WORD.findall("\n".join(line for line in lines if "#" not in line)))
        leading = ("start", "rows") if kernel.tiled else ()
        self.scalars = tuple(name for name in (*leading, *kernel.sizes) if name in words)
        self.parameters = tuple(p for p in kernel.parameters if p.view.name in words)

    def types(self) -> dict[str, str]:
        """Explicit Numba types of all parameters, by name."""
        types = dict.fromkeys(self.scalars, "int64")
        return types | {p.view.name: parameter_type(p) for p in self.parameters}

    def parameter_names(self) -> list[str]:
        return [*self.scalars, *(p.view.name for p in self.parameters)]


def scalar_type(dtype: DType) -> str:
    """The Numba name of an element type."""
    return "boolean" if dtype == "bool" else dtype


def array_type(dtype: DType, rank: int) -> str:
    """The Numba type of a C-contiguous array; a 0-d one is held as one element."""
    axes = ", ".join([*[":"] * (max(rank, 1) - 1), "::1"])
    return f"{scalar_type(dtype)}[{axes}]"


def parameter_type(parameter: Parameter) -> str:
    view = parameter.view
    return scalar_type(view.dtype) if view.by_value else array_type(view.dtype, view.rank)
