"""`Rule`: a program that runs on arrays, and its vector-Jacobian product, which is a rule again.

    rule      y = x·w                      arguments x, w
    rule.vjp  x̄ = ȳ·w,  w̄ = ȳ·x           arguments x, w, y, ȳ

Derivatives of any order are the same pass run again: there is one derivative rule for each
operation, the compiler's own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from symgrad.autograd.statements import print_rule
from symgrad.autograd.support import rule_namespace
from symgrad.differentiate import pull_back
from symgrad.program import Argument, Definition, Program, Statement, dependencies
from symgrad.program import functions as f
from symgrad.schedule import freeze
from symgrad.schedule.freeze_sizes import SizeRule, freeze_sizes
from symgrad.settling import rename_reserved
from symgrad.simplify import simplify

__all__ = ["Rule", "Unread"]

Array = np.ndarray
Run = Callable[[Sequence[Any]], tuple[Array, ...]]

_WORD = re.compile(r"[A-Za-z_]\w*")
_LOCK = threading.RLock()


class Unread:
    """Stands for an argument of which a rule needs the shape only."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype


class Rule:
    """A program as a function of a list of arrays, with its derivative on demand.

    Attributes:
        program: what is computed; its arguments are in the order of the list that `run` takes.
        reads: positions of the arguments whose values are needed, not only their shapes.
        run: the compiled program; results may share memory with arguments.
    """

    __slots__ = ("_influences", "_products", "_run", "keeps_result", "program", "reads")

    def __init__(self, program: Program, *, keeps_result: bool = False) -> None:
        self.program = program
        self.keeps_result = keeps_result
        self._influences: tuple[frozenset[int], ...] | None = None
        self.reads = _read_positions(program)
        self._run: Run | None = None
        self._products: dict[tuple[int, ...], Rule] = {}

    @property
    def run(self) -> Run:
        if self._run is None:
            with _LOCK:
                if self._run is None:
                    self._run = _compile(self.program)
        return self._run

    @property
    def influences(self) -> tuple[frozenset[int], ...]:
        """For each result the positions of the arguments that it depends on."""
        if self._influences is None:
            self._influences = _influences(self.program)
        return self._influences

    def vjp(self, wrt: tuple[int, ...]) -> Rule:
        """The rule x̄_k = Σ ȳ·∂y/∂x_k for the arguments at the positions `wrt`.

        Its arguments are those of this rule, then the results, then a cotangent for each.
        """
        found = self._products.get(wrt)
        if found is None:
            with _LOCK:
                found = self._products.get(wrt)
                if found is None:
                    found = self._products[wrt] = self._derive(wrt)
        return found

    def _derive(self, wrt: tuple[int, ...]) -> Rule:
        base = simplify(self.program, inline=False).program
        names = tuple(base.arguments[k].name for k in wrt)
        gradient = pull_back(base, names)
        program = gradient.program
        dtypes, shapes = program.dtypes(), program.shapes()
        inner = [a for a in program.arguments if a.name not in gradient.cotangents]
        cotangents = [a for a in program.arguments if a.name in gradient.cotangents]
        results = [
            Argument(self._result_name(program, name), shapes[name], dtypes[name])
            for name in base.outputs
        ]
        definitions = program.definitions
        if isinstance(base.definitions[-1], Definition) and _is_tanh(base.definitions[-1]):
            definitions = tuple(_with_tanh_slope(s, self.keeps_result) for s in definitions)
        if self.keeps_result:
            known = {result.name for result in results}
            definitions = tuple(s for s in definitions if s.name not in known)
        program = replace(
            program,
            arguments=(*inner, *results, *cotangents),
            definitions=definitions,
            outputs=gradient.adjoints,
        )
        simplified = simplify(program, without={"stabilise"}).program
        return Rule(simplified)

    def _result_name(self, program: Program, name: str) -> str:
        """A result becomes an argument under its own name, or stands there unused."""
        if self.keeps_result:
            return name
        taken = {a.name for a in program.arguments} | {s.name for s in program.definitions}
        wish = f"{name}_value"
        while wish in taken:
            wish += "_"
        return wish

    def __repr__(self) -> str:
        return f"Rule({self.program.name}: {', '.join(a.name for a in self.program.arguments)})"


def _is_tanh(definition: Definition) -> bool:
    return isinstance(definition.terms[0].body, sympy.tanh)


def _with_tanh_slope(statement: Statement, keeps_result: bool) -> Statement:
    """The derivative of y = tanh(x) from y alone, as torch has it, or from x alone."""
    if not isinstance(statement, Definition):
        return statement
    found: dict[sympy.Basic, sympy.Basic] = {}
    for term in statement.terms:
        for slope in term.body.atoms(f.sech_squared):
            x, y = slope.args
            found[slope] = 1 - y**2 if keeps_result else f.sech_squared(x)
    if not found:
        return statement
    return replace(statement, terms=tuple(term.xreplace(found) for term in statement.terms))


def _read_positions(program: Program) -> frozenset[int]:
    read = {name for statement in program.definitions for name in dependencies(statement)}
    return frozenset(k for k, a in enumerate(program.arguments) if a.name in read)


def _influences(program: Program) -> tuple[frozenset[int], ...]:
    reached = {a.name: frozenset([k]) for k, a in enumerate(program.arguments)}
    for statement in program.definitions:
        found = (reached.get(name, frozenset()) for name in dependencies(statement))
        reached[statement.name] = frozenset().union(*found)
    return tuple(reached[name] for name in program.outputs)


# --- compilation -------------------------------------------------------------------------------


def _compile(program: Program) -> Run:
    """The program printed as a Python function of one list, and executed."""
    program = rename_reserved(program)
    frozen = freeze(program)
    helpers: dict[str, None] = {}
    body = print_rule(frozen, helpers)
    shapes = program.shapes()
    returned = [name if shapes[name] else f"{name}.reshape(())" for name in program.outputs]
    positions = {a.name: k for k, a in enumerate(program.arguments)}
    words = set(_WORD.findall("\n".join(line for line in body if not line.startswith("#"))))
    lines = [f"{a.name} = _arguments[{k}]" for a, k in _used(program, words)]
    lines += _size_lines(freeze_sizes(program.name, program.arguments), positions, words)
    lines += [*body, f"return ({', '.join(returned)},)"]
    namespace = rule_namespace(helpers)
    for constant in program.constants:
        namespace[constant.name] = constant.array()
    text = "def rule(_arguments):\n" + "\n".join(f"    {line}" for line in lines)
    exec(compile(text, f"<rule {program.name}>", "exec"), namespace)
    function: Run = namespace["rule"]
    function.__doc__ = text
    return function


def _used(program: Program, words: set[str]) -> list[tuple[Argument, int]]:
    return [(a, k) for k, a in enumerate(program.arguments) if a.name in words]


def _size_lines(rules: Sequence[SizeRule], positions: dict[str, int], words: set[str]) -> list[str]:
    """Assignments of the sizes that the body mentions, in an order in which they can run."""
    lines: list[str] = []
    needed = set(words)
    for rule in reversed(rules):
        if rule.kind == "check" or rule.size not in needed:
            continue
        length = f"_arguments[{positions[rule.argument]}].shape[{rule.axis}]"
        if rule.kind == "bind":
            lines.append(f"{rule.size} = {length}")
        else:
            needed.update(_WORD.findall(f"{rule.text} {rule.divisor}"))
            lines.append(f"{rule.size} = ({length} - ({rule.text})) // ({rule.divisor})")
    return lines[::-1]
