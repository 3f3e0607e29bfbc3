"""Nests of loops that are compiled apart from the kernel in which they stand, and once.

The layers of a deep model are the same loops over other arrays, and a gradient has the loops of its
value. Numba's time for a kernel grows with its text, so loops that are equal but for the arrays,
sizes and fixed positions they use are compiled once, as a function of these: long nests of
tiles as kernels of their own (`take_out`), which several processes can compile side by side, the
others as functions of one kernel (`outline`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["NestKernels", "OutlinedKernel", "nests_of", "outline", "take_out"]

_LEAST_LINES = 4  # of a nest; a shorter one compiles faster than its call
_LEAST_USES = 3
_LONG = 30  # lines of a nest that pays as a function when it occurs twice
# Names, and whole numbers that are a subscript of their own.
_TOKEN = re.compile(r"[A-Za-z_]\w*|(?<=\[)\d+(?=[,\]])|(?<=, )\d+(?=[,\]])")
_WORD = re.compile(r"[A-Za-z_]\w*")
_ASSIGNED = re.compile(r"^\s*(?:for (\w+) in|(\w+) [-+*]?= )")


@dataclass(frozen=True, slots=True)
class OutlinedKernel:
    """The functions that a kernel calls, and the kernel's lines with the calls."""

    functions: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NestKernels:
    """Nests of a kernel that became kernels of their own, and the lines with calls of them.

    Attributes:
        kernels: names of those that are called, by the name of the parameter with the address.
        functions: texts of those that no earlier kernel has.
        lines: of the kernel.
    """

    kernels: dict[str, str]
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


def take_out(
    lines: Sequence[str], types: Mapping[str, str], known: dict[str, str], taken: Iterable[str]
) -> NestKernels:
    """The long nests of a kernel as kernels of their own, called by address.

    Args:
        lines: of the kernel's body.
        types: Numba's type of each parameter of the kernel.
        known: receives the name of each such kernel by its text without names, so that equal nests
            of a module are one.
        taken: names that the parameters with addresses must not have.
    """
    given = frozenset(types)
    nests = nests_of(lines)
    apart = _apart([body for _, body in nests], given)
    used = {*taken, *(word for line in lines for word in _WORD.findall(line))}
    kernels: dict[str, str] = {}
    functions: list[str] = []
    result: list[str] = []
    for (formulas, body), alone in zip(nests, apart, strict=True):
        result.extend(formulas)
        if not alone or len(body) < _LONG:
            result.extend(body)
            continue
        shape = _shape(body, given)
        if sum(argument.isdigit() for argument in shape.arguments) > 1:
            shape = _shape(body, given, positions=False)
        kinds = [types.get(argument, "int64") for argument in shape.arguments]
        signature = f"void({', '.join(kinds)})"
        key = f"{signature}\n{shape.text}"
        if key not in known:
            known[key] = f"_nest{len(known) + 1}"
            decorator = f'@_kernel("{signature}", **_INNER)'
            functions.append(_function(known[key], body, shape, decorator))
        name = known[key]
        address = next((a for a, kernel in kernels.items() if kernel == name), "")
        if not address:
            address = name[1:]
            while address in used:
                address += "_"
            kernels[address] = name
        result.append(f"_call_kernel({address}, ({', '.join(_passed(shape))},))")
    return NestKernels(kernels, tuple(functions), tuple(result))


def _apart(bodies: Sequence[list[str]], given: frozenset[str]) -> list[bool]:
    """Which nests share no variable with another: what each reads is given or its own."""
    own = [_own_names(body) for body in bodies]
    everywhere = frozenset(name for names in own for name in names) - given
    foreign = [
        {word for line in body for word in _WORD.findall(line)} & everywhere - names
        for body, names in zip(bodies, own, strict=True)
    ]
    shared = frozenset(name for names in foreign for name in names)
    return [not names & shared and not others for names, others in zip(own, foreign, strict=True)]


def _passed(shape: _Shape) -> list[str]:
    """The arguments of a call. A plain number would be compiled in, each time anew."""
    return [f"np.int64({a})" if a.isdigit() else a for a in shape.arguments]


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
            functions[shape.text] = own, _function(own, body, shape, "@njit(**_OPTIONS)")
        result.append(f"{functions[shape.text][0]}({', '.join(_passed(shape))})")
    return OutlinedKernel(tuple(text for _, text in functions.values()), tuple(result))


def _shape(body: list[str], given: frozenset[str], positions: bool = True) -> _Shape:
    """The nest with numbered places for what it is given and for its own variables.

    A fixed position of an array is one of the former if `positions` is set: the number of a layer.
    Several are fields of a record, and worth more to the compiler as the numbers that they are.
    """
    own = _own_names(body)
    arguments: dict[str, int] = {}
    locals_: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        token = match.group()
        if token in own:
            return f"<local {locals_.setdefault(token, len(locals_))}>"
        if token in given or (positions and token.isdigit()):
            return f"<{arguments.setdefault(token, len(arguments))}>"
        return token

    text = "\n".join(_TOKEN.sub(place, line) for line in body)
    return _Shape(text, tuple(arguments))


def _own_names(body: list[str]) -> frozenset[str]:
    """Loop indices and scalars that the nest assigns."""
    found = (_ASSIGNED.match(line) for line in body)
    return frozenset(m.group(1) or m.group(2) for m in found if m is not None)


def _function(name: str, body: list[str], shape: _Shape, decorator: str) -> str:
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
            decorator,
            f"def {name}({', '.join(names.values())}):",
            *("    " + line for line in lines),
        ]
    )
