"""Norms as sums: what loops compute for `sqrt(Σ b²)`.

    middle = Σ b²,   large = Σ (b/2^600)²,   small = Σ (b·2^600)²

One of the three neither overflows nor underflows (Blue's algorithm), and all three are sums, which
run tile by tile and share one nest. In float32 the sum runs in float64, whose range is enough.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenDefinition,
    FrozenProgram,
    FrozenStatement,
    FrozenTerm,
    Operation,
)

__all__ = ["split_norms"]

_SCALES = {"squares": 1.0, "large": 2.0**-600, "small": 2.0**600}


def split_norms(program: FrozenProgram) -> FrozenProgram:
    """n = norm_r b -> s = Σ_r b², n = sqrt(s), with two more sums where s may leave the range."""
    if not any(_is_norm(statement) for statement in program.statements):
        return program
    taken = {a.name for a in (*program.arguments, *program.constants)}
    taken |= {*program.sizes, *(s.name for s in program.statements)}
    statements: list[FrozenStatement] = []
    for statement in program.statements:
        if isinstance(statement, FrozenDefinition) and _is_norm(statement):
            statements.extend(_split(statement, taken))
        else:
            statements.append(statement)
    return replace(program, statements=tuple(statements))


def _is_norm(statement: FrozenStatement) -> bool:
    return isinstance(statement, FrozenDefinition) and any(
        term.reduction == "norm" and term.axes for term in statement.terms
    )


def _split(norm: FrozenDefinition, taken: set[str]) -> list[FrozenStatement]:
    (term,) = norm.terms
    labels = ("squares",) if norm.dtype == "float32" else tuple(_SCALES)
    own = tuple(Affine(((axis.index, 1),)) for axis in norm.axes)
    sums: list[FrozenDefinition] = []
    for label in labels:
        name = f"{norm.name}_{label}"
        while name in taken:
            name += "_"
        taken.add(name)
        squares = replace(term, operations=_squared(term, _SCALES[label]), reduction="sum")
        formula = f"for {norm.formula}: Σ of squares{_factor_text(label)}"
        sums.append(FrozenDefinition(name, norm.axes, "float64", (squares,), formula, norm.line))
    operations = [Operation("load", (), "float64", Element(s.name, own)) for s in sums]
    root = "sqrt" if len(sums) == 1 else "norm_of_sums"
    operations.append(Operation(root, tuple(range(len(sums))), "float64"))
    if norm.dtype != "float64":
        operations.append(Operation("cast", (len(operations) - 1,), norm.dtype))
    return [*sums, replace(norm, terms=(FrozenTerm(tuple(operations), (), "sum", ()),))]


def _factor_text(label: str) -> str:
    return {"squares": "", "large": " of element/2^600", "small": " of element·2^600"}[label]


def _squared(term: FrozenTerm, scale: float) -> tuple[Operation, ...]:
    """The operations of a body, then its square times a scale, in float64."""
    operations = list(term.operations)
    if operations[-1].dtype != "float64":
        operations.append(Operation("cast", (len(operations) - 1,), "float64"))
    last = len(operations) - 1
    if scale != 1.0:
        operations.append(Operation("constant", (), "float64", scale))
        operations.append(Operation("multiply", (last, last + 1), "float64"))
        last += 2
    operations.append(Operation("multiply", (last, last), "float64"))
    return tuple(operations)
