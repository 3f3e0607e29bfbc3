"""Overlapping terms on short axes are summed in place, and pieces written where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.schedule.cells import cell_nests, inline_pieces
from symgrad.schedule.frozen import (
    Affine,
    Element,
    FrozenArray,
    FrozenAxis,
    FrozenDefinition,
    FrozenGuard,
    FrozenProgram,
    FrozenTerm,
    Operation,
)
from symgrad.schedule.loops import Block, Loop, Store
from tests.support import build

Q, K = FrozenAxis("q", "3"), FrozenAxis("k", "n")


def load(array: str, *subscripts: Affine) -> FrozenTerm:
    return FrozenTerm(
        (Operation("load", (), "float64", Element(array, subscripts)),), (), "sum", ()
    )


def guarded(term: FrozenTerm, *guards: FrozenGuard) -> FrozenTerm:
    return FrozenTerm(term.operations, (), "sum", guards)


def index(name: str, shift: int = 0) -> Affine:
    return Affine(((name, 1),), str(shift))


def number(value: int) -> Affine:
    return Affine((), str(value))


def defined(name: str, axes: tuple[FrozenAxis, ...], *terms: FrozenTerm) -> FrozenDefinition:
    return FrozenDefinition(name, axes, "float64", terms, f"{name} = …")


IS_ZERO = FrozenGuard(index("q"), "==", number(0))
BELOW_TWO = FrozenGuard(index("q"), "<", number(2))


def test_each_position_is_one_loop_with_the_terms_that_hold_there() -> None:
    y = defined(
        "y",
        (Q, K),
        guarded(load("a", index("k")), IS_ZERO),
        guarded(load("b", index("q", 4), index("k")), BELOW_TWO),
    )
    nests = cell_nests(y, "k")
    assert nests is not None
    found = []
    for loop in nests:
        assert isinstance(loop, Loop) and loop.tile
        (block,) = loop.body
        assert isinstance(block, Block)
        (store,) = block.effects
        assert isinstance(store, Store) and isinstance(store.target, Element) and not store.add
        read = [o.value for o in block.operations if isinstance(o.value, Element)]
        found.append((store.target.subscripts[0], read))
    a, b = Element("a", (index("k"),)), [Element("b", (number(q), index("k"))) for q in (4, 5)]
    assert found == [(number(0), [a, b[0]]), (number(1), [b[1]]), (number(2), [])]


def test_what_has_no_cells() -> None:
    terms = (
        guarded(load("a", index("k")), IS_ZERO),
        guarded(load("b", index("k")), BELOW_TWO),
    )
    assert cell_nests(defined("y", (Q, K), *terms), None) is None  # not in a tile
    assert cell_nests(defined("y", (K, Q), *terms), "k") is None  # rows are not innermost
    assert cell_nests(defined("y", (FrozenAxis("q", "m"), K), *terms), "k") is None
    assert cell_nests(defined("y", (FrozenAxis("q", "33"), K), *terms), "k") is None
    by_row = guarded(load("b", index("k")), FrozenGuard(index("q"), "<", index("k")))
    assert cell_nests(defined("y", (Q, K), terms[0], by_row), "k") is None


def joined(*, outputs: tuple[str, ...] = ("z",), first: int = 3) -> FrozenProgram:
    """z = x beside y, where x has pieces of its own."""
    x = defined(
        "x",
        (K, FrozenAxis("r", "3")),
        guarded(load("a", index("k")), FrozenGuard(index("r"), "==", number(0))),
        load("b", index("k"), index("r")),
    )
    left = FrozenGuard(index("s"), "<", number(first))
    right = FrozenGuard(number(first), "<=", index("s"))
    z = defined(
        "z",
        (K, FrozenAxis("s", "5")),
        guarded(load("x", index("k"), index("s")), left),
        guarded(load("y", index("k"), index("s", -first)), right),
    )
    arguments = tuple(FrozenArray(n, ("n", "3"), "float64") for n in ("a", "b", "y"))
    return FrozenProgram("f", arguments, (), ("n",), (x, z), outputs)


def test_a_piece_is_written_where_it_is_copied_to() -> None:
    (z,) = inline_pieces(joined()).statements
    assert isinstance(z, FrozenDefinition) and z.formula == "x = …\nz = …"
    left = FrozenGuard(index("s"), "<", number(3))
    zero = FrozenGuard(index("s"), "==", number(0))
    assert [t.guards for t in z.terms[:2]] == [(left, zero), (left,)]
    assert z.terms[1].operations == load("b", index("k"), index("s")).operations
    before = joined().statements[1]
    assert isinstance(before, FrozenDefinition) and z.terms[2] == before.terms[1]


def test_pieces_that_stay() -> None:
    read_twice = joined(outputs=("z", "x"))
    assert inline_pieces(read_twice) is read_twice
    in_part = joined(first=2)
    assert inline_pieces(in_part) is in_part


def pairs(X):
    return np.sum(np.exp(X[:, 0] * X[:, 1]) * X[:, 2] + np.sum(np.sin(X), axis=1))


@pytest.mark.parametrize("n", [1, 5])
def test_gradients_with_overlapping_terms(n: int) -> None:
    X = np.random.default_rng(n).normal(size=(n, 3))
    built = build(pairs, {"X": "f64[n, 3]"})
    _, (wanted,) = built.reference_vjp({"X": X}, [np.array(1.0)])
    for variant in (built, built.in_small_tiles()):
        _, (found,) = variant.module("cpu").f_value_and_grad(X)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
