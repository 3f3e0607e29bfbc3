"""Names settled before code is printed: what generated code needs for itself is kept free."""

from __future__ import annotations

from dataclasses import replace

from symgrad.capture import CapturedModel
from symgrad.errors import ModelError
from symgrad.program import Program, size_symbol
from symgrad.program.naming import FreshNames
from symgrad.simplify.rewriting import rename_definitions, rename_sizes

__all__ = ["RESERVED", "rename_reserved", "settle_names"]

# Modules, builtins and parameters of generated functions.
_RESERVED_WORDS = """
    np math sys numba njit prange range min max abs float int bool len sum tuple print Any NDArray
    NamedTuple Sequence cuda start rows stop tile address block blocks worker workers begin end
    first last out accumulate cotangent cotangents values gradients inner seeds factor scaled
    delivered
    tangent tangents vector vectors checked
    Structure Dense Diagonal BlockDiagonal Banded Kronecker LowRankPlus Sparse Blocks
"""
RESERVED = frozenset(_RESERVED_WORDS.split())


def settle_names(model: CapturedModel) -> CapturedModel:
    """The model with sizes renamed that share a name with an argument or a module.

    Raises:
        ModelError: an argument has a name that generated code needs; it cannot be renamed, since
            callers pass it by name.
    """
    program = model.program
    arguments = {argument.name for argument in program.arguments}
    for name in sorted(arguments):
        if name in RESERVED or name.startswith("_"):
            raise ModelError(
                f"{model.source}:{model.line}: {program.name} has an argument '{name}', a name "
                f"that generated code needs; rename it"
            )
    fresh = FreshNames(program)
    clashes = {
        size: size_symbol(fresh(f"n_{size.name}"))
        for size in program.sizes()
        if size.name in arguments | RESERVED or size.name.startswith("_")
    }
    if not clashes:
        return model
    requirements = tuple(guard.xreplace(clashes) for guard in model.requirements)
    return replace(model, program=rename_sizes(program, clashes), requirements=requirements)


def rename_reserved(program: Program) -> Program:
    """Definitions with reserved names get an underscore."""
    names = {s.name: f"{s.name}_" for s in program.definitions if s.name in RESERVED}
    return rename_definitions(program, names) if names else program
