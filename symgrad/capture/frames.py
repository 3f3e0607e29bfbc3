"""Where in the model something happens: file, line, and the variable that receives the result."""

from __future__ import annotations

import dis
import sys
import sysconfig
import traceback
from bisect import bisect_right
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from symgrad.program import Origin

__all__ = ["ModelCode", "is_library_file"]

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    sorted({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
)


def is_library_file(file: str) -> bool:
    """Whether a source file belongs to Python, an installed package or symgrad: not to a model."""
    return file.startswith(("<", _PACKAGE, *_LIBRARIES))


class ModelCode:
    """The code of one model: finds its frames on the stack and reads what they are about to do.

    Attributes:
        boundary: the code that calls the model; frames outside it are not looked at.
    """

    def __init__(self, code: CodeType, source: str) -> None:
        self.file = code.co_filename
        self.line = code.co_firstlineno
        self.source = source
        self.boundary: CodeType | None = None
        self._is_model: dict[str, bool] = {self.file: True}
        self._instructions: dict[int, tuple[CodeType, list[int], list[dis.Instruction]]] = {}

    def owns(self, file: str) -> bool:
        """Whether frames of this file are the model's own."""
        known = self._is_model.get(file)
        if known is None:
            known = self._is_model[file] = not is_library_file(file)
        return known

    def frame(self) -> FrameType | None:
        """The innermost frame of the model's own code on the stack."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not self.owns(frame.f_code.co_filename):
            if frame.f_code is self.boundary:
                return None
            frame = frame.f_back
        return frame

    def shown_file(self, file: str) -> str:
        """The name of a model file as messages and origins show it."""
        if file == self.file:
            return self.source
        sibling = Path(file)
        if sibling.parent == Path(self.file).parent:
            return str(Path(self.source).parent / sibling.name)
        return sibling.name

    def origin(self) -> Origin:
        """File and line of the model that is running now."""
        frame = self.frame()
        if frame is None:
            return Origin(self.source, self.line)
        return Origin(self.shown_file(frame.f_code.co_filename), frame.f_lineno)

    def origin_of(self, trace: TracebackType | None) -> Origin:
        """File and line of the innermost frame of the model in a traceback."""
        found = Origin(self.source, self.line)
        for frame, line in traceback.walk_tb(trace):
            if self.owns(frame.f_code.co_filename):
                found = Origin(self.shown_file(frame.f_code.co_filename), line)
        return found

    def receivers(self) -> tuple[str, ...]:
        """Variables that the running statement stores its result in: one, or several if unpacked.

        The next instruction of the frame says so. A helper that returns its last result passes it
        on, so the variable of the caller counts.
        """
        frame = self.frame()
        while frame is not None and self.owns(frame.f_code.co_filename):
            following = self._following(frame)
            if not following or not following[0].opname.startswith("RETURN_VALUE"):
                return _stored_names(following)
            frame = frame.f_back
        return ()

    def _following(self, frame: FrameType) -> list[dis.Instruction]:
        code = frame.f_code
        known = self._instructions.get(id(code))
        if known is None:
            instructions = list(dis.get_instructions(code))
            known = (code, [i.offset for i in instructions], instructions)
            self._instructions[id(code)] = known
        position = bisect_right(known[1], frame.f_lasti)
        return known[2][position : position + 9]


def _stored_names(instructions: list[dis.Instruction]) -> tuple[str, ...]:
    if not instructions:
        return ()
    first = instructions[0]
    if first.opname != "UNPACK_SEQUENCE":
        return _store_targets(first)[:1]
    names: list[str] = []
    for instruction in instructions[1:]:
        names.extend(_store_targets(instruction) or ("",))
    return tuple(names[: int(first.arg or 0)])


def _store_targets(instruction: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction stores to; newer Pythons join two stores in one."""
    stores = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")
    if not instruction.opname.startswith(stores):
        return ()
    value = instruction.argval
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)
