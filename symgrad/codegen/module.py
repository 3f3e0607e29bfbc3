"""Assembly of a generated module: formulas, helpers, kernels, doors and public functions."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from symgrad.codegen.cuda_host import print_cuda
from symgrad.codegen.derivatives import DerivativeCode, structure_sources
from symgrad.codegen.doors import annotation, door_lines, numpy_type
from symgrad.codegen.host import PrintedProgram, print_schedule
from symgrad.codegen.numpy_target import print_numpy
from symgrad.codegen.rendering import format_source, helper_source, render
from symgrad.codegen.spelling import HELPER_NEEDS
from symgrad.errors import ModelError
from symgrad.program.definitions import Constant
from symgrad.schedule.cuda_plan import CudaOptions
from symgrad.schedule.cuda_scheduler import schedule_cuda
from symgrad.schedule.freeze_sizes import SizeRule
from symgrad.schedule.frozen import FrozenIndexCheck, FrozenMatrixOperation, FrozenProgram
from symgrad.schedule.plan import ScheduleOptions
from symgrad.schedule.scheduler import schedule

__all__ = ["FunctionCode", "ModuleCode", "Target", "emit_module"]

_KERNEL_NAME = re.compile(r"^@_kernel\(.*\)\ndef (\w+)\(", re.MULTILINE)

Target = Literal["cpu", "numpy", "cuda"]
Options = ScheduleOptions | CudaOptions


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """Everything that is emitted for one model function, without SymPy."""

    name: str
    docstring: str
    line: int
    wrt: tuple[str, ...]
    single_wrt: bool
    returns_tuple: bool
    forward: FrozenProgram
    gradient: FrozenProgram
    cotangents: tuple[str, ...]
    floating_outputs: tuple[bool, ...]
    rules: tuple[SizeRule, ...]
    requirements: tuple[str, ...]
    formulas: tuple[str, ...]
    matrix_formulas: tuple[str, ...]
    constants: tuple[Constant, ...]
    notes: tuple[str, ...]
    derivatives: tuple[DerivativeCode, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleCode:
    """A module to emit: where it came from and its functions."""

    source: str
    digest: str
    version: str
    options: str
    target: Target
    functions: tuple[FunctionCode, ...]
    cuda: CudaOptions = field(default_factory=CudaOptions)


def emit_module(module: ModuleCode, options: ScheduleOptions | None = None) -> str:
    """The text of the generated module, formatted; equal to the byte for equal input."""
    chosen = module.cuda if module.target == "cuda" else options or ScheduleOptions()
    if module.target == "cuda":
        _check_for_cuda(module)
    helpers: dict[str, None] = {"cuda/lanes_sum": None} if module.target == "cuda" else {}
    nests: dict[str, str] = {}
    functions = [
        _function_values(f, module.target, helpers, nests, chosen) for f in module.functions
    ]
    values: dict[str, Any] = {
        "source": module.source,
        "digest": module.digest,
        "version": module.version,
        "options": module.options,
        "target": module.target,
        "functions": functions,
        "helpers": _helper_sources(helpers, module.target),
        "schedule": asdict(chosen),
        "needs_blocks": any(_uses_blocks(line) for f in functions for line in f["lines"]),
        "needs_integers": any(
            "_combine_integers" in line for f in functions for line in f["lines"]
        ),
        "needs_squares": any("left_strip" in k for f in functions for k in f["kernels"]),
        "needs_atomics": any("cuda.atomic." in k for f in functions for k in f["kernels"]),
        "needs_products": any("run.multiply(" in line for f in functions for line in f["lines"]),
        "needs_matrices": any("run.fetch(" in line for f in functions for line in f["lines"]),
        "needs_solver": any("run.operate(" in line for f in functions for line in f["lines"]),
        "needs_segments": any("run.segments(" in line for f in functions for line in f["lines"]),
        "needs_check_index": any("check_index(" in line for f in functions for line in f["lines"]),
        "recycles": any(_recycles(line) for f in functions for line in f["lines"]),
        "needs_peaks": any("_combine_peaks(" in line for f in functions for line in f["lines"]),
        "needs_quotient": any("_quotient(" in line for f in functions for line in f["lines"]),
        "needs_zeros": any("_zeros(" in line for f in functions for line in f["lines"]),
        "needs_gather": any("_gather(" in line for f in functions for line in f["lines"]),
        "needs_solve": any("_solve_size(" in line for f in functions for line in f["door"]),
        "needs_number": any(not a["is_array"] for f in functions for a in f["arguments"]),
        "needs_vector": any(d["vectors"] for f in functions for d in f["derivatives"]),
        "structures": structure_sources(_structures(module.functions)),
    }
    kernels = [*values["helpers"], *(kernel for f in functions for kernel in f["kernels"])]
    identity = hashlib.sha256("\n".join(kernels).encode()).hexdigest()[:16]
    template = "cuda.py.jinja" if module.target == "cuda" else "module.py.jinja"
    names = [name for kernel in kernels for name in _KERNEL_NAME.findall(kernel)]
    values["kernel_names"] = [*names, "_each_worker"] if values["needs_blocks"] else names
    text = render(template, {**values, "identity": identity})
    if module.target == "cuda":
        # Folders of kernels compiled ahead belong to one text of the module, the template's too.
        identity = hashlib.sha256(text.encode()).hexdigest()[:16]
        text = render(template, {**values, "identity": identity})
    imports = {
        "uses_math": "math." in text,
        "uses_njit": "njit(" in text,
        "uses_prange": "prange(" in text,
        "uses_sys": "sys." in text,
        "uses_threading": "threading." in text,
    }
    return format_source(render("header.py.jinja", {**values, **imports}) + text)


def _uses_blocks(line: str) -> bool:
    """Whether a line of the CPU's host side divides work among threads."""
    return any(name in line for name in (" _count_blocks(", " _add_turned("))


def _recycles(line: str) -> bool:
    """Whether a line of the CPU's host side takes memory that may be large."""
    return any(name in line for name in (" _empty(", " _zeros(", " _place(", " _add_turned("))


def _structures(functions: Sequence[FunctionCode]) -> list[str]:
    """Files of the structures that a module returns; a class of Jacobians names their base."""
    found = [name for f in functions for d in f.derivatives for name in d.structures]
    return found


def _check_for_cuda(module: ModuleCode) -> None:
    for function in module.functions:
        where = f"{module.source}:{function.line}: '{function.name}'"
        if any(argument.name == "stream" for argument in function.forward.arguments):
            raise ModelError(
                f"{where} has an argument 'stream', a keyword of every function of the target "
                f"cuda; rename it"
            )


def _helper_sources(helpers: dict[str, None], target: Target) -> list[str]:
    ordered: dict[str, None] = {}
    for name in sorted(helpers):
        for need in HELPER_NEEDS.get(name, ()):
            ordered.setdefault(need)
        ordered.setdefault(name)
    return [helper_source(name, target) for name in ordered]


def _print(
    program: FrozenProgram,
    target: Target,
    helpers: dict[str, None],
    nests: dict[str, str],
    options: Options,
    gradients: Sequence[str] = (),
) -> PrintedProgram:
    if target == "numpy":
        return print_numpy(program, helpers)
    if isinstance(options, CudaOptions):
        return print_cuda(schedule_cuda(program, options), helpers)
    return print_schedule(schedule(program, options), helpers, nests, gradients)


def _function_values(
    function: FunctionCode,
    target: Target,
    helpers: dict[str, None],
    nests: dict[str, str],
    options: Options,
) -> dict[str, Any]:
    """What the template needs to know of one function, as plain texts and lists."""
    forward = _print(function.forward, target, helpers, nests, options)
    adjoints = function.gradient.outputs[len(function.forward.outputs) :]
    gradient = _print(function.gradient, target, helpers, nests, options, adjoints)
    derivatives = [
        _derivative_values(d, target, helpers, nests, options) for d in function.derivatives
    ]
    shapes = {a.name: a.shape for a in function.gradient.arguments}
    dtypes = {a.name: a.dtype for a in function.gradient.arguments}
    statements = {s.name: s for s in function.gradient.statements}
    outputs = function.forward.outputs
    sizes = list(function.forward.sizes)
    arguments = [
        {
            "name": a.name,
            "annotation": annotation(a),
            "is_array": bool(a.shape),
            "rank": len(a.shape),
            "shape": ", ".join(a.shape),
            "dtype": numpy_type(a.dtype),
            "index_of": _index_extent(function.gradient, a.name),
            "factorised": _is_factorised(function.gradient, a.name),
            "extents": list(a.shape),
        }
        for a in function.forward.arguments
    ]
    names = [a.name for a in function.forward.arguments]
    pairs = zip(outputs, function.floating_outputs, strict=True)
    floating = [name for name, is_floating in pairs if is_floating and function.cotangents]
    cotangents = [
        {
            "name": name,
            "output": output,
            "shape": ", ".join(shapes[name]),
            "extents": _tuple(shapes[name]),
            "rank": len(shapes[name]),
            "dtype": numpy_type(dtypes[name]),
        }
        for name, output in zip(function.cotangents, floating, strict=True)
    ]
    scalar = not function.cotangents
    constants = [
        {
            "name": c.name,
            "values": repr(list(c.values)),
            "dtype": numpy_type(c.dtype),
            "shape": repr(c.shape),
        }
        for c in function.constants
    ]
    door = door_lines(
        function.name, function.forward.arguments, function.rules, function.requirements
    )
    return {
        "name": function.name,
        "docstring": _summary(function.docstring),
        "line": function.line,
        "notes": list(function.notes),
        "formulas": list(function.formulas),
        "matrix_formulas": list(function.matrix_formulas),
        "class_name": f"{_camel(function.name)}Gradients",
        "arguments": arguments,
        "sizes": sizes,
        "names": names,
        "wrt": [
            {
                "name": name,
                "adjoint": adjoint,
                "shape": ", ".join(statements[adjoint].shape),
                "extents": _tuple(statements[adjoint].shape),
                "rank": len(statements[adjoint].shape),
                "dtype": numpy_type(statements[adjoint].dtype),
            }
            for name, adjoint in zip(function.wrt, adjoints, strict=True)
        ],
        "single_wrt": function.single_wrt,
        "returns_tuple": function.returns_tuple,
        "outputs": [
            {
                "name": name,
                "rank": len(statements[name].shape),
                "shape": ", ".join(statements[name].shape),
                "dtype": numpy_type(statements[name].dtype),
                "floating": is_floating,
            }
            for name, is_floating in zip(outputs, function.floating_outputs, strict=True)
        ],
        "cotangents": cotangents,
        "scalar": scalar,
        "constants": constants,
        "door": door,
        "kernels": [
            *forward.kernels,
            *gradient.kernels,
            *(kernel for d in derivatives for kernel in d["kernels"]),
        ],
        "signatures": [
            *forward.signatures,
            *gradient.signatures,
            *(signature for d in derivatives for signature in d["signatures"]),
        ],
        "forward_body": list(forward.body),
        "gradient_body": list(gradient.body),
        "lines": [
            *forward.body,
            *gradient.body,
            *(line for d in derivatives for line in d["body"]),
        ],
        "derivatives": derivatives,
        "jacobian_class": f"{_camel(function.name)}Jacobian",
    }


_SUMMARIES = {
    "hessian": "The second derivative, stored by its structure, of",
    "hessian_diagonal": "The second derivative by each element alone, of",
    "value_grad_hessian": "The value, the gradient and the second derivative of",
    "jacobian": "The first derivative, stored by its structure, of",
    "jacobian_sparse": "The first derivative as compressed rows, one column for each element, of",
}


def _derivative_values(
    derivative: DerivativeCode,
    target: Target,
    helpers: dict[str, None],
    nests: dict[str, str],
    options: Options,
) -> dict[str, Any]:
    """What the template needs to know of one product of a function."""
    printed = _print(derivative.program, target, helpers, nests, options)
    lines = derivative.cpu_lines if target == "cpu" else derivative.lines
    if any("_add_turned(" in line for line in lines):
        helpers.setdefault("cpu/add_turned")
    # Structures hold NumPy arrays, so what a GPU computed for them is copied to the host.
    outputs = derivative.program.outputs if target == "cuda" else ()
    fetched = [f"{name} = run.to_host({name})" for name in outputs]
    if any("run.check_index(" in line for line in printed.body):
        fetched.insert(0, "run.finish()")
    return {
        "product": derivative.product,
        "vectors": list(derivative.vectors),
        "kernels": list(printed.kernels),
        "signatures": list(printed.signatures),
        "body": [*printed.body, *fetched, *lines],
        "result": derivative.result,
        "summary": _SUMMARIES.get(derivative.product, ""),
        "formulas": list(derivative.formulas),
        "notes": list(derivative.notes),
    }


def _index_extent(program: FrozenProgram, name: str) -> str:
    """The extent an integer argument indexes, for sampling legal values; empty if none."""
    for statement in program.statements:
        if isinstance(statement, FrozenIndexCheck) and statement.source == name:
            return statement.extent
    return ""


def _is_factorised(program: FrozenProgram, name: str) -> bool:
    """Whether an argument is a matrix of linear algebra, which is to be regular."""
    operations = (s for s in program.statements if isinstance(s, FrozenMatrixOperation))
    return any(s.operands[0] == name for s in operations)


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _summary(docstring: str) -> str:
    lines = [line.strip() for line in docstring.strip().splitlines()]
    first = lines[0] if lines else ""
    return textwrap.shorten(first, 88).replace("\\", "").replace('"', "'")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
