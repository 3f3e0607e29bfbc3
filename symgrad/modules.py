"""Generated modules in this process: written to the cache folder, imported, wrapped."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from symgrad.codegen import write_atomically
from symgrad.driver import Derived
from symgrad.errors import ModelError
from symgrad.explain.notebook import notebook_html, notebook_latex

__all__ = ["Module", "cache_folder", "import_file", "load"]


@dataclass(frozen=True, slots=True)
class Module:
    """A compiled model: the generated module, its text and its formulas.

    Attributes that are not its own are the generated module's: `module.loss_grad(...)`.
    """

    name: str
    path: Path
    source: str
    formulas: str
    notes: tuple[str, ...]
    arguments: tuple[str, ...]
    python: ModuleType
    derived: Derived | None = field(default=None, repr=False, compare=False)

    def _repr_latex_(self) -> str | None:
        """Value and derivatives in LaTeX, for notebooks."""
        return None if self.derived is None else notebook_latex(self.derived)

    def _repr_html_(self) -> str | None:
        """Value and derivatives as MathML, for notebooks."""
        return None if self.derived is None else notebook_html(self.derived)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.python, attribute)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Writes the generated module to a file of its own."""
        target = Path(path)
        write_atomically(target, self.source)
        return target


def load(derived: Derived, source: str) -> Module:
    """The module of a text, imported from symgrad's cache folder."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    path = cache_folder() / f"{derived.name}_{digest}.py"
    if not path.exists():
        write_atomically(path, source)
    python = import_file(path)
    arguments = tuple(argument.name for argument in derived.forward.arguments)
    return Module(
        derived.name,
        path,
        source,
        derived.formulas(),
        derived.notes,
        arguments,
        python,
        derived,
    )


def cache_folder() -> Path:
    """Where in-process modules are kept, so that a second process need not compile them."""
    chosen = os.environ.get("SYMGRAD_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "symgrad"


def import_file(path: Path) -> ModuleType:
    """Imports a generated module from its file, under a name of its own."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"_symgrad_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
