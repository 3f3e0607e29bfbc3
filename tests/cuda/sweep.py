"""Every kernel that is generated, assembled: `python -m tests.cuda.sweep [80,90] [PART PARTS]`.

Of each example and each operation of the table: the function, its gradient, and all products of
first and second order. Prints what fails, and a line with the number of kernels, the most registers
and all spills. Kernels of the same text are compiled once; what the assembler said of them is kept
in symgrad's cache folder, so that the next sweep compiles only what changed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.ahead import KernelReport, compile_kernel, parse_capabilities
from symgrad.capture import capture, load_model
from symgrad.derivatives import PRODUCTS
from symgrad.driver import Timings, derive
from symgrad.errors import CompileError, ModelError
from symgrad.modules import cache_folder, import_file
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
    yield from examples()
    for operation in OPERATIONS:
        yield values_and_gradient(operation)
    yield from examples(PRODUCTS)
    for operation in OPERATIONS:
        if operation in DISCRETE:
            continue
        for product in (*FIRST_ORDER, *SECOND_ORDER):
            yield Subject(
                f"{operation.name} {product}", lambda o=operation, p=product: _product(o, p)
            )


def examples(products: Sequence[str] = ("",)) -> Iterator[Subject]:
    """Each example with its gradient, or with each of these products."""
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


def kernel_texts(text: str) -> dict[str, str]:
    """Each kernel of a module with all that it calls, without its name, comments and layout."""
    nodes: dict[str, ast.stmt] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            nodes[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            nodes |= {t.id: node for t in targets if isinstance(t, ast.Name)}
    found = {}
    for name, node in nodes.items():
        if not isinstance(node, ast.FunctionDef):
            continue
        reached, waiting = {name}, [name]
        while waiting:
            names = {n.id for n in ast.walk(nodes[waiting.pop()]) if isinstance(n, ast.Name)}
            waiting += (new := (names & nodes.keys()) - reached)
            reached |= new
        parts = [ast.unparse(nodes[other]) for other in sorted(reached - {name})]
        own = ast.unparse(node).replace(f"def {name}(", "def kernel(", 1)
        found[name] = "\n".join((own, *parts))
    return found


class Known:
    """What the assembler said of the text of each kernel, kept in a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.reports: dict[str, KernelReport | str] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                report = entry["report"]
                known = report if isinstance(report, str) else KernelReport(**report)
                self.reports[entry["key"]] = known

    @staticmethod
    def key(text: str, signature: str, capability: int) -> str:
        """A digest of the text, the signature, the capability and the compilers' versions."""
        compilers = (version(name) for name in ("numba-cuda", "cuda-toolkit"))
        parts = (text, signature, str(capability), *compilers)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def add(self, key: str, report: KernelReport | str) -> None:
        """Keeps a report, or the error of a kernel that does not compile."""
        self.reports[key] = report
        if self.path is not None:
            kept = report if isinstance(report, str) else asdict(report)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "report": kept}) + "\n")


class Sweep:
    """Compiles the kernels of subjects, each text once: for all capabilities, or `in_turn` for one.

    In turn, the digest of the text chooses the capability, so that a change may choose another.
    """

    def __init__(
        self, capabilities: Sequence[int], path: Path | None = None, *, in_turn: bool = False
    ) -> None:
        self.capabilities, self.in_turn = tuple(capabilities), in_turn
        self.known = Known(path)
        self.met: set[str] = set()
        self.modules: set[str] = set()
        self.compiled = 0
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
        self.modules.add(subject.name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "subject.py"
            path.write_text(text, encoding="utf-8")
            for name, signature, capability, key in self._kernels(text):
                if key not in self.known.reports:
                    self.known.add(key, self._compile(path, name, signature, capability))
                    self.compiled += 1
                report = self.known.reports[key]
                if isinstance(report, str):
                    self.failures[f"{subject.name} {name} {capability}"] = report
                else:
                    self.reports.append((subject.name, replace(report, name=name)))
                    if report.spilled:
                        print(f"{subject.name}: {report}", flush=True)

    def _kernels(self, text: str) -> Iterator[tuple[str, str, int, str]]:
        """Name, signature, capability and key of the kernels whose text was not met before."""
        texts = kernel_texts(text)
        for name, types in _signatures(text).items():
            for signature in types:
                for capability in self._chosen(texts[name]):
                    key = Known.key(texts[name], signature, capability)
                    if key not in self.met:
                        self.met.add(key)
                        yield name, signature, capability, key

    def _chosen(self, text: str) -> tuple[int, ...]:
        if not self.in_turn:
            return self.capabilities
        return (self.capabilities[zlib.crc32(text.encode()) % len(self.capabilities)],)

    @staticmethod
    def _compile(path: Path, name: str, signature: str, capability: int) -> KernelReport | str:
        try:
            _, _, report = compile_kernel(import_file(path), name, signature, capability)
        except CompileError as error:
            return str(error)
        return report

    def spilled(self) -> list[str]:
        """The kernels with spilled registers."""
        return [f"{subject}: {r}" for subject, r in self.reports if r.spilled]

    def summary(self) -> str:
        """What was compiled, in one line."""
        most = max((r.registers for _, r in self.reports), default=0)
        shared = max((r.shared for _, r in self.reports), default=0)
        spilled = sum(r.spilled for _, r in self.reports)
        chosen = ", ".join(map(str, self.capabilities))
        return (
            f"{len(self.modules)} modules, {len(self.reports)} kernels for {chosen}: "
            f"{len(self.failures)} fail, at most {most} registers and {shared} bytes of shared "
            f"memory, {spilled} bytes spilled, {len(self.refused)} products refused; "
            f"{self.compiled} compiled now"
        )


def _signatures(text: str) -> dict[str, tuple[str, ...]]:
    """The types of each kernel's arguments, as the module lists them."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_SIGNATURES":
            assert node.value is not None
            return dict(ast.literal_eval(node.value))
    raise AssertionError("a module without _SIGNATURES")


def main() -> int:
    """Compiles everything, or every so-manieth subject; 1 if anything fails or spills."""
    capabilities = parse_capabilities(sys.argv[1] if len(sys.argv) > 1 else "80,90")
    part, parts = (int(text) for text in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 1)
    sweep = Sweep(capabilities, cache_folder() / "assembled.jsonl")
    chosen = list(subjects())[part::parts]
    for number, subject in enumerate(chosen):
        sweep.run(subject)
        if number % 10 == 9:
            print(f"{number + 1} of {len(chosen)} subjects: {sweep.summary()}", flush=True)
    for name, text in (*sweep.refused.items(), *sweep.failures.items()):
        print(f"{name}: {text}")
    print("\n".join(sweep.spilled()))
    print(sweep.summary())
    return 1 if sweep.failures or sweep.spilled() else 0


if __name__ == "__main__":
    raise SystemExit(main())
