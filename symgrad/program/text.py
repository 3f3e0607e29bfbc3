"""Programs as text: one line of index notation for each definition."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from symgrad.program import functions as f
from symgrad.program.definitions import (
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Relation,
    Reshape,
    Statement,
    Term,
)
from symgrad.program.symbols import Access

__all__ = ["format_expression", "format_lines", "format_program", "format_statement"]

_LONG = 72  # characters

SUM_SIGNS = {
    "sum": "Σ",
    "prod": "Π",
    "max": "max",
    "min": "min",
    "argmax": "argmax",
    "argmin": "argmin",
    "logsumexp": "logsumexp",
    "norm": "norm",
}

INFIX: dict[type[sympy.Basic], str] = {
    f.less: "<",
    f.less_equal: "≤",
    f.equal: "=",
    f.not_equal: "≠",
    f.conjunction: "∧",
    f.disjunction: "∨",
}
RELATIONS = {"<": "<", "<=": "≤", "==": "=", "!=": "≠"}

_ADD, _MUL, _POW, _ATOM = 1, 2, 3, 4


def format_expression(expression: sympy.Expr) -> str:
    """A scalar body as text, with `·` for products and `^` for powers.

    >>> format_expression(Access("X", sympy.Symbol("i")) ** 2 / 2)
    'X[i]^2/2'
    """
    return _format(expression)[0]


def _wrap(expression: sympy.Expr, level: int) -> str:
    text, own = _format(expression)
    return text if own >= level else f"({text})"


def _format(expression: sympy.Expr) -> tuple[str, int]:
    if isinstance(expression, Access):
        inner = ",".join(format_expression(s) for s in expression.subscripts)
        return (f"{expression.name}[{inner}]" if inner else expression.name), _ATOM
    if expression.is_Rational and not expression.is_Integer:
        sign, level = ("-", _ADD) if expression < 0 else ("", _MUL)
        return f"{sign}{abs(expression.p)}/{expression.q}", level
    if expression.is_Integer:
        return str(int(expression)), (_ATOM if expression >= 0 else _ADD)
    if expression.is_Float:
        return repr(float(expression)), (_ATOM if expression >= 0 else _ADD)
    if expression is sympy.pi:
        return "π", _ATOM
    if expression.is_Symbol:
        return expression.name, _ATOM
    if expression.is_Add:
        return _format_sum(expression), _ADD
    if expression.is_Mul:
        return _format_product(expression)
    if expression.is_Pow:
        return _format_power(expression)
    if isinstance(expression, f.absorbing_product):
        return _format(sympy.Mul(*expression.args))
    if isinstance(expression, f.sech_squared) and len(expression.args) == 2:
        return _format(f.sech_squared(expression.args[0]))
    return _format_call(expression)


def _format_sum(expression: sympy.Expr) -> str:
    text = ""
    for part in sorted(expression.args, key=lambda p: p.could_extract_minus_sign()):
        negative = part.could_extract_minus_sign()
        shown = _wrap(-part if negative else part, _MUL)
        if not text:
            text = f"-{shown}" if negative else shown
        else:
            text += f" - {shown}" if negative else f" + {shown}"
    return text


def _format_product(expression: sympy.Expr) -> tuple[str, int]:
    if expression.could_extract_minus_sign():
        positive = -expression
        return f"-{_wrap(positive, _MUL)}", _ADD
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    for factor in expression.args:
        if factor.is_Rational and not factor.is_Integer:
            if factor.p != 1:
                above.append(sympy.Integer(factor.p))
            below.append(sympy.Integer(factor.q))
        elif factor.is_Pow and factor.exp.is_Number and factor.exp < 0:
            below.append(factor.base ** (-factor.exp))
        else:
            above.append(factor)
    text = "·".join(_wrap(factor, _POW) for factor in above) or "1"
    if len(below) == 1:
        return f"{text}/{_wrap(below[0], _POW)}", _MUL
    if below:
        return f"{text}/({'·'.join(_wrap(factor, _POW) for factor in below)})", _MUL
    return text, _MUL


def _format_power(expression: sympy.Expr) -> tuple[str, int]:
    base, exponent = expression.base, expression.exp
    if exponent == sympy.Rational(1, 2):
        return f"sqrt({format_expression(base)})", _ATOM
    if exponent.is_Number and exponent < 0:
        return f"1/{_wrap(base ** (-exponent), _POW)}", _MUL
    return f"{_wrap(base, _ATOM)}^{_wrap(exponent, _ATOM)}", _POW


def _format_call(expression: sympy.Expr) -> tuple[str, int]:
    sign = INFIX.get(type(expression))
    if sign is not None:
        left, right = (_wrap(argument, _ADD) for argument in expression.args)
        return f"[{left} {sign} {right}]", _ATOM
    if isinstance(expression, sympy.floor):
        numerator, denominator = sympy.together(expression.args[0]).as_numer_denom()
        return f"⌊{_wrap(numerator, _MUL)}/{_wrap(denominator, _POW)}⌋", _ATOM
    name = {"exp_polar": "exp"}.get(type(expression).__name__, type(expression).__name__)
    arguments = ", ".join(format_expression(argument) for argument in expression.args)
    return f"{name}({arguments})", _ATOM


def _split_constant(term: Term) -> tuple[sympy.Expr, sympy.Expr]:
    """c·body with c free of arrays and of the summed indices: Σ c·f = c·Σ f."""
    if not term.axes or term.reduction != "sum":
        return sympy.S.One, term.body
    bound = {axis.index for axis in term.axes}
    outside: list[sympy.Expr] = []
    inside: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(term.body):
        free = factor.has(Access) or bool(factor.free_symbols & bound)
        (inside if free else outside).append(factor)
    return sympy.Mul(*outside), sympy.Mul(*inside)


_FLIPPED = {"<": ">", "<=": "≥"}


def _format_guard(guard: Guard, bound: frozenset[sympy.Symbol] = frozenset()) -> str:
    """A condition, `k < i` rather than `k ≤ i - 1`."""
    left, right = guard.left, guard.right
    relation: Relation = guard.relation
    constant = right.as_coeff_Add()[0]
    if relation == "<=" and constant == -1:
        relation, right = "<", right + 1
    if right in bound and left not in bound and relation in _FLIPPED:
        return f"{format_expression(right)} {_FLIPPED[relation]} {format_expression(left)}"
    return f"{format_expression(left)} {RELATIONS[relation]} {format_expression(right)}"


def _format_sign(term: Term) -> tuple[str, tuple[Guard, ...]]:
    """The sign of a reduction with its bounds, and the guards that do not concern its indices."""
    bound = frozenset(axis.index for axis in term.axes)
    inner = [g for g in term.guards if (g.left.free_symbols | g.right.free_symbols) & bound]
    outer = tuple(g for g in term.guards if g not in inner)
    names = [axis.index.name for axis in term.axes]
    if not inner:
        return f"{SUM_SIGNS[term.reduction]}_{','.join(names)}", outer
    conditions = [_format_guard(guard, bound) for guard in inner]
    limits = {name: [c for c in conditions if c.startswith(f"{name} ")] for name in names}
    shown = ", ".join(" and ".join(limits[name]) or name for name in names)
    others = [c for c in conditions if not any(c in limit for limit in limits.values())]
    where = f": {', '.join(others)}" if others else ""
    return f"{SUM_SIGNS[term.reduction]}_{{{shown}{where}}}", outer


def _format_term(term: Term) -> tuple[str, tuple[Guard, ...]]:
    """A term as text, and the guards of its output that are still to be shown."""
    constant, body = _split_constant(term)
    text, guards = format_expression(body), term.guards
    if term.axes:
        sign, guards = _format_sign(term)
        inner = f"({text})" if body.is_Add or term.reduction not in ("sum", "prod") else text
        text = f"{sign} {inner}"
    if constant != 1:
        negative = constant.could_extract_minus_sign()
        shown = _wrap(-constant if negative else constant, _MUL)
        text = f"-{text}" if constant == -1 else f"{'-' if negative else ''}{shown}·{text}"
    return text, guards


def _format_terms(terms: tuple[Term, ...]) -> str:
    """The sum of all terms; those on the same part of the output share a pair of braces."""
    groups: dict[tuple[Guard, ...], list[str]] = {}
    for term in terms:
        text, guards = _format_term(term)
        groups.setdefault(guards, []).append(text)
    parts = []
    for guards, texts in groups.items():
        joined = _join(texts)
        if guards:
            joined = f"{{{joined} if {', '.join(_format_guard(guard) for guard in guards)}}}"
        parts.append(joined)
    return _join(parts or ["0"])


def _join(parts: list[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return text


def format_statement(statement: Statement) -> str:
    """One definition as `name[indices] = terms`."""
    if isinstance(statement, Reshape):
        shape = ", ".join(format_expression(extent) for extent in statement.shape)
        return f"{statement.name} = reshape({statement.source}, ({shape}))"
    if isinstance(statement, IndexCheck):
        extent = format_expression(statement.extent)
        return f"{statement.name} = index({statement.source}, {extent})"
    if isinstance(statement, MatrixOperation):
        matrix, *others = statement.operands
        first = f"transpose({matrix})" if statement.transposed else matrix
        return f"{statement.name} = {statement.routine}({', '.join((first, *others))})"
    left = format_expression(statement.access)
    return f"{left} = {_format_terms(statement.terms)}"


def format_domain(statement: Definition) -> str:
    """The ranges of a definition's indices: `i < n, j < d`."""
    axes = list(statement.axes)
    for term in statement.terms:
        axes += [axis for axis in term.axes if axis not in axes]
    return ", ".join(f"{a.index.name} < {format_expression(a.extent)}" for a in axes)


def format_program(program: Program) -> str:
    """All definitions of a program, one a line, aligned, with the ranges of their indices."""
    return "\n".join(format_lines(program))


def format_lines(program: Program) -> list[str]:
    """The lines of `format_program`, one for each definition."""
    lines = [format_statement(statement) for statement in program.definitions]
    width = _column(sorted(len(line) for line in lines))
    shown = []
    for line, statement in zip(lines, program.definitions, strict=True):
        domain = format_domain(statement) if isinstance(statement, Definition) else ""
        shown.append(f"{line:<{width}}    {domain}".rstrip())
    return shown


def _column(lengths: Sequence[int]) -> int:
    """Where ranges are aligned: behind all lines but the long ones.

    A line is long if it is longer than 72 and by more than 4 than the next shorter one, so that
    ranges stand either below each other or well apart.
    """
    width = 0
    for length in lengths:
        if length > max(_LONG, width + 4):
            break
        width = length
    return width
