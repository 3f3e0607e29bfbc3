"""How the names of a program are written in mathematics: w_bar as w̄, W1 as W₁, beta as β."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["GREEK", "NameParts", "split_name"]

_SMALL = "αβγδεζηθικλμνξοπρστυφχψω"
_SPELLED = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
)
_CAPITALS = {"Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π"}
_MORE_CAPITALS = {"Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω"}
# "sigma" to "σ": the letter that each spelled name stands for.
GREEK: dict[str, str] = {
    **dict(zip(_SPELLED.split(), _SMALL, strict=True)),
    **_CAPITALS,
    **_MORE_CAPITALS,
}

_PATTERN = re.compile(r"(?P<stem>.+?)(?:_?(?P<inner>\d+))?(?P<bar>_bar)?(?:_(?P<outer>\d+))?_?")


@dataclass(frozen=True, slots=True)
class NameParts:
    """A name taken apart: `t1_bar` is stem t, number 1, with a bar over both."""

    stem: str
    number: str = ""
    bar: bool = False
    version: str = ""


def split_name(name: str) -> NameParts:
    """Stem, number, bar and version of a name.

    >>> split_name("W1_bar")
    NameParts(stem='W', number='1', bar=True, version='')
    """
    found = _PATTERN.fullmatch(name)
    if found is None:
        return NameParts(name)
    number, version = found["inner"] or "", found["outer"] or ""
    if not found["bar"] and version:
        number, version = number or version, version if number else ""
    return NameParts(found["stem"], number, bool(found["bar"]), version)
