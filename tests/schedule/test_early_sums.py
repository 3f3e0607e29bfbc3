"""Sums whose factors are totals themselves are taken without them, in an earlier pass."""

from __future__ import annotations

import numpy as np

from symgrad.schedule import Schedule, freeze, schedule
from symgrad.schedule.frozen import FrozenDefinition, elements_of
from symgrad.schedule.plan import RunTiled
from tests.support import assert_close, build


def normalise(X, gain):
    centred = X - np.mean(X, axis=0)
    return centred / np.sqrt(np.mean(centred**2, axis=0) + 1e-5) * gain


SHAPES = {"X": "f64[n, d]", "gain": "f64[d]"}


def scheduled() -> Schedule:
    gradient = build(normalise, SHAPES).derived.gradient
    return schedule(freeze(gradient.program, ("X", "gain")))


def test_a_normalisation_goes_through_the_samples_three_times() -> None:
    made = scheduled()
    assert sum(isinstance(step, RunTiled) for step in made.steps) == 3
    assert any("summed before its factors are known" in text for text in made.decisions)


def test_what_is_summed_has_no_factor_left() -> None:
    early = [s for s in scheduled().program.statements if s.name.endswith("_early")]
    assert len(early) == 2
    for statement in early:
        assert isinstance(statement, FrozenDefinition)
        read = {element.array for term in statement.terms for element in elements_of(term)}
        assert "gain" not in read and not any("inverse" in name for name in read)


def test_gradients_are_those_of_the_reference() -> None:
    built = build(normalise, SHAPES)
    random = np.random.default_rng(5)
    arguments = {"X": random.normal(size=(67, 5)), "gain": random.normal(size=5)}
    cotangent = random.normal(size=(67, 5))
    (_, expected) = built.reference_vjp(arguments, [cotangent])
    for variant in (built, built.in_small_tiles()):
        _, gradients = variant.module("cpu").f_vjp(**arguments, cotangent=cotangent)
        for actual, wanted in zip(gradients, expected, strict=True):
            assert_close(actual, wanted, 1e-11)


def test_a_constant_column_stays_not_a_number() -> None:
    def divided(X, gain):
        centred = X - np.mean(X, axis=0)
        return centred / np.sqrt(np.mean(centred**2, axis=0)) * gain

    module = build(divided, SHAPES).module("cpu")
    points = np.ones((40, 2))
    points[:, 1] = np.arange(40.0)
    _, gradients = module.f_vjp(points, np.ones(2), np.ones((40, 2)))
    assert np.isnan(gradients.gain[0]) and np.isfinite(gradients.gain[1])
