"""Layouts as one line of Unicode text for a terminal: Xᵀ(σ(Xw + b) − y)."""

from __future__ import annotations

from itertools import pairwise

from symgrad.explain.layout import (
    Cases,
    Coefficient,
    Fenced,
    Fraction,
    Large,
    Layout,
    Number,
    Product,
    Root,
    Row,
    Scripts,
    Sign,
    Variable,
    Word,
)

__all__ = ["to_text"]

_RAISED = str.maketrans("0123456789-−⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻ᵀ")
_RAISABLE = set("0123456789-−⊤")


def to_text(layout: Layout) -> str:
    """The formula as one line.

    >>> to_text(Product((Scripts(Variable("X"), above=Sign("⊤", tight=True)), Variable("y"))))
    'Xᵀy'
    """
    match layout:
        case Variable(text) | Number(text) | Word(text):
            return "π" if text == "pi" else text
        case Sign(text, tight):
            return text if tight else f" {text} "
        case Row(parts):
            return "".join(map(to_text, parts))
        case Product(factors):
            return _product(factors)
        case Coefficient(number, rest):
            return f"{to_text(number)} · {to_text(rest)}"
        case Fraction(above, below):
            return f"{_operand(above, top=True)}/{_operand(below, top=False)}"
        case Scripts(base, below, above):
            text = to_text(base)
            text += f"_{_short(below)}" if below is not None else ""
            return text + (_raised(to_text(above)) if above is not None else "")
        case Fenced(Cases() as inner, "(", _):
            return to_text(inner)
        case Fenced(inner, opening, closing):
            return f"{opening}{to_text(inner)}{closing}"
        case Root(inner):
            return f"√({to_text(inner)})"
        case Large(sign, below, body):
            return f"{sign}_{{{to_text(below)}}} {to_text(body)}"
        case Cases(condition, value, otherwise):
            return f"({to_text(value)} if {to_text(condition)} else {to_text(otherwise)})"


def _short(layout: Layout) -> str:
    text = to_text(layout)
    return text if len(text) == 1 else f"{{{text}}}"


def _raised(text: str) -> str:
    """A superscript of digits or a transpose as such, anything else after a caret."""
    if set(text) <= _RAISABLE:
        return text.translate(_RAISED)
    if text.startswith("∘"):
        rest = text[1:]
        return "∘" + (rest.translate(_RAISED) if set(rest) <= _RAISABLE else f"^({rest})")
    return f"^{text}" if text.isalnum() else f"^({text})"


def _operand(layout: Layout, top: bool) -> str:
    """Above or below a bar: in brackets where the line would read otherwise."""
    text = to_text(layout)
    if isinstance(layout, Row) and any(isinstance(p, Sign) and not p.tight for p in layout.parts):
        return f"({text})"
    compound = (Product, Fraction, Coefficient)
    return text if top or not isinstance(layout, compound) else f"({text})"


def _product(factors: tuple[Layout, ...]) -> str:
    """Letters next to each other; words apart by a dot, functions by a space."""
    texts = [to_text(factor) for factor in factors]
    joined = texts[0]
    for (left, right), text in zip(pairwise(factors), texts[1:], strict=True):
        joined += _separator(left, right) + text
    return joined


def _separator(left: Layout, right: Layout) -> str:
    left, right = _at_end(left, -1), _at_end(right, 0)
    if isinstance(left, Fraction) or isinstance(right, Fraction):
        return " · "
    if _is_function(left) or _is_function(right):
        return " "
    if isinstance(left, Number) and not _is_word(right) and not isinstance(right, Number):
        return ""
    return "·" if _is_word(left) or _is_word(right) or isinstance(right, Number) else ""


def _at_end(layout: Layout, end: int) -> Layout:
    """The first or last factor of a product, which its neighbour touches."""
    while isinstance(layout, Product):
        layout = layout.factors[end]
    return layout


def _is_function(layout: Layout) -> bool:
    if isinstance(layout, Scripts):
        return _is_function(layout.base)
    return isinstance(layout, Row) and isinstance(layout.parts[0], Word)


def _is_word(layout: Layout) -> bool:
    """A name of several letters, which would run into its neighbour."""
    if isinstance(layout, Scripts):
        return _is_word(layout.base)
    return isinstance(layout, Variable) and len(layout.name) > 1
