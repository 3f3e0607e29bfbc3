"""Recognition of naive spellings: what overflows or cancels is replaced by a named stable function.

Patterns are looked for across definitions: an access to an element-wise definition is seen as its
body. Each rewrite is reported with the model line it was written on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy

from symgrad.program import (
    Access,
    Definition,
    Program,
    Statement,
    Term,
    format_expression,
)
from symgrad.program import functions as f
from symgrad.program.naming import FreshNames
from symgrad.simplify.cleaning import merge_equal
from symgrad.simplify.rewriting import substitute_indices, with_definitions

__all__ = ["stabilise"]


def stabilise(program: Program) -> tuple[Program, tuple[str, ...]]:
    """The program with stable functions for naive spellings, and a note for each rewrite.

    log(1 + eᵘ) -> softplus(u) · log(1 + u) -> log1p(u) · eᵘ − 1 -> expm1(u) · 1/(1 + e⁻ᵘ) ->
    sigmoid(u) · log sigmoid(u) -> −softplus(−u) · log Σ eᵘ -> logsumexp(u) · eᵘ/Σ eᵘ ->
    exp(u − logsumexp(u)) · sqrt(Σ u²) -> norm.
    """
    program = merge_equal(program)  # exp(x) written twice is one exponential
    worker = _Stabiliser(program)
    kept: list[Statement] = []
    for statement in program.definitions:
        if isinstance(statement, Definition):
            statement = worker.rewrite(statement)
            kept.extend(worker.take_new())
        kept.append(statement)
    return with_definitions(program, kept), tuple(worker.notes)


class _Stabiliser:
    """Walks the definitions in order; `known` holds them as rewritten so far."""

    def __init__(self, program: Program) -> None:
        self.known: dict[str, Definition] = {}
        self.fresh = FreshNames(program)
        self.logsums: dict[str, str] = {}
        self.new: list[Definition] = []
        self.notes: list[str] = []
        self.rules: tuple[Callable[[sympy.Expr], sympy.Expr | None], ...] = (
            self._log_of_sum,
            self._root_of_squares,
            self._difference_from_one,
            self._ratio,
        )

    def take_new(self) -> list[Definition]:
        """Definitions added for the statement just rewritten."""
        added, self.new = self.new, []
        return added

    def rewrite(self, definition: Definition) -> Definition:
        terms = []
        for term in definition.terms:
            body = self._rewrite_expression(term.body)
            if body != term.body:
                where = f", {definition.origin}" if definition.origin else ""
                old, new = format_expression(self._spell_out(term.body)), format_expression(body)
                self.notes.append(f"stabilised: {old} → {new}{where}")
            terms.append(replace(term, body=body))
        definition = replace(definition, terms=tuple(terms))
        self.known[definition.name] = definition
        return definition

    def _rewrite_expression(self, node: sympy.Expr) -> sympy.Expr:
        if isinstance(node, Access) or not node.args:
            return node
        arguments = [self._rewrite_expression(argument) for argument in node.args]
        rebuilt = node if tuple(arguments) == node.args else node.func(*arguments)
        for rule in self.rules:
            found = rule(rebuilt)
            if found is not None:
                return found
        return rebuilt

    def _see(self, node: sympy.Expr) -> sympy.Expr:
        """An access to an element-wise definition as its body, anything else as it is."""
        if not isinstance(node, Access) or node.name not in self.known:
            return node
        definition = self.known[node.name]
        if len(definition.terms) != 1:
            return node
        (term,) = definition.terms
        if term.axes or term.guards:
            return node
        body = substitute_indices(term.body, definition, node)
        return self._see(body) if isinstance(body, Access) else body

    def _spell_out(self, node: sympy.Expr, depth: int = 2) -> sympy.Expr:
        """The expression with short element-wise definitions written out, for the notes."""
        if depth == 0:
            return node
        if isinstance(node, Access):
            seen = self._see(node)
            return node if seen == node else self._spell_out(seen, depth - 1)
        if not node.args:
            return node
        return node.func(*(self._spell_out(argument, depth) for argument in node.args))

    def _one_plus(self, node: sympy.Expr) -> sympy.Expr | None:
        """u of a node seen as 1 + u."""
        seen = self._see(node)
        if not seen.is_Add or sympy.S.One not in seen.args:
            return None
        return sympy.Add(*(part for part in seen.args if part != 1))

    def _exponent(self, node: sympy.Expr) -> sympy.Expr | None:
        """u of a node seen as exp(u)."""
        seen = self._see(node)
        return seen.args[0] if isinstance(seen, sympy.exp) else None

    def _sum_of_exponentials(self, node: sympy.Expr) -> tuple[Definition, sympy.Expr] | None:
        """The definition S and u of a node that reads S = Σ exp(u)."""
        if not isinstance(node, Access) or node.name not in self.known:
            return None
        definition = self.known[node.name]
        if len(definition.terms) != 1:
            seen = self._see(node)
            return self._sum_of_exponentials(seen) if seen != node else None
        (term,) = definition.terms
        if not term.axes:
            seen = self._see(node)
            return (
                self._sum_of_exponentials(seen)
                if isinstance(seen, Access) and seen != node
                else None
            )
        if term.reduction != "sum" or term.guards:
            return None
        exponent = self._exponent(term.body)
        return None if exponent is None else (definition, exponent)

    def _logsumexp(self, definition: Definition, exponent: sympy.Expr) -> str:
        """Name of the definition log Σ exp(u) that goes with S = Σ exp(u)."""
        if definition.name not in self.logsums:
            (term,) = definition.terms
            name = self.fresh(f"{definition.name}_log")
            added = Definition(
                name,
                definition.axes,
                definition.dtype,
                (Term(exponent, term.axes, "logsumexp"),),
                definition.origin,
            )
            self.new.append(added)
            self.known[name] = added
            self.logsums[definition.name] = name
        return self.logsums[definition.name]

    # --- rules -----------------------------------------------------------------------------

    def _log_of_sum(self, node: sympy.Expr) -> sympy.Expr | None:
        if isinstance(node, f.log1p):
            exponent = self._exponent(node.args[0])
            return None if exponent is None else f.softplus(exponent)
        if not isinstance(node, sympy.log):
            return None
        argument = node.args[0]
        seen = self._see(argument)
        if isinstance(seen, f.sigmoid):
            return -f.softplus(-seen.args[0])
        rest = self._one_plus(argument)
        if rest is not None:
            exponent = self._exponent(rest)
            return f.log1p(rest) if exponent is None else f.softplus(exponent)
        found = self._sum_of_exponentials(argument)
        if found is None:
            return None
        source = argument if argument.name == found[0].name else self._source(argument, found[0])
        return Access(self._logsumexp(*found), *source.subscripts)

    def _source(self, node: Access, definition: Definition) -> Access:
        """The access to `definition` that a chain of copies leads to."""
        while node.name != definition.name:
            body = self.known[node.name].terms[0].body
            node = substitute_indices(body, self.known[node.name], node)
        return node

    def _root_of_squares(self, node: sympy.Expr) -> sympy.Expr | None:
        """sqrt(Σ u²) has gradient 0, not 0/0, at 0."""
        if not node.is_Pow or node.exp != sympy.Rational(1, 2):
            return None
        base = node.base
        if not isinstance(base, Access) or base.name not in self.known:
            return None
        definition = self.known[base.name]
        squares = [
            self._see(part) for t in definition.terms for part in sympy.Add.make_args(t.body)
        ]
        is_square = all(s.is_Pow and s.exp == 2 for s in squares)
        reduced = any(term.axes for term in definition.terms)
        return f.norm_root(base) if squares and is_square and reduced else None

    def _difference_from_one(self, node: sympy.Expr) -> sympy.Expr | None:
        """exp(u) − 1 cancels near 0."""
        if not node.is_Add or len(node.args) != 2 or sympy.S.NegativeOne not in node.args:
            return None
        (other,) = (part for part in node.args if part != -1)
        exponent = self._exponent(other)
        return None if exponent is None else f.expm1(exponent)

    def _ratio(self, node: sympy.Expr) -> sympy.Expr | None:
        """1/(1 + eᵘ), eᵘ/(1 + eᵘ) and eᵘ/Σ eᵘ."""
        factors = list(sympy.Mul.make_args(node))
        for position, factor in enumerate(factors):
            if not factor.is_Pow or factor.exp != -1:
                continue
            others = factors[:position] + factors[position + 1 :]
            rest = self._one_plus(factor.base)
            exponent = None if rest is None else self._exponent(rest)
            if exponent is not None:
                for other in others:
                    if self._exponent(other) == exponent:
                        others.remove(other)
                        return sympy.Mul(f.sigmoid(exponent), *others)
                return sympy.Mul(f.sigmoid(-exponent), *others)
            found = self._softmax(factor.base, others)
            if found is not None:
                return found
        return None

    def _softmax(self, total: sympy.Expr, others: list[sympy.Expr]) -> sympy.Expr | None:
        found = self._sum_of_exponentials(total)
        if found is None:
            return None
        definition, _ = found
        access = total if total.name == definition.name else self._source(total, definition)
        (term,) = definition.terms
        summand = substitute_indices(term.body, definition, access)
        bound = {axis.index for axis in term.axes}
        for other in others:
            if not isinstance(other, Access) or not _same_array(other, summand, bound):
                continue
            exponent = self._exponent(other)
            if exponent is None:
                continue
            remaining = [x for x in others if x != other]
            log_total = Access(self._logsumexp(*found), *access.subscripts)
            return sympy.Mul(sympy.exp(exponent - log_total), *remaining)
        return None


def _same_array(element: Access, summand: sympy.Expr, bound: set[sympy.Symbol]) -> bool:
    """Whether the summand runs over the array of the element, along the bound indices only."""
    if not isinstance(summand, Access) or summand.name != element.name:
        return False
    pairs = zip(element.subscripts, summand.subscripts, strict=True)
    return all(a == b or b in bound for a, b in pairs)
