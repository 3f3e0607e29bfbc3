"""Names that generated code needs for itself."""

from __future__ import annotations

from symgrad.capture import CapturedModel
from symgrad.errors import ModelError
from symgrad.program import Program
from symgrad.simplify.rewriting import rename_definitions

__all__ = ["RESERVED", "check_names", "rename_reserved"]

# Modules, builtins and parameters of generated functions.
_RESERVED_WORDS = """
    np math sys njit prange range min max abs float int bool len sum tuple print Any NDArray
    NamedTuple Sequence start rows stop block blocks first last out accumulate cotangent cotangents
    values gradients inner seeds factor scaled delivered
"""
RESERVED = frozenset(_RESERVED_WORDS.split())


def check_names(model: CapturedModel) -> None:
    """Refuses arguments and sizes whose names generated code uses itself.

    Raises:
        ModelError: names the argument or size and says to rename it.
    """
    program = model.program
    arguments = {argument.name for argument in program.arguments}
    sizes = {size.name for size in program.sizes()}
    for name in sorted(arguments | sizes):
        kind = "argument" if name in arguments else "size"
        if name in RESERVED or name.startswith("_"):
            raise ModelError(
                f"{model.source}:{model.line}: {program.name} has {kind} '{name}', a name that "
                f"generated code needs; rename it"
            )
    for name in sorted(arguments & sizes):
        raise ModelError(
            f"{model.source}:{model.line}: '{name}' names both an argument and a size of "
            f"{program.name}; rename one of them"
        )


def rename_reserved(program: Program) -> Program:
    """Definitions with reserved names get an underscore."""
    names = {s.name: f"{s.name}_" for s in program.definitions if s.name in RESERVED}
    return rename_definitions(program, names) if names else program
