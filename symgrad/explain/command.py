"""`symgrad explain`: formulas, derivation and cost of a model, on the terminal or as a document."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

from symgrad.compilation import Request, derive_file
from symgrad.driver import Timings
from symgrad.explain.explanation import Explanation, explain
from symgrad.explain.formats import FORMATS
from symgrad.explain.steps import StepRecorder

__all__ = ["register_explain"]


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
    parser.add_argument("--steps", action="store_true", help="what each pass changed")
    parser.set_defaults(run=lambda options: _explain(options, request(options)))


def _explain(options: argparse.Namespace, request: Request) -> int:
    recorder = StepRecorder()
    derived = derive_file(request, Timings(), recorder if options.steps else None)
    for one in derived:
        steps = recorder.steps if len(derived) == 1 else ()
        shown = explain(one, notation=options.notation, cost=options.cost, steps=steps)
        _print(shown, options.format)
    return 0


def _print(explanation: Explanation, name: str) -> None:
    text = FORMATS[name](explanation)  # type: ignore[index]
    console = Console(highlight=False, soft_wrap=True)
    if name != "text" or not console.is_terminal:
        sys.stdout.write(text)
        return
    titles = {section.title for section in explanation.sections}
    for line in text.splitlines():
        console.print(line, style="bold" if line in titles else None, markup=False)
