"""Index notation as layouts: definitions with subscripts and sums."""

from __future__ import annotations

import sympy

from symgrad.explain.layout import (
    Cases,
    Coefficient,
    Fenced,
    Fraction,
    Large,
    Layout,
    Number,
    Product,
    Root,
    Row,
    Scripts,
    Sign,
    Variable,
    Word,
    call,
    comma_separated,
    infix,
)
from symgrad.program import (
    INFINITY,
    SOLVES,
    Access,
    Axis,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    MatrixRoutine,
    Reshape,
    Statement,
    Term,
)
from symgrad.program import functions as f
from symgrad.program.text import SUM_SIGNS

__all__ = [
    "function_name",
    "inverse_sign",
    "layout_domain",
    "layout_expression",
    "layout_left",
    "layout_right",
    "layout_routine",
]

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4
_INFIX: dict[type[sympy.Basic], str] = {
    f.less: "<",
    f.less_equal: "≤",
    f.equal: "=",
    f.not_equal: "≠",
    f.conjunction: "∧",
    f.disjunction: "∨",
}
_RELATIONS = {"<": "<", "<=": "≤", "==": "=", "!=": "≠"}
_FUNCTION_NAMES = {
    "sigmoid": "σ",
    "ndtr": "Φ",
    "log_ndtr": "log Φ",
    "sech_squared": "sech^2",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "gammaln": "log Γ",
    "signum": "sign",
    "maximum": "max",
    "minimum": "min",
    "rint": "round",
}


def function_name(function: type[sympy.Basic]) -> str:
    """What a scalar function is called in formulas: σ for the sigmoid."""
    name = function.__name__
    return _FUNCTION_NAMES.get(name, name)


def layout_expression(expression: sympy.Expr) -> Layout:
    """A scalar body."""
    return _layout(expression)[0]


def _wrapped(expression: sympy.Expr, level: int) -> Layout:
    layout, own = _layout(expression)
    return layout if own >= level else Fenced(layout)


def _layout(expression: sympy.Expr) -> tuple[Layout, int]:
    if isinstance(expression, Access):
        return _access(expression), _ATOM
    if expression.is_Number:
        return _number(expression)
    if expression is sympy.pi:
        return Variable("pi"), _ATOM
    if expression == INFINITY:
        return Sign("∞", tight=True), _ATOM
    if expression.is_Symbol:
        return Variable(expression.name), _ATOM
    if expression.is_Add:
        return _sum(expression), _SUM
    if expression.is_Mul:
        return _product(expression)
    if expression.is_Pow:
        return _power(expression)
    if isinstance(expression, f.absorbing_product):
        return _layout(sympy.Mul(*expression.args))
    if isinstance(expression, f.sech_squared) and len(expression.args) == 2:
        return _layout(f.sech_squared(expression.args[0]))
    return _call(expression)


def _access(access: Access) -> Layout:
    if not access.subscripts:
        return Variable(access.name)
    return Scripts(
        Variable(access.name), comma_separated(*map(layout_expression, access.subscripts))
    )


def _number(expression: sympy.Expr) -> tuple[Layout, int]:
    if expression < 0:
        return Row((Sign("−", tight=True), _number(-expression)[0])), _SUM
    if expression.is_Integer:
        return Number(str(int(expression))), _ATOM
    if expression.is_Rational:
        return Fraction(Number(str(expression.p)), Number(str(expression.q))), _PRODUCT
    return Number(repr(float(expression))), _ATOM


def _sum(expression: sympy.Expr) -> Layout:
    row: list[Layout] = []
    for part in sorted(expression.args, key=lambda p: bool(p.could_extract_minus_sign())):
        negative = part.could_extract_minus_sign()
        shown = _wrapped(-part if negative else part, _PRODUCT)
        if row or negative:
            row.append(Sign("−" if negative else "+", tight=not row))
        row.append(shown)
    return Row(tuple(row))


def _product(expression: sympy.Expr) -> tuple[Layout, int]:
    if expression.could_extract_minus_sign():
        return Row((Sign("−", tight=True), _wrapped(-expression, _PRODUCT))), _SUM
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    for factor in expression.args:
        if factor.is_Rational and not factor.is_Integer:
            above += [sympy.Integer(factor.p)] if factor.p != 1 else []
            below.append(sympy.Integer(factor.q))
        elif factor.is_Pow and factor.exp.is_Number and factor.exp < 0:
            below.append(factor.base ** (-factor.exp))
        else:
            above.append(factor)
    if not below:
        return Product(tuple(_wrapped(factor, _POWER) for factor in above)), _PRODUCT
    return Fraction(_factors(above), _factors(below)), _PRODUCT


def _factors(factors: list[sympy.Expr]) -> Layout:
    if not factors:
        return Number("1")
    if len(factors) == 1:
        return layout_expression(factors[0])
    return Product(tuple(_wrapped(factor, _POWER) for factor in factors))


def _power(expression: sympy.Expr) -> tuple[Layout, int]:
    base, exponent = expression.base, expression.exp
    if exponent == sympy.Rational(1, 2):
        return Root(layout_expression(base)), _ATOM
    if exponent.is_Number and exponent < 0:
        return Fraction(Number("1"), layout_expression(base ** (-exponent))), _PRODUCT
    inner = layout_expression(base)
    simple = isinstance(base, Access) or base.is_Symbol
    return Scripts(inner if simple else Fenced(inner), above=layout_expression(exponent)), _POWER


def _call(expression: sympy.Expr) -> tuple[Layout, int]:
    arguments = expression.args
    sign = _INFIX.get(type(expression))
    if sign is not None:
        left, right = (_wrapped(argument, _SUM) for argument in arguments)
        return Fenced(infix(sign, left, right), "[", "]"), _ATOM
    if isinstance(expression, f.select):
        return Cases(_condition(arguments[0]), *map(layout_expression, arguments[1:])), _SUM
    if isinstance(expression, (sympy.floor, f.floor)):
        return Fenced(layout_expression(arguments[0]), "⌊", "⌋"), _ATOM
    if isinstance(expression, (f.absolute, sympy.Abs)):
        return Fenced(layout_expression(arguments[0]), "|", "|"), _ATOM
    if isinstance(expression, f.norm_root):
        return Root(layout_expression(arguments[0])), _ATOM
    if isinstance(expression, f.power):
        return Scripts(_wrapped(arguments[0], _ATOM), above=layout_expression(arguments[1])), _POWER
    return call(function_name(type(expression)), *map(layout_expression, arguments)), _ATOM


def _condition(expression: sympy.Expr) -> Layout:
    """A condition without the brackets that make it a number."""
    layout = layout_expression(expression)
    return layout.inner if isinstance(layout, Fenced) and layout.opening == "[" else layout


# --- definitions ---------------------------------------------------------------------------------


def layout_left(statement: Statement) -> Layout:
    """The left side of a statement: its name and indices."""
    if isinstance(statement, Definition):
        return _access(statement.access)
    return Variable(statement.name)


def layout_right(statement: Statement) -> Layout:
    """The right side of a statement."""
    if isinstance(statement, Reshape):
        shape = Fenced(comma_separated(*map(layout_expression, statement.shape)))
        return call("reshape", Variable(statement.source), shape)
    if isinstance(statement, IndexCheck):
        return call("index", Variable(statement.source), layout_expression(statement.extent))
    if isinstance(statement, MatrixOperation):
        return _matrix_operation(statement)
    row: list[Layout] = []
    for term in statement.terms:
        negative, shown = _term(term)
        if row or negative:
            row.append(Sign("−" if negative else "+", tight=not row))
        row.append(shown)
    return Row(tuple(row)) if row else Number("0")


def _matrix_operation(statement: MatrixOperation) -> Layout:
    """K⁻¹, K⁻¹·y, det(K) and so on."""
    matrix, *others = (Variable(name) for name in statement.operands)
    if statement.routine == "inverse":
        return Scripts(matrix, above=inverse_sign(False))
    if statement.routine not in SOLVES:
        return layout_routine(statement.routine, matrix)
    triangle = {"solve_lower": "tril", "solve_upper": "triu"}.get(statement.routine)
    inner = matrix if triangle is None else call(triangle, matrix)
    return Product((Scripts(inner, above=inverse_sign(statement.transposed)), *others))


def inverse_sign(transposed: bool) -> Layout:
    """The raised sign of A⁻¹ or A⁻ᵀ."""
    return Row((Sign("−", tight=True), Sign("⊤", tight=True) if transposed else Number("1")))


def layout_routine(routine: MatrixRoutine, matrix: Layout) -> Layout:
    """log |det(K)| and its like."""
    if routine in ("cholesky", "cofactors"):
        return call({"cholesky": "chol", "cofactors": "cof"}[routine], matrix)
    inner = call("det", matrix)
    if routine == "log_abs_determinant":
        return Row((Word("log"), Fenced(inner, "|", "|")))
    if routine == "determinant":
        return inner
    return call("log" if routine == "log_determinant" else "sign", inner)


def _term(term: Term) -> tuple[bool, Layout]:
    """Whether a term is subtracted, and the term without its sign."""
    bound = {axis.index for axis in term.axes}
    inner = [g for g in term.guards if (g.left.free_symbols | g.right.free_symbols) & bound]
    outer = [g for g in term.guards if g not in inner]
    constant, body = _split_constant(term, bound)
    negative = bool(constant.could_extract_minus_sign())
    if not term.axes:
        negative = bool(body.could_extract_minus_sign()) and not body.is_Add
        shown = layout_expression(-body if negative else body)
    else:
        inside = layout_expression(body)
        if body.is_Add or term.reduction not in ("sum", "prod"):
            inside = Fenced(inside)
        shown = Large(SUM_SIGNS[term.reduction], _bounds(term.axes, inner), inside)
    constant = -constant if negative else constant
    if term.axes and constant != 1:
        shown = Coefficient(_wrapped(constant, _PRODUCT), shown)
    if outer:
        inside = Fenced(shown) if not term.axes and body.is_Add else shown
        guards = comma_separated(*map(_guard, outer))
        shown = Product((Fenced(guards, "[", "]"), inside))
    return negative, shown


def _split_constant(term: Term, bound: set[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
    """c·body with c free of arrays and of the summed indices."""
    if not term.axes or term.reduction != "sum":
        return sympy.S.One, term.body
    outside: list[sympy.Expr] = []
    inside: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(term.body):
        kept = factor.has(Access) or bool(factor.free_symbols & bound)
        (inside if kept else outside).append(factor)
    return sympy.Mul(*outside), sympy.Mul(*inside)


def _bounds(axes: tuple[Axis, ...], guards: list[Guard]) -> Layout:
    """Every summed index below its extent, and the conditions on them."""
    limits = [infix("<", Variable(a.index.name), layout_expression(a.extent)) for a in axes]
    return comma_separated(*limits, *map(_guard, guards))


def _guard(guard: Guard) -> Layout:
    right, relation = guard.right, guard.relation
    if relation == "<=" and right.as_coeff_Add()[0] == -1:
        relation, right = "<", right + 1
    left = layout_expression(guard.left)
    return infix(_RELATIONS[relation], left, layout_expression(right))


def layout_domain(statement: Statement) -> Layout | None:
    """The ranges of the indices on the left side: i < n, j < d."""
    if not isinstance(statement, Definition) or not statement.axes:
        return None
    ranges = [
        infix("<", Variable(axis.index.name), layout_expression(axis.extent))
        for axis in statement.axes
    ]
    row: list[Layout] = []
    for part in ranges:
        row += [Sign(", ", tight=True), part] if row else [part]
    return Row(tuple(row))
