"""Substitution of small definitions into their readers."""

from __future__ import annotations

import numpy as np
import sympy

from symgrad.program import Access, Axis, Guard, IndexCheck, Reshape, Term, accesses
from symgrad.program import functions as f
from symgrad.simplify.inlining import CHEAP_BODY, inline_definitions
from tests.simplify.vocabulary import (
    COLUMN,
    MATRIX,
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
from tests.support import assert_same_values


def t(*subscripts: sympy.Expr) -> Access:
    return Access("t", *subscripts)


def names(before) -> list[str]:
    return [s.name for s in inline_definitions(before).definitions]


def test_a_multiple_of_one_element_goes_everywhere(rng: np.random.Generator) -> None:
    before = program(
        define("t", ROW, x() / n),
        define("a", ROW, sympy.sin(t(i))),
        define("z", (), total(Access("a", i) * t(i), *ROW)),
        outputs=("a", "z"),
    )
    after = inline_definitions(before)
    assert "t" not in [s.name for s in after.definitions]
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_a_body_read_once_in_step_is_substituted(rng: np.random.Generator) -> None:
    before = program(define("t", ROW, sympy.exp(x())), define("z", ROW, t(i) * y() + 1))
    after = inline_definitions(before)
    (definition,) = after.definitions
    assert definition.terms == (Term(sympy.exp(x()) * y() + 1),)
    assert_same_values(before, after, rng, n=3, d=2, m=2)


def test_a_costly_body_read_twice_stays() -> None:
    before = program(
        define("t", ROW, sympy.exp(x())),
        define("a", ROW, t(i) * y()),
        define("z", ROW, t(i) + Access("a", i)),
        outputs=("a", "z"),
    )
    assert "t" in names(before)


def test_a_cheap_body_read_twice_is_computed_twice(rng: np.random.Generator) -> None:
    assert CHEAP_BODY >= 1
    before = program(
        define("t", ROW, x() - y()),
        define("a", ROW, t(i) ** 2),
        define("z", ROW, t(i) * 3),
        outputs=("a", "z"),
    )
    assert "t" not in names(before)
    assert_same_values(before, inline_definitions(before), rng, n=3, d=2, m=2)


def test_never_into_a_larger_loop() -> None:
    """Σ_j X[i,j]·t[j] with t = exp(w): n·d exponentials instead of d."""
    before = program(
        define("t", COLUMN, sympy.exp(w())), define("z", ROW, total(X() * t(j), *COLUMN))
    )
    assert names(before) == ["t", "z"]


def test_a_matrix_product_keeps_plain_factors() -> None:
    """Σ_j t[i,j]·B[j,k] with t = tanh(X) reads t for every k."""
    third = Axis(k, n)
    body = total(t(i, j) * X(k, j), *COLUMN)
    before = program(define("t", MATRIX, sympy.tanh(X())), define("z", (*ROW, third), body))
    assert inline_definitions(before) == before


def test_not_an_output() -> None:
    before = program(define("t", ROW, x() * 2), define("z", ROW, t(i) + 1), outputs=("t", "z"))
    assert names(before) == ["t", "z"]


def test_not_what_a_reshape_or_check_reads() -> None:
    before = program(
        define("t", MATRIX, 2 * X()),
        Reshape("s", (n * d,), "float64", "t"),
        define("z", (), total(Access("s", k), Axis(k, n * d))),
    )
    assert "t" in names(before)
    checked = program(
        define("t", (Axis(i, m),), Access("p", i) + 1, dtype="int64"),
        IndexCheck("q", (m,), "int64", "t", n, "x", 0),
        define("z", (Axis(i, m),), x(Access("q", i))),
    )
    assert names(checked) == ["t", "q", "z"]


def test_not_across_a_rounding() -> None:
    before = program(
        define("t", ROW, 2 * x(), dtype="float32"), define("z", ROW, t(i) + y(), dtype="float64")
    )
    assert names(before) == ["t", "z"]


def test_a_guarded_factor_becomes_a_guard_of_the_sum(rng: np.random.Generator) -> None:
    """A triangle: t[i,j] = x[j] if j ≤ i, z[i] = Σ_j t[i,j]·y[j]."""
    square = (Axis(i, n), Axis(j, n))
    triangle = Term(x(j), (), "sum", (Guard(j, "<=", i),))
    before = program(
        define("t", square, triangle), define("z", ROW, total(t(i, j) * y(j), square[1]))
    )
    after = inline_definitions(before)
    (definition,) = after.definitions
    assert definition.terms[0].guards == (Guard(j, "<=", i),)
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_a_guarded_value_is_not_lifted_out_of_a_function(rng: np.random.Generator) -> None:
    triangle = Term(x(), (), "sum", (Guard(i, "<", n - 1),))
    before = program(define("t", ROW, triangle), define("z", ROW, sympy.cos(t(i))))
    after = inline_definitions(before)
    assert len(after.definitions) == 2
    assert_same_values(before, after, rng, n=4, d=2, m=2)


def test_a_guarded_part_of_a_sum_keeps_the_rest(rng: np.random.Generator) -> None:
    triangle = Term(x(), (), "sum", (Guard(i, "<", n - 1),))
    before = program(define("t", ROW, triangle), define("z", ROW, t(i) * y() + 3))
    assert_same_values(before, inline_definitions(before), rng, n=4, d=2, m=2)


def test_a_subscript_stays_an_element(rng: np.random.Generator) -> None:
    """x[t[i]] with t = p + 0 or 2·p: only an element may stand in a subscript."""
    axes = (Axis(i, m),)
    check = IndexCheck("q", (m,), "int64", "p", n, "x", 0)
    plain = program(
        check, define("t", axes, Access("q", i), dtype="int64"), define("z", axes, x(t(i)))
    )
    assert names(plain) == ["q", "z"]
    multiple = program(
        check,
        define("t", axes, Access("q", i) * 2, dtype="int64"),
        define("z", axes, x(t(i))),
    )
    after = inline_definitions(multiple)
    for statement in after.definitions:
        for term in getattr(statement, "terms", ()):
            for access in accesses(term.body):
                for subscript in access.subscripts:
                    assert isinstance(subscript, Access) or not subscript.has(Access)


def test_gather_of_a_strided_slice() -> None:
    """t[i] = x[2·i], z[j] = t[p[j]]: 2·p[j] is no subscript."""
    check = IndexCheck("q", (m,), "int64", "p", n, "x", 0)
    before = program(
        check, define("t", ROW, x(2 * i)), define("z", (Axis(j, m),), t(Access("q", j)))
    )
    for statement in inline_definitions(before).definitions:
        for term in getattr(statement, "terms", ()):
            for access in accesses(term.body):
                for subscript in access.subscripts:
                    assert isinstance(subscript, Access) or not subscript.has(Access)


def test_integer_power_stays_an_integer() -> None:
    """t[i] = 2^k[i] of integers is exact; read by a float it must not become a float's power."""
    axes = (Axis(i, m),)
    body = f.power(sympy.Integer(2), Access("p", i))
    power = define("t", axes, body, dtype="int64")
    assert names(program(power, define("z", axes, t(i) / 3))) == ["t", "z"]
    assert names(program(power, define("z", axes, t(i) + 1, dtype="int64"))) == ["z"]
