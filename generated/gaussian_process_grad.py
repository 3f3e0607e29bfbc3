"""Values and gradients of examples/gaussian_process/model.py, derived symbolically; do not edit.

source   examples/gaussian_process/model.py, sha256 325dedcf109ea8451cb58ab907b42d5e501f5dc6fcf024325a141afc4e09d772
symgrad  0.1.0, target cpu

loss (line 8) and its gradient by log_variance, log_length, log_noise:

    t5[i,k] = 1/2·Σ_j (X[i,j] - X[k,j])^2                               i < n, k < n, j < d
    t7 = exp(-2·log_length)
    kernel[i,k] = exp(log_variance - t7·t5[i,k])                        i < n, k < n
    t10 = exp(log_noise)
    K[i,k] = kernel[i,k] + {t10 if k = i}                               i < n, k < n
    alpha = solve(K, y)
    slogdet2 = log_abs_determinant(K)
    loss = 1/2·Σ_i alpha[i]·y[i] + slogdet2/2 + 0.9189385332046727·n    i < n
    K_inverse = inverse(K)
    t12_bar[i,k] = K_inverse[i,k]/2 - alpha[i]·alpha[k]/2               i < n, k < n
    t10_bar = Σ_i t12_bar[i,i]                                          i < n
    t7_bar = -Σ_i,k t5[i,k]·(kernel[i,k]·t12_bar[i,k])                  i < n, k < n
    log_variance_bar = Σ_i,k kernel[i,k]·t12_bar[i,k]                   i < n, k < n
    log_length_bar = -2·(t7·t7_bar)
    log_noise_bar = t10·t10_bar

  in matrix notation (functions act on each element, 1 is a vector of ones):

    t5[i,k]          = 1/2·Σ_j (X[i,j] - X[k,j])^2
    kernel           = exp(log_variance − exp(−2·log_length) t5)
    K                = exp(log_noise) I + kernel
    alpha            = K⁻¹y
    loss             = 1/2 · yᵀK⁻¹y + 1/2 · log|det(K)| + 0.9189385332046727n
    t12_bar          = 1/2 · (K⁻¹ − alpha·alphaᵀ)
    log_variance_bar = tr(t12_bar·kernelᵀ)
    log_length_bar   = 2 exp(−2·log_length) tr((t12_bar ⊙ t5)·kernelᵀ)
    log_noise_bar    = exp(log_noise) tr(t12_bar)

loss_hessian:

    distance[i,k] = Σ_j (X[i,j] - X[k,j])^2                                    i < n, k < n, j < d
    t7 = exp(-2·log_length)
    kernel[i,k] = exp(log_variance - t7·distance[i,k]/2)                       i < n, k < n
    kernel_by_log_length[i,k] = distance[i,k]·(t7·kernel[i,k])                 i < n, k < n
    t10 = exp(log_noise)
    K[i,k] = kernel[i,k] + {t10 if k = i}                                      i < n, k < n
    alpha = solve(K, y)
    alpha_right_by_log_variance[i] = Σ_k alpha[k]·kernel[i,k]                  i < n, k < n
    alpha_dot_by_log_variance = solve(K, alpha_right_by_log_variance)
    alpha_right2_by_log_length[i] = Σ_k alpha[k]·kernel_by_log_length[i,k]     i < n, k < n
    alpha_dot2_by_log_length = solve(K, alpha_right2_by_log_length)
    alpha_dot3_by_log_noise = solve(K, alpha)
    K_inverse = inverse(K)
    K_inverse_right_by_log_variance[i,k] = Σ_l K_inverse[k,l]·kernel[i,l]      i < n, k < n, l < n
    K_inverse_right2_by_log_length[i,k] = Σ_l K_inverse[k,l]·kernel_by_log_length[i,l]    i < n, k < n, l < n
    y_bar_right_by_log_variance[i] = alpha_right_by_log_variance[i]/2          i < n
    y_bar_dot_by_log_variance = solve(K, y_bar_right_by_log_variance)
    y_bar_right2_by_log_length[i] = alpha_right2_by_log_length[i]/2            i < n
    y_bar_dot2_by_log_length = solve(K, y_bar_right2_by_log_length)
    K_bar[i,k] = K_inverse[i,k]/2 - alpha[i]·alpha[k]/2                        i < n, k < n
    K_bar_by_log_variance2[i,k] = -1/2·Σ_l K_inverse[k,l]·K_inverse_right_by_log_variance[l,i] + alpha[k]·y_bar_dot_by_log_variance[i] + alpha[i]·alpha_dot_by_log_variance[k]/2    i < n, k < n, l < n
    K_bar_by_log_length2[i,k] = -1/2·Σ_l K_inverse[k,l]·K_inverse_right2_by_log_length[l,i] + alpha[k]·y_bar_dot2_by_log_length[i] + alpha[i]·alpha_dot2_by_log_length[k]/2    i < n, k < n, l < n
    K_bar_by_log_noise2[i,k] = -1/2·Σ_l K_inverse[i,l]·K_inverse[k,l] + alpha[i]·alpha_dot3_by_log_noise[k]/2 + alpha[k]·alpha_dot3_by_log_noise[i]/2    i < n, k < n, l < n
    t10_bar = Σ_i K_bar[i,i]                                                   i < n
    t10_bar_by_log_noise = Σ_i K_bar_by_log_noise2[i,i]                        i < n
    t7_bar = -1/2·Σ_i,k distance[i,k]·(K_bar[i,k]·kernel[i,k])                 i < n, k < n
    t7_bar_by_log_length = Σ_i,k (K_bar[i,k]·kernel_by_log_length[i,k] + K_bar_by_log_length2[i,k]·kernel[i,k])·distance[i,k]    i < n, k < n
    t7_bar_by_log_noise = Σ_i,k K_bar_by_log_noise2[i,k]·distance[i,k]·(t10·kernel[i,k])    i < n, k < n
    hessian_log_variance_log_variance = Σ_i,k (K_bar[i,k]·kernel[i,k] + K_bar_by_log_variance2[i,k]·kernel[i,k])    i < n, k < n
    hessian_log_variance_log_length = Σ_i,k (K_bar[i,k]·kernel_by_log_length[i,k] + K_bar_by_log_length2[i,k]·kernel[i,k])    i < n, k < n
    hessian_log_length_log_length = 4·(t7·t7_bar) + t7·t7_bar_by_log_length
    hessian_log_variance_log_noise = Σ_i,k K_bar_by_log_noise2[i,k]·(t10·kernel[i,k])    i < n, k < n
    hessian_log_length_log_noise = t7·t7_bar_by_log_noise
    hessian_log_noise_log_noise = t10^2·t10_bar_by_log_noise + t10·t10_bar
    in matrix notation:
    distance[i,k]            = Σ_j (X[i,j] - X[k,j])^2
    t7                       = exp(−2·log_length)
    kernel                   = exp(log_variance − t7/2 · distance)
    kernel_by_log_length     = t7·distance ⊙ kernel
    t10                      = exp(log_noise)
    K                        = exp(log_noise) I + kernel
    alpha                    = K⁻¹y
    alpha_dot_by_log_variance = K⁻¹·kernel·alpha
    alpha_dot2_by_log_length = K⁻¹·kernel_by_log_length·alpha
    alpha_dot3_by_log_noise  = K⁻¹·alpha
    K_inverse                = K⁻¹
    y_bar_dot_by_log_variance = 1/2 · K⁻¹·kernel·alpha
    y_bar_dot2_by_log_length = 1/2 · K⁻¹·kernel_by_log_length·alpha
    K_bar                    = 1/2 · (K_inverse − alpha·alphaᵀ)
    K_bar_by_log_variance2   = 1/2 · alpha·alpha_dot_by_log_varianceᵀ + y_bar_dot_by_log_variance·alphaᵀ − 1/2 · K_inverse·kernelᵀ·K_inverseᵀ
    K_bar_by_log_length2     = 1/2 · alpha·alpha_dot2_by_log_lengthᵀ + y_bar_dot2_by_log_length·alphaᵀ − 1/2 · K_inverse·kernel_by_log_lengthᵀ·K_inverseᵀ
    K_bar_by_log_noise2      = 1/2 · (alpha·alpha_dot3_by_log_noiseᵀ + alpha_dot3_by_log_noise·alphaᵀ − K_inverse·K_inverseᵀ)
    t7_bar                   = −1/2 · tr((distance ⊙ kernel)·K_barᵀ)
    hessian_log_variance_log_variance = 1ᵀ(K_bar ⊙ kernel + K_bar_by_log_variance2 ⊙ kernel)1
    hessian_log_variance_log_length = 1ᵀ(K_bar ⊙ kernel_by_log_length + K_bar_by_log_length2 ⊙ kernel)1
    hessian_log_length_log_length = t7 tr(distance·(K_bar ⊙ kernel_by_log_length + K_bar_by_log_length2 ⊙ kernel)ᵀ) + 4·t7·t7_bar
    hessian_log_variance_log_noise = exp(log_noise) tr(kernel·K_bar_by_log_noise2ᵀ)
    hessian_log_length_log_noise = t7 exp(log_noise) tr((distance ⊙ kernel)·K_bar_by_log_noise2ᵀ)
    hessian_log_noise_log_noise = t10² tr(K_bar_by_log_noise2) + t10 tr(K_bar)
    ∂²loss/∂log_variance²: dense
    ∂²loss/∂log_variance∂log_length: dense
    ∂²loss/∂log_length²: dense
    ∂²loss/∂log_variance∂log_noise: dense
    ∂²loss/∂log_length∂log_noise: dense
    ∂²loss/∂log_noise²: dense
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_8fc05f2111244f58"
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


# For functions whose steps must stay as they stand: a rounding error is computed by subtracting
# what was added, and rewriting that as algebra would give 0.
_EXACT: dict[str, Any] = {
    **_OPTIONS,
    "fastmath": {"contract"},
    "forceinline": True,
    "no_cpython_wrapper": True,
}


@njit(**_EXACT)
def _power_of_two(k):
    """2^k, |k| <= 1022: the low bits of 1.5·2^52 + 1023 + k become the exponent."""
    low = np.float64(k + 6755399441056767.0).view(np.int64)
    return np.int64(low << 52).view(np.float64)


@njit(**_EXACT)
def _exp(x):
    """e^x = 2^k·e^r, k = round(x/log(2)), |r| <= log(2)/2; e^r a polynomial. Error <= 1 ulp.

    The polynomial is summed in pairs, which wait less for each other. k is added to the exponent,
    down to -1000; what is below that is one more factor, which makes the result 0 or subnormal.
    """
    u = np.float64(x)
    u = -1000.0 if u < -1000.0 else u
    k = np.rint(u * 1.4426950408889634)
    r = (u - k * 0.6931471805598903) - k * 5.497923018708371e-14
    s = r * r
    p0 = 0.1666666666666667 * r + 0.5
    p1 = 0.008333333333326141 * r + 0.04166666666666667
    p2 = 0.00019841269874800683 * r + 0.0013888888888883752
    p3 = 2.75572554255029e-06 * r + 2.4801587325533502e-05
    p4 = 2.5105206475334834e-08 * r + 2.7557273661174726e-07
    p4 = 2.091467944897855e-09 * s + p4
    p = (p0 + s * p1) + s * s * ((p2 + s * p3) + s * s * p4)
    p = 1.0 + (r + s * p)
    high = k if k > -1000.0 else -1000.0
    exponent = np.float64(high + 6755399441055744.0).view(np.int64) << 52
    y = np.int64(np.float64(p).view(np.int64) + exponent).view(np.float64)
    y = y * _power_of_two(k - high)
    return type(x)(y if u <= 709.782712893384 else u + np.inf)


def _attempt(where, routine, *matrices):
    """What the routine finds; that a matrix has no such result is an error that says where."""
    try:
        return routine(*matrices)
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError(f"{where}: {error}") from None


# --- kernels of loss ---------------------------------------------------------------------------


@_kernel("void(float64, float64[::1], float64, float64[::1])")
def _loss_1(log_length, t7, log_noise, t10):
    # t7 = exp(-2·log_length)
    # t10 = exp(log_noise)
    t7[0] = _exp(-(2.0 * log_length))
    t10[0] = _exp(log_noise)


@_kernel(
    "void(int64, int64, int64, float64[:, ::1], float64[:, ::1], int64, float64[:, ::1])", **_INNER
)
def _nest1(rows, n, d, X_rows, X, start, t5):
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, n - n % 4, 4):
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
            for j in range(d):
                v = X_rows[i, j]
                v2 = X[k, j]
                v3 = v - v2
                v4 = X[start + i + 1, j]
                v5 = v4 - v2
                v6 = X[start + i + 2, j]
                v7 = v6 - v2
                v8 = X[start + i + 3, j]
                v9 = v8 - v2
                v10 = X[k + 1, j]
                v11 = v - v10
                v12 = v4 - v10
                v13 = v6 - v10
                v14 = v8 - v10
                v15 = X[k + 2, j]
                v16 = v - v15
                v17 = v4 - v15
                v18 = v6 - v15
                v19 = v8 - v15
                v20 = X[k + 3, j]
                v21 = v - v20
                v22 = v4 - v20
                v23 = v6 - v20
                v24 = v8 - v20
                total += v3 * v3
                total_i1 += v5 * v5
                total_i2 += v7 * v7
                total_i3 += v9 * v9
                total_k1 += v11 * v11
                total_i1_k1 += v12 * v12
                total_i2_k1 += v13 * v13
                total_i3_k1 += v14 * v14
                total_k2 += v16 * v16
                total_i1_k2 += v17 * v17
                total_i2_k2 += v18 * v18
                total_i3_k2 += v19 * v19
                total_k3 += v21 * v21
                total_i1_k3 += v22 * v22
                total_i2_k3 += v23 * v23
                total_i3_k3 += v24 * v24
            t5[i, k] = total * 0.5
            t5[i + 1, k] = total_i1 * 0.5
            t5[i + 2, k] = total_i2 * 0.5
            t5[i + 3, k] = total_i3 * 0.5
            t5[i, k + 1] = total_k1 * 0.5
            t5[i + 1, k + 1] = total_i1_k1 * 0.5
            t5[i + 2, k + 1] = total_i2_k1 * 0.5
            t5[i + 3, k + 1] = total_i3_k1 * 0.5
            t5[i, k + 2] = total_k2 * 0.5
            t5[i + 1, k + 2] = total_i1_k2 * 0.5
            t5[i + 2, k + 2] = total_i2_k2 * 0.5
            t5[i + 3, k + 2] = total_i3_k2 * 0.5
            t5[i, k + 3] = total_k3 * 0.5
            t5[i + 1, k + 3] = total_i1_k3 * 0.5
            t5[i + 2, k + 3] = total_i2_k3 * 0.5
            t5[i + 3, k + 3] = total_i3_k3 * 0.5
        for k in range(n - n % 4, n):
            total = 0.0
            total_i1 = 0.0
            total_i2 = 0.0
            total_i3 = 0.0
            for j in range(d):
                v25 = X[k, j]
                v26 = X_rows[i, j] - v25
                v27 = X[start + i + 1, j] - v25
                v28 = X[start + i + 2, j] - v25
                v29 = X[start + i + 3, j] - v25
                total += v26 * v26
                total_i1 += v27 * v27
                total_i2 += v28 * v28
                total_i3 += v29 * v29
            t5[i, k] = total * 0.5
            t5[i + 1, k] = total_i1 * 0.5
            t5[i + 2, k] = total_i2 * 0.5
            t5[i + 3, k] = total_i3 * 0.5
    for i in range(rows - rows % 4, rows):
        for k in range(n):
            total = 0.0
            for j in range(d):
                v30 = X_rows[i, j] - X[k, j]
                total += v30 * v30
            t5[i, k] = total * 0.5


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[::1], float64[:, ::1])",
    **_INNER,
)
def _loss_2(nest1, start, rows, n, d, X_rows, X, t5, log_variance, t7, t10, K):
    # t5[i,k] = 1/2·Σ_j (X[i,j] - X[k,j])^2
    _call_kernel(
        nest1,
        (
            rows,
            n,
            d,
            X_rows,
            X,
            start,
            t5,
        ),
    )
    # K[i,k] = exp(log_variance - t7·t5[i,k]) + {t10 if k = i}
    for i in range(rows):
        for k in range(n):
            K[i, k] = _exp(log_variance - t7[0] * t5[i, k])
    for i in range(rows):
        k = start + i
        K[i, k] += t10[0]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[::1], float64[:, ::1])"
)
def _loss_2_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    blocks,
    tile,
    n,
    d,
    X_rows,
    X,
    log_variance,
    t7,
    t10,
    K,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    t5 = np.empty((tile, n), np.float64)
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
            _call_kernel(
                address,
                (
                    nest1,
                    start,
                    rows,
                    n,
                    d,
                    X_rows[start : start + rows],
                    X,
                    t5,
                    log_variance,
                    t7,
                    t10,
                    K[start : start + rows],
                ),
            )


@_kernel("void(int64, float64[::1], float64[::1], float64[::1])", **_INNER)
def _loss_3(rows, alpha, y, loss_total):
    # loss = 1/2·Σ_i alpha[i]·y[i] + slogdet2/2 + 0.9189385332046727·n
    loss_total_sum = 0.0
    for i in range(rows):
        loss_total_sum += alpha[i] * y[i]
    loss_total[0] += loss_total_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[::1], float64[:, ::1])"
)
def _loss_3_blocks(
    worker, workers, each_worker, address, blocks, tile, sums, n, alpha, y, loss_total
):
    if worker < 0:
        _spread(each_worker, workers)
        return
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
                (rows, alpha[start : start + rows], y[start : start + rows], loss_total[place]),
            )


@_kernel("void(int64, float64[::1], float64[::1], float64[::1])")
def _loss_4(n, loss_total, slogdet2, loss):
    # loss = 1/2·Σ_i alpha[i]·y[i] + slogdet2/2 + 0.9189385332046727·n
    loss[0] = loss_total[0] + slogdet2[0] / 2.0 + 0.9189385332046727 * n


@_kernel("void(float64, float64[::1], float64, float64[::1])")
def _loss_grad_1(log_length, t7, log_noise, t10):
    # t7 = exp(-2·log_length)
    # t10 = exp(log_noise)
    t7[0] = _exp(-(2.0 * log_length))
    t10[0] = _exp(log_noise)


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[:, ::1], float64[::1], float64[:, ::1])",
    **_INNER,
)
def _loss_grad_2(nest1, start, rows, n, d, X_rows, X, t5, log_variance, t7, kernel, t10, K):
    # t5[i,k] = 1/2·Σ_j (X[i,j] - X[k,j])^2
    _call_kernel(
        nest1,
        (
            rows,
            n,
            d,
            X_rows,
            X,
            start,
            t5,
        ),
    )
    # kernel[i,k] = exp(log_variance - t7·t5[i,k])
    for i in range(rows):
        for k in range(n):
            kernel[i, k] = _exp(log_variance - t7[0] * t5[i, k])
    # K[i,k] = kernel[i,k] + {t10 if k = i}
    for i in range(rows):
        for k in range(n):
            K[i, k] = kernel[i, k]
    for i in range(rows):
        k = start + i
        K[i, k] += t10[0]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[:, ::1], float64[::1], float64[:, ::1])"
)
def _loss_grad_2_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    blocks,
    tile,
    n,
    d,
    X_rows,
    X,
    t5,
    log_variance,
    t7,
    kernel,
    t10,
    K,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
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
            _call_kernel(
                address,
                (
                    nest1,
                    start,
                    rows,
                    n,
                    d,
                    X_rows[start : start + rows],
                    X,
                    t5[start : start + rows],
                    log_variance,
                    t7,
                    kernel[start : start + rows],
                    t10,
                    K[start : start + rows],
                ),
            )


@_kernel(
    "void(int64, int64, int64, float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_grad_3(
    start,
    rows,
    n,
    alpha_rows,
    alpha,
    y,
    loss_total,
    K_inverse,
    t12_bar,
    t10_bar,
    t5,
    kernel,
    t7_bar,
    log_variance_bar,
):
    # loss = 1/2·Σ_i alpha[i]·y[i] + slogdet2/2 + 0.9189385332046727·n
    loss_total_sum = 0.0
    for i in range(rows):
        loss_total_sum += alpha_rows[i] * y[i]
    loss_total[0] += loss_total_sum
    # t12_bar[i,k] = K_inverse[i,k]/2 - alpha[i]·alpha[k]/2
    for i in range(rows):
        for k in range(n):
            t12_bar[i, k] = K_inverse[i, k] / 2.0 - alpha_rows[i] * alpha[k] / 2.0
    # t10_bar = Σ_i t12_bar[i,i]
    t10_bar_sum = 0.0
    for i in range(rows):
        t10_bar_sum += t12_bar[i, start + i]
    t10_bar[0] += t10_bar_sum
    # t7_bar = -Σ_i,k t5[i,k]·(kernel[i,k]·t12_bar[i,k])
    total = 0.0
    for i in range(rows):
        for k in range(n):
            v = t12_bar[i, k]
            total += t5[i, k] * (0.0 if v == 0.0 else kernel[i, k] * v)
    t7_bar[0] += total
    # log_variance_bar = Σ_i,k kernel[i,k]·t12_bar[i,k]
    total2 = 0.0
    for i in range(rows):
        for k in range(n):
            v2 = t12_bar[i, k]
            total2 += 0.0 if v2 == 0.0 else kernel[i, k] * v2
    log_variance_bar[0] += total2


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_grad_3_blocks(
    worker,
    workers,
    each_worker,
    address,
    blocks,
    tile,
    sums,
    n,
    alpha_rows,
    alpha,
    y,
    loss_total,
    K_inverse,
    t10_bar,
    t5,
    kernel,
    t7_bar,
    log_variance_bar,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    t12_bar = np.empty((tile, n), np.float64)
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
                    start,
                    rows,
                    n,
                    alpha_rows[start : start + rows],
                    alpha,
                    y[start : start + rows],
                    loss_total[place],
                    K_inverse[start : start + rows],
                    t12_bar,
                    t10_bar[place],
                    t5[start : start + rows],
                    kernel[start : start + rows],
                    t7_bar[place],
                    log_variance_bar[place],
                ),
            )


@_kernel(
    "void(int64, float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])"
)
def _loss_grad_4(
    n, loss_total, slogdet2, loss, t7_bar, t7, log_length_bar, t10_bar, t10, log_noise_bar
):
    # loss = 1/2·Σ_i alpha[i]·y[i] + slogdet2/2 + 0.9189385332046727·n
    # log_length_bar = -2·(t7·t7_bar)
    # log_noise_bar = t10·t10_bar
    v = t7_bar[0]
    v2 = t10_bar[0]
    loss[0] = loss_total[0] + slogdet2[0] / 2.0 + 0.9189385332046727 * n
    log_length_bar[0] = -(2.0 * (0.0 if v == 0.0 else t7[0] * v))
    log_noise_bar[0] = 0.0 if v2 == 0.0 else t10[0] * v2


@_kernel("void(float64, float64[::1], float64, float64[::1])")
def _loss_hessian_1(log_length, t7, log_noise, t10):
    # t7 = exp(-2·log_length)
    # t10 = exp(log_noise)
    t7[0] = _exp(-(2.0 * log_length))
    t10[0] = _exp(log_noise)


@_kernel(
    "void(int64, int64, int64, float64[:, ::1], float64[:, ::1], int64, float64[:, ::1])", **_INNER
)
def _nest2(rows, n, d, X_rows, X, start, distance):
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, n - n % 4, 4):
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
            for j in range(d):
                v = X_rows[i, j]
                v2 = X[k, j]
                v3 = v - v2
                v4 = X[start + i + 1, j]
                v5 = v4 - v2
                v6 = X[start + i + 2, j]
                v7 = v6 - v2
                v8 = X[start + i + 3, j]
                v9 = v8 - v2
                v10 = X[k + 1, j]
                v11 = v - v10
                v12 = v4 - v10
                v13 = v6 - v10
                v14 = v8 - v10
                v15 = X[k + 2, j]
                v16 = v - v15
                v17 = v4 - v15
                v18 = v6 - v15
                v19 = v8 - v15
                v20 = X[k + 3, j]
                v21 = v - v20
                v22 = v4 - v20
                v23 = v6 - v20
                v24 = v8 - v20
                total += v3 * v3
                total_i1 += v5 * v5
                total_i2 += v7 * v7
                total_i3 += v9 * v9
                total_k1 += v11 * v11
                total_i1_k1 += v12 * v12
                total_i2_k1 += v13 * v13
                total_i3_k1 += v14 * v14
                total_k2 += v16 * v16
                total_i1_k2 += v17 * v17
                total_i2_k2 += v18 * v18
                total_i3_k2 += v19 * v19
                total_k3 += v21 * v21
                total_i1_k3 += v22 * v22
                total_i2_k3 += v23 * v23
                total_i3_k3 += v24 * v24
            distance[i, k] = total
            distance[i + 1, k] = total_i1
            distance[i + 2, k] = total_i2
            distance[i + 3, k] = total_i3
            distance[i, k + 1] = total_k1
            distance[i + 1, k + 1] = total_i1_k1
            distance[i + 2, k + 1] = total_i2_k1
            distance[i + 3, k + 1] = total_i3_k1
            distance[i, k + 2] = total_k2
            distance[i + 1, k + 2] = total_i1_k2
            distance[i + 2, k + 2] = total_i2_k2
            distance[i + 3, k + 2] = total_i3_k2
            distance[i, k + 3] = total_k3
            distance[i + 1, k + 3] = total_i1_k3
            distance[i + 2, k + 3] = total_i2_k3
            distance[i + 3, k + 3] = total_i3_k3
        for k in range(n - n % 4, n):
            total = 0.0
            total_i1 = 0.0
            total_i2 = 0.0
            total_i3 = 0.0
            for j in range(d):
                v25 = X[k, j]
                v26 = X_rows[i, j] - v25
                v27 = X[start + i + 1, j] - v25
                v28 = X[start + i + 2, j] - v25
                v29 = X[start + i + 3, j] - v25
                total += v26 * v26
                total_i1 += v27 * v27
                total_i2 += v28 * v28
                total_i3 += v29 * v29
            distance[i, k] = total
            distance[i + 1, k] = total_i1
            distance[i + 2, k] = total_i2
            distance[i + 3, k] = total_i3
    for i in range(rows - rows % 4, rows):
        for k in range(n):
            total = 0.0
            for j in range(d):
                v30 = X_rows[i, j] - X[k, j]
                total += v30 * v30
            distance[i, k] = total


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1])",
    **_INNER,
)
def _loss_hessian_2(
    nest2,
    start,
    rows,
    n,
    d,
    X_rows,
    X,
    distance,
    log_variance,
    t7,
    kernel,
    kernel_by_log_length,
    t10,
    K,
):
    # distance[i,k] = Σ_j (X[i,j] - X[k,j])^2
    _call_kernel(
        nest2,
        (
            rows,
            n,
            d,
            X_rows,
            X,
            start,
            distance,
        ),
    )
    # kernel[i,k] = exp(log_variance - t7·distance[i,k]/2)
    # kernel_by_log_length[i,k] = distance[i,k]·(t7·kernel[i,k])
    for i in range(rows):
        for k in range(n):
            v31 = t7[0]
            v32 = distance[i, k]
            v33 = _exp(log_variance - v31 * v32 / 2.0)
            kernel[i, k] = v33
            kernel_by_log_length[i, k] = v32 * (0.0 if v33 == 0.0 else v31 * v33)
    # K[i,k] = kernel[i,k] + {t10 if k = i}
    for i in range(rows):
        for k in range(n):
            K[i, k] = kernel[i, k]
    for i in range(rows):
        k = start + i
        K[i, k] += t10[0]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1])"
)
def _loss_hessian_2_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest2,
    blocks,
    tile,
    n,
    d,
    X_rows,
    X,
    distance,
    log_variance,
    t7,
    kernel,
    kernel_by_log_length,
    t10,
    K,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
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
            _call_kernel(
                address,
                (
                    nest2,
                    start,
                    rows,
                    n,
                    d,
                    X_rows[start : start + rows],
                    X,
                    distance[start : start + rows],
                    log_variance,
                    t7,
                    kernel[start : start + rows],
                    kernel_by_log_length[start : start + rows],
                    t10,
                    K[start : start + rows],
                ),
            )


@_kernel("void(int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1])", **_INNER)
def _nest3(rows, n, K_inverse, kernel, K_inverse_right_by_log_variance):
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, n - n % 4, 4):
            total3 = 0.0
            total_k1 = 0.0
            total_k2 = 0.0
            total_k3 = 0.0
            total_i13 = 0.0
            total_i1_k1 = 0.0
            total_i1_k2 = 0.0
            total_i1_k3 = 0.0
            total_i23 = 0.0
            total_i2_k1 = 0.0
            total_i2_k2 = 0.0
            total_i2_k3 = 0.0
            total_i33 = 0.0
            total_i3_k1 = 0.0
            total_i3_k2 = 0.0
            total_i3_k3 = 0.0
            for l in range(n):
                v3 = K_inverse[k, l]
                v4 = kernel[i, l]
                v5 = kernel[i + 1, l]
                v6 = kernel[i + 2, l]
                v7 = kernel[i + 3, l]
                v8 = K_inverse[k + 1, l]
                v9 = K_inverse[k + 2, l]
                v10 = K_inverse[k + 3, l]
                total3 += v3 * v4
                total_i13 += v3 * v5
                total_i23 += v3 * v6
                total_i33 += v3 * v7
                total_k1 += v8 * v4
                total_i1_k1 += v8 * v5
                total_i2_k1 += v8 * v6
                total_i3_k1 += v8 * v7
                total_k2 += v9 * v4
                total_i1_k2 += v9 * v5
                total_i2_k2 += v9 * v6
                total_i3_k2 += v9 * v7
                total_k3 += v10 * v4
                total_i1_k3 += v10 * v5
                total_i2_k3 += v10 * v6
                total_i3_k3 += v10 * v7
            K_inverse_right_by_log_variance[i, k] = total3
            K_inverse_right_by_log_variance[i + 1, k] = total_i13
            K_inverse_right_by_log_variance[i + 2, k] = total_i23
            K_inverse_right_by_log_variance[i + 3, k] = total_i33
            K_inverse_right_by_log_variance[i, k + 1] = total_k1
            K_inverse_right_by_log_variance[i + 1, k + 1] = total_i1_k1
            K_inverse_right_by_log_variance[i + 2, k + 1] = total_i2_k1
            K_inverse_right_by_log_variance[i + 3, k + 1] = total_i3_k1
            K_inverse_right_by_log_variance[i, k + 2] = total_k2
            K_inverse_right_by_log_variance[i + 1, k + 2] = total_i1_k2
            K_inverse_right_by_log_variance[i + 2, k + 2] = total_i2_k2
            K_inverse_right_by_log_variance[i + 3, k + 2] = total_i3_k2
            K_inverse_right_by_log_variance[i, k + 3] = total_k3
            K_inverse_right_by_log_variance[i + 1, k + 3] = total_i1_k3
            K_inverse_right_by_log_variance[i + 2, k + 3] = total_i2_k3
            K_inverse_right_by_log_variance[i + 3, k + 3] = total_i3_k3
        for k in range(n - n % 4, n):
            total3 = 0.0
            total_i13 = 0.0
            total_i23 = 0.0
            total_i33 = 0.0
            for l in range(n):
                v11 = K_inverse[k, l]
                total3 += v11 * kernel[i, l]
                total_i13 += v11 * kernel[i + 1, l]
                total_i23 += v11 * kernel[i + 2, l]
                total_i33 += v11 * kernel[i + 3, l]
            K_inverse_right_by_log_variance[i, k] = total3
            K_inverse_right_by_log_variance[i + 1, k] = total_i13
            K_inverse_right_by_log_variance[i + 2, k] = total_i23
            K_inverse_right_by_log_variance[i + 3, k] = total_i33
    for i in range(rows - rows % 4, rows):
        for k in range(n):
            total3 = 0.0
            for l in range(n):
                total3 += K_inverse[k, l] * kernel[i, l]
            K_inverse_right_by_log_variance[i, k] = total3


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], int64, float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1])",
    **_INNER,
)
def _nest4(
    rows,
    n,
    K_inverse_rows,
    K_inverse,
    start,
    alpha_rows,
    alpha_dot3_by_log_noise,
    alpha,
    alpha_dot3_by_log_noise_rows,
    K_bar_by_log_noise2,
):
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, n - n % 4, 4):
            total5 = 0.0
            total_k13 = 0.0
            total_k23 = 0.0
            total_k33 = 0.0
            total_i15 = 0.0
            total_i1_k13 = 0.0
            total_i1_k23 = 0.0
            total_i1_k33 = 0.0
            total_i25 = 0.0
            total_i2_k13 = 0.0
            total_i2_k23 = 0.0
            total_i2_k33 = 0.0
            total_i35 = 0.0
            total_i3_k13 = 0.0
            total_i3_k23 = 0.0
            total_i3_k33 = 0.0
            for l in range(n):
                v21 = K_inverse_rows[i, l]
                v22 = K_inverse[k, l]
                v23 = K_inverse[start + i + 1, l]
                v24 = K_inverse[start + i + 2, l]
                v25 = K_inverse[start + i + 3, l]
                v26 = K_inverse[k + 1, l]
                v27 = K_inverse[k + 2, l]
                v28 = K_inverse[k + 3, l]
                total5 += v21 * v22
                total_i15 += v23 * v22
                total_i25 += v24 * v22
                total_i35 += v25 * v22
                total_k13 += v21 * v26
                total_i1_k13 += v23 * v26
                total_i2_k13 += v24 * v26
                total_i3_k13 += v25 * v26
                total_k23 += v21 * v27
                total_i1_k23 += v23 * v27
                total_i2_k23 += v24 * v27
                total_i3_k23 += v25 * v27
                total_k33 += v21 * v28
                total_i1_k33 += v23 * v28
                total_i2_k33 += v24 * v28
                total_i3_k33 += v25 * v28
            v29 = alpha_rows[i]
            v30 = alpha_dot3_by_log_noise[k]
            v31 = alpha[k]
            v32 = alpha_dot3_by_log_noise_rows[i]
            v33 = alpha[start + i + 1]
            v34 = alpha_dot3_by_log_noise[start + i + 1]
            v35 = alpha[start + i + 2]
            v36 = alpha_dot3_by_log_noise[start + i + 2]
            v37 = alpha[start + i + 3]
            v38 = alpha_dot3_by_log_noise[start + i + 3]
            v39 = alpha_dot3_by_log_noise[k + 1]
            v40 = alpha[k + 1]
            v41 = alpha_dot3_by_log_noise[k + 2]
            v42 = alpha[k + 2]
            v43 = alpha_dot3_by_log_noise[k + 3]
            v44 = alpha[k + 3]
            K_bar_by_log_noise2[i, k] = v29 * v30 / 2.0 + v31 * v32 / 2.0 + total5 * (-0.5)
            K_bar_by_log_noise2[i + 1, k] = v33 * v30 / 2.0 + v31 * v34 / 2.0 + total_i15 * (-0.5)
            K_bar_by_log_noise2[i + 2, k] = v35 * v30 / 2.0 + v31 * v36 / 2.0 + total_i25 * (-0.5)
            K_bar_by_log_noise2[i + 3, k] = v37 * v30 / 2.0 + v31 * v38 / 2.0 + total_i35 * (-0.5)
            K_bar_by_log_noise2[i, k + 1] = v29 * v39 / 2.0 + v40 * v32 / 2.0 + total_k13 * (-0.5)
            K_bar_by_log_noise2[i + 1, k + 1] = (
                v33 * v39 / 2.0 + v40 * v34 / 2.0 + total_i1_k13 * (-0.5)
            )
            K_bar_by_log_noise2[i + 2, k + 1] = (
                v35 * v39 / 2.0 + v40 * v36 / 2.0 + total_i2_k13 * (-0.5)
            )
            K_bar_by_log_noise2[i + 3, k + 1] = (
                v37 * v39 / 2.0 + v40 * v38 / 2.0 + total_i3_k13 * (-0.5)
            )
            K_bar_by_log_noise2[i, k + 2] = v29 * v41 / 2.0 + v42 * v32 / 2.0 + total_k23 * (-0.5)
            K_bar_by_log_noise2[i + 1, k + 2] = (
                v33 * v41 / 2.0 + v42 * v34 / 2.0 + total_i1_k23 * (-0.5)
            )
            K_bar_by_log_noise2[i + 2, k + 2] = (
                v35 * v41 / 2.0 + v42 * v36 / 2.0 + total_i2_k23 * (-0.5)
            )
            K_bar_by_log_noise2[i + 3, k + 2] = (
                v37 * v41 / 2.0 + v42 * v38 / 2.0 + total_i3_k23 * (-0.5)
            )
            K_bar_by_log_noise2[i, k + 3] = v29 * v43 / 2.0 + v44 * v32 / 2.0 + total_k33 * (-0.5)
            K_bar_by_log_noise2[i + 1, k + 3] = (
                v33 * v43 / 2.0 + v44 * v34 / 2.0 + total_i1_k33 * (-0.5)
            )
            K_bar_by_log_noise2[i + 2, k + 3] = (
                v35 * v43 / 2.0 + v44 * v36 / 2.0 + total_i2_k33 * (-0.5)
            )
            K_bar_by_log_noise2[i + 3, k + 3] = (
                v37 * v43 / 2.0 + v44 * v38 / 2.0 + total_i3_k33 * (-0.5)
            )
        for k in range(n - n % 4, n):
            total5 = 0.0
            total_i15 = 0.0
            total_i25 = 0.0
            total_i35 = 0.0
            for l in range(n):
                v45 = K_inverse[k, l]
                total5 += K_inverse_rows[i, l] * v45
                total_i15 += K_inverse[start + i + 1, l] * v45
                total_i25 += K_inverse[start + i + 2, l] * v45
                total_i35 += K_inverse[start + i + 3, l] * v45
            v46 = alpha_dot3_by_log_noise[k]
            v47 = alpha[k]
            K_bar_by_log_noise2[i, k] = (
                alpha_rows[i] * v46 / 2.0
                + v47 * alpha_dot3_by_log_noise_rows[i] / 2.0
                + total5 * (-0.5)
            )
            K_bar_by_log_noise2[i + 1, k] = (
                alpha[start + i + 1] * v46 / 2.0
                + v47 * alpha_dot3_by_log_noise[start + i + 1] / 2.0
                + total_i15 * (-0.5)
            )
            K_bar_by_log_noise2[i + 2, k] = (
                alpha[start + i + 2] * v46 / 2.0
                + v47 * alpha_dot3_by_log_noise[start + i + 2] / 2.0
                + total_i25 * (-0.5)
            )
            K_bar_by_log_noise2[i + 3, k] = (
                alpha[start + i + 3] * v46 / 2.0
                + v47 * alpha_dot3_by_log_noise[start + i + 3] / 2.0
                + total_i35 * (-0.5)
            )
    for i in range(rows - rows % 4, rows):
        for k in range(n):
            total5 = 0.0
            for l in range(n):
                total5 += K_inverse_rows[i, l] * K_inverse[k, l]
            K_bar_by_log_noise2[i, k] = (
                alpha_rows[i] * alpha_dot3_by_log_noise[k] / 2.0
                + alpha[k] * alpha_dot3_by_log_noise_rows[i] / 2.0
                + total5 * (-0.5)
            )


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_hessian_3(
    nest3,
    nest4,
    start,
    rows,
    n,
    alpha_rows,
    alpha,
    kernel,
    alpha_right_by_log_variance,
    kernel_by_log_length,
    alpha_right2_by_log_length,
    K_inverse_rows,
    K_inverse,
    K_inverse_right_by_log_variance,
    K_inverse_right2_by_log_length,
    y_bar_right_by_log_variance,
    y_bar_right2_by_log_length,
    K_bar,
    alpha_dot3_by_log_noise_rows,
    alpha_dot3_by_log_noise,
    K_bar_by_log_noise2,
    t10_bar,
    t10_bar_by_log_noise,
    distance,
    t7_bar,
    t10,
    t7_bar_by_log_noise,
    hessian_log_variance_log_noise,
):
    # alpha_right_by_log_variance[i] = Σ_k alpha[k]·kernel[i,k]
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for k in range(n):
            v = alpha[k]
            total += v * kernel[i, k]
            total_i1 += v * kernel[i + 1, k]
            total_i2 += v * kernel[i + 2, k]
            total_i3 += v * kernel[i + 3, k]
        alpha_right_by_log_variance[i] = total
        alpha_right_by_log_variance[i + 1] = total_i1
        alpha_right_by_log_variance[i + 2] = total_i2
        alpha_right_by_log_variance[i + 3] = total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for k in range(n):
            total += alpha[k] * kernel[i, k]
        alpha_right_by_log_variance[i] = total
    # alpha_right2_by_log_length[i] = Σ_k alpha[k]·kernel_by_log_length[i,k]
    for i in range(0, rows - rows % 4, 4):
        total2 = 0.0
        total_i12 = 0.0
        total_i22 = 0.0
        total_i32 = 0.0
        for k in range(n):
            v2 = alpha[k]
            total2 += v2 * kernel_by_log_length[i, k]
            total_i12 += v2 * kernel_by_log_length[i + 1, k]
            total_i22 += v2 * kernel_by_log_length[i + 2, k]
            total_i32 += v2 * kernel_by_log_length[i + 3, k]
        alpha_right2_by_log_length[i] = total2
        alpha_right2_by_log_length[i + 1] = total_i12
        alpha_right2_by_log_length[i + 2] = total_i22
        alpha_right2_by_log_length[i + 3] = total_i32
    for i in range(rows - rows % 4, rows):
        total2 = 0.0
        for k in range(n):
            total2 += alpha[k] * kernel_by_log_length[i, k]
        alpha_right2_by_log_length[i] = total2
    # K_inverse_right_by_log_variance[i,k] = Σ_l K_inverse[k,l]·kernel[i,l]
    _call_kernel(
        nest3,
        (
            rows,
            n,
            K_inverse,
            kernel,
            K_inverse_right_by_log_variance,
        ),
    )
    # K_inverse_right2_by_log_length[i,k] = Σ_l K_inverse[k,l]·kernel_by_log_length[i,l]
    _call_kernel(
        nest3,
        (
            rows,
            n,
            K_inverse,
            kernel_by_log_length,
            K_inverse_right2_by_log_length,
        ),
    )
    # y_bar_right_by_log_variance[i] = alpha_right_by_log_variance[i]/2
    # y_bar_right2_by_log_length[i] = alpha_right2_by_log_length[i]/2
    for i in range(rows):
        y_bar_right_by_log_variance[i] = alpha_right_by_log_variance[i] / 2.0
        y_bar_right2_by_log_length[i] = alpha_right2_by_log_length[i] / 2.0
    # K_bar[i,k] = K_inverse[i,k]/2 - alpha[i]·alpha[k]/2
    for i in range(rows):
        for k in range(n):
            K_bar[i, k] = K_inverse_rows[i, k] / 2.0 - alpha_rows[i] * alpha[k] / 2.0
    # K_bar_by_log_noise2[i,k] = -1/2·Σ_l K_inverse[i,l]·K_inverse[k,l] + alpha[i]·alpha_dot3_by_log_noise[k]/2 + alpha[k]·alpha_dot3_by_log_noise[i]/2
    _call_kernel(
        nest4,
        (
            rows,
            n,
            K_inverse_rows,
            K_inverse,
            start,
            alpha_rows,
            alpha_dot3_by_log_noise,
            alpha,
            alpha_dot3_by_log_noise_rows,
            K_bar_by_log_noise2,
        ),
    )
    # t10_bar = Σ_i K_bar[i,i]
    # t10_bar_by_log_noise = Σ_i K_bar_by_log_noise2[i,i]
    t10_bar_sum = 0.0
    t10_bar_by_log_noise_sum = 0.0
    for i in range(rows):
        t10_bar_sum += K_bar[i, start + i]
        t10_bar_by_log_noise_sum += K_bar_by_log_noise2[i, start + i]
    t10_bar[0] += t10_bar_sum
    t10_bar_by_log_noise[0] += t10_bar_by_log_noise_sum
    # t7_bar = -1/2·Σ_i,k distance[i,k]·(K_bar[i,k]·kernel[i,k])
    total6 = 0.0
    for i in range(rows):
        for k in range(n):
            v48 = K_bar[i, k]
            total6 += distance[i, k] * (0.0 if v48 == 0.0 else v48 * kernel[i, k])
    t7_bar[0] += total6
    # t7_bar_by_log_noise = Σ_i,k K_bar_by_log_noise2[i,k]·distance[i,k]·(t10·kernel[i,k])
    total7 = 0.0
    for i in range(rows):
        for k in range(n):
            v49 = kernel[i, k]
            total7 += (
                K_bar_by_log_noise2[i, k] * distance[i, k] * (0.0 if v49 == 0.0 else t10[0] * v49)
            )
    t7_bar_by_log_noise[0] += total7
    # hessian_log_variance_log_noise = Σ_i,k K_bar_by_log_noise2[i,k]·(t10·kernel[i,k])
    total8 = 0.0
    for i in range(rows):
        for k in range(n):
            v50 = kernel[i, k]
            total8 += K_bar_by_log_noise2[i, k] * (0.0 if v50 == 0.0 else t10[0] * v50)
    hessian_log_variance_log_noise[0] += total8


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_hessian_3_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest3,
    nest4,
    blocks,
    tile,
    sums,
    n,
    alpha_rows,
    alpha,
    kernel,
    alpha_right_by_log_variance,
    kernel_by_log_length,
    alpha_right2_by_log_length,
    K_inverse_rows,
    K_inverse,
    K_inverse_right_by_log_variance,
    K_inverse_right2_by_log_length,
    y_bar_right_by_log_variance,
    y_bar_right2_by_log_length,
    K_bar,
    alpha_dot3_by_log_noise_rows,
    alpha_dot3_by_log_noise,
    t10_bar,
    t10_bar_by_log_noise,
    distance,
    t7_bar,
    t10,
    t7_bar_by_log_noise,
    hessian_log_variance_log_noise,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    K_bar_by_log_noise2 = np.empty((tile, n), np.float64)
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
                    nest3,
                    nest4,
                    start,
                    rows,
                    n,
                    alpha_rows[start : start + rows],
                    alpha,
                    kernel[start : start + rows],
                    alpha_right_by_log_variance[start : start + rows],
                    kernel_by_log_length[start : start + rows],
                    alpha_right2_by_log_length[start : start + rows],
                    K_inverse_rows[start : start + rows],
                    K_inverse,
                    K_inverse_right_by_log_variance[start : start + rows],
                    K_inverse_right2_by_log_length[start : start + rows],
                    y_bar_right_by_log_variance[start : start + rows],
                    y_bar_right2_by_log_length[start : start + rows],
                    K_bar[start : start + rows],
                    alpha_dot3_by_log_noise_rows[start : start + rows],
                    alpha_dot3_by_log_noise,
                    K_bar_by_log_noise2,
                    t10_bar[place],
                    t10_bar_by_log_noise[place],
                    distance[start : start + rows],
                    t7_bar[place],
                    t10,
                    t7_bar_by_log_noise[place],
                    hessian_log_variance_log_noise[place],
                ),
            )


@_kernel(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])"
)
def _loss_hessian_4(
    t7_bar_by_log_noise,
    t7,
    hessian_log_length_log_noise,
    t10_bar_by_log_noise,
    t10,
    t10_bar,
    hessian_log_noise_log_noise,
):
    # hessian_log_length_log_noise = t7·t7_bar_by_log_noise
    # hessian_log_noise_log_noise = t10^2·t10_bar_by_log_noise + t10·t10_bar
    v = t7_bar_by_log_noise[0]
    v2 = t10[0]
    v3 = t10_bar[0]
    hessian_log_length_log_noise[0] = 0.0 if v == 0.0 else t7[0] * v
    hessian_log_noise_log_noise[0] = t10_bar_by_log_noise[0] * v2 * v2 + (
        0.0 if v3 == 0.0 else v2 * v3
    )


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], int64)",
    **_INNER,
)
def _nest5(
    rows,
    n,
    K_bar_by_log_variance2,
    alpha,
    y_bar_dot_by_log_variance,
    alpha_rows,
    alpha_dot_by_log_variance,
    K_inverse,
    K_inverse_right_by_log_variance,
    start,
):
    for i in range(rows):
        for k in range(n):
            K_bar_by_log_variance2[i, k] = (
                alpha[k] * y_bar_dot_by_log_variance[i]
                + alpha_rows[i] * alpha_dot_by_log_variance[k] / 2.0
            )
    for k in range(0, n - n % 4, 4):
        for l in range(0, n - n % 4, 4):
            K_inverse_here = K_inverse[k, l]
            K_inverse_here1 = K_inverse[k + 1, l]
            K_inverse_here2 = K_inverse[k + 2, l]
            K_inverse_here3 = K_inverse[k + 3, l]
            K_inverse_here4 = K_inverse[k, l + 1]
            K_inverse_here5 = K_inverse[k + 1, l + 1]
            K_inverse_here6 = K_inverse[k + 2, l + 1]
            K_inverse_here7 = K_inverse[k + 3, l + 1]
            K_inverse_here8 = K_inverse[k, l + 2]
            K_inverse_here9 = K_inverse[k + 1, l + 2]
            K_inverse_here10 = K_inverse[k + 2, l + 2]
            K_inverse_here11 = K_inverse[k + 3, l + 2]
            K_inverse_here12 = K_inverse[k, l + 3]
            K_inverse_here13 = K_inverse[k + 1, l + 3]
            K_inverse_here14 = K_inverse[k + 2, l + 3]
            K_inverse_here15 = K_inverse[k + 3, l + 3]
            for i in range(rows):
                v = K_inverse_right_by_log_variance[l, start + i]
                v2 = K_inverse_right_by_log_variance[l + 1, start + i]
                v3 = K_inverse_right_by_log_variance[l + 2, start + i]
                v4 = K_inverse_right_by_log_variance[l + 3, start + i]
                K_bar_by_log_variance2[i, k] += (
                    K_inverse_here * v * (-0.5)
                    + K_inverse_here4 * v2 * (-0.5)
                    + K_inverse_here8 * v3 * (-0.5)
                    + K_inverse_here12 * v4 * (-0.5)
                )
                K_bar_by_log_variance2[i, k + 1] += (
                    K_inverse_here1 * v * (-0.5)
                    + K_inverse_here5 * v2 * (-0.5)
                    + K_inverse_here9 * v3 * (-0.5)
                    + K_inverse_here13 * v4 * (-0.5)
                )
                K_bar_by_log_variance2[i, k + 2] += (
                    K_inverse_here2 * v * (-0.5)
                    + K_inverse_here6 * v2 * (-0.5)
                    + K_inverse_here10 * v3 * (-0.5)
                    + K_inverse_here14 * v4 * (-0.5)
                )
                K_bar_by_log_variance2[i, k + 3] += (
                    K_inverse_here3 * v * (-0.5)
                    + K_inverse_here7 * v2 * (-0.5)
                    + K_inverse_here11 * v3 * (-0.5)
                    + K_inverse_here15 * v4 * (-0.5)
                )
        for l in range(n - n % 4, n):
            K_inverse_here = K_inverse[k, l]
            K_inverse_here1 = K_inverse[k + 1, l]
            K_inverse_here2 = K_inverse[k + 2, l]
            K_inverse_here3 = K_inverse[k + 3, l]
            for i in range(rows):
                v5 = K_inverse_right_by_log_variance[l, start + i]
                K_bar_by_log_variance2[i, k] += K_inverse_here * v5 * (-0.5)
                K_bar_by_log_variance2[i, k + 1] += K_inverse_here1 * v5 * (-0.5)
                K_bar_by_log_variance2[i, k + 2] += K_inverse_here2 * v5 * (-0.5)
                K_bar_by_log_variance2[i, k + 3] += K_inverse_here3 * v5 * (-0.5)
    for k in range(n - n % 4, n):
        for l in range(n):
            K_inverse_here = K_inverse[k, l]
            for i in range(rows):
                K_bar_by_log_variance2[i, k] += (
                    K_inverse_here * K_inverse_right_by_log_variance[l, start + i] * (-0.5)
                )


@_kernel(
    "void(int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_hessian_5(
    nest5,
    start,
    rows,
    n,
    K_inverse,
    K_inverse_right_by_log_variance,
    alpha_rows,
    alpha,
    y_bar_dot_by_log_variance,
    alpha_dot_by_log_variance,
    K_bar_by_log_variance2,
    K_inverse_right2_by_log_length,
    y_bar_dot2_by_log_length,
    alpha_dot2_by_log_length,
    K_bar_by_log_length2,
    K_bar,
    kernel_by_log_length,
    kernel,
    distance,
    t7_bar_by_log_length,
    hessian_log_variance_log_variance,
    hessian_log_variance_log_length,
):
    # K_bar_by_log_variance2[i,k] = -1/2·Σ_l K_inverse[k,l]·K_inverse_right_by_log_variance[l,i] + alpha[k]·y_bar_dot_by_log_variance[i] + alpha[i]·alpha_dot_by_log_variance[k]/2
    _call_kernel(
        nest5,
        (
            rows,
            n,
            K_bar_by_log_variance2,
            alpha,
            y_bar_dot_by_log_variance,
            alpha_rows,
            alpha_dot_by_log_variance,
            K_inverse,
            K_inverse_right_by_log_variance,
            start,
        ),
    )
    # K_bar_by_log_length2[i,k] = -1/2·Σ_l K_inverse[k,l]·K_inverse_right2_by_log_length[l,i] + alpha[k]·y_bar_dot2_by_log_length[i] + alpha[i]·alpha_dot2_by_log_length[k]/2
    _call_kernel(
        nest5,
        (
            rows,
            n,
            K_bar_by_log_length2,
            alpha,
            y_bar_dot2_by_log_length,
            alpha_rows,
            alpha_dot2_by_log_length,
            K_inverse,
            K_inverse_right2_by_log_length,
            start,
        ),
    )
    # t7_bar_by_log_length = Σ_i,k (K_bar[i,k]·kernel_by_log_length[i,k] + K_bar_by_log_length2[i,k]·kernel[i,k])·distance[i,k]
    total = 0.0
    for i in range(rows):
        for k in range(n):
            v11 = K_bar[i, k]
            v12 = kernel[i, k]
            total += (
                (0.0 if v11 == 0.0 else v11 * kernel_by_log_length[i, k])
                + (0.0 if v12 == 0.0 else K_bar_by_log_length2[i, k] * v12)
            ) * distance[i, k]
    t7_bar_by_log_length[0] += total
    # hessian_log_variance_log_variance = Σ_i,k (K_bar[i,k]·kernel[i,k] + K_bar_by_log_variance2[i,k]·kernel[i,k])
    total2 = 0.0
    for i in range(rows):
        for k in range(n):
            v13 = K_bar[i, k]
            v14 = kernel[i, k]
            total2 += (0.0 if v13 == 0.0 else v13 * v14) + (
                0.0 if v14 == 0.0 else K_bar_by_log_variance2[i, k] * v14
            )
    hessian_log_variance_log_variance[0] += total2
    # hessian_log_variance_log_length = Σ_i,k (K_bar[i,k]·kernel_by_log_length[i,k] + K_bar_by_log_length2[i,k]·kernel[i,k])
    total3 = 0.0
    for i in range(rows):
        for k in range(n):
            v15 = K_bar[i, k]
            v16 = kernel[i, k]
            total3 += (0.0 if v15 == 0.0 else v15 * kernel_by_log_length[i, k]) + (
                0.0 if v16 == 0.0 else K_bar_by_log_length2[i, k] * v16
            )
    hessian_log_variance_log_length[0] += total3


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_hessian_5_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest5,
    blocks,
    tile,
    sums,
    n,
    K_inverse,
    K_inverse_right_by_log_variance,
    alpha_rows,
    alpha,
    y_bar_dot_by_log_variance,
    alpha_dot_by_log_variance,
    K_inverse_right2_by_log_length,
    y_bar_dot2_by_log_length,
    alpha_dot2_by_log_length,
    K_bar,
    kernel_by_log_length,
    kernel,
    distance,
    t7_bar_by_log_length,
    hessian_log_variance_log_variance,
    hessian_log_variance_log_length,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    K_bar_by_log_variance2 = np.empty((tile, n), np.float64)
    K_bar_by_log_length2 = np.empty((tile, n), np.float64)
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
                    nest5,
                    start,
                    rows,
                    n,
                    K_inverse,
                    K_inverse_right_by_log_variance,
                    alpha_rows[start : start + rows],
                    alpha,
                    y_bar_dot_by_log_variance[start : start + rows],
                    alpha_dot_by_log_variance,
                    K_bar_by_log_variance2,
                    K_inverse_right2_by_log_length,
                    y_bar_dot2_by_log_length[start : start + rows],
                    alpha_dot2_by_log_length,
                    K_bar_by_log_length2,
                    K_bar[start : start + rows],
                    kernel_by_log_length[start : start + rows],
                    kernel[start : start + rows],
                    distance[start : start + rows],
                    t7_bar_by_log_length[place],
                    hessian_log_variance_log_variance[place],
                    hessian_log_variance_log_length[place],
                ),
            )


@_kernel("void(float64[::1], float64[::1], float64[::1], float64[::1])")
def _loss_hessian_6(t7_bar, t7, t7_bar_by_log_length, hessian_log_length_log_length):
    # hessian_log_length_log_length = 4·(t7·t7_bar) + t7·t7_bar_by_log_length
    v = t7_bar[0]
    v2 = t7[0]
    v3 = t7_bar_by_log_length[0]
    hessian_log_length_log_length[0] = 4.0 * (0.0 if v == 0.0 else v2 * v) + (
        0.0 if v3 == 0.0 else v2 * v3
    )


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
    _loss_1,
    _nest1,
    _loss_2,
    _loss_2_blocks,
    _loss_3,
    _loss_3_blocks,
    _loss_4,
    _loss_grad_1,
    _loss_grad_2,
    _loss_grad_2_blocks,
    _loss_grad_3,
    _loss_grad_3_blocks,
    _loss_grad_4,
    _loss_hessian_1,
    _nest2,
    _loss_hessian_2,
    _loss_hessian_2_blocks,
    _nest3,
    _nest4,
    _loss_hessian_3,
    _loss_hessian_3_blocks,
    _loss_hessian_4,
    _nest5,
    _loss_hessian_5,
    _loss_hessian_5_blocks,
    _loss_hessian_6,
    _each_worker,
)

# --- loss --------------------------------------------------------------------------------------


class LossGradients(NamedTuple):
    """Gradients of loss, one for each argument it was differentiated by."""

    log_variance: NDArray[np.float64]
    log_length: NDArray[np.float64]
    log_noise: NDArray[np.float64]


def _check_loss(log_variance, log_length, log_noise, X, y):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    log_variance = _number("loss", "log_variance", log_variance, np.float64)
    log_length = _number("loss", "log_length", log_length, np.float64)
    log_noise = _number("loss", "log_noise", log_noise, np.float64)
    X = _array("loss", "X", X, np.float64, 2, "[n, d]")
    y = _array("loss", "y", y, np.float64, 1, "[n]")
    n = X.shape[0]
    d = X.shape[1]
    if y.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'y' has {y.shape[0]} elements, expected n = {n} (axis 0 of 'X')"
        )
    return n, d, log_variance, log_length, log_noise, X, y


def _run_loss(n, d, log_variance, log_length, log_noise, X, y):
    t7 = np.empty((1,), np.float64)
    t10 = np.empty((1,), np.float64)
    _loss_1.call(log_length, t7, log_noise, t10)
    blocks2 = _count_blocks(n, n * d + 2 * n, 0)
    tile2 = _count_rows(n, n, blocks2)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    K = _empty((n, n), np.float64)
    _loss_2_blocks.spread(
        workers2,
        _loss_2.address(),
        _nest1.address(),
        blocks2,
        tile2,
        n,
        d,
        X,
        X,
        log_variance,
        t7,
        t10,
        K,
    )
    alpha = _attempt("loss: solve of 'K', line 21 of the model", np.linalg.solve, K, y)
    slogdet2 = np.reshape(np.linalg.slogdet(K)[1], (1,))
    blocks3 = _count_blocks(n, 1, 1)
    tile3 = _count_rows(0, n, blocks3, 1)
    workers3 = min(blocks3, numba.get_num_threads()) if blocks3 > 1 else 1
    sums2 = _count_sums(n, 1, 1, blocks3)
    loss_total_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    _loss_3_blocks.spread(
        workers3, _loss_3.address(), blocks3, tile3, sums2, n, alpha, y, loss_total_blocks
    )
    loss_total = _combine(loss_total_blocks) * (0.5)
    loss = np.empty((1,), np.float64)
    _loss_4.call(n, loss_total, slogdet2, loss)
    return (loss[0],)


def _run_loss_grad(n, d, log_variance, log_length, log_noise, X, y, *, targets=()):
    t7 = np.empty((1,), np.float64)
    t10 = np.empty((1,), np.float64)
    _loss_grad_1.call(log_length, t7, log_noise, t10)
    blocks2 = _count_blocks(n, n * d + 3 * n, 0)
    tile2 = _count_rows(0, n, blocks2)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    t5 = _empty((n, n), np.float64)
    kernel = _empty((n, n), np.float64)
    K = _empty((n, n), np.float64)
    _loss_grad_2_blocks.spread(
        workers2,
        _loss_grad_2.address(),
        _nest1.address(),
        blocks2,
        tile2,
        n,
        d,
        X,
        X,
        t5,
        log_variance,
        t7,
        kernel,
        t10,
        K,
    )
    alpha = _attempt("loss_grad: solve of 'K', line 21 of the model", np.linalg.solve, K, y)
    slogdet2 = np.reshape(np.linalg.slogdet(K)[1], (1,))
    K_inverse = _attempt("loss_grad: inverse of 'K', line 22 of the model", np.linalg.inv, K)
    blocks3 = _count_blocks(n, 3 * n + 2, 1 + 1 + 1 + 1)
    tile3 = _count_rows(n, n, blocks3, 1 + 1 + 1 + 1)
    workers3 = min(blocks3, numba.get_num_threads()) if blocks3 > 1 else 1
    sums2 = _count_sums(n, 3 * n + 2, 1 + 1 + 1 + 1, blocks3)
    loss_total_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    t10_bar_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    t7_bar_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    log_variance_bar_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    _loss_grad_3_blocks.spread(
        workers3,
        _loss_grad_3.address(),
        blocks3,
        tile3,
        sums2,
        n,
        alpha,
        alpha,
        y,
        loss_total_blocks,
        K_inverse,
        t10_bar_blocks,
        t5,
        kernel,
        t7_bar_blocks,
        log_variance_bar_blocks,
    )
    loss_total = _combine(loss_total_blocks) * (0.5)
    t10_bar = _combine(t10_bar_blocks)
    t7_bar = _combine(t7_bar_blocks) * (-1.0)
    log_variance_bar = _combine(log_variance_bar_blocks)
    loss = np.empty((1,), np.float64)
    log_length_bar = np.empty((1,), np.float64)
    log_noise_bar = np.empty((1,), np.float64)
    _loss_grad_4.call(
        n, loss_total, slogdet2, loss, t7_bar, t7, log_length_bar, t10_bar, t10, log_noise_bar
    )
    values = (loss[0],)
    return values, (
        log_variance_bar.reshape(()),
        log_length_bar.reshape(()),
        log_noise_bar.reshape(()),
    )


def loss(
    log_variance: float,
    log_length: float,
    log_noise: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Any:
    """Negative log marginal likelihood of a Gaussian process with a squared exponential [...]

    Args:
        log_variance: float64[]
        log_length: float64[]
        log_noise: float64[]
        X: float64[n, d]
        y: float64[n]

    Returns:
        loss: float64[]
    """
    values = _run_loss(*_check_loss(log_variance, log_length, log_noise, X, y))
    return values[0]


def loss_value_and_grad(
    log_variance: float,
    log_length: float,
    log_noise: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss and its gradient by log_variance, log_length, log_noise.

    Arguments as for `loss`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    n, d, log_variance, log_length, log_noise, X, y = _check_loss(
        log_variance, log_length, log_noise, X, y
    )
    targets = _targets(
        "loss", LossGradients, (log_variance, log_length, log_noise), False, out, accumulate
    )
    values, gradients = _run_loss_grad(
        n,
        d,
        log_variance,
        log_length,
        log_noise,
        X,
        y,
        targets=_in_place(targets, accumulate, log_variance, log_length, log_noise, X, y),
    )
    return values[0], _deliver(LossGradients, gradients, False, targets, out, accumulate)


def loss_grad(
    log_variance: float,
    log_length: float,
    log_noise: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> LossGradients:
    """The gradient of loss alone; see `loss_value_and_grad`."""
    return loss_value_and_grad(
        log_variance, log_length, log_noise, X, y, out=out, accumulate=accumulate
    )[1]


def loss_vjp(
    log_variance: float,
    log_length: float,
    log_noise: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss, and its gradient times a 0-d cotangent."""
    factor = _number("loss_vjp", "cotangent", cotangent, np.float64)
    n, d, log_variance, log_length, log_noise, X, y = _check_loss(
        log_variance, log_length, log_noise, X, y
    )
    targets = _targets(
        "loss", LossGradients, (log_variance, log_length, log_noise), False, out, accumulate
    )
    values, gradients = _run_loss_grad(
        n,
        d,
        log_variance,
        log_length,
        log_noise,
        X,
        y,
        targets=_in_place(targets, accumulate, log_variance, log_length, log_noise, X, y),
    )
    scaled = tuple(np.multiply(factor, gradient, out=gradient) for gradient in gradients)
    return values[0], _deliver(LossGradients, scaled, False, targets, out, accumulate)


def _run_loss_hessian(n, d, log_variance, log_length, log_noise, X, y):
    t7 = np.empty((1,), np.float64)
    t10 = np.empty((1,), np.float64)
    _loss_hessian_1.call(log_length, t7, log_noise, t10)
    blocks2 = _count_blocks(n, n * d + 4 * n, 0)
    tile2 = _count_rows(0, n, blocks2)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    distance = _empty((n, n), np.float64)
    kernel = _empty((n, n), np.float64)
    kernel_by_log_length = _empty((n, n), np.float64)
    K = _empty((n, n), np.float64)
    _loss_hessian_2_blocks.spread(
        workers2,
        _loss_hessian_2.address(),
        _nest2.address(),
        blocks2,
        tile2,
        n,
        d,
        X,
        X,
        distance,
        log_variance,
        t7,
        kernel,
        kernel_by_log_length,
        t10,
        K,
    )
    alpha = _attempt("loss_hessian: solve of 'K', line 21 of the model", np.linalg.solve, K, y)
    alpha_dot3_by_log_noise = _attempt(
        "loss_hessian: solve of 'K', line 21 of the model", np.linalg.solve, K, alpha
    )
    K_inverse = _attempt("loss_hessian: inverse of 'K', line 22 of the model", np.linalg.inv, K)
    blocks3 = _count_blocks(n, 7 * n + 3 * n * n + 4, 1 + 1 + 1 + 1 + 1)
    tile3 = _count_rows(n, n, blocks3, 1 + 1 + 1 + 1 + 1)
    workers3 = min(blocks3, numba.get_num_threads()) if blocks3 > 1 else 1
    alpha_right_by_log_variance = _empty((n,), np.float64)
    alpha_right2_by_log_length = _empty((n,), np.float64)
    K_inverse_right_by_log_variance = _empty((n, n), np.float64)
    K_inverse_right2_by_log_length = _empty((n, n), np.float64)
    y_bar_right_by_log_variance = _empty((n,), np.float64)
    y_bar_right2_by_log_length = _empty((n,), np.float64)
    K_bar = _empty((n, n), np.float64)
    sums2 = _count_sums(n, 7 * n + 3 * n * n + 4, 1 + 1 + 1 + 1 + 1, blocks3)
    t10_bar_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    t10_bar_by_log_noise_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    t7_bar_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    t7_bar_by_log_noise_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    hessian_log_variance_log_noise_blocks = np.zeros((blocks3 * sums2, 1), np.float64)
    _loss_hessian_3_blocks.spread(
        workers3,
        _loss_hessian_3.address(),
        _nest3.address(),
        _nest4.address(),
        blocks3,
        tile3,
        sums2,
        n,
        alpha,
        alpha,
        kernel,
        alpha_right_by_log_variance,
        kernel_by_log_length,
        alpha_right2_by_log_length,
        K_inverse,
        K_inverse,
        K_inverse_right_by_log_variance,
        K_inverse_right2_by_log_length,
        y_bar_right_by_log_variance,
        y_bar_right2_by_log_length,
        K_bar,
        alpha_dot3_by_log_noise,
        alpha_dot3_by_log_noise,
        t10_bar_blocks,
        t10_bar_by_log_noise_blocks,
        distance,
        t7_bar_blocks,
        t10,
        t7_bar_by_log_noise_blocks,
        hessian_log_variance_log_noise_blocks,
    )
    t10_bar = _combine(t10_bar_blocks)
    t10_bar_by_log_noise = _combine(t10_bar_by_log_noise_blocks)
    t7_bar = _combine(t7_bar_blocks) * (-0.5)
    t7_bar_by_log_noise = _combine(t7_bar_by_log_noise_blocks)
    hessian_log_variance_log_noise = _combine(hessian_log_variance_log_noise_blocks)
    alpha_dot_by_log_variance = _attempt(
        "loss_hessian: solve of 'K', line 21 of the model",
        np.linalg.solve,
        K,
        alpha_right_by_log_variance,
    )
    alpha_dot2_by_log_length = _attempt(
        "loss_hessian: solve of 'K', line 21 of the model",
        np.linalg.solve,
        K,
        alpha_right2_by_log_length,
    )
    y_bar_dot_by_log_variance = _attempt(
        "loss_hessian: solve of 'K', line 21 of the model",
        np.linalg.solve,
        K,
        y_bar_right_by_log_variance,
    )
    y_bar_dot2_by_log_length = _attempt(
        "loss_hessian: solve of 'K', line 21 of the model",
        np.linalg.solve,
        K,
        y_bar_right2_by_log_length,
    )
    hessian_log_length_log_noise = np.empty((1,), np.float64)
    hessian_log_noise_log_noise = np.empty((1,), np.float64)
    _loss_hessian_4.call(
        t7_bar_by_log_noise,
        t7,
        hessian_log_length_log_noise,
        t10_bar_by_log_noise,
        t10,
        t10_bar,
        hessian_log_noise_log_noise,
    )
    blocks4 = _count_blocks(n, 2 * n * n + 5 * n, 1 + 1 + 1)
    tile4 = _count_rows(2 * n, n, blocks4, 1 + 1 + 1)
    workers4 = min(blocks4, numba.get_num_threads()) if blocks4 > 1 else 1
    sums3 = _count_sums(n, 2 * n * n + 5 * n, 1 + 1 + 1, blocks4)
    t7_bar_by_log_length_blocks = np.zeros((blocks4 * sums3, 1), np.float64)
    hessian_log_variance_log_variance_blocks = np.zeros((blocks4 * sums3, 1), np.float64)
    hessian_log_variance_log_length_blocks = np.zeros((blocks4 * sums3, 1), np.float64)
    _loss_hessian_5_blocks.spread(
        workers4,
        _loss_hessian_5.address(),
        _nest5.address(),
        blocks4,
        tile4,
        sums3,
        n,
        K_inverse,
        K_inverse_right_by_log_variance,
        alpha,
        alpha,
        y_bar_dot_by_log_variance,
        alpha_dot_by_log_variance,
        K_inverse_right2_by_log_length,
        y_bar_dot2_by_log_length,
        alpha_dot2_by_log_length,
        K_bar,
        kernel_by_log_length,
        kernel,
        distance,
        t7_bar_by_log_length_blocks,
        hessian_log_variance_log_variance_blocks,
        hessian_log_variance_log_length_blocks,
    )
    t7_bar_by_log_length = _combine(t7_bar_by_log_length_blocks)
    hessian_log_variance_log_variance = _combine(hessian_log_variance_log_variance_blocks)
    hessian_log_variance_log_length = _combine(hessian_log_variance_log_length_blocks)
    hessian_log_length_log_length = np.empty((1,), np.float64)
    _loss_hessian_6.call(t7_bar, t7, t7_bar_by_log_length, hessian_log_length_log_length)
    return Blocks.symmetric(
        ("log_variance", "log_length", "log_noise"),
        {
            ("log_variance", "log_variance"): Dense(
                hessian_log_variance_log_variance.reshape(()), 0
            ),
            ("log_variance", "log_length"): Dense(hessian_log_variance_log_length.reshape(()), 0),
            ("log_length", "log_length"): Dense(hessian_log_length_log_length.reshape(()), 0),
            ("log_variance", "log_noise"): Dense(hessian_log_variance_log_noise.reshape(()), 0),
            ("log_length", "log_noise"): Dense(hessian_log_length_log_noise.reshape(()), 0),
            ("log_noise", "log_noise"): Dense(hessian_log_noise_log_noise.reshape(()), 0),
        },
    )


def loss_hessian(
    log_variance: float,
    log_length: float,
    log_noise: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Any:
    """The second derivative, stored by its structure, of loss by log_variance, log_length, log_noise.

    Arguments as for `loss`.
    ∂²loss/∂log_variance²: dense
    ∂²loss/∂log_variance∂log_length: dense
    ∂²loss/∂log_length²: dense
    ∂²loss/∂log_variance∂log_noise: dense
    ∂²loss/∂log_length∂log_noise: dense
    ∂²loss/∂log_noise²: dense
    """
    return _run_loss_hessian(*_check_loss(log_variance, log_length, log_noise, X, y))


# --- structures ----------------------------------------------------------------------------------


class Structure:
    """A linear map from arrays of shape `columns` to arrays of shape `rows`.

    Vectors may have the shape of the argument, or be flat; several flat ones are the columns of a
    matrix.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the flattened matrix."""
        return int(np.prod(self.rows, dtype=int)), int(np.prod(self.columns, dtype=int))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.rows} x {self.columns}>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.to_dense(), dtype=dtype)

    def __matmul__(self, vector: Any) -> Any:
        """The product with one vector or several."""
        return self._apply("@", vector, self.columns, self.rows, self._times)

    def solve(self, vector: Any) -> Any:
        """The solution x of A·x = vector, for a square map.

        Raises:
            numpy.linalg.LinAlgError: the matrix is singular or not square.
        """
        if self.shape[0] != self.shape[1]:
            raise np.linalg.LinAlgError(f"{self!r} is not square, so it has no inverse")
        return self._apply("solve", vector, self.rows, self.columns, self._solve)

    def to_dense(self) -> Any:
        """The array of shape rows + columns, zeros included."""
        matrix = self._times(np.eye(self.shape[1]))
        return matrix.reshape(self.rows + self.columns)

    def matrix(self) -> Any:
        """The flattened matrix as a two-dimensional array."""
        return self.to_dense().reshape(self.shape)

    def _apply(self, name: str, vector: Any, given: Any, result: Any, run: Any) -> Any:
        array = np.asarray(vector)
        length = int(np.prod(given, dtype=int))
        if array.shape == tuple(given):
            return run(array.reshape(length, 1)).reshape(result)
        if array.shape == (length,):
            return run(array.reshape(length, 1)).reshape(-1)
        if array.ndim == 2 and array.shape[0] == length:
            return run(array)
        raise ValueError(
            f"{name}: a vector of shape {array.shape} does not fit {self!r}; "
            f"expected {tuple(given)}, ({length},) or ({length}, m)"
        )

    def _times(self, flat: Any) -> Any:
        raise NotImplementedError

    def _solve(self, flat: Any) -> Any:
        return np.linalg.solve(self.matrix(), flat)


class Dense(Structure):
    """Every element: an array of shape rows + columns, the first `rank` axes being rows."""

    def __init__(self, array: Any, rank: int) -> None:
        self.array = np.asarray(array)
        self.rows = self.array.shape[:rank]
        self.columns = self.array.shape[rank:]

    def to_dense(self) -> Any:
        """The array of shape rows + columns."""
        return self.array

    def transpose(self) -> Dense:
        """The map in the other direction."""
        rank, total = len(self.rows), self.array.ndim
        order = (*range(rank, total), *range(rank))
        return Dense(self.array.transpose(order), total - rank)

    def cholesky(self) -> Dense:
        """The lower triangular L with L·Lᵀ = A, for a positive definite A."""
        factor = np.linalg.cholesky(self.matrix())
        return Dense(factor.reshape(self.array.shape), len(self.rows))

    def to_scipy(self) -> Any:
        """The flattened matrix as an array."""
        return self.matrix()

    def _times(self, flat: Any) -> Any:
        return self.array.reshape(self.shape) @ flat


class Blocks:
    """`H["U", "V"]` is the block of rows U and columns V; vectors are tuples, one for each name."""

    def __init__(self, names: tuple[str, ...], table: Any) -> None:
        self.names = tuple(names)
        self.table = dict(table)

    @classmethod
    def symmetric(cls, names: tuple[str, ...], upper: Any) -> Blocks:
        """From the blocks (a, b) with a before b, the others being their transposes."""
        table = dict(upper)
        for (a, b), block in upper.items():
            if a != b:
                table[b, a] = block.transpose()
        return cls(names, table)

    def __getitem__(self, pair: tuple[str, str]) -> Any:
        try:
            return self.table[pair]
        except KeyError:
            raise KeyError(
                f"there is no block {pair!r}; the arguments are {', '.join(self.names)}"
            ) from None

    def __repr__(self) -> str:
        kinds = (
            f"{a},{b}: {type(self.table[a, b]).__name__}" for a in self.names for b in self.names
        )
        return f"<Blocks {'; '.join(kinds)}>"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole matrix."""
        total = sum(self.table[name, name].shape[0] for name in self.names)
        return total, total

    def to_dense(self) -> Any:
        """The whole matrix over the flattened arguments, one after the other."""
        return np.block([[self.table[a, b].matrix() for b in self.names] for a in self.names])

    def matrix(self) -> Any:
        """The whole matrix, as `to_dense` gives it."""
        return self.to_dense()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.to_dense(), dtype=dtype)

    def __matmul__(self, vectors: Any) -> Any:
        """The product with a tuple of arrays (a tuple) or with one flat vector (flat)."""
        if isinstance(vectors, np.ndarray):
            return np.concatenate([np.reshape(x, -1) for x in self @ self._split(vectors)])
        return tuple(
            sum(self.table[a, b] @ v for b, v in zip(self.names, vectors, strict=True))
            for a in self.names
        )

    def solve(self, vectors: Any) -> Any:
        """The solution for a tuple of arrays (a tuple) or for one flat vector (flat)."""
        if isinstance(vectors, np.ndarray):
            return np.linalg.solve(self.to_dense(), vectors)
        flat = np.concatenate([np.reshape(v, -1) for v in vectors])
        return self._split(self.solve(flat))

    def cholesky(self) -> Any:
        """The lower factor of the whole matrix, as an array."""
        return np.linalg.cholesky(self.to_dense())

    def to_scipy(self) -> Any:
        """The whole matrix as SciPy's csr_array."""
        from scipy import sparse

        def block(a: str, b: str) -> Any:
            found = self.table[a, b].to_scipy()
            known = sparse.issparse(found) or isinstance(found, np.ndarray)
            return sparse.csr_array(found if known else self.table[a, b].matrix())

        return sparse.block_array([[block(a, b) for b in self.names] for a in self.names]).tocsr()

    def _split(self, flat: Any) -> Any:
        shapes = [self.table[name, name].rows for name in self.names]
        ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes])
        parts = np.split(flat, ends[:-1])
        return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


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
    good &= _check_derivatives_loss(np.random.default_rng(seed))
    print("all gradients agree" if good else "GRADIENTS DISAGREE")
    return good


def _self_check_loss(rng: np.random.Generator) -> bool:
    n = 4
    d = 5
    arguments: dict[str, Any] = {
        "log_variance": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "log_length": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "log_noise": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, d)).astype(np.float64),
        "y": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
    }
    seeds = (np.float64(1.0),)
    _, gradients = loss_value_and_grad(**arguments)

    def total(point: dict[str, Any]) -> float:
        result: Any = loss(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare(
        "loss", ["log_variance", "log_length", "log_noise"], gradients, arguments, total, rng
    )


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


def _check_derivatives_loss(rng: np.random.Generator) -> bool:
    n = 4
    d = 5
    arguments: dict[str, Any] = {
        "log_variance": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "log_length": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "log_noise": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, d)).astype(np.float64),
        "y": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
    }
    names = ["log_variance", "log_length", "log_noise"]
    single = False
    directions = [
        np.asarray(rng.standard_normal(np.shape(arguments[n]))).astype(
            np.asarray(arguments[n]).dtype
        )
        for n in names
    ]
    given = directions[0] if single else tuple(directions)
    good = True

    def moved(distance: float) -> dict[str, Any]:
        steps = zip(names, directions, strict=True)
        new = {n: np.asarray(arguments[n] + distance * d).astype(d.dtype) for n, d in steps}
        return {**arguments, **new}

    def values(distance: float) -> list[Any]:
        result: Any = loss(**moved(distance))
        return [v for v in (result,) if np.asarray(v).dtype.kind == "f"]

    def gradients(distance: float) -> list[Any]:
        result: Any = loss_grad(**moved(distance))
        return [result] if single else list(result)

    found = loss_hessian(**arguments) @ given
    good &= _agree("loss", "hessian", [found] if single else found, gradients)
    return good


def _agree(function, product, derived, at) -> bool:
    """Products of a derivative with one direction against differences along it."""
    worst, tolerance = 0.0, 1e-5
    near = [a - b for a, b in zip(at(1e-3), at(-1e-3), strict=True)]
    far = [a - b for a, b in zip(at(2e-3), at(-2e-3), strict=True)]
    for found, one, two in zip(derived, near, far, strict=True):
        measured = (8 * one - two) / 12e-3
        if np.asarray(found).dtype == np.float32:
            tolerance = 5e-2
        scale = max(np.max(np.abs(measured), initial=0.0), 1e-3)
        worst = max(worst, float(np.max(np.abs(found - measured), initial=0.0)) / scale)
    print(f"{function:<24} {product:<16} {'':>18} {'':>18} {worst:>10.1e}")
    return bool(worst <= tolerance)


if __name__ == "__main__":
    raise SystemExit(0 if _self_check() else 1)
