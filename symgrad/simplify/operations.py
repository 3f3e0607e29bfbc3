"""How much arithmetic a body holds: the measure by which passes decide and reports speak."""

from __future__ import annotations

import sympy

from symgrad.program import Access, Definition, Program
from symgrad.program import functions as f

__all__ = ["count_functions", "count_operations", "operations_in"]

# Functions that cost about one machine operation; every other function is a costly one.
_CHEAP_FUNCTIONS = (
    f.select,
    f.less,
    f.less_equal,
    f.equal,
    f.not_equal,
    f.conjunction,
    f.disjunction,
    f.negation,
    f.is_nan,
    f.signum,
    f.absolute,
    f.absorbing_product,
    f.maximum,
    f.minimum,
    f.clip,
    f.exceeds,
    f.heaviside,
    f.copysign,
    f.floor,
    f.ceil,
    f.trunc,
    f.rint,
    f.cast_integer,
)


def operations_in(expression: sympy.Expr) -> int:
    """Scalar operations of a body: n − 1 for a sum or product of n, one for a power or call."""
    count = 0
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Access) or node.is_Atom:
            continue
        count += len(node.args) - 1 if node.is_Add or node.is_Mul else 1
        stack.extend(node.args)
    return count


def count_functions(expression: sympy.Expr) -> int:
    """Costly scalar functions of a body: exp, log, division roots and the like."""
    count = 0
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Access) or node.is_Atom:
            continue
        if node.is_Pow:
            count += not (node.exp.is_Integer and (node.exp > 0 or node.base.is_Symbol))
        elif isinstance(node, sympy.Function):
            count += not isinstance(node, _CHEAP_FUNCTIONS)
        stack.extend(node.args)
    return count


def count_operations(program: Program) -> int:
    """Scalar operations written in all definitions of a program, each counted once."""
    return sum(
        operations_in(term.body)
        for statement in program.definitions
        if isinstance(statement, Definition)
        for term in statement.terms
    )
