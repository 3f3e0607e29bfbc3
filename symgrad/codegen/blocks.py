"""Straight-line code: value-numbered operations printed as Python expressions and assignments."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

from symgrad.codegen.spelling import NUMPY, Spelling
from symgrad.errors import CompileError
from symgrad.program.definitions import DType
from symgrad.schedule.frozen import Affine, Element, Operation

__all__ = ["BlockPrinter", "NameAllocator", "affine_text", "number_text"]

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ATOM = 8
_SUM = 5


class NameAllocator:
    """Gives local names that nothing else in a function has."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)

    def __call__(self, wish: str) -> str:
        name, count = wish, 1
        while name in self.taken:
            count += 1
            name = f"{wish}{count}"
        self.taken.add(name)
        return name


def number_text(value: float | int, dtype: DType) -> tuple[str, int]:
    """A literal that reads back as the same number, and its strength."""
    if isinstance(value, int):
        text = repr(float(value)) if dtype in ("float64", "float32") else str(value)
    elif math.isnan(value):
        text = "np.nan"
    elif math.isinf(value):
        text = "np.inf" if value > 0 else "-np.inf"
    else:
        text = repr(float(value))
    if dtype == "float32":
        return f"np.float32({text})", _ATOM
    return text, (_ATOM if not text.startswith("-") else _SUM)


def affine_text(affine: Affine, rename: Callable[[str], str] = str) -> str:
    """`2 * i + n - 1`: an affine form as Python."""
    text = ""
    for index, factor in affine.terms:
        name = rename(index)
        size = abs(factor)
        if factor != 1 and not name.isidentifier():
            name = f"({name})"
        shown = name if size == 1 else f"{size} * {name}"
        if not text:
            text = f"-{shown}" if factor < 0 else shown
        else:
            text += f" - {shown}" if factor < 0 else f" + {shown}"
    if affine.rest == "0":
        return text or "0"
    if not text:
        return affine.rest
    if affine.rest.startswith("-") and _IDENTIFIER.fullmatch(
        affine.rest[1:].replace(" ", "_") or "?"
    ):
        return f"{text} - {affine.rest[1:]}"
    if affine.rest.startswith("-") and affine.rest[1:].isdigit():
        return f"{text} - {affine.rest[1:]}"
    return f"{text} + {affine.rest}"


# A quotient of Python numbers: by a size that is 0 it would be an error, as in the mean of nothing.
_QUOTIENT_OF_SIZES = Spelling("({0} / {1} if {1} else np.inf)", _ATOM, (_ATOM, _ATOM))


def _is_literal(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _without_elements(operations: tuple[Operation, ...]) -> frozenset[int]:
    """Operations on sizes and constants alone."""
    found: set[int] = set()
    for number, operation in enumerate(operations):
        if operation.name in ("size", "constant") or (
            operation.operands and all(k in found for k in operation.operands)
        ):
            found.add(number)
    return frozenset(found)


def _whole_numbers(operations: tuple[Operation, ...]) -> frozenset[int]:
    """Operations in floating types whose text is a Python integer: sizes, indices, sums of them."""
    found: set[int] = set()
    for number, operation in enumerate(operations):
        if operation.dtype != "float64":
            continue
        arithmetic = operation.name in ("add", "subtract", "multiply", "negate", "copy")
        if operation.name in ("size", "index") or (
            arithmetic and all(k in found for k in operation.operands)
        ):
            found.add(number)
    return frozenset(found)


class BlockPrinter:
    """Prints one list of operations: what is used once inside the expression that uses it."""

    def __init__(
        self,
        spellings: dict[str, Spelling],
        load: Callable[[Element], str],
        index: Callable[[Affine], str],
        allocate: NameAllocator,
        helpers: dict[str, None],
    ) -> None:
        self.spellings = spellings
        self.load = load
        self.index = index
        self.allocate = allocate
        self.helpers = helpers
        self.whole: frozenset[int] = frozenset()
        self.plain: frozenset[int] = frozenset()

    def print(
        self, operations: tuple[Operation, ...], results: Iterable[int]
    ) -> tuple[list[str], dict[int, str]]:
        """Assignments for values used more than once, and the text of each result."""
        wanted = list(results)
        uses = [0] * len(operations)
        for operation in operations:
            for operand in operation.operands:
                uses[operand] += 1
        for number in wanted:
            uses[number] += 1
        lines: list[str] = []
        texts: list[tuple[str, int]] = []
        self.whole = _whole_numbers(operations)
        self.plain = _without_elements(operations) if self.spellings is NUMPY else frozenset()
        for number, operation in enumerate(operations):
            text, strength = self._text(operation, texts)
            plain = operation.name in ("constant", "size", "index", "local")
            if uses[number] > 1 and not plain and not _IDENTIFIER.fullmatch(text):
                name = self.allocate("v")
                lines.append(f"{name} = {text}")
                text, strength = name, _ATOM
            texts.append((text, strength))
        return lines, {number: texts[number][0] for number in wanted}

    def _text(self, operation: Operation, texts: list[tuple[str, int]]) -> tuple[str, int]:
        value = operation.value
        if operation.name == "constant":
            assert isinstance(value, (int, float))
            return number_text(value, operation.dtype)
        if operation.name == "size":
            return self._number(str(value), operation.dtype)
        if operation.name == "index":
            assert isinstance(value, Affine)
            return self._number(self.index(value), operation.dtype)
        if operation.name == "load":
            assert isinstance(value, Element)
            return self.load(value), _ATOM
        if operation.name == "local":
            return str(value), _ATOM
        operands = [texts[k] for k in operation.operands]
        if self._calls_helper(operation):
            operands = [
                (f"float({text})", _ATOM) if k in self.whole else (text, strength)
                for k, (text, strength) in zip(operation.operands, operands, strict=True)
            ]
        if operation.name == "cast":
            return self._cast(operands[0][0], operation.dtype)
        if operation.name == "polygamma" and value == 0 and "digamma" in self.spellings:
            self.helpers.setdefault(self.spellings["digamma"].helper)
            return f"_digamma({operands[0][0]})", _ATOM
        if operation.name == "polygamma":
            self.helpers.setdefault("polygamma")
            return f"_polygamma({value}, {operands[0][0]})", _ATOM
        if operation.name == "spherical_bessel" and (
            value != 1 or operation.name not in self.spellings
        ):
            self.helpers.setdefault("spherical_bessel")
            return f"_spherical_bessel({value}, {operands[0][0]})", _ATOM
        spelling = self.spellings.get(operation.name)
        if operation.name == "divide" and self.plain.issuperset(operation.operands):
            spelling = spelling if _is_literal(operands[1][0]) else _QUOTIENT_OF_SIZES
        if spelling is None:
            raise CompileError(f"this target has no spelling for '{operation.name}'")
        if spelling.helper:
            self.helpers.setdefault(spelling.helper)
        shown = [
            text if strength >= need else f"({text})"
            for (text, strength), need in zip(operands, spelling.operands, strict=True)
        ]
        strength = operands[0][1] if operation.name == "copy" else spelling.strength
        return spelling.text.format(*shown), strength

    def _calls_helper(self, operation: Operation) -> bool:
        """Whether a compiled helper is called, which answers in the type of its argument."""
        if self.spellings is NUMPY:
            return False
        spelling = self.spellings.get(operation.name)
        named = operation.name in ("polygamma", "spherical_bessel")
        return named or (spelling is not None and bool(spelling.helper))

    def _number(self, text: str, dtype: DType) -> tuple[str, int]:
        if dtype == "float32":
            return f"np.float32({text})", _ATOM
        return text, (_ATOM if _IDENTIFIER.fullmatch(text) else 0)

    def _cast(self, text: str, dtype: DType) -> tuple[str, int]:
        if self.spellings is NUMPY:
            return f"np.asarray({text}, dtype=np.{dtype})", _ATOM
        return f"np.{dtype}({text})", _ATOM
