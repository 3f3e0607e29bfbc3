"""The captured program has NumPy's value, shape and type, at every kind of size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from symgrad.capture import capture
from symgrad.program import DType, evaluate
from tests.operations import (
    OPERATIONS,
    Operation,
    argument_specs,
    sample_arguments,
    size_names,
)

TOLERANCE = {"float64": (1e-12, 1e-13), "float32": (2e-4, 1e-5)}


def sizes_to_try(operation: Operation, rng: np.random.Generator) -> Iterator[dict[str, int]]:
    """Random sizes, all ones, all zeros, and a mixture of small ones."""
    names = size_names(operation)
    yield {name: int(rng.integers(2, 7)) for name in names}
    yield {name: int(rng.integers(2, 7)) for name in names}
    yield dict.fromkeys(names, 1)
    yield dict.fromkeys(names, 0)
    yield {name: int(rng.integers(0, 3)) for name in names}


def is_wanted(operation: Operation, sizes: dict[str, int]) -> bool:
    smallest = min(sizes.values(), default=9)
    return smallest >= operation.least and (operation.empty or smallest > 0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_value_of_operation(operation: Operation, dtype: DType) -> None:
    program = capture(operation.function, shapes=argument_specs(operation), dtype=dtype).program
    rng = np.random.default_rng(3)
    compared = 0
    for sizes in sizes_to_try(operation, rng):
        if not is_wanted(operation, sizes):
            continue
        arguments = sample_arguments(operation, rng, sizes, dtype)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wanted = operation.function(**{k: v.copy() for k, v in arguments.items()})
        except (ValueError, IndexError):
            continue  # NumPy itself refuses these sizes
        outputs = wanted if isinstance(wanted, (tuple, list)) else [wanted]
        values = evaluate(program, arguments)
        for name, expected in zip(program.outputs, map(np.asarray, outputs), strict=True):
            assert values[name].shape == expected.shape, sizes
            assert program.dtypes()[name] == expected.dtype.name
            relative, absolute = TOLERANCE[dtype]
            np.testing.assert_allclose(values[name], expected, rtol=relative, atol=absolute)
        compared += 1
    assert compared >= 2, "too few sizes were compared"


def test_names_of_operations_are_unique() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_arguments_are_not_changed_by_sampling_twice() -> None:
    operation = next(o for o in OPERATIONS if o.name == "gather")
    first = sample_arguments(operation, np.random.default_rng(0), {"n": 4, "d": 2, "m": 3})
    second = sample_arguments(operation, np.random.default_rng(0), {"n": 4, "d": 2, "m": 3})
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_index_outside_its_axis_is_an_error_when_the_program_runs() -> None:
    program = capture(lambda x, i: x[i], shapes={"x": "f64[n]", "i": "i64[m]"}).program
    with pytest.raises(IndexError, match="index array 'i' reaches outside axis 0 of 'x'"):
        evaluate(program, {"x": np.ones(3), "i": np.array([0, 3])})
