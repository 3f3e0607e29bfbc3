"""Checks of the simulator's blocks themselves: what `turns` finds that Numba's may not."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from numba import cuda

from tests.cuda.modules import softmax_module
from tests.cuda.simulate import flat_vjp, run_all
from tests.cuda.turns import take_turns


@cuda.jit
def _without_barrier(array, result):
    thread = cuda.threadIdx.x
    array[thread] = thread + 1
    result[thread] = array[(thread + 1) % 4]


@cuda.jit
def _with_barrier(array, result):
    thread = cuda.threadIdx.x
    array[thread] = thread + 1
    cuda.syncthreads()
    result[thread] = array[(thread + 1) % 4]


@cuda.jit
def _two_barriers(array):
    if cuda.threadIdx.x < 2:
        cuda.syncthreads()
    else:
        cuda.syncthreads()
    array[0] = 1.0


@cuda.jit
def _barrier_of_some(array):
    if cuda.threadIdx.x < 2:
        cuda.syncthreads()
    array[0] = 1.0


@cuda.jit
def _failing(array):
    cuda.syncthreads()
    if cuda.threadIdx.x == 2:
        array[99] = 1.0
    cuda.syncthreads()


def check_missing_barriers() -> None:
    """What another thread has not written yet is read as it was: wrong in every run."""
    for blocks in (1, 2):
        result = np.zeros(4)
        _with_barrier[blocks, 4](np.zeros(4), result)
        assert result.tolist() == [2, 3, 4, 1]
    result = np.zeros(4)
    _without_barrier[1, 4](np.zeros(4), result)
    assert result.tolist() == [0, 0, 0, 1]


def check_barriers_of_some_threads() -> None:
    """A barrier that not all threads reach is an error, and so is one for each half."""
    for kernel in (_two_barriers, _barrier_of_some):
        try:
            kernel[1, 4](np.zeros(4))
        except AssertionError as error:
            assert "different barriers" in str(error)
        else:
            raise AssertionError("no error")


def check_errors_of_a_thread() -> None:
    """An error names its thread; the others end, and the next launch is as the first."""
    for _ in range(2):
        try:
            _failing[1, 4](np.zeros(4))
        except IndexError as error:
            assert error.__notes__ == ["in thread 2 of block 0"]
        else:
            raise AssertionError("no error")
    check_missing_barriers()


def check_numbas_own_blocks() -> None:
    """Results have the same bits with the blocks that Numba ships."""
    module, python, arguments = softmax_module()
    found = flat_vjp(module, python, arguments, [1.5])
    take_turns(False)
    try:
        again = flat_vjp(module, python, arguments, [1.5])
    finally:
        take_turns()
    for mine, other in zip(found, again, strict=True):
        assert np.array_equal(mine, other)


CHECKS: dict[str, Callable[[], None]] = {
    "missing barriers": check_missing_barriers,
    "barriers of some threads": check_barriers_of_some_threads,
    "errors of a thread": check_errors_of_a_thread,
    "Numba's own blocks": check_numbas_own_blocks,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
