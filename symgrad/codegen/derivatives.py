"""Derivatives beyond the gradient in a generated module: their functions, and their structures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from symgrad.schedule.frozen import FrozenProgram

__all__ = ["DerivativeCode", "structure_sources"]

# Classes that others build on come first.
_ORDER = (
    "base",
    "dense",
    "diagonal",
    "block_diagonal",
    "banded",
    "kronecker",
    "low_rank_plus",
    "sparse",
    "blocks",
)


@dataclass(frozen=True, slots=True)
class DerivativeCode:
    """One product of a function, as it is emitted.

    Attributes:
        product: `jvp`, `hessian` and so on; the public function is `NAME_product`.
        program: what computes the arrays.
        vectors: arguments of the program that follow the model's.
        lines: statements that follow the program: products left to NumPy's linear algebra.
        cpu_lines: the same for the target `cpu`, which has faster ones for some.
        result: the Python expression of the result, in names of the program's arrays.
        structures: files of `symgrad.structures` whose classes the result needs.
        formulas: lines for the header of the module.
        notes: lines that say which structure the result has.
    """

    product: str
    program: FrozenProgram
    vectors: tuple[str, ...]
    lines: tuple[str, ...]
    cpu_lines: tuple[str, ...]
    result: str
    structures: tuple[str, ...]
    formulas: tuple[str, ...]
    notes: tuple[str, ...]


def structure_sources(names: Iterable[str]) -> list[str]:
    """The classes of `symgrad.structures` as text, without their imports."""
    wanted = set(names)
    if not wanted:
        return []
    return [_class_source(name) for name in _ORDER if name in wanted or name == "base"]


@cache
def _class_source(name: str) -> str:
    folder = Path(__file__).resolve().parent.parent / "structures"
    text = (folder / f"{name}.py").read_text(encoding="utf-8")
    return text[text.index("\nclass ") + 1 :].strip()
