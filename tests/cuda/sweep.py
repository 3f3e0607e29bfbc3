"""PTX of every operation of the table: `python -m tests.cuda.sweep [80,90] [PART PARTS]`.

Prints what fails, and a line with the number of kernels, the most registers and all spills.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from symgrad.ahead import KernelReport, compile_kernel, parse_capabilities
from symgrad.errors import CompileError
from symgrad.modules import import_file
from tests.cuda.simulate import KERNELS
from tests.operations import Operation
from tests.targets.test_operations_vjp import built_for_values


class Sweep:
    """Compiles modules of operations; kernels that all modules have in common only once."""

    def __init__(self, capabilities: Sequence[int]) -> None:
        self.capabilities = capabilities
        self.known: set[tuple[str, str]] = set()
        self.reports: list[KernelReport] = []
        self.failures: dict[str, str] = {}

    def run(self, operation: Operation) -> None:
        """Every kernel of an operation's values and derivatives, for every capability."""
        text = built_for_values(operation.name).source("cuda")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "operation.py"
            path.write_text(text, encoding="utf-8")
            module = import_file(path)
            for name, signature in self._kernels(module._SIGNATURES):
                for capability in self.capabilities:
                    try:
                        _, _, report = compile_kernel(module, name, signature, capability)
                    except CompileError as error:
                        self.failures[f"{operation.name} {name} {capability}"] = str(error)
                    else:
                        self.reports.append(report)

    def _kernels(self, signatures: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
        for name, types in signatures.items():
            for signature in types:
                own = name.startswith("_f_")
                if own or (name, signature) not in self.known:
                    self.known.add((name, signature))
                    yield name, signature

    def summary(self) -> str:
        """What was compiled, in one line."""
        most = max((r.registers for r in self.reports), default=0)
        spilled = sum(r.spilled for r in self.reports)
        return (
            f"{len(self.reports)} kernels for {', '.join(map(str, self.capabilities))}: "
            f"{len(self.failures)} fail, at most {most} registers, {spilled} bytes spilled"
        )


def main() -> int:
    """Compiles the table, or every so-manieth operation of it; 1 if anything fails."""
    capabilities = parse_capabilities(sys.argv[1] if len(sys.argv) > 1 else "80,90")
    part, parts = (int(text) for text in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 1)
    sweep = Sweep(capabilities)
    chosen = KERNELS[part::parts]
    for number, operation in enumerate(chosen):
        sweep.run(operation)
        if number % 10 == 9:
            print(f"{number + 1} of {len(chosen)}: {sweep.summary()}", flush=True)
    for name, text in sweep.failures.items():
        print(f"{name}: {text}")
    print(f"{len(chosen)} operations, {sweep.summary()}")
    return 1 if sweep.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
