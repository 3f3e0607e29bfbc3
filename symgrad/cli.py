"""The command line: `symgrad compile`, `symgrad show`, `symgrad check`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from symgrad.ahead import KernelReport, compile_ahead, format_reports, parse_capabilities
from symgrad.capture import parse_named_shape
from symgrad.compilation import (
    CompiledFile,
    Request,
    check_module,
    compile_file,
    derive_file,
)
from symgrad.derivatives import PRODUCTS
from symgrad.driver import Timings
from symgrad.errors import ModelError, SymgradError
from symgrad.explain.command import register_explain, register_report
from symgrad.simplify import PASS_NAMES
from symgrad.version import __version__
from symgrad.warming import warm

__all__ = ["main"]

_EXAMPLES = """\
examples:
  symgrad compile examples/logistic_regression/model.py
  symgrad compile model.py:loss -o loss_grad.py --wrt w,b
  symgrad compile plain.py:energy --shape "x: f64[n, 3]" --target numpy
  symgrad show model.py
  symgrad check generated/logistic_regression_grad.py
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, or 1 after printing what went wrong and what to do."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Greek letters
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 1
    try:
        return int(options.run(options))
    except SymgradError as error:
        print(f"symgrad: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("symgrad: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symgrad",
        description="Derives gradients of NumPy programs symbolically and compiles them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"symgrad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    compiling = commands.add_parser(
        "compile",
        help="write the gradient module of a model file",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_model_options(compiling)
    compiling.add_argument("-o", "--output", metavar="PATH", help="file to write")
    compiling.add_argument(
        "--target",
        choices=("cpu", "numpy", "cuda"),
        default="cpu",
        help="cpu: Numba kernels (the default); numpy: array statements, nothing to compile; "
        "cuda: kernels for an NVIDIA GPU",
    )
    compiling.add_argument(
        "--force", action="store_true", help="overwrite a file that symgrad did not write"
    )
    compiling.add_argument(
        "--no-warm", action="store_true", help="leave compilation to the first calls"
    )
    compiling.add_argument(
        "--cc",
        metavar="80,90",
        help="compile CUDA kernels ahead of time for these compute capabilities, and report their "
        "registers; needs no GPU",
    )
    compiling.add_argument(
        "--atomics",
        action="store_true",
        help="with --target cuda: add sums over the values of an index array by atomics, without "
        "sorting it; the last bits may then differ from call to call",
    )
    compiling.add_argument(
        "--cublas",
        action="store_true",
        help="with --target cuda: leave large products of matrices to cuBLAS, and linear algebra "
        "of large ones to cuSOLVER; calls need CuPy",
    )
    compiling.add_argument("--timings", action="store_true", help="seconds of each stage and pass")
    compiling.add_argument("--quiet", action="store_true", help="print nothing but errors")
    compiling.set_defaults(run=_compile)
    showing = commands.add_parser("show", help="print the formulas of a model and its gradient")
    _add_model_options(showing)
    showing.set_defaults(run=_show)
    register_explain(commands, _add_model_options, _request)
    register_report(commands, _add_model_options, _request)
    checking = commands.add_parser("check", help="run the self-check of a generated module")
    checking.add_argument("module", metavar="MODULE", help="path of a generated module")
    checking.add_argument(
        "--accuracy",
        action="store_true",
        help="report the decimal digits that values and gradients lose, and where",
    )
    checking.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="with --accuracy: how long inputs are searched for one function (default: 60)",
    )
    checking.set_defaults(run=_check)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL[:FUNCTION]", help="model file, and one function")
    parser.add_argument(
        "--wrt",
        metavar="NAMES",
        help="arguments to differentiate by, with commas between them; a single name makes the "
        "gradient a bare array, 'w,' keeps the tuple of one",
    )
    parser.add_argument(
        "--emit",
        metavar="PRODUCTS",
        default="",
        help=f"further functions, with commas between them: {', '.join(PRODUCTS)}",
    )
    parser.add_argument(
        "--order",
        type=int,
        choices=(1, 2),
        help="2 adds hvp, hessian and value_grad_hessian (jvp and jacobian if the result is no "
        "0-d value); by default that of @program(order=...)",
    )
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), help="type of floating arguments"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PASS",
        help=f"leave out a simplification (again for more): {', '.join(PASS_NAMES)}",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar='"X: f64[n, d]"',
        help="type and shape of an argument without annotation (again for more)",
    )


def _request(options: argparse.Namespace) -> Request:
    path, function = _split_model(options.model)
    output = getattr(options, "output", None)
    return Request(
        model=Path(path),
        function=function or None,
        output=Path(output) if output else None,
        wrt=_read_wrt(options.wrt),
        target=getattr(options, "target", "cpu"),
        dtype=options.dtype,
        without=tuple(options.without),
        shapes=_read_shapes(options.shape) or None,
        force=getattr(options, "force", False),
        emit=tuple(name.strip() for name in options.emit.split(",") if name.strip()),
        order=options.order,
        atomics=getattr(options, "atomics", False),
        cublas=getattr(options, "cublas", False),
    )


def _split_model(text: str) -> tuple[str, str]:
    """MODEL[:FUNCTION] in its two parts; a colon inside a path is left alone."""
    path, separator, function = text.rpartition(":")
    if separator and path and not function:
        raise ModelError(f"'{text}': the name of a function is missing after the colon")
    if not path or "/" in function or "\\" in function or function.endswith(".py"):
        return text, ""
    return path, function


def _read_wrt(text: str | None) -> str | tuple[str, ...] | None:
    """ "w" is one name, "w,b" and "w," are tuples."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    return names[0] if len(names) == 1 and "," not in text else names


def _read_shapes(texts: Sequence[str]) -> dict[str, str]:
    shapes: dict[str, str] = {}
    for text in texts:
        name, separator, shape = text.partition(":")
        if not separator:
            raise ModelError(f'--shape "{text}": expected "NAME: f64[n, d]"')
        try:
            parse_named_shape(text)
        except ModelError as error:
            raise ModelError(f'--shape "{text}": {error}') from None
        shapes[name.strip()] = shape.strip()
    return shapes


def _compile(options: argparse.Namespace) -> int:
    console = Console(stderr=True, quiet=options.quiet)
    request = _request(options)
    capabilities = parse_capabilities(options.cc) if options.cc else ()
    if capabilities and request.target != "cuda":
        raise ModelError("--cc is for --target cuda: the other targets have no kernels for a GPU")
    with console.status("deriving and emitting …"):
        compiled = compile_file(request)
    kernels = compiled.text.count("@_kernel(")
    if kernels and not options.no_warm:
        _warm(compiled, kernels, console)
    reports: tuple[KernelReport, ...] = ()
    if capabilities:
        with console.status("compiling ahead …"), compiled.timings.stage("compile"):
            reports = compile_ahead(compiled.path, capabilities)
    if not options.quiet:
        shown = kernels or compiled.text.count("@cuda.jit(**")
        _print_summary(compiled, shown, options.timings)
        if reports:
            print(format_reports(reports), end="")
    return 0


def _warm(compiled: CompiledFile, kernels: int, console: Console) -> None:
    with Progress(console=console, transient=True) as bar, compiled.timings.stage("compile"):
        task = bar.add_task(f"compiling {kernels} kernels", total=kernels)
        warm(compiled.path, lambda name: bar.advance(task))


def _print_summary(compiled: CompiledFile, kernels: int, timings: bool) -> None:
    for derived in compiled.derived:
        count = len(derived.gradient.program.definitions)
        by = ", ".join(derived.model.wrt)
        print(
            f"{derived.name} by {by}: {count} formulas, "
            f"{derived.operations_before} operations simplified to {derived.operations_after}"
        )
        for note in derived.notes:
            print(f"  {note}")
    lines = compiled.text.count("\n")
    verb = "wrote" if compiled.changed else "unchanged:"
    print(f"{verb} {compiled.path} ({lines} lines, {kernels} kernels)")
    stages = compiled.timings.seconds.items()
    print("  " + ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in stages))
    if timings:
        _print_passes(compiled)


def _print_passes(compiled: CompiledFile) -> None:
    table = Table(title="simplification", title_justify="left")
    for column in ("function", "pass", "changes", "operations", "ms"):
        table.add_column(column, justify="left" if column in ("function", "pass") else "right")
    for derived in compiled.derived:
        for report in derived.reports:
            table.add_row(
                derived.name,
                report.name,
                str(report.changes),
                f"{report.operations_before} → {report.operations_after}",
                f"{report.milliseconds:.1f}",
            )
    Console().print(table)


def _show(options: argparse.Namespace) -> int:
    for derived in derive_file(_request(options), Timings()):
        print(f"{derived.name} ({derived.model.source}:{derived.model.line})\n")
        for line in derived.formulas().splitlines():
            print(f"  {line}")
        for note in derived.notes:
            print(f"  {note}")
        matrix = derived.matrix_formulas()
        if matrix:
            print("\n  in matrix notation:\n")
        for line in matrix:
            print(f"  {line}")
        print()
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.accuracy:
        from symgrad.precision.command import module_accuracy

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("inputs tried")

            def tried(done: int, planned: int) -> None:
                bar.update(task, completed=done, total=planned)

            for found in module_accuracy(Path(options.module), 40, options.seconds, tried):
                print(found)
        return 0
    return 0 if check_module(Path(options.module)) else 1
