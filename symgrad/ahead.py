"""CUDA kernels compiled ahead of time, on a machine with or without a GPU.

Beside `loss_grad.py` a folder for each compute capability, `loss_grad.sm_90.IDENTITY`, holds the
PTX of every kernel and what it assembles to. The module looks there before it compiles anything;
the identity is that of its text, so that a folder of another version is never used.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from symgrad.compilation import Request, compile_file
from symgrad.errors import CompileError, ModelError
from symgrad.modules import import_file

__all__ = [
    "KernelReport",
    "compile_ahead",
    "compile_kernel",
    "format_reports",
    "kernel_table",
    "parse_capabilities",
]

_REGISTERS = re.compile(r"used (\d+) registers", re.IGNORECASE)
_SPILLS = re.compile(r"(\d+) bytes spill (?:stores|loads)")
_STACK = re.compile(r"(\d+) bytes stack frame")
_SHARED = re.compile(r"\.shared[^;]*?\.b8 [^\[;]*\[(\d+)\]")
_INSTALL = "pip install 'symgrad[cuda]'"


@dataclass(frozen=True, slots=True)
class KernelReport:
    """What the assembler says of one kernel for one compute capability.

    Attributes:
        name: of the kernel.
        capability: 90 for compute capability 9.0.
        registers: of each thread.
        spilled: bytes that registers are saved to and loaded from.
        stack: bytes of each thread's stack, which libdevice's sine and cosine use.
        shared: bytes of shared memory of each block.
    """

    name: str
    capability: int
    registers: int
    spilled: int
    stack: int
    shared: int


def parse_capabilities(text: str) -> tuple[int, ...]:
    """Compute capabilities from "80,90" or "8.0, 9.0".

    Raises:
        ModelError: something in it is not a compute capability.

    >>> parse_capabilities("80,9.0")
    (80, 90)
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        digits = part.strip().removeprefix("sm_").replace(".", "")
        if not digits.isdigit() or not 50 <= int(digits) < 200:
            raise ModelError(
                f"--cc {text}: '{part.strip()}' is no compute capability; write 80,90 for 8.0 "
                f"and 9.0"
            )
        found[int(digits)] = None
    return tuple(found)


def compile_ahead(path: Path, capabilities: Sequence[int]) -> tuple[KernelReport, ...]:
    """Compiles every kernel of a CUDA module into folders beside it; no GPU is needed.

    Args:
        path: a module of the target cuda.
        capabilities: 80 for compute capability 8.0.

    Raises:
        ModelError: the module has no CUDA kernels.
        CompileError: the toolchain is missing, or a kernel does not compile.
    """
    module = import_file(path)
    signatures = getattr(module, "_SIGNATURES", None)
    if signatures is None:
        raise ModelError(f"'{path}' has no CUDA kernels; compile its model with --target cuda")
    reports: list[KernelReport] = []
    for capability in capabilities:
        folder = path.with_name(f"{path.stem}.sm_{capability}.{module._IDENTITY}")
        for stale in sorted(path.parent.glob(f"{path.stem}.sm_{capability}.*")):
            shutil.rmtree(stale)
        folder.mkdir()
        for name, types in signatures.items():
            for number, signature in enumerate(types):
                text, binary, report = compile_kernel(module, name, signature, capability)
                (folder / f"{name}.{number}.ptx").write_text(text, encoding="utf-8")
                (folder / f"{name}.{number}.cubin").write_bytes(binary)
                reports.append(report)
    return tuple(reports)


def compile_kernel(
    module: ModuleType, name: str, signature: str, capability: int
) -> tuple[str, bytes, KernelReport]:
    """The PTX of a kernel, what it assembles to, and the assembler's report.

    Raises:
        CompileError: the toolchain is missing, or the kernel does not compile.
    """
    try:
        from cuda.core import Linker, LinkerOptions, ObjectCode
        from numba import cuda
    except ImportError as error:
        raise CompileError(f"compilation ahead of time needs numba-cuda: {_INSTALL}") from error
    kernel = getattr(module, name)
    if not hasattr(kernel, "py_func") or not hasattr(cuda, "compile_ptx"):
        raise CompileError("Numba's simulator is on, which compiles nothing: unset its variable")
    try:
        text, _ = cuda.compile_ptx(kernel.py_func, signature, cc=divmod(capability, 10))
        options = LinkerOptions(arch=f"sm_{capability}", ptxas_options=["-v"], verbose=True)
        linker = Linker(ObjectCode.from_ptx(text.encode()), options=options)
        binary = bytes(linker.link("cubin").code)
        log = linker.get_info_log()
    except Exception as error:  # Numba, the linker and the driver raise types of their own
        raise CompileError(
            f"kernel {name} of '{module.__file__}' does not compile for compute capability "
            f"{capability}: {type(error).__name__}: {error}"
        ) from error
    registers = [int(n) for n in _REGISTERS.findall(log)]
    report = KernelReport(
        name,
        capability,
        max(registers, default=0),
        sum(int(n) for n in _SPILLS.findall(log)),
        max((int(n) for n in _STACK.findall(log)), default=0),
        sum(int(n) for n in _SHARED.findall(text)),
    )
    return text, binary, report


def format_reports(reports: Sequence[KernelReport]) -> str:
    """A table of registers, spills, stack and shared memory, one kernel a line."""
    width = max((len(r.name) for r in reports), default=6)
    columns = f"{'sm':>4} {'registers':>10} {'spilled':>8} {'stack':>6} {'shared':>7}"
    head = f"{'kernel':<{width}}  {columns}"
    lines = [
        f"{r.name:<{width}}  {r.capability:>4} {r.registers:>10} {r.spilled:>8} {r.stack:>6} "
        f"{r.shared:>7}"
        for r in reports
    ]
    return "\n".join([head, *lines]) + "\n"


def kernel_table(request: Request, capabilities: Sequence[int]) -> str:
    """The table for the CUDA kernels of a model, compiled in a folder that is then removed."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "module.py"
        compiled = compile_file(replace(request, output=output, target="cuda"))
        reports = compile_ahead(compiled.path, capabilities)
    return "\nCUDA kernels\n\n" + format_reports(reports)
