"""narrow_reads: arrays read on a diagonal only are computed there only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symgrad.program import Program
from symgrad.simplify.narrowing import narrow_reads
from tests.support import assert_same_values, captured


def diagonal_of_product() -> Program:
    return captured(lambda A: np.diagonal(A @ A), A="f64[n, n]")


def test_a_diagonal_is_all_that_is_computed(rng: np.random.Generator) -> None:
    program = diagonal_of_product()
    narrowed = narrow_reads(program)
    assert len(narrowed.definitions[0].shape) == 1
    assert_same_values(program, narrowed, rng, n=4)


def test_outputs_and_other_reads_keep_the_whole_array() -> None:
    program = diagonal_of_product()
    first = program.definitions[0].name
    output = replace(program, outputs=(*program.outputs, first))
    assert narrow_reads(output) is output
    both = captured(lambda A: np.diagonal(A @ A) + np.sum(A @ A, axis=0), A="f64[n, n]")
    assert len(narrow_reads(both).definitions[0].shape) in (1, 2)
