"""Second derivatives of masked programs at points where the branch not taken is no number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad

Array = np.ndarray
X = np.array([-1.3, 0.0, 0.7])
TAKEN = np.array([-1.0, -1.0, 1.0])  # the first branch is taken where it is a number
V = np.array([0.3, -1.2, 0.8])
WEIGHTS = np.array([0.7, 1.1, 1.3])


@dataclass(frozen=True)
class Step:
    """One function of a program: as NumPy over arrays, and exactly over one element."""

    text: str
    exact: Callable[[Any, Any], Any]


SMOOTH = (
    Step("np.exp({0} / 4)", lambda u, m: mpmath.exp(u / 4)),
    Step("np.sin({0})", lambda u, m: mpmath.sin(u)),
    Step("np.tanh({0})", lambda u, m: mpmath.tanh(u)),
    Step("({0}) ** 2", lambda u, m: u**2),
    Step("np.sqrt(1 + ({0}) ** 2)", lambda u, m: mpmath.sqrt(1 + u**2)),
    Step("({0}).reshape(3)", lambda u, m: u),
)
# Functions of x that have no value or no slope where x is not positive, or not at 0.
SINGULAR = {
    "np.sqrt(x) * x": lambda x: mpmath.sqrt(x) * x,
    "np.sqrt(x)": mpmath.sqrt,
    "np.log(x)": mpmath.log,
    "x ** -1.5": lambda x: x ** mpmath.mpf(-1.5),
    "x * np.log(x)": lambda x: x * mpmath.log(x),
    "np.sqrt(x).reshape(3)": mpmath.sqrt,
    "np.exp(1 / x)": lambda x: mpmath.exp(1 / x),
    "np.arccosh(1 + x ** 0.5)": lambda x: mpmath.acosh(1 + mpmath.sqrt(x)),
}


def _masked(form: str, text: str, exact: Callable[[Any], Any]) -> Step:
    def chosen(x: Any, m: Any) -> Any:
        if form == "where":
            return exact(x) if m > 0 else x / 2
        return exact(x) if m > 0 else mpmath.mpf(0)

    forms = {
        "where": f"np.where(m > 0, {text}, x / 2)",
        "zero": f"np.where(m <= 0, 0.0, {text})",
        "nested": f"np.where(m > 0, np.where(m > -5, {text}, x), 0.0)",
        "clean": f"np.nan_to_num((m > 0) * np.where(m > 0, {text}, 7.0))",
    }
    return Step(forms[form], chosen)


# Bounds that hold back a pole at 0: the neighbourhood of 0 has the bound's value.
BOUNDED = (
    Step("np.minimum(x ** -2.0, 1.5)", lambda x, m: x**-2 if abs(x) > 0.9 else mpmath.mpf(1.5)),
    Step(
        "np.clip(np.log(x * x), -0.9, 3.0)",
        lambda x, m: mpmath.log(x * x) if abs(x) > 0.65 else mpmath.mpf(-0.9),
    ),
    Step(
        "np.maximum(-1 / x ** 2, -1.1)",
        lambda x, m: -1 / x**2 if abs(x) > 1 else mpmath.mpf(-1.1),
    ),
)


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, Callable[[Any, Any], Any]]:
    """A masked function of x below up to three smooth ones, some of them times x."""
    if draw(st.booleans()):
        form = draw(st.sampled_from(["where", "zero", "nested", "clean"]))
        text, function = draw(st.sampled_from(sorted(SINGULAR.items())))
        start = _masked(form, text, function)
    else:
        start = draw(st.sampled_from(BOUNDED))
    text, chain = start.text, [start.exact]
    for step in draw(st.lists(st.sampled_from(SMOOTH), max_size=3)):
        text, chain = step.text.format(text), [*chain, step.exact]
    times = draw(st.booleans())

    def exact(x: Any, m: Any) -> Any:
        value = x
        for function in chain:
            value = function(value, m)
        return value * x if times else value

    return (f"({text}) * x" if times else text), exact


OUTER: dict[str, tuple[str, Callable[[list[Any]], Any]]] = {
    "sum": ("np.sum({0})", mpmath.fsum),
    "exp": ("np.exp(np.sum({0}) / 5)", lambda parts: mpmath.exp(mpmath.fsum(parts) / 5)),
    "norm": (
        "np.sqrt(np.sum(({0}) ** 2))",
        lambda parts: mpmath.sqrt(mpmath.fsum(p**2 for p in parts)),
    ),
}


def _function(text: str) -> Callable[[Any, Any], Any]:
    found: dict[str, Any] = {"np": np}
    exec(f"def function(x, m):\n    return {text}", found)
    function: Callable[[Any, Any], Any] = found["function"]
    return function


def _exact(
    total: Callable[[list[Any]], Any], element: Callable[[Any, Any], Any]
) -> tuple[Array, Array]:
    """∂f/∂xᵢ and Σ_j ∂²f/∂xᵢ∂xⱼ·vⱼ by differences at 60 digits."""

    def derivative(i: int, orders: tuple[int, int]) -> float:
        def moved(t: Any, e: Any) -> Any:
            steps = zip(X, V, WEIGHTS, TAKEN, strict=True)
            return total(
                [
                    mpmath.mpf(w) * element(x + t * v + (e if i == j else 0), m)
                    for j, (x, v, w, m) in enumerate(steps)
                ]
            )

        return float(mpmath.diff(moved, (0, 0), orders))

    with mpmath.workdps(60):
        slopes, products = ([derivative(i, o) for i in range(3)] for o in ((0, 1), (1, 1)))
    return np.array(slopes), np.array(products)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(program=programs(), outer=st.sampled_from(sorted(OUTER)))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_products_with_hessians_of_masked_programs(
    program: tuple[str, Callable[[Any, Any], Any]], outer: str
) -> None:
    """Forward over reverse, whole Hessians, and reverse over reverse."""
    text, element = program
    form, total = OUTER[outer]
    whole = form.format(f"np.array([0.7, 1.1, 1.3]) * ({text})")
    function = _function(whole)
    slopes, products = _exact(total, element)

    def check(found: Array, exact: Array) -> None:
        margin = 1e-9 * max(np.abs(exact).max(), 1e-3)
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=margin, err_msg=whole)

    _, tangent = symgrad.jvp(function, wrt="x", target="numpy")(X, TAKEN, V)
    check(np.array([tangent]), np.array([slopes @ V]))
    check(symgrad.hvp(function, wrt="x", target="numpy")(X, TAKEN, V), products)
    hessian = symgrad.hessian(function, wrt="x", target="numpy")(X, TAKEN)
    check(hessian.to_dense() @ V, products)
    slope = symgrad.grad(function, wrt="x", target="numpy")
    check(slope(X, TAKEN), slopes)
    if outer != "norm":
        again = symgrad.grad(lambda x, m: np.sum(slope(x, m) * V), wrt="x", target="numpy")
        check(again(X, TAKEN), products)


def test_kernels_do_not_read_the_branch_not_taken() -> None:
    """The singular functions all at once, in compiled loops."""
    sources = [_masked(form, *pair) for form in ("where", "nested") for pair in SINGULAR.items()]
    sources = [s for s in sources if "reshape" not in s.text]
    text = " + ".join(f"np.tanh({s.text})" for s in sources)
    function = _function(f"np.sum(np.exp(({text}) / 4))")

    def element(x: Any, m: Any) -> Any:
        return mpmath.exp(mpmath.fsum(mpmath.tanh(s.exact(x, m)) for s in sources) / 4)

    def total(parts: list[Any]) -> Any:
        return mpmath.fsum(p / mpmath.mpf(w) for p, w in zip(parts, WEIGHTS, strict=True))

    _, products = _exact(total, element)
    found = symgrad.hvp(function, wrt="x")(X, TAKEN, V)
    np.testing.assert_allclose(found, products, rtol=1e-9, atol=1e-9 * np.abs(products).max())
