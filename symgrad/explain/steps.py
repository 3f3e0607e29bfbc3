"""The derivation pass by pass: which definitions each of them changed, removed and added."""

from __future__ import annotations

from dataclasses import dataclass, field

from symgrad.program import Program, format_statement

__all__ = ["Step", "StepRecorder"]

_DONE_BY = {
    "differentiate": "adjoints of every definition, backwards",
    "stabilise": "naive spellings made safe",
    "drop_zeros": "x + 0·y → x",
    "drop_unit_axes": "axes of one element left out",
    "remove_dead": "what no output needs",
    "merge_equal": "t = f, u = f → t = f",
    "absorb": "t = Σ f, z = t + g → z = Σ f + g",
    "inline": "t = f, z = g(t) → z = g(f)",
    "eliminate_deltas": "Σ_j [j = i]·f(j) → f(i)",
    "hoist": "Σ c·f → c·Σ f",
    "exchange": "Σ_j Σ_l a·b → Σ_l b·Σ_j a",
    "factor": "a·x + a·y → a·(x + y)",
    "centre": "Σ c·(x − mean x) → 0",
    "share": "p = exp(u), g = exp(u) − y → g = p − y",
    "share_sums": "s = Σ f, z = Σ c·f → z = c·s",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One pass that changed something.

    Attributes:
        name: of the pass.
        does: the arithmetic it does.
        removed: definitions as they were, that are gone or different now.
        added: definitions that are new or different.
    """

    name: str
    does: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(slots=True)
class StepRecorder:
    """Receives programs before and after each pass; a `Watch` of `derive`."""

    steps: list[Step] = field(default_factory=list)

    def __call__(self, name: str, before: Program, after: Program) -> None:
        old = {s: format_statement(s) for s in before.definitions}
        new = {s: format_statement(s) for s in after.definitions}
        removed = tuple(text for s, text in old.items() if s not in new)
        added = tuple(text for s, text in new.items() if s not in old)
        kept = set(removed) & set(added)  # only an index or an origin differs
        self.steps.append(
            Step(
                name,
                _DONE_BY.get(name, ""),
                tuple(text for text in removed if text not in kept),
                tuple(text for text in added if text not in kept),
            )
        )
