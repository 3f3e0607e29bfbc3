"""What stands where in a formula, before it is text, LaTeX or MathML.

A formula is written once, as a tree of these nodes; the three printers are in `printing`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Cases",
    "Coefficient",
    "Fenced",
    "Fraction",
    "Large",
    "Layout",
    "Number",
    "Product",
    "Root",
    "Row",
    "Scripts",
    "Sign",
    "Variable",
    "Word",
    "call",
    "comma_separated",
    "infix",
]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the program: an array, an index or a size."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, as it is written in decimal digits."""

    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """The name of a function or operator, set upright: exp, diag, σ."""

    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """An operator between its neighbours: + − = < ⊙, with space around it; or a tight one."""

    text: str
    tight: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Parts one after the other."""

    parts: tuple[Layout, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Factors written next to each other: Xᵀ(Xw − y)."""

    factors: tuple[Layout, ...]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number or fraction in front of what it multiplies: 1/n · Xᵀy."""

    number: Layout
    rest: Layout


@dataclass(frozen=True, slots=True)
class Fraction:
    """One above the other."""

    above: Layout
    below: Layout


@dataclass(frozen=True, slots=True)
class Scripts:
    """A base with a subscript, a superscript, or both."""

    base: Layout
    below: Layout | None = None
    above: Layout | None = None


@dataclass(frozen=True, slots=True)
class Fenced:
    """Something in brackets: (…), […], ‖…‖, ⌊…⌋."""

    inner: Layout
    opening: str = "("
    closing: str = ")"


@dataclass(frozen=True, slots=True)
class Root:
    """A square root."""

    inner: Layout


@dataclass(frozen=True, slots=True)
class Large:
    """A reduction with its bounds below it: Σ, Π, max."""

    sign: str
    below: Layout
    body: Layout


@dataclass(frozen=True, slots=True)
class Cases:
    """A value where a condition holds, and another elsewhere."""

    condition: Layout
    value: Layout
    otherwise: Layout


Layout = (
    Variable
    | Number
    | Word
    | Sign
    | Row
    | Product
    | Coefficient
    | Fraction
    | Scripts
    | Fenced
    | Root
    | Large
    | Cases
)


def infix(sign: str, *parts: Layout) -> Row:
    """Parts with a sign between each two: a + b + c."""
    row: list[Layout] = [parts[0]]
    for part in parts[1:]:
        row += [Sign(sign), part]
    return Row(tuple(row))


def comma_separated(*parts: Layout) -> Layout:
    """Parts with commas between them, tight as in subscripts."""
    if len(parts) == 1:
        return parts[0]
    row: list[Layout] = []
    for part in parts:
        row += [Sign(",", tight=True), part] if row else [part]
    return Row(tuple(row))


def call(name: str, *arguments: Layout) -> Layout:
    """A function of its arguments: exp(x)."""
    row: list[Layout] = []
    for argument in arguments:
        row += [Sign(", ", tight=True), argument] if row else [argument]
    return Row((Word(name), Fenced(Row(tuple(row)))))
