"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy

from symgrad.simplify.spellings.views import Views

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`arithmetic` under `condition`: both are text for people, `apply` does it.

    `apply` returns None where the rule does not match.
    """

    name: str
    arithmetic: str
    condition: str
    apply: Callable[[sympy.Expr, Views], sympy.Expr | None]
