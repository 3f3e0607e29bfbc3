"""Values and gradients of examples/poisson/model.py, derived symbolically; do not edit.

source   examples/poisson/model.py, sha256 3e4d1a65b60f1011706c6f547c37a36e74e5cf514e48861e6258876164dbb8ea
symgrad  0.1.0, target cpu

loss (line 9) and its gradient by beta:

    eta[i] = Σ_j beta[j]·X[i,j] + offset[i]                     i < n, j < p
    t1[i] = exp(eta[i])                                         i < n
    loss = 1/n·Σ_i (t1[i] + gammaln(1 + y[i]) - eta[i]·y[i])    i < n
    matmul1_bar[i] = (t1[i] - y[i])/n                           i < n
    beta_bar[j] = Σ_i matmul1_bar[i]·X[i,j]                     j < p, i < n

  in matrix notation (functions act on each element, 1 is a vector of ones):

    eta      = X·beta + offset
    loss     = 1/n · 1ᵀ(log Γ(1 + y) + exp(eta) − eta ⊙ y)
    beta_bar = 1/n · Xᵀ(exp(X·beta + offset) − y)

loss_hessian:

    eta[i] = Σ_j beta[j]·X[i,j] + offset[i]            i < n, j < p
    t1[i] = exp(eta[i])                                i < n
    hessian_pair[i,j] = t1[i]·X[i,j]                   i < n, j < p
    hessian[j,k] = 1/n·Σ_i X[i,k]·hessian_pair[i,j]    j < p, k < p, i < n
    in matrix notation:
    hessian = 1/n · Xᵀ diag(exp(X·beta + offset)) X
    ∂²loss/∂beta²: dense
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_2f077cf009418cf2"
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
def _add_last(total, terms):
    """total + terms, in this order: the terms need not wait for the total of earlier ones."""
    return total + terms


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
def _sin_cos(u):
    """sin(r), cos(r) and k with u = k·pi/2 + r, |r| <= pi/4 and a little, |u| <= 2^46.

    pi/2 is cut into parts of 26 bits and k into two halves, so that their products are exact;
    r is carried as r + low, so that it keeps its digits next to a multiple of pi/2.
    """
    k = np.rint(u * 0.6366197723675814)
    # 1.5*2^78 rounds to a multiple of 2^26.
    upper = (k + 4.5335999339665595e23) - 4.5335999339665595e23
    lower = k - upper
    near = (u - upper * 1.5707963109016418) - lower * 1.5707963109016418
    near = (near - upper * 1.5893254712295857e-08) - lower * 1.5893254712295857e-08
    near = near - upper * 6.123233601181349e-17
    part = lower * 6.123233601181349e-17 + upper * 3.945554081778929e-24
    far = near - part
    low = (near - far) - part
    part = lower * 3.945554081778929e-24 + upper * 8.478427566216846e-32
    near = far - part
    low += (far - near) - part
    low -= lower * 8.478427566216846e-32 + upper * 9.415205271428978e-40
    low -= lower * 9.415205271428978e-40 + upper * 1.1687494729364403e-47
    r = near + low
    low = (near - r) + low
    z = r * r
    s = 1.590920350380264e-10
    s = s * z - 2.5051004013548807e-08
    s = (s * z + 2.7557315469490136e-06) * z - 0.00019841269835498498
    s = (s * z + 0.008333333333330088) * z - 0.16666666666666663
    s = r + (low + z * (r * s - 0.5 * low))
    c = -1.1377048360571915e-11
    c = c * z + 2.087606629630959e-09
    c = (c * z - 2.755731687568584e-07) * z + 2.4801587297977393e-05
    c = (c * z - 0.001388888888888686) * z + 0.041666666666666664
    half = 0.5 * z
    c = z * z * c - r * low
    rest = 1.0 - half
    c = rest + (((1.0 - rest) - half) + c)
    # In the lowest bits of 1.5*2^52 + k: k modulo 4.
    return s, c, np.float64(lower + 6755399441055744.0).view(np.int64)


@njit(**_EXACT)
def _gammaln(x):
    """log|gamma(x)|: Stirling's series from 7 on, below that a polynomial around 2, which is
    reached by gamma(x + 1) = x·gamma(x); reflection below 0. Error <= 3 ulp for x > 0.
    """
    u = np.float64(x)
    a = abs(u)
    t, product = a, 1.0
    for _ in range(5):
        product = product * (t - 1.0) if t > 2.2 else product
        t = t - 1.0 if t > 2.2 else t
    t = a if a < 0.2 else (a - 1.0 if a < 1.2 else t - 2.0)
    product = a * (a + 1.0) if a < 0.2 else (a if a < 1.2 or a >= 7.0 else product)
    log_product = _log(product)
    p = 8.409344920405131e-07
    p = (p * t + 3.5518432571076767e-06) * t + 7.420632608604938e-06
    p = (p * t + 8.509809230893318e-06) * t + 6.7567931080669235e-06
    p = (p * t + 1.8432510318626253e-06) * t + 2.2346709700007415e-06
    p = (p * t - 4.014024038036899e-06) * t + 8.123772799002928e-06
    p = (p * t - 1.767377576757854e-05) * t + 3.817268269058587e-05
    p = (p * t - 8.309393025221284e-05) * t + 0.0001825526348562315
    p = (p * t - 0.00040570743349095125) * t + 0.0009153769199976532
    p = (p * t - 0.0021081308334725594) * t + 0.004998641164737476
    p = (p * t - 0.012384192193374149) * t + 0.03296500062115562
    p = (p * t - 0.10031730167435392) * t + 0.42278433509846713
    near = t * (t + 1.0) * p + (-log_product if a < 1.2 else log_product)
    z = 1.0 / (a * a)
    p = 0.09633144767517697
    p = (p * z - 0.026819851940799843) * z + 0.006357990720752279
    p = (p * z - 0.0019169245945997553) * z + 0.000841746696738296
    p = (p * z - 0.0005952380790598614) * z + 0.0007936507936189593
    p = (p * z - 0.0027777777777777536) * z + 0.08333333333333333
    y = (a - 0.5) * (log_product - 1.0) + (0.4189385332046728 + p / a) if a >= 7.0 else near
    # gamma(-x)·gamma(x) = -pi/(x·sin(pi·x))
    s, c, k = _sin_cos(3.141592653589793 * (a - np.rint(a)))
    sine = abs(c if k & 1 else s)
    y = _log(3.141592653589793 / (a * sine)) - y if u < 0.0 else y
    y = np.inf if u < 0.0 and sine == 0.0 else y
    return type(x)(y if a < np.inf else a)


# --- kernels of loss ---------------------------------------------------------------------------


@_kernel(
    "void(int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_1(rows, p, beta, X, offset, eta, loss_exp, y, loss):
    # eta[i] = Σ_j beta[j]·X[i,j] + offset[i]
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for j in range(p):
            v = beta[j]
            total += v * X[i, j]
            total_i1 += v * X[i + 1, j]
            total_i2 += v * X[i + 2, j]
            total_i3 += v * X[i + 3, j]
        eta[i] = offset[i] + total
        eta[i + 1] = offset[i + 1] + total_i1
        eta[i + 2] = offset[i + 2] + total_i2
        eta[i + 3] = offset[i + 3] + total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for j in range(p):
            total += beta[j] * X[i, j]
        eta[i] = offset[i] + total
    # loss_exp[i] = exp(eta[i])
    for i in range(rows):
        loss_exp[i] = _exp(eta[i])
    # loss = 1/n·Σ_i (exp(eta[i]) + gammaln(1 + y[i]) - eta[i]·y[i])
    loss_sum = 0.0
    for i in range(rows):
        v2 = y[i]
        loss_sum += loss_exp[i] + _gammaln(1.0 + v2) - eta[i] * v2
    loss[0] += loss_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1])"
)
def _loss_1_blocks(
    worker, workers, each_worker, address, blocks, tile, sums, n, p, beta, X, offset, y, loss
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    eta = np.empty((tile,), np.float64)
    loss_exp = np.empty((tile,), np.float64)
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
                    rows,
                    p,
                    beta,
                    X[start : start + rows],
                    offset[start : start + rows],
                    eta,
                    loss_exp,
                    y[start : start + rows],
                    loss[place],
                ),
            )


@_kernel(
    "void(int64, int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_grad_1(rows, p, n, beta, X, offset, eta, t1, y, loss, matmul1_bar, beta_bar):
    # eta[i] = Σ_j beta[j]·X[i,j] + offset[i]
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for j in range(p):
            v = beta[j]
            total += v * X[i, j]
            total_i1 += v * X[i + 1, j]
            total_i2 += v * X[i + 2, j]
            total_i3 += v * X[i + 3, j]
        eta[i] = offset[i] + total
        eta[i + 1] = offset[i + 1] + total_i1
        eta[i + 2] = offset[i + 2] + total_i2
        eta[i + 3] = offset[i + 3] + total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for j in range(p):
            total += beta[j] * X[i, j]
        eta[i] = offset[i] + total
    # t1[i] = exp(eta[i])
    for i in range(rows):
        t1[i] = _exp(eta[i])
    # loss = 1/n·Σ_i (t1[i] + gammaln(1 + y[i]) - eta[i]·y[i])
    # matmul1_bar[i] = (t1[i] - y[i])/n
    loss_sum = 0.0
    for i in range(rows):
        v2 = t1[i]
        v3 = y[i]
        loss_sum += v2 + _gammaln(1.0 + v3) - eta[i] * v3
        matmul1_bar[i] = (v2 - v3) / n
    loss[0] += loss_sum
    # beta_bar[j] = Σ_i matmul1_bar[i]·X[i,j]
    for i in range(0, rows - rows % 4, 4):
        matmul1_bar_here = matmul1_bar[i]
        matmul1_bar_here1 = matmul1_bar[i + 1]
        matmul1_bar_here2 = matmul1_bar[i + 2]
        matmul1_bar_here3 = matmul1_bar[i + 3]
        for j in range(p):
            beta_bar[j] = _add_last(
                beta_bar[j],
                matmul1_bar_here * X[i, j]
                + matmul1_bar_here1 * X[i + 1, j]
                + matmul1_bar_here2 * X[i + 2, j]
                + matmul1_bar_here3 * X[i + 3, j],
            )
    for i in range(rows - rows % 4, rows):
        matmul1_bar_here = matmul1_bar[i]
        for j in range(p):
            beta_bar[j] += matmul1_bar_here * X[i, j]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_grad_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    blocks,
    tile,
    sums,
    n,
    p,
    beta,
    X,
    offset,
    y,
    loss,
    beta_bar,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    eta = np.empty((tile,), np.float64)
    t1 = np.empty((tile,), np.float64)
    matmul1_bar = np.empty((tile,), np.float64)
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
                    rows,
                    p,
                    n,
                    beta,
                    X[start : start + rows],
                    offset[start : start + rows],
                    eta,
                    t1,
                    y[start : start + rows],
                    loss[place],
                    matmul1_bar,
                    beta_bar[place],
                ),
            )


@_kernel("void(int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1])", **_INNER)
def _nest1(p, rows, hessian_pair, X, hessian):
    for j in range(0, p - p % 4, 4):
        for i in range(0, rows - rows % 4, 4):
            hessian_pair_here = hessian_pair[i, j]
            hessian_pair_here1 = hessian_pair[i, j + 1]
            hessian_pair_here2 = hessian_pair[i, j + 2]
            hessian_pair_here3 = hessian_pair[i, j + 3]
            hessian_pair_here4 = hessian_pair[i + 1, j]
            hessian_pair_here5 = hessian_pair[i + 1, j + 1]
            hessian_pair_here6 = hessian_pair[i + 1, j + 2]
            hessian_pair_here7 = hessian_pair[i + 1, j + 3]
            hessian_pair_here8 = hessian_pair[i + 2, j]
            hessian_pair_here9 = hessian_pair[i + 2, j + 1]
            hessian_pair_here10 = hessian_pair[i + 2, j + 2]
            hessian_pair_here11 = hessian_pair[i + 2, j + 3]
            hessian_pair_here12 = hessian_pair[i + 3, j]
            hessian_pair_here13 = hessian_pair[i + 3, j + 1]
            hessian_pair_here14 = hessian_pair[i + 3, j + 2]
            hessian_pair_here15 = hessian_pair[i + 3, j + 3]
            for k in range(p):
                v2 = X[i, k]
                v3 = X[i + 1, k]
                v4 = X[i + 2, k]
                v5 = X[i + 3, k]
                hessian[j, k] += (
                    v2 * hessian_pair_here
                    + v3 * hessian_pair_here4
                    + v4 * hessian_pair_here8
                    + v5 * hessian_pair_here12
                )
                hessian[j + 1, k] += (
                    v2 * hessian_pair_here1
                    + v3 * hessian_pair_here5
                    + v4 * hessian_pair_here9
                    + v5 * hessian_pair_here13
                )
                hessian[j + 2, k] += (
                    v2 * hessian_pair_here2
                    + v3 * hessian_pair_here6
                    + v4 * hessian_pair_here10
                    + v5 * hessian_pair_here14
                )
                hessian[j + 3, k] += (
                    v2 * hessian_pair_here3
                    + v3 * hessian_pair_here7
                    + v4 * hessian_pair_here11
                    + v5 * hessian_pair_here15
                )
        for i in range(rows - rows % 4, rows):
            hessian_pair_here = hessian_pair[i, j]
            hessian_pair_here1 = hessian_pair[i, j + 1]
            hessian_pair_here2 = hessian_pair[i, j + 2]
            hessian_pair_here3 = hessian_pair[i, j + 3]
            for k in range(p):
                v6 = X[i, k]
                hessian[j, k] += v6 * hessian_pair_here
                hessian[j + 1, k] += v6 * hessian_pair_here1
                hessian[j + 2, k] += v6 * hessian_pair_here2
                hessian[j + 3, k] += v6 * hessian_pair_here3
    for j in range(p - p % 4, p):
        for i in range(rows):
            hessian_pair_here = hessian_pair[i, j]
            for k in range(p):
                hessian[j, k] += X[i, k] * hessian_pair_here


@_kernel(
    "void(int64, int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _loss_hessian_1(nest1, rows, p, beta, X, offset, eta, t1, hessian_pair, hessian):
    # eta[i] = Σ_j beta[j]·X[i,j] + offset[i]
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for j in range(p):
            v = beta[j]
            total += v * X[i, j]
            total_i1 += v * X[i + 1, j]
            total_i2 += v * X[i + 2, j]
            total_i3 += v * X[i + 3, j]
        eta[i] = offset[i] + total
        eta[i + 1] = offset[i + 1] + total_i1
        eta[i + 2] = offset[i + 2] + total_i2
        eta[i + 3] = offset[i + 3] + total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for j in range(p):
            total += beta[j] * X[i, j]
        eta[i] = offset[i] + total
    # t1[i] = exp(eta[i])
    for i in range(rows):
        t1[i] = _exp(eta[i])
    # hessian_pair[i,j] = t1[i]·X[i,j]
    for i in range(rows):
        for j in range(p):
            hessian_pair[i, j] = t1[i] * X[i, j]
    # hessian[j,k] = 1/n·Σ_i X[i,k]·hessian_pair[i,j]
    _call_kernel(
        nest1,
        (
            p,
            rows,
            hessian_pair,
            X,
            hessian,
        ),
    )


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[:, ::1], float64[::1], float64[:, :, ::1])"
)
def _loss_hessian_1_blocks(
    worker, workers, each_worker, address, nest1, blocks, tile, sums, n, p, beta, X, offset, hessian
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    eta = np.empty((tile,), np.float64)
    t1 = np.empty((tile,), np.float64)
    hessian_pair = np.empty((tile, p), np.float64)
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
                    p,
                    beta,
                    X[start : start + rows],
                    offset[start : start + rows],
                    eta,
                    t1,
                    hessian_pair,
                    hessian[place],
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
    _loss_1,
    _loss_1_blocks,
    _loss_grad_1,
    _loss_grad_1_blocks,
    _nest1,
    _loss_hessian_1,
    _loss_hessian_1_blocks,
    _each_worker,
)

# --- loss --------------------------------------------------------------------------------------


class LossGradients(NamedTuple):
    """Gradients of loss, one for each argument it was differentiated by."""

    beta: NDArray[np.float64]


def _check_loss(beta, X, offset, y):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    beta = _array("loss", "beta", beta, np.float64, 1, "[p]")
    X = _array("loss", "X", X, np.float64, 2, "[n, p]")
    offset = _array("loss", "offset", offset, np.float64, 1, "[n]")
    y = _array("loss", "y", y, np.float64, 1, "[n]")
    p = beta.shape[0]
    n = X.shape[0]
    if X.shape[1] != p:
        raise ValueError(
            f"loss: axis 1 of argument 'X' has {X.shape[1]} elements, expected p = {p} (axis 0 of 'beta')"
        )
    if offset.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'offset' has {offset.shape[0]} elements, expected n = {n} (axis 0 of 'X')"
        )
    if y.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'y' has {y.shape[0]} elements, expected n = {n} (axis 0 of 'X')"
        )
    return p, n, beta, X, offset, y


def _run_loss(p, n, beta, X, offset, y):
    blocks2 = _count_blocks(n, p + 3, 1)
    tile2 = _count_rows(2, n, blocks2, 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, p + 3, 1, blocks2)
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _loss_1_blocks.spread(
        workers2, _loss_1.address(), blocks2, tile2, sums2, n, p, beta, X, offset, y, loss_blocks
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    return (loss[0],)


def _run_loss_grad(p, n, beta, X, offset, y, *, targets=()):
    blocks2 = _count_blocks(n, 2 * p + 4, 1 + p)
    tile2 = _count_rows(3, n, blocks2, 1 + p)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, 2 * p + 4, 1 + p, blocks2)
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    beta_bar_blocks = _zeros((blocks2 * sums2, p), np.float64)
    _loss_grad_1_blocks.spread(
        workers2,
        _loss_grad_1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        p,
        beta,
        X,
        offset,
        y,
        loss_blocks,
        beta_bar_blocks,
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    beta_bar = _combine(beta_bar_blocks)
    values = (loss[0],)
    return values, (beta_bar,)


def loss(
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    offset: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Any:
    """Mean negative log-likelihood of counts y with expectation exp(X·beta + offset).

    Args:
        beta: float64[p]
        X: float64[n, p]
        offset: float64[n]
        y: float64[n]

    Returns:
        loss: float64[]
    """
    values = _run_loss(*_check_loss(beta, X, offset, y))
    return values[0]


def loss_value_and_grad(
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    offset: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, NDArray[np.float64]]:
    """The value of loss and its gradient by beta.

    Arguments as for `loss`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    p, n, beta, X, offset, y = _check_loss(beta, X, offset, y)
    targets = _targets("loss", LossGradients, (beta,), True, out, accumulate)
    values, gradients = _run_loss_grad(
        p, n, beta, X, offset, y, targets=_in_place(targets, accumulate, beta, X, offset, y)
    )
    return values[0], _deliver(LossGradients, gradients, True, targets, out, accumulate)


def loss_grad(
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    offset: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> NDArray[np.float64]:
    """The gradient of loss alone; see `loss_value_and_grad`."""
    return loss_value_and_grad(beta, X, offset, y, out=out, accumulate=accumulate)[1]


def loss_vjp(
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    offset: NDArray[np.float64],
    y: NDArray[np.float64],
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, NDArray[np.float64]]:
    """The value of loss, and its gradient times a 0-d cotangent."""
    factor = _number("loss_vjp", "cotangent", cotangent, np.float64)
    p, n, beta, X, offset, y = _check_loss(beta, X, offset, y)
    targets = _targets("loss", LossGradients, (beta,), True, out, accumulate)
    values, gradients = _run_loss_grad(
        p, n, beta, X, offset, y, targets=_in_place(targets, accumulate, beta, X, offset, y)
    )
    scaled = tuple(np.multiply(factor, gradient, out=gradient) for gradient in gradients)
    return values[0], _deliver(LossGradients, scaled, True, targets, out, accumulate)


def _run_loss_hessian(p, n, beta, X, offset, y):
    blocks2 = _count_blocks(n, 2 * p + p * p + 2, p * p)
    tile2 = _count_rows(p + 2, n, blocks2, p * p)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, 2 * p + p * p + 2, p * p, blocks2)
    hessian_blocks = _zeros((blocks2 * sums2, p, p), np.float64)
    _loss_hessian_1_blocks.spread(
        workers2,
        _loss_hessian_1.address(),
        _nest1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        p,
        beta,
        X,
        offset,
        hessian_blocks,
    )
    hessian = _combine(hessian_blocks) * (_quotient(1.0, n))
    return Dense(hessian, 1)


def loss_hessian(
    beta: NDArray[np.float64],
    X: NDArray[np.float64],
    offset: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Any:
    """The second derivative, stored by its structure, of loss by beta.

    Arguments as for `loss`.
    ∂²loss/∂beta²: dense
    """
    return _run_loss_hessian(*_check_loss(beta, X, offset, y))


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
    good &= _check_derivatives_loss(np.random.default_rng(seed))
    print("all gradients agree" if good else "GRADIENTS DISAGREE")
    return good


def _self_check_loss(rng: np.random.Generator) -> bool:
    p = 4
    n = 5
    arguments: dict[str, Any] = {
        "beta": rng.uniform(0.25, 0.75, (p,)).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, p)).astype(np.float64),
        "offset": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
        "y": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
    }
    seeds = (np.float64(1.0),)
    _, gradients = loss_value_and_grad(**arguments)

    def total(point: dict[str, Any]) -> float:
        result: Any = loss(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare("loss", ["beta"], (gradients,), arguments, total, rng)


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
    p = 4
    n = 5
    arguments: dict[str, Any] = {
        "beta": rng.uniform(0.25, 0.75, (p,)).astype(np.float64),
        "X": rng.uniform(0.25, 0.75, (n, p)).astype(np.float64),
        "offset": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
        "y": rng.uniform(0.25, 0.75, (n,)).astype(np.float64),
    }
    names = ["beta"]
    single = True
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
