"""Reverse mode: from a program to the program that also computes its vector-Jacobian products."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from symgrad.differentiate.linearise import Partial, linearise
from symgrad.differentiate.masks import (
    ZeroMasks,
    absorbing,
    both_masks,
    combine_masks,
    is_everywhere,
    pull_selection,
)
from symgrad.differentiate.matrices import MatrixRules
from symgrad.differentiate.poles import Poles
from symgrad.differentiate.scalar import can_overflow, is_total
from symgrad.differentiate.softmax import Softmax, find_softmax
from symgrad.differentiate.transpose import transpose
from symgrad.errors import DifferentiationError
from symgrad.program import (
    Access,
    Argument,
    Axis,
    Definition,
    IndexCheck,
    MatrixOperation,
    Origin,
    Program,
    Reshape,
    Statement,
    Term,
    accesses,
    dependencies,
    is_floating,
    verify,
)
from symgrad.program import functions as f
from symgrad.program.naming import FreshIndices, FreshNames

__all__ = ["Gradient", "pull_back"]


@dataclass(frozen=True, slots=True)
class Gradient:
    """A program with adjoints: its outputs are the primal's, followed by one adjoint per `wrt`.

    `belongs` names each adjoint and the array that it is the adjoint of.
    """

    program: Program
    values: tuple[str, ...]
    wrt: tuple[str, ...]
    adjoints: tuple[str, ...]
    cotangents: tuple[str, ...]
    belongs: tuple[tuple[str, str], ...] = ()


def pull_back(program: Program, wrt: tuple[str, ...], *, unit_seed: bool = False) -> Gradient:
    """The vector-Jacobian product x̄ = Σ_Y Ȳ·∂Y/∂x of every output Y, for each x in `wrt`.

    Args:
        program: what is differentiated.
        wrt: names of floating arguments.
        unit_seed: take Ȳ = 1 for the only, 0-d output, instead of a cotangent argument.

    Raises:
        DifferentiationError: `wrt` names something that cannot be differentiated by, an output
            is not floating, or a statement has no rule.
    """
    return _ReverseSweep(program, wrt, unit_seed).run()


class _ReverseSweep:
    """State of one backward walk over the definitions."""

    def __init__(self, program: Program, wrt: tuple[str, ...], unit_seed: bool) -> None:
        self.program = program
        self.wrt = wrt
        self.unit_seed = unit_seed
        self.dtypes = program.dtypes()
        self.shapes = program.shapes()
        self.fresh = FreshNames(program)
        self.index = FreshIndices(program, "u")
        self.active = _active(program, wrt)
        self.target_axes: dict[str, tuple[Axis, ...]] = {
            s.name: s.axes for s in program.definitions if isinstance(s, Definition)
        }
        self.contributions: dict[str, list[tuple[Term, sympy.Expr | None]]] = {}
        self.masks: dict[str, sympy.Expr | None] = {}
        self.zero = ZeroMasks()
        self.poles = Poles(program)
        self.overflowing = _overflowing(program)
        self.vanishing: set[str] = set()  # arrays of which the adjoint can be 0 by rounding
        self.auxiliary: dict[str, tuple[Definition, ...]] = {}
        self.adjoints: list[Statement] = []
        self.belongs: dict[str, str] = {}

    def run(self) -> Gradient:
        self._check()
        for statement in self.program.definitions:
            self.zero.note(statement)
            self.poles.note(statement)
        cotangents = self._seed()
        for statement in reversed(self.program.definitions):
            if statement.name in self.contributions and statement.name in self.active:
                self._step(statement)
        names = tuple(self._close_adjoint(name, None).name for name in self.wrt)
        forward: list[Statement] = []
        for statement in self.program.definitions:
            forward.append(statement)
            forward.extend(self.auxiliary.get(statement.name, ()))
        result = Program(
            self.program.name,
            (*self.program.arguments, *cotangents),
            (*forward, *self.adjoints),
            (*self.program.outputs, *names),
            self.program.constants,
        )
        return Gradient(
            verify(result),
            self.program.outputs,
            self.wrt,
            names,
            tuple(c.name for c in cotangents),
            tuple(self.belongs.items()),
        )

    def _check(self) -> None:
        arguments = {a.name: a for a in self.program.arguments}
        for name in self.wrt:
            if name not in arguments:
                raise DifferentiationError(
                    f"cannot differentiate '{self.program.name}' by '{name}': "
                    f"its arguments are {', '.join(arguments)}"
                )
            if not is_floating(arguments[name].dtype):
                raise DifferentiationError(
                    f"cannot differentiate '{self.program.name}' by '{name}': it holds "
                    f"{arguments[name].dtype}; only floating arguments have a gradient"
                )
        if self.unit_seed and (
            len(self.program.outputs) != 1 or self.shapes[self.program.outputs[0]]
        ):
            raise DifferentiationError(
                f"'{self.program.name}' is not a single 0-d value: use its vector-Jacobian product"
            )

    def _seed(self) -> tuple[Argument, ...]:
        """The first contribution to each output: 1, or a cotangent argument."""
        arguments = []
        for name in self.program.outputs:
            if not is_floating(self.dtypes[name]):
                continue
            if self.unit_seed:
                self._contribute(name, Term(sympy.S.One))
                continue
            argument = Argument(
                self.fresh(f"{name}_cotangent"), self.shapes[name], self.dtypes[name]
            )
            arguments.append(argument)
            indices = (axis.index for axis in self._axes(name))
            self._contribute(name, Term(Access(argument.name, *indices)))
        return tuple(arguments)

    def _axes(self, name: str) -> tuple[Axis, ...]:
        """The axes in which the adjoint of an array is written: its own, if it is a definition."""
        if name not in self.target_axes:
            self.target_axes[name] = self.index.axes(self.shapes[name])
        return self.target_axes[name]

    def _contribute(self, name: str, term: Term, mask: sympy.Expr | None = None) -> None:
        if term.body != 0:
            self.contributions.setdefault(name, []).append((term, mask))

    def _close_adjoint(self, name: str, origin: Origin | None) -> Definition:
        """The adjoint of an array: the sum of all contributions to it."""
        contributions = self.contributions.get(name, ())
        adjoint = Definition(
            self.fresh(f"{name}_bar"),
            self._axes(name),
            self.dtypes[name],
            tuple(term for term, _ in contributions),
            origin,
        )
        self.masks[adjoint.name] = combine_masks(
            mask if mask is not None and is_everywhere(mask, term, adjoint) else None
            for term, mask in contributions
        )
        if self.masks[adjoint.name] is None and all(mask is not None for _, mask in contributions):
            self.vanishing.add(name)  # 0 where masks that cannot be added say so
        self.adjoints.append(adjoint)
        self.belongs[adjoint.name] = name
        return adjoint

    def _step(self, statement: Statement) -> None:
        adjoint = self._close_adjoint(statement.name, statement.origin)
        if isinstance(statement, Reshape):
            back = Reshape(
                self.fresh(f"{statement.source}_bar"),
                self.shapes[statement.source],
                statement.dtype,
                adjoint.name,
                statement.origin,
            )
            self.adjoints.append(back)
            indices = (axis.index for axis in self._axes(statement.source))
            self._contribute(statement.source, Term(Access(back.name, *indices)))
            if statement.name in self.vanishing or self.masks[adjoint.name] is not None:
                self.vanishing.add(statement.source)
            return
        if isinstance(statement, MatrixOperation):
            rules = MatrixRules(statement, self.shapes, self.fresh, self.index)
            for name, term in rules.pull_back(adjoint.name, self.active, self._axes):
                self._contribute(name, term)
                if statement.name in self.vanishing:
                    self.vanishing.add(name)
            self.adjoints.extend(rules.statements)
            return
        if isinstance(statement, IndexCheck):
            raise DifferentiationError(f"'{statement.name}' holds indices and has no derivative")
        linear = linearise(statement, self.dtypes, self.active, self.fresh)
        for helper in linear.auxiliary:
            self.dtypes[helper.name] = helper.dtype
        self.auxiliary[statement.name] = linear.auxiliary
        softmax = find_softmax(statement, self.program)
        if softmax is not None:
            adjoint = self._shift_adjoint(statement, adjoint, softmax)
        for partial in linear.partials:
            infinite = partial.access.name in self.overflowing and partial.coefficient.has(
                partial.access
            )
            total = partial.total or self._is_total(partial.coefficient)
            bounded = softmax is not None or (total and not infinite)
            self._transpose(statement, adjoint, partial, bounded)

    def _is_total(self, coefficient: sympy.Expr) -> bool:
        """Whether a coefficient is finite although it divides: by what is never near zero."""
        plain = self.poles.floors.without_divisions(coefficient)
        ordinary = all(access.name not in self.overflowing for access in accesses(plain))
        return plain != coefficient and ordinary and is_total(plain)

    def _shift_adjoint(
        self, statement: Definition, adjoint: Definition, softmax: Softmax
    ) -> Definition:
        """p̄ less its value at the largest p: Σ p = 1, so that a constant has no effect.

        Where p is nearly 1 what is left does not cancel: (p̄ₘ − Σ p·p̄) would.
        """
        position = softmax.position(self.fresh(f"{softmax.total.name}_argmax"))
        self.dtypes[position.name] = position.dtype
        self.auxiliary[statement.name] = (*self.auxiliary[statement.name], position)
        shifted = softmax.shift(self.fresh(f"{adjoint.name}_shift"), adjoint, position)
        self.masks[shifted.name] = None
        self.adjoints.append(shifted)
        return shifted

    def _is_weighted(self, coefficient: sympy.Expr) -> bool:
        """Whether data that is not differentiated is a factor: weights and masks can be 0."""
        return any(
            isinstance(factor, Access) and factor.name not in self.active
            for factor in sympy.Mul.make_args(coefficient)
        )

    def _transpose(
        self, definition: Definition, adjoint: Definition, partial: Partial, bounded: bool
    ) -> None:
        loops = definition.axes + partial.axes
        target = self._axes(partial.access.name)
        kept = _matched_loops(partial.access, loops, target)
        renamed = {a.index: kept.get(a.index) or self.index() for a in loops}
        indices = tuple(renamed[index] for index in definition.indices)
        changes = {old: new for old, new in renamed.items() if old != new}
        coefficient = partial.coefficient.xreplace(changes) if changes else partial.coefficient
        read = Access(adjoint.name, *indices)
        vanishing = definition.name in self.vanishing
        if vanishing or partial.vanishing or self._is_weighted(coefficient):
            self.vanishing.add(partial.access.name)
        if vanishing and not bounded and not partial.axes:
            body = absorbing(read, coefficient)
        else:
            body = pull_selection(read * coefficient)
        mask = self.masks[adjoint.name]
        if mask is not None:
            mask = mask.xreplace(dict(zip(adjoint.indices, indices, strict=True)))
        own_mask = self.zero.of((coefficient,))
        term = transpose(
            tuple(s.xreplace(renamed) for s in partial.access.subscripts),
            target,
            tuple(Axis(renamed[a.index], a.extent) for a in loops if a.index not in kept),
            _Masked.pack(body, both_masks(mask, own_mask)),
            tuple(guard.xreplace(renamed) for guard in partial.guards),
        )
        if any(guard.relation == "==" for guard in term.guards):
            self.vanishing.add(partial.access.name)  # elements that nothing reads
        body, carried = _Masked.unpack(term.body)
        if mask is not None and not (partial.total and self.poles.is_finite(coefficient)):
            body = f.select(carried, body, sympy.S.Zero)
        self._contribute(partial.access.name, replace(term, body=body), carried)


class _Masked(sympy.Function):
    """A body with its mask, so that both are rewritten together when the index map is inverted."""

    nargs = 2

    @classmethod
    def pack(cls, body: sympy.Expr, mask: sympy.Expr | None) -> sympy.Expr:
        return body if mask is None else cls(body, mask)

    @classmethod
    def unpack(cls, packed: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr | None]:
        return packed.args if isinstance(packed, cls) else (packed, None)


def _matched_loops(
    access: Access, loops: tuple[Axis, ...], target: tuple[Axis, ...]
) -> dict[sympy.Symbol, sympy.Symbol]:
    """Loops that run along an axis of the array as they are: these take the axis's index."""
    extents = {axis.index: axis.extent for axis in loops}
    matched: dict[sympy.Symbol, sympy.Symbol] = {}
    for subscript, axis in zip(access.subscripts, target, strict=True):
        if extents.get(subscript) == axis.extent and subscript not in matched:
            matched[subscript] = axis.index
    return matched


def _overflowing(program: Program) -> frozenset[str]:
    """Arrays that can be infinite although the arguments are finite, by exponentials and powers."""
    found: set[str] = set()
    for statement in program.definitions:
        if isinstance(statement, Reshape):
            infinite = statement.source in found
        else:
            terms = statement.terms if isinstance(statement, Definition) else ()
            infinite = any(can_overflow(term.body, found) for term in terms if not term.axes)
        if infinite:
            found.add(statement.name)
    return frozenset(found)


def _active(program: Program, wrt: tuple[str, ...]) -> frozenset[str]:
    """Arrays whose value depends on a `wrt` argument through floating values only."""
    active = set(wrt)
    for statement in program.definitions:
        if is_floating(statement.dtype) and any(n in active for n in dependencies(statement)):
            active.add(statement.name)
    return frozenset(active)
