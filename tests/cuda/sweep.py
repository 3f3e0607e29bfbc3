"""Every kernel that is generated, assembled: `python -m tests.cuda.sweep [80,90] [PART PARTS]`.

Of each example and each operation of the table: the function, its gradient, and all products of
first and second order. Prints what fails, and a line with the number of kernels, the most registers
and all spills. Kernels of the same text are compiled once.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symgrad.ahead import KernelReport, compile_kernel, parse_capabilities
from symgrad.capture import capture, load_model
from symgrad.derivatives import PRODUCTS
from symgrad.driver import Timings, derive
from symgrad.errors import CompileError, ModelError
from symgrad.modules import import_file
from tests.operations import OPERATIONS, Operation, argument_specs
from tests.support import Built
from tests.targets.test_operations_vjp import DISCRETE, built_for_values

ROOT = Path(__file__).resolve().parents[2]
MODELS = tuple(sorted((ROOT / "examples").glob("*/model.py")))
FIRST_ORDER = ("jvp", "jacobian")
SECOND_ORDER = ("hvp", "hessian", "value_grad_hessian", "hessian_diagonal")


@dataclass(frozen=True, slots=True)
class Subject:
    """Something whose kernels are assembled: a name, and what builds it."""

    name: str
    build: Callable[[], Built]


def values_and_gradient(operation: Operation) -> Subject:
    """The subject of an operation's own module."""
    return Subject(operation.name, lambda: built_for_values(operation.name))


def subjects() -> Iterator[Subject]:
    """All examples and operations with their gradients, then with each further product."""
    yield from _examples(("",))
    for operation in OPERATIONS:
        yield values_and_gradient(operation)
    yield from _examples(PRODUCTS)
    for operation in OPERATIONS:
        if operation in DISCRETE:
            continue
        for product in (*FIRST_ORDER, *SECOND_ORDER):
            yield Subject(
                f"{operation.name} {product}", lambda o=operation, p=product: _product(o, p)
            )


def _examples(products: Sequence[str]) -> Iterator[Subject]:
    for path in MODELS:
        for product in products:
            name = f"{path.parent.name} {product}".strip()
            yield Subject(name, lambda path=path, p=product: _example(path, p))


def _example(path: Path, product: str) -> Built:
    (marked,) = load_model(path)
    model = capture(marked.function, wrt=marked.wrt, source=f"examples/{path.parent.name}/model.py")
    return Built(model, derive(model, (), Timings(), products=(product,) if product else ()))


def _product(operation: Operation, product: str) -> Built:
    """A product of an operation; those of second order are of the total of its squares."""

    def squares(*arguments: Any) -> Any:
        found = operation.function(*arguments)
        parts = found if isinstance(found, (tuple, list)) else (found,)
        return sum(np.sum(1.0 * part**2) for part in parts)

    function = operation.function
    if product in SECOND_ORDER:
        names = ", ".join(operation.parameters)
        scope = {"squares": squares}
        exec(f"def f({names}):\n    return squares({names})\n", scope)
        function = scope["f"]
    model = capture(function, shapes=argument_specs(operation), name="f")
    return Built(model, derive(model, (), Timings(), products=(product,)))


class Sweep:
    """Compiles the kernels of subjects, and remembers what was compiled."""

    def __init__(self, capabilities: Sequence[int]) -> None:
        self.capabilities = capabilities
        self.known: set[tuple[str, str]] = set()
        self.reports: list[tuple[str, KernelReport]] = []
        self.failures: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def run(self, subject: Subject) -> None:
        """Every kernel of a subject's module for every capability."""
        try:
            text = subject.build().source("cuda")
        except ModelError as error:
            self.refused[subject.name] = str(error)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "subject.py"
            path.write_text(text, encoding="utf-8")
            module = import_file(path)
            for name, signature in self._kernels(module, text):
                for capability in self.capabilities:
                    try:
                        _, _, report = compile_kernel(module, name, signature, capability)
                    except CompileError as error:
                        self.failures[f"{subject.name} {name} {capability}"] = str(error)
                    else:
                        self.reports.append((subject.name, report))
                        if report.spilled:
                            print(f"{subject.name}: {report}", flush=True)

    def _kernels(self, module: ModuleType, text: str) -> Iterator[tuple[str, str]]:
        """Names and signatures of the kernels whose text was not met before."""
        for name, types in module._SIGNATURES.items():
            body = text.partition(f"\ndef {name}(")[2].partition("\n\n\n")[0]
            body = re.sub(r"^\s*#.*$", "", body, flags=re.MULTILINE)
            for signature in types:
                if (body, signature) not in self.known:
                    self.known.add((body, signature))
                    yield name, signature

    def spilled(self) -> list[str]:
        """The kernels with spilled registers."""
        return [f"{subject}: {r}" for subject, r in self.reports if r.spilled]

    def summary(self) -> str:
        """What was compiled, in one line."""
        most = max((r.registers for _, r in self.reports), default=0)
        shared = max((r.shared for _, r in self.reports), default=0)
        spilled = sum(r.spilled for _, r in self.reports)
        return (
            f"{len(self.reports)} kernels for {', '.join(map(str, self.capabilities))}: "
            f"{len(self.failures)} fail, at most {most} registers and {shared} bytes of shared "
            f"memory, {spilled} bytes spilled, {len(self.refused)} products refused"
        )


def main() -> int:
    """Compiles everything, or every so-manieth subject; 1 if anything fails or spills."""
    capabilities = parse_capabilities(sys.argv[1] if len(sys.argv) > 1 else "80,90")
    part, parts = (int(text) for text in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 1)
    sweep = Sweep(capabilities)
    chosen = list(subjects())[part::parts]
    for number, subject in enumerate(chosen):
        sweep.run(subject)
        if number % 10 == 9:
            print(f"{number + 1} of {len(chosen)}: {sweep.summary()}", flush=True)
    for name, text in (*sweep.refused.items(), *sweep.failures.items()):
        print(f"{name}: {text}")
    print("\n".join(sweep.spilled()))
    print(f"{len(chosen)} modules, {sweep.summary()}")
    return 1 if sweep.failures or sweep.spilled() else 0


if __name__ == "__main__":
    raise SystemExit(main())
