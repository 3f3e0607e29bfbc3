"""Random formulas at random exponents: the rules never make a result worse, and mend most.

`SYMGRAD_FUZZ=500` tries so many. `python -m bench.formulas` counts the same for JAX and torch.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from bench.formulas import exact_results, judge, random_formula, symgrad_results

COUNT = int(os.environ.get("SYMGRAD_FUZZ", "25"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_formulas() -> None:
    rng = np.random.default_rng(7)
    broken = right = before = tried = 0
    worse = []
    while tried < COUNT:
        formula = random_formula(rng)
        exact = exact_results(formula)
        if exact is None:
            continue
        tried += 1
        with_rules = judge(symgrad_results(formula), exact)
        without = judge(symgrad_results(formula, ("stabilise",)), exact)
        broken += with_rules.broken
        right += with_rules.right
        before += without.right
        if without.right and not with_rules.right:
            worse.append((formula.text, formula.x, formula.y))
    assert not worse, worse
    assert right >= before and right >= 0.85 * tried and broken <= 0.1 * tried
