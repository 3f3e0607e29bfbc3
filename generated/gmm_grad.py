"""Values and gradients of examples/gmm/model.py, derived symbolically; do not edit.

source   examples/gmm/model.py, sha256 6b4ef196f081e40cefeb4c3d2a22ae6fb4640cc43f7948cddc14955113c83b2b
symgrad  0.1.0, target cpu

log_posterior (line 24) and its gradient by alpha, mu, q, lower:

    centred[j,i,k] = X[j,k] - mu[i,k]                                        j < n, i < K, k < d
    t3[i,k] = exp(q[i,k])                                                    i < K, k < d
    whitened[j,i,k] = Σ_{l < k} centred[j,i,l]·lower[i,k,l] + t3[i,k]·centred[j,i,k]    j < n, i < K, k < d, l < d
    logsumexp1 = logsumexp_i (alpha[i])                                      i < K
    t6[i] = Σ_k q[i,k] + alpha[i] - logsumexp1 - 0.9189385332046727·d        i < K, k < d
    t9[j,i] = -1/2·Σ_k whitened[j,i,k]^2 + t6[i]                             j < n, i < K, k < d
    logsumexp2[j] = logsumexp_i (t9[j,i])                                    j < n, i < K
    frobenius = Σ_i,k t3[i,k]^2 + Σ_{i, k, l < k} lower[i,k,l]^2             i < K, k < d, l < d
    sum5 = Σ_i,k q[i,k]                                                      i < K, k < d
    log_posterior = Σ_j logsumexp2[j] + m·sum5 - gamma^2·frobenius/2         j < n
    sum4_bar = -gamma^2/2
    t9_bar[j,i] = exp(t9[j,i] - logsumexp2[j])                               j < n, i < K
    log_normaliser_bar[i] = Σ_j t9_bar[j,i]                                  i < K, j < n
    logsumexp1_bar = -Σ_i log_normaliser_bar[i]                              i < K
    t4_bar[j,i,k] = -t9_bar[j,i]·whitened[j,i,k]                             j < n, i < K, k < d
    t3_bar[i,k] = 2·(sum4_bar·t3[i,k]) + Σ_j centred[j,i,k]·t4_bar[j,i,k]    i < K, k < d, j < n
    alpha_bar[i] = logsumexp1_bar·exp(alpha[i] - logsumexp1) + log_normaliser_bar[i]    i < K
    mu_bar_sum[i,k] = Σ_j t4_bar[j,i,k]                                      i < K, k < d, j < n
    mu_bar[i,k] = -mu_bar_sum[i,k]·t3[i,k] - Σ_{l > k} mu_bar_sum[i,l]·lower[i,l,k]    i < K, k < d, l < d
    q_bar[i,k] = m + log_normaliser_bar[i] + t3[i,k]·t3_bar[i,k]             i < K, k < d
    lower_bar[i,k,l] = {2·sum4_bar·lower[i,k,l] + Σ_j centred[j,i,l]·t4_bar[j,i,k] if l < k}    i < K, k < d, l < d, j < n
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_d050d4a3c47189e3"
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


@njit(**_EXACT)
def _log(x):
    """log(x) = k·log(2) + log(1 + f), sqrt(1/2) <= 1 + f = x/2^k < sqrt(2). Error <= 1 ulp.

    log(1 + f) = f - (f^2/2 - s·(f^2/2 + s^2·p(s^2))), s = f/(2 + f): the leading term is exact.
    """
    u = np.float64(x)
    tiny = u < 2.2250738585072014e-308
    bits = np.float64(abs(u * 18014398509481984.0 if tiny else u)).view(np.int64)
    # The bits of 2^k: those of x less those of sqrt(1/2), without the fraction.
    above = (bits - 4604544271217802189) & -4503599627370496
    f = np.int64(bits - above).view(np.float64) - 1.0
    k = np.float64(above >> 52) - (54.0 if tiny else 0.0)
    s = f / (2.0 + f)
    z = s * s
    p = 0.1461645097955211
    p = (p * z + 0.15331721495826012) * z + 0.18182889128412458
    p = (p * z + 0.22222211134751835) * z + 0.2857142862597575
    p = (p * z + 0.39999999999899505) * z + 0.666666666666667
    square = 0.5 * f * f
    low = s * (square + z * p) + k * 5.497923018708371e-14
    y = k * 0.6931471805598903 - ((square - low) - f)
    y = y if u < np.inf else u
    return type(x)(y if u > 0.0 else (-np.inf if u == 0.0 else np.nan))


@njit(**_EXACT)
def _rank(x):
    """The place of x among all numbers, NaN last: integers can be compared side by side."""
    bits = np.float64(x).view(np.int64)
    return np.int64(bits ^ ((bits >> 63) & 9223372036854775807)) if x == x else 9223372036854775807


@njit(**_EXACT)
def _ranked(place):
    """The number that has this place."""
    return np.int64(place ^ ((place >> 63) & 9223372036854775807)).view(np.float64)


@njit(**_EXACT)
def _subtract_both(x, peak, rest):
    """(x - peak) - rest, in this order: x and peak may be large, what is left is not."""
    return (x - peak) - rest


@njit(**_OPTIONS)
def _finite_or_zero(x):
    """x, or 0 where x is infinite or NaN."""
    return x if abs(x) < np.inf else 0.0


# --- kernels of log_posterior ------------------------------------------------------------------


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, :, ::1], float64[::1], float64[::1])"
)
def _log_posterior_1(
    K,
    d,
    q,
    t3,
    alpha,
    logsumexp1_peak,
    logsumexp1_total,
    logsumexp1_rest,
    t6,
    lower,
    frobenius,
    sum5,
):
    # t3[i,k] = exp(q[i,k])
    for i in range(K):
        for k in range(d):
            t3[i, k] = _exp(q[i, k])
    # for logsumexp1 = logsumexp_i (alpha[i]): the largest element
    largest = _rank(-np.inf)
    for i in range(K):
        v = alpha[i]
        largest = max(largest, _rank(v))
    logsumexp1_peak[0] = _finite_or_zero(_ranked(largest))
    # for logsumexp1 = logsumexp_i (alpha[i]): Σ exp(element − largest)
    total = 0.0
    for i in range(K):
        total += _exp(alpha[i] - logsumexp1_peak[0])
    logsumexp1_total[0] = total
    # for logsumexp1 = logsumexp_i (alpha[i]): log of the sum
    # logsumexp1 = logsumexp_i (alpha[i])
    v2 = _log(logsumexp1_total[0])
    logsumexp1_rest[0] = v2
    # t6[i] = Σ_k q[i,k] + alpha[i] - logsumexp1 - 0.9189385332046727·d
    for i in range(K):
        total2 = 0.0
        for k in range(d):
            total2 += q[i, k]
        t6[i] = (
            _subtract_both(alpha[i], logsumexp1_peak[0], logsumexp1_rest[0])
            - 0.9189385332046727 * d
            + total2
        )
    # frobenius = Σ_i,k t3[i,k]^2 + Σ_{i, k, l < k} lower[i,k,l]^2
    total3 = 0.0
    for i in range(K):
        for k in range(d):
            v3 = t3[i, k]
            total3 += v3 * v3
    total1 = 0.0
    for i in range(K):
        for k in range(d):
            for l in range(k):
                v4 = lower[i, k, l]
                total1 += v4 * v4
    frobenius[0] = total3 + total1
    # sum5 = Σ_i,k q[i,k]
    total4 = 0.0
    for i in range(K):
        for k in range(d):
            total4 += q[i, k]
    sum5[0] = total4


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[::1])",
    **_INNER,
)
def _nest1(K, d, mu, t3, rows, X_packed, centred, whitened, lower, t9, t6, logsumexp2_largest):
    for i in range(K):
        for k in range(d):
            mu_here = mu[i, k]
            t3_here1 = t3[i, k]
            for j in range(rows):
                v = X_packed[k, j] - mu_here
                centred[k, j] = v
                whitened[k, j] = t3_here1 * v
        for k in range(d % 2):
            for l in range(k):
                lower_here = lower[i, k, l]
                for j in range(rows):
                    whitened[k, j] += centred[l, j] * lower_here
        for k in range(d % 2, d, 2):
            for l in range(0, k - k % 4, 4):
                lower_here = lower[i, k, l]
                lower_here1 = lower[i, k + 1, l]
                lower_here2 = lower[i, k, l + 1]
                lower_here3 = lower[i, k + 1, l + 1]
                lower_here4 = lower[i, k, l + 2]
                lower_here5 = lower[i, k + 1, l + 2]
                lower_here6 = lower[i, k, l + 3]
                lower_here7 = lower[i, k + 1, l + 3]
                for j in range(rows):
                    v2 = centred[l, j]
                    v3 = centred[l + 1, j]
                    v4 = centred[l + 2, j]
                    v5 = centred[l + 3, j]
                    whitened[k, j] += (
                        v2 * lower_here + v3 * lower_here2 + v4 * lower_here4 + v5 * lower_here6
                    )
                    whitened[k + 1, j] += (
                        v2 * lower_here1 + v3 * lower_here3 + v4 * lower_here5 + v5 * lower_here7
                    )
            for l in range(k - k % 4, k):
                lower_here = lower[i, k, l]
                lower_here1 = lower[i, k + 1, l]
                for j in range(rows):
                    v6 = centred[l, j]
                    whitened[k, j] += v6 * lower_here
                    whitened[k + 1, j] += v6 * lower_here1
            l = k
            lower_here = lower[i, k + 1, l]
            for j in range(rows):
                whitened[k + 1, j] += centred[l, j] * lower_here
        for j in range(rows):
            t9[i, j] = t6[i]
        for k in range(0, d - d % 4, 4):
            for j in range(rows):
                v7 = whitened[k, j]
                v8 = whitened[k + 1, j]
                v9 = whitened[k + 2, j]
                v10 = whitened[k + 3, j]
                t9[i, j] += (
                    v7 * v7 * (-0.5) + v8 * v8 * (-0.5) + v9 * v9 * (-0.5) + v10 * v10 * (-0.5)
                )
        for k in range(d - d % 4, d):
            for j in range(rows):
                v11 = whitened[k, j]
                t9[i, j] += v11 * v11 * (-0.5)
        for j in range(rows):
            v12 = t9[i, j]
            logsumexp2_largest[j] = (
                logsumexp2_largest[j]
                if v12 <= logsumexp2_largest[j] or logsumexp2_largest[j] != logsumexp2_largest[j]
                else v12
            )


@_kernel(
    "void(int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _log_posterior_2(
    nest1,
    rows,
    K,
    d,
    X,
    X_packed,
    mu,
    centred,
    lower,
    t3,
    whitened,
    t6,
    t9,
    logsumexp2_largest,
    logsumexp2_total,
    log_posterior_total,
):
    # X_packed[j,i] = X[i,j]
    for j in range(0, d - d % 4, 4):
        for i in range(rows):
            X_packed[j, i] = X[i, j]
            X_packed[j + 1, i] = X[i, j + 1]
            X_packed[j + 2, i] = X[i, j + 2]
            X_packed[j + 3, i] = X[i, j + 3]
    for j in range(d - d % 4, d):
        for i in range(rows):
            X_packed[j, i] = X[i, j]
    # logsumexp2_largest[j] = max_i (t9[j,i])
    for j in range(rows):
        logsumexp2_largest[j] = -np.inf
    # centred[j,i,k] = X[j,k] - mu[i,k]
    # whitened[j,i,k] = Σ_{l < k} centred[j,i,l]·lower[i,k,l] + t3[i,k]·centred[j,i,k]
    # t9[j,i] = -1/2·Σ_k whitened[j,i,k]^2 + t6[i]
    _call_kernel(
        nest1,
        (
            K,
            d,
            mu,
            t3,
            rows,
            X_packed,
            centred,
            whitened,
            lower,
            t9,
            t6,
            logsumexp2_largest,
        ),
    )
    # logsumexp2_total[j] = Σ_i exp(t9[j,i] - logsumexp2_largest[j])
    for j in range(rows):
        logsumexp2_total[j] = 0.0
    for i in range(K):
        for j in range(rows):
            logsumexp2_total[j] += _exp(t9[i, j] - _finite_or_zero(logsumexp2_largest[j]))
    # logsumexp2[j] = logsumexp_i (t9[j,i])
    # log_posterior = Σ_j logsumexp2[j] + m·sum5 - gamma^2·frobenius/2
    log_posterior_total_sum = 0.0
    for j in range(rows):
        log_posterior_total_sum += _log(logsumexp2_total[j]) + _finite_or_zero(
            logsumexp2_largest[j]
        )
    log_posterior_total[0] += log_posterior_total_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[:, ::1])"
)
def _log_posterior_2_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    blocks,
    tile,
    sums,
    n,
    K,
    d,
    X,
    mu,
    lower,
    t3,
    t6,
    log_posterior_total,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    X_packed = np.empty((d, tile), np.float64)
    centred = np.empty((d, tile), np.float64)
    whitened = np.empty((d, tile), np.float64)
    t9 = np.empty((K, tile), np.float64)
    logsumexp2_largest = np.empty((tile,), np.float64)
    logsumexp2_total = np.empty((tile,), np.float64)
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
                    K,
                    d,
                    X[start : start + rows],
                    X_packed,
                    mu,
                    centred,
                    lower,
                    t3,
                    whitened,
                    t6,
                    t9,
                    logsumexp2_largest,
                    logsumexp2_total,
                    log_posterior_total[place],
                ),
            )


@_kernel("void(float64[::1], float64, float64[::1], float64[::1], float64, float64[::1])")
def _log_posterior_3(log_posterior_total, m, sum5, frobenius, gamma, log_posterior):
    # log_posterior = Σ_j logsumexp2[j] + m·sum5 - gamma^2·frobenius/2
    log_posterior[0] = log_posterior_total[0] + m * sum5[0] - frobenius[0] * gamma * gamma / 2.0


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, :, ::1], float64[::1], float64[::1], float64, float64[::1])"
)
def _log_posterior_grad_1(
    K,
    d,
    q,
    t3,
    alpha,
    logsumexp1_peak,
    logsumexp1_total_kept,
    logsumexp1_total,
    logsumexp1_rest,
    t6,
    lower,
    frobenius,
    sum5,
    gamma,
    sum4_bar,
):
    # t3[i,k] = exp(q[i,k])
    for i in range(K):
        for k in range(d):
            t3[i, k] = _exp(q[i, k])
    # for logsumexp1 = logsumexp_i (alpha[i]): the largest element
    largest = _rank(-np.inf)
    for i in range(K):
        v = alpha[i]
        largest = max(largest, _rank(v))
    logsumexp1_peak[0] = _finite_or_zero(_ranked(largest))
    # for logsumexp1 = logsumexp_i (alpha[i]): exp(element − largest)
    for i in range(K):
        logsumexp1_total_kept[i] = _exp(alpha[i] - logsumexp1_peak[0])
    # for logsumexp1 = logsumexp_i (alpha[i]): Σ exp(element − largest)
    total = 0.0
    for i in range(K):
        total += logsumexp1_total_kept[i]
    logsumexp1_total[0] = total
    # for logsumexp1 = logsumexp_i (alpha[i]): log of the sum
    # sum4_bar = -gamma^2/2
    logsumexp1_rest[0] = _log(logsumexp1_total[0])
    sum4_bar[0] = -(gamma * gamma / 2.0)
    # t6[i] = Σ_k q[i,k] + alpha[i] - logsumexp1 - 0.9189385332046727·d
    for i in range(K):
        total2 = 0.0
        for k in range(d):
            total2 += q[i, k]
        t6[i] = (
            _subtract_both(alpha[i], logsumexp1_peak[0], logsumexp1_rest[0])
            - 0.9189385332046727 * d
            + total2
        )
    # frobenius = Σ_i,k t3[i,k]^2 + Σ_{i, k, l < k} lower[i,k,l]^2
    total3 = 0.0
    for i in range(K):
        for k in range(d):
            v2 = t3[i, k]
            total3 += v2 * v2
    total1 = 0.0
    for i in range(K):
        for k in range(d):
            for l in range(k):
                v3 = lower[i, k, l]
                total1 += v3 * v3
    frobenius[0] = total3 + total1
    # sum5 = Σ_i,k q[i,k]
    total4 = 0.0
    for i in range(K):
        for k in range(d):
            total4 += q[i, k]
    sum5[0] = total4


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[:, ::1], int64, float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[::1])",
    **_INNER,
)
def _nest2(K, d, mu, t3, rows, X_packed, centred, whitened, lower, t9, t6, logsumexp2_peak):
    for i in range(K):
        for k in range(d):
            mu_here = mu[i, k]
            t3_here1 = t3[i, k]
            for j in range(rows):
                v = X_packed[k, j] - mu_here
                centred[k, j] = v
                whitened[i, k, j] = t3_here1 * v
        for k in range(d % 2):
            for l in range(k):
                lower_here = lower[i, k, l]
                for j in range(rows):
                    whitened[i, k, j] += centred[l, j] * lower_here
        for k in range(d % 2, d, 2):
            for l in range(0, k - k % 4, 4):
                lower_here = lower[i, k, l]
                lower_here1 = lower[i, k + 1, l]
                lower_here2 = lower[i, k, l + 1]
                lower_here3 = lower[i, k + 1, l + 1]
                lower_here4 = lower[i, k, l + 2]
                lower_here5 = lower[i, k + 1, l + 2]
                lower_here6 = lower[i, k, l + 3]
                lower_here7 = lower[i, k + 1, l + 3]
                for j in range(rows):
                    v2 = centred[l, j]
                    v3 = centred[l + 1, j]
                    v4 = centred[l + 2, j]
                    v5 = centred[l + 3, j]
                    whitened[i, k, j] += (
                        v2 * lower_here + v3 * lower_here2 + v4 * lower_here4 + v5 * lower_here6
                    )
                    whitened[i, k + 1, j] += (
                        v2 * lower_here1 + v3 * lower_here3 + v4 * lower_here5 + v5 * lower_here7
                    )
            for l in range(k - k % 4, k):
                lower_here = lower[i, k, l]
                lower_here1 = lower[i, k + 1, l]
                for j in range(rows):
                    v6 = centred[l, j]
                    whitened[i, k, j] += v6 * lower_here
                    whitened[i, k + 1, j] += v6 * lower_here1
            l = k
            lower_here = lower[i, k + 1, l]
            for j in range(rows):
                whitened[i, k + 1, j] += centred[l, j] * lower_here
        for j in range(rows):
            t9[i, j] = t6[i]
        for k in range(0, d - d % 4, 4):
            for j in range(rows):
                v7 = whitened[i, k, j]
                v8 = whitened[i, k + 1, j]
                v9 = whitened[i, k + 2, j]
                v10 = whitened[i, k + 3, j]
                t9[i, j] += (
                    v7 * v7 * (-0.5) + v8 * v8 * (-0.5) + v9 * v9 * (-0.5) + v10 * v10 * (-0.5)
                )
        for k in range(d - d % 4, d):
            for j in range(rows):
                v11 = whitened[i, k, j]
                t9[i, j] += v11 * v11 * (-0.5)
        for j in range(rows):
            v12 = t9[i, j]
            logsumexp2_peak[j] = (
                logsumexp2_peak[j]
                if v12 <= logsumexp2_peak[j] or logsumexp2_peak[j] != logsumexp2_peak[j]
                else v12
            )
    for j in range(rows):
        logsumexp2_peak[j] = _finite_or_zero(logsumexp2_peak[j])


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[::1], float64[::1], float64[::1], int64, float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1])",
    **_INNER,
)
def _nest3(
    K,
    rows,
    logsumexp2_total_kept,
    logsumexp2_total,
    t9_bar,
    log_normaliser_bar,
    d,
    mu,
    whitened,
    X_packed,
    centred_scaled,
    mu_bar_sum,
    t3_bar_total,
    lower_bar_total,
):
    for i in range(K):
        log_normaliser_bar_sum = 0.0
        for j in range(rows):
            v13 = logsumexp2_total_kept[i, j] / logsumexp2_total[j]
            t9_bar[j] = v13
            log_normaliser_bar_sum += v13
        log_normaliser_bar[i] += log_normaliser_bar_sum
        for k in range(d):
            mu_bar_sum_sum = 0.0
            total = 0.0
            mu_here2 = mu[i, k]
            for j in range(rows):
                v14 = t9_bar[j]
                v15 = whitened[i, k, j]
                v16 = -((X_packed[k, j] - mu_here2) * v14)
                centred_scaled[k, j] = v16
                mu_bar_sum_sum += -(v14 * v15)
                total += v16 * v15
            mu_bar_sum[i, k] += mu_bar_sum_sum
            t3_bar_total[i, k] += total
        for k in range(d % 4):
            for l in range(k):
                total = 0.0
                for j in range(rows):
                    total += centred_scaled[l, j] * whitened[i, k, j]
                lower_bar_total[i, k, l] += total
        for k in range(d % 4, d, 4):
            for l in range(0, k - k % 4, 4):
                total = 0.0
                total_l1 = 0.0
                total_l2 = 0.0
                total_l3 = 0.0
                total_k1 = 0.0
                total_k1_l1 = 0.0
                total_k1_l2 = 0.0
                total_k1_l3 = 0.0
                total_k2 = 0.0
                total_k2_l1 = 0.0
                total_k2_l2 = 0.0
                total_k2_l3 = 0.0
                total_k3 = 0.0
                total_k3_l1 = 0.0
                total_k3_l2 = 0.0
                total_k3_l3 = 0.0
                for j in range(rows):
                    v17 = centred_scaled[l, j]
                    v18 = whitened[i, k, j]
                    v19 = whitened[i, k + 1, j]
                    v20 = whitened[i, k + 2, j]
                    v21 = whitened[i, k + 3, j]
                    v22 = centred_scaled[l + 1, j]
                    v23 = centred_scaled[l + 2, j]
                    v24 = centred_scaled[l + 3, j]
                    total += v17 * v18
                    total_k1 += v17 * v19
                    total_k2 += v17 * v20
                    total_k3 += v17 * v21
                    total_l1 += v22 * v18
                    total_k1_l1 += v22 * v19
                    total_k2_l1 += v22 * v20
                    total_k3_l1 += v22 * v21
                    total_l2 += v23 * v18
                    total_k1_l2 += v23 * v19
                    total_k2_l2 += v23 * v20
                    total_k3_l2 += v23 * v21
                    total_l3 += v24 * v18
                    total_k1_l3 += v24 * v19
                    total_k2_l3 += v24 * v20
                    total_k3_l3 += v24 * v21
                lower_bar_total[i, k, l] += total
                lower_bar_total[i, k + 1, l] += total_k1
                lower_bar_total[i, k + 2, l] += total_k2
                lower_bar_total[i, k + 3, l] += total_k3
                lower_bar_total[i, k, l + 1] += total_l1
                lower_bar_total[i, k + 1, l + 1] += total_k1_l1
                lower_bar_total[i, k + 2, l + 1] += total_k2_l1
                lower_bar_total[i, k + 3, l + 1] += total_k3_l1
                lower_bar_total[i, k, l + 2] += total_l2
                lower_bar_total[i, k + 1, l + 2] += total_k1_l2
                lower_bar_total[i, k + 2, l + 2] += total_k2_l2
                lower_bar_total[i, k + 3, l + 2] += total_k3_l2
                lower_bar_total[i, k, l + 3] += total_l3
                lower_bar_total[i, k + 1, l + 3] += total_k1_l3
                lower_bar_total[i, k + 2, l + 3] += total_k2_l3
                lower_bar_total[i, k + 3, l + 3] += total_k3_l3
            for l in range(k - k % 4, k):
                total = 0.0
                total_k1 = 0.0
                total_k2 = 0.0
                total_k3 = 0.0
                for j in range(rows):
                    v25 = centred_scaled[l, j]
                    total += v25 * whitened[i, k, j]
                    total_k1 += v25 * whitened[i, k + 1, j]
                    total_k2 += v25 * whitened[i, k + 2, j]
                    total_k3 += v25 * whitened[i, k + 3, j]
                lower_bar_total[i, k, l] += total
                lower_bar_total[i, k + 1, l] += total_k1
                lower_bar_total[i, k + 2, l] += total_k2
                lower_bar_total[i, k + 3, l] += total_k3
            l = k
            total_k1 = 0.0
            total_k2 = 0.0
            total_k2_l1 = 0.0
            total_k3 = 0.0
            total_k3_l1 = 0.0
            total_k3_l2 = 0.0
            for j in range(rows):
                v26 = centred_scaled[l, j]
                v27 = whitened[i, k + 2, j]
                v28 = centred_scaled[l + 1, j]
                v29 = whitened[i, k + 3, j]
                total_k1 += v26 * whitened[i, k + 1, j]
                total_k2 += v26 * v27
                total_k2_l1 += v28 * v27
                total_k3 += v26 * v29
                total_k3_l1 += v28 * v29
                total_k3_l2 += centred_scaled[l + 2, j] * v29
            lower_bar_total[i, k + 1, l] += total_k1
            lower_bar_total[i, k + 2, l] += total_k2
            lower_bar_total[i, k + 2, l + 1] += total_k2_l1
            lower_bar_total[i, k + 3, l] += total_k3
            lower_bar_total[i, k + 3, l + 1] += total_k3_l1
            lower_bar_total[i, k + 3, l + 2] += total_k3_l2


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, :, ::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1])",
    **_INNER,
)
def _log_posterior_grad_2(
    nest2,
    nest3,
    rows,
    K,
    d,
    X,
    X_packed,
    mu,
    centred,
    lower,
    t3,
    whitened,
    t6,
    t9,
    logsumexp2_peak,
    logsumexp2_total_kept,
    logsumexp2_total,
    log_posterior_total,
    t9_bar,
    log_normaliser_bar,
    centred_scaled,
    t3_bar_total,
    mu_bar_sum,
    lower_bar_total,
):
    # X_packed[j,i] = X[i,j]
    for j in range(0, d - d % 4, 4):
        for i in range(rows):
            X_packed[j, i] = X[i, j]
            X_packed[j + 1, i] = X[i, j + 1]
            X_packed[j + 2, i] = X[i, j + 2]
            X_packed[j + 3, i] = X[i, j + 3]
    for j in range(d - d % 4, d):
        for i in range(rows):
            X_packed[j, i] = X[i, j]
    # for logsumexp2[j] = logsumexp_i (t9[j,i]): the largest element
    for j in range(rows):
        logsumexp2_peak[j] = -np.inf
    # centred[j,i,k] = X[j,k] - mu[i,k]
    # whitened[j,i,k] = Σ_{l < k} centred[j,i,l]·lower[i,k,l] + t3[i,k]·centred[j,i,k]
    # t9[j,i] = -1/2·Σ_k whitened[j,i,k]^2 + t6[i]
    _call_kernel(
        nest2,
        (
            K,
            d,
            mu,
            t3,
            rows,
            X_packed,
            centred,
            whitened,
            lower,
            t9,
            t6,
            logsumexp2_peak,
        ),
    )
    # for logsumexp2[j] = logsumexp_i (t9[j,i]): exp(element − largest)
    for i in range(K):
        for j in range(rows):
            logsumexp2_total_kept[i, j] = _exp(t9[i, j] - logsumexp2_peak[j])
    # for logsumexp2[j] = logsumexp_i (t9[j,i]): Σ exp(element − largest)
    for j in range(rows):
        logsumexp2_total[j] = 0.0
    for i in range(0, K - K % 4, 4):
        for j in range(rows):
            logsumexp2_total[j] += (
                logsumexp2_total_kept[i, j]
                + logsumexp2_total_kept[i + 1, j]
                + logsumexp2_total_kept[i + 2, j]
                + logsumexp2_total_kept[i + 3, j]
            )
    for i in range(K - K % 4, K):
        for j in range(rows):
            logsumexp2_total[j] += logsumexp2_total_kept[i, j]
    # for logsumexp2[j] = logsumexp_i (t9[j,i]): log of the sum
    # logsumexp2[j] = logsumexp_i (t9[j,i])
    # log_posterior = Σ_j logsumexp2[j] + m·sum5 - gamma^2·frobenius/2
    log_posterior_total_sum = 0.0
    for j in range(rows):
        log_posterior_total_sum += logsumexp2_peak[j] + _log(logsumexp2_total[j])
    log_posterior_total[0] += log_posterior_total_sum
    # t9_bar[j,i] = exp(t9[j,i] - logsumexp2[j])
    # log_normaliser_bar[i] = Σ_j t9_bar[j,i]
    # t4_bar[j,i,k] = -t9_bar[j,i]·whitened[j,i,k]
    # centred_scaled[j,i,k] = -((X[j,k] - mu[i,k])·t9_bar[j,i])
    # mu_bar_sum[i,k] = Σ_j t4_bar[j,i,k]
    # t3_bar[i,k] = 2·(sum4_bar·t3[i,k]) + Σ_j centred[j,i,k]·t4_bar[j,i,k]
    # lower_bar[i,k,l] = {2·sum4_bar·lower[i,k,l] + Σ_j centred[j,i,l]·t4_bar[j,i,k] if l < k}
    _call_kernel(
        nest3,
        (
            K,
            rows,
            logsumexp2_total_kept,
            logsumexp2_total,
            t9_bar,
            log_normaliser_bar,
            d,
            mu,
            whitened,
            X_packed,
            centred_scaled,
            mu_bar_sum,
            t3_bar_total,
            lower_bar_total,
        ),
    )


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, :, :, ::1])"
)
def _log_posterior_grad_2_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest2,
    nest3,
    blocks,
    tile,
    sums,
    n,
    K,
    d,
    X,
    mu,
    lower,
    t3,
    t6,
    log_posterior_total,
    log_normaliser_bar,
    t3_bar_total,
    mu_bar_sum,
    lower_bar_total,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    X_packed = np.empty((d, tile), np.float64)
    centred = np.empty((d, tile), np.float64)
    whitened = np.empty((K, d, tile), np.float64)
    t9 = np.empty((K, tile), np.float64)
    logsumexp2_peak = np.empty((tile,), np.float64)
    logsumexp2_total_kept = np.empty((K, tile), np.float64)
    logsumexp2_total = np.empty((tile,), np.float64)
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
                    rows,
                    K,
                    d,
                    X[start : start + rows],
                    X_packed,
                    mu,
                    centred,
                    lower,
                    t3,
                    whitened,
                    t6,
                    t9,
                    logsumexp2_peak,
                    logsumexp2_total_kept,
                    logsumexp2_total,
                    log_posterior_total[place],
                    logsumexp2_peak,
                    log_normaliser_bar[place],
                    centred,
                    t3_bar_total[place],
                    mu_bar_sum[place],
                    lower_bar_total[place],
                ),
            )


@_kernel(
    "void(int64, int64, float64[::1], float64, float64[::1], float64[::1], float64, float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1])"
)
def _log_posterior_grad_3(
    K,
    d,
    log_posterior_total,
    m,
    sum5,
    frobenius,
    gamma,
    log_posterior,
    log_normaliser_bar,
    logsumexp1_bar,
    t3_bar_total,
    sum4_bar,
    t3,
    logsumexp1_total_kept,
    logsumexp1_total,
    alpha_bar,
    mu_bar_sum,
    lower,
    mu_bar,
    q_bar,
    lower_bar_total,
    lower_bar,
):
    # log_posterior = Σ_j logsumexp2[j] + m·sum5 - gamma^2·frobenius/2
    log_posterior[0] = log_posterior_total[0] + m * sum5[0] - frobenius[0] * gamma * gamma / 2.0
    # logsumexp1_bar = -Σ_i log_normaliser_bar[i]
    total = 0.0
    for i in range(K):
        total += log_normaliser_bar[i]
    logsumexp1_bar[0] = -total
    # t3_bar[i,k] = 2·(sum4_bar·t3[i,k]) + Σ_j centred[j,i,k]·t4_bar[j,i,k]
    # q_bar[i,k] = m + log_normaliser_bar[i] + t3[i,k]·t3_bar[i,k]
    for i in range(K):
        for k in range(d):
            v = sum4_bar[0]
            v2 = t3[i, k]
            v3 = t3_bar_total[i, k] + 2.0 * (0.0 if v == 0.0 else v * v2)
            q_bar[i, k] = m + log_normaliser_bar[i] + (0.0 if v3 == 0.0 else v2 * v3)
    # alpha_bar[i] = logsumexp1_bar·exp(alpha[i] - logsumexp1) + log_normaliser_bar[i]
    for i in range(K):
        alpha_bar[i] = (
            logsumexp1_bar[0] * logsumexp1_total_kept[i] / logsumexp1_total[0]
            + log_normaliser_bar[i]
        )
    # mu_bar[i,k] = -mu_bar_sum[i,k]·t3[i,k] - Σ_{l > k} mu_bar_sum[i,l]·lower[i,l,k]
    for i in range(K):
        for k in range(d):
            mu_bar[i, k] = -(mu_bar_sum[i, k] * t3[i, k])
    for i in range(K):
        for l in range(d % 2):
            mu_bar_sum_here = mu_bar_sum[i, l]
            for k in range(l):
                mu_bar[i, k] += -(mu_bar_sum_here * lower[i, l, k])
        for l in range(d % 2, d, 2):
            mu_bar_sum_here = mu_bar_sum[i, l]
            mu_bar_sum_here1 = mu_bar_sum[i, l + 1]
            for k in range(l):
                mu_bar[i, k] += -(mu_bar_sum_here * lower[i, l, k]) + -(
                    mu_bar_sum_here1 * lower[i, l + 1, k]
                )
            k = l
            mu_bar[i, k] += -(mu_bar_sum[i, l + 1] * lower[i, l + 1, k])
    # lower_bar[i,k,l] = {2·sum4_bar·lower[i,k,l] + Σ_j centred[j,i,l]·t4_bar[j,i,k] if l < k}
    for i in range(K):
        for k in range(d):
            for l in range(d):
                lower_bar[i, k, l] = lower_bar_total[i, k, l]
    for i in range(K):
        for k in range(d):
            for l in range(k):
                lower_bar[i, k, l] += 2.0 * sum4_bar[0] * lower[i, k, l]


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
    _log_posterior_1,
    _nest1,
    _log_posterior_2,
    _log_posterior_2_blocks,
    _log_posterior_3,
    _log_posterior_grad_1,
    _nest2,
    _nest3,
    _log_posterior_grad_2,
    _log_posterior_grad_2_blocks,
    _log_posterior_grad_3,
    _each_worker,
)

# --- log_posterior -----------------------------------------------------------------------------


class LogPosteriorGradients(NamedTuple):
    """Gradients of log_posterior, one for each argument it was differentiated by."""

    alpha: NDArray[np.float64]
    mu: NDArray[np.float64]
    q: NDArray[np.float64]
    lower: NDArray[np.float64]


def _check_log_posterior(alpha, mu, q, lower, gamma, m, X):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    alpha = _array("log_posterior", "alpha", alpha, np.float64, 1, "[K]")
    mu = _array("log_posterior", "mu", mu, np.float64, 2, "[K, d]")
    q = _array("log_posterior", "q", q, np.float64, 2, "[K, d]")
    lower = _array("log_posterior", "lower", lower, np.float64, 3, "[K, d, d]")
    gamma = _number("log_posterior", "gamma", gamma, np.float64)
    m = _number("log_posterior", "m", m, np.float64)
    X = _array("log_posterior", "X", X, np.float64, 2, "[n, d]")
    K = alpha.shape[0]
    d = mu.shape[1]
    n = X.shape[0]
    if mu.shape[0] != K:
        raise ValueError(
            f"log_posterior: axis 0 of argument 'mu' has {mu.shape[0]} elements, expected K = {K} (axis 0 of 'alpha')"
        )
    if q.shape[0] != K:
        raise ValueError(
            f"log_posterior: axis 0 of argument 'q' has {q.shape[0]} elements, expected K = {K} (axis 0 of 'alpha')"
        )
    if q.shape[1] != d:
        raise ValueError(
            f"log_posterior: axis 1 of argument 'q' has {q.shape[1]} elements, expected d = {d} (axis 1 of 'mu')"
        )
    if lower.shape[0] != K:
        raise ValueError(
            f"log_posterior: axis 0 of argument 'lower' has {lower.shape[0]} elements, expected K = {K} (axis 0 of 'alpha')"
        )
    if lower.shape[1] != d:
        raise ValueError(
            f"log_posterior: axis 1 of argument 'lower' has {lower.shape[1]} elements, expected d = {d} (axis 1 of 'mu')"
        )
    if lower.shape[2] != d:
        raise ValueError(
            f"log_posterior: axis 2 of argument 'lower' has {lower.shape[2]} elements, expected d = {d} (axis 1 of 'mu')"
        )
    if X.shape[1] != d:
        raise ValueError(
            f"log_posterior: axis 1 of argument 'X' has {X.shape[1]} elements, expected d = {d} (axis 1 of 'mu')"
        )
    return K, d, n, alpha, mu, q, lower, gamma, m, X


def _run_log_posterior(K, d, n, alpha, mu, q, lower, gamma, m, X):
    t3 = _empty((K, d), np.float64)
    logsumexp1_peak = np.empty((1,), np.float64)
    logsumexp1_total = np.empty((1,), np.float64)
    logsumexp1_rest = np.empty((1,), np.float64)
    t6 = _empty((K,), np.float64)
    frobenius = np.empty((1,), np.float64)
    sum5 = np.empty((1,), np.float64)
    _log_posterior_1.call(
        K,
        d,
        q,
        t3,
        alpha,
        logsumexp1_peak,
        logsumexp1_total,
        logsumexp1_rest,
        t6,
        lower,
        frobenius,
        sum5,
    )
    blocks2 = _count_blocks(n, d + 3 * K * d + K * d * d + 3 * K + 2, 1, 64)
    tile2 = _count_rows(3 * d + K + 2, n, blocks2, 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, d + 3 * K * d + K * d * d + 3 * K + 2, 1, blocks2)
    log_posterior_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _log_posterior_2_blocks.spread(
        workers2,
        _log_posterior_2.address(),
        _nest1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        K,
        d,
        X,
        mu,
        lower,
        t3,
        t6,
        log_posterior_total_blocks,
    )
    log_posterior_total = _combine(log_posterior_total_blocks)
    log_posterior = np.empty((1,), np.float64)
    _log_posterior_3.call(log_posterior_total, m, sum5, frobenius, gamma, log_posterior)
    return (log_posterior[0],)


def _run_log_posterior_grad(K, d, n, alpha, mu, q, lower, gamma, m, X, *, targets=()):
    t3 = _empty((K, d), np.float64)
    logsumexp1_peak = np.empty((1,), np.float64)
    logsumexp1_total_kept = _empty((K,), np.float64)
    logsumexp1_total = np.empty((1,), np.float64)
    logsumexp1_rest = np.empty((1,), np.float64)
    t6 = _empty((K,), np.float64)
    frobenius = np.empty((1,), np.float64)
    sum5 = np.empty((1,), np.float64)
    sum4_bar = np.empty((1,), np.float64)
    _log_posterior_grad_1.call(
        K,
        d,
        q,
        t3,
        alpha,
        logsumexp1_peak,
        logsumexp1_total_kept,
        logsumexp1_total,
        logsumexp1_rest,
        t6,
        lower,
        frobenius,
        sum5,
        gamma,
        sum4_bar,
    )
    blocks2 = _count_blocks(
        n, d + 7 * K * d + 2 * K * d * d + 6 * K + 3, 1 + K + K * d + K * d + K * d * d, 64
    )
    tile2 = _count_rows(2 * d + K * d + 2 * K + 2, n, blocks2, 1 + K + K * d + K * d + K * d * d)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(
        n, d + 7 * K * d + 2 * K * d * d + 6 * K + 3, 1 + K + K * d + K * d + K * d * d, blocks2
    )
    log_posterior_total_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    log_normaliser_bar_blocks = _zeros((blocks2 * sums2, K), np.float64)
    t3_bar_total_blocks = _zeros((blocks2 * sums2, K, d), np.float64)
    mu_bar_sum_blocks = _zeros((blocks2 * sums2, K, d), np.float64)
    lower_bar_total_blocks = _zeros((blocks2 * sums2, K, d, d), np.float64)
    _log_posterior_grad_2_blocks.spread(
        workers2,
        _log_posterior_grad_2.address(),
        _nest2.address(),
        _nest3.address(),
        blocks2,
        tile2,
        sums2,
        n,
        K,
        d,
        X,
        mu,
        lower,
        t3,
        t6,
        log_posterior_total_blocks,
        log_normaliser_bar_blocks,
        t3_bar_total_blocks,
        mu_bar_sum_blocks,
        lower_bar_total_blocks,
    )
    log_posterior_total = _combine(log_posterior_total_blocks)
    log_normaliser_bar = _combine(log_normaliser_bar_blocks)
    t3_bar_total = _combine(t3_bar_total_blocks)
    mu_bar_sum = _combine(mu_bar_sum_blocks)
    lower_bar_total = _combine(lower_bar_total_blocks)
    log_posterior = np.empty((1,), np.float64)
    logsumexp1_bar = np.empty((1,), np.float64)
    alpha_bar = _place(targets, 0, (K,), np.float64)
    mu_bar = _place(targets, 1, (K, d), np.float64)
    q_bar = _place(targets, 2, (K, d), np.float64)
    lower_bar = _place(targets, 3, (K, d, d), np.float64)
    _log_posterior_grad_3.call(
        K,
        d,
        log_posterior_total,
        m,
        sum5,
        frobenius,
        gamma,
        log_posterior,
        log_normaliser_bar,
        logsumexp1_bar,
        t3_bar_total,
        sum4_bar,
        t3,
        logsumexp1_total_kept,
        logsumexp1_total,
        alpha_bar,
        mu_bar_sum,
        lower,
        mu_bar,
        q_bar,
        lower_bar_total,
        lower_bar,
    )
    values = (log_posterior[0],)
    return values, (
        alpha_bar,
        mu_bar,
        q_bar,
        lower_bar,
    )


def log_posterior(
    alpha: NDArray[np.float64],
    mu: NDArray[np.float64],
    q: NDArray[np.float64],
    lower: NDArray[np.float64],
    gamma: float,
    m: float,
    X: NDArray[np.float64],
) -> Any:
    """Log-likelihood of a Gaussian mixture plus the log of a Wishart prior on its precisions.

    Args:
        alpha: float64[K]
        mu: float64[K, d]
        q: float64[K, d]
        lower: float64[K, d, d]
        gamma: float64[]
        m: float64[]
        X: float64[n, d]

    Returns:
        log_posterior: float64[]
    """
    values = _run_log_posterior(*_check_log_posterior(alpha, mu, q, lower, gamma, m, X))
    return values[0]


def log_posterior_value_and_grad(
    alpha: NDArray[np.float64],
    mu: NDArray[np.float64],
    q: NDArray[np.float64],
    lower: NDArray[np.float64],
    gamma: float,
    m: float,
    X: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LogPosteriorGradients]:
    """The value of log_posterior and its gradient by alpha, mu, q, lower.

    Arguments as for `log_posterior`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    K, d, n, alpha, mu, q, lower, gamma, m, X = _check_log_posterior(
        alpha, mu, q, lower, gamma, m, X
    )
    targets = _targets(
        "log_posterior", LogPosteriorGradients, (alpha, mu, q, lower), False, out, accumulate
    )
    values, gradients = _run_log_posterior_grad(
        K,
        d,
        n,
        alpha,
        mu,
        q,
        lower,
        gamma,
        m,
        X,
        targets=_in_place(targets, accumulate, alpha, mu, q, lower, gamma, m, X),
    )
    return values[0], _deliver(LogPosteriorGradients, gradients, False, targets, out, accumulate)


def log_posterior_grad(
    alpha: NDArray[np.float64],
    mu: NDArray[np.float64],
    q: NDArray[np.float64],
    lower: NDArray[np.float64],
    gamma: float,
    m: float,
    X: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> LogPosteriorGradients:
    """The gradient of log_posterior alone; see `log_posterior_value_and_grad`."""
    return log_posterior_value_and_grad(
        alpha, mu, q, lower, gamma, m, X, out=out, accumulate=accumulate
    )[1]


def log_posterior_vjp(
    alpha: NDArray[np.float64],
    mu: NDArray[np.float64],
    q: NDArray[np.float64],
    lower: NDArray[np.float64],
    gamma: float,
    m: float,
    X: NDArray[np.float64],
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LogPosteriorGradients]:
    """The value of log_posterior, and its gradient times a 0-d cotangent."""
    factor = _number("log_posterior_vjp", "cotangent", cotangent, np.float64)
    K, d, n, alpha, mu, q, lower, gamma, m, X = _check_log_posterior(
        alpha, mu, q, lower, gamma, m, X
    )
    targets = _targets(
        "log_posterior", LogPosteriorGradients, (alpha, mu, q, lower), False, out, accumulate
    )
    values, gradients = _run_log_posterior_grad(
        K,
        d,
        n,
        alpha,
        mu,
        q,
        lower,
        gamma,
        m,
        X,
        targets=_in_place(targets, accumulate, alpha, mu, q, lower, gamma, m, X),
    )
    scaled = tuple(np.multiply(factor, gradient, out=gradient) for gradient in gradients)
    return values[0], _deliver(LogPosteriorGradients, scaled, False, targets, out, accumulate)


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
    good &= _self_check_log_posterior(np.random.default_rng(seed))
    print("all gradients agree" if good else "GRADIENTS DISAGREE")
    return good


def _self_check_log_posterior(rng: np.random.Generator) -> bool:
    K = 4
    d = 5
    n = 6
    arguments: dict[str, Any] = {
        "alpha": rng.uniform(0.25, 0.75, (K,)).astype(np.float64),
        "mu": rng.uniform(0.25, 0.75, (K, d)).astype(np.float64),
        "q": rng.uniform(0.25, 0.75, (K, d)).astype(np.float64),
        "lower": rng.uniform(0.25, 0.75, (K, d, d)).astype(np.float64),
        "gamma": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "m": rng.uniform(0.25, 0.75, ()).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, d)).astype(np.float64),
    }
    seeds = (np.float64(1.0),)
    _, gradients = log_posterior_value_and_grad(**arguments)

    def total(point: dict[str, Any]) -> float:
        result: Any = log_posterior(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare(
        "log_posterior", ["alpha", "mu", "q", "lower"], gradients, arguments, total, rng
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


if __name__ == "__main__":
    raise SystemExit(0 if _self_check() else 1)
