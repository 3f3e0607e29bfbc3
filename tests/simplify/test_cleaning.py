"""Zero terms, decided guards, dead and equal definitions."""

from __future__ import annotations

import numpy as np
import sympy

from symgrad.program import Access, Axis, Guard, IndexCheck, Reshape, Term
from symgrad.simplify.cleaning import drop_zeros, merge_equal, remove_dead
from symgrad.simplify.rewriting import merge_terms
from tests.simplify.vocabulary import (
    COLUMN,
    ROW,
    X,
    d,
    define,
    i,
    j,
    k,
    m,
    n,
    program,
    total,
    w,
    x,
    y,
)
from tests.support import assert_same_values, formulas

ZERO = sympy.S.Zero


# --- drop_zeros --------------------------------------------------------------------------------


def test_reads_of_a_zero_array_become_zero(rng: np.random.Generator) -> None:
    before = program(define("t", ROW), define("z", ROW, Access("t", i) * y() + x()))
    after = drop_zeros(before)
    assert formulas(after)[-1] == "z[i] = x[i]"
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_zero_runs_through_chains() -> None:
    before = program(
        define("t", ROW),
        define("s", ROW, 2 * Access("t", i)),
        define("z", (), total(Access("s", i) * x(), *ROW), total(x(), *ROW)),
    )
    (term,) = drop_zeros(before).definitions[-1].terms
    assert term == total(x(), *ROW)


def test_a_zero_is_not_divided_by() -> None:
    """1/t with t = 0 is infinite when it runs, not when it is compiled."""
    before = program(define("t", ROW), define("z", ROW, x() / Access("t", i)))
    after = drop_zeros(before)
    assert not after.definitions[-1].terms[0].body.has(sympy.zoo, sympy.nan)


def test_guards_that_always_hold_go(rng: np.random.Generator) -> None:
    guards = (Guard(ZERO, "<=", i), Guard(i, "<", n), Guard(i, "<", j))
    before = program(define("z", (*ROW, Axis(j, n)), Term(x() * y(j), (), "sum", guards)))
    after = drop_zeros(before)
    assert after.definitions[-1].terms[0].guards == (Guard(i, "<", j),)
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_terms_on_empty_domains_go(rng: np.random.Generator) -> None:
    never = Term(y(), (), "sum", (Guard(i, "<", ZERO),))
    before = program(define("z", ROW, x(), never))
    after = drop_zeros(before)
    assert formulas(after) == ["z[i] = x[i]"]
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_a_maximum_over_nothing_is_not_zero() -> None:
    never = (Guard(i, "<", ZERO),)
    before = program(define("z", (), Term(x(), ROW, "max", never)))
    assert drop_zeros(before).definitions[-1].terms


def test_reshape_of_zeros_is_zero() -> None:
    before = program(
        define("t", (Axis(i, n), Axis(j, d))),
        Reshape("s", (n * d,), "float64", "t"),
        define("z", (Axis(k, n * d),), Access("s", k) + 1),
    )
    assert formulas(drop_zeros(before))[-1].endswith("= 1")


# --- remove_dead -------------------------------------------------------------------------------


def test_what_no_output_reads_goes(rng: np.random.Generator) -> None:
    before = program(
        define("a", ROW, x() * 2),
        define("b", ROW, Access("a", i) + 1),
        define("z", ROW, x() + y()),
    )
    after = remove_dead(before)
    assert [s.name for s in after.definitions] == ["z"]
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_index_checks_stay() -> None:
    """They may raise, whether or not what they check is used."""
    check = IndexCheck("q", (m,), "int64", "p", n, "x", 0)
    before = program(check, define("z", ROW, x()))
    assert remove_dead(before) == before


def test_nothing_dead_is_the_same_program() -> None:
    before = program(define("z", ROW, x()))
    assert remove_dead(before) is before


# --- merge_equal -------------------------------------------------------------------------------


def test_equal_definitions_become_one(rng: np.random.Generator) -> None:
    before = program(
        define("a", ROW, x() * y()),
        define("b", (Axis(j, n),), x(j) * y(j)),
        define("z", ROW, Access("a", i) + Access("b", i)),
    )
    after = merge_equal(before)
    assert len(after.definitions) == 2
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_equal_sums_with_other_letters(rng: np.random.Generator) -> None:
    before = program(
        define("a", ROW, total(X(i, j) * w(j), *COLUMN)),
        define("b", (Axis(k, n),), total(X(k, j) * w(j), Axis(j, d))),
        define("z", ROW, Access("a", i) * Access("b", i)),
    )
    after = merge_equal(before)
    assert [s.name for s in after.definitions] == ["a", "z"]
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_merging_goes_on_in_what_reads_them() -> None:
    before = program(
        define("a", ROW, x() * 2),
        define("b", ROW, x() * 2),
        define("c", ROW, Access("a", i) + 1),
        define("e", ROW, Access("b", i) + 1),
        define("z", ROW, Access("c", i) * Access("e", i)),
    )
    assert [s.name for s in merge_equal(before).definitions] == ["a", "c", "z"]


def test_two_equal_outputs_stay_two(rng: np.random.Generator) -> None:
    before = program(define("a", ROW, x() * 2), define("b", ROW, x() * 2), outputs=("a", "b"))
    after = merge_equal(before)
    assert after.outputs == ("a", "b")
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_other_type_guard_extent_or_reduction_is_another_definition() -> None:
    guard = (Guard(i, "<", n - 1),)
    statements = (
        define("a", ROW, x()),
        define("b", ROW, x(), dtype="float32"),
        define("c", ROW, Term(x(), (), "sum", guard)),
        define("e", (Axis(i, n - 1),), x()),
        define("g", (), Term(x(), ROW, "max")),
        define("h", (), Term(x(), ROW, "min")),
    )
    before = program(*statements, outputs=[s.name for s in statements])
    assert merge_equal(before) == before


def test_equal_sums_of_one_definition_are_one_sum() -> None:
    """Σ f + Σ f + Σ f -> Σ 3·f, whatever the summed index is called."""
    terms = [Term(Access("x", index) ** 2, (Axis(index, n),)) for index in (i, j, i)]
    merged = merge_terms([*terms, Term(Access("x", i), (Axis(i, n),))])
    assert len(merged) == 2
    assert merged[0].body == 3 * Access("x", i) ** 2
