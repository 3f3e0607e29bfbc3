"""Element-wise code with several functions such as exp, cut so that a loop holds few of them.

    d[i] = tanh(log(2 + b[i]) - a[i])   ->   d_log[i] = log(2 + b[i]),  d[i] = tanh(d_log[i] - a[i])

A vector function is some thirty dependent instructions. A processor hides their latency behind the
next run of the loop, but only as far ahead as it can look: with eight functions in one body the
runs come one after another, at half the speed of eight loops over a tile that stays in cache.
Functions of the same operand, or of its negative, count as one: they share most of their work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenAxis,
    FrozenDefinition,
    FrozenTerm,
    Operation,
    rename_subscript,
)
from symgrad.schedule.terms import reachable

__all__ = ["Key", "cut_functions", "formula_of", "function_operands"]

_FUNCTIONS = """
    exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh
    arccosh arctanh cbrt sigmoid softplus logit erf erfc erfcx ndtr log_ndtr gammaln digamma
    versine sinc arctan2 logaddexp power xlogy xlog1py spherical_bessel
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())

_SIGNS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{}·{}",
    "divide": "{}/{}",
    "negate": "-{}",
    "copy": "{}",
}

Key = tuple[object, ...]


def function_operands(definition: FrozenDefinition, loops: Sequence[FrozenAxis]) -> frozenset[Key]:
    """The operands of the functions that a definition calls in each run of its loops.

    Two definitions with as many loops can be compared: indices count by their loop's position.
    """
    names = {axis.index: str(position) for position, axis in enumerate(loops)}
    return frozenset(key for term in definition.terms for key in _operand_keys(term, names))


def _operand_keys(term: FrozenTerm, names: dict[str, str]) -> list[Key]:
    """The operand of each function in a term, in order; operands are compared by structure.

    A function of numbers and sizes is computed once, before the loop, and does not count.
    """
    values: list[Key] = []
    varies: list[bool] = []
    found: dict[Key, None] = {}
    for operation in term.operations:
        operands = _operands(operation, values)
        varies.append(_is_varying(operation, varies))
        leaf = operation.value
        if isinstance(leaf, (Affine, Element)):
            leaf = rename_subscript(leaf, names)
        values.append((operation.name, repr(leaf), *operands))
        if operation.name in FUNCTIONS and varies[-1]:
            found.setdefault(operands)
    return list(found)


def _operands(operation: Operation, values: Sequence[Key]) -> Key:
    """The operands of an operation; a function of -x counts as one of x."""
    operands = [values[k] for k in operation.operands]
    if operation.name in FUNCTIONS:
        operands = [v[2] if v[0] == "negate" else v for v in operands]  # type: ignore[misc]
    return tuple(operands)


def _is_varying(operation: Operation, varies: Sequence[bool]) -> bool:
    return isinstance(operation.value, (Affine, Element)) or any(
        varies[k] for k in operation.operands
    )


def cut_functions(
    definition: FrozenDefinition, loops: Sequence[FrozenAxis], taken: set[str]
) -> tuple[FrozenDefinition, ...]:
    """Definitions that each call functions of one operand; the last is the one that was given.

    Args:
        definition: straight-line code in each run of `loops`.
        loops: the loops around it, which the new definitions have as axes.
        taken: names in use; those of the new definitions are added.
    """
    parts: list[FrozenDefinition] = []
    terms = []
    for position, term in enumerate(definition.terms):
        last = position == len(definition.terms) - 1
        terms.append(_Cutter(definition, term, loops, taken, parts, last).run())
    return (*parts, replace(definition, terms=tuple(terms)))


class _Cutter:
    """One term: every function but those of the last operand gets a definition of its own."""

    def __init__(
        self,
        definition: FrozenDefinition,
        term: FrozenTerm,
        loops: Sequence[FrozenAxis],
        taken: set[str],
        parts: list[FrozenDefinition],
        keeps_one: bool,
    ) -> None:
        self.definition = definition
        self.operations = list(term.operations)
        self.term = term
        self.loops = tuple(loops)
        self.taken = taken
        self.parts = parts
        self.kept = _operand_keys(term, {})[-1:] if keeps_one else []

    def run(self) -> FrozenTerm:
        """The term that reads what was cut out."""
        values: list[Key] = []
        varies: list[bool] = []
        for position, operation in enumerate(self.term.operations):
            operands = _operands(operation, values)
            values.append((operation.name, repr(operation.value), *operands))
            varies.append(_is_varying(operation, varies))
            if operation.name in FUNCTIONS and varies[-1] and operands not in self.kept:
                self.operations[position] = self._cut(position)
        return replace(self.term, operations=reachable(self.operations, len(self.operations) - 1))

    def _cut(self, position: int) -> Operation:
        """The load of a function's value, which a new definition computes."""
        operations = reachable(self.operations, position)
        operation = operations[-1]
        name = f"{self.definition.name}_{operation.name}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        own = tuple(Affine(((axis.index, 1),)) for axis in self.loops)
        subscripts = ",".join(axis.index for axis in self.loops)
        formula = f"{name}[{subscripts}] = {formula_of(operations)}"
        term = FrozenTerm(operations, (), "sum", ())
        self.parts.append(
            FrozenDefinition(
                name, self.loops, operation.dtype, (term,), formula, self.definition.line
            )
        )
        return Operation("load", (), operation.dtype, Element(name, own))


def formula_of(operations: Sequence[Operation]) -> str:
    """The last operation as a formula."""
    texts: list[str] = []
    for operation in operations:
        operands = [texts[k] for k in operation.operands]
        if operation.name in _SIGNS:
            texts.append(_SIGNS[operation.name].format(*map(_bracketed, operands)))
        elif operation.name in ("constant", "size", "load", "index"):
            texts.append(_leaf(operation.value))
        else:
            texts.append(f"{operation.name}({', '.join(operands)})")
    return texts[-1]


def _bracketed(text: str) -> str:
    """Round brackets around a sum or a product, none around what holds together by itself."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if not depth and character in " ·/-":
            return f"({text})"
    return text


def _leaf(value: object) -> str:
    if isinstance(value, Element):
        subscripts = ",".join(_leaf(s) for s in value.subscripts)
        return f"{value.array}[{subscripts}]" if subscripts else value.array
    if isinstance(value, Affine):
        parts = [f"{'' if c == 1 else f'{c}·'}{index}" for index, c in value.terms]
        rest = [value.rest] if value.rest != "0" or not parts else []
        return " + ".join([*parts, *rest])
    return f"{value:g}" if isinstance(value, float) else str(value)
