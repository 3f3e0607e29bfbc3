"""From SymPy to flat operations and size texts."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from symgrad.errors import CompileError
from symgrad.program import (
    Access,
    Argument,
    Axis,
    Definition,
    Program,
    Term,
    index_symbol,
    size_symbol,
)
from symgrad.program import functions as f
from symgrad.schedule import freeze
from symgrad.schedule.freeze_text import size_text
from symgrad.schedule.frozen import Affine, Element, FrozenDefinition, Operation

n, m = size_symbol("n"), size_symbol("m")
i, j = index_symbol("i"), index_symbol("j")
x = Access("x", i)


def frozen(body: sympy.Expr, dtype="float64", **keywords) -> FrozenDefinition:
    arguments = (
        Argument("x", (n,), "float64"),
        Argument("p", (n,), "int64"),
        Argument("s", (n,), "float32"),
    )
    term = Term(body, **keywords)
    definition = Definition("y", (Axis(i, n),), dtype, (term,))
    (statement,) = freeze(Program("f", arguments, (definition,), ("y",))).statements
    assert isinstance(statement, FrozenDefinition)
    return statement


def operations(body: sympy.Expr, **keywords) -> tuple[Operation, ...]:
    return frozen(body, **keywords).terms[0].operations


def names(body: sympy.Expr, **keywords) -> list[str]:
    return [operation.name for operation in operations(body, **keywords)]


def test_equal_parts_are_computed_once() -> None:
    assert names(sympy.exp(x) * sympy.sin(sympy.exp(x))).count("exp") == 1
    assert names(x * x + sympy.sin(x)).count("load") == 1


def test_operands_come_before_their_users() -> None:
    found = operations(sympy.tanh(x**2 + 1) / (x - 2))
    for position, operation in enumerate(found):
        assert all(operand < position for operand in operation.operands)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [
        (2, {"multiply"}),
        (3, {"multiply"}),
        (-1, {"constant", "divide"}),
        (-2, {"constant", "divide", "multiply"}),
        (sympy.Rational(1, 2), {"sqrt"}),
        (sympy.Rational(-1, 2), {"constant", "divide", "sqrt"}),
        (sympy.Rational(3, 2), {"multiply", "sqrt"}),
        (sympy.Float(0.3), {"constant", "power"}),
        (40, {"constant", "power"}),
    ],
)
def test_powers(exponent, expected: set[str]) -> None:
    assert set(names(x**exponent)) - {"load", "copy"} == expected


def test_a_quotient_is_one_division() -> None:
    assert names(x / (n * sympy.pi)).count("divide") == 1


def test_a_difference_has_no_negation() -> None:
    assert "negate" not in names(sympy.sin(x) - sympy.cos(x))


@pytest.mark.parametrize(
    "value", [sympy.Float(0.1), sympy.Rational(1, 3), sympy.pi, sympy.E, sympy.sqrt(2)]
)
def test_numbers_are_rounded_once(value) -> None:
    found = operations(value * sympy.sin(x))
    if any(o.name == "divide" for o in found):
        assert value == sympy.Rational(1, 3)
    else:
        assert float(value) in [o.value for o in found if o.name == "constant"]


def test_infinity_and_nan_are_literals() -> None:
    from symgrad.program import INFINITY, NOT_A_NUMBER

    values = [o.value for o in operations(f.select(x, INFINITY, NOT_A_NUMBER))]
    assert np.inf in values
    assert any(v != v for v in values if isinstance(v, float))


def test_a_constant_factor_is_the_scale_of_a_sum() -> None:
    (term,) = frozen(2 * Access("x", j) / n, axes=(Axis(j, n),)).terms
    assert [o.name for o in term.operations] == ["load"]
    assert {o.name for o in term.scale} == {"constant", "size", "divide"}


def test_a_scale_calls_no_helper_function() -> None:
    # Scales run on the host, where the kernels' helper functions are not defined.
    term = frozen(f.sigmoid(n) * x / n, axes=(Axis(j, m),)).terms[0]
    assert {o.name for o in term.scale} == {"constant", "size", "divide"}
    assert "sigmoid" in {o.name for o in term.operations}


def test_a_function_of_a_number_is_a_number() -> None:
    values = [o.value for o in operations(x * sympy.log(sympy.Rational(3, 2)))]
    assert float(np.log(1.5)) in values
    assert "log" not in names(x * sympy.log(2) + f.sigmoid(sympy.Integer(0)))


def test_a_product_or_maximum_has_no_scale() -> None:
    for reduction in ("prod", "max"):
        (term,) = frozen(2 * Access("x", j), axes=(Axis(j, n),), reduction=reduction).terms
        assert term.scale == ()


def test_mixed_types_are_cast_to_the_definition() -> None:
    found = operations(Access("s", i) * x)
    (cast,) = (o for o in found if o.name == "cast")
    assert cast.dtype == "float64"
    assert [o.dtype for o in operations(Access("s", i) * 2, dtype="float32")][-1] == "float32"


def test_comparisons_become_numbers() -> None:
    found = operations(f.less(x, 0) * x)
    (comparison,) = (o for o in found if o.name == "less")
    assert comparison.dtype == "bool"
    assert any(o.name == "cast" for o in found)


def test_gather_subscripts() -> None:
    (load, *_) = [o for o in operations(Access("x", Access("p", i)) + 1) if o.name == "load"]
    assert load.value == Element("x", (Element("p", (Affine((("i", 1),)),)),))


@pytest.mark.parametrize("subscript", [i**2, i * n, i / 2])
def test_other_subscripts_are_refused(subscript) -> None:
    with pytest.raises(CompileError, match=r"subscript .* is not affine in i"):
        frozen(Access("x", subscript))


def test_unknown_functions_are_named() -> None:
    with pytest.raises(CompileError, match="zeta"):
        frozen(sympy.zeta(x))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (n, "n"),
        (2 * n - 1, "2 * n - 1"),
        (n * m, None),
        ((n + 1) * (m - 2), None),
        (sympy.floor(n / 2), "n // 2"),
        (sympy.ceiling(n / 2), None),
        (sympy.floor((n + 1) / 3) - 1, None),
        (sympy.Min(n, m), "min(m, n)"),
        (sympy.Max(0, n - 3), None),
        (sympy.Mod(n, 3), "n % 3"),
        (-n + 4, None),
        (n**2, "n ** 2"),
        (-sympy.floor(n / 2) + m, None),
        (2 * sympy.floor(n / 2), None),
        (-(n - m) * 3, None),
        (sympy.Integer(-5), "-5"),
    ],
)
def test_size_texts_are_python(expression: sympy.Expr, text: str | None) -> None:
    found = size_text(expression)
    assert text is None or found == text
    for sizes in ({"n": 7, "m": 4}, {"n": 1, "m": 9}, {"n": 6, "m": 6}):
        exact = expression.xreplace({n: sympy.Integer(sizes["n"]), m: sympy.Integer(sizes["m"])})
        assert eval(found, {"min": min, "max": max}, sizes) == int(exact), found


def test_no_sympy_below_freeze() -> None:
    """Every value of a frozen program is a plain Python object."""
    program = freeze(
        Program(
            "f",
            (Argument("x", (n, 2 * m), "float64"),),
            (
                Definition(
                    "y",
                    (Axis(i, n),),
                    "float64",
                    (Term(Access("x", i, j) * sympy.Rational(1, 3), (Axis(j, 2 * m),)),),
                ),
            ),
            ("y",),
        )
    )
    stack: list[object] = [program]
    while stack:
        value = stack.pop()
        assert not isinstance(value, sympy.Basic)
        if isinstance(value, tuple):
            stack.extend(value)
        elif hasattr(value, "__slots__"):
            stack.extend(getattr(value, name) for name in value.__slots__)
