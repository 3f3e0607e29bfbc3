"""The differential of one definition: coefficients, domains, helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

from symgrad.differentiate import linearise
from symgrad.errors import DifferentiationError
from symgrad.program import (
    Access,
    Axis,
    Definition,
    Guard,
    Program,
    Reduction,
    Term,
    index_symbol,
    size_symbol,
)
from symgrad.program.naming import FreshNames
from tests.support import captured

i, n = index_symbol("i"), size_symbol("n")


def linear(function: Callable[..., Any], **shapes: str) -> tuple[Program, Any]:
    """A program of one definition, and its differential by every floating argument."""
    program = captured(function, **shapes)
    definition = program.definitions[-1]
    assert isinstance(definition, Definition)
    active = frozenset(a.name for a in program.arguments) | {
        s.name for s in program.definitions[:-1]
    }
    return program, linearise(definition, program.dtypes(), active, FreshNames(program))


def test_one_partial_for_each_access() -> None:
    _, found = linear(lambda a, b: a @ b, a="f64[n, k]", b="f64[k]")
    pairs = {p.access.name: p.coefficient.name for p in found.partials}
    assert pairs == {"a": "b", "b": "a"}
    assert all(len(p.axes) == 1 and not p.guards for p in found.partials)


def test_two_reads_of_one_array_are_two_partials() -> None:
    here, there = Access("x", i), Access("x", i + 1)
    definition = Definition("y", (Axis(i, n - 1),), "float64", (Term(here * there),))
    found = linearise(definition, {"x": "float64", "y": "float64"}, frozenset({"x"}), str)
    pairs = {(p.access, p.coefficient) for p in found.partials}
    assert pairs == {(here, there), (there, here)}


def test_integers_carry_no_derivative() -> None:
    _, found = linear(lambda x, k: x * k, x="f64[n]", k="i64[n]")
    assert [p.access.name for p in found.partials] == ["x"]


def test_the_value_of_a_pointwise_definition_is_reused() -> None:
    program, found = linear(lambda x: np.exp(x), x="f64[n]")
    (partial,) = found.partials
    assert partial.coefficient == program.definitions[-1].access


def test_a_value_rounded_to_another_type_is_not_reused() -> None:
    x = Access("x", i)
    for dtype, wanted in (("float64", Access("y", i)), ("float32", sympy.exp(x))):
        definition = Definition("y", (Axis(i, n),), dtype, (Term(sympy.exp(x)),))
        found = linearise(definition, {"x": "float64", "y": dtype}, frozenset({"x"}), str)
        assert found.partials[0].coefficient == wanted


def test_logsumexp_has_the_softmax_as_weight() -> None:
    from scipy import special

    program, found = linear(lambda x: special.logsumexp(x, axis=1), x="f64[n, d]")
    (partial,) = found.partials
    value = program.definitions[-1].access
    assert partial.coefficient == sympy.exp(partial.access - value)


@pytest.mark.parametrize(("name", "helper"), [("max", "argmax"), ("min", "argmin")])
def test_an_extreme_is_read_at_its_position(name: str, helper: Reduction) -> None:
    _, found = linear(lambda x: getattr(np, name)(x, axis=1), x="f64[n, d]")
    (partial,) = found.partials
    (position,) = found.auxiliary
    assert position.terms[0].reduction == helper
    assert position.dtype == "int64"
    assert partial.coefficient == 1
    assert partial.guards == (Guard(partial.axes[0].index, "==", position.access),)


def test_a_product_needs_no_division() -> None:
    _, found = linear(lambda x: np.prod(x), x="f64[n]")
    (partial,) = found.partials
    before, after = found.auxiliary
    assert {h.terms[0].reduction for h in (before, after)} == {"prod"}
    assert [h.terms[0].guards[0].relation for h in (before, after)] == ["<", "<"]
    assert partial.coefficient == before.access * after.access


def test_terms_keep_their_domains() -> None:
    _, found = linear(lambda x, y: np.concatenate([x, 2 * y]), x="f64[n]", y="f64[m]")
    assert len(found.partials) == 2
    assert all(p.guards for p in found.partials)


def test_argmax_has_no_derivative() -> None:
    program = captured(lambda x: np.argmax(x) * np.sum(x), x="f64[n]")
    position = next(
        s
        for s in program.definitions
        if isinstance(s, Definition) and s.terms[0].reduction == "argmax"
    )
    with pytest.raises(DifferentiationError, match="argmax has no derivative"):
        linearise(position, program.dtypes(), frozenset({"x"}), FreshNames(program))


def test_a_zero_coefficient_is_no_partial() -> None:
    _, found = linear(lambda x: np.floor(x), x="f64[n]")
    assert not [p for p in found.partials if p.coefficient != 0]


def test_a_term_without_arrays_is_no_partial() -> None:
    definition = Definition("y", (), "float64", (Term(sympy.Integer(3)),))
    found = linearise(definition, {"y": "float64"}, frozenset({"x"}), str)
    assert found.partials == ()
