"""Values and gradients of examples/matrix_factorisation/model.py, derived symbolically; do not edit.

source   examples/matrix_factorisation/model.py, sha256 515e467353ca2bc51e8ac9675891d6b9fd152c43c6f8a83ebccbae84cf554537
symgrad  0.1.0, target cpu

loss (line 13) and its gradient by U, V, b:

    t3[i,k] = -Σ_j U[i,j]·V[k,j] + Y[i,k] - b[k]                           i < n, k < p, j < r
    t9 = Σ_i,j U[i,j]^2 + Σ_k,j V[k,j]^2                                   i < n, j < r, k < p
    loss = 1/2·Σ_i,k select(observed[i,k], t3[i,k], 0)^2 + penalty·t9/2    i < n, k < p
    matmul1_bar[i,k] = select(observed[i,k], -t3[i,k], 0)                  i < n, k < p
    U_bar[i,j] = penalty·U[i,j] + Σ_k V[k,j]·matmul1_bar[i,k]              i < n, j < r, k < p
    V_bar[k,j] = Σ_i U[i,j]·matmul1_bar[i,k] + penalty·V[k,j]              k < p, j < r, i < n
    b_bar[k] = -Σ_i select(observed[i,k], t3[i,k], 0)                      k < p, i < n

  in matrix notation (functions act on each element, 1 is a vector of ones):

    t3    = Y − UVᵀ − 1bᵀ
    loss  = 1/2 · ‖(t3 if observed else 0)‖² + penalty/2 · (‖U‖² + ‖V‖²)
    U_bar = (−t3 if observed else 0)V + penalty·U
    V_bar = (−t3 if observed else 0)ᵀU + penalty·V
    b_bar = −(t3 if observed else 0)ᵀ1
"""

# ruff: noqa
from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "arcp", "reassoc"},
    "no_cfunc_wrapper": True,
}
# Kernels of tiles are called by address, not from Python, and make no arrays whose references
# would be counted: text that need not be compiled.
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "_nrt": False}

# Numba's cache looks its kernels up by the name of their module. Under this one they are found
# however the file is imported: from a package, from its folder, or run as a script.
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_e1c6ca49f3de2b06"
# A copy under another name keeps no cache: Numba would write the first one's name into it.
_FIRST = sys.modules.setdefault(_CACHED_NAME, sys.modules[_OWN_NAME])
_OPTIONS["cache"] = _FIRST.__name__ == _OWN_NAME
__name__ = _CACHED_NAME


class _Kernel:
    """A function that is compiled, or loaded from Numba's cache, when it is first called."""

    def __init__(self, function, signature, options):
        self.function, self.signature, self.options = function, signature, options
        self.call = function if numba.config.DISABLE_JIT else self._first_call
        self.place = None

    def compiled(self):
        """The compiled function; the function itself if Numba's compiler is off."""
        if self.call == self._first_call:
            names = globals()
            own, names["__name__"] = __name__, _CACHED_NAME
            try:
                self.call = njit(self.signature, **self.options)(self.function)
            finally:
                names["__name__"] = own
        return self.call

    def _first_call(self, *arguments):
        return self.compiled()(*arguments)

    # A loop that names a kernel compiles it a second time, so loops call it by address.
    def address(self):
        """Where the compiled function lies in memory; itself if Numba's compiler is off."""
        if self.place is None:
            place = self.compiled()
            if place is not self.function:
                (compiled,) = place.overloads.values()
                name = compiled.fndesc.llvm_func_name
                place = compiled.library.get_pointer_to_function(name)
            self.place = place
        return self.place

    def spread(self, workers, *arguments):
        """Calls the function once for each worker, side by side; in turns without the compiler."""
        if workers == 1:
            self.call(0, 1, 0, *arguments)
        elif self.call is self.function:
            for worker in range(workers):
                self.function(worker, workers, 0, *arguments)
        else:
            self.call(-1, workers, _each_worker.address(), *arguments)


def _kernel(signature, **more):
    """Makes a function a kernel with explicit types, so that no new size compiles anything."""
    return lambda function: _Kernel(function, signature, {**_OPTIONS, **more})


# --- kernels of loss ---------------------------------------------------------------------------


@_kernel(
    "void(int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _nest1(rows, p, r, U, V, b, t3, Y):
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, p - p % 4, 4):
            total = 0.0
            total_k1 = 0.0
            total_k2 = 0.0
            total_k3 = 0.0
            total_i1 = 0.0
            total_i1_k1 = 0.0
            total_i1_k2 = 0.0
            total_i1_k3 = 0.0
            total_i2 = 0.0
            total_i2_k1 = 0.0
            total_i2_k2 = 0.0
            total_i2_k3 = 0.0
            total_i3 = 0.0
            total_i3_k1 = 0.0
            total_i3_k2 = 0.0
            total_i3_k3 = 0.0
            for j in range(r):
                v = U[i, j]
                v2 = V[k, j]
                v3 = U[i + 1, j]
                v4 = U[i + 2, j]
                v5 = U[i + 3, j]
                v6 = V[k + 1, j]
                v7 = V[k + 2, j]
                v8 = V[k + 3, j]
                total += v * v2
                total_i1 += v3 * v2
                total_i2 += v4 * v2
                total_i3 += v5 * v2
                total_k1 += v * v6
                total_i1_k1 += v3 * v6
                total_i2_k1 += v4 * v6
                total_i3_k1 += v5 * v6
                total_k2 += v * v7
                total_i1_k2 += v3 * v7
                total_i2_k2 += v4 * v7
                total_i3_k2 += v5 * v7
                total_k3 += v * v8
                total_i1_k3 += v3 * v8
                total_i2_k3 += v4 * v8
                total_i3_k3 += v5 * v8
            v9 = b[k]
            v10 = b[k + 1]
            v11 = b[k + 2]
            v12 = b[k + 3]
            t3[i, k] = Y[i, k] - v9 + -total
            t3[i + 1, k] = Y[i + 1, k] - v9 + -total_i1
            t3[i + 2, k] = Y[i + 2, k] - v9 + -total_i2
            t3[i + 3, k] = Y[i + 3, k] - v9 + -total_i3
            t3[i, k + 1] = Y[i, k + 1] - v10 + -total_k1
            t3[i + 1, k + 1] = Y[i + 1, k + 1] - v10 + -total_i1_k1
            t3[i + 2, k + 1] = Y[i + 2, k + 1] - v10 + -total_i2_k1
            t3[i + 3, k + 1] = Y[i + 3, k + 1] - v10 + -total_i3_k1
            t3[i, k + 2] = Y[i, k + 2] - v11 + -total_k2
            t3[i + 1, k + 2] = Y[i + 1, k + 2] - v11 + -total_i1_k2
            t3[i + 2, k + 2] = Y[i + 2, k + 2] - v11 + -total_i2_k2
            t3[i + 3, k + 2] = Y[i + 3, k + 2] - v11 + -total_i3_k2
            t3[i, k + 3] = Y[i, k + 3] - v12 + -total_k3
            t3[i + 1, k + 3] = Y[i + 1, k + 3] - v12 + -total_i1_k3
            t3[i + 2, k + 3] = Y[i + 2, k + 3] - v12 + -total_i2_k3
            t3[i + 3, k + 3] = Y[i + 3, k + 3] - v12 + -total_i3_k3
        for k in range(p - p % 4, p):
            total = 0.0
            total_i1 = 0.0
            total_i2 = 0.0
            total_i3 = 0.0
            for j in range(r):
                v13 = V[k, j]
                total += U[i, j] * v13
                total_i1 += U[i + 1, j] * v13
                total_i2 += U[i + 2, j] * v13
                total_i3 += U[i + 3, j] * v13
            v14 = b[k]
            t3[i, k] = Y[i, k] - v14 + -total
            t3[i + 1, k] = Y[i + 1, k] - v14 + -total_i1
            t3[i + 2, k] = Y[i + 2, k] - v14 + -total_i2
            t3[i + 3, k] = Y[i + 3, k] - v14 + -total_i3
    for i in range(rows - rows % 4, rows):
        for k in range(p):
            total = 0.0
            for j in range(r):
                total += U[i, j] * V[k, j]
            t3[i, k] = Y[i, k] - b[k] + -total


@_kernel(
    "void(int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], boolean[:, ::1], float64[::1])",
    **_INNER,
)
def _loss_1(nest1, rows, r, p, U, V, Y, b, t3, t9_total, observed, loss_total):
    # t3[i,k] = -Σ_j U[i,j]·V[k,j] + Y[i,k] - b[k]
    _call_kernel(
        nest1,
        (
            rows,
            p,
            r,
            U,
            V,
            b,
            t3,
            Y,
        ),
    )
    # t9 = Σ_i,j U[i,j]^2 + Σ_k,j V[k,j]^2
    total2 = 0.0
    for i in range(rows):
        for j in range(r):
            v15 = U[i, j]
            total2 += v15 * v15
    t9_total[0] += total2
    # loss = 1/2·Σ_i,k select(observed[i,k], t3[i,k], 0)^2 + penalty·t9/2
    total3 = 0.0
    for i in range(rows):
        for k in range(p):
            v16 = t3[i, k] if np.float64(observed[i, k]) else 0.0
            total3 += v16 * v16
    loss_total[0] += total3


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], boolean[:, ::1], float64[:, ::1])"
)
def _loss_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    blocks,
    tile,
    sums,
    n,
    r,
    p,
    U,
    V,
    Y,
    b,
    t9_total,
    observed,
    loss_total,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    t3 = np.empty((tile, p), np.float64)
    begin, end = worker * blocks // workers, (worker + 1) * blocks // workers
    for block in range(begin, end):
        first = block * n // blocks
        last = (block + 1) * n // blocks
        if n >= 32 * blocks:
            first = first // 8 * 8
            last = last // 8 * 8 if last < n else last
        tiles = max(-(-(last - first) // tile), 1)
        height = (-(-(last - first) // tiles) + 7) // 8 * 8
        height = max(min(height, tile), 1)
        for start in range(first, last, height):
            rows = min(height, last - start)
            place = block * sums + (start - first) * sums // (last - first)
            _call_kernel(
                address,
                (
                    nest1,
                    rows,
                    r,
                    p,
                    U[start : start + rows],
                    V,
                    Y[start : start + rows],
                    b,
                    t3,
                    t9_total[place],
                    observed[start : start + rows],
                    loss_total[place],
                ),
            )


@_kernel(
    "void(int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64, float64[::1])"
)
def _loss_2(r, p, t9_total, V, t9, loss_total, penalty, loss):
    # t9 = Σ_i,j U[i,j]^2 + Σ_k,j V[k,j]^2
    total = 0.0
    for k in range(p):
        for j in range(r):
            v = V[k, j]
            total += v * v
    t9[0] = t9_total[0] + total
    # loss = 1/2·Σ_i,k select(observed[i,k], t3[i,k], 0)^2 + penalty·t9/2
    loss[0] = loss_total[0] + penalty * t9[0] / 2.0


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], int64, float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _nest2(rows, p, t3, Y, b, r, U, V_turned):
    for i in range(rows):
        for k in range(p):
            t3[i, k] = Y[i, k] - b[k]
    for i in range(0, rows - rows % 4, 4):
        for j in range(0, r - r % 4, 4):
            U_here = U[i, j]
            U_here1 = U[i + 1, j]
            U_here2 = U[i + 2, j]
            U_here3 = U[i + 3, j]
            U_here4 = U[i, j + 1]
            U_here5 = U[i + 1, j + 1]
            U_here6 = U[i + 2, j + 1]
            U_here7 = U[i + 3, j + 1]
            U_here8 = U[i, j + 2]
            U_here9 = U[i + 1, j + 2]
            U_here10 = U[i + 2, j + 2]
            U_here11 = U[i + 3, j + 2]
            U_here12 = U[i, j + 3]
            U_here13 = U[i + 1, j + 3]
            U_here14 = U[i + 2, j + 3]
            U_here15 = U[i + 3, j + 3]
            for k in range(p):
                v = V_turned[j, k]
                v2 = V_turned[j + 1, k]
                v3 = V_turned[j + 2, k]
                v4 = V_turned[j + 3, k]
                t3[i, k] += -(U_here * v) + -(U_here4 * v2) + -(U_here8 * v3) + -(U_here12 * v4)
                t3[i + 1, k] += (
                    -(U_here1 * v) + -(U_here5 * v2) + -(U_here9 * v3) + -(U_here13 * v4)
                )
                t3[i + 2, k] += (
                    -(U_here2 * v) + -(U_here6 * v2) + -(U_here10 * v3) + -(U_here14 * v4)
                )
                t3[i + 3, k] += (
                    -(U_here3 * v) + -(U_here7 * v2) + -(U_here11 * v3) + -(U_here15 * v4)
                )
        for j in range(r - r % 4, r):
            U_here = U[i, j]
            U_here1 = U[i + 1, j]
            U_here2 = U[i + 2, j]
            U_here3 = U[i + 3, j]
            for k in range(p):
                v5 = V_turned[j, k]
                t3[i, k] += -(U_here * v5)
                t3[i + 1, k] += -(U_here1 * v5)
                t3[i + 2, k] += -(U_here2 * v5)
                t3[i + 3, k] += -(U_here3 * v5)
    for i in range(rows - rows % 4, rows):
        for j in range(r):
            U_here = U[i, j]
            for k in range(p):
                t3[i, k] += -(U_here * V_turned[j, k])


@_kernel(
    "void(int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[:, ::1])",
    **_INNER,
)
def _nest3(rows, r, p, V_turned, matmul1_bar, U_bar, penalty, U):
    for i in range(0, rows - rows % 4, 4):
        for j in range(0, r - r % 4, 4):
            total3 = 0.0
            total_j1 = 0.0
            total_j2 = 0.0
            total_j3 = 0.0
            total_i1 = 0.0
            total_i1_j1 = 0.0
            total_i1_j2 = 0.0
            total_i1_j3 = 0.0
            total_i2 = 0.0
            total_i2_j1 = 0.0
            total_i2_j2 = 0.0
            total_i2_j3 = 0.0
            total_i3 = 0.0
            total_i3_j1 = 0.0
            total_i3_j2 = 0.0
            total_i3_j3 = 0.0
            for k in range(p):
                v10 = V_turned[j, k]
                v11 = matmul1_bar[i, k]
                v12 = matmul1_bar[i + 1, k]
                v13 = matmul1_bar[i + 2, k]
                v14 = matmul1_bar[i + 3, k]
                v15 = V_turned[j + 1, k]
                v16 = V_turned[j + 2, k]
                v17 = V_turned[j + 3, k]
                total3 += v10 * v11
                total_i1 += v10 * v12
                total_i2 += v10 * v13
                total_i3 += v10 * v14
                total_j1 += v15 * v11
                total_i1_j1 += v15 * v12
                total_i2_j1 += v15 * v13
                total_i3_j1 += v15 * v14
                total_j2 += v16 * v11
                total_i1_j2 += v16 * v12
                total_i2_j2 += v16 * v13
                total_i3_j2 += v16 * v14
                total_j3 += v17 * v11
                total_i1_j3 += v17 * v12
                total_i2_j3 += v17 * v13
                total_i3_j3 += v17 * v14
            U_bar[i, j] = penalty * U[i, j] + total3
            U_bar[i + 1, j] = penalty * U[i + 1, j] + total_i1
            U_bar[i + 2, j] = penalty * U[i + 2, j] + total_i2
            U_bar[i + 3, j] = penalty * U[i + 3, j] + total_i3
            U_bar[i, j + 1] = penalty * U[i, j + 1] + total_j1
            U_bar[i + 1, j + 1] = penalty * U[i + 1, j + 1] + total_i1_j1
            U_bar[i + 2, j + 1] = penalty * U[i + 2, j + 1] + total_i2_j1
            U_bar[i + 3, j + 1] = penalty * U[i + 3, j + 1] + total_i3_j1
            U_bar[i, j + 2] = penalty * U[i, j + 2] + total_j2
            U_bar[i + 1, j + 2] = penalty * U[i + 1, j + 2] + total_i1_j2
            U_bar[i + 2, j + 2] = penalty * U[i + 2, j + 2] + total_i2_j2
            U_bar[i + 3, j + 2] = penalty * U[i + 3, j + 2] + total_i3_j2
            U_bar[i, j + 3] = penalty * U[i, j + 3] + total_j3
            U_bar[i + 1, j + 3] = penalty * U[i + 1, j + 3] + total_i1_j3
            U_bar[i + 2, j + 3] = penalty * U[i + 2, j + 3] + total_i2_j3
            U_bar[i + 3, j + 3] = penalty * U[i + 3, j + 3] + total_i3_j3
        for j in range(r - r % 4, r):
            total3 = 0.0
            total_i1 = 0.0
            total_i2 = 0.0
            total_i3 = 0.0
            for k in range(p):
                v18 = V_turned[j, k]
                total3 += v18 * matmul1_bar[i, k]
                total_i1 += v18 * matmul1_bar[i + 1, k]
                total_i2 += v18 * matmul1_bar[i + 2, k]
                total_i3 += v18 * matmul1_bar[i + 3, k]
            U_bar[i, j] = penalty * U[i, j] + total3
            U_bar[i + 1, j] = penalty * U[i + 1, j] + total_i1
            U_bar[i + 2, j] = penalty * U[i + 2, j] + total_i2
            U_bar[i + 3, j] = penalty * U[i + 3, j] + total_i3
    for i in range(rows - rows % 4, rows):
        for j in range(r):
            total3 = 0.0
            for k in range(p):
                total3 += V_turned[j, k] * matmul1_bar[i, k]
            U_bar[i, j] = penalty * U[i, j] + total3


@_kernel("void(int64, int64, float64[:, ::1], int64, float64[:, ::1], float64[:, ::1])", **_INNER)
def _nest4(r, rows, U, p, matmul1_bar, V_bar_total_turned):
    for j in range(0, r - r % 4, 4):
        for i in range(0, rows - rows % 4, 4):
            U_here16 = U[i, j]
            U_here17 = U[i, j + 1]
            U_here22 = U[i, j + 2]
            U_here32 = U[i, j + 3]
            U_here42 = U[i + 1, j]
            U_here52 = U[i + 1, j + 1]
            U_here62 = U[i + 1, j + 2]
            U_here72 = U[i + 1, j + 3]
            U_here82 = U[i + 2, j]
            U_here92 = U[i + 2, j + 1]
            U_here102 = U[i + 2, j + 2]
            U_here112 = U[i + 2, j + 3]
            U_here122 = U[i + 3, j]
            U_here132 = U[i + 3, j + 1]
            U_here142 = U[i + 3, j + 2]
            U_here152 = U[i + 3, j + 3]
            for k in range(p):
                v19 = matmul1_bar[i, k]
                v20 = matmul1_bar[i + 1, k]
                v21 = matmul1_bar[i + 2, k]
                v22 = matmul1_bar[i + 3, k]
                V_bar_total_turned[j, k] += (
                    U_here16 * v19 + U_here42 * v20 + U_here82 * v21 + U_here122 * v22
                )
                V_bar_total_turned[j + 1, k] += (
                    U_here17 * v19 + U_here52 * v20 + U_here92 * v21 + U_here132 * v22
                )
                V_bar_total_turned[j + 2, k] += (
                    U_here22 * v19 + U_here62 * v20 + U_here102 * v21 + U_here142 * v22
                )
                V_bar_total_turned[j + 3, k] += (
                    U_here32 * v19 + U_here72 * v20 + U_here112 * v21 + U_here152 * v22
                )
        for i in range(rows - rows % 4, rows):
            U_here16 = U[i, j]
            U_here17 = U[i, j + 1]
            U_here22 = U[i, j + 2]
            U_here32 = U[i, j + 3]
            for k in range(p):
                v23 = matmul1_bar[i, k]
                V_bar_total_turned[j, k] += U_here16 * v23
                V_bar_total_turned[j + 1, k] += U_here17 * v23
                V_bar_total_turned[j + 2, k] += U_here22 * v23
                V_bar_total_turned[j + 3, k] += U_here32 * v23
    for j in range(r - r % 4, r):
        for i in range(rows):
            U_here16 = U[i, j]
            for k in range(p):
                V_bar_total_turned[j, k] += U_here16 * matmul1_bar[i, k]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], boolean[:, ::1], float64[::1], float64[:, ::1], float64, float64[:, ::1], float64[:, ::1], float64[::1])",
    **_INNER,
)
def _loss_grad_1(
    nest2,
    nest3,
    nest4,
    rows,
    r,
    p,
    U,
    V_turned,
    Y,
    b,
    t3,
    t9_total,
    observed,
    loss_total,
    matmul1_bar,
    penalty,
    U_bar,
    V_bar_total_turned,
    b_bar,
):
    # t3[i,k] = -Σ_j U[i,j]·V[k,j] + Y[i,k] - b[k]
    _call_kernel(
        nest2,
        (
            rows,
            p,
            t3,
            Y,
            b,
            r,
            U,
            V_turned,
        ),
    )
    # t9 = Σ_i,j U[i,j]^2 + Σ_k,j V[k,j]^2
    total = 0.0
    for i in range(rows):
        for j in range(r):
            v6 = U[i, j]
            total += v6 * v6
    t9_total[0] += total
    # loss = 1/2·Σ_i,k select(observed[i,k], t3[i,k], 0)^2 + penalty·t9/2
    total2 = 0.0
    for i in range(rows):
        for k in range(p):
            v7 = t3[i, k] if np.float64(observed[i, k]) else 0.0
            total2 += v7 * v7
    loss_total[0] += total2
    # matmul1_bar[i,k] = select(observed[i,k], -t3[i,k], 0)
    # b_bar[k] = -Σ_i select(observed[i,k], t3[i,k], 0)
    for i in range(rows):
        for k in range(p):
            v8 = np.float64(observed[i, k])
            v9 = t3[i, k]
            matmul1_bar[i, k] = -v9 if v8 else 0.0
            b_bar[k] += v9 if v8 else 0.0
    # U_bar[i,j] = penalty·U[i,j] + Σ_k V[k,j]·matmul1_bar[i,k]
    _call_kernel(
        nest3,
        (
            rows,
            r,
            p,
            V_turned,
            matmul1_bar,
            U_bar,
            penalty,
            U,
        ),
    )
    # V_bar[k,j] = Σ_i U[i,j]·matmul1_bar[i,k] + penalty·V[k,j]
    _call_kernel(
        nest4,
        (
            r,
            rows,
            U,
            p,
            matmul1_bar,
            V_bar_total_turned,
        ),
    )


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], boolean[:, ::1], float64[:, ::1], float64, float64[:, ::1], float64[:, :, ::1], float64[:, ::1])"
)
def _loss_grad_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest2,
    nest3,
    nest4,
    blocks,
    tile,
    sums,
    n,
    r,
    p,
    U,
    V_turned,
    Y,
    b,
    t9_total,
    observed,
    loss_total,
    penalty,
    U_bar,
    V_bar_total_turned,
    b_bar,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    t3 = np.empty((tile, p), np.float64)
    matmul1_bar = np.empty((tile, p), np.float64)
    begin, end = worker * blocks // workers, (worker + 1) * blocks // workers
    for block in range(begin, end):
        first = block * n // blocks
        last = (block + 1) * n // blocks
        if n >= 32 * blocks:
            first = first // 8 * 8
            last = last // 8 * 8 if last < n else last
        tiles = max(-(-(last - first) // tile), 1)
        height = (-(-(last - first) // tiles) + 7) // 8 * 8
        height = max(min(height, tile), 1)
        for start in range(first, last, height):
            rows = min(height, last - start)
            place = block * sums + (start - first) * sums // (last - first)
            _call_kernel(
                address,
                (
                    nest2,
                    nest3,
                    nest4,
                    rows,
                    r,
                    p,
                    U[start : start + rows],
                    V_turned,
                    Y[start : start + rows],
                    b,
                    t3,
                    t9_total[place],
                    observed[start : start + rows],
                    loss_total[place],
                    matmul1_bar,
                    penalty,
                    U_bar[start : start + rows],
                    V_bar_total_turned[place],
                    b_bar[place],
                ),
            )


@_kernel(
    "void(int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64, float64[::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_grad_2(r, p, t9_total, V, t9, loss_total, penalty, loss, V_bar_total, V_bar):
    # t9 = Σ_i,j U[i,j]^2 + Σ_k,j V[k,j]^2
    total = 0.0
    for k in range(p):
        for j in range(r):
            v = V[k, j]
            total += v * v
    t9[0] = t9_total[0] + total
    # loss = 1/2·Σ_i,k select(observed[i,k], t3[i,k], 0)^2 + penalty·t9/2
    loss[0] = loss_total[0] + penalty * t9[0] / 2.0
    # V_bar[k,j] = Σ_i U[i,j]·matmul1_bar[i,k] + penalty·V[k,j]
    for k in range(p):
        for j in range(r):
            V_bar[k, j] = V_bar_total[k, j] + penalty * V[k, j]


# --- side by side --------------------------------------------------------------------------------


if numba.config.DISABLE_JIT:

    def _call_kernel(kernel, arguments):
        """Calls a kernel."""
        kernel(*arguments)

    def _call_worker(again, arguments, worker):
        """Only compiled functions are called side by side."""

    def _spread(each_worker, workers):
        """Only compiled functions are called side by side."""

else:
    _IR = numba.core.cgutils.ir

    @numba.extending.intrinsic
    def _call_kernel(typing, address, arguments):
        """Calls the kernel at an address; the arguments are a tuple of exactly its types."""
        kinds = tuple(numba.types.unliteral(kind) for kind in arguments.types)

        def generate(context, builder, signature, values):
            prototype = context.call_conv.get_function_type(numba.types.none, kinds)
            kernel = builder.inttoptr(values[0], prototype.as_pointer())
            given = numba.core.cgutils.unpack_tuple(builder, values[1])
            context.call_conv.call_function(builder, kernel, numba.types.none, kinds, given)
            return context.get_dummy_value()

        return numba.types.none(numba.types.int64, arguments), generate

    _WORD = _IR.IntType(64)
    _WORKER = _IR.FunctionType(_IR.VoidType(), (_WORD, _WORD))

    @numba.extending.intrinsic
    def _call_worker(typing, again, arguments, worker):
        """Calls what _spread made, for one worker."""

        def generate(context, builder, signature, values):
            builder.call(builder.inttoptr(values[0], _WORKER.as_pointer()), values[1:])
            return context.get_dummy_value()

        return numba.types.none(*[numba.types.int64] * 3), generate

    @numba.extending.intrinsic
    def _spread(typing, each_worker, workers):
        """Calls the function in which it stands again for each worker, side by side.

        Each call has the same arguments but the first, which is the worker's number.
        """

        def generate(context, builder, signature, values):
            own = builder.function
            own.attributes.add("noinline")
            arguments = numba.core.cgutils.pack_struct(builder, own.args)
            place = numba.core.cgutils.alloca_once_value(builder, arguments)
            again = _IR.Function(builder.module, _WORKER, f"{own.name}.worker")
            again.linkage = "internal"
            inside = _IR.IRBuilder(again.append_basic_block())
            packed = inside.load(inside.inttoptr(again.args[0], place.type))
            given = numba.core.cgutils.unpack_tuple(inside, packed)
            first = len(given) - len(context.call_conv.get_arguments(own))
            given[first] = again.args[1]
            inside.call(own, given)
            inside.ret_void()
            words = (numba.types.int64,) * 3
            kind = context.call_conv.get_function_type(numba.types.none, words)
            each = builder.inttoptr(values[0], kind.as_pointer())
            passed = (builder.ptrtoint(again, _WORD), builder.ptrtoint(place, _WORD), values[1])
            context.call_conv.call_function(builder, each, numba.types.none, words, passed)
            return context.get_dummy_value()

        return numba.types.none(numba.types.int64, numba.types.int64), generate


# A parallel loop takes Numba several times as long to compile as the loop alone: so there is one,
# which calls any function once for each worker.
@_kernel("void(int64, int64, int64)", parallel=True)
def _each_worker(again, arguments, workers):
    for worker in prange(workers):
        _call_worker(again, arguments, worker)


__name__ = _OWN_NAME

_KERNELS: tuple[_Kernel, ...] = (
    _nest1,
    _loss_1,
    _loss_1_blocks,
    _loss_2,
    _nest2,
    _nest3,
    _nest4,
    _loss_grad_1,
    _loss_grad_1_blocks,
    _loss_grad_2,
    _each_worker,
)

# --- loss --------------------------------------------------------------------------------------


class LossGradients(NamedTuple):
    """Gradients of loss, one for each argument it was differentiated by."""

    U: NDArray[np.float64]
    V: NDArray[np.float64]
    b: NDArray[np.float64]


def _check_loss(U, V, b, Y, observed, penalty):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    U = _array("loss", "U", U, np.float64, 2, "[n, r]")
    V = _array("loss", "V", V, np.float64, 2, "[p, r]")
    b = _array("loss", "b", b, np.float64, 1, "[p]")
    Y = _array("loss", "Y", Y, np.float64, 2, "[n, p]")
    observed = _array("loss", "observed", observed, np.bool_, 2, "[n, p]")
    penalty = _number("loss", "penalty", penalty, np.float64)
    n = U.shape[0]
    r = U.shape[1]
    p = V.shape[0]
    if V.shape[1] != r:
        raise ValueError(
            f"loss: axis 1 of argument 'V' has {V.shape[1]} elements, expected r = {r} (axis 1 of 'U')"
        )
    if b.shape[0] != p:
        raise ValueError(
            f"loss: axis 0 of argument 'b' has {b.shape[0]} elements, expected p = {p} (axis 0 of 'V')"
        )
    if Y.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'Y' has {Y.shape[0]} elements, expected n = {n} (axis 0 of 'U')"
        )
    if Y.shape[1] != p:
        raise ValueError(
            f"loss: axis 1 of argument 'Y' has {Y.shape[1]} elements, expected p = {p} (axis 0 of 'V')"
        )
    if observed.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'observed' has {observed.shape[0]} elements, expected n = {n} (axis 0 of 'U')"
        )
    if observed.shape[1] != p:
        raise ValueError(
            f"loss: axis 1 of argument 'observed' has {observed.shape[1]} elements, expected p = {p} (axis 0 of 'V')"
        )
    return n, r, p, U, V, b, Y, observed, penalty


def _run_loss(n, r, p, U, V, b, Y, observed, penalty):
    blocks2 = _count_blocks(n, p * r + 2 * p + r, 1 + 1)
    tile2 = _count_rows(p, n, blocks2, 1 + 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, p * r + 2 * p + r, 1 + 1, blocks2)
    t9_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    loss_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _loss_1_blocks.spread(
        workers2,
        _loss_1.address(),
        _nest1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        r,
        p,
        U,
        V,
        Y,
        b,
        t9_total_blocks,
        observed,
        loss_total_blocks,
    )
    t9_total = _combine(t9_total_blocks)
    loss_total = _combine(loss_total_blocks) * (0.5)
    t9 = np.empty((1,), np.float64)
    loss = np.empty((1,), np.float64)
    _loss_2.call(r, p, t9_total, V, t9, loss_total, penalty, loss)
    return (loss[0],)


def _run_loss_grad(n, r, p, U, V, b, Y, observed, penalty, *, targets=()):
    V_turned = np.ascontiguousarray(V.T)
    blocks2 = _count_blocks(n, p * r + 4 * p + 2 * r + 2 * r * p, 1 + 1 + r * p + p)
    tile2 = _count_rows(2 * p, n, blocks2, 1 + 1 + r * p + p)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    U_bar = _place(targets, 0, (n, r), np.float64)
    sums2 = _count_sums(n, p * r + 4 * p + 2 * r + 2 * r * p, 1 + 1 + r * p + p, blocks2)
    t9_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    loss_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    V_bar_total_turned_blocks = _zeros((blocks2 * sums2, r, p), np.float64)
    b_bar_blocks = _zeros((blocks2 * sums2, p), np.float64)
    _loss_grad_1_blocks.spread(
        workers2,
        _loss_grad_1.address(),
        _nest2.address(),
        _nest3.address(),
        _nest4.address(),
        blocks2,
        tile2,
        sums2,
        n,
        r,
        p,
        U,
        V_turned,
        Y,
        b,
        t9_total_blocks,
        observed,
        loss_total_blocks,
        penalty,
        U_bar,
        V_bar_total_turned_blocks,
        b_bar_blocks,
    )
    t9_total = _combine(t9_total_blocks)
    loss_total = _combine(loss_total_blocks) * (0.5)
    V_bar_total_turned = _combine(V_bar_total_turned_blocks)
    b_bar = _combine(b_bar_blocks) * (-1.0)
    V_bar_total = np.ascontiguousarray(V_bar_total_turned.T)
    t9 = np.empty((1,), np.float64)
    loss = np.empty((1,), np.float64)
    V_bar = _place(targets, 1, (p, r), np.float64)
    _loss_grad_2.call(r, p, t9_total, V, t9, loss_total, penalty, loss, V_bar_total, V_bar)
    values = (loss[0],)
    return values, (
        U_bar,
        V_bar,
        b_bar,
    )


def loss(
    U: NDArray[np.float64],
    V: NDArray[np.float64],
    b: NDArray[np.float64],
    Y: NDArray[np.float64],
    observed: NDArray[np.bool_],
    penalty: float,
) -> Any:
    """Squared error over the observed entries of Y, plus a quadratic penalty on the factors.

    Args:
        U: float64[n, r]
        V: float64[p, r]
        b: float64[p]
        Y: float64[n, p]
        observed: bool_[n, p]
        penalty: float64[]

    Returns:
        loss: float64[]
    """
    values = _run_loss(*_check_loss(U, V, b, Y, observed, penalty))
    return values[0]


def loss_value_and_grad(
    U: NDArray[np.float64],
    V: NDArray[np.float64],
    b: NDArray[np.float64],
    Y: NDArray[np.float64],
    observed: NDArray[np.bool_],
    penalty: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss and its gradient by U, V, b.

    Arguments as for `loss`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    n, r, p, U, V, b, Y, observed, penalty = _check_loss(U, V, b, Y, observed, penalty)
    targets = _targets("loss", LossGradients, (U, V, b), False, out, accumulate)
    values, gradients = _run_loss_grad(
        n,
        r,
        p,
        U,
        V,
        b,
        Y,
        observed,
        penalty,
        targets=_in_place(targets, accumulate, U, V, b, Y, observed, penalty),
    )
    return values[0], _deliver(LossGradients, gradients, False, targets, out, accumulate)


def loss_grad(
    U: NDArray[np.float64],
    V: NDArray[np.float64],
    b: NDArray[np.float64],
    Y: NDArray[np.float64],
    observed: NDArray[np.bool_],
    penalty: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> LossGradients:
    """The gradient of loss alone; see `loss_value_and_grad`."""
    return loss_value_and_grad(U, V, b, Y, observed, penalty, out=out, accumulate=accumulate)[1]


def loss_vjp(
    U: NDArray[np.float64],
    V: NDArray[np.float64],
    b: NDArray[np.float64],
    Y: NDArray[np.float64],
    observed: NDArray[np.bool_],
    penalty: float,
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss, and its gradient times a 0-d cotangent."""
    factor = _number("loss_vjp", "cotangent", cotangent, np.float64)
    n, r, p, U, V, b, Y, observed, penalty = _check_loss(U, V, b, Y, observed, penalty)
    targets = _targets("loss", LossGradients, (U, V, b), False, out, accumulate)
    values, gradients = _run_loss_grad(
        n,
        r,
        p,
        U,
        V,
        b,
        Y,
        observed,
        penalty,
        targets=_in_place(targets, accumulate, U, V, b, Y, observed, penalty),
    )
    scaled = tuple(np.multiply(factor, gradient, out=gradient) for gradient in gradients)
    return values[0], _deliver(LossGradients, scaled, False, targets, out, accumulate)


# --- arguments and results -----------------------------------------------------------------------


def _array(function, name, value, dtype, rank, shape):
    """The argument as a contiguous array of its type, or an error that names it."""
    array = np.asarray(value)
    if array.dtype != dtype:
        array = _convert(function, name, value, array, dtype)
    if array.ndim != rank:
        raise ValueError(
            f"{function}: argument '{name}' has {array.ndim} axes (shape {array.shape}), "
            f"expected {rank}: {shape}"
        )
    if not array.flags.carray:  # contiguous, aligned, writeable
        array = np.array(array, order="C")
    return array


def _convert(function, name, value, array, dtype):
    """Plain Python numbers and narrower integers are converted, anything else is refused."""
    plain = not isinstance(value, (np.ndarray, np.generic))
    if array.dtype.kind in "biuf" and (
        np.can_cast(array.dtype, dtype, "safe" if array.dtype.kind in "iu" else "no")
        and np.dtype(dtype).kind in "iu"
        or plain
        and np.can_cast(array.dtype, dtype, "same_kind")
        or array.dtype.newbyteorder("=") == dtype
    ):
        return array.astype(dtype)
    raise TypeError(
        f"{function}: argument '{name}' has dtype {array.dtype}, expected {np.dtype(dtype)}; "
        f"pass {name}.astype(np.{np.dtype(dtype)})"
    )


def _number(function, name, value, dtype):
    """A 0-d argument as a number of its type, or an error that names it."""
    if type(value) is float and dtype is np.float64:
        return np.float64(value)
    array = np.asarray(value)
    if array.ndim:
        raise ValueError(f"{function}: argument '{name}' has shape {array.shape}, expected 0-d")
    if array.dtype != dtype and not (
        isinstance(value, (int, float)) and np.can_cast(array.dtype, dtype, "same_kind")
    ):
        array = _convert(function, name, value, array, dtype)
    return dtype(array)


def _targets(function, names, arguments, single, out, accumulate):
    """The arrays of `out`, one for each argument whose gradient it takes; none without `out`."""
    if out is None:
        if accumulate:
            raise ValueError(f"{function}: accumulate=True needs out= to add to")
        return ()
    targets = (out,) if single else tuple(out)
    if len(targets) != len(arguments):
        raise ValueError(
            f"{function}: out has {len(targets)} arrays, expected {len(arguments)}: "
            f"{', '.join(names._fields)}"
        )
    for name, target, argument in zip(names._fields, targets, arguments, strict=True):
        if not isinstance(target, np.ndarray) or target.shape != argument.shape:
            found = getattr(target, "shape", type(target).__name__)
            raise ValueError(
                f"{function}: out for '{name}' must be an array of shape {argument.shape}, "
                f"not {found}"
            )
        if target.dtype != argument.dtype:
            raise TypeError(
                f"{function}: out for '{name}' has dtype {target.dtype}, expected {argument.dtype}"
            )
        if not target.flags.writeable:
            raise ValueError(f"{function}: out for '{name}' is read-only")
    return targets


def _in_place(targets, accumulate, *given):
    """Arrays of `out` that kernels may write to directly: contiguous ones that share no memory."""
    if (
        accumulate
        or not targets
        or not all(t.flags.c_contiguous and t.flags.aligned for t in targets)
    ):
        return ()
    arrays = [*targets, *(a for a in given if isinstance(a, np.ndarray))]
    shared = (
        np.may_share_memory(target, other)
        for position, target in enumerate(targets)
        for other in arrays[position + 1 :]
    )
    return () if any(shared) else targets


def _place(targets, position, shape, dtype):
    """Where a gradient is written: an array of `out`, or a new one."""
    return targets[position] if targets else _empty(shape, dtype)


# Large arrays lie in memory that earlier calls used and that nobody holds any more: fresh pages
# cost more than many a kernel. At most 256 MiB are kept, by size.
_RECYCLED: dict[tuple[int, type], list[NDArray[Any]]] = {}
_RECYCLING = threading.Lock()
_LARGE = 8192 if getattr(sys, "_is_gil_enabled", lambda: True)() else sys.maxsize


def _holders(memory, position):
    """How many references a piece of memory has."""
    return sys.getrefcount(memory[position])


_UNHELD = _holders([np.empty(0)], 0)


def _empty(shape, dtype):
    """A new array, as np.empty makes it; a large one in recycled memory."""
    count = math.prod(shape)
    if count < _LARGE:
        return np.empty(shape, dtype)
    step = 1 << (count.bit_length() - 4)
    count = -(-count // step) * step
    with _RECYCLING:
        memory = _RECYCLED.setdefault((count, dtype), [])
        for position in range(len(memory)):
            if _holders(memory, position) == _UNHELD:
                break
        else:
            if not _make_room(count * np.dtype(dtype).itemsize):
                return np.empty(shape, dtype)
            position = len(memory)
            memory.append(np.empty(count, dtype))
        return np.ndarray(shape, dtype, memory[position])


def _make_room(size):
    """Whether this many bytes more may be kept, at need after giving up what nobody holds."""
    if _kept() + size > 268435456:
        for memory in _RECYCLED.values():
            held = [k for k in range(len(memory)) if _holders(memory, k) != _UNHELD]
            memory[:] = [memory[k] for k in held]
    return _kept() + size <= 268435456


def _kept():
    """Bytes in all pieces of memory that are kept."""
    return sum(piece.nbytes for memory in _RECYCLED.values() for piece in memory)


def _zeros(shape, dtype):
    """A new array of zeros; a large one in recycled memory."""
    if math.prod(shape) < _LARGE:
        return np.zeros(shape, dtype)
    array = _empty(shape, dtype)
    array.fill(0)
    return array


def _deliver(names, gradients, single, targets, out, accumulate):
    """Gradients as a new tuple, or in (added to) the arrays of `out`."""
    if out is None:
        return gradients[0] if single else names(*gradients)
    for target, gradient in zip(targets, gradients, strict=True):
        if accumulate:
            np.add(target, gradient, out=target)
        elif target is not gradient:
            np.copyto(target, gradient)
    return out


def _count_rows(row_elements, samples, blocks, sum_elements=0):
    """How many rows are computed at a time, so that 65536 elements hold their scratch.

    More where a tile adds to partial sums that are much larger than its scratch for one row.
    8 more than a multiple of 16: rows of scratch begin at whole vectors, and are never a power of
    two apart, where they would compete for the same lines of the cache. No more
    than the least such number that holds a block, whose ends lie at whole vectors.
    """
    fitting = 65536 // (row_elements or 1) // 16 * 16 + 8
    if fitting > 1112:
        fitting = 1112
    elif fitting < 136:
        for_sums = 4 * sum_elements // row_elements // 16 * 16 + 8
        fitting = max(fitting, min(for_sums, 136), 72)
    return min(fitting, (-(-samples // blocks) + 14) // 16 * 16 + 8)


def _count_blocks(samples, work, block_elements, least_rows=1):
    """How many blocks of samples are summed apart: by sizes alone, never by the thread count.

    A power of two, which threads share evenly. No more than four where adding up their partial
    sums is not little beside the work.
    """
    by_work = samples * work // 65536
    if by_work < 2:
        return 1
    by_memory = 2000000 // max(block_elements, 1)
    by_sums = max(4, samples * work // (450 * max(block_elements, 1)))
    blocks = min(16, by_work, by_memory, by_sums, samples // least_rows)
    blocks = max(1, blocks)
    return 1 << (blocks.bit_length() - 1)


def _count_sums(samples, work, block_elements, blocks):
    """How many partial sums a block has: each of a limited number of rows, where they cost little."""
    if samples <= 4096:
        return 1
    elements = blocks * max(block_elements, 1)
    affordable = min(2000000, samples * work // 20) // elements
    return max(1, min(-(-samples // (blocks * 1024)), affordable))


def _combine(partial):
    """The sum of partial sums: in pairs, in the type of totals."""
    if len(partial) == 1:
        return partial[0]
    if partial.dtype == np.float32:
        partial = partial.astype(np.float64)
    while len(partial) > 16:
        half = (len(partial) + 1) // 2
        following, partial = partial[half:], partial[:half]
        partial[: len(following)] += following
    return np.add.reduce(partial)


# --- self-check ----------------------------------------------------------------------------------


def _self_check(seed: int = 0) -> bool:
    """Gradients against central differences of this module's own forward, printed as a table."""
    good = True
    print(f"{'function':<24} {'by':<16} {'derived':>18} {'differences':>18} {'relative':>10}")
    good &= _self_check_loss(np.random.default_rng(seed))
    print("all gradients agree" if good else "GRADIENTS DISAGREE")
    return good


def _self_check_loss(rng: np.random.Generator) -> bool:
    n = 4
    r = 5
    p = 6
    arguments: dict[str, Any] = {
        "U": rng.uniform(0.25, 0.75, (n, r)).astype(np.float64),
        "V": rng.uniform(0.25, 0.75, (p, r)).astype(np.float64),
        "b": rng.uniform(0.25, 0.75, (p,)).astype(np.float64),
        "Y": rng.uniform(0.25, 0.75, (n, p)).astype(np.float64),
        "observed": rng.integers(0, 2, (n, p)).astype(np.bool_),
        "penalty": rng.uniform(0.25, 0.75, ()).astype(np.float64),
    }
    seeds = (np.float64(1.0),)
    _, gradients = loss_value_and_grad(**arguments)

    def total(point: dict[str, Any]) -> float:
        result: Any = loss(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare("loss", ["U", "V", "b"], gradients, arguments, total, rng)


def _compare(function, names, gradients, arguments, total, rng) -> bool:
    """The derivative along one random direction for each argument, both ways."""
    good = True
    for name, gradient in zip(names, gradients, strict=True):
        single = gradient.dtype == np.float32
        step, tolerance = (1e-2, 1e-2) if single else (1e-4, 1e-6)
        direction = rng.uniform(0.5, 1.0, gradient.shape) * rng.choice([-1.0, 1.0], gradient.shape)
        derived = float(np.sum(np.multiply(gradient, direction, dtype=float)))

        def at(distance: float) -> float:
            moved = np.asarray(arguments[name] + distance * direction).astype(gradient.dtype)
            return total({**arguments, name: moved})

        near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
        measured = (8 * near - far) / (12 * step)
        error = abs(derived - measured) / max(abs(derived), abs(measured), 1e-3)
        good &= bool(error <= tolerance)
        print(f"{function:<24} {name:<16} {derived:>18.10g} {measured:>18.10g} {error:>10.1e}")
    return good


if __name__ == "__main__":
    raise SystemExit(0 if _self_check() else 1)
