"""What a program costs, as polynomials in its sizes, counted from its definitions.

    operations of  z[i] = Σ_j X[i,j]·w[j]   are   2·n·d − n

One operation is an addition, multiplication, division, comparison or call of a scalar function;
calls are counted by themselves too. A definition reads every array that it mentions once, and
writes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from symgrad.program import (
    SOLVES,
    Access,
    Axis,
    Definition,
    DType,
    Guard,
    MatrixOperation,
    Program,
    Statement,
    Term,
    dependencies,
    format_expression,
)
from symgrad.simplify.operations import count_functions

__all__ = [
    "DefinitionCost",
    "ProgramCost",
    "count_at",
    "element_operations",
    "format_count",
    "program_cost",
]

_BYTES: dict[DType, int] = {"float64": 8, "float32": 4, "int64": 8, "int32": 4, "bool": 1}


@dataclass(frozen=True, slots=True)
class DefinitionCost:
    """The cost of one definition.

    Attributes:
        name: of the definition.
        operations: additions, multiplications and so on, calls of functions included.
        functions: calls of exp, log, square roots, divisions and the like.
        bytes_read: size of all arrays that it mentions, each once.
        bytes_written: its own size.
        exact: False if a condition on indices was left out, which makes it an upper bound, or for
            linear algebra, of which the leading terms are counted.
    """

    name: str
    operations: sympy.Expr
    functions: sympy.Expr
    bytes_read: sympy.Expr
    bytes_written: sympy.Expr
    exact: bool = True


@dataclass(frozen=True, slots=True)
class ProgramCost:
    """The cost of a program: its definitions, and what must be read and written in any case."""

    definitions: tuple[DefinitionCost, ...]
    least_bytes: sympy.Expr

    @property
    def operations(self) -> sympy.Expr:
        """Operations of all definitions."""
        return sympy.expand(sympy.Add(*(d.operations for d in self.definitions)))

    @property
    def functions(self) -> sympy.Expr:
        """Calls of functions of all definitions."""
        return sympy.expand(sympy.Add(*(d.functions for d in self.definitions)))

    @property
    def bytes_unfused(self) -> sympy.Expr:
        """Traffic if every definition read and wrote memory, as an array library does."""
        return sympy.expand(sympy.Add(*(d.bytes_read + d.bytes_written for d in self.definitions)))

    @property
    def exact(self) -> bool:
        """Whether every count is exact."""
        return all(d.exact for d in self.definitions)


def program_cost(program: Program) -> ProgramCost:
    """The cost of every definition of a program.

    Returns:
        Counts in the size symbols of the program's arguments; `count_at` evaluates them.
    """
    shapes, dtypes = program.shapes(), program.dtypes()
    sizes = {name: sympy.Mul(*shape) * _BYTES[dtypes[name]] for name, shape in shapes.items()}
    costs = tuple(_statement_cost(s, sizes, shapes) for s in program.definitions)
    needed = {n for s in program.definitions for n in dependencies(s)}
    arguments = [a.name for a in program.arguments if a.name in needed]
    least = sympy.Add(*(sizes[name] for name in (*arguments, *program.outputs)))
    return ProgramCost(costs, sympy.expand(least))


def _statement_cost(
    statement: Statement,
    sizes: Mapping[str, sympy.Expr],
    shapes: Mapping[str, tuple[sympy.Expr, ...]],
) -> DefinitionCost:
    read = sympy.expand(sympy.Add(*(sizes[n] for n in dependencies(statement) if n in sizes)))
    written = sympy.expand(sizes[statement.name])
    if isinstance(statement, MatrixOperation):
        count = _matrix_operations(statement, shapes[statement.operands[0]][-1])
        return DefinitionCost(statement.name, count, sympy.S.Zero, read, written, exact=False)
    if not isinstance(statement, Definition):
        return DefinitionCost(statement.name, sympy.S.Zero, sympy.S.Zero, read, written)
    elements = sympy.Mul(*statement.shape)
    operations = elements * max(0, len(statement.terms) - 1)
    functions = sympy.S.Zero
    exact = True
    for term in statement.terms:
        more, calls, known = _term_cost(term, statement.axes)
        operations, functions, exact = operations + more, functions + calls, exact and known
    return DefinitionCost(
        statement.name, sympy.expand(operations), sympy.expand(functions), read, written, exact
    )


def _matrix_operations(statement: MatrixOperation, n: sympy.Expr) -> sympy.Expr:
    """The leading terms, by factorisations as LAPACK has them."""
    batch, own = sympy.Mul(*statement.batch), statement.shape[len(statement.batch) :]
    cubes = {
        "inverse": 2,
        "cholesky": sympy.Rational(1, 3),
        "cofactors": 21,
        "solve_lower": 0,
        "solve_upper": 0,
    }
    count = cubes.get(statement.routine, sympy.Rational(2, 3)) * n**3
    if statement.routine in SOLVES:
        sweeps = 2 if statement.routine == "solve" else 1
        count += sweeps * n**2 * sympy.Mul(*own[1:])
    return sympy.expand(batch * count)


def _term_cost(term: Term, axes: tuple[Axis, ...]) -> tuple[sympy.Expr, sympy.Expr, bool]:
    """Operations and calls of a term: of its body at every point, and of the reduction."""
    points, exact = _points(term.guards, axes + term.axes)
    if not term.axes:
        return points * element_operations(term.body), points * count_functions(term.body), exact
    outputs = sympy.Mul(*(axis.extent for axis in axes))
    outside, inside = _split(term, {axis.index for axis in term.axes})
    scale = 0 if outside in (1, -1) else 1
    operations = points * element_operations(inside) + (points - outputs) + outputs * scale
    calls = points * count_functions(inside)
    if term.reduction == "logsumexp":
        operations += 2 * points + outputs  # subtract the maximum, exp, and a log at the end
        calls += points + outputs
    return operations, calls, exact


def element_operations(body: sympy.Expr) -> int:
    """Operations to compute one element, a repeated subexpression once.

    What holds sizes and numbers only is computed before the loops and not counted.

    >>> x = Access("x", sympy.Symbol("i"))
    >>> element_operations((x - 1) ** 2 / 2)
    3
    """
    count = 0
    seen: set[sympy.Basic] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if node in seen or isinstance(node, Access) or not node.has(Access):
            continue
        seen.add(node)
        count += _own_operations(node)
        stack.extend(node.args)
    return count


def _own_operations(node: sympy.Expr) -> int:
    """n − 1 for a sum or product of n; to divide by y is one operation, to change a sign none."""
    if node.is_Add:
        return len(node.args) - 1
    if node.is_Mul:
        arrays = [factor for factor in node.args if factor.has(Access)]
        number = sympy.Mul(*(factor for factor in node.args if not factor.has(Access)))
        factors = len(arrays) + int(number not in (1, -1))
        below = sum(1 for a in arrays if a.is_Pow and a.exp.is_negative)
        return factors - 1 - min(below, factors - 1)
    return 2 if node.is_Pow and node.exp.is_negative and node.exp != -1 else 1


def _split(term: Term, bound: set[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
    """Factors that no loop changes, and the others: c·Σ f costs one multiplication."""
    if term.reduction != "sum":
        return sympy.S.One, term.body
    outside: list[sympy.Expr] = []
    inside: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(term.body):
        kept = factor.has(Access) or bool(factor.free_symbols & bound)
        (inside if kept else outside).append(factor)
    return sympy.Mul(*outside), sympy.Mul(*inside)


def _points(guards: tuple[Guard, ...], axes: tuple[Axis, ...]) -> tuple[sympy.Expr, bool]:
    """How often a body is evaluated: [i = g] takes a loop away, i < j leaves half of a square."""
    extents = {axis.index: axis.extent for axis in axes}
    points = sympy.Mul(*extents.values())
    exact = True
    for guard in guards:
        left, right = guard.left, guard.right
        one = next((s for s in (left, right) if s in extents), None)
        if guard.relation == "==" and one is not None:
            points = points / extents.pop(one)
        elif _is_square(guard, extents):
            n = extents[left]
            triangle = n * (n - 1) / 2 if _is_strict(guard) else n * (n + 1) / 2
            points = points / n**2 * triangle
        else:
            exact = False
    return points, exact


def _is_square(guard: Guard, extents: Mapping[sympy.Symbol, sympy.Expr]) -> bool:
    """Whether a guard compares two indices of the same extent: k ≤ i, k ≤ i − 1 or k < i."""
    right = guard.right + 1 if _shifted(guard) else guard.right
    return (
        guard.relation in ("<", "<=")
        and guard.left in extents
        and right in extents
        and extents[guard.left] == extents[right]
    )


def _shifted(guard: Guard) -> bool:
    return guard.relation == "<=" and guard.right.as_coeff_Add()[0] == -1


def _is_strict(guard: Guard) -> bool:
    return guard.relation == "<" or _shifted(guard)


def format_count(count: sympy.Expr) -> str:
    """A polynomial in sizes, highest powers first.

    >>> n, d = sympy.symbols("n d", integer=True, positive=True)
    >>> format_count(2 * n * d + 3 * n)
    '2·d·n + 3·n'
    """
    expanded = sympy.expand(count)
    parts = sympy.Add.make_args(expanded)
    ordered = sorted(parts, key=lambda part: (-_degree(part), str(part)))
    text = ""
    for part in ordered:
        negative = bool(part.could_extract_minus_sign())
        shown = format_expression(-part if negative else part)
        sign = ("-" if negative else "") if not text else (" - " if negative else " + ")
        text += sign + shown
    return text


def _degree(part: sympy.Expr) -> int:
    powers = part.as_powers_dict()
    return int(sum(e for base, e in powers.items() if base.is_Symbol and e.is_Integer))


def count_at(count: sympy.Expr, sizes: Mapping[str, int]) -> float:
    """The value of a count for given sizes."""
    mapping = {s: sympy.Integer(sizes[s.name]) for s in count.free_symbols}
    return float(count.xreplace(mapping))
