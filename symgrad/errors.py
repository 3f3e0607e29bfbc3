"""The errors symgrad raises: one class per stage, all children of `SymgradError`."""

from __future__ import annotations

__all__ = [
    "CaptureError",
    "CompileError",
    "DifferentiationError",
    "ModelError",
    "OutputError",
    "ProgramError",
    "SymgradError",
]


class SymgradError(Exception):
    """Base of every error that symgrad raises on purpose; its text is written for the user."""


class ModelError(SymgradError):
    """The model file or function cannot be used: missing, unreadable, badly annotated."""


class CaptureError(SymgradError):
    """An operation of the model cannot be captured; names the operation, file and line."""


class ProgramError(SymgradError):
    """A program breaks a rule of the vocabulary: a defect of the pass that made it."""


class DifferentiationError(SymgradError):
    """A derivative was asked for that does not exist or has no rule."""


class CompileError(SymgradError):
    """A program cannot be turned into code for the target that was asked for."""


class OutputError(SymgradError):
    """The generated module cannot be written where it was asked to go."""
