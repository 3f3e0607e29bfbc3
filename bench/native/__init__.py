"""References written by hand in C++, compiled with g++ and called through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def compiler() -> str | None:
    """The C++ compiler, if there is one."""
    return shutil.which(os.environ.get("CXX", "g++"))


def build(name: str, options: str) -> ctypes.CDLL:
    """The shared library of one source; kept in the temporary folder by content."""
    found = compiler()
    if found is None:
        raise RuntimeError("no C++ compiler: install g++, or set CXX")
    source = FOLDER / f"{name}.cpp"
    flags = [f"-{option.lstrip('-')}" for option in options.split()]
    digest = hashlib.sha256(source.read_bytes() + options.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"symgrad-bench-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    library = folder / f"{name}_{digest}.so"
    if not library.exists():
        partial = library.with_suffix(f".{os.getpid()}")
        command = [found, "-std=c++17", *flags, "-march=native", "-shared", "-fPIC"]
        subprocess.run([*command, str(source), "-o", str(partial)], check=True)
        partial.replace(library)
    return ctypes.CDLL(str(library))
