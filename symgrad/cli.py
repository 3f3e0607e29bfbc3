"""The command line: `symgrad compile`, `symgrad show`, `symgrad check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from symgrad.api import import_file
from symgrad.capture import parse_named_shape
from symgrad.compilation import CompiledFile, Request, compile_file, derive_file, warm
from symgrad.driver import Timings
from symgrad.errors import ModelError, SymgradError
from symgrad.simplify import PASS_NAMES
from symgrad.version import __version__

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
        print("symgrad: interrupted; nothing was written", file=sys.stderr)
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
    compiling.add_argument("--target", choices=("cpu", "numpy"), default="cpu")
    compiling.add_argument("--force", action="store_true", help="overwrite a foreign file")
    compiling.add_argument(
        "--no-warm", action="store_true", help="leave compilation to the first import"
    )
    compiling.add_argument("--timings", action="store_true", help="seconds of each stage and pass")
    compiling.add_argument("--quiet", action="store_true", help="print nothing but errors")
    compiling.set_defaults(run=_compile)
    showing = commands.add_parser("show", help="print the formulas of a model and its gradient")
    _add_model_options(showing)
    showing.set_defaults(run=_show)
    checking = commands.add_parser("check", help="run the self-check of a generated module")
    checking.add_argument("module", metavar="MODULE", help="path of a generated module")
    checking.set_defaults(run=_check)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL[:FUNCTION]", help="model file, and one function")
    parser.add_argument("--wrt", metavar="NAMES", help="arguments to differentiate by, with commas")
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), help="type of floating arguments"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PASS",
        help=f"leave out a simplification: {', '.join(PASS_NAMES)}",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar='"X: f64[n, d]"',
        help="type and shape of an argument without annotation",
    )


def _request(options: argparse.Namespace) -> Request:
    path, _, function = options.model.rpartition(":")
    if not path or "/" in function or "\\" in function or function.endswith(".py"):
        path, function = options.model, ""
    names = tuple(n.strip() for n in options.wrt.split(",") if n.strip()) if options.wrt else None
    wrt: str | tuple[str, ...] | None = names
    if names is not None and len(names) == 1 and "," not in options.wrt:
        wrt = names[0]
    shapes: dict[str, str] = {}
    for text in options.shape:
        name, separator, shape = text.partition(":")
        if not separator:
            raise ModelError(f'--shape "{text}": expected "NAME: f64[n, d]"')
        parse_named_shape(text)
        shapes[name.strip()] = shape.strip()
    output = getattr(options, "output", None)
    return Request(
        model=Path(path),
        function=function or None,
        output=Path(output) if output else None,
        wrt=wrt,
        target=getattr(options, "target", "cpu"),
        dtype=options.dtype,
        without=tuple(options.without),
        shapes=shapes or None,
        force=getattr(options, "force", False),
    )


def _compile(options: argparse.Namespace) -> int:
    console = Console(stderr=True, quiet=options.quiet)
    request = _request(options)
    with console.status("deriving and emitting …"):
        compiled = compile_file(request)
    kernels = compiled.text.count("@njit(\n") + compiled.text.count('@njit("')
    if kernels and not options.no_warm:
        with console.status(f"compiling {kernels} kernels …"), compiled.timings.stage("compile"):
            warm(compiled.path)
    if not options.quiet:
        _print_summary(compiled, kernels, options.timings)
    return 0


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
    print(f"wrote {compiled.path} ({lines} lines, {kernels} kernels)")
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
        print()
    return 0


def _check(options: argparse.Namespace) -> int:
    path = Path(options.module)
    if not path.is_file():
        raise ModelError(f"there is no module '{path}'")
    module = import_file(path)
    check = getattr(module, "_self_check", None)
    if check is None:
        raise ModelError(f"'{path}' was not generated by symgrad: it has no self-check")
    return 0 if check() else 1
