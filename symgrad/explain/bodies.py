"""Bodies of definitions as matrix expressions: products of accesses, guards as triangles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy

from symgrad.explain.algebra import (
    hadamard,
    plus,
    power,
    product,
    times,
)
from symgrad.explain.expressions import (
    Identity,
    Matrix,
    Name,
    OneHot,
    Ones,
    Scalar,
    Shape,
    is_scalar,
)
from symgrad.explain.network import Edge, Network, NoMatrixForm
from symgrad.explain.operators import (
    call,
    diagonal_of,
    transposed,
    triangle,
)
from symgrad.program import Access, Guard
from symgrad.program import functions as f

__all__ = ["BodyReader", "Index", "matrix_name", "ordered"]

Index: TypeAlias = sympy.Symbol
_ONE = sympy.S.One


def matrix_name(name: str, extents: tuple[sympy.Expr, ...]) -> Name:
    """An array of at most two axes as a matrix.

    Raises:
        NoMatrixForm: it has more axes.
    """
    if len(extents) > 2:
        raise NoMatrixForm
    shape: Shape = (*extents, _ONE, _ONE)[:2]
    return Name(name, shape)


@dataclass(slots=True)
class BodyReader:
    """Reads bodies: shapes of all arrays, and what index arrays are called by the model.

    What must not be 0 for the expressions read so far is collected in `zeros`.
    """

    shapes: Mapping[str, tuple[sympy.Expr, ...]]
    checked: Mapping[str, str]
    zeros: list[Matrix] = field(default_factory=list)

    def convert(
        self,
        body: sympy.Expr,
        frame: tuple[Index, ...],
        extents: Mapping[Index, sympy.Expr],
    ) -> Matrix:
        """A body as a matrix over the indices of a frame; without any of them, a scalar.

        Raises:
            NoMatrixForm: it has an index outside the frame, or no such form.
        """
        own = tuple(index for index in frame if index in body.free_symbols)
        if any(s in extents and s not in own for s in body.free_symbols):
            raise NoMatrixForm
        matrix = self._convert(body, own, extents)
        if own == frame or not own:
            return matrix
        if own == frame[:1]:
            return product(matrix, transposed(Ones(extents[frame[1]])))
        return product(Ones(extents[frame[0]]), transposed(matrix))

    def spread(
        self, matrix: Matrix, frame: tuple[Index, ...], extents: Mapping[Index, sympy.Expr]
    ) -> Matrix:
        """A scalar as a matrix of the frame's shape."""
        if not frame or not is_scalar(matrix):
            return matrix
        ones: Matrix = Ones(extents[frame[0]])
        if len(frame) == 2:
            ones = product(ones, transposed(Ones(extents[frame[1]])))
        return times(matrix, ones)

    def _convert(
        self, body: sympy.Expr, own: tuple[Index, ...], extents: Mapping[Index, sympy.Expr]
    ) -> Matrix:
        if isinstance(body, Access):
            return self._access(body, own, extents)
        if not body.has(Access) and not own:
            return Scalar(body)
        if body.is_Symbol:
            raise NoMatrixForm
        if body.is_Add:
            return plus(*(self.convert(part, own, extents) for part in ordered(body.args)))
        if body.is_Mul:
            return self.contract(body, (), own, [], extents)
        if body.is_Pow:
            if not body.exp.is_Number:
                raise NoMatrixForm
            return power(self._convert(body.base, own, extents), body.exp)
        if isinstance(body, f.select):
            return self._selection(body, own, extents)
        if isinstance(body, f.xlogy):
            x, y = (self.convert(a, own, extents) for a in body.args)
            self.zeros.append(x)
            return hadamard(x, call(sympy.log, y))
        if isinstance(body, sympy.Function):
            return call(body.func, *(self.convert(a, own, extents) for a in body.args))
        raise NoMatrixForm

    def _selection(
        self, body: sympy.Expr, own: tuple[Index, ...], extents: Mapping[Index, sympy.Expr]
    ) -> Matrix:
        """0 where c = 0, else a/c, is written a/c; the condition is kept for a note."""
        condition, value, otherwise = body.args
        if isinstance(condition, f.conjunction):  # x = 0 and y = 0, of x·log(y)
            condition = condition.args[0]
        if isinstance(condition, f.equal) and value == 0 and condition.args[1] == 0:
            with contextlib.suppress(NoMatrixForm):
                shown = self.convert(otherwise, own, extents)
                self.zeros.append(self.convert(condition.args[0], own, extents))
                return shown
        return call(body.func, *(self.convert(a, own, extents) for a in body.args))

    def _access(
        self, access: Access, own: tuple[Index, ...], extents: Mapping[Index, sympy.Expr]
    ) -> Matrix:
        name = matrix_name(access.name, self.shapes[access.name])
        subscripts = access.subscripts
        if any(isinstance(subscript, Access) for subscript in subscripts):
            return self._gather(name, access, own, extents)
        shape = self.shapes[access.name]
        if any(extents.get(s) != length for s, length in zip(subscripts, shape, strict=True)):
            raise NoMatrixForm  # a slice, or a constant subscript
        if len(subscripts) == 2 and subscripts[0] == subscripts[1]:
            return diagonal_of(name)
        return transposed(name) if subscripts == own[::-1] and len(own) == 2 else name

    def _gather(
        self,
        name: Name,
        access: Access,
        own: tuple[Index, ...],
        extents: Mapping[Index, sympy.Expr],
    ) -> Matrix:
        """Elements picked by an index array: a product with a matrix of labels."""
        picks = [
            self._one_hot(s.name, name.shape[axis]) if isinstance(s, Access) else None
            for axis, s in enumerate(access.subscripts)
        ]
        rows = [_gathered(s) if isinstance(s, Access) else s for s in access.subscripts]
        if any(row not in extents for row in rows):
            raise NoMatrixForm
        if len(rows) == 2 and rows[0] == rows[1]:
            if picks[0] is not None and picks[1] is not None:
                raise NoMatrixForm
            picked = hadamard(name, picks[1]) if picks[1] is not None else None
            if picked is None:
                assert picks[0] is not None
                picked = hadamard(transposed(name), picks[0])
            return product(picked, Ones(name.shape[1 if picks[1] is not None else 0]))
        left = [picks[0]] if picks[0] is not None else []
        right = [transposed(picks[1])] if len(picks) == 2 and picks[1] is not None else []
        matrix = product(*left, name, *right)
        return transposed(matrix) if tuple(rows) == own[::-1] and len(own) == 2 else matrix

    # --- products under sums ------------------------------------------------------------------

    def contract(
        self,
        body: sympy.Expr,
        guards: tuple[Guard, ...],
        outputs: tuple[Index, ...],
        summed: list[Index],
        extents: Mapping[Index, sympy.Expr],
    ) -> Matrix:
        network = Network(dict(extents))
        inside = [g for g in map(self._offset, guards) if g[0] != "=="]
        if any(side not in extents for bound in inside for side in bound[1:3]):
            raise NoMatrixForm
        for guard in guards:
            self._add_delta(network, guard)
        bounds = {frozenset(g[1:3]): g for g in inside}
        if len(bounds) != len(inside):
            raise NoMatrixForm
        for factor in sympy.Mul.make_args(body):
            self._add_factor(network, factor, extents)
        for bound in bounds.values():
            self._add_bound(network, bound)
        return network.contract(outputs, summed)

    def _add_factor(
        self, network: Network, factor: sympy.Expr, extents: Mapping[Index, sympy.Expr]
    ) -> None:
        frame = _frame(factor, extents)
        if len(frame) > 2:
            raise NoMatrixForm
        matrix = self.convert(factor, frame, extents)
        if not frame:
            network.scalars.append(matrix)
        elif len(frame) == 1:
            network.weigh(frame[0], matrix)
        else:
            network.edges.append(Edge(frame[0], frame[1], matrix))

    def _offset(self, guard: Guard) -> tuple[str, Index, Index, int]:
        """A guard between two indices: the relation, both, and what is added to the right one."""
        difference = sympy.expand(guard.right - guard.left)
        if difference.has(Access):
            return guard.relation, sympy.S.Zero, sympy.S.Zero, 0
        constant, rest = difference.as_coeff_Add()
        symbols = sorted(rest.free_symbols, key=str)
        if len(symbols) != 2 or guard.relation == "!=" or not constant.is_Integer:
            raise NoMatrixForm
        for left, right in (symbols, symbols[::-1]):
            if rest == right - left:
                return guard.relation, left, right, int(constant)
        raise NoMatrixForm

    def _add_delta(self, network: Network, guard: Guard) -> None:
        """[i = j] is the identity; [l = label[i]] the matrix of labels."""
        if guard.relation != "==":
            return
        sides = (guard.left, guard.right)
        gathers = [side for side in sides if isinstance(side, Access)]
        plain = [side for side in sides if side in network.extents]
        if len(gathers) == 1 and len(plain) == 1:
            row, column = _gathered(gathers[0]), plain[0]
            network.edges.append(
                Edge(row, column, self._one_hot(gathers[0].name, network.extents[column]))
            )
            return
        if len(plain) != 2 or network.extents[plain[0]] != network.extents[plain[1]]:
            raise NoMatrixForm
        network.edges.append(Edge(plain[0], plain[1], Identity(network.extents[plain[0]])))

    def _one_hot(self, name: str, classes: sympy.Expr) -> OneHot:
        if len(self.shapes[name]) != 1:
            raise NoMatrixForm
        return OneHot(name, self.checked.get(name, name), (self.shapes[name][0], classes))

    def _add_bound(self, network: Network, bound: tuple[str, Index, Index, int]) -> None:
        """left < right + constant: the part of a matrix above a diagonal."""
        relation, left, right, constant = bound
        offset = (1 if relation == "<" else 0) - constant  # kept where right − left ≥ offset
        for position, edge in enumerate(network.edges):
            if {edge.rows, edge.columns} == {left, right}:
                upper = edge.rows == left
                kept = triangle(edge.matrix, not upper, offset if upper else -offset)
                network.edges[position] = Edge(edge.rows, edge.columns, kept)
                return
        rows, columns = network.extents[left], network.extents[right]
        ones = product(Ones(rows), transposed(Ones(columns)))
        network.edges.append(Edge(left, right, triangle(ones, False, offset)))


def _gathered(access: Access) -> Index:
    """The index of an index array read at one plain index."""
    if len(access.subscripts) != 1 or not access.subscripts[0].is_Symbol:
        raise NoMatrixForm
    return access.subscripts[0]


def _frame(body: sympy.Expr, extents: Iterable[Index]) -> tuple[Index, ...]:
    """The indices of a body, rows first: as its largest array has them."""
    free = body.free_symbols
    found = [index for index in extents if index in free]
    arrays = [a for a in sympy.preorder_traversal(body) if isinstance(a, Access)]
    for access in arrays:
        plain = [_row(s) for s in access.subscripts]
        if len(found) == 2 and len(plain) == 2 and set(plain) == set(found):
            return tuple(plain)
    return tuple(found)


def _row(subscript: sympy.Expr) -> sympy.Expr:
    if isinstance(subscript, Access) and len(subscript.subscripts) == 1:
        return subscript.subscripts[0]
    return subscript


def ordered(parts: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """What is added before what is subtracted, numbers after arrays unless something follows."""
    return sorted(parts, key=lambda p: bool(p.could_extract_minus_sign()))
