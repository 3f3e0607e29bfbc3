"""Layouts as LaTeX and as MathML; text is in `printing_text`."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

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
from symgrad.explain.names import GREEK, split_name

__all__ = ["to_latex", "to_mathml"]

_SPELLED = {letter: name for name, letter in GREEK.items() if letter != "ο"}

_KNOWN_WORDS = "exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det"

# What LaTeX and MathJax define, as GitHub's pages allow it (\operatorname is not allowed there).
_LATEX_WORDS = {name: f"\\{name}" for name in _KNOWN_WORDS.split()}
_LATEX_SIGNS = {
    "·": r"\cdot",
    "−": "-",
    "⊙": r"\odot",
    "⊘": r"\oslash",
    "⊗": r"\otimes",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "∧": r"\wedge",
    "∨": r"\vee",
    "¬": r"\neg",
    "⊤": r"\top",
    "∘": r"\circ",
    "∞": r"\infty",
    ", ": r",\,",
    "∈": r"\in",
    "∂": r"\partial",
    "∇": r"\nabla",
    "→": r"\to",
}
_LATEX_LARGE = {"Σ": r"\sum", "Π": r"\prod", "max": r"\max", "min": r"\min"}
_LATEX_FENCES = {"‖": r"\|", "⌊": r"\lfloor", "⌋": r"\rfloor", "{": r"\{", "}": r"\}"}


# --- LaTeX ---------------------------------------------------------------------------------------


def to_latex(layout: Layout) -> str:
    """The formula in LaTeX's mathematical mode, of amsmath's commands only.

    >>> to_latex(Fraction(Number("1"), Variable("n")))
    '\\\\frac{1}{n}'
    """
    match layout:
        case Variable(name):
            return _latex_name(name)
        case Number(text):
            return _latex_number(text)
        case Word(text):
            return _latex_word(text)
        case Sign(text, tight):
            sign = _LATEX_SIGNS.get(text, text)
            return sign if tight else f" {sign} "
        case Row(parts):
            return "".join(map(to_latex, parts))
        case Product(factors):
            return r" \, ".join(map(to_latex, factors))
        case Coefficient(number, rest):
            return rf"{to_latex(number)} \, {to_latex(rest)}"
        case Fraction(above, below):
            return rf"\frac{{{to_latex(above)}}}{{{to_latex(below)}}}"
        case Scripts(base, below, above):
            text = to_latex(base)
            text = text if text.isalpha() and len(text) == 1 else f"{{{text}}}"
            text += f"_{{{to_latex(below)}}}" if below is not None else ""
            return text + (f"^{{{to_latex(above)}}}" if above is not None else "")
        case Fenced(inner, opening, closing):
            left, right = (_LATEX_FENCES.get(side, side) for side in (opening, closing))
            return rf"\left{left} {to_latex(inner)} \right{right}"
        case Root(inner):
            return rf"\sqrt{{{to_latex(inner)}}}"
        case Large(sign, below, body):
            large = _LATEX_LARGE.get(sign, rf"\mathop{{\mathrm{{{sign}}}}}\limits")
            return rf"{large}_{{{to_latex(below)}}} {to_latex(body)}"
        case Cases(condition, value, otherwise):
            first, second, where = to_latex(value), to_latex(otherwise), to_latex(condition)
            return (
                rf"\begin{{cases}} {first} & \text{{if }} {where} \\ {second} & \text{{else}} "
                r"\end{cases}"
            )


def _latex_number(text: str) -> str:
    mantissa, exponent, power = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if exponent else text


def _latex_word(text: str) -> str:
    if " " in text:
        return " ".join(map(_latex_word, text.split()))
    if text in _SPELLED:
        return f"\\{_SPELLED[text]}"
    if text in ("1", "I"):  # the vector of ones and the identity
        return r"\mathbf{1}" if text == "1" else "I"
    escaped = text.replace("_", r"\_")
    return _LATEX_WORDS.get(text, rf"\mathrm{{{escaped}}}")


def _latex_name(name: str) -> str:
    parts = split_name(name)
    if parts.stem in GREEK and parts.stem != "omicron":
        text = f"\\{parts.stem}"
    elif len(parts.stem) == 1 and parts.stem.isascii():
        text = parts.stem
    else:
        text = _latex_word(parts.stem)
    text += f"_{{{parts.number}}}" if parts.number else ""
    text = rf"\overline{{{text}}}" if parts.bar else text
    return f"{text}^{{({parts.version})}}" if parts.version else text


# --- MathML --------------------------------------------------------------------------------------


def to_mathml(layout: Layout) -> str:
    """The formula as MathML Core, without the `math` element around it."""
    match layout:
        case Variable(name):
            return _mathml_name(name)
        case Number(text):
            return _mathml_number(text)
        case Word("1"):
            return '<mn style="font-weight:bold">1</mn>'
        case Word(text):
            return f'<mi mathvariant="normal">{escape(text)}</mi>'
        case Sign(text, tight):
            gap = "0.35em" if text.endswith(" ") else "0.1em"
            spacing = f' lspace="0" rspace="{gap}"' if tight else ""
            return f"<mo{spacing}>{escape(text.strip())}</mo>"
        case Row(parts):
            return _mathml_row(parts)
        case Product(factors):
            space = '<mspace width="0.14em"/>'
            return space.join(f"<mrow>{to_mathml(f)}</mrow>" for f in factors)
        case Coefficient(number, rest):
            return f'{to_mathml(number)}<mspace width="0.17em"/>{to_mathml(rest)}'
        case Fraction(above, below):
            return f"<mfrac>{_cell(above)}{_cell(below)}</mfrac>"
        case Scripts(base, below, above):
            return _mathml_scripts(base, below, above)
        case Fenced(inner, opening, closing):
            return (
                f'<mrow><mo fence="true">{escape(opening)}</mo>{_cell(inner)}'
                f'<mo fence="true">{escape(closing)}</mo></mrow>'
            )
        case Root(inner):
            return f"<msqrt>{to_mathml(inner)}</msqrt>"
        case Large(sign, below, body):
            shown = {"Σ": "∑", "Π": "∏"}.get(sign, sign)
            kind = '<mo movablelimits="false">' if shown in "∑∏" else "<mo>"
            return f"<munder>{kind}{shown}</mo>{_cell(below)}</munder>{_cell(body)}"
        case Cases(condition, value, otherwise):
            rows = (
                f"<mtr><mtd>{to_mathml(value)}</mtd><mtd><mtext>if&#xa0;</mtext>"
                f"{to_mathml(condition)}</mtd></mtr>"
                f"<mtr><mtd>{to_mathml(otherwise)}</mtd><mtd><mtext>else</mtext></mtd></mtr>"
            )
            return f'<mrow><mo fence="true">{{</mo><mtable>{rows}</mtable></mrow>'


def _cell(layout: Layout) -> str:
    return f"<mrow>{to_mathml(layout)}</mrow>"


def _mathml_row(parts: tuple[Layout, ...]) -> str:
    text = ""
    for position, part in enumerate(parts):
        prefix = isinstance(part, Sign) and part.text == "−" and position == 0
        text += '<mo form="prefix">−</mo>' if prefix else to_mathml(part)
    return text


def _mathml_scripts(base: Layout, below: Layout | None, above: Layout | None) -> str:
    if below is not None and above is not None:
        return f"<msubsup>{_cell(base)}{_cell(below)}{_cell(above)}</msubsup>"
    if below is not None:
        return f"<msub>{_cell(base)}{_cell(below)}</msub>"
    return f"<msup>{_cell(base)}{_cell(above)}</msup>" if above is not None else _cell(base)


def _mathml_number(text: str) -> str:
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return f"<mn>{mantissa}</mn>"
    ten = f"<msup><mn>10</mn><mn>{int(power)}</mn></msup>"
    return f"<mrow><mn>{mantissa}</mn><mo>·</mo>{ten}</mrow>"


# MathML Core stretches no accent over a word; the bar of w̄ is a border.
_BAR = "border-top: 0.06em solid; padding-top: 0.1em; margin: 0 0.04em"


def _mathml_name(name: str) -> str:
    parts = split_name(name)
    stem = GREEK.get(parts.stem, parts.stem)
    text = f"<mi>{escape(stem)}</mi>"
    wrap: Callable[[str, str], str] = "<{0}>{1}</{0}>".format
    if parts.number:
        text = wrap("msub", f"{text}<mn>{parts.number}</mn>")
    if parts.bar:
        text = f'<mrow style="{_BAR}">{text}</mrow>'
    if parts.version:
        text = wrap("msup", f"{text}<mrow><mo>(</mo><mn>{parts.version}</mn><mo>)</mo></mrow>")
    return text
