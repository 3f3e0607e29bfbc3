"""Naive spellings and what replaces them: one file for each family of rules.

A rule looks at one node of a body, through `Views`, which shows what the definitions that it reads
hold, and answers with an equal expression that neither overflows nor cancels, or with None.
"""

from symgrad.simplify.spellings.determinants import DETERMINANT_RULES
from symgrad.simplify.spellings.differences import DIFFERENCE_RULES
from symgrad.simplify.spellings.logarithms import LOGARITHM_RULES
from symgrad.simplify.spellings.quotients import QUOTIENT_RULES
from symgrad.simplify.spellings.roots import ROOT_RULES
from symgrad.simplify.spellings.rule import Rule
from symgrad.simplify.spellings.selections import SELECTION_RULES
from symgrad.simplify.spellings.views import Views

__all__ = ["RULES", "Rule", "Views"]

RULES: tuple[Rule, ...] = (
    *DETERMINANT_RULES,
    *LOGARITHM_RULES,
    *ROOT_RULES,
    *DIFFERENCE_RULES,
    *QUOTIENT_RULES,
    *SELECTION_RULES,
)
