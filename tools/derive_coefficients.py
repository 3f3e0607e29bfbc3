"""Coefficients of the polynomials in `codegen_templates/functions/cpu/`, derived with mpmath.

Each polynomial is the Chebyshev interpolant of a smooth function at 200 bits, rounded to float64
at the end; its largest error is within a small factor of the best possible one. The printed error
is that of the polynomial before rounding, as a power of 2, on the scale of the fitted function.

    python -m tools.derive_coefficients              all polynomials, as Python literals
    python -m tools.derive_coefficients --check      exit status 1 if a template lacks a literal
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp

__all__ = ["CONSTANTS", "POLYNOMIALS", "Polynomial", "constant_parts", "derive", "missing_literals"]

FUNCTIONS = Path(__file__).resolve().parent.parent / "codegen_templates" / "functions" / "cpu"
PRECISION = 200
# Intervals are a little wider than needed: the reduced argument is rounded.
SLACK = 1 + mp.mpf(2) ** -20


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A polynomial with `terms` coefficients that stands for `function` on [low, high].

    `users` names the templates that hold its coefficients; `formula` says what it stands for.
    """

    formula: str
    function: Callable[[mp.mpf], mp.mpf]
    low: Callable[[], mp.mpf]
    high: Callable[[], mp.mpf]
    terms: int
    users: tuple[str, ...]


def _series(coefficient: Callable[[int], mp.mpf], count: int) -> Callable[[mp.mpf], mp.mpf]:
    """x -> Σ_k coefficient(k)·x^k: exact near 0, where the closed form would cancel."""
    cache: list[mp.mpf] = []

    def value(x: mp.mpf) -> mp.mpf:
        if not cache:
            cache.extend(mp.mpf(coefficient(k)) for k in reversed(range(count)))
        return mp.polyval(cache, x)

    return value


def _erfcx_scaled(t: mp.mpf) -> mp.mpf:
    """(1 + 9x/8)·exp(x^2)·erfc(x) at x = 4(1 + t)/(1 - t); 9/(8·sqrt(pi)) at t = 1."""
    if t == 1:
        return 9 / (8 * mp.sqrt(mp.pi))
    x = 4 * (1 + t) / (1 - t)
    if x < 60:
        return (1 + 9 * x / 8) * mp.exp(x * x) * mp.erfc(x)
    fraction = mp.mpf(0)
    for k in range(80, 0, -1):
        fraction = mp.mpf(k) / 2 / (x + fraction)
    return (1 + 9 * x / 8) / (mp.sqrt(mp.pi) * (x + fraction))


def _arcsin_tail(z: mp.mpf) -> mp.mpf:
    """(arcsin(sqrt(z))/sqrt(z) - 1)/z"""
    if z < mp.mpf(2) ** -100:
        return mp.mpf(1) / 6 + 3 * z / 40
    root = mp.sqrt(z)
    return (mp.asin(root) / root - 1) / z


def _log_gamma_near_two(y: mp.mpf) -> mp.mpf:
    """log(gamma(2 + y))/(y(y + 1))"""
    return mp.loggamma(2 + y) / (y * (y + 1)) if y else mp.psi(0, 2)


def _stirling_tail(z: mp.mpf) -> mp.mpf:
    """x·(log gamma(x) - (x - 1/2)·log x + x - log(2 pi)/2) at x = 1/sqrt(z)"""
    if z < mp.mpf(2) ** -40:
        return mp.mpf(1) / 12 - z / 360 + z * z / 1260 - z**3 / 1680
    x = 1 / mp.sqrt(z)
    return x * (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def _digamma_tail(z: mp.mpf) -> mp.mpf:
    """x^2·(log x - 1/(2x) - psi(x)) at x = 1/sqrt(z)"""
    if z < mp.mpf(2) ** -40:
        return mp.mpf(1) / 12 - z / 120 + z * z / 252
    x = 1 / mp.sqrt(z)
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.psi(0, x))


def _digamma_over_zero(w: mp.mpf) -> mp.mpf:
    """psi(3/2 + w)/(3/2 + w - z), z = 1.4616… its zero"""
    zero = mp.findroot(lambda x: mp.psi(0, x), 1.46)
    gap = mp.mpf(1.5) + w - zero
    return mp.psi(0, 1.5 + w) / gap if abs(gap) > mp.mpf(2) ** -60 else mp.psi(1, zero)


def _zero() -> mp.mpf:
    return mp.mpf(0)


def _half_log_two() -> mp.mpf:
    return mp.log(2) / 2 * SLACK


def _log_end() -> mp.mpf:
    return ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * SLACK


def _quarter_turn_squared() -> mp.mpf:
    return mp.mpf("0.81") ** 2


POLYNOMIALS: dict[str, Polynomial] = {
    "exp": Polynomial(
        "(e^r - 1 - r)/r^2, |r| <= log(2)/2",
        _series(lambda k: 1 / mp.factorial(k + 2), 40),
        lambda: -_half_log_two(),
        _half_log_two,
        11,
        ("exp", "exp_sum", "expm1", "tanh_parts"),
    ),
    "exp2": Polynomial(
        "(2^r - 1)/r, |r| <= 1/2",
        _series(lambda k: mp.log(2) ** (k + 1) / mp.factorial(k + 1), 40),
        lambda: mp.mpf(-0.5) * SLACK,
        lambda: mp.mpf(0.5) * SLACK,
        12,
        ("exp2", "power"),
    ),
    "log": Polynomial(
        "(log((1 + s)/(1 - s)) - 2s)/s^3 at z = s^2, s <= (sqrt(2) - 1)/(sqrt(2) + 1)",
        _series(lambda k: mp.mpf(2) / (2 * k + 3), 80),
        _zero,
        _log_end,
        7,
        ("log", "log1p", "log1p_unit", "log_parts"),
    ),
    "log2_tail": Polynomial(
        "3(log((1 + s)/(1 - s)) - 2s - 2s^3/3)/(2s^5) at z = s^2",
        _series(lambda k: mp.mpf(3) / (2 * k + 5), 80),
        _zero,
        _log_end,
        8,
        ("power",),
    ),
    "sin": Polynomial(
        "(sin(r) - r)/r^3 at z = r^2, |r| <= 0.81",
        _series(lambda k: (-1) ** (k + 1) / mp.factorial(2 * k + 3), 30),
        _zero,
        _quarter_turn_squared,
        6,
        ("sin_cos",),
    ),
    "cos": Polynomial(
        "(cos(r) - 1 + r^2/2)/r^4 at z = r^2, |r| <= 0.81",
        _series(lambda k: (-1) ** k / mp.factorial(2 * k + 4), 30),
        _zero,
        _quarter_turn_squared,
        6,
        ("sin_cos",),
    ),
    "sinh": Polynomial(
        "(sinh(x) - x)/x^3 at z = x^2, |x| <= 1",
        _series(lambda k: 1 / mp.factorial(2 * k + 3), 30),
        _zero,
        lambda: mp.mpf(1),
        7,
        ("sinh",),
    ),
    "arctan": Polynomial(
        "(arctan(t) - t)/t^3 at z = t^2, |t| <= sqrt(2) - 1",
        _series(lambda k: (-1) ** (k + 1) / mp.mpf(2 * k + 3), 180),
        _zero,
        lambda: (mp.sqrt(2) - 1) ** 2 * SLACK,
        12,
        ("arctan_reduced",),
    ),
    "arcsin": Polynomial(
        "(arcsin(s) - s)/s^3 at z = s^2, s <= 1/2",
        _arcsin_tail,
        _zero,
        lambda: mp.mpf(0.25),
        14,
        ("arcsin_reduced",),
    ),
    "erf": Polynomial(
        "erf(x)/x at z = x^2, |x| <= 1",
        _series(
            lambda k: (-1) ** k * 2 / (mp.sqrt(mp.pi) * mp.factorial(k) * (2 * k + 1)),
            80,
        ),
        _zero,
        lambda: mp.mpf(1),
        13,
        ("erf",),
    ),
    "erfcx": Polynomial(
        "(1 + 9x/8)·exp(x^2)·erfc(x) at t = (x - 4)/(x + 4), x >= 0",
        _erfcx_scaled,
        lambda: mp.mpf(-1),
        lambda: mp.mpf(1),
        25,
        ("erfcx_positive",),
    ),
    "cbrt": Polynomial(
        "m^(1/3), 1 <= m <= 8",
        lambda m: mp.cbrt(m),
        lambda: mp.mpf(1),
        lambda: mp.mpf(8),
        6,
        ("cbrt",),
    ),
    "gammaln_two": Polynomial(
        "log(gamma(2 + y))/(y(y + 1)), -0.8 <= y <= 0.2",
        _log_gamma_near_two,
        lambda: mp.mpf("-0.8") * SLACK,
        lambda: mp.mpf("0.2") * SLACK,
        21,
        ("gammaln",),
    ),
    "stirling": Polynomial(
        "x·(log gamma(x) - (x - 1/2)·log x + x - log(2 pi)/2) at z = 1/x^2, x >= 7",
        _stirling_tail,
        _zero,
        lambda: mp.mpf(1) / 49,
        9,
        ("gammaln",),
    ),
    "digamma": Polynomial(
        "x^2·(log x - 1/(2x) - psi(x)) at z = 1/x^2, x >= 7",
        _digamma_tail,
        _zero,
        lambda: mp.mpf(1) / 49,
        10,
        ("digamma",),
    ),
    "digamma_near": Polynomial(
        "psi(3/2 + w)/(3/2 + w - 1.4616…), |w| <= 1/2",
        _digamma_over_zero,
        lambda: mp.mpf(-0.5),
        lambda: mp.mpf(0.5),
        24,
        ("digamma",),
    ),
}

# Numbers that are split: parts of so many bits each, and the rest as the last part.
CONSTANTS: dict[str, tuple[Callable[[], mp.mpf], tuple[int, ...]]] = {
    "log(2)": (lambda: mp.log(2), (42,)),
    "log10(2)": (lambda: mp.log(2) / mp.log(10), (42,)),
    "1/log(2)": (lambda: 1 / mp.log(2), ()),
    "1/log(10)": (lambda: 1 / mp.log(10), ()),
    "2/(3 log(2))": (lambda: 2 / (3 * mp.log(2)), (26,)),
    "pi/2": (lambda: mp.pi / 2, (26,) * 6),
    "pi/4": (lambda: mp.pi / 4, (53,)),
    "2/pi": (lambda: 2 / mp.pi, ()),
    "sqrt(1/2)": (lambda: mp.sqrt(0.5), ()),
    "log(2 pi)/2": (lambda: mp.log(2 * mp.pi) / 2, ()),
    "zero of psi": (lambda: mp.findroot(lambda x: mp.psi(0, x), 1.46), (53,)),
}


def derive(polynomial: Polynomial) -> tuple[list[float], mp.mpf]:
    """Coefficients, the constant one first, and the largest error of the interpolant."""
    with mp.workprec(PRECISION):
        interval = [polynomial.low(), polynomial.high()]
        found, error = mp.chebyfit(polynomial.function, interval, polynomial.terms, error=True)
        return [float(c) for c in reversed(found)], error


def constant_parts(value: Callable[[], mp.mpf], bits: Sequence[int]) -> list[float]:
    """The value as a sum: parts cut after so many bits of a fixed point, then the rounded rest."""
    with mp.workprec(PRECISION * 2):
        rest = value()
        parts: list[float] = []
        last = mp.floor(mp.log(rest, 2)) + 1
        for count in bits:
            last -= count
            unit = mp.mpf(2) ** last
            parts.append(float(mp.floor(rest / unit) * unit))
            rest -= mp.mpf(parts[-1])
        return [*parts, float(rest)]


def missing_literals() -> list[str]:
    """Coefficients that a template should hold and does not, as `template: literal`."""
    missing = []
    for polynomial in POLYNOMIALS.values():
        coefficients, _ = derive(polynomial)
        for user in polynomial.users:
            text = (FUNCTIONS / f"{user}.py.jinja").read_text(encoding="utf-8")
            found = {abs(float(word)) for word in re.findall(r"\d+\.\d*(?:e[+-]?\d+)?", text)}
            missing += [f"{user}: {c!r}" for c in coefficients if abs(c) not in found]
    return missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints all polynomials and constants, or compares them with the templates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the templates")
    if parser.parse_args(arguments).check:
        missing = missing_literals()
        print("\n".join(missing) or "every coefficient stands in its templates")
        return 1 if missing else 0
    for name, polynomial in POLYNOMIALS.items():
        coefficients, error = derive(polynomial)
        print(f"{name}: {polynomial.formula}")
        print(f"    error 2^{float(mp.log(error, 2)):.1f}, in {', '.join(polynomial.users)}")
        for coefficient in coefficients:
            print(f"    {coefficient!r:<26} {coefficient.hex()}")
    for name, (value, bits) in CONSTANTS.items():
        print(name)
        for part in constant_parts(value, bits):
            print(f"    {part!r:<26} {part.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
