"""Bodies as flat operations, numbered by value, and subscripts as affine forms."""

from __future__ import annotations

import sympy

from symgrad.errors import CompileError
from symgrad.program import (
    INFINITY,
    NOT_A_NUMBER,
    Access,
    Definition,
    DType,
    is_floating,
)
from symgrad.program import functions as f
from symgrad.program.affine import coefficient
from symgrad.schedule.freeze_text import size_text
from symgrad.schedule.frozen import Affine, Element, Operation, Subscript

__all__ = ["freeze_body", "freeze_subscript"]

# SymPy's own functions under the names by which the printers know them; symgrad's own functions
# are known by their class names.
_SYMPY_NAMES: dict[type[sympy.Basic], str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "arcsin",
    sympy.acos: "arccos",
    sympy.atan: "arctan",
    sympy.atan2: "arctan2",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.asinh: "arcsinh",
    sympy.acosh: "arccosh",
    sympy.atanh: "arctanh",
    sympy.erf: "erf",
    sympy.erfc: "erfc",
    sympy.Abs: "absolute",  # SymPy's own fold of sqrt(x²)
    sympy.sign: "signum",
}
_COMPARISONS = (
    "less",
    "less_equal",
    "equal",
    "not_equal",
    "conjunction",
    "disjunction",
    "negation",
    "is_nan",
)
_LARGEST_MULTIPLIED_POWER = 8
_DIGITS = 30  # more than float64 has, so that a constant such as log(2) is rounded once


def freeze_body(
    definition: Definition,
    dtypes: dict[str, DType],
    indices: frozenset[sympy.Symbol],
    body: sympy.Expr,
) -> tuple[Operation, ...]:
    """Operations of a body; the last one is its value.

    Raises:
        CompileError: a node that has no operation; names the definition and the node.
    """
    return _Freezer(definition, dtypes, indices).run(body)


def freeze_subscript(
    definition: Definition, expression: sympy.Expr, indices: frozenset[sympy.Symbol]
) -> Subscript:
    """A subscript as an affine form or as an element of an integer array."""
    if isinstance(expression, Access):
        inner = tuple(freeze_subscript(definition, s, indices) for s in expression.subscripts)
        return Element(expression.name, inner)
    terms: list[tuple[str, int]] = []
    rest = sympy.expand(expression)
    for index in sorted(expression.free_symbols & indices, key=str):
        factor = coefficient(rest, index)
        if factor is None or not factor.is_Integer:
            raise CompileError(
                f"'{definition.name}' ({definition.origin}): subscript {expression} is not affine "
                f"in {index}"
            )
        terms.append((index.name, int(factor)))
        rest = sympy.expand(rest - factor * index)
    return Affine(tuple(terms), size_text(rest))


def _is_square_of_element(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp == 2 and isinstance(factor.base, Access))


class _Freezer:
    """Value numbering of one body: equal operations get one number."""

    def __init__(
        self, definition: Definition, dtypes: dict[str, DType], indices: frozenset[sympy.Symbol]
    ) -> None:
        self.definition = definition
        self.dtypes = dtypes
        self.indices = indices
        self.operations: list[Operation] = []
        self.numbers: dict[Operation, int] = {}
        self.seen: dict[sympy.Basic, int] = {}
        self.number_type: DType = definition.dtype if definition.dtype != "bool" else "float64"

    def run(self, body: sympy.Expr) -> tuple[Operation, ...]:
        """Operations of a body; the last one is its value."""
        result = self.visit(body)
        if result != len(self.operations) - 1:
            self.operations.append(Operation("copy", (result,), self.operations[result].dtype))
        return tuple(self.operations)

    def emit(
        self,
        name: str,
        operands: tuple[int, ...] = (),
        dtype: DType | None = None,
        value: float | int | str | Affine | Element | None = None,
    ) -> int:
        """Number of an operation, added if it is new."""
        operation = Operation(name, operands, dtype or self.number_type, value)
        # 2 and 2.0 are equal keys, but not the same literal.
        if operation not in self.numbers or isinstance(value, (int, float)):
            self.numbers[operation] = len(self.operations)
            self.operations.append(operation)
        return self.numbers[operation]

    def visit(self, node: sympy.Expr) -> int:
        """Number of the operation that computes a node."""
        if node not in self.seen:
            self.seen[node] = self._visit(node)
        return self.seen[node]

    def visit_number(self, node: sympy.Expr) -> int:
        """As `visit`, but a truth value becomes the number 0 or 1."""
        number = self.visit(node)
        if self.operations[number].dtype == "bool":
            return self.emit("cast", (number,), self.number_type)
        return number

    def _visit(self, node: sympy.Expr) -> int:
        if isinstance(node, Access):
            return self._load(node)
        if node.is_number and not node.has(sympy.Function):
            return self._number(node)
        if node.is_number and (value := node.evalf(_DIGITS)).is_Float:
            return self._number(value)
        if node.is_Symbol:
            return self._symbol(node)
        if node.is_Add:
            return self._sum(node)
        if node.is_Mul:
            return self._product(node)
        if node.is_Pow:
            return self._power(node)
        return self._call(node)

    def _load(self, access: Access) -> int:
        element = freeze_subscript(self.definition, access, self.indices)
        dtype = self.dtypes[access.name]
        number = self.emit("load", (), dtype, element)
        wanted = self.number_type
        if is_floating(wanted) and dtype != wanted and self.definition.dtype != "bool":
            return self.emit("cast", (number,), wanted)
        return number

    def _number(self, node: sympy.Expr) -> int:
        if node in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise CompileError(
                f"'{self.definition.name}' ({self.definition.origin}): divides a literal by zero"
            )
        if node.is_Integer:
            value: float | int = int(node)
            return self.emit("constant", (), self.number_type, value)
        dtype: DType = self.number_type if is_floating(self.number_type) else "float64"
        return self.emit("constant", (), dtype, float(node))

    def _symbol(self, node: sympy.Symbol) -> int:
        if node == INFINITY:
            return self.emit("constant", (), self.number_type, float("inf"))
        if node == NOT_A_NUMBER:
            return self.emit("constant", (), self.number_type, float("nan"))
        if node in self.indices:
            return self.emit("index", (), self.number_type, Affine(((node.name, 1),)))
        return self.emit("size", (), self.number_type, node.name)

    def _sum(self, node: sympy.Expr) -> int:
        parts = sorted(node.args, key=lambda part: part.could_extract_minus_sign())
        total = self.visit_number(parts[0])
        for part in parts[1:]:
            if part.could_extract_minus_sign():
                total = self.emit("subtract", (total, self.visit_number(-part)))
            else:
                total = self.emit("add", (total, self.visit_number(part)))
        return total

    def _product(self, node: sympy.Expr) -> int:
        if node.could_extract_minus_sign():
            return self.emit("negate", (self.visit_number(-node),))
        above: list[int] = []
        below: list[int] = []
        squares = [factor for factor in node.args if _is_square_of_element(factor)]
        inverse = [factor for factor in node.args if _is_square_of_element(1 / factor)]
        for factor in node.args:
            if (len(squares) == 1 and factor in squares) or factor in inverse:
                continue
            if factor.is_Pow and factor.exp.is_Number and factor.exp < 0:
                below.append(self.visit_number(factor.base ** (-factor.exp)))
            elif factor.is_Rational and factor.p == 1:
                below.append(self.visit_number(sympy.Integer(factor.q)))
            else:
                above.append(self.visit_number(factor))
        if len(squares) == 1:
            # (ȳ·v)·v stays in range where v² alone overflows, as in the derivative of 1/x.
            above += [self.visit_number(squares[0].base)] * 2
        top = self._chain(above) if above else self.visit_number(sympy.S.One)
        result = self.emit("divide", (top, self._chain(below))) if below else top
        for factor in inverse:
            # (x/v)/v likewise, as in the second derivative of a norm.
            base = self.visit_number(factor.base)
            result = self.emit("divide", (self.emit("divide", (result, base)), base))
        return result

    def _chain(self, numbers: list[int]) -> int:
        total = numbers[0]
        for number in numbers[1:]:
            total = self.emit("multiply", (total, number))
        return total

    def _power(self, node: sympy.Expr) -> int:
        base, exponent = node.base, node.exp
        if exponent == sympy.Rational(1, 2):
            return self.emit("sqrt", (self.visit_number(base),))
        if exponent.is_number and exponent < 0:
            return self.emit(
                "divide", (self.visit_number(sympy.S.One), self.visit_number(base ** (-exponent)))
            )
        if exponent.is_Integer and exponent <= _LARGEST_MULTIPLIED_POWER:
            return self._multiply_out(self.visit_number(base), int(exponent))
        twice = 2 * exponent
        if twice.is_Integer and exponent <= _LARGEST_MULTIPLIED_POWER:
            number = self.visit_number(base)
            whole = self._multiply_out(number, int(exponent - sympy.Rational(1, 2)))
            return self.emit("multiply", (whole, self.emit("sqrt", (number,))))
        return self.emit("power", (self.visit_number(base), self.visit_number(exponent)))

    def _multiply_out(self, number: int, exponent: int) -> int:
        """x^n by repeated squaring."""
        if exponent == 1:
            return number
        half = self._multiply_out(number, exponent // 2)
        square = self.emit("multiply", (half, half))
        return self.emit("multiply", (square, number)) if exponent % 2 else square

    def _absorbing_product(self, a: sympy.Expr, b: sympy.Expr) -> int:
        """a·b, but 0 where a is 0, whatever b is."""
        zero = self.emit("constant", (), self.number_type, 0)
        vanishes = self.emit("equal", (self.visit_number(a), zero), "bool")
        return self.emit("select", (vanishes, zero, self.visit_number(a * b)))

    def _sech_squared(self, x: sympy.Expr, y: sympy.Expr | None = None) -> int:
        """1 − tanh(x)² as a function of x and of y = tanh(x); each target takes what it needs."""
        value = sympy.tanh(x) if y is None else y
        return self.emit("sech_squared", (self.visit_number(x), self.visit_number(value)))

    def _call(self, node: sympy.Expr) -> int:
        if isinstance(node, (sympy.Mod, sympy.Min, sympy.Max, sympy.floor, sympy.ceiling)):
            return self.emit("size", (), self.number_type, size_text(node))
        if isinstance(node, f.polygamma):
            order, x = node.args
            return self.emit("polygamma", (self.visit_number(x),), value=int(order))
        if isinstance(node, f.spherical_bessel):
            order, x = node.args
            return self.emit("spherical_bessel", (self.visit_number(x),), value=int(order))
        if isinstance(node, f.absorbing_product):
            return self._absorbing_product(*node.args)
        if isinstance(node, f.hypot):
            first, *others = map(self.visit_number, node.args)
            for other in others:
                first = self.emit("hypot", (first, other))
            return first
        if isinstance(node, f.sech_squared):
            return self._sech_squared(*node.args)
        name = _SYMPY_NAMES.get(type(node))
        if name is None and isinstance(node, f.ScalarFunction):
            name = type(node).__name__
        if name is None:
            raise CompileError(
                f"'{self.definition.name}' ({self.definition.origin}): no operation computes "
                f"{type(node).__name__} in {node}"
            )
        truths = {"select": 1, "conjunction": 2, "disjunction": 2, "negation": 1}.get(name, 0)
        operands = tuple(
            self.visit(argument) if position < truths else self.visit_number(argument)
            for position, argument in enumerate(node.args)
        )
        return self.emit(name, operands, "bool" if name in _COMPARISONS else None)
