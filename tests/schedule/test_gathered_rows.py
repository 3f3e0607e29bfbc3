"""Gathered rows copied once, groups of few enough arrays, and concatenations written once."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.schedule import freeze, schedule
from symgrad.schedule.frozen import Affine, FrozenAxis, FrozenGuard, FrozenTerm
from symgrad.schedule.fusion import fuse
from symgrad.schedule.pieces import divide_an_axis
from symgrad.schedule.plan import RunTiled
from symgrad.schedule.splitting import MOST_PAIRS, _pairs, split_wide
from tests.support import assert_close, build


def distances(C: Any, label: Any, X: Any) -> Any:
    a, b = C[label, 0] - X[:, 0], C[label, 1] - X[:, 1]
    return np.sum(np.log(1 + a**2 * C[label, 1] ** 2 + b**2 * C[label, 0] ** 2) * a)


SHAPES = {"C": "f64[k, 2]", "label": "i64[n]", "X": "f64[n, 2]"}


def tiled(function: Any, shapes: dict[str, str], wrt: Any) -> RunTiled:
    program = freeze(build(function, shapes, wrt=wrt).derived.gradient.program)
    return next(s for s in schedule(program).steps if isinstance(s, RunTiled))


def test_rows_that_are_read_often_are_gathered_once() -> None:
    kernel = tiled(distances, SHAPES, "X").kernel
    gathered = [f for formula, _ in kernel.nests for f in formula.splitlines() if "C_at_" in f]
    assert gathered == ["C_at_index1[i,j] = C[index1[i],j]"], "the other formulas stay as they were"


def test_a_row_that_is_read_once_stays_where_it_is() -> None:
    def once(C: Any, label: Any, X: Any) -> Any:
        return np.sum((C[label] - X) ** 2)

    kernel = tiled(once, SHAPES, "C").kernel
    assert not any("_at_" in p.view.name for p in kernel.parameters)


def test_values_of_gathered_rows(rng: np.random.Generator) -> None:
    built = build(distances, SHAPES, wrt=("C", "X"))
    arguments = {
        "C": rng.normal(size=(4, 2)),
        "label": np.array([3, 0, -1, 2, 2, 1, 0]),
        "X": rng.normal(size=(7, 2)),
    }
    expected = built.vjp("numpy", arguments, [np.float64(1)])
    found = built.in_small_tiles().vjp("cpu", arguments, [np.float64(1)])
    for one, other in zip(found[1], expected[1], strict=True):
        assert_close(one, other, 1e-12, atol=1e-12)


def many(x: Any, y: Any) -> Any:
    parts = [np.sin(x * (k + 1)) for k in range(16)]
    total = y
    for k in range(16):
        total = total + parts[k] * parts[(k + 5) % 16] * parts[(k + 9) % 16]
    return np.sum(total**2)


def test_groups_have_few_enough_pairs_of_arrays() -> None:
    program = freeze(build(many, {"x": "f64[n]", "y": "f64[n]"}).derived.gradient.program)
    members = [(s, False) for s in program.statements if getattr(s, "axes", ())]
    every = {definition.name for definition, _ in members}
    groups = fuse(members, "n")
    assert max(_pairs(g.members, (), every) for g in groups) > MOST_PAIRS
    parts = split_wide(groups, every)
    assert [d for g in parts for d, _ in g.members] == [d for g in groups for d, _ in g.members]
    assert all(len(g.members) == 1 or _pairs(g.members, (), every) <= MOST_PAIRS for g in parts)


def term(*guards: FrozenGuard) -> FrozenTerm:
    return FrozenTerm((), (), "sum", guards)


ROW, THREE = Affine((("i", 1),)), Affine((), "3")
LOW = FrozenGuard(ROW, "<", THREE)
HIGH = FrozenGuard(Affine(()), "<=", Affine((("i", 1),), "-3"))


def test_ranges_that_divide_an_axis() -> None:
    axes = (FrozenAxis("n", "n"), FrozenAxis("i", "5"))
    assert divide_an_axis(axes, [term(LOW), term(HIGH)])
    assert divide_an_axis(axes, [term(HIGH), term(LOW)])
    assert not divide_an_axis(axes, [term(LOW)]), "the rest is not written"
    assert not divide_an_axis(axes, [term(LOW), term(HIGH), term()]), "written twice"
    assert not divide_an_axis((FrozenAxis("i", "m"),), [term(LOW), term(HIGH)]), "m is not known"
    four = FrozenGuard(ROW, "==", Affine((), "4"))
    assert not divide_an_axis(axes, [term(LOW), term(four)]), "nobody writes 3"
    single = [term(FrozenGuard(ROW, "==", Affine((), str(k)))) for k in range(5)]
    assert divide_an_axis(axes, single)


def test_a_concatenation_is_not_filled_with_zeros_first() -> None:
    def joined(x: Any, y: Any) -> Any:
        z = np.concatenate([np.sin(x), np.cos(y)], axis=1)
        return np.sum(z @ z.T)

    built = build(joined, {"x": "f64[n, 3]", "y": "f64[n, 2]"})
    x, y = np.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(4, 2)
    value = built.value("cpu", {"x": x, "y": y})[0]
    z = np.concatenate([np.sin(x), np.cos(y)], axis=1)
    assert_close(value, np.sum(z @ z.T), 1e-12)
