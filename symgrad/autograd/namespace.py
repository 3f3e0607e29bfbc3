"""The names that `import symgrad as torch` offers."""

from __future__ import annotations

from typing import Any

from symgrad.autograd import linalg, modes, special_functions
from symgrad.autograd.dtypes import DTYPES, dtype, get_default_dtype, set_default_dtype
from symgrad.autograd.jit import jit
from symgrad.autograd.methods import FUNCTIONS
from symgrad.autograd.tensor import Size, Tensor

__all__ = ["NAMES"]

NAMES: dict[str, Any] = {
    **FUNCTIONS,
    **DTYPES,
    **{name: getattr(modes, name) for name in modes.__all__ if name not in ("MODES", "Tracing")},
    "double": DTYPES["float64"],
    "float": DTYPES["float32"],
    "half": DTYPES["float16"],
    "int": DTYPES["int32"],
    "long": DTYPES["int64"],
    "short": DTYPES["int16"],
    "cfloat": DTYPES["complex64"],
    "cdouble": DTYPES["complex128"],
    "dtype": dtype,
    "get_default_dtype": get_default_dtype,
    "set_default_dtype": set_default_dtype,
    "Tensor": Tensor,
    "Size": Size,
    "jit": jit,
    "linalg": linalg,
    "special": special_functions,
    "inf": float("inf"),
    "nan": float("nan"),
    "pi": 3.141592653589793,
    "e": 2.718281828459045,
}
