"""Whole Jacobians that keep their structure: forward mode with a symbolic direction.

The tangent of an argument X in the direction of its element k is a product of deltas,

    ∂X[x]/∂X[k] = Π_a [x_a = k_a],

and every array's Jacobian is a sum of `Entry`s: guards times factors. Deltas stay guards, and
factors that a sum does not touch stay outside of it, so that the Jacobian of a row-wise model is
never an array of rows × rows, and the Jacobian of a layer keeps the input as a factor:

    Z[s,b] = Σ_a X[s,a]·W[a,b]     gives     ∂Z[s,b]/∂W[k,l] = [l = b] · X[s,k]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from symgrad.differentiate.congruence import congruences
from symgrad.differentiate.entries import Jacobian
from symgrad.differentiate.poles import Poles
from symgrad.differentiate.sweep import Sweep, Workspace
from symgrad.program import Definition, Program, Statement, verify
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["JacobianBuilder"]


class JacobianBuilder:
    """Jacobians of arrays of one program; their definitions are added to it as they are needed."""

    def __init__(self, program: Program) -> None:
        self.base = program
        self.space = Workspace(
            program,
            FreshNames(program),
            FreshIndices(program, "h"),
            program.dtypes(),
            program.shapes(),
            Poles(program),
        )
        self.fresh = self.space.fresh
        self.index = self.space.index
        self.last: list[Statement] = []
        self.dropped: set[str] = set()
        self._look_for_poles()

    def _look_for_poles(self) -> None:
        """Notes which arrays of the program can be infinite, and where others are zero."""
        for statement in self.base.definitions:
            self.space.poles.note(statement)
            self.space.zero.note(statement)

    def expand(self, wrt: str, outputs: Sequence[str]) -> tuple[Jacobian, ...]:
        """The Jacobian of each output by one argument.

        Raises:
            DifferentiationError: a statement that an output depends on has no derivative.
        """
        space = self.space
        columns = self.index.axes(space.shapes[wrt])
        sweep = Sweep(space, wrt, columns, outputs)
        sweep.run()
        found = []
        for name in outputs:
            rows = self.index.axes(space.shapes[name])
            entries = sweep.read(name, tuple(axis.index for axis in rows))
            found.append(Jacobian(name, wrt, rows, columns, space.dtypes[name], entries))
        return tuple(found)

    def expand_hessian(
        self, pairs: Sequence[tuple[str, str]], adjoints: Mapping[str, str]
    ) -> dict[tuple[str, str], Jacobian] | None:
        """The Jacobians of adjoints by arguments as Σ Jᵀ·S·J; see `congruences`.

        Args:
            pairs: an argument whose adjoint is differentiated, and the argument it is
                differentiated by.
            adjoints: the array that each adjoint of the program belongs to.
        """
        return congruences(self.space, pairs, adjoints)

    def define(self, definition: Definition) -> None:
        """Adds a definition at the end of the program."""
        self.last.append(definition)
        self.space.dtypes[definition.name] = definition.dtype
        self.space.shapes[definition.name] = definition.shape

    def statements(self) -> tuple[Statement, ...]:
        """The base program's statements, each followed by what its Jacobians added."""
        statements: list[Statement] = list(self.space.added.get("", ()))
        for statement in self.base.definitions:
            statements.append(statement)
            statements.extend(self.space.added.get(statement.name, ()))
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
