"""Substitution of small definitions into the definitions that read them.

What is substituted: constants and multiples of one element everywhere; any short body into a
reader with the same loops, if it is read once or costs less than reading it; a guarded multiple of
one element (a triangle, a delta), or any short body under a delta, into sums that use it as a
factor, where the guard becomes a bound of the loop. Never into a larger contraction, which would
compute the body again and again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import sympy

from symgrad.program import (
    Access,
    Definition,
    DType,
    Program,
    Statement,
    Term,
    accesses,
    dependencies,
    is_floating,
    is_index,
    term_accesses,
)
from symgrad.program import functions as f
from symgrad.simplify.operations import count_functions, operations_in
from symgrad.simplify.rewriting import (
    has_pole,
    merge_terms,
    subscripts_are_legal,
    substitute_indices,
    with_definitions,
)

__all__ = ["inline_copies", "inline_definitions"]

LONGEST_BODY = 16  # operations a body may have after substitution; longer ones are hard to read
CHEAP_BODY = 3  # operations that may be computed again in every reader


@dataclass(frozen=True, slots=True)
class _Use:
    reader: Definition
    term: Term
    access: Access


def inline_definitions(program: Program) -> Program:
    """a = e; b = f(a) -> b = f(e), where that costs nothing and keeps contractions."""
    return _inline(program, copies=False)


def inline_copies(program: Program) -> Program:
    """a = c·x; b = f(a) -> b = f(c·x): constants and multiples of one element, nothing else.

    For programs that are differentiated again: values worth storing stay stored, while no
    adjoint that is a constant or a broadcast hides a structure behind its name.
    """
    return _inline(program, copies=True)


def _inline(program: Program, copies: bool) -> Program:
    uses = _collect_uses(program)
    dtypes = program.dtypes()
    slopes = frozenset(s.name for s in program.definitions if _is_slope(s))
    norms = frozenset(
        s.name
        for s in program.definitions
        if isinstance(s, Definition) and any(t.reduction == "norm" for t in s.terms)
    )
    chosen: dict[str, Definition] = {}
    kept: list[Statement] = []
    for statement in program.definitions:
        if not isinstance(statement, Definition):
            kept.append(statement)
            continue
        rewritten = _substitute_all(statement, chosen)
        candidate = rewritten.name not in program.outputs and not (
            copies and not _is_copy(rewritten)
        )
        if (
            candidate
            and _is_inlined(rewritten, uses[rewritten.name], dtypes, slopes)
            and not _squares_a_norm(rewritten, uses[rewritten.name], norms)
        ):
            chosen[rewritten.name] = rewritten
        else:
            kept.append(rewritten)
    return with_definitions(program, kept)


def _collect_uses(program: Program) -> dict[str, list[_Use]]:
    uses: dict[str, list[_Use]] = defaultdict(list)
    others = [s for s in program.definitions if not isinstance(s, Definition)]
    blocked = {name for statement in others for name in dependencies(statement)}
    for statement in program.definitions:
        if isinstance(statement, Definition):
            for term in statement.terms:
                for access in term_accesses(term):
                    uses[access.name].append(_Use(statement, term, access))
    for name in blocked:
        uses[name] = []
    return uses


def _is_slope(statement: Statement) -> bool:
    """Whether it is the derivative of a tanh, which stands beside it in one loop."""
    return isinstance(statement, Definition) and any(
        isinstance(term.body, f.sech_squared) for term in statement.terms
    )


def _is_inlined(
    definition: Definition, uses: list[_Use], dtypes: dict[str, DType], slopes: frozenset[str]
) -> bool:
    if not uses or len(definition.terms) != 1:
        return False
    (term,) = definition.terms
    if definition.name in slopes:
        return False
    if not all(_keeps_subscripts(definition, term, use) for use in uses):
        return False
    exact = not accesses(term.body)
    if term.axes or not (exact or all(_same_arithmetic(definition, use) for use in uses)):
        return False
    trivial = _is_monomial(term.body)
    if term.guards:
        if not all(_is_factor(use) for use in uses):
            return False
        return trivial or _is_power(term.body) or _is_cheap_delta(term, uses)
    if trivial:
        return all(_may_replace(term.body, use) for use in uses)
    operations, functions = operations_in(term.body), count_functions(term.body)
    if not all(_same_loops(use) for use in uses):
        return False
    if len(uses) == 1:
        return operations + operations_in(uses[0].term.body) <= LONGEST_BODY
    if any(access.name in slopes for access in accesses(term.body)):
        return False  # an array less to read, if its product with the adjoint is stored
    return functions == 0 and operations <= CHEAP_BODY


def _squares_a_norm(definition: Definition, uses: list[_Use], norms: frozenset[str]) -> bool:
    """Whether a reader would divide by a norm twice: 1/norm² leaves the range of numbers early."""
    divisors = _norms_below(definition.terms[0].body, norms)
    return any(divisors & _norms_below(use.term.body, norms) for use in uses)


def _norms_below(body: sympy.Expr, norms: frozenset[str]) -> frozenset[str]:
    return frozenset(
        access.name
        for power in body.atoms(sympy.Pow)
        if power.exp.is_negative
        for access in accesses(power.base)
        if access.name in norms
    )


def _is_cheap_delta(term: Term, uses: list[_Use]) -> bool:
    """Whether an equality leaves one run of a loop in each reader, and a short body for it."""
    if not any(guard.relation == "==" for guard in term.guards):
        return False
    if not all(_same_loops(use) for use in uses):
        return False
    operations = operations_in(term.body)
    if len(uses) == 1:
        return operations + operations_in(uses[0].term.body) <= LONGEST_BODY
    return count_functions(term.body) == 0 and operations <= 2 * CHEAP_BODY


def _is_copy(definition: Definition) -> bool:
    return len(definition.terms) == 1 and _is_monomial(definition.terms[0].body)


def _same_arithmetic(definition: Definition, use: _Use) -> bool:
    """Whether the reader computes in the type in which the definition would be rounded."""
    if not is_floating(definition.dtype):
        # b^k of integers is exact and wraps; pow of floats rounds, and takes negative exponents.
        return use.reader.dtype == definition.dtype or not _has_open_power(definition)
    return use.reader.dtype == definition.dtype or use.reader.dtype in ("bool", "int64")


def _has_open_power(definition: Definition) -> bool:
    """Whether an exponent is no number."""
    return any(
        not power.args[1].is_number
        for term in definition.terms
        for power in term.body.atoms(sympy.Pow, f.power)
    )


def _is_monomial(body: sympy.Expr) -> bool:
    """A number, or one element times numbers and sizes."""
    found = accesses(body)
    if not found:
        return operations_in(body) <= CHEAP_BODY
    outermost = [factor for factor in sympy.Mul.make_args(body) if factor.has(Access)]
    return len(outermost) == 1 and isinstance(outermost[0], Access)


def _keeps_subscripts(definition: Definition, term: Term, use: _Use) -> bool:
    """Whether x[2·k] read at an element k = e[i] stays legal: 2·e[i] is no subscript."""
    if not any(subscript.has(Access) for subscript in use.access.subscripts):
        return True
    if term.guards:
        return False
    return subscripts_are_legal(substitute_indices(term.body, definition, use.access))


def _is_power(body: sympy.Expr) -> bool:
    """A positive power of one element."""
    return bool(
        body.is_Pow and isinstance(body.base, Access) and body.exp.is_Integer and body.exp > 0
    )


def _may_replace(body: sympy.Expr, use: _Use) -> bool:
    """An element that stands in a subscript can only become another element or an index."""
    if not accesses(body) and has_pole(use.term.body.xreplace({use.access: body})):
        return False
    inside = [a for a in accesses(use.term.body) if use.access in accesses(a) and a != use.access]
    in_guard = any(
        guard.left.has(use.access) or guard.right.has(use.access) for guard in use.term.guards
    )
    plain = isinstance(body, Access) or is_index(body)
    return plain or not (inside or in_guard)


def _same_loops(use: _Use) -> bool:
    """Whether the access visits each element once in each run of the reader's loops."""
    if use.term.reduction != "sum":
        return False
    loops = {axis.index for axis in use.reader.axes + use.term.axes}
    subscripts = use.access.subscripts
    return len(subscripts) == len(loops) and set(subscripts) == loops


def _is_factor(use: _Use) -> bool:
    """Whether the access is a factor of the term's body, so that its guard can be the term's.

    A positive power is one too: ([g]·x)² = [g]·x².
    """
    if use.term.reduction != "sum":
        return False
    if any(g.left.has(use.access) or g.right.has(use.access) for g in use.term.guards):
        return False
    return all(_occurs_as_factor(part, use.access) for part in sympy.Add.make_args(use.term.body))


def _occurs_as_factor(part: sympy.Expr, access: Access) -> bool:
    if not part.has(access):
        return True
    holding = [factor for factor in sympy.Mul.make_args(part) if factor.has(access)]
    if len(holding) != 1:
        return False
    (factor,) = holding
    power = factor.is_Pow and factor.base == access and factor.exp.is_Integer and factor.exp > 0
    return factor == access or bool(power)


def _substitute_all(definition: Definition, chosen: dict[str, Definition]) -> Definition:
    """The definition with every access to a chosen one replaced by its body."""
    if not chosen:
        return definition
    terms: list[Term] = []
    for term in definition.terms:
        terms.extend(_substitute(term, chosen))
    if tuple(terms) == definition.terms:
        return definition
    return replace(definition, terms=merge_terms(terms))


def _substitute(term: Term, chosen: dict[str, Definition]) -> list[Term]:
    found = [a for a in term_accesses(term) if a.name in chosen]
    if not found:
        return [term]
    access = found[-1]  # the innermost: subscripts before the elements they select
    source = chosen[access.name]
    (inner,) = source.terms
    body = substitute_indices(inner.body, source, access)
    guards = tuple(
        guard.xreplace(dict(zip(source.indices, access.subscripts, strict=True)))
        for guard in inner.guards
    )
    if not guards:
        return _substitute(term.xreplace({access: body}), chosen)
    result: list[Term] = []
    for part in sympy.Add.make_args(term.body):
        own = part.has(access)
        piece = replace(term, body=part.xreplace({access: body}))
        if own:
            piece = replace(piece, guards=(*term.guards, *guards))
        result.extend(_substitute(piece, chosen))
    return result
