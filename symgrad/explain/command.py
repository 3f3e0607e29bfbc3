"""`symgrad explain` and `symgrad report`: formulas, derivation and cost, as text or as a page."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from symgrad.ahead import kernel_table, parse_capabilities
from symgrad.codegen import write_atomically
from symgrad.compilation import Request, derive_file
from symgrad.driver import Derived, Timings, emit
from symgrad.errors import ModelError, OutputError
from symgrad.explain.explanation import Explanation, explain
from symgrad.explain.formats import FORMATS, Format
from symgrad.explain.report import report_page
from symgrad.explain.steps import StepRecorder
from symgrad.modules import load

__all__ = ["make_report", "register_explain", "register_report"]

_MARK = '<meta name="generator" content="symgrad">'


def register_explain(
    commands: Any,
    add_model_options: Callable[[argparse.ArgumentParser], None],
    request: Callable[[argparse.Namespace], Request],
) -> None:
    """Adds the command to the parser; the two functions are what all commands on models share."""
    parser = commands.add_parser(
        "explain", help="print a model's program, derivatives, derivation and cost"
    )
    add_model_options(parser)
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text", help="of the output (default: text)"
    )
    parser.add_argument(
        "--notation",
        choices=("index", "matrix"),
        help="of the derivatives; by default both, matrix notation where there is one",
    )
    parser.add_argument("--cost", action="store_true", help="operations and bytes by sizes")
    parser.add_argument(
        "--cc",
        metavar="80,90",
        help="with --cost: registers and memory of the CUDA kernels for these compute capabilities",
    )
    parser.add_argument(
        "--schedule", action="store_true", help="tiles, loops and scratch of the kernels, and why"
    )
    parser.add_argument("--steps", action="store_true", help="what each pass changed")
    parser.set_defaults(run=lambda options: _explain(options, request(options)))


def register_report(
    commands: Any,
    add_model_options: Callable[[argparse.ArgumentParser], None],
    request: Callable[[argparse.Namespace], Request],
) -> None:
    """Adds the command to the parser; the two functions are what all commands on models share."""
    parser = commands.add_parser(
        "report", help="write a page with formulas, data flow, kernels, cost and timings"
    )
    add_model_options(parser)
    parser.add_argument("-o", "--output", metavar="PATH", help="file to write (NAME_report.html)")
    parser.add_argument(
        "--sizes", default="", metavar="n=1000,d=20", help="sizes to measure and count with"
    )
    parser.add_argument(
        "--no-timings", action="store_true", help="compile and run nothing, measure nothing"
    )
    parser.set_defaults(run=lambda options: _report(options, request(options)))


def _report(options: argparse.Namespace, request: Request) -> int:
    sizes = _read_sizes(options.sizes)
    derived = derive_file(request, Timings())
    if len(derived) > 1 and options.output:
        names = ", ".join(one.name for one in derived)
        raise ModelError(
            f"'{request.model}' has several functions ({names}); give one as MODEL:FUNCTION, or "
            f"leave out -o"
        )
    console = Console(stderr=True)
    for one in derived:
        path = Path(options.output) if options.output else Path(f"{one.name}_report.html")
        check_page(path)
        with console.status(f"making {path} …"):
            write_atomically(path, make_report(one, sizes, timings=not options.no_timings))
        print(f"wrote {path} ({path.stat().st_size / 1024:.0f} KB)")
    return 0


def check_page(path: Path) -> None:
    """Refuses to overwrite a file that is no report.

    Raises:
        OutputError: there is one, or a folder.
    """
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder; give the file to write with -o")
    if path.exists() and _MARK not in path.read_text(encoding="utf-8", errors="replace")[:600]:
        raise OutputError(f"'{path}' exists and is no report; choose another file with -o")


def make_report(derived: Derived, sizes: Mapping[str, int], timings: bool = True) -> str:
    """The page for one function; with `timings`, its module is compiled, imported and run."""
    source = emit(
        (derived,),
        source=derived.model.source,
        digest=hashlib.sha256(repr(derived.model.program).encode()).hexdigest(),
        target="cpu",
        options="target cpu",
        timings=Timings(),
    )
    return report_page(derived, source, load(derived, source) if timings else None, sizes)


def _read_sizes(text: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        if not number.strip().isdigit() or int(number) < 1:
            raise ModelError(f'--sizes "{text}": expected NAME=NUMBER, with commas between them')
        sizes[name.strip()] = int(number)
    return sizes


def _explain(options: argparse.Namespace, request: Request) -> int:
    recorder = StepRecorder()
    derived = derive_file(request, Timings(), recorder if options.steps else None)
    for one in derived:
        steps = recorder.steps if len(derived) == 1 else ()
        shown = explain(
            one,
            notation=options.notation,
            cost=options.cost,
            steps=steps,
            scheduling=options.schedule,
        )
        _print(shown, options.format)
    if options.cost and options.cc:
        sys.stdout.write(kernel_table(request, parse_capabilities(options.cc)))
    return 0


def _print(explanation: Explanation, name: Format) -> None:
    text = FORMATS[name](explanation)
    console = Console(highlight=False, soft_wrap=True)
    if name != "text" or not console.is_terminal:
        sys.stdout.write(text)
        return
    titles = {section.title for section in explanation.sections}
    for line in text.splitlines():
        console.print(line, style="bold" if line in titles else None, markup=False)
