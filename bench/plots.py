"""Time against size, one plot for each program, into docs/."""

from __future__ import annotations

import math
from pathlib import Path

from bench.programs import PROGRAMS
from bench.results import Results
from bench.spec import BenchProgram, Measurement

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
COLOURS = {
    "symgrad": "#c2185b",
    "jax": "#1565c0",
    "torch": "#ef6c00",
    "torch_compile": "#f9a825",
    "native": "#424242",
}


def curves(
    program: BenchProgram, results: Results, threads: int
) -> dict[str, list[tuple[int, float]]]:
    """Least time by size for each peer, its best variant."""
    found: dict[str, list[tuple[int, float]]] = {}
    for size in program.trend:
        row = [
            m
            for m in results.measurements
            if (m.program, m.size, m.threads) == (program.name, size, threads)
        ]
        for peer in COLOURS:
            own = [m.median for m in row if m.peer == peer and timed(m)]
            if own:
                found.setdefault(peer, []).append((moving(program, size), min(own)))
    return found


def timed(m: Measurement) -> bool:
    """Whether there is a time; reused outputs are left out, since peers have none."""
    return not math.isnan(m.median) and m.variant != "out="


def moving(program: BenchProgram, size: tuple[int, ...]) -> int:
    """The length of the axis that changes along the trend."""
    axis = next(k for k in range(len(size)) if len({other[k] for other in program.trend}) > 1)
    return size[axis]


def draw(results: Results, threads: int) -> list[Path]:
    """A plot of every program with a trend; the files."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "symgrad"
    from matplotlib import pyplot

    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for program in PROGRAMS.values():
        lines = curves(program, results, threads)
        if not any(len(points) > 1 for points in lines.values()):
            continue
        figure, axes = pyplot.subplots(figsize=(5.2, 3.4), layout="constrained")
        for peer, points in lines.items():
            x, y = zip(*points, strict=True)
            milliseconds = [1e3 * seconds for seconds in y]
            axes.loglog(x, milliseconds, "o-", color=COLOURS[peer], label=peer, markersize=3)
        fixed = " × ".join(map(str, program.trend[0][1:]))
        axes.set_title(program.title + (f", … × {fixed}" if fixed else ""), fontsize=9)
        axes.set_xlabel(f"{program.axes}: the axis that grows", fontsize=8)
        axes.set_ylabel("ms, value and gradients", fontsize=8)
        axes.grid(True, which="major", linewidth=0.4, alpha=0.5)
        axes.legend(fontsize=7, frameon=False)
        path = FOLDER / f"{program.name}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
        written.append(path)
    return written
