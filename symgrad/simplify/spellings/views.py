"""What a rule sees: expressions with the element-wise definitions that they read looked into."""

from __future__ import annotations

from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Axis,
    Definition,
    MatrixOperation,
    MatrixRoutine,
    Program,
    Reduction,
    Statement,
    Term,
    accesses,
)
from symgrad.program import functions as f
from symgrad.program.naming import FreshNames
from symgrad.simplify.rewriting import substitute_indices

__all__ = ["Views"]

_NEVER_NEGATIVE = (
    sympy.exp,
    sympy.cosh,
    f.exp2,
    f.softplus,
    f.sech_squared,
    f.sigmoid,
    f.ndtr,
    f.erfcx,
    f.hypot,
    f.norm_root,
    f.absolute,
    f.versine,
)


class Views:
    """The definitions rewritten so far, and the ones that rules add."""

    def __init__(self, program: Program) -> None:
        self.known: dict[str, Definition] = {}
        self.fresh = FreshNames(program)
        self.new: list[Statement] = []
        self.matrices = {s.name: s for s in program.definitions if isinstance(s, MatrixOperation)}
        self.made: dict[object, str] = {}
        self.seen: dict[Access, sympy.Expr] = {}

    def add(self, definition: Definition) -> None:
        """A definition as it stands after its own rewriting."""
        self.known[definition.name] = definition

    def take_new(self) -> list[Statement]:
        """Definitions that rules added since the last call."""
        added, self.new = self.new, []
        return added

    # --- looking -----------------------------------------------------------------------------

    def see(self, node: sympy.Expr) -> sympy.Expr:
        """An access to an element-wise definition as its body, anything else as it is."""
        if not isinstance(node, Access) or node.name not in self.known:
            return node
        if node not in self.seen:
            self.seen[node] = self._look_into(node)
        return self.seen[node]

    def _look_into(self, access: Access) -> sympy.Expr:
        definition = self.known[access.name]
        if len(definition.terms) != 1:
            return access
        (term,) = definition.terms
        if term.axes or term.guards:
            return access
        body = substitute_indices(term.body, definition, access)
        return self.see(body) if isinstance(body, Access) else body

    def spell_out(self, node: sympy.Expr, depth: int = 2) -> sympy.Expr:
        """The expression with short element-wise definitions written out."""
        if depth == 0 or not isinstance(node, Access):
            if depth == 0 or not node.args:
                return node
            return node.func(*(self.spell_out(argument, depth) for argument in node.args))
        seen = self.see(node)
        return node if seen == node else self.spell_out(seen, depth - 1)

    def exponent(self, node: sympy.Expr) -> sympy.Expr | None:
        """u of a node seen as exp(u)."""
        seen = self.see(node)
        return seen.args[0] if isinstance(seen, sympy.exp) else None

    def scaled(self, node: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """c and f of a node seen as c·f with a number c, through several definitions."""
        factor, rest = node.as_coeff_Mul()
        for _ in range(4):
            number, inner = self.see(rest).as_coeff_Mul()
            factor, changed = factor * number, inner != rest
            rest = inner
            if not changed:
                break
        return factor, rest

    def scaled_exponent(self, node: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
        """c and u of a node seen as c·exp(u) with a number c."""
        number, rest = self.scaled(node)
        return (number, rest.args[0]) if isinstance(rest, sympy.exp) else None

    def addends(self, node: sympy.Expr) -> tuple[sympy.Expr, ...]:
        """The parts of a node seen as a sum."""
        return tuple(sympy.Add.make_args(self.see(node)))

    def flat_addends(self, node: sympy.Expr, depth: int = 4) -> tuple[sympy.Expr, ...]:
        """The parts of a sum, with parts that are sums themselves taken apart."""
        parts = self.addends(node)
        if depth == 0 or len(parts) == 1:
            return parts
        return tuple(inner for part in parts for inner in self.flat_addends(part, depth - 1))

    def reduction(self, node: sympy.Expr) -> tuple[Definition, Access, sympy.Expr] | None:
        """The reduction that a node reads, the access to it, and the number it is multiplied by."""
        factor, rest = node.as_independent(Access, as_Add=False)
        for _ in range(8):
            if not isinstance(rest, Access) or rest.name not in self.known:
                return None
            definition = self.known[rest.name]
            if len(definition.terms) != 1:
                return None
            (term,) = definition.terms
            if term.axes:
                return definition, rest, factor
            if term.guards:
                return None
            body = substitute_indices(term.body, definition, rest)
            number, rest = body.as_independent(Access, as_Add=False)
            factor = factor * number
        return None

    def term_seen_from(self, definition: Definition, access: Access) -> Term:
        """The only term of a reduction, its outer indices those of an access to it."""
        (term,) = definition.terms
        return term.xreplace(dict(zip(definition.indices, access.subscripts, strict=True)))

    def is_determinant(self, node: sympy.Expr) -> bool:
        """Whether a node reads the determinant of a matrix."""
        return self._routine(node) == "determinant"

    def is_factor_diagonal(self, node: sympy.Expr) -> bool:
        """Whether a node reads the diagonal of a Cholesky factor, which is positive."""
        seen = self.see(node)
        return self._routine(seen) == "cholesky" and seen.subscripts[-1] == seen.subscripts[-2]

    def _routine(self, node: sympy.Expr) -> str:
        known = isinstance(node, Access) and node.name in self.matrices
        return self.matrices[node.name].routine if known else ""

    # --- what is known of values ----------------------------------------------------------------

    def is_nonnegative(self, node: sympy.Expr) -> bool:
        """Whether a value is zero or more for every argument: sizes, squares, exponentials."""
        if node.is_number or not accesses(node):
            return bool(node.is_nonnegative)
        if isinstance(node, Access):
            if self.is_factor_diagonal(node):
                return True
            seen = self.see(node)
            return self.is_nonnegative(seen) if seen != node else self._sums_nonnegative(node)
        if node.is_Add or node.is_Mul:
            return all(self.is_nonnegative(part) for part in node.args)
        if node.is_Pow:
            even = node.exp.is_Integer and node.exp % 2 == 0
            return bool(even) or (node.exp.is_Rational and not node.exp.is_Integer)
        if isinstance(node, f.select):
            return all(self.is_nonnegative(branch) for branch in node.args[1:])
        return isinstance(node, _NEVER_NEGATIVE)

    def is_positive(self, node: sympy.Expr) -> bool:
        """Whether a value is above zero for every argument: a number and what is not negative."""
        seen = self.see(node)
        if seen.is_number:
            return bool(seen.is_positive)
        if seen.is_Add:
            parts = self.flat_addends(seen)
            return any(map(self.is_positive, parts)) and all(map(self.is_nonnegative, parts))
        return isinstance(seen, (sympy.exp, sympy.cosh))

    def _sums_nonnegative(self, access: Access) -> bool:
        definition = self.known.get(access.name)
        if definition is None or not definition.terms:
            return False
        kinds = {term.reduction for term in definition.terms}
        return kinds <= {"norm"} or (
            kinds <= {"sum", "max", "min", "prod"}
            and all(self.is_nonnegative(term.body) for term in definition.terms)
        )

    # --- adding ----------------------------------------------------------------------------------

    def reduce(
        self, like: Definition, suffix: str, body: sympy.Expr, kind: Reduction
    ) -> Definition:
        """A new reduction over the axes of another, made once for each body."""
        (term,) = like.terms
        key = (like.name, suffix, body, kind)
        if key not in self.made:
            name = self.fresh(f"{like.name}_{suffix}")
            terms = (Term(body, term.axes, kind),)
            added = Definition(name, like.axes, like.dtype, terms, like.origin)
            self.new.append(added)
            self.add(added)
            self.made[key] = name
        return self.known[self.made[key]]

    def operate(self, determinant: Access, routine: MatrixRoutine) -> Access:
        """Another number of the matrix whose determinant is read."""
        statement = self.matrices[determinant.name]
        key = (statement.name, routine)
        if key not in self.made:
            suffix = routine.replace("determinant", "").strip("_")
            self.made[key] = self.fresh(f"{statement.name}_{suffix}")
            self.new.append(replace(statement, name=self.made[key], routine=routine))
        return Access(self.made[key], *determinant.subscripts)

    def read(self, definition: Definition, access: Access) -> Access:
        """A definition with the axes of another, read where that one is."""
        return Access(definition.name, *access.subscripts)

    @staticmethod
    def bound(axes: tuple[Axis, ...]) -> set[sympy.Symbol]:
        """The indices of axes."""
        return {axis.index for axis in axes}
