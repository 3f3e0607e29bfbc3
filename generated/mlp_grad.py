"""Values and gradients of examples/mlp/model.py, derived symbolically; do not edit.

source   examples/mlp/model.py, sha256 7fe573e820763285f7c03956b3352f409b0acb7f96cfc11f330ff2e41d45f87e
symgrad  0.1.0, target cpu

loss (line 15) and its gradient by W1, b1, W2, b2:

    t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]                    i < n, k < h, j < d
    hidden[i,k] = tanh(t1[i,k])                             i < n, k < h
    hidden_slope[i,k] = sech_squared(t1[i,k])               i < n, k < h
    scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]           i < n, l < c, k < h
    index1 = index(label, c)
    logsumexp1[i] = logsumexp_l (scores[i,l])               i < n, l < c
    loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])    i < n
    scores_bar[i,l] = exp(scores[i,l] - logsumexp1[i])/n + {-1/n if l = index1[i]}    i < n, l < c
    hidden_bar[i,k] = Σ_l W2[k,l]·scores_bar[i,l]           i < n, k < h, l < c
    t1_bar[i,k] = hidden_bar[i,k]·hidden_slope[i,k]         i < n, k < h
    W1_bar[j,k] = Σ_i X[i,j]·t1_bar[i,k]                    j < d, k < h, i < n
    b1_bar[k] = Σ_i t1_bar[i,k]                             k < h, i < n
    W2_bar[k,l] = Σ_i hidden[i,k]·scores_bar[i,l]           k < h, l < c, i < n
    b2_bar[l] = Σ_i scores_bar[i,l]                         l < c, i < n

  in matrix notation (functions act on each element, 1 is a vector of ones):

    hidden     = tanh(X·W1 + 1·b1ᵀ)
    scores     = hidden·W2 + 1·b2ᵀ
    loss       = 1/n · 1ᵀ(log(exp(scores) 1) − (scores ⊙ onehot(label))1)
    scores_bar = 1/n · (softmax(scores) − onehot(label))
    t1_bar     = scores_bar·W2ᵀ ⊙ sech^2(X·W1 + 1·b1ᵀ)
    W1_bar     = Xᵀ·t1_bar
    b1_bar     = t1_barᵀ·1
    W2_bar     = hiddenᵀ·scores_bar
    b2_bar     = scores_barᵀ·1
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_c37c2794586d9e0f"
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
def _tanh_parts(x):
    """What tanh and its slope share: y, 2^k, q, q's rounding error and y's denominator.

    e^(-2|x|) = 2^k·(1 + q); y is tanh|x|, and tanh|x| - 1 = -2e/(1 + e) where 2^k < 1/2.
    """
    a = abs(np.float64(x))
    a = -2.0 * (354.5 if a > 354.5 else a)
    k = np.rint(a * 1.4426950408889634)
    near = a - k * 0.6931471805598903
    r = near - k * 5.497923018708371e-14
    low = (near - r) - k * 5.497923018708371e-14
    p = 2.091467944897855e-09
    p = (p * r + 2.5105206475334834e-08) * r + 2.7557273661174726e-07
    p = (p * r + 2.75572554255029e-06) * r + 2.4801587325533502e-05
    p = (p * r + 0.00019841269874800683) * r + 0.0013888888888883752
    p = (p * r + 0.008333333333326141) * r + 0.04166666666666667
    p = (p * r + 0.1666666666666667) * r + 0.5
    p = low + r * r * p
    q = r + p
    power = _power_of_two(k)  # 0 where k = -1023, from |x| = 354.37 on
    above, below = (1.0 - power) - power * q, (1.0 + power) + power * q
    y = (-2.0 * (power + power * q) if power < 0.5 else above) / below
    return y, power, q, p - (q - r), above, below


@njit(**_EXACT)
def _sech_squared(x):
    """1 - tanh(x)^2 from what tanh(x) computes too; 0 from 354.37 on. Error <= 4 ulp."""
    y, power, _, _, _, _ = _tanh_parts(x)
    return type(x)((-2.0 * y if power < 0.5 else 1.0) - y * y)


@njit(**_EXACT)
def _tanh(x):
    """tanh|x| = (1 - e)/(1 + e) = 1 - 2e/(1 + e), e = e^(-2|x|) = 2^k·(1 + q). Error <= 2 ulp."""
    u = np.float64(x)
    y, power, q, lost, above, below = _tanh_parts(u)
    # What rounding took from both, divided by the denominator, which is 2/(1 + y).
    rest = power * lost
    more = (((1.0 - power) - above) - power * q) - rest
    less = (power * q - (below - (1.0 + power))) + rest
    y = 1.0 + y if power < 0.5 else y + (0.5 + 0.5 * y) * (more - y * less)
    return type(x)(math.copysign(y, u))


@njit(**_OPTIONS)
def _finite_or_zero(x):
    """x, or 0 where x is infinite or NaN."""
    return x if abs(x) < np.inf else 0.0


# --- kernels of loss ---------------------------------------------------------------------------


@_kernel(
    "void(int64, int64, float64[:, ::1], float64[::1], int64, float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _nest1(h, rows, t1, b1, d, W1, X_packed):
    for k in range(h):
        for i in range(rows):
            t1[k, i] = b1[k]
    for k in range(0, h - h % 4, 4):
        for j in range(0, d - d % 4, 4):
            W1_here = W1[j, k]
            W1_here1 = W1[j, k + 1]
            W1_here2 = W1[j, k + 2]
            W1_here3 = W1[j, k + 3]
            W1_here4 = W1[j + 1, k]
            W1_here5 = W1[j + 1, k + 1]
            W1_here6 = W1[j + 1, k + 2]
            W1_here7 = W1[j + 1, k + 3]
            W1_here8 = W1[j + 2, k]
            W1_here9 = W1[j + 2, k + 1]
            W1_here10 = W1[j + 2, k + 2]
            W1_here11 = W1[j + 2, k + 3]
            W1_here12 = W1[j + 3, k]
            W1_here13 = W1[j + 3, k + 1]
            W1_here14 = W1[j + 3, k + 2]
            W1_here15 = W1[j + 3, k + 3]
            for i in range(rows):
                v = X_packed[j, i]
                v2 = X_packed[j + 1, i]
                v3 = X_packed[j + 2, i]
                v4 = X_packed[j + 3, i]
                t1[k, i] += W1_here * v + W1_here4 * v2 + W1_here8 * v3 + W1_here12 * v4
                t1[k + 1, i] += W1_here1 * v + W1_here5 * v2 + W1_here9 * v3 + W1_here13 * v4
                t1[k + 2, i] += W1_here2 * v + W1_here6 * v2 + W1_here10 * v3 + W1_here14 * v4
                t1[k + 3, i] += W1_here3 * v + W1_here7 * v2 + W1_here11 * v3 + W1_here15 * v4
        for j in range(d - d % 4, d):
            W1_here = W1[j, k]
            W1_here1 = W1[j, k + 1]
            W1_here2 = W1[j, k + 2]
            W1_here3 = W1[j, k + 3]
            for i in range(rows):
                v5 = X_packed[j, i]
                t1[k, i] += W1_here * v5
                t1[k + 1, i] += W1_here1 * v5
                t1[k + 2, i] += W1_here2 * v5
                t1[k + 3, i] += W1_here3 * v5
    for k in range(h - h % 4, h):
        for j in range(d):
            W1_here = W1[j, k]
            for i in range(rows):
                t1[k, i] += W1_here * X_packed[j, i]


@_kernel(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], int64[::1], float64[::1])",
    **_INNER,
)
def _loss_1(
    nest1,
    rows,
    d,
    h,
    c,
    X,
    X_packed,
    W1,
    b1,
    t1,
    hidden,
    W2,
    b2,
    scores,
    logsumexp1_largest,
    logsumexp1_total,
    index1,
    loss,
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
    # t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]
    _call_kernel(
        nest1,
        (
            h,
            rows,
            t1,
            b1,
            d,
            W1,
            X_packed,
        ),
    )
    # hidden[i,k] = tanh(t1[i,k])
    for k in range(h):
        for i in range(rows):
            hidden[k, i] = _tanh(t1[k, i])
    # scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]
    _call_kernel(
        nest1,
        (
            c,
            rows,
            scores,
            b2,
            h,
            W2,
            hidden,
        ),
    )
    # logsumexp1_largest[i] = max_l (scores[i,l])
    for i in range(rows):
        logsumexp1_largest[i] = -np.inf
    for l in range(c):
        for i in range(rows):
            v11 = scores[l, i]
            logsumexp1_largest[i] = (
                logsumexp1_largest[i]
                if v11 <= logsumexp1_largest[i] or logsumexp1_largest[i] != logsumexp1_largest[i]
                else v11
            )
    # logsumexp1_total[i] = Σ_l exp(scores[i,l] - logsumexp1_largest[i])
    for i in range(rows):
        logsumexp1_total[i] = 0.0
    for l in range(c):
        for i in range(rows):
            logsumexp1_total[i] += _exp(scores[l, i] - _finite_or_zero(logsumexp1_largest[i]))
    # logsumexp1[i] = logsumexp_l (scores[i,l])
    # loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])
    loss_sum = 0.0
    for i in range(rows):
        loss_sum += (
            _log(logsumexp1_total[i])
            + _finite_or_zero(logsumexp1_largest[i])
            - scores[index1[i], i]
        )
    loss[0] += loss_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], int64[::1], float64[:, ::1])"
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
    d,
    h,
    c,
    X,
    W1,
    b1,
    W2,
    b2,
    index1,
    loss,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    X_packed = np.empty((d, tile), np.float64)
    t1 = np.empty((h, tile), np.float64)
    hidden = np.empty((h, tile), np.float64)
    scores = np.empty((c, tile), np.float64)
    logsumexp1_largest = np.empty((tile,), np.float64)
    logsumexp1_total = np.empty((tile,), np.float64)
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
                    d,
                    h,
                    c,
                    X[start : start + rows],
                    X_packed,
                    W1,
                    b1,
                    t1,
                    hidden,
                    W2,
                    b2,
                    scores,
                    logsumexp1_largest,
                    logsumexp1_total,
                    index1[start : start + rows],
                    loss[place],
                ),
            )


@_kernel("void(int64, int64, float64[:, ::1], int64, float64[:, ::1], float64[:, ::1])", **_INNER)
def _nest2(h, rows, hidden_bar, c, W2, scores_bar):
    for k in range(h):
        for i in range(rows):
            hidden_bar[k, i] = 0.0
    for k in range(0, h - h % 4, 4):
        for l in range(0, c - c % 4, 4):
            W2_here16 = W2[k, l]
            W2_here17 = W2[k + 1, l]
            W2_here22 = W2[k + 2, l]
            W2_here32 = W2[k + 3, l]
            W2_here42 = W2[k, l + 1]
            W2_here52 = W2[k + 1, l + 1]
            W2_here62 = W2[k + 2, l + 1]
            W2_here72 = W2[k + 3, l + 1]
            W2_here82 = W2[k, l + 2]
            W2_here92 = W2[k + 1, l + 2]
            W2_here102 = W2[k + 2, l + 2]
            W2_here112 = W2[k + 3, l + 2]
            W2_here122 = W2[k, l + 3]
            W2_here132 = W2[k + 1, l + 3]
            W2_here142 = W2[k + 2, l + 3]
            W2_here152 = W2[k + 3, l + 3]
            for i in range(rows):
                v14 = scores_bar[l, i]
                v15 = scores_bar[l + 1, i]
                v16 = scores_bar[l + 2, i]
                v17 = scores_bar[l + 3, i]
                hidden_bar[k, i] += (
                    W2_here16 * v14 + W2_here42 * v15 + W2_here82 * v16 + W2_here122 * v17
                )
                hidden_bar[k + 1, i] += (
                    W2_here17 * v14 + W2_here52 * v15 + W2_here92 * v16 + W2_here132 * v17
                )
                hidden_bar[k + 2, i] += (
                    W2_here22 * v14 + W2_here62 * v15 + W2_here102 * v16 + W2_here142 * v17
                )
                hidden_bar[k + 3, i] += (
                    W2_here32 * v14 + W2_here72 * v15 + W2_here112 * v16 + W2_here152 * v17
                )
        for l in range(c - c % 4, c):
            W2_here16 = W2[k, l]
            W2_here17 = W2[k + 1, l]
            W2_here22 = W2[k + 2, l]
            W2_here32 = W2[k + 3, l]
            for i in range(rows):
                v18 = scores_bar[l, i]
                hidden_bar[k, i] += W2_here16 * v18
                hidden_bar[k + 1, i] += W2_here17 * v18
                hidden_bar[k + 2, i] += W2_here22 * v18
                hidden_bar[k + 3, i] += W2_here32 * v18
    for k in range(h - h % 4, h):
        for l in range(c):
            W2_here16 = W2[k, l]
            for i in range(rows):
                hidden_bar[k, i] += W2_here16 * scores_bar[l, i]


@_kernel("void(int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1])", **_INNER)
def _nest3(d, h, rows, X_packed, t1_bar, W1_bar):
    for j in range(0, d - d % 4, 4):
        for k in range(0, h - h % 4, 4):
            total = 0.0
            total_k1 = 0.0
            total_k2 = 0.0
            total_k3 = 0.0
            total_j1 = 0.0
            total_j1_k1 = 0.0
            total_j1_k2 = 0.0
            total_j1_k3 = 0.0
            total_j2 = 0.0
            total_j2_k1 = 0.0
            total_j2_k2 = 0.0
            total_j2_k3 = 0.0
            total_j3 = 0.0
            total_j3_k1 = 0.0
            total_j3_k2 = 0.0
            total_j3_k3 = 0.0
            for i in range(rows):
                v20 = X_packed[j, i]
                v21 = t1_bar[k, i]
                v22 = X_packed[j + 1, i]
                v23 = X_packed[j + 2, i]
                v24 = X_packed[j + 3, i]
                v25 = t1_bar[k + 1, i]
                v26 = t1_bar[k + 2, i]
                v27 = t1_bar[k + 3, i]
                total += v20 * v21
                total_j1 += v22 * v21
                total_j2 += v23 * v21
                total_j3 += v24 * v21
                total_k1 += v20 * v25
                total_j1_k1 += v22 * v25
                total_j2_k1 += v23 * v25
                total_j3_k1 += v24 * v25
                total_k2 += v20 * v26
                total_j1_k2 += v22 * v26
                total_j2_k2 += v23 * v26
                total_j3_k2 += v24 * v26
                total_k3 += v20 * v27
                total_j1_k3 += v22 * v27
                total_j2_k3 += v23 * v27
                total_j3_k3 += v24 * v27
            W1_bar[j, k] += total
            W1_bar[j + 1, k] += total_j1
            W1_bar[j + 2, k] += total_j2
            W1_bar[j + 3, k] += total_j3
            W1_bar[j, k + 1] += total_k1
            W1_bar[j + 1, k + 1] += total_j1_k1
            W1_bar[j + 2, k + 1] += total_j2_k1
            W1_bar[j + 3, k + 1] += total_j3_k1
            W1_bar[j, k + 2] += total_k2
            W1_bar[j + 1, k + 2] += total_j1_k2
            W1_bar[j + 2, k + 2] += total_j2_k2
            W1_bar[j + 3, k + 2] += total_j3_k2
            W1_bar[j, k + 3] += total_k3
            W1_bar[j + 1, k + 3] += total_j1_k3
            W1_bar[j + 2, k + 3] += total_j2_k3
            W1_bar[j + 3, k + 3] += total_j3_k3
        for k in range(h - h % 4, h):
            total = 0.0
            total_j1 = 0.0
            total_j2 = 0.0
            total_j3 = 0.0
            for i in range(rows):
                v28 = t1_bar[k, i]
                total += X_packed[j, i] * v28
                total_j1 += X_packed[j + 1, i] * v28
                total_j2 += X_packed[j + 2, i] * v28
                total_j3 += X_packed[j + 3, i] * v28
            W1_bar[j, k] += total
            W1_bar[j + 1, k] += total_j1
            W1_bar[j + 2, k] += total_j2
            W1_bar[j + 3, k] += total_j3
    for j in range(d - d % 4, d):
        for k in range(h):
            total = 0.0
            for i in range(rows):
                total += X_packed[j, i] * t1_bar[k, i]
            W1_bar[j, k] += total


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], int64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1])",
    **_INNER,
)
def _loss_grad_1(
    nest1,
    nest2,
    nest3,
    rows,
    d,
    h,
    c,
    n,
    X,
    X_packed,
    W1,
    b1,
    t1,
    hidden,
    hidden_slope,
    W2,
    b2,
    scores,
    logsumexp1_peak,
    logsumexp1_total_kept,
    logsumexp1_total,
    index1,
    loss,
    scores_bar,
    hidden_bar,
    t1_bar,
    W1_bar,
    b1_bar,
    W2_bar,
    b2_bar,
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
    # t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]
    _call_kernel(
        nest1,
        (
            h,
            rows,
            t1,
            b1,
            d,
            W1,
            X_packed,
        ),
    )
    # hidden[i,k] = tanh(t1[i,k])
    # hidden_slope[i,k] = sech_squared(t1[i,k])
    for k in range(h):
        for i in range(rows):
            v6 = t1[k, i]
            v7 = _tanh(v6)
            hidden[k, i] = v7
            hidden_slope[k, i] = _sech_squared(v6)
    # scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]
    _call_kernel(
        nest1,
        (
            c,
            rows,
            scores,
            b2,
            h,
            W2,
            hidden,
        ),
    )
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): the largest element
    for i in range(rows):
        logsumexp1_peak[i] = -np.inf
    for l in range(c):
        for i in range(rows):
            v13 = scores[l, i]
            logsumexp1_peak[i] = (
                logsumexp1_peak[i]
                if v13 <= logsumexp1_peak[i] or logsumexp1_peak[i] != logsumexp1_peak[i]
                else v13
            )
    for i in range(rows):
        logsumexp1_peak[i] = _finite_or_zero(logsumexp1_peak[i])
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): exp(element − largest)
    for l in range(c):
        for i in range(rows):
            logsumexp1_total_kept[l, i] = _exp(scores[l, i] - logsumexp1_peak[i])
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): Σ exp(element − largest)
    for i in range(rows):
        logsumexp1_total[i] = 0.0
    for l in range(0, c - c % 4, 4):
        for i in range(rows):
            logsumexp1_total[i] += (
                logsumexp1_total_kept[l, i]
                + logsumexp1_total_kept[l + 1, i]
                + logsumexp1_total_kept[l + 2, i]
                + logsumexp1_total_kept[l + 3, i]
            )
    for l in range(c - c % 4, c):
        for i in range(rows):
            logsumexp1_total[i] += logsumexp1_total_kept[l, i]
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): log of the sum
    # logsumexp1[i] = logsumexp_l (scores[i,l])
    # loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])
    loss_sum = 0.0
    for i in range(rows):
        loss_sum += logsumexp1_peak[i] + _log(logsumexp1_total[i]) - scores[index1[i], i]
    loss[0] += loss_sum
    # scores_bar[i,l] = exp(scores[i,l] - logsumexp1[i])/n + {-1/n if l = index1[i]}
    for l in range(c):
        for i in range(rows):
            scores_bar[l, i] = logsumexp1_total_kept[l, i] / logsumexp1_total[i] / n
    for i in range(rows):
        l = index1[i]
        scores_bar[l, i] += -(1.0 / n)
    # hidden_bar[i,k] = Σ_l W2[k,l]·scores_bar[i,l]
    _call_kernel(
        nest2,
        (
            h,
            rows,
            hidden_bar,
            c,
            W2,
            scores_bar,
        ),
    )
    # t1_bar[i,k] = hidden_bar[i,k]·hidden_slope[i,k]
    # b1_bar[k] = Σ_i t1_bar[i,k]
    for k in range(h):
        b1_bar_sum = 0.0
        for i in range(rows):
            v19 = hidden_bar[k, i] * hidden_slope[k, i]
            t1_bar[k, i] = v19
            b1_bar_sum += v19
        b1_bar[k] += b1_bar_sum
    # W1_bar[j,k] = Σ_i X[i,j]·t1_bar[i,k]
    _call_kernel(
        nest3,
        (
            d,
            h,
            rows,
            X_packed,
            t1_bar,
            W1_bar,
        ),
    )
    # W2_bar[k,l] = Σ_i hidden[i,k]·scores_bar[i,l]
    _call_kernel(
        nest3,
        (
            h,
            c,
            rows,
            hidden,
            scores_bar,
            W2_bar,
        ),
    )
    # b2_bar[l] = Σ_i scores_bar[i,l]
    for l in range(c):
        b2_bar_sum = 0.0
        for i in range(rows):
            b2_bar_sum += scores_bar[l, i]
        b2_bar[l] += b2_bar_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], int64[::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1])"
)
def _loss_grad_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    nest2,
    nest3,
    blocks,
    tile,
    sums,
    n,
    d,
    h,
    c,
    X,
    W1,
    b1,
    W2,
    b2,
    index1,
    loss,
    W1_bar,
    b1_bar,
    W2_bar,
    b2_bar,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    X_packed = np.empty((d, tile), np.float64)
    t1 = np.empty((h, tile), np.float64)
    hidden = np.empty((h, tile), np.float64)
    hidden_slope = np.empty((h, tile), np.float64)
    scores = np.empty((c, tile), np.float64)
    logsumexp1_peak = np.empty((tile,), np.float64)
    logsumexp1_total_kept = np.empty((c, tile), np.float64)
    logsumexp1_total = np.empty((tile,), np.float64)
    t1_bar = np.empty((h, tile), np.float64)
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
                    nest2,
                    nest3,
                    rows,
                    d,
                    h,
                    c,
                    n,
                    X[start : start + rows],
                    X_packed,
                    W1,
                    b1,
                    t1,
                    hidden,
                    hidden_slope,
                    W2,
                    b2,
                    scores,
                    logsumexp1_peak,
                    logsumexp1_total_kept,
                    logsumexp1_total,
                    index1[start : start + rows],
                    loss[place],
                    scores,
                    t1,
                    t1_bar,
                    W1_bar[place],
                    b1_bar[place],
                    W2_bar[place],
                    b2_bar[place],
                ),
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
    _nest1,
    _loss_1,
    _loss_1_blocks,
    _nest2,
    _nest3,
    _loss_grad_1,
    _loss_grad_1_blocks,
    _each_worker,
)

# --- loss --------------------------------------------------------------------------------------


class LossGradients(NamedTuple):
    """Gradients of loss, one for each argument it was differentiated by."""

    W1: NDArray[np.float64]
    b1: NDArray[np.float64]
    W2: NDArray[np.float64]
    b2: NDArray[np.float64]


def _check_loss(W1, b1, W2, b2, X, label):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    W1 = _array("loss", "W1", W1, np.float64, 2, "[d, h]")
    b1 = _array("loss", "b1", b1, np.float64, 1, "[h]")
    W2 = _array("loss", "W2", W2, np.float64, 2, "[h, c]")
    b2 = _array("loss", "b2", b2, np.float64, 1, "[c]")
    X = _array("loss", "X", X, np.float64, 2, "[n, d]")
    label = _array("loss", "label", label, np.int64, 1, "[n]")
    d = W1.shape[0]
    h = W1.shape[1]
    c = W2.shape[1]
    n = X.shape[0]
    if b1.shape[0] != h:
        raise ValueError(
            f"loss: axis 0 of argument 'b1' has {b1.shape[0]} elements, expected h = {h} (axis 1 of 'W1')"
        )
    if W2.shape[0] != h:
        raise ValueError(
            f"loss: axis 0 of argument 'W2' has {W2.shape[0]} elements, expected h = {h} (axis 1 of 'W1')"
        )
    if b2.shape[0] != c:
        raise ValueError(
            f"loss: axis 0 of argument 'b2' has {b2.shape[0]} elements, expected c = {c} (axis 1 of 'W2')"
        )
    if X.shape[1] != d:
        raise ValueError(
            f"loss: axis 1 of argument 'X' has {X.shape[1]} elements, expected d = {d} (axis 0 of 'W1')"
        )
    if label.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'label' has {label.shape[0]} elements, expected n = {n} (axis 0 of 'X')"
        )
    return d, h, c, n, W1, b1, W2, b2, X, label


def _run_loss(d, h, c, n, W1, b1, W2, b2, X, label):
    index1 = _check_index("loss", label, c, "label", "scores", 1)
    blocks2 = _count_blocks(n, d + h * d + 2 * h + c * h + 3 * c + 2, 1, 64)
    tile2 = _count_rows(d + 2 * h + c + 2, n, blocks2, 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, d + h * d + 2 * h + c * h + 3 * c + 2, 1, blocks2)
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _loss_1_blocks.spread(
        workers2,
        _loss_1.address(),
        _nest1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        d,
        h,
        c,
        X,
        W1,
        b1,
        W2,
        b2,
        index1,
        loss_blocks,
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    return (loss[0],)


def _run_loss_grad(d, h, c, n, W1, b1, W2, b2, X, label, *, targets=()):
    index1 = _check_index("loss_grad", label, c, "label", "scores", 1)
    blocks2 = _count_blocks(
        n, d + h * d + 5 * h + c * h + 7 * c + 2 * h * c + d * h + 3, 1 + d * h + h + h * c + c, 64
    )
    tile2 = _count_rows(d + 4 * h + 2 * c + 2, n, blocks2, 1 + d * h + h + h * c + c)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(
        n,
        d + h * d + 5 * h + c * h + 7 * c + 2 * h * c + d * h + 3,
        1 + d * h + h + h * c + c,
        blocks2,
    )
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    W1_bar_blocks = _zeros((blocks2 * sums2, d, h), np.float64)
    b1_bar_blocks = _zeros((blocks2 * sums2, h), np.float64)
    W2_bar_blocks = _zeros((blocks2 * sums2, h, c), np.float64)
    b2_bar_blocks = _zeros((blocks2 * sums2, c), np.float64)
    _loss_grad_1_blocks.spread(
        workers2,
        _loss_grad_1.address(),
        _nest1.address(),
        _nest2.address(),
        _nest3.address(),
        blocks2,
        tile2,
        sums2,
        n,
        d,
        h,
        c,
        X,
        W1,
        b1,
        W2,
        b2,
        index1,
        loss_blocks,
        W1_bar_blocks,
        b1_bar_blocks,
        W2_bar_blocks,
        b2_bar_blocks,
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    W1_bar = _combine(W1_bar_blocks)
    b1_bar = _combine(b1_bar_blocks)
    W2_bar = _combine(W2_bar_blocks)
    b2_bar = _combine(b2_bar_blocks)
    values = (loss[0],)
    return values, (
        W1_bar,
        b1_bar,
        W2_bar,
        b2_bar,
    )


def loss(
    W1: NDArray[np.float64],
    b1: NDArray[np.float64],
    W2: NDArray[np.float64],
    b2: NDArray[np.float64],
    X: NDArray[np.float64],
    label: NDArray[np.int64],
) -> Any:
    """Mean cross-entropy of the softmax against integer labels.

    Args:
        W1: float64[d, h]
        b1: float64[h]
        W2: float64[h, c]
        b2: float64[c]
        X: float64[n, d]
        label: int64[n]

    Returns:
        loss: float64[]
    """
    values = _run_loss(*_check_loss(W1, b1, W2, b2, X, label))
    return values[0]


def loss_value_and_grad(
    W1: NDArray[np.float64],
    b1: NDArray[np.float64],
    W2: NDArray[np.float64],
    b2: NDArray[np.float64],
    X: NDArray[np.float64],
    label: NDArray[np.int64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss and its gradient by W1, b1, W2, b2.

    Arguments as for `loss`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    d, h, c, n, W1, b1, W2, b2, X, label = _check_loss(W1, b1, W2, b2, X, label)
    targets = _targets("loss", LossGradients, (W1, b1, W2, b2), False, out, accumulate)
    values, gradients = _run_loss_grad(
        d,
        h,
        c,
        n,
        W1,
        b1,
        W2,
        b2,
        X,
        label,
        targets=_in_place(targets, accumulate, W1, b1, W2, b2, X, label),
    )
    return values[0], _deliver(LossGradients, gradients, False, targets, out, accumulate)


def loss_grad(
    W1: NDArray[np.float64],
    b1: NDArray[np.float64],
    W2: NDArray[np.float64],
    b2: NDArray[np.float64],
    X: NDArray[np.float64],
    label: NDArray[np.int64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> LossGradients:
    """The gradient of loss alone; see `loss_value_and_grad`."""
    return loss_value_and_grad(W1, b1, W2, b2, X, label, out=out, accumulate=accumulate)[1]


def loss_vjp(
    W1: NDArray[np.float64],
    b1: NDArray[np.float64],
    W2: NDArray[np.float64],
    b2: NDArray[np.float64],
    X: NDArray[np.float64],
    label: NDArray[np.int64],
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss, and its gradient times a 0-d cotangent."""
    factor = _number("loss_vjp", "cotangent", cotangent, np.float64)
    d, h, c, n, W1, b1, W2, b2, X, label = _check_loss(W1, b1, W2, b2, X, label)
    targets = _targets("loss", LossGradients, (W1, b1, W2, b2), False, out, accumulate)
    values, gradients = _run_loss_grad(
        d,
        h,
        c,
        n,
        W1,
        b1,
        W2,
        b2,
        X,
        label,
        targets=_in_place(targets, accumulate, W1, b1, W2, b2, X, label),
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


def _check_index(function, index, extent, name, array, axis):
    """The index array with negative entries counted from the end; out of range is an error."""
    index = np.asarray(index)
    if index.size:
        low, high = index.min(), index.max()
        if low < -extent or high >= extent:
            worst = high if high >= extent else low
            raise IndexError(
                f"{function}: '{name}' holds {worst}, outside axis {axis} of '{array}', "
                f"which has {extent} elements"
            )
        if low < 0:
            index = np.where(index < 0, index + extent, index)
    return np.ascontiguousarray(index).reshape(index.shape or (1,))


def _quotient(a, b):
    """a/b in float64, by zero as NumPy divides."""
    return a / b if b else np.divide(a, b)


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
    d = 4
    h = 5
    c = 6
    n = 7
    arguments: dict[str, Any] = {
        "W1": rng.uniform(0.25, 0.75, (d, h)).astype(np.float64),
        "b1": rng.uniform(0.25, 0.75, (h,)).astype(np.float64),
        "W2": rng.uniform(0.25, 0.75, (h, c)).astype(np.float64),
        "b2": rng.uniform(0.25, 0.75, (c,)).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, d)).astype(np.float64),
        "label": rng.integers(0, c, (n,), dtype=np.int64),
    }
    seeds = (np.float64(1.0),)
    _, gradients = loss_value_and_grad(**arguments)

    def total(point: dict[str, Any]) -> float:
        result: Any = loss(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare("loss", ["W1", "b1", "W2", "b2"], gradients, arguments, total, rng)


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
