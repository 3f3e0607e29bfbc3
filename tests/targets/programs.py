"""Random programs as the text of a model function, for hypothesis.

A program is a list of lines `t3 = np.tanh(t1)` over arguments of symbolic sizes n and d. Every
value carries its symbolic shape, so that only legal operations are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import sympy
from hypothesis import strategies as st

__all__ = ["ARGUMENTS", "RandomProgram", "programs"]

Shape = tuple[sympy.Expr, ...]
Draw = Callable[[st.SearchStrategy], object]

N, D = sympy.symbols("n d", integer=True, positive=True)
ONE = sympy.S.One
# Extents are compared at the smallest sizes the tests use.
SMALLEST = {N: 3, D: 2}
LARGEST_RANK = 3
ARGUMENTS = {
    "x": ("f64[n]", (N,)),
    "y": ("f64[d]", (D,)),
    "A": ("f64[n, d]", (N, D)),
    "B": ("f64[d, d]", (D, D)),
    "s": ("f64[]", ()),
    "i": ("i64[4]", None),
}

UNARY = (
    "np.tanh({0})",
    "np.sin({0})",
    "np.exp(-{0} * {0})",
    "np.log(1 + np.exp({0}))",
    "np.sqrt(1 + {0}**2)",
    "1 / (1 + np.exp(-{0}))",
    "np.arctan({0})",
    "np.log1p({0} * {0})",
    "np.expm1(0.5 * {0})",
    "0.5 * {0}**3",
    "np.abs({0})",
    "np.clip({0}, -0.4, 0.6)",
    "np.where({0} > 0.1, {0}, 0.2 * {0})",
    "np.where({0} > 0, np.sqrt(np.maximum({0}, 1e-9)), 0.0)",
    "special.erf({0})",
    "special.log_ndtr({0})",
    "({0} - 0.3) / 1.7",
    "-{0}",
    "np.flip({0})",
    "np.ones({0}.shape) + {0}",
)
BINARY = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "{0} / (1.5 + {1} * {1})",
    "np.maximum({0}, {1})",
    "np.minimum({0}, {1})",
    "np.hypot({0}, 1 + {1})",
    "np.arctan2({0}, 2 + {1} * {1})",
    "np.logaddexp({0}, {1})",
    "np.where({0} > {1}, {0} * {1}, {0} - {1})",
    "(1.2 + {0} * {0}) ** {1}",
)
REDUCTIONS = ("np.sum", "np.mean", "np.max", "np.min", "np.prod", "np.var", "special.logsumexp")


@dataclass(slots=True)
class RandomProgram:
    """The lines of a program, and the shape of every value they define."""

    lines: list[str] = field(default_factory=list)
    values: dict[str, Shape] = field(default_factory=dict)
    result: str = ""

    @property
    def text(self) -> str:
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def f({', '.join(ARGUMENTS)}):\n{body}    return {self.result}\n"

    def define(self, text: str, shape: Shape) -> None:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.values[name] = shape


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The shape of a + b; None if they do not fit for every size."""
    width = max(len(a), len(b))
    pairs = zip((ONE,) * (width - len(a)) + a, (ONE,) * (width - len(b)) + b, strict=True)
    shape = []
    for left, right in pairs:
        if left != right and ONE not in (left, right):
            return None
        shape.append(right if left == 1 else left)
    return tuple(shape)


def _long(extent: sympy.Expr, least: int = 2) -> bool:
    return int(extent.xreplace(SMALLEST)) >= least


@st.composite
def programs(draw: Draw, most: int = 12) -> RandomProgram:
    """A program of 1 to `most` operations; its result reads the last value."""
    program = RandomProgram(
        values={name: shape for name, (_, shape) in ARGUMENTS.items() if shape is not None}
    )
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(_KINDS))
        # Recent values are likelier, so that programs are deep and not only wide.
        names = list(program.values)
        pool = names + 6 * names[len(ARGUMENTS) - 1 :][-3:]
        name = draw(st.sampled_from(pool))
        kind(draw, program, name)
    last = list(program.values)[-1]
    unused = [n for n in program.values if n.startswith("t") and _uses(program, n) == 1]
    for name in unused[:-1]:
        # Nothing is dead: what no operation reads goes into the result.
        program.lines.append(f"{last} = {last} + 0.1 * np.sum({name})")
    program.result = draw(
        st.sampled_from([last, f"np.sum({last} * {last})", f"np.mean({last}), {last}"])
    )
    return program


def _uses(program: RandomProgram, name: str) -> int:
    return sum(len(re.findall(rf"\b{name}\b", line)) for line in program.lines)


def _unary(draw: Draw, program: RandomProgram, name: str) -> None:
    program.define(draw(st.sampled_from(UNARY)).format(name), program.values[name])


def _binary(draw: Draw, program: RandomProgram, name: str) -> None:
    fitting = {}
    for other, shape in program.values.items():
        joint = broadcast(program.values[name], shape)
        if joint is not None and len(joint) <= LARGEST_RANK:
            fitting[other] = joint
    other = draw(st.sampled_from(list(fitting)))
    text = draw(st.sampled_from(BINARY))
    first, second = draw(st.permutations([name, other]))
    program.define(text.format(first, second), fitting[other])


def _reduction(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    if not shape:
        return _unary(draw, program, name)
    function = draw(st.sampled_from(REDUCTIONS))
    rank = len(shape)
    axes = draw(st.sampled_from([None, *((k,) for k in range(rank)), tuple(range(rank))[-2:]]))
    if function == "np.prod" and axes is not None:
        axes = axes[:1]
    keep = draw(st.booleans())
    gone = range(rank) if axes is None else axes
    left = tuple(
        ONE if k in gone else extent for k, extent in enumerate(shape) if keep or k not in gone
    )
    axis = axes if axes is None or len(axes) > 1 else axes[0]
    program.define(f"{function}({name}, axis={axis}, keepdims={keep})", left)
    return None


def _contraction(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    found = []
    for other, right in program.values.items():
        if len(shape) == 2 and len(right) == 2 and shape[1] == right[0]:
            found.append((f"{name} @ {other}", (shape[0], right[1])))
        if len(shape) == 2 and len(right) == 1 and shape[1] == right[0]:
            found.append((f"{name} @ {other}", (shape[0],)))
        if len(shape) == 1 and len(right) == 2 and shape[0] == right[0]:
            found.append((f"{name} @ {other}", (right[1],)))
        if len(shape) == 1 and shape == right:
            found.append((f"{name} @ {other}", ()))
        if len(shape) == 2 and len(right) == 2 and shape[1] == right[1]:
            found.append((f"np.einsum('ij,kj->ik', {name}, {other})", (shape[0], right[0])))
            if shape == right:
                found.append((f"np.einsum('ij,ij->i', {name}, {other})", shape[:1]))
        if len(shape) == 1 and len(right) == 1:
            found.append((f"np.outer({name}, {other})", (shape[0], right[0])))
    if not found:
        return _unary(draw, program, name)
    text, result = draw(st.sampled_from(found))
    # Contractions grow; the factor keeps chains of them in range.
    program.define(f"0.5 * ({text})", result)
    return None


def _shaping(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    found: list[tuple[str, Shape]] = [(f"np.atleast_1d({name})", shape or (ONE,))]
    if len(shape) < LARGEST_RANK:
        found.append((f"{name}[None]", (ONE, *shape)))
        found.append((f"{name}[..., None]", (*shape, ONE)))
    if len(shape) >= 2:
        found.append((f"{name}.T", shape[::-1]))
        found.append((f"np.reshape({name}, -1)", (sympy.expand(sympy.Mul(*shape)),)))
        found.append((f"np.swapaxes({name}, 0, 1)", (shape[1], shape[0], *shape[2:])))
    for axis, extent in enumerate(shape):
        rest = (*shape[:axis], *shape[axis + 1 :])
        if extent == 1:
            found.append((f"np.squeeze({name}, axis={axis})", rest))
        found.append((f"np.cumsum({name}, axis={axis})", shape))
        found.append((f"np.roll({name}, 1, axis={axis})", shape))
        found.append((f"np.repeat({name}, 2, axis={axis})", _with(shape, axis, 2 * extent)))
    if shape:
        padded = f"np.pad({name}, ((1, 2),{' (0, 0),' * (len(shape) - 1)}))"
        found.append((padded, _with(shape, 0, shape[0] + 3)))
    program.define(*draw(st.sampled_from(found)))


def _with(shape: Shape, axis: int, extent: sympy.Expr) -> Shape:
    return (*shape[:axis], sympy.expand(extent), *shape[axis + 1 :])


def _slicing(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    found: list[tuple[str, Shape]] = []
    for axis, extent in enumerate(shape):
        rest = (*shape[:axis], *shape[axis + 1 :])
        before = ":, " * axis
        found.append((f"{name}[{before}0]", rest))
        found.append((f"{name}[{before}-1]", rest))
        found.append((f"{name}[{before}::-1]", shape))
        if _long(extent):
            shorter = _with(shape, axis, extent - 1)
            found.append((f"{name}[{before}1:]", shorter))
            found.append((f"{name}[{before}:-1]", shorter))
            found.append((f"np.diff({name}, axis={axis})", shorter))
            found.append(
                (f"{name}[{before}1:] * {name}[{before}:-1]", shorter),
            )
            half = sympy.floor((extent + 1) / 2)
            if extent.is_Symbol:
                found.append((f"{name}[{before}::2]", (*shape[:axis], half, *shape[axis + 1 :])))
    if len(shape) == 2:
        found.append((f"np.tril({name})", shape))
        found.append((f"np.diagonal({name}[:2, :2])", (sympy.Integer(2),)))
    if not found:
        return _unary(draw, program, name)
    program.define(*draw(st.sampled_from(found)))
    return None


def _gather(draw: Draw, program: RandomProgram, name: str) -> None:
    """The indices i lie in [-2, 2), inside every axis of at least two elements."""
    shape = program.values[name]
    found: list[tuple[str, Shape]] = []
    for axis, extent in enumerate(shape):
        if _long(extent):
            found.append((f"np.take({name}, i, axis={axis})", _with(shape, axis, sympy.Integer(4))))
    if shape and _long(shape[0]) and len(shape) < LARGEST_RANK:
        found.append((f"{name}[i]", (sympy.Integer(4), *shape[1:])))
    if not found:
        return _unary(draw, program, name)
    program.define(*draw(st.sampled_from(found)))
    return None


def _joining(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    found = []
    for other, right in program.values.items():
        if len(right) != len(shape):
            continue
        for axis in range(len(shape)):
            others = [k for k in range(len(shape)) if k != axis]
            if all(shape[k] == right[k] for k in others):
                text = f"np.concatenate([{name}, {other}], axis={axis})"
                found.append((text, _with(shape, axis, shape[axis] + right[axis])))
        if shape == right and len(shape) < LARGEST_RANK:
            found.append((f"np.stack([{name}, {other}], axis=-1)", (*shape, sympy.Integer(2))))
    if not found:
        return _unary(draw, program, name)
    program.define(*draw(st.sampled_from(found)))
    return None


def _assignment(draw: Draw, program: RandomProgram, name: str) -> None:
    shape = program.values[name]
    if not shape:
        return _unary(draw, program, name)
    program.define(f"1.0 * {name}", shape)
    target = list(program.values)[-1]
    found = [f"{target}[0] = 0.25", f"{target}[-1] *= 0.5", f"{target}[::2] += s"]
    if _long(shape[0]):
        found.append(f"{target}[1:] = {name}[:-1]")
    program.lines.append(draw(st.sampled_from(found)))
    return None


def _linear_algebra(draw: Draw, program: RandomProgram, name: str) -> None:
    """Solutions, inverses and factors of matrices that are close to a multiple of the identity."""
    squares = [n for n, shape in program.values.items() if len(shape) == 2 and shape[0] == shape[1]]
    square = draw(st.sampled_from(squares))
    extent = program.values[square][0]
    matrix = f"(3 * np.eye({square}.shape[0]) + 0.3 * np.tanh({square}))"
    even = f"({matrix} + {matrix}.T)"
    found: list[tuple[str, Shape]] = [
        (f"np.linalg.inv({matrix})", (extent, extent)),
        (f"np.linalg.cholesky({even})", (extent, extent)),
        (f"np.linalg.slogdet({matrix})[1]", ()),
        (f"np.log(np.linalg.det({even}))", ()),
    ]
    shape = program.values[name]
    if len(shape) in (1, 2) and shape[0] == extent:
        found.append((f"np.linalg.solve({matrix}, {name})", shape))
        found.append((f"np.linalg.solve(np.linalg.cholesky({even}).T, {name})", shape))
        found.append((f"np.linalg.inv({matrix}) @ {name}", shape))
        found = 2 * found[-3:] + found
    program.define(*draw(st.sampled_from(found)))


# Kinds of operation by how often they are drawn.
_KINDS = (
    *(4 * (_unary,)),
    *(5 * (_binary,)),
    *(3 * (_reduction,)),
    *(3 * (_contraction,)),
    *(2 * (_shaping,)),
    *(2 * (_slicing,)),
    _gather,
    *(2 * (_joining,)),
    _assignment,
    _linear_algebra,
)
