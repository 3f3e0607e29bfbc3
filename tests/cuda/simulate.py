"""Runs generated CUDA modules in Numba's simulator; started by tests as a process of its own.

The simulator is chosen by an environment variable that Numba reads when it is imported, and a
simulated thread is a thread of Python, so blocks are small here: sizes of a few elements are then
already above one block and above one grid.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.modules import load
from symgrad.schedule.cuda_plan import CudaOptions
from tests.cuda.turns import take_turns
from tests.operations import Operation, sample_arguments, size_names
from tests.support import C_MATH, Built, assert_close, magnitude
from tests.targets.test_operations_vjp import (
    DISCRETE,
    OPERATIONS,
    built,
    built_for_values,
    cotangents_of,
    numpy_value,
)

take_turns()
EXACT = 1e-12
SMALL = CudaOptions(
    threads=4,
    most_blocks=2,
    least_tiles=2,
    tile_rows=5,
    tile_elements=40,
    most_parts=64,
    most_lanes=2,
    least_threads=8,
    chunk=2,
    side=2,
)
Array = np.ndarray


def cuda_module(module: Built, options: CudaOptions = SMALL) -> Any:
    """The CUDA module of a derived function, with `math` as C has it."""
    python = load(module.derived, module.source("cuda", options)).python
    python.math = C_MATH
    return python


def sizings(operation: Operation) -> Iterator[dict[str, int]]:
    """Small odd sizes, more elements than two blocks of four threads, and zeros."""
    names = size_names(operation)
    least = operation.least
    yield {name: max(least, (9, 3, 5)[k % 3]) for k, name in enumerate(names)}
    if not names:
        return
    yield {name: max(least, (3, 1, 2)[k % 3]) for k, name in enumerate(names)}
    if least == 0 and operation.empty:
        yield dict.fromkeys(names, 0)
    if least == 0 and operation.empty and len(names) > 1:
        yield {name: 0 if name == names[-1] else 2 for name in names}


def check_operation(operation: Operation) -> None:
    """Values, and products where there are any, against the CPU target as plain Python."""
    rng = np.random.default_rng(len(operation.name))
    discrete = operation in DISCRETE
    module = built_for_values(operation.name) if discrete else built(operation.name)
    python = cuda_module(module)
    for number, sizes in enumerate(sizings(operation)):
        arguments = sample_arguments(operation, rng, sizes)
        try:
            expected = numpy_value(operation, arguments)
        except (ValueError, IndexError, ZeroDivisionError):
            continue
        what = f"{operation.name} {sizes}"
        if discrete:
            arguments = {**arguments, "companion": np.float64(3.0)}
        if discrete or number == 0:
            wanted = module.value("cpu", arguments)
            compare(what, as_tuple(python.f(**arguments), module.model.returns_tuple), wanted)
        if not discrete:
            cotangents = cotangents_of(expected, rng)
            values, products = module.vjp("cpu", arguments, cotangents)
            compare(what, flat_vjp(module, python, arguments, cotangents), (*values, *products))


def flat_vjp(
    module: Built, python: Any, arguments: dict[str, Any], cotangents: Sequence[Any]
) -> tuple[Array, ...]:
    """Values and products of a CUDA module, one after another."""
    run = getattr(python, f"{module.derived.name}_vjp")
    if module.model.returns_tuple:
        values, products = run(**arguments, cotangents=tuple(cotangents))
    else:
        values, products = run(**arguments, cotangent=cotangents[0])
    return (
        *as_tuple(values, module.model.returns_tuple),
        *as_tuple(products, not module.model.single_wrt),
    )


def as_tuple(result: Any, is_tuple: bool) -> tuple[Array, ...]:
    return tuple(map(np.asarray, result)) if is_tuple else (np.asarray(result),)


def compare(what: str, found: tuple[Array, ...], wanted: tuple[Array, ...]) -> None:
    for mine, reference in zip(found, wanted, strict=True):
        assert mine.dtype == reference.dtype, f"{what}: {mine.dtype}, not {reference.dtype}"
        # What vanishes in exact arithmetic is left as the rounding of numbers of order one.
        atol = 1e-14 * magnitude(reference) + 1e-15
        assert_close(mine, reference, EXACT, atol=atol, what=what)


def run_all(checks: dict[str, Callable[[], None]]) -> dict[str, str]:
    """What each check said: an empty text where it passed."""
    found = {}
    for name, check in checks.items():
        try:
            with np.errstate(all="ignore"):
                check()
            found[name] = ""
        except Exception:  # a check that fails is a line of the report; the others still run
            found[name] = traceback.format_exc(limit=-4)
    return found


def operation_checks(part: int, parts: int) -> dict[str, Callable[[], None]]:
    """The checks of every so-manieth operation of the table."""
    return {op.name: partial(check_operation, op) for op in OPERATIONS[part::parts]}


def main() -> None:
    """`simulate PART PARTS`: a part of the table; `simulate NAME…`: these operations."""
    if sys.argv[1].isdigit():
        checks = operation_checks(int(sys.argv[1]), int(sys.argv[2]))
    else:
        chosen = [op for op in OPERATIONS if op.name in sys.argv[1:]]
        checks = {op.name: partial(check_operation, op) for op in chosen}
    print(json.dumps(run_all(checks)))


if __name__ == "__main__":
    main()
