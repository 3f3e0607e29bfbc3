"""Time against size, one plot for each program that has sizes, into docs/benchmarks/.

    python -m bench.plots [--only NAMES] [--peers NAMES] [--threads 2] [--rounds 2] [--seconds 0.05]

The tables are measured apart, so that a plot never joins times of different days. The numbers
are kept in bench/results/plots.json.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import results
from bench.programs import PROGRAMS
from bench.results import Results
from bench.session import Settings, cores, installed, measure, processes
from bench.spec import BenchProgram, Measurement

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
NUMBERS = results.FOLDER / "plots.json"
COLOURS = {
    "symgrad": "#c2185b",
    "jax": "#1565c0",
    "torch": "#ef6c00",
    "torch_compile": "#f9a825",
    "native": "#424242",
}
NAMES = {"jax": "JAX", "torch_compile": "torch.compile", "native": "C++"}
FORMATS = {
    "svg.hashsalt": "symgrad",
    "svg.fonttype": "none",  # letters stay text: a fifth of the size, and can be searched
    "font.family": "sans-serif",
    "font.size": 8,
}


def curves(
    program: BenchProgram, found: Results, threads: int
) -> dict[str, list[tuple[int, float]]]:
    """Median time by size for each peer, its best variant; reused outputs are left out."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for size in program.trend:
        row = [
            m
            for m in found.measurements
            if (m.program, m.size, m.threads) == (program.name, size, threads) and timed(m)
        ]
        for peer in COLOURS:
            own = [m.median for m in row if m.peer == peer]
            if own:
                lines.setdefault(peer, []).append((size[moving(program)], min(own)))
    return lines


def timed(m: Measurement) -> bool:
    """Whether there is a time; reused outputs are left out, since peers have none."""
    return not math.isnan(m.median) and m.variant != "out="


def moving(program: BenchProgram) -> int:
    """The position of the axis that changes along the trend."""
    first = program.trend[0]
    return next(k for k in range(len(first)) if len({size[k] for size in program.trend}) > 1)


def caption(program: BenchProgram) -> tuple[str, str]:
    """The title, with the sizes that stay, and the name of the axis that grows."""
    axes = re.split("[,×]", program.axes)
    grows = moving(program)
    fixed = [
        f"{axis} = {size}"
        for k, (axis, size) in enumerate(zip(axes, program.trend[0], strict=True))
        if k != grows
    ]
    return program.title + (f"; {', '.join(fixed)}" if fixed else ""), axes[grows]


def drawn(program: BenchProgram) -> Path | None:
    """The plot of a program, if there is one."""
    path = FOLDER / f"{program.name}.svg"
    return path if path.exists() else None


def draw(found: Results, threads: int) -> list[Path]:
    """A plot of every program with a curve; the files."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(FORMATS)
    from matplotlib import pyplot

    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for program in PROGRAMS.values():
        lines = curves(program, found, threads)
        if not any(len(points) > 1 for points in lines.values()):
            continue
        title, axis = caption(program)
        figure, axes = pyplot.subplots(figsize=(5.2, 3.4), layout="constrained")
        for peer, points in lines.items():
            x, y = zip(*points, strict=True)
            milliseconds = [1e3 * seconds for seconds in y]
            name = NAMES.get(peer, peer)
            axes.loglog(x, milliseconds, "o-", color=COLOURS[peer], label=name, markersize=3)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(axis)
        axes.set_ylabel(f"ms for values and gradients, {threads} threads")
        label_sizes(axes, program)
        axes.grid(True, linewidth=0.4, alpha=0.5)
        axes.legend(frameon=False)
        path = FOLDER / f"{program.name}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
        written.append(path)
    return written


def label_sizes(axes: Any, program: BenchProgram) -> None:
    """Plain numbers at the sizes that were measured, and at 1, 2, 5, 10 … ms."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    sizes = [size[moving(program)] for size in program.trend]
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    low, high = axes.get_ylim()
    steps = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())


def measured(
    chosen: Sequence[BenchProgram], threads: int, settings: Settings, kept: Results
) -> Results:
    """The trend of every program, kept after each size, so that a run can be ended."""
    for program in chosen:
        with processes(settings.peers, threads) as running:
            for size in program.trend:
                row = measure(program, size, threads, running, settings)
                kept = kept.merged(row)
                results.save(kept, NUMBERS)
                times = ", ".join(f"{m.column} {1e3 * m.median:.4g}" for m in row)
                print(f"{program.name} {size}: {times}", flush=True)
    return kept


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the trends, then draws."""
    parser = argparse.ArgumentParser(prog="python -m bench.plots", description=__doc__)
    parser.add_argument("--only", default=",".join(n for n, p in PROGRAMS.items() if p.trend))
    parser.add_argument("--peers", default="symgrad,jax,torch")
    parser.add_argument("--threads", type=int, default=len(cores()))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--draw-only", action="store_true", help="measure nothing")
    options = parser.parse_args(arguments)
    kept = results.load(NUMBERS)
    if not options.draw_only:
        peers = tuple(filter(installed, options.peers.split(",")))
        settings = Settings(options.rounds, options.seconds, peers)
        chosen = [PROGRAMS[name] for name in options.only.split(",")]
        kept = measured(chosen, options.threads, settings, kept)
    for path in draw(kept, options.threads):
        print(path)


if __name__ == "__main__":
    main()
