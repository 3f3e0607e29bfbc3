"""Nests of loops that occur several times in a kernel, as one function that is called.

The layers of a deep model are the same loops over other arrays. Numba's time for a kernel grows
with its text, so loops that are equal but for the arrays, sizes and fixed positions they use
are compiled once, as a function of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["OutlinedKernel", "nests_of", "outline"]

_LEAST_LINES = 4  # of a nest; a shorter one compiles faster than its call
_LEAST_USES = 3
_LONG = 30  # lines of a nest that pays as a function when it occurs twice
# Names, and whole numbers that are a subscript of their own.
_TOKEN = re.compile(r"[A-Za-z_]\w*|(?<=\[)\d+(?=[,\]])|(?<=, )\d+(?=[,\]])")
_ASSIGNED = re.compile(r"^\s*(?:for (\w+) in|(\w+) [-+*]?= )")


@dataclass(frozen=True, slots=True)
class OutlinedKernel:
    """The functions that a kernel calls, and the kernel's lines with the calls."""

    functions: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The text of a nest with places for its parameters, and what stands there in one nest."""

    text: str
    arguments: tuple[str, ...]


def nests_of(lines: Iterable[str]) -> list[tuple[list[str], list[str]]]:
    """The nests of a printed kernel: the formulas above each, and its own lines."""
    nests: list[tuple[list[str], list[str]]] = []
    for line in lines:
        if line.startswith("#") and (not nests or nests[-1][1]):
            nests.append(([], []))
        if not nests:
            nests.append(([], []))
        nests[-1][0 if line.startswith("#") else 1].append(line)
    return nests


def outline(name: str, lines: Iterable[str], parameters: Iterable[str]) -> OutlinedKernel:
    """The kernel with a call for each nest that has equals.

    Args:
        name: of the kernel, which the functions' names begin with.
        lines: of its body.
        parameters: names of all that the kernel is given.
    """
    given = frozenset(parameters)
    nests = nests_of(lines)
    shapes = [_shape(body, given) if len(body) >= _LEAST_LINES else None for _, body in nests]
    uses: dict[str, int] = {}
    for shape in shapes:
        if shape is not None:
            uses[shape.text] = uses.get(shape.text, 0) + 1
    functions: dict[str, tuple[str, str]] = {}
    result: list[str] = []
    for (formulas, body), shape in zip(nests, shapes, strict=True):
        result.extend(formulas)
        least = 2 if len(body) >= _LONG else _LEAST_USES
        if shape is None or uses[shape.text] < least:
            result.extend(body)
            continue
        if shape.text not in functions:
            own = f"{name}_nest{len(functions) + 1}"
            functions[shape.text] = own, _function(own, body, shape)
        # A plain number would be compiled in, and the function once for each of them.
        passed = (f"np.int64({a})" if a.isdigit() else a for a in shape.arguments)
        result.append(f"{functions[shape.text][0]}({', '.join(passed)})")
    return OutlinedKernel(tuple(text for _, text in functions.values()), tuple(result))


def _shape(body: list[str], given: frozenset[str]) -> _Shape:
    """The nest with numbered places for what it is given and for its own variables."""
    own = _own_names(body)
    arguments: dict[str, int] = {}
    locals_: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        token = match.group()
        if token in own:
            return f"<local {locals_.setdefault(token, len(locals_))}>"
        if token in given or token.isdigit():
            return f"<{arguments.setdefault(token, len(arguments))}>"
        return token

    text = "\n".join(_TOKEN.sub(place, line) for line in body)
    return _Shape(text, tuple(arguments))


def _own_names(body: list[str]) -> frozenset[str]:
    """Loop indices and scalars that the nest assigns."""
    found = (_ASSIGNED.match(line) for line in body)
    return frozenset(m.group(1) or m.group(2) for m in found if m is not None)


def _function(name: str, body: list[str], shape: _Shape) -> str:
    """The first of equal nests as a function, fixed positions of arrays as parameters."""
    taken = set(_TOKEN.findall("\n".join(body)))
    names: dict[str, str] = {}
    for argument in shape.arguments:
        names[argument] = argument
        if argument.isdigit():
            names[argument] = next(
                n for k in range(len(taken)) if (n := f"at{k or ''}") not in taken
            )
            taken.add(names[argument])
    lines = [_TOKEN.sub(lambda m: names.get(m.group(), m.group()), line) for line in body]
    return "\n".join(
        [
            "@njit(**_OPTIONS)",
            f"def {name}({', '.join(names.values())}):",
            *("    " + line for line in lines),
        ]
    )
