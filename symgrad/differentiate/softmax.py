"""Softmax among the definitions: p = exp(u − logsumexp(u)), whose elements add up to 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from symgrad.program import Access, Definition, Program, Statement, Term, is_floating

__all__ = ["Softmax", "find_softmax"]


@dataclass(frozen=True, slots=True)
class Softmax:
    """p = exp(u − total) with total = logsumexp_r u; `axis` is r's position among the axes of p."""

    definition: Definition
    total: Definition
    axis: int

    def position(self, name: str) -> Definition:
        """Where u is largest, along the axis that the softmax runs over."""
        (term,) = self.total.terms
        found = replace(term, reduction="argmax")
        return Definition(name, self.total.axes, "int64", (found,), self.definition.origin)

    def shift(self, name: str, adjoint: Definition, position: Definition) -> Definition:
        """p̄[o,r] − p̄[o,position[o]]."""
        own = self.definition.indices
        outer = own[: self.axis] + own[self.axis + 1 :]
        place = Access(position.name, *outer)
        there = Access(adjoint.name, *own[: self.axis], place, *own[self.axis + 1 :])
        body = Access(adjoint.name, *own) - there
        return Definition(
            name, self.definition.axes, adjoint.dtype, (Term(body),), self.definition.origin
        )


def find_softmax(statement: Statement, program: Program) -> Softmax | None:
    """The softmax that a definition computes, over one axis; None if it computes another thing."""
    if not isinstance(statement, Definition) or not is_floating(statement.dtype):
        return None
    if len(statement.terms) != 1 or statement.terms[0].axes or statement.terms[0].guards:
        return None
    body = statement.terms[0].body
    if not isinstance(body, sympy.exp):
        return None
    for part in sympy.Add.make_args(body.args[0]):
        total = _logsumexp(-part, program)
        if total is not None:
            return _matched(statement, total, -part, body.args[0] - part)
    return None


def _logsumexp(node: sympy.Expr, program: Program) -> Definition | None:
    if not isinstance(node, Access):
        return None
    for statement in program.definitions:
        if statement.name == node.name:
            if not isinstance(statement, Definition) or len(statement.terms) != 1:
                return None
            (term,) = statement.terms
            fits = term.reduction == "logsumexp" and len(term.axes) == 1 and not term.guards
            return statement if fits else None
    return None


def _matched(
    statement: Definition, total: Definition, access: Access, exponent: sympy.Expr
) -> Softmax | None:
    """The pair as a softmax if each element of u is one of the summands, and all of them are."""
    (term,) = total.terms
    (inner,) = term.axes
    own = [a for a in statement.axes if a.index not in access.subscripts]
    outer = tuple(a.index for a in statement.axes if a.index in access.subscripts)
    if len(own) != 1 or own[0].extent != inner.extent or access.subscripts != outer:
        return None
    renamed = dict(zip(total.indices, outer, strict=True)) | {inner.index: own[0].index}
    if term.body.xreplace(renamed) != exponent:
        return None
    return Softmax(statement, total, statement.axes.index(own[0]))
