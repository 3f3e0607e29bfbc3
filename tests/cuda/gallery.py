"""Checks of the gallery's functions as CUDA modules in the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np

from examples.gallery import ENTRIES, Entry
from symgrad.explain.sampling import sample_values
from tests.cuda.simulate import compare, cuda_module, flat_vjp, run_all
from tests.support import build


def check_entry(entry: Entry) -> None:
    """Value and gradient at the first point with finite ones."""
    module = build(entry.function, entry.shapes, wrt=next(iter(entry.shapes)))
    python = cuda_module(module)
    for values, _ in sample_values(module.model.program, points=6, seed=12):
        arguments = {name: values[name] for name in entry.shapes}
        (value,), products = module.vjp("cpu", arguments, [np.array(1.5)])
        if all(np.all(np.isfinite(array)) for array in (value, *products)):
            compare(entry.title, flat_vjp(module, python, arguments, [1.5]), (value, *products))
            return
    raise AssertionError("no point with a finite value")


CHECKS: dict[str, Callable[[], None]] = {e.title: partial(check_entry, e) for e in ENTRIES}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
