"""`symgrad explain --schedule`: what was decided, the loops, and what follows for tiles."""

from __future__ import annotations

import numpy as np

from symgrad.explain.scheduling import nest_summaries, step_notes
from symgrad.schedule import Schedule, freeze, schedule
from tests.support import build


def plan(function, shapes, wrt) -> Schedule:
    gradient = build(function, shapes, wrt=wrt).derived.gradient
    return schedule(freeze(gradient.program, wrt))


def squares(mu, L, X):
    return np.sum(np.einsum("kij,nkj->nki", np.tril(L), X[:, None, :] - mu) ** 2)


def normalise(X, gain):
    mean = np.mean(X, axis=0)
    return (X - mean) / np.sqrt(np.mean((X - mean) ** 2, axis=0) + 1e-5) * gain


def test_reasons_of_a_mixture() -> None:
    made = plan(squares, {"mu": "f64[K, d]", "L": "f64[K, d, d]", "X": "f64[n, d]"}, ("mu", "L"))
    text = "\n".join(made.decisions)
    assert "n is divided into tiles" in text and "no parameter has it" in text
    assert "X_packed: rows copied with n last" in text
    assert "needs d * n in a tile: its outer loop is shared" in text
    loops = {name: nest.loops for nest in nest_summaries(made) for name in nest.computes}
    assert loops["X_packed"] == "d/4 · rows"
    assert "K · d/4 · d/4 · rows" in loops["L_bar"]
    assert any("elements of scratch hold" in note for note in step_notes(made))


def test_reasons_of_a_normalisation() -> None:
    made = plan(normalise, {"X": "f64[n, d]", "gain": "f64[d]"}, ("X", "gain"))
    text = "\n".join(made.decisions)
    assert "it comes first among the extents that the longest nests share" in text
    assert "the samples are gone through 3 times" in text
    assert "pass 2 waits for the totals mean" in text
    assert "computed once, as no sample changes it:" in text


def test_a_minimum_and_its_position_are_found_together() -> None:
    def nearest(C, X):
        gaps = X[:, None, :] - C[None, :, :]
        return np.sum(np.min(np.sum(gaps**2, axis=2), axis=1))

    made = plan(nearest, {"C": "f64[k, d]", "X": "f64[n, d]"}, ("C",))
    assert "are found in one loop: an extreme and where it is" in "\n".join(made.decisions)


def test_a_program_without_loops_says_so() -> None:
    made = plan(lambda x: x * np.sin(x), {"x": "f64[]"}, ("x",))
    assert made.decisions == (
        "no axis is divided into tiles: no loop has an extent that is not literal",
    )
