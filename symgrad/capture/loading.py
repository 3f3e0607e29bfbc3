"""Model files: run them under a name of their own and find the marked functions."""

from __future__ import annotations

import itertools
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from symgrad.capture.marking import MarkedProgram
from symgrad.errors import ModelError, SymgradError

__all__ = ["load_function", "load_model"]

_COUNTER = itertools.count(1)


def load_model(path: Path) -> tuple[MarkedProgram, ...]:
    """The marked functions of a model file, in the order of their lines.

    Raises:
        ModelError: the file is missing, unreadable or wrong, or nothing in it is marked.
    """
    module = execute_model(path)
    marked = list(
        {id(v): v for v in vars(module).values() if isinstance(v, MarkedProgram)}.values()
    )
    own = [m for m in marked if _file_of(m.function) == module.__file__] or marked
    if not own:
        raise ModelError(
            f"{path}: no function is marked; write @program above the one to compile "
            "(from symgrad import program), or name it: "
            f"{path}:{next(iter(_functions(module)), 'FUNCTION')}"
        )
    return tuple(sorted(own, key=lambda m: _line_of(m.function)))


def load_function(path: Path, name: str) -> MarkedProgram:
    """One function of a model file by its name, marked or not.

    Raises:
        ModelError: as for `load_model`; a name that does not exist lists those that do.
    """
    module = execute_model(path)
    found = vars(module).get(name)
    if isinstance(found, MarkedProgram):
        return found
    if isinstance(found, types.FunctionType):
        return MarkedProgram(found)
    known = ", ".join(_functions(module)) or "none"
    if found is not None:
        raise ModelError(f"{path}: '{name}' is not a function; the functions are: {known}")
    raise ModelError(f"{path}: there is no function '{name}'; the functions are: {known}")


def execute_model(path: Path) -> types.ModuleType:
    """Run a model file; neither it nor its neighbours stay among the imported modules."""
    text = _read(path)
    file = str(path.resolve())
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = f"\n    {error.text.strip()}" if error.text else ""
        raise ModelError(f"{path}:{error.lineno}: syntax error: {error.msg}{shown}") from error
    except ValueError as error:
        raise ModelError(f"{path}: the file is not Python source: {error}") from error
    module = types.ModuleType(f"_symgrad_model_{next(_COUNTER)}")
    module.__file__ = file
    with _importable(module, path.resolve().parent):
        try:
            exec(code, vars(module))  # the model is the user's own program
        except SymgradError:
            raise
        except (Exception, SystemExit) as error:
            line = _line_in(error, file)
            raise ModelError(
                f"{path}:{line}: the model raised {type(error).__name__}: {error}"
            ) from error
    return module


def _read(path: Path) -> str:
    if not path.exists():
        raise ModelError(f"{path}: there is no such file")
    if path.is_dir():
        raise ModelError(f"{path}: this is a folder, not a model file")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ModelError(f"{path}: the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path}: the file is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from error


@contextmanager
def _importable(module: types.ModuleType, folder: Path) -> Iterator[None]:
    """The module among the imported ones and its folder on the path, until the end."""
    before = set(sys.modules)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        for name in sorted(set(sys.modules) - before):
            file = getattr(sys.modules[name], "__file__", None)
            if name == module.__name__ or (file and Path(file).parent == folder):
                del sys.modules[name]


def _line_in(error: BaseException, file: str) -> int:
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    return lines[-1] if lines else 1


def _functions(module: types.ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, (MarkedProgram, types.FunctionType))
        and _file_of(value.function if isinstance(value, MarkedProgram) else value)
        == module.__file__
    ]


def _file_of(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return str(code.co_filename) if code is not None else ""


def _line_of(function: Callable[..., Any]) -> int:
    code = getattr(function, "__code__", None)
    return int(code.co_firstlineno) if code is not None else 0
