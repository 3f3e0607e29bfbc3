"""The derivative of every scalar function of the vocabulary, by differences and at its kinks."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import sympy

from symgrad.differentiate.scalar import differentiate_scalar, is_total, reuse_value
from symgrad.program import Access, Argument, Definition, Program, Term, evaluate
from symgrad.program import functions as f
from symgrad.program.piecewise import ConstantFunction, ScalarFunction
from tests.support import assert_close, central_difference

x, y, z = Access("x"), Access("y"), Access("z")

# A body for every function, and where its arguments are drawn from.
BODIES: dict[str, tuple[sympy.Expr, tuple[float, float]]] = {
    "select": (f.select(f.less(y, z), x * y, x**3), (-1, 1)),
    "absorbing_product": (f.absorbing_product(x * y, z + x), (0.3, 1)),
    "heaviside": (f.heaviside(x, y), (0.3, 1)),
    "absolute": (f.absolute(-x * y), (0.3, 1)),
    "maximum": (f.maximum(x, y + 1), (0.1, 0.9)),
    "minimum": (f.minimum(x, y + 1), (0.1, 0.9)),
    "clip": (f.clip(x * y, z - 5, z + 5), (-1, 1)),
    "copysign": (f.copysign(x * y, z - 2), (0.3, 1)),
    "fmod": (f.fmod(x + 3.5, y / 100 + 1.1), (0.1, 0.5)),
    "floor_mod": (f.floor_mod(x - 3.2, y / 100 + 1.1), (0.1, 0.5)),
    "power": (f.power(x, y), (0.3, 1.5)),
    "cbrt": (f.cbrt(x * y), (0.3, 1.5)),
    "hypot": (f.hypot(x, y), (0.3, 1.5)),
    "norm_root": (f.norm_root(x**2 + y**2), (0.3, 1.5)),
    "exp2": (f.exp2(x * y), (-2, 2)),
    "expm1": (f.expm1(x * y), (-2, 2)),
    "log1p": (f.log1p(x * y), (0, 2)),
    "log2": (f.log2(x * y), (0.3, 2)),
    "log10": (f.log10(x * y), (0.3, 2)),
    "logaddexp": (f.logaddexp(3 * x, -2 * y), (-2, 2)),
    "softplus": (f.softplus(3 * x * y), (-2, 2)),
    "sigmoid": (f.sigmoid(3 * x * y), (-2, 2)),
    "logit": (f.logit(x * y), (0.3, 0.9)),
    "xlogy": (f.xlogy(x, y), (0.3, 2)),
    "xlog1py": (f.xlog1py(x, y), (0.3, 2)),
    "sech_squared": (f.sech_squared(x * y), (-2, 2)),
    "versine": (f.versine(x * y), (-2, 2)),
    "sinc": (f.sinc(3 * x * y), (-2, 2)),
    "spherical_bessel": (f.spherical_bessel(2, 5 * x * y), (-2, 2)),
    "gammaln": (f.gammaln(x * y), (0.4, 3)),
    "polygamma": (f.polygamma(1, x * y), (0.5, 3)),
    "erfcx": (f.erfcx(x * y), (-1.5, 3)),
    "ndtr": (f.ndtr(x * y), (-2, 2)),
    "log_ndtr": (f.log_ndtr(x * y), (-3, 3)),
    "exp": (sympy.exp(x * y), (-1, 1)),
    "log": (sympy.log(x * y), (0.3, 2)),
    "sin": (sympy.sin(x * y), (-2, 2)),
    "cos": (sympy.cos(x * y), (-2, 2)),
    "tan": (sympy.tan(x * y), (-0.9, 0.9)),
    "asin": (sympy.asin(x * y), (-0.9, 0.9)),
    "acos": (sympy.acos(x * y), (-0.9, 0.9)),
    "atan": (sympy.atan(x * y), (-2, 2)),
    "atan2": (sympy.atan2(x, y), (0.3, 2)),
    "sinh": (sympy.sinh(x * y), (-2, 2)),
    "cosh": (sympy.cosh(x * y), (-2, 2)),
    "tanh": (sympy.tanh(x * y), (-2, 2)),
    "asinh": (sympy.asinh(x * y), (-2, 2)),
    "acosh": (sympy.acosh(x * y), (1.2, 2)),
    "atanh": (sympy.atanh(x * y), (-0.9, 0.9)),
    "erf": (sympy.erf(x * y), (-2, 2)),
    "erfc": (sympy.erfc(x * y), (-2, 2)),
    "quotient": (x / y + 2 / (x * y), (0.3, 2)),
    "negative power": (x**-3 + (x * y) ** sympy.Rational(-3, 2), (0.3, 2)),
    "variable power": (x ** (y * z), (0.3, 2)),
    "product": (x * y * z * sympy.sin(x) * (x + 2 * y), (-1, 1)),
}


def scalar_functions() -> dict[str, type[ScalarFunction]]:
    named = ((name, getattr(f, name)) for name in f.__all__)
    return {
        name: value
        for name, value in named
        if inspect.isclass(value) and value is not ScalarFunction
    }


def value_of(body: sympy.Expr, **numbers: float) -> float:
    """A body without indices, by the reference evaluator."""
    arguments = tuple(Argument(name, (), "float64") for name in "xyz")
    definition = Definition("value", (), "float64", (Term(body),))
    program = Program("f", arguments, (definition,), ("value",))
    return float(evaluate(program, {"x": 0.0, "y": 0.0, "z": 0.0, **numbers})["value"])


def derivative_at(body: sympy.Expr, by: Access, **numbers: float) -> float:
    return value_of(differentiate_scalar(body, by), **numbers)


@pytest.mark.parametrize("name", BODIES)
def test_derivative_equals_differences(name: str, rng: np.random.Generator) -> None:
    body, (low, high) = BODIES[name]
    for _ in range(8):
        numbers = {symbol: float(rng.uniform(low, high)) for symbol in "xyz"}
        for by in (x, y, z):
            wanted = central_difference(
                lambda step, by=by, numbers=numbers: value_of(
                    body, **{**numbers, by.name: numbers[by.name] + step}
                )
            )
            found = derivative_at(body, by, **numbers)
            assert_close(found, wanted, 1e-9, atol=1e-10, what=f"d {name} / d {by.name}")


@pytest.mark.parametrize("function", [sympy.asin, sympy.acos, sympy.atanh])
def test_slopes_next_to_one(function: type[sympy.Expr]) -> None:
    """1 − x² is not formed: it has lost half of its digits at 1 − 1e-8."""
    slope = differentiate_scalar(function(x), x)
    near = 1 - 2.0**-40
    wanted = function(sympy.Symbol("t")).diff().evalf(40, subs={"t": sympy.Float(near, 60)})
    program = sympy.Mul(*(factor for factor in sympy.Mul.make_args(slope)))
    assert (1 - x) in program.atoms(sympy.Add) or (1 - x) in set(sympy.preorder_traversal(program))
    found = float(program.xreplace({x: sympy.Float(near, 17)}))
    assert abs(found / float(wanted) - 1) < 4e-16


def test_every_function_is_in_the_table() -> None:
    smooth = {
        name for name, kind in scalar_functions().items() if not issubclass(kind, ConstantFunction)
    }
    assert smooth <= set(BODIES)


@pytest.mark.parametrize(
    "name",
    [name for name, kind in scalar_functions().items() if issubclass(kind, ConstantFunction)],
)
def test_piecewise_constant_functions_have_derivative_zero(name: str) -> None:
    kind = scalar_functions()[name]
    arguments = (x, y)[: min(kind.nargs)]
    assert differentiate_scalar(kind(*arguments), x) == 0


# --- kinks and branches ------------------------------------------------------------------------


def test_the_branch_not_taken_contributes_nothing() -> None:
    body = f.select(f.less(0, x), sympy.log(x), 2 * x)
    assert derivative_at(body, x, x=-1.0) == 2.0
    assert derivative_at(body, x, x=0.0) == 2.0
    assert derivative_at(f.select(f.less(0, x), sympy.sqrt(x), 0), x, x=0.0) == 0.0


def test_selection_stays_outermost() -> None:
    derivative = differentiate_scalar(f.select(f.less(0, x), sympy.log(x), y), x)
    assert isinstance(derivative, f.select)
    assert derivative.args[2] == 0


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (f.maximum(x, y), 0.5),
        (f.minimum(x, y), 0.5),
        (f.absolute(x), 0.0),
        (f.hypot(x, y), 0.0),
        (f.norm_root(x**2 + y**2), 0.0),
        (f.clip(x, y, 1), 1.0),
        (f.xlogy(x, y), 0.0),
        (f.cbrt(x + 8), 1 / 12),
        (f.softplus(x), 0.5),
    ],
    ids=str,
)
def test_declared_derivative_at_zero(body: sympy.Expr, wanted: float) -> None:
    assert derivative_at(body, x) == pytest.approx(wanted)


def test_power_of_zero_has_a_finite_derivative_by_its_exponent() -> None:
    assert derivative_at(f.power(x, y), y, x=0.0, y=2.0) == 0.0
    assert derivative_at(f.power(x, y), x, x=0.0, y=2.0) == 0.0


@pytest.mark.parametrize("at", [-800.0, -40.0, 40.0, 800.0])
def test_tails_are_finite(at: float) -> None:
    for body in (f.softplus(x), f.sigmoid(x), f.logaddexp(x, -x), f.log_ndtr(x / 10)):
        assert np.isfinite(derivative_at(body, x, x=at)), body
    assert derivative_at(f.sigmoid(x), x, x=-40.0) == pytest.approx(np.exp(-40.0), rel=1e-12)
    assert derivative_at(f.sigmoid(x), x, x=40.0) == pytest.approx(np.exp(-40.0), rel=1e-12)


# --- reuse and totality ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (sympy.exp(x), y),
        (sympy.tanh(x), f.sech_squared(x, y)),
        (sympy.sqrt(x), 1 / (2 * y)),
        (1 / x, -(y**2)),
        (f.exp2(x), sympy.log(2) * y),
        (sympy.sin(x), sympy.cos(x)),
        (x**2, 2 * x),
    ],
    ids=str,
)
def test_the_forward_value_is_used_again(body: sympy.Expr, wanted: sympy.Expr) -> None:
    assert sympy.expand(reuse_value(differentiate_scalar(body, x), body, y) - wanted) == 0


@pytest.mark.parametrize(
    ("body", "total"),
    [
        (x * y + 2, True),
        (x**3, True),
        (sympy.tanh(x), True),
        (f.sigmoid(x) * f.sigmoid(-x), True),
        (1 / x, False),
        (sympy.log(x), False),
        (sympy.sqrt(x), False),
        (sympy.sin(1 / x), False),
    ],
    ids=str,
)
def test_total_bodies(body: sympy.Expr, total: bool) -> None:
    assert is_total(body) is total


def test_comparisons_of_numbers_are_decided() -> None:
    one, half = sympy.Integer(1), sympy.Rational(1, 2)
    assert f.less(half, one) == 1 and f.less(one, half) == 0
    assert f.less_equal(one, one) == 1 and f.exceeds(one, half) == 1 and f.exceeds(half, one) == 0
    assert f.less(sympy.nan, one).args == (sympy.nan, one)
