"""Whole Jacobians that keep their structure: forward mode with a symbolic direction.

The tangent of an argument X in the direction of its element k is a product of deltas,

    ∂X[x]/∂X[k] = Π_a [x_a = k_a],

and every array's Jacobian is a sum of `Entry`s: guards times factors. Deltas stay guards, and
factors that a sum does not touch stay outside of it, so that the Jacobian of a row-wise model is
never an array of rows × rows, and the Jacobian of a layer keeps the input as a factor:

    Z[s,b] = Σ_a X[s,a]·W[a,b]     gives     ∂Z[s,b]/∂W[k,l] = [l = b] · X[s,k]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from symgrad.differentiate.entries import Entry, Jacobian
from symgrad.differentiate.linearise import Partial, linearise
from symgrad.differentiate.masks import mask_of, pull_selection
from symgrad.differentiate.matrix_entries import expand_operation
from symgrad.differentiate.scalar import is_total
from symgrad.differentiate.ties import (
    components,
    eliminate,
    is_legal,
    is_whole,
    solve_ties,
    touches,
)
from symgrad.errors import DifferentiationError
from symgrad.program import (
    Access,
    Axis,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    accesses,
    dependencies,
    is_floating,
    is_index,
    verify,
)
from symgrad.program import functions as f
from symgrad.program.affine import extents_by_index, proves
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["JacobianBuilder"]

_MOST_ENTRIES = 6  # of one array's Jacobian with the same guards; more are added into one


class JacobianBuilder:
    """Jacobians of arrays of one program; their definitions are added to it as they are needed."""

    def __init__(self, program: Program) -> None:
        self.base = program
        self.fresh = FreshNames(program)
        self.index = FreshIndices(program, "h")
        self.dtypes = program.dtypes()
        self.shapes = program.shapes()
        self.added: dict[str, list[Statement]] = {}
        self.last: list[Statement] = []
        self.dropped: set[str] = set()
        self.unsafe: set[str] = set()
        self.totals = frozenset(
            s.name
            for s in program.definitions
            if isinstance(s, Definition) and any(t.reduction == "logsumexp" for t in s.terms)
        )

    def expand(self, wrt: str, outputs: Sequence[str]) -> tuple[Jacobian, ...]:
        """The Jacobian of each output by one argument.

        Raises:
            DifferentiationError: a statement that an output depends on has no derivative.
        """
        columns = self.index.axes(self.shapes[wrt])
        sweep = Sweep(self, wrt, columns, outputs)
        sweep.run()
        found = []
        for name in outputs:
            rows = self.index.axes(self.shapes[name])
            entries = sweep.read(name, tuple(axis.index for axis in rows))
            found.append(Jacobian(name, wrt, rows, columns, self.dtypes[name], entries))
        return tuple(found)

    def define(self, definition: Definition) -> None:
        """Adds a definition at the end of the program."""
        self.last.append(definition)
        self.dtypes[definition.name] = definition.dtype
        self.shapes[definition.name] = definition.shape

    def statements(self) -> tuple[Statement, ...]:
        """The base program's statements, each followed by what its Jacobians added."""
        statements: list[Statement] = list(self.added.get("", ()))
        for statement in self.base.definitions:
            statements.append(statement)
            statements.extend(self.added.get(statement.name, ()))
        return tuple(s for s in (*statements, *self.last) if s.name not in self.dropped)

    def drop(self, names: Iterable[str]) -> None:
        """Leaves out statements that nothing else reads."""
        self.dropped.update(names)

    def program(self, outputs: Iterable[str]) -> Program:
        """The program with all added definitions and these outputs."""
        base = self.base
        return verify(
            Program(base.name, base.arguments, self.statements(), tuple(outputs), base.constants)
        )


class Sweep:
    """One forward walk: the Jacobians of all arrays by one argument."""

    def __init__(
        self,
        builder: JacobianBuilder,
        wrt: str,
        columns: tuple[Axis, ...],
        outputs: Sequence[str],
    ) -> None:
        self.builder = builder
        self.wrt = wrt
        self.columns = columns
        self.needed = _needed(builder.base, outputs)
        self.indices: dict[str, tuple[sympy.Symbol, ...]] = {}
        self.entries: dict[str, tuple[Entry, ...]] = {}
        self.anchors: dict[str, str] = {}  # of arrays that the program does not compute

    def run(self) -> None:
        own = self.builder.index.axes(self.builder.shapes[self.wrt])
        self.indices[self.wrt] = tuple(axis.index for axis in own)
        ties = tuple(
            Guard(column.index, "==", axis.index)
            for column, axis in zip(self.columns, own, strict=True)
        )
        self.entries[self.wrt] = (Entry(ties, ()),)
        for statement in self.builder.base.definitions:
            if statement.name not in self.needed or not is_floating(statement.dtype):
                continue
            if not any(name in self.entries for name in dependencies(statement)):
                continue
            if isinstance(statement, Definition):
                self.definition(statement)
            elif isinstance(statement, Reshape):
                self._reshape(statement)
            elif isinstance(statement, MatrixOperation):
                expand_operation(self, statement)
            else:
                kind = type(statement).__name__
                raise DifferentiationError(f"'{statement.name}': {kind} has no Jacobian")

    def read(self, name: str, subscripts: tuple[sympy.Expr, ...]) -> tuple[Entry, ...]:
        """The Jacobian of one element of an array."""
        found = []
        for entry in self.entries.get(name, ()):
            moved = self._moved(name, entry, subscripts)
            if moved is None:
                definition = self._materialise(name, (entry,))
                columns = (axis.index for axis in self.columns)
                moved = Entry((), (Access(definition.name, *subscripts, *columns),))
            found.append(moved)
        return tuple(found)

    def _moved(self, name: str, entry: Entry, subscripts: tuple[sympy.Expr, ...]) -> Entry | None:
        """The entry with subscripts for its row indices; None if that leaves illegal subscripts."""
        mapping = dict(zip(self.indices[name], subscripts, strict=True))
        guards = tuple(guard.xreplace(mapping) for guard in entry.guards)
        factors = tuple(factor.xreplace(mapping) for factor in entry.factors)
        legal = all(is_legal(factor) for factor in factors) and all(map(is_whole, guards))
        return Entry(guards, factors) if legal else None

    # --- statements ------------------------------------------------------------------------------

    def definition(self, statement: Definition, active: frozenset[str] | None = None) -> None:
        """The entries of a definition, from those of what it reads among the active arrays."""
        active = frozenset(self.entries) if active is None else active
        linear = linearise(statement, self.builder.dtypes, active, self.builder.fresh)
        for helper in linear.auxiliary:
            self.add(statement.name, helper)
        if not linear.partials:
            return
        found: list[Entry] = []
        for partial in linear.partials:
            for entry in self.read(partial.access.name, partial.access.subscripts):
                product = self._product(statement, partial, entry)
                if product is not None:
                    found.append(product)
        self.indices[statement.name] = statement.indices
        self.entries[statement.name] = tuple(self.merge(statement, found))

    def _reshape(self, statement: Reshape) -> None:
        """Same order of elements, other axes: units are re-indexed, anything else is stored."""
        source = statement.source
        axes = self.builder.index.axes(statement.shape)
        self.indices[statement.name] = tuple(axis.index for axis in axes)
        shape = self.builder.shapes[source]
        long = [axis for axis in axes if axis.extent != 1]
        if [axis.extent for axis in long] == [extent for extent in shape if extent != 1]:
            supply = iter(long)
            subscripts = tuple(
                sympy.S.Zero if extent == 1 else next(supply).index for extent in shape
            )
            self.entries[statement.name] = self.read(source, subscripts)
            return
        definition = self._materialise(source, self.entries[source])
        name = self.builder.fresh(f"{statement.name}_by_{self.wrt}")
        extents = (*statement.shape, *(axis.extent for axis in self.columns))
        self.add(
            statement.name,
            Reshape(name, extents, statement.dtype, definition.name, statement.origin),
        )
        columns = (axis.index for axis in self.columns)
        access = Access(name, *self.indices[statement.name], *columns)
        self.entries[statement.name] = (Entry((), (access,)),)

    # --- products --------------------------------------------------------------------------------

    def _product(self, statement: Definition, partial: Partial, entry: Entry) -> Entry | None:
        """Σ_axes [guards] coefficient · entry, None if it is zero everywhere."""
        given = partial.coefficient
        factors = [*sympy.Mul.make_args(given), *entry.factors]
        mask = mask_of(given)
        if mask is not None:
            factors = self._masked(mask, factors)
        guards = (*partial.guards, *entry.guards)
        solved = eliminate(statement.axes + self.columns, partial.axes, guards, factors)
        if solved is None:
            return None
        loops, remaining, factors = solved
        return self._normal(statement, *self._sum(statement, loops, remaining, factors))

    def _masked(self, mask: sympy.Expr, factors: list[sympy.Expr]) -> list[sympy.Expr]:
        """Factors that may be infinite as 0 where the mask is false: 0·∞ would be NaN.

        One by one where that keeps their indices, else as one product.
        """
        endless = [factor for factor in factors if not self._is_finite(factor)]
        if not endless:
            return factors
        kept = [factor for factor in factors if factor not in endless]
        if all(_indices(mask) <= _indices(factor) for factor in endless):
            return [*kept, *(_select(mask, factor) for factor in endless)]
        return [*kept, _select(mask, pull_selection(sympy.Mul(*endless)))]

    def _sum(
        self,
        statement: Definition,
        loops: tuple[Axis, ...],
        guards: tuple[Guard, ...],
        factors: list[sympy.Expr],
    ) -> tuple[tuple[Guard, ...], list[sympy.Expr]]:
        """Σ_{r,s} a(r)·b(s)·c -> (Σ_r a)·(Σ_s b)·c: each sum a definition of its own."""
        outside = [x for x in factors if not touches(x, loops)]
        kept = tuple(g for g in guards if not touches(g, loops))
        pending = [x for x in factors if touches(x, loops)]
        waiting = [g for g in guards if touches(g, loops)]
        for component in components(loops, pending, waiting):
            inner = [x for x in pending if touches(x, component)]
            inside = tuple(g for g in waiting if touches(g, component))
            if not inner and not inside:
                outside.extend(axis.extent for axis in component)
                continue
            term = Term(sympy.Mul(*inner), component, "sum", inside)
            outside.append(self._define(statement, (term,)))
        return kept, outside

    def _normal(
        self, statement: Definition, guards: tuple[Guard, ...], factors: Sequence[sympy.Expr]
    ) -> Entry:
        """The entry with solved ties, columns written by what they equal, and plain factors."""
        guards, factors = solve_ties(guards, factors, self.columns)
        box = extents_by_index(statement.axes + self.columns)
        guards = tuple(g for g in guards if g.relation == "==" or proves(g, box) is not True)
        number = sympy.Mul(*(x for x in factors if not _indices(x) and not x.has(Access)))
        groups: dict[frozenset[sympy.Symbol], list[sympy.Expr]] = {}
        for factor in factors:
            if _indices(factor) or factor.has(Access):
                groups.setdefault(_indices(factor), []).append(factor)
        plain: list[sympy.Expr] = [] if number == 1 else [number]
        for group in groups.values():
            if all(isinstance(factor, Access) for factor in group):
                plain.extend(group)
            else:
                plain.append(self._define(statement, (Term(sympy.Mul(*group)),)))
        return Entry(guards, tuple(plain))

    # --- sums of entries -------------------------------------------------------------------------

    def merge(self, statement: Definition, entries: list[Entry]) -> list[Entry]:
        """f·a + f·b -> f·(a + b) where that needs no more loops than a or b do alone."""
        groups: dict[frozenset[Guard], list[Entry]] = {}
        for entry in entries:
            group = groups.setdefault(frozenset(entry.guards), [])
            for position, other in enumerate(group):
                merged = self._add_entries(statement, other, entry)
                if merged is not None:
                    group[position] = merged
                    break
            else:
                group.append(entry)
        result: list[Entry] = []
        for group in groups.values():
            if len(group) > _MOST_ENTRIES:
                terms = tuple(Term(entry.body) for entry in group)
                result.append(Entry(group[0].guards, (self._define(statement, terms),)))
            else:
                result.extend(entry for entry in group if entry.body != 0)
        return result

    def _add_entries(self, statement: Definition, a: Entry, b: Entry) -> Entry | None:
        shared: list[sympy.Expr] = []
        rest = list(b.factors)
        own = []
        for factor in a.factors:
            if factor in rest and not factor.is_Number:
                rest.remove(factor)
                shared.append(factor)
            else:
                own.append(factor)
        first, second = sympy.Mul(*own), sympy.Mul(*rest)
        total = first + second
        if not _indices(total) and not total.has(Access):
            return Entry(a.guards, (*shared, total))
        if not (_indices(first) <= _indices(second) or _indices(second) <= _indices(first)):
            return None
        access = self._define(statement, (Term(first), Term(second)))
        return Entry(a.guards, (*shared, access))

    # --- definitions -----------------------------------------------------------------------------

    def _define(self, statement: Definition, terms: tuple[Term, ...]) -> sympy.Expr:
        """A definition over the indices that its terms need, read at these indices."""
        used: set[sympy.Symbol] = set()
        for term in terms:
            used |= _indices(term.body)
            for guard in term.guards:
                used |= _indices(guard.left) | _indices(guard.right)
        axes = tuple(a for a in (*statement.axes, *self.columns) if a.index in used)
        if all(not term.axes and not term.guards for term in terms):
            terms = (Term(sympy.Add(*(term.body for term in terms))),)
        name = self.builder.fresh(f"{statement.name}_by_{self.wrt}")
        definition = Definition(name, axes, statement.dtype, terms, statement.origin)
        self.add(statement.name, definition)
        if not all(self._is_finite(term.body) for term in terms):
            self.builder.unsafe.add(name)
        return definition.access

    def _materialise(self, name: str, entries: tuple[Entry, ...]) -> Definition:
        """∂name[o]/∂wrt[k] as an array over all of o and k."""
        shape = self.builder.shapes[name]
        axes = tuple(
            Axis(index, extent) for index, extent in zip(self.indices[name], shape, strict=True)
        )
        definition = Definition(
            self.builder.fresh(f"{name}_by_{self.wrt}"),
            (*axes, *self.columns),
            self.builder.dtypes[name],
            tuple(entry.term() for entry in entries),
        )
        is_argument = name == self.wrt
        self.add("" if is_argument else name, definition)
        return definition

    def stand_in(self, name: str, other: str, after: str) -> None:
        """Lets a name have the entries of another array; what they need is added `after`."""
        self.entries[name], self.indices[name] = self.entries[other], self.indices[other]
        self.builder.dtypes[name] = self.builder.dtypes[other]
        self.builder.shapes[name] = self.builder.shapes[other]
        self.anchors[name] = after

    def add(self, after: str, statement: Statement) -> None:
        """Adds a statement to the program, behind one that it has."""
        after = self.anchors.get(after, after)
        self.builder.added.setdefault(after, []).append(statement)
        self.builder.dtypes[statement.name] = statement.dtype
        self.builder.shapes[statement.name] = statement.shape

    def _is_finite(self, expression: sympy.Expr) -> bool:
        if expression.is_Mul or expression.is_Add:
            return all(map(self._is_finite, expression.args))
        found = accesses(expression)
        if not found:
            return True
        known = all(access.name not in self.builder.unsafe for access in found)
        return known and is_total(expression.xreplace(self._softmax_weights(expression)))

    def _softmax_weights(self, expression: sympy.Expr) -> dict[sympy.Basic, sympy.Basic]:
        """exp(u − logsumexp(u)), which is at most 1, by 1."""
        found: dict[sympy.Basic, sympy.Basic] = {}
        for node in expression.atoms(sympy.exp):
            for part in sympy.Add.make_args(node.args[0]):
                access = -part
                if isinstance(access, Access) and access.name in self.builder.totals:
                    found[node] = sympy.S.One
        return found


# --- small tools ----------------------------------------------------------------------------------


def _needed(program: Program, outputs: Iterable[str]) -> frozenset[str]:
    """Names that the outputs depend on, themselves included."""
    needed = set(outputs)
    for statement in reversed(program.definitions):
        if statement.name in needed and not isinstance(statement, IndexCheck):
            needed.update(dependencies(statement))
    return frozenset(needed)


def _indices(expression: sympy.Expr) -> frozenset[sympy.Symbol]:
    return frozenset(symbol for symbol in expression.free_symbols if is_index(symbol))


def _select(mask: sympy.Expr, expression: sympy.Expr) -> sympy.Expr:
    """The expression where the mask holds, 0 elsewhere; itself if it is 0 there already."""
    if mask_of(expression) == mask:
        return expression
    return f.select(mask, expression, sympy.S.Zero)
