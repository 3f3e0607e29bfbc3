"""Simplification: `Program -> Program`, an ordered list of named, local, total passes."""

from symgrad.simplify.operations import count_operations
from symgrad.simplify.runner import PASS_NAMES, PassReport, Simplified, Watch, simplify

__all__ = ["PASS_NAMES", "PassReport", "Simplified", "Watch", "count_operations", "simplify"]
