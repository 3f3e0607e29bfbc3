"""Programs in matrix notation: which lines to print, what to put into them, and their proof.

    z     = Xw + b
    loss  = 1/n · 1ᵀ(softplus(z) − y ⊙ z)
    w_bar = 1/n · Xᵀ(σ(Xw + b) − y)

Every line is compared with the program at random points before anyone sees it. One that has no
matrix form, or that does not agree, stays in index notation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from symgrad.explain.expressions import (
    Call,
    Matrix,
    Name,
    Softmax,
    children,
    names_in,
    size,
)
from symgrad.explain.index_layout import layout_domain, layout_left, layout_right
from symgrad.explain.layout import Layout, Variable
from symgrad.explain.matrix_layout import layout_matrix
from symgrad.explain.matrix_values import matrix_value
from symgrad.explain.operators import rebuilt
from symgrad.explain.printing import to_latex, to_mathml
from symgrad.explain.printing_text import to_text
from symgrad.explain.recognise import Form, matrix_forms
from symgrad.explain.sampling import Sample, sample_values
from symgrad.explain.tidy import tidy
from symgrad.program import (
    Definition,
    IndexCheck,
    Program,
    Statement,
    dependencies,
    format_statement,
)

__all__ = ["MOSTLY", "Line", "agrees", "matrix_lines", "matrix_text"]

# A definition is put into what reads it while the whole has at most so many parts, and while the
# parts that this repeats, in other lines, are at most so many.
_LONGEST = 14
_REPEATED = 6
# Of the lines, where matrix notation is to be readable as a whole.
MOSTLY = 2 / 3


@dataclass(frozen=True, slots=True)
class Line:
    """One formula: `name = matrix`, or where that is None, the definition in index notation.

    `nonzero` are expressions by which it divides; where one is 0, the program has 0.
    """

    name: str
    statement: Statement
    matrix: Matrix | None
    nonzero: tuple[Matrix, ...] = ()

    def sides(self) -> tuple[Layout, Layout]:
        """Left and right side."""
        if self.matrix is None:
            return layout_left(self.statement), layout_right(self.statement)
        return Variable(self.name), layout_matrix(self.matrix)

    @property
    def domain(self) -> Layout | None:
        """The ranges of indices, where there are any."""
        return layout_domain(self.statement) if self.matrix is None else None

    def text(self) -> str:
        """The line for a terminal."""
        if self.matrix is None:
            return format_statement(self.statement)
        left, right = self.sides()
        return f"{to_text(left)} = {to_text(right)}{self.note}"

    @property
    def note(self) -> str:
        """Where the program has 0 although the formula divides by 0."""
        zeros = ", ".join(f"{to_text(layout_matrix(zero))} = 0" for zero in self.nonzero)
        return f"  (0 where {zeros})" if zeros else ""

    def latex(self) -> str:
        """The line for LaTeX, aligned at the equals sign."""
        left, right = self.sides()
        return f"{to_latex(left)} &= {to_latex(right)}"

    def mathml(self) -> str:
        """The line for a page of HTML, without the `math` element."""
        left, right = self.sides()
        return f"{to_mathml(left)}<mo>=</mo>{to_mathml(right)}"


def matrix_lines(
    program: Program, points: int = 2, seed: int = 0, share: float = 0.0
) -> tuple[Line, ...]:
    """The outputs of a program in matrix notation, and what they refer to.

    Args:
        program: a program or gradient program.
        points: random points at which every formula has to agree with the program.
        seed: of the generator of points.
        share: of the lines that must have a matrix form.

    Returns:
        Lines in the order of the program. Nothing if no output has a matrix form, or too few
        lines have one.
    """
    forms = {n: Form(tidy(f.matrix), f.nonzero) for n, f in matrix_forms(program).items()}
    if not any(name in forms for name in program.outputs):
        return ()
    if len(forms) < share * sum(isinstance(s, Definition) for s in program.definitions):
        return ()  # what is put into other lines is in matrix form, so no line would be gained
    samples = sample_values(program, points, seed)
    proven = {n: form for n, form in forms.items() if agrees(n, form.matrix, samples)}
    lines = tuple(_chosen(program, proven))
    if not all(line.matrix is None or agrees(line.name, line.matrix, samples) for line in lines):
        return ()  # what was put together is wrong although its parts are right
    shown = any(line.matrix is not None for line in lines if line.name in program.outputs)
    enough = sum(line.matrix is not None for line in lines) >= share * len(lines)
    return lines if shown and enough else ()


def agrees(name: str, matrix: Matrix, samples: tuple[Sample, ...]) -> bool:
    """Whether an expression has the value of a definition at every sample, most of them finite."""
    finite = 0
    for values, sizes in samples:
        single = values[name].dtype == np.float32
        expected = np.asarray(values[name], dtype=float)
        expected = expected.reshape((*expected.shape, 1, 1)[:2]) if expected.ndim < 2 else expected
        try:
            with np.errstate(all="ignore"):
                found = np.broadcast_to(matrix_value(matrix, values, sizes), expected.shape)
        except (ValueError, KeyError):
            return False
        scale = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)))
        relative = 1e-5 if single else 1e-9
        if not np.allclose(found, expected, relative, 1e-3 * relative * scale, equal_nan=True):
            return False
        finite += int(np.isfinite(expected).sum())
    return finite > 0


def _chosen(program: Program, forms: Mapping[str, Form]) -> list[Line]:
    """Outputs with short definitions put in, then whatever they still refer to."""
    inliner = _Inliner(program, forms)
    inlined: dict[str, Form] = {}
    for statement in program.definitions:
        if statement.name in forms:
            form = inliner.run(inliner.forms[statement.name])
            inlined[statement.name] = form
            inliner.lengths[statement.name] = size(form.matrix)
    statements = {s.name: s for s in program.definitions}
    wanted = list(program.outputs)
    lines: dict[str, Line] = {}
    while wanted:
        name = wanted.pop()
        if name in lines or name not in statements:
            continue
        form_or_none = inlined.get(name)
        if form_or_none is None:
            lines[name] = Line(name, statements[name], None)
            wanted += dependencies(statements[name])
        else:
            matrix, nonzero = form_or_none.matrix, form_or_none.nonzero
            lines[name] = Line(name, statements[name], matrix, nonzero)
            wanted += [n for part in (matrix, *nonzero) for n in names_in(part)]
    kept = [lines[s.name] for s in program.definitions if s.name in lines]
    return [line for line in kept if not isinstance(line.statement, IndexCheck)]


def _readers(program: Program) -> dict[str, int]:
    """How many definitions read each name."""
    readers: dict[str, int] = {}
    for statement in program.definitions:
        for name in dependencies(statement):
            readers[name] = readers.get(name, 0) + 1
    return readers


class _Inliner:
    """f(t) with t = g becomes f(g) where g is short and t stands in one place."""

    def __init__(self, program: Program, forms: Mapping[str, Form]) -> None:
        self.forms: dict[str, Form] = {}
        for name, form in forms.items():
            self.forms[name] = self._with_softmax(form)
        self.outputs = frozenset(program.outputs)
        self.readers = _readers(program)
        self.lengths: dict[str, int] = {}

    def run(self, form: Form) -> Form:
        refused: set[str] = set()
        while True:
            names = [n for n, count in names_in(form.matrix).items() if count == 1]
            name = next((n for n in names if n in self.lengths and n not in refused), None)
            if name is None:
                return form
            tried = self._replaced(form, name)
            repeated = self.lengths[name] * (self.readers[name] - 1)
            longest = max(_LONGEST, size(form.matrix))
            kept = name in self.outputs or tried.matrix == form.matrix
            if kept or repeated > _REPEATED or size(tried.matrix) > longest:
                refused.add(name)
            else:
                form = tried

    def _with_softmax(self, form: Form) -> Form:
        """exp(z − t) with t = log(1ᵀexp(z)) becomes softmax(z), whoever else reads t."""
        for name in names_in(form.matrix):
            matrix = self.forms[name].matrix if name in self.forms else None
            if isinstance(matrix, Call) and matrix.function is sympy.log:
                tried = self._replaced(form, name)
                if _count_softmax(tried.matrix) > _count_softmax(form.matrix):
                    form = tried
        return form

    def _replaced(self, form: Form, name: str) -> Form:
        inner = self.forms[name]
        nonzero = dict.fromkeys(
            [*(_substituted(z, name, inner.matrix) for z in form.nonzero), *inner.nonzero]
        )
        return Form(tidy(_substituted(form.matrix, name, inner.matrix)), tuple(nonzero))


def _count_softmax(matrix: Matrix) -> int:
    return isinstance(matrix, Softmax) + sum(map(_count_softmax, children(matrix)))


def _substituted(matrix: Matrix, name: str, value: Matrix) -> Matrix:
    if isinstance(matrix, Name):
        return value if matrix.name == name else matrix
    if name not in names_in(matrix):
        return matrix
    return rebuilt(matrix, lambda part: _substituted(part, name, value))


def matrix_text(program: Program, mostly: bool = False) -> tuple[str, ...]:
    """The lines of `matrix_lines` as text, equals signs in one column.

    Args:
        program: a program or gradient program.
        mostly: print nothing unless two thirds of the lines have a matrix form.
    """
    lines = matrix_lines(program, share=MOSTLY if mostly else 0.0)
    pairs = [line.text().partition(" = ") for line in lines]
    width = min(24, max((len(left) for left, _, _ in pairs), default=0))
    return tuple(f"{left:<{width}} = {right}" for left, _, right in pairs)
