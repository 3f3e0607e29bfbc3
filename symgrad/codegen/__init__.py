"""Level 3, the text: `Schedule -> source` of a module that imports NumPy and Numba only."""

from symgrad.codegen.module import FunctionCode, ModuleCode, Target, emit_module
from symgrad.codegen.rendering import write_atomically

__all__ = ["FunctionCode", "ModuleCode", "Target", "emit_module", "write_atomically"]
