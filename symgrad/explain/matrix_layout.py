"""Matrix expressions as layouts, with brackets only where precedence needs them."""

from __future__ import annotations

import sympy

from symgrad.explain.algebra import split_coefficient
from symgrad.explain.expressions import (
    Call,
    Diagonal,
    DiagonalOf,
    Hadamard,
    Identity,
    Inverse,
    Kronecker,
    Matrix,
    MatrixFunction,
    Name,
    OneHot,
    Ones,
    Power,
    Product,
    Reduce,
    Scalar,
    Softmax,
    SquaredNorm,
    Sum,
    Times,
    Trace,
    Transposed,
    Triangle,
    is_scalar,
    size,
)
from symgrad.explain.index_layout import (
    function_name,
    inverse_sign,
    layout_expression,
    layout_routine,
)
from symgrad.explain.layout import (
    Cases,
    Coefficient,
    Fenced,
    Fraction,
    Layout,
    Number,
    Root,
    Row,
    Scripts,
    Sign,
    Variable,
    Word,
    call,
    infix,
)
from symgrad.explain.layout import Product as ProductLayout
from symgrad.explain.operators import marks
from symgrad.program import functions as f

__all__ = ["layout_matrix"]

_SUM, _HADAMARD, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4, 5
_INFIX: dict[type[sympy.Basic], str] = {
    f.less: "<",
    f.less_equal: "≤",
    f.equal: "=",
    f.not_equal: "≠",
    f.conjunction: "∧",
    f.disjunction: "∨",
}


def layout_matrix(matrix: Matrix) -> Layout:
    """The expression as it is written in mathematics."""
    return _layout(matrix)[0]


def _wrapped(matrix: Matrix, level: int) -> Layout:
    layout, own = _layout(matrix)
    return layout if own >= level else Fenced(layout)


def _layout(matrix: Matrix) -> tuple[Layout, int]:
    match matrix:
        case Name(name, _):
            return Variable(name), _ATOM
        case Scalar(value):
            return _number(value)
        case Ones():
            return Word("1"), _ATOM
        case Identity():
            return Word("I"), _ATOM
        case OneHot(_, shown, _):
            return call("onehot", Variable(shown)), _ATOM
        case Inverse(inner):
            return Scripts(_wrapped(inner, _ATOM), above=inverse_sign(False)), _ATOM
        case Transposed(Inverse(inner)):
            return Scripts(_wrapped(inner, _ATOM), above=inverse_sign(True)), _ATOM
        case MatrixFunction(routine, inner):
            return layout_routine(routine, layout_matrix(inner)), _ATOM
        case Transposed(inner):
            return Scripts(_wrapped(inner, _ATOM), above=Sign("⊤", tight=True)), _ATOM
        case Product(factors):
            return ProductLayout(tuple(_wrapped(p, _PRODUCT) for p in factors)), _PRODUCT
        case Times(factors):
            return _times(factors)
        case Sum(parts):
            return _sum(parts), _SUM
        case Hadamard(factors):
            return _hadamard(factors), _HADAMARD
        case Power(base, exponent):
            return _power(base, exponent)
        case Call(function, arguments):
            return _call(function, arguments)
        case Diagonal(inner):
            return call("diag", layout_matrix(inner)), _ATOM
        case DiagonalOf(inner):
            return call("diag", layout_matrix(inner)), _ATOM
        case Trace(inner):
            return call("tr", layout_matrix(inner)), _ATOM
        case SquaredNorm(inner):
            norm = Fenced(layout_matrix(inner), "‖", "‖")
            return Scripts(norm, above=Number("2")), _POWER
        case Softmax(inner):
            return call("softmax", layout_matrix(inner)), _ATOM
        case Reduce(reduction, inner, by_row):
            name = f"row{reduction}" if by_row else reduction
            return call(name, layout_matrix(inner)), _ATOM
        case Triangle(inner, lower, offset):
            name = "tril" if lower else "triu"
            shift = [layout_expression(sympy.Integer(offset))] if offset else []
            return call(name, layout_matrix(inner), *shift), _ATOM
        case Kronecker(left, right):
            return infix("⊗", _wrapped(left, _PRODUCT), _wrapped(right, _PRODUCT)), _HADAMARD


def _number(value: sympy.Expr) -> tuple[Layout, int]:
    layout = layout_expression(value)
    if value.could_extract_minus_sign() or value.is_Add:
        return layout, _SUM
    return layout, _ATOM if value.is_Atom and not isinstance(layout, Fraction) else _PRODUCT


def _negative(matrix: Matrix) -> tuple[bool, Matrix]:
    """Whether it is subtracted, and what without the sign."""
    number, rest = split_coefficient(matrix)
    if not number.could_extract_minus_sign():
        return False, matrix
    if isinstance(matrix, Scalar):
        return True, Scalar(-matrix.value)
    if number == -1:
        return True, rest
    tail = rest.factors if isinstance(rest, Times) else (rest,)
    return True, Times((Scalar(-number), *tail))


def _sum(parts: tuple[Matrix, ...]) -> Layout:
    """What is added first, largest first: matrices before scalars, products before names."""
    signed = [_negative(part) for part in parts]
    added = [p for negative, p in signed if not negative]
    taken = [p for negative, p in signed if negative]
    row: list[Layout] = []
    for sign, group in (("+", added), ("−", taken)):
        for part in sorted(group, key=_rank):
            if row or sign == "−":
                row.append(Sign(sign, tight=not row))
            row.append(_wrapped(part, _HADAMARD))
    return Row(tuple(row))


def _rank(part: Matrix) -> tuple[int, int]:
    """Long before short, plain before transposed: Xw + b, A + Aᵀ."""
    return marks(part) - size(part), marks(part)


def _times(factors: tuple[Matrix, ...]) -> tuple[Layout, int]:
    """c·λ·A: numbers in front, scalars to a negative power below a fraction's bar."""
    negative, rest = _negative(Times(factors))
    if negative:
        return Row((Sign("−", tight=True), _wrapped(rest, _HADAMARD))), _SUM
    number, rest = split_coefficient(Times(factors))
    scalars: list[Matrix] = list(rest.factors) if isinstance(rest, Times) else [rest]
    inner = None if is_scalar(scalars[-1]) else scalars.pop()
    above, below = _fraction_parts(number, scalars)
    tops = _numerators(scalars)
    if inner is None and tops and (not below or _is_long(tops[-1])):
        inner = tops.pop()  # a number that is a formula of its own stands beside the bar
    level = _HADAMARD if isinstance(inner, Hadamard) else _PRODUCT
    tail = [_wrapped(inner, level)] if inner is not None else []
    top: list[Layout] = [layout_expression(a) for a in above]
    top += [_wrapped(s, _POWER) for s in tops]
    if not below:
        return _joined([*top, *tail]), level
    bottom = [_wrapped(s, _PRODUCT) if len(below) > 1 else layout_matrix(s) for s in below]
    fraction = Fraction(_joined(top), _joined(bottom))
    return (Coefficient(fraction, tail[0]) if tail else fraction), level


def _is_long(scalar: Matrix) -> bool:
    """Whether a number is written as more than a name, a power or a function."""
    return not isinstance(scalar, (Name, Power, Call))


def _joined(parts: list[Layout]) -> Layout:
    if not parts:
        return Number("1")
    return parts[0] if len(parts) == 1 else ProductLayout(tuple(parts))


def _fraction_parts(
    number: sympy.Expr, scalars: list[Matrix]
) -> tuple[list[sympy.Expr], list[Matrix]]:
    """Numbers above the bar, and everything below it."""
    numerator, denominator = number.as_numer_denom()
    above = [numerator] if numerator != 1 else []
    below: list[Matrix] = [Scalar(denominator)] if denominator != 1 else []
    for scalar in scalars:
        if isinstance(scalar, Power) and scalar.exponent.is_negative:
            inverse = -scalar.exponent
            below.append(scalar.base if inverse == 1 else Power(scalar.base, inverse))
    return above, below


def _numerators(scalars: list[Matrix]) -> list[Matrix]:
    return [s for s in scalars if not (isinstance(s, Power) and s.exponent.is_negative)]


def _hadamard(factors: tuple[Matrix, ...]) -> Layout:
    """u ⊙ v ⊘ w."""
    row: list[Layout] = []
    above = [p for p in factors if not (isinstance(p, Power) and p.exponent.is_negative)]
    below = [p for p in factors if isinstance(p, Power) and p.exponent.is_negative]
    for part in above:
        row += [Sign("⊙")] if row else []
        row.append(_wrapped(part, _PRODUCT))
    if not above:
        row.append(Number("1"))
    for part in below:
        inverse = -part.exponent
        inner = part.base if inverse == 1 else Power(part.base, inverse)
        row += [Sign("⊘"), _wrapped(inner, _PRODUCT)]
    return Row(tuple(row))


def _power(base: Matrix, exponent: sympy.Expr) -> tuple[Layout, int]:
    if exponent == sympy.Rational(1, 2):
        if isinstance(base, SquaredNorm):
            return Fenced(layout_matrix(base.inner), "‖", "‖"), _ATOM
        return Root(layout_matrix(base)), _ATOM
    if exponent.is_negative:
        if is_scalar(base):
            inner = base if exponent == -1 else Power(base, -exponent)
            return Fraction(Number("1"), layout_matrix(inner)), _PRODUCT
        return _hadamard((Power(base, exponent),)), _HADAMARD
    if isinstance(base, SquaredNorm) and exponent.is_Rational and exponent.q == 2:
        norm = Fenced(layout_matrix(base.inner), "‖", "‖")
        return Scripts(norm, above=Number(str(exponent.p))), _POWER
    shown = layout_expression(exponent)
    if not is_scalar(base):
        shown = Row((Sign("∘", tight=True), shown))
    return Scripts(_wrapped(base, _ATOM), above=shown), _POWER


def _call(function: type[sympy.Function], arguments: tuple[Matrix, ...]) -> tuple[Layout, int]:
    parts = [layout_matrix(argument) for argument in arguments]
    sign = _INFIX.get(function)
    if sign is not None:
        left, right = (_wrapped(argument, _HADAMARD) for argument in arguments)
        return Fenced(infix(sign, left, right), "[", "]"), _ATOM
    if function is f.norm_root:
        if isinstance(arguments[0], SquaredNorm):
            return Fenced(layout_matrix(arguments[0].inner), "‖", "‖"), _ATOM
        return Root(parts[0]), _ATOM
    if function in (f.absolute, sympy.Abs):
        return Fenced(parts[0], "|", "|"), _ATOM
    if function is f.exceeds:
        difference = (
            arguments[0]
            if arguments[1] == Scalar(sympy.S.Zero)
            else Sum((arguments[0], Times((Scalar(sympy.S.NegativeOne), arguments[1]))))
        )
        return call("step", layout_matrix(difference)), _ATOM
    if function is f.select:
        condition = parts[0]
        inner = condition.inner if isinstance(condition, Fenced) else condition
        return Cases(inner, parts[1], parts[2]), _SUM
    return call(function_name(function), *parts), _ATOM
