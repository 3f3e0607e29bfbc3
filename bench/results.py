"""Measurements kept between runs as JSON: a later run replaces what it measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.machine import Machine
from bench.spec import Measurement
from bench.starting import FirstResult, NewSizes, Start

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that the tables are made of."""

    facts: dict[str, str]
    machines: tuple[Machine, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    starts: tuple[Start, ...] = ()
    first_results: tuple[FirstResult, ...] = ()
    new_sizes: tuple[NewSizes, ...] = ()

    def merged(self, newer: Iterable[Measurement]) -> Results:
        """With newer measurements in the place of older ones; memory is kept from before."""
        kept = {m.key: m for m in self.measurements}
        for m in newer:
            before = kept.get(m.key)
            if before is not None and m.extra_bytes is None:
                m = replace(m, extra_bytes=before.extra_bytes)
            kept[m.key] = m
        return replace(self, measurements=tuple(kept.values()))

    def with_memory(self, found: Iterable[tuple[tuple[Any, ...], int | None]]) -> Results:
        """With peaks of memory put to their measurements."""
        peaks = dict(found)
        return replace(
            self,
            measurements=tuple(
                replace(m, extra_bytes=peaks[m.key]) if m.key in peaks else m
                for m in self.measurements
            ),
        )


def save(results: Results, path: Path) -> None:
    """Writes the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Reads results, or begins anew if there are none."""
    if not path.exists():
        return Results({})
    data = json.loads(path.read_text(encoding="utf-8"))
    return Results(
        facts=data["facts"],
        machines=tuple(Machine(**entry) for entry in data["machines"]),
        measurements=tuple(
            Measurement(**{**entry, "size": tuple(entry["size"])}) for entry in data["measurements"]
        ),
        starts=tuple(Start(**entry) for entry in data["starts"]),
        first_results=tuple(FirstResult(**entry) for entry in data["first_results"]),
        new_sizes=tuple(NewSizes(**entry) for entry in data["new_sizes"]),
    )
