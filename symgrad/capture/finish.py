"""From the drafts of a capture to a program: readable names, index letters, resolved sizes."""

from __future__ import annotations

import builtins
import itertools
import keyword
from collections.abc import Iterator, Sequence
from dataclasses import replace

import sympy
from sympy.core.symbol import Str

from symgrad.capture.tracer import Draft, Tracer
from symgrad.program import (
    Argument,
    Axis,
    Constant,
    Definition,
    Guard,
    IndexCheck,
    MatrixOperation,
    Program,
    Reshape,
    Statement,
    Term,
    dependencies,
    index_symbol,
)

__all__ = ["finish_program", "finished_requirements"]

_LETTERS = "ijklmpqrstabcdefgh"
_UNIT_LETTERS = "uvwxyz"
RESERVED = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    | {"np", "numpy", "nb", "numba", "math", "prange", "njit", "scipy", "special"}
    | {"inf", "nan", "pi", "out", "accumulate", "cotangent", "cotangents", "self"}
)


def finish_program(tracer: Tracer, name: str, outputs: Sequence[str]) -> Program:
    """The program of a capture; `outputs` are provisional names of distinct statements."""
    arguments = tuple(
        Argument(a.name, tuple(map(tracer.resolve, a.shape)), a.dtype) for a in tracer.arguments
    )
    taken = {a.name for a in arguments} | _size_names(arguments)
    names = _readable_names(tracer, name, outputs, taken)
    letters = _Letters(taken | set(names.values()))
    renamed: dict[sympy.Basic, sympy.Basic] = {
        Str(provisional): Str(readable) for provisional, readable in names.items()
    }
    renamed.update(_resolved_sizes(tracer))
    finisher = _Finisher(tracer, names, renamed, letters)
    statements = tuple(finisher.statement(draft.statement) for draft in tracer.drafts.values())
    constants = _used_constants(tracer, names, statements)
    return Program(name, arguments, statements, tuple(names[o] for o in outputs), constants)


def _used_constants(
    tracer: Tracer, names: dict[str, str], statements: Sequence[Statement]
) -> tuple[Constant, ...]:
    """Array literals that a statement reads: index arrays may have become formulas."""
    if not tracer.constants:
        return ()
    read = {name for statement in statements for name in dependencies(statement)}
    named = (replace(c, name=names[c.name]) for c in tracer.constants.values())
    return tuple(constant for constant in named if constant.name in read)


def finished_requirements(tracer: Tracer) -> tuple[Guard, ...]:
    """What the model takes for granted about sizes, after sizes found equal were resolved."""
    least: dict[sympy.Expr, sympy.Expr] = {}
    for requirement in tracer.requirements:
        expression = sympy.expand(tracer.resolve(requirement))
        if not expression.is_Integer:
            constant = expression.as_coeff_Add()[0]
            rest = expression - constant
            least[rest] = max(least.get(rest, -constant), -constant)
    return tuple(Guard(bound, "<=", rest) for rest, bound in least.items())


def _size_names(arguments: Sequence[Argument]) -> set[str]:
    return {s.name for a in arguments for extent in a.shape for s in extent.free_symbols}


def _resolved_sizes(tracer: Tracer) -> dict[sympy.Basic, sympy.Basic]:
    return {symbol: tracer.resolve(symbol) for symbol in tracer.equal_sizes}


# --- names -------------------------------------------------------------------------------------


def _readable_names(
    tracer: Tracer, program: str, outputs: Sequence[str], taken: set[str]
) -> dict[str, str]:
    """A distinct readable name for every constant and statement, outputs first."""
    supply = _Names(taken)
    names: dict[str, str] = {}
    for position, provisional in enumerate(outputs):
        plain = program if len(outputs) == 1 else f"{program}_{position}"
        names[provisional] = supply.choose(tracer.drafts[provisional].hint or plain)
    for provisional, hint in tracer.constant_hints.items():
        names[provisional] = supply.choose(hint) if hint else supply.count("c")
    for provisional, draft in tracer.drafts.items():
        if provisional not in names:
            named = draft.hint
            names[provisional] = supply.choose(named) if named else supply.count(_stem(draft))
    return names


def _stem(draft: Draft) -> str:
    """The name of a result that no variable receives, without its number: sum, t."""
    statement = draft.statement
    if isinstance(statement, Definition):
        if not statement.terms:
            return "zeros"
        if not statement.terms[0].axes:
            return "t"
    return draft.operation.rpartition(".")[2]


class _Names:
    """Distinct names: z, z_2, z_3 for a variable, t1, t2, t3 for a result without one."""

    def __init__(self, taken: set[str]) -> None:
        self._used = {*taken, *RESERVED}
        self._numbers: dict[str, int] = {}

    def choose(self, wish: str) -> str:
        """The wish itself, or the wish with the next free number."""
        name = _identifier(wish)
        return self._first_free(name, f"{name}_", 1)

    def count(self, stem: str) -> str:
        """The stem with the next free number."""
        return self._first_free("", stem, 0)

    def _first_free(self, name: str, stem: str, last: int) -> str:
        while not name or name in self._used:
            self._numbers[stem] = self._numbers.get(stem, last) + 1
            name = f"{stem}{self._numbers[stem]}"
        self._used.add(name)
        return name


def _identifier(wish: str) -> str:
    """The wish without underscores around it; `_` alone and `_1` are no names."""
    plain = wish.strip("_")
    return plain if plain.isidentifier() else "t"


# --- index letters -----------------------------------------------------------------------------


class _Letters:
    """Index letters by extent, so that the same axis reads the same in every formula."""

    def __init__(self, taken: set[str]) -> None:
        self._supply = self._free_letters(_LETTERS, taken | RESERVED)
        self._unit_supply = self._free_letters(_UNIT_LETTERS, taken | RESERVED)
        self._by_extent: dict[sympy.Expr, list[sympy.Symbol]] = {}

    @staticmethod
    def _free_letters(letters: str, taken: set[str]) -> Iterator[sympy.Symbol]:
        for number in itertools.count():
            for letter in letters:
                name = f"{letter}{number}" if number else letter
                if name not in taken:
                    yield index_symbol(name)

    def choose(self, extent: sympy.Expr, used: set[sympy.Symbol]) -> sympy.Symbol:
        """The first letter of this extent that is not in use yet."""
        letters = self._by_extent.setdefault(extent, [])
        for letter in letters:
            if letter not in used:
                used.add(letter)
                return letter
        letter = next(self._unit_supply if extent == 1 else self._supply)
        letters.append(letter)
        used.add(letter)
        return letter


class _Finisher:
    """Rewrites drafts: one xreplace per term, whatever the length of the program."""

    def __init__(
        self,
        tracer: Tracer,
        names: dict[str, str],
        renamed: dict[sympy.Basic, sympy.Basic],
        letters: _Letters,
    ) -> None:
        self.tracer = tracer
        self.names = names
        self.renamed = renamed
        self.letters = letters

    def statement(self, statement: Statement) -> Statement:
        if isinstance(statement, Definition):
            return self.definition(statement)
        name = self.names[statement.name]
        shape = tuple(map(self.tracer.resolve, statement.shape))
        if isinstance(statement, MatrixOperation):
            operands = tuple(map(self._name, statement.operands))
            return replace(statement, name=name, operands=operands, shape=shape)
        source = self._name(statement.source)
        if isinstance(statement, Reshape):
            return replace(statement, name=name, source=source, shape=shape)
        assert isinstance(statement, IndexCheck)
        return replace(
            statement,
            name=name,
            source=source,
            shape=shape,
            array=self._name(statement.array),
            extent=self.tracer.resolve(statement.extent),
        )

    def _name(self, name: str) -> str:
        return self.names.get(name, name)

    def definition(self, definition: Definition) -> Definition:
        used: set[sympy.Symbol] = set()
        indices: dict[sympy.Basic, sympy.Basic] = {}
        axes = self._axes(definition.axes, used, indices)
        terms = tuple(self._term(term, used, indices) for term in definition.terms)
        return replace(definition, name=self.names[definition.name], axes=axes, terms=terms)

    def _axes(
        self,
        axes: tuple[Axis, ...],
        used: set[sympy.Symbol],
        indices: dict[sympy.Basic, sympy.Basic],
    ) -> tuple[Axis, ...]:
        named = []
        for axis in axes:
            extent = self.tracer.resolve(axis.extent)
            letter = self.letters.choose(extent, used)
            indices[axis.index] = letter
            named.append(Axis(letter, extent))
        return tuple(named)

    def _term(
        self,
        term: Term,
        used: set[sympy.Symbol],
        indices: dict[sympy.Basic, sympy.Basic],
    ) -> Term:
        own_used, own = set(used), dict(indices)
        axes = self._axes(term.axes, own_used, own)
        self.renamed.update(own)  # every index of the term is in it: older entries do no harm
        return replace(term.xreplace(self.renamed), axes=axes)
