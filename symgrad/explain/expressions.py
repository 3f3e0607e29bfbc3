"""Matrix expressions: a small frozen type, and constructors that keep it in plain form.

A vector is a matrix of one column, a scalar a matrix of one row and column. A scalar in a sum
stands for itself at every place, as in Xw + b. Functions, powers and ⊙ act on each element.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from symgrad.program import MatrixRoutine

__all__ = [
    "Call",
    "Diagonal",
    "DiagonalOf",
    "Hadamard",
    "Identity",
    "Inverse",
    "Kronecker",
    "Matrix",
    "MatrixFunction",
    "Name",
    "OneHot",
    "Ones",
    "Power",
    "Product",
    "Reduce",
    "Scalar",
    "Shape",
    "Softmax",
    "SquaredNorm",
    "Sum",
    "Times",
    "Trace",
    "Transposed",
    "Triangle",
    "children",
    "is_scalar",
    "names_in",
    "shape",
    "size",
]

Shape = tuple[sympy.Expr, sympy.Expr]
_ONE = sympy.S.One


@dataclass(frozen=True, slots=True)
class Name:
    """An array of the program."""

    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or an expression in sizes: 2, 1/n."""

    value: sympy.Expr


@dataclass(frozen=True, slots=True)
class Ones:
    """The vector of ones."""

    extent: sympy.Expr


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix."""

    extent: sympy.Expr


@dataclass(frozen=True, slots=True)
class OneHot:
    """The matrix with a 1 in row i at column label[i], and 0 elsewhere."""

    index: str
    shown: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Transposed:
    """Rows and columns exchanged."""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class Product:
    """The matrix product of its factors."""

    factors: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Scalars times a matrix, which stands last; a product of scalars if that is one."""

    factors: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of its parts; a scalar part is added to every element."""

    parts: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Hadamard:
    """The product of each element."""

    factors: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """Each element to a power."""

    base: Matrix
    exponent: sympy.Expr


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function of each element."""

    function: type[sympy.Function]
    arguments: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Diagonal:
    """The diagonal matrix with this vector on its diagonal."""

    vector: Matrix


@dataclass(frozen=True, slots=True)
class DiagonalOf:
    """The diagonal of a matrix, as a vector."""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class Trace:
    """The sum of the diagonal."""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class SquaredNorm:
    """The sum of the squares of all elements."""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(z)/1ᵀexp(z) of a vector, of each row of a matrix."""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class Reduce:
    """Maximum, minimum or product over all elements, or over each row."""

    reduction: str
    inner: Matrix
    by_row: bool


@dataclass(frozen=True, slots=True)
class Triangle:
    """Elements on and below (above) the diagonal shifted by `offset`; 0 elsewhere."""

    inner: Matrix
    lower: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Kronecker:
    """The matrix of blocks left[i, j]·right."""

    left: Matrix
    right: Matrix


@dataclass(frozen=True, slots=True)
class Inverse:
    """A⁻¹"""

    inner: Matrix


@dataclass(frozen=True, slots=True)
class MatrixFunction:
    """A routine of a whole matrix: its determinant, cofactors, Cholesky factor."""

    routine: MatrixRoutine
    inner: Matrix


Matrix = (
    Name
    | Scalar
    | Ones
    | Identity
    | OneHot
    | Transposed
    | Product
    | Times
    | Sum
    | Hadamard
    | Power
    | Call
    | Diagonal
    | DiagonalOf
    | Trace
    | SquaredNorm
    | Softmax
    | Reduce
    | Triangle
    | Kronecker
    | Inverse
    | MatrixFunction
)


def shape(matrix: Matrix) -> Shape:
    """Rows and columns."""
    match matrix:
        case Name(_, own) | OneHot(_, _, own):
            return own
        case Scalar() | Trace() | SquaredNorm():
            return _ONE, _ONE
        case MatrixFunction(routine, inner):
            return shape(inner) if routine in ("cholesky", "cofactors") else (_ONE, _ONE)
        case Ones(extent):
            return extent, _ONE
        case Identity(extent):
            return extent, extent
        case Transposed(inner):
            rows, columns = shape(inner)
            return columns, rows
        case Product(factors):
            return shape(factors[0])[0], shape(factors[-1])[1]
        case Times(factors) | Hadamard(factors):
            return shape(factors[-1])
        case Sum(parts) | Call(_, parts):
            return next((shape(p) for p in parts if not is_scalar(p)), (_ONE, _ONE))
        case Power(base, _):
            return shape(base)
        case Diagonal(vector):
            return shape(vector)[0], shape(vector)[0]
        case DiagonalOf(inner):
            return shape(inner)[0], _ONE
        case Softmax(inner) | Triangle(inner, _, _) | Inverse(inner):
            return shape(inner)
        case Reduce(_, inner, by_row):
            return (shape(inner)[0] if by_row else _ONE), _ONE
        case Kronecker(left, right):
            (rows, columns), (more, wide) = shape(left), shape(right)
            return rows * more, columns * wide


def is_scalar(matrix: Matrix) -> bool:
    """Whether it has one row and one column by its type, whatever the sizes are."""
    return shape(matrix) == (_ONE, _ONE)


def children(matrix: Matrix) -> tuple[Matrix, ...]:
    """The expressions directly inside."""
    match matrix:
        case Product(parts) | Times(parts) | Sum(parts) | Hadamard(parts) | Call(_, parts):
            return parts
        case Transposed(inner) | DiagonalOf(inner) | Trace(inner) | SquaredNorm(inner):
            return (inner,)
        case Softmax(inner) | Power(inner, _) | Diagonal(inner):
            return (inner,)
        case Reduce(_, inner, _) | Triangle(inner, _, _) | Inverse(inner):
            return (inner,)
        case MatrixFunction(_, inner):
            return (inner,)
        case Kronecker(left, right):
            return left, right
        case _:
            return ()


def names_in(matrix: Matrix) -> dict[str, int]:
    """How often each name is read, index arrays included, in order of first appearance."""
    found: dict[str, int] = {}
    stack = [matrix]
    while stack:
        node = stack.pop()
        if isinstance(node, (Name, OneHot)):
            name = node.name if isinstance(node, Name) else node.index
            found[name] = found.get(name, 0) + 1
        stack.extend(reversed(children(node)))
    return found


def size(matrix: Matrix) -> int:
    """How much there is to read: names, numbers, functions and transposes."""
    own = 1
    if isinstance(matrix, (Product, Times, Sum, Hadamard)):
        own = 0
    elif isinstance(matrix, Scalar):
        own = int(matrix.value != -1)
    elif isinstance(matrix, OneHot):
        own = 2
    return own + sum(map(size, children(matrix)))
