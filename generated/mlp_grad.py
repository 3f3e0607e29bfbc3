"""Values and gradients of examples/mlp/model.py, derived symbolically; do not edit.

source   examples/mlp/model.py, sha256 7fe573e820763285f7c03956b3352f409b0acb7f96cfc11f330ff2e41d45f87e
symgrad  0.1.0, target cpu

loss (line 15) and its gradient by W1, b1, W2, b2:

    t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]                                        i < n, k < h, j < d
    hidden[i,k] = tanh(t1[i,k])                                                 i < n, k < h
    scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]                               i < n, l < c, k < h
    index1 = index(label, c)
    logsumexp1[i] = logsumexp_l (scores[i,l])                                   i < n, l < c
    loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])                        i < n
    scores_bar[i,l] = exp(scores[i,l] - logsumexp1[i])/n + {-1/n if l = index1[i]}    i < n, l < c
    hidden_bar[i,k] = Σ_l W2[k,l]·scores_bar[i,l]                               i < n, k < h, l < c
    t1_bar[i,k] = (1 - hidden[i,k]^2)·hidden_bar[i,k]                           i < n, k < h
    W1_bar[j,k] = Σ_i X[i,j]·t1_bar[i,k]                                        j < d, k < h, i < n
    b1_bar[k] = Σ_i t1_bar[i,k]                                                 k < h, i < n
    W2_bar[k,l] = Σ_i hidden[i,k]·scores_bar[i,l]                               k < h, l < c, i < n
    b2_bar[l] = Σ_i scores_bar[i,l]                                             l < c, i < n

  in matrix notation (functions act on each element, 1 is a vector of ones):

    hidden     = tanh(X·W1 + 1·b1ᵀ)
    scores     = hidden·W2 + 1·b2ᵀ
    loss       = 1/n · 1ᵀ(log(exp(scores) 1) − (scores ⊙ onehot(label))1)
    scores_bar = 1/n · (softmax(scores) − onehot(label))
    W1_bar     = Xᵀ((1 − hidden∘²) ⊙ scores_bar·W2ᵀ)
    b1_bar     = ((1 − hidden∘²) ⊙ scores_bar·W2ᵀ)ᵀ1
    W2_bar     = hiddenᵀ·scores_bar
    b2_bar     = scores_barᵀ·1
"""

# ruff: noqa
from __future__ import annotations

import math
import sys
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
}

# Numba's cache looks its kernels up by the name of their module. Under this one they are found
# however the file is imported: from a package, from its folder, or run as a script.
_OWN_NAME = __name__
__name__ = "symgrad_module_d68c04d335525d7f"
sys.modules.setdefault(__name__, sys.modules[_OWN_NAME])


# A parallel loop that names a kernel compiles it a second time, so loops call it by address.
def _address_of(kernel):
    """Where a compiled kernel lies in memory; the kernel itself if Numba's compiler is off."""
    if numba.config.DISABLE_JIT:
        return kernel
    (compiled,) = kernel.overloads.values()
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


if numba.config.DISABLE_JIT:

    def _call_kernel(kernel, arguments):
        """Calls a kernel."""
        kernel(*arguments)

else:

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


# For functions whose steps must stay as they stand: a rounding error is computed by subtracting
# what was added, and rewriting that as algebra would give 0.
_EXACT: dict[str, Any] = {**_OPTIONS, "fastmath": {"contract"}, "forceinline": True}


@njit(**_EXACT)
def _power_of_two(k):
    """2^k, |k| <= 1022: the low bits of 1.5·2^52 + 1023 + k become the exponent."""
    low = np.float64(k + 6755399441056767.0).view(np.int64)
    return np.int64(low << 52).view(np.float64)


@njit(**_EXACT)
def _exp(x):
    """e^x = 2^k·e^r, k = round(x/log(2)), |r| <= log(2)/2; e^r a polynomial. Error <= 1 ulp."""
    u = np.float64(x)
    u = 1000.0 if u > 1000.0 else (-1000.0 if u < -1000.0 else u)
    k = np.rint(u * 1.4426950408889634)
    r = (u - k * 0.6931471805598903) - k * 5.497923018708371e-14
    p = 2.091467944897855e-09
    p = (p * r + 2.5105206475334834e-08) * r + 2.7557273661174726e-07
    p = (p * r + 2.75572554255029e-06) * r + 2.4801587325533502e-05
    p = (p * r + 0.00019841269874800683) * r + 0.0013888888888883752
    p = (p * r + 0.008333333333326141) * r + 0.04166666666666667
    p = (p * r + 0.1666666666666667) * r + 0.5
    p = 1.0 + (r + r * r * p)
    half = np.floor(0.5 * k)
    return type(x)(p * _power_of_two(half) * _power_of_two(k - half))


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
def _subtract_both(x, peak, rest):
    """(x - peak) - rest, in this order: x and peak may be large, what is left is not."""
    return (x - peak) - rest


@njit(**_EXACT)
def _tanh(x):
    """tanh(x) = (e^2x - 1)/(e^2x + 1) = 1 - 2/(e^2x + 1), e^2x = 2^k·e^r. Error <= 2 ulp."""
    u = np.float64(x)
    a = abs(u)
    a = 2.0 * (20.0 if a > 20.0 else a)
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
    power = _power_of_two(k)
    above, below = power * q + (power - 1.0), power * q + (power + 1.0)
    large = k > 1.0
    y = (-2.0 if large else above) / below
    # What rounding took from both, divided by the denominator, which is 2/(1 - y).
    rest = power * (p - (q - r))
    more = (power * q - (above - (power - 1.0))) + rest
    less = (power * q - (below - (power + 1.0))) + rest
    y = 1.0 + y if large else y + (0.5 - 0.5 * y) * (more - y * less)
    return type(x)(math.copysign(y, u))


@njit(**_OPTIONS)
def _finite_or_zero(x):
    """x, or 0 where x is infinite or NaN."""
    return x if abs(x) < np.inf else 0.0


# --- kernels of loss ---------------------------------------------------------------------------


@njit(
    "void(int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], int64[::1], float64[::1])",
    **_OPTIONS,
)
def _loss_1(rows, d, h, c, W1, X, b1, t1, hidden, W2, b2, scores, logsumexp1, index1, loss):
    # t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]
    for i in range(rows):
        for k in range(h):
            t1[i, k] = b1[k]
    for i in range(0, rows - rows % 4, 4):
        for j in range(0, d - d % 4, 4):
            X_here = X[i, j]
            X_here1 = X[i + 1, j]
            X_here2 = X[i + 2, j]
            X_here3 = X[i + 3, j]
            X_here4 = X[i, j + 1]
            X_here5 = X[i + 1, j + 1]
            X_here6 = X[i + 2, j + 1]
            X_here7 = X[i + 3, j + 1]
            X_here8 = X[i, j + 2]
            X_here9 = X[i + 1, j + 2]
            X_here10 = X[i + 2, j + 2]
            X_here11 = X[i + 3, j + 2]
            X_here12 = X[i, j + 3]
            X_here13 = X[i + 1, j + 3]
            X_here14 = X[i + 2, j + 3]
            X_here15 = X[i + 3, j + 3]
            for k in range(h):
                v = W1[j, k]
                v2 = W1[j + 1, k]
                v3 = W1[j + 2, k]
                v4 = W1[j + 3, k]
                t1[i, k] += v * X_here + v2 * X_here4 + v3 * X_here8 + v4 * X_here12
                t1[i + 1, k] += v * X_here1 + v2 * X_here5 + v3 * X_here9 + v4 * X_here13
                t1[i + 2, k] += v * X_here2 + v2 * X_here6 + v3 * X_here10 + v4 * X_here14
                t1[i + 3, k] += v * X_here3 + v2 * X_here7 + v3 * X_here11 + v4 * X_here15
        for j in range(d - d % 4, d):
            X_here = X[i, j]
            X_here1 = X[i + 1, j]
            X_here2 = X[i + 2, j]
            X_here3 = X[i + 3, j]
            for k in range(h):
                v5 = W1[j, k]
                t1[i, k] += v5 * X_here
                t1[i + 1, k] += v5 * X_here1
                t1[i + 2, k] += v5 * X_here2
                t1[i + 3, k] += v5 * X_here3
    for i in range(rows - rows % 4, rows):
        for j in range(d):
            X_here = X[i, j]
            for k in range(h):
                t1[i, k] += W1[j, k] * X_here
    # hidden[i,k] = tanh(t1[i,k])
    for i in range(rows):
        for k in range(h):
            hidden[i, k] = _tanh(t1[i, k])
    # scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]
    for i in range(rows):
        for l in range(c):
            scores[i, l] = b2[l]
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, h - h % 4, 4):
            hidden_here = hidden[i, k]
            hidden_here1 = hidden[i + 1, k]
            hidden_here2 = hidden[i + 2, k]
            hidden_here3 = hidden[i + 3, k]
            hidden_here4 = hidden[i, k + 1]
            hidden_here5 = hidden[i + 1, k + 1]
            hidden_here6 = hidden[i + 2, k + 1]
            hidden_here7 = hidden[i + 3, k + 1]
            hidden_here8 = hidden[i, k + 2]
            hidden_here9 = hidden[i + 1, k + 2]
            hidden_here10 = hidden[i + 2, k + 2]
            hidden_here11 = hidden[i + 3, k + 2]
            hidden_here12 = hidden[i, k + 3]
            hidden_here13 = hidden[i + 1, k + 3]
            hidden_here14 = hidden[i + 2, k + 3]
            hidden_here15 = hidden[i + 3, k + 3]
            for l in range(c):
                v6 = W2[k, l]
                v7 = W2[k + 1, l]
                v8 = W2[k + 2, l]
                v9 = W2[k + 3, l]
                scores[i, l] += (
                    v6 * hidden_here + v7 * hidden_here4 + v8 * hidden_here8 + v9 * hidden_here12
                )
                scores[i + 1, l] += (
                    v6 * hidden_here1 + v7 * hidden_here5 + v8 * hidden_here9 + v9 * hidden_here13
                )
                scores[i + 2, l] += (
                    v6 * hidden_here2 + v7 * hidden_here6 + v8 * hidden_here10 + v9 * hidden_here14
                )
                scores[i + 3, l] += (
                    v6 * hidden_here3 + v7 * hidden_here7 + v8 * hidden_here11 + v9 * hidden_here15
                )
        for k in range(h - h % 4, h):
            hidden_here = hidden[i, k]
            hidden_here1 = hidden[i + 1, k]
            hidden_here2 = hidden[i + 2, k]
            hidden_here3 = hidden[i + 3, k]
            for l in range(c):
                v10 = W2[k, l]
                scores[i, l] += v10 * hidden_here
                scores[i + 1, l] += v10 * hidden_here1
                scores[i + 2, l] += v10 * hidden_here2
                scores[i + 3, l] += v10 * hidden_here3
    for i in range(rows - rows % 4, rows):
        for k in range(h):
            hidden_here = hidden[i, k]
            for l in range(c):
                scores[i, l] += W2[k, l] * hidden_here
    # logsumexp1[i] = logsumexp_l (scores[i,l])
    for i in range(rows):
        largest = -np.inf
        for l in range(c):
            v11 = scores[i, l]
            largest = v11 if v11 > largest or v11 != v11 else largest
        largest = _finite_or_zero(largest)
        total = 0.0
        for l in range(c):
            total += _exp(scores[i, l] - largest)
        logsumexp1[i] = _log(total) + largest
    # loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])
    loss_sum = 0.0
    for i in range(rows):
        loss_sum += logsumexp1[i] - scores[i, index1[i]]
    loss[0] += loss_sum


_loss_1_address = _address_of(_loss_1)


@njit(
    "void(int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, ::1], int64[::1], float64[:, ::1])",
    parallel=True,
    **_OPTIONS,
)
def _loss_1_blocks(
    address,
    blocks,
    tile,
    n,
    d,
    h,
    c,
    W1,
    X,
    b1,
    t1,
    hidden,
    W2,
    b2,
    scores,
    logsumexp1,
    index1,
    loss,
):
    for block in prange(blocks):
        first = block * n // blocks
        last = (block + 1) * n // blocks
        for start in range(first, last, tile):
            rows = min(tile, last - start)
            _call_kernel(
                address,
                (
                    rows,
                    d,
                    h,
                    c,
                    W1,
                    X[start : start + rows],
                    b1,
                    t1[block],
                    hidden[block],
                    W2,
                    b2,
                    scores[block],
                    logsumexp1[block],
                    index1[start : start + rows],
                    loss[block],
                ),
            )


@njit(
    "void(int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], int64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1])",
    **_OPTIONS,
)
def _loss_grad_1(
    rows,
    d,
    h,
    c,
    n,
    W1,
    X,
    b1,
    t1,
    hidden,
    W2,
    b2,
    scores,
    logsumexp1_peak,
    logsumexp1_total,
    logsumexp1_rest,
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
    # t1[i,k] = Σ_j W1[j,k]·X[i,j] + b1[k]
    for i in range(rows):
        for k in range(h):
            t1[i, k] = b1[k]
    for i in range(0, rows - rows % 4, 4):
        for j in range(0, d - d % 4, 4):
            X_here = X[i, j]
            X_here1 = X[i + 1, j]
            X_here2 = X[i + 2, j]
            X_here3 = X[i + 3, j]
            X_here4 = X[i, j + 1]
            X_here5 = X[i + 1, j + 1]
            X_here6 = X[i + 2, j + 1]
            X_here7 = X[i + 3, j + 1]
            X_here8 = X[i, j + 2]
            X_here9 = X[i + 1, j + 2]
            X_here10 = X[i + 2, j + 2]
            X_here11 = X[i + 3, j + 2]
            X_here12 = X[i, j + 3]
            X_here13 = X[i + 1, j + 3]
            X_here14 = X[i + 2, j + 3]
            X_here15 = X[i + 3, j + 3]
            for k in range(h):
                v = W1[j, k]
                v2 = W1[j + 1, k]
                v3 = W1[j + 2, k]
                v4 = W1[j + 3, k]
                t1[i, k] += v * X_here + v2 * X_here4 + v3 * X_here8 + v4 * X_here12
                t1[i + 1, k] += v * X_here1 + v2 * X_here5 + v3 * X_here9 + v4 * X_here13
                t1[i + 2, k] += v * X_here2 + v2 * X_here6 + v3 * X_here10 + v4 * X_here14
                t1[i + 3, k] += v * X_here3 + v2 * X_here7 + v3 * X_here11 + v4 * X_here15
        for j in range(d - d % 4, d):
            X_here = X[i, j]
            X_here1 = X[i + 1, j]
            X_here2 = X[i + 2, j]
            X_here3 = X[i + 3, j]
            for k in range(h):
                v5 = W1[j, k]
                t1[i, k] += v5 * X_here
                t1[i + 1, k] += v5 * X_here1
                t1[i + 2, k] += v5 * X_here2
                t1[i + 3, k] += v5 * X_here3
    for i in range(rows - rows % 4, rows):
        for j in range(d):
            X_here = X[i, j]
            for k in range(h):
                t1[i, k] += W1[j, k] * X_here
    # hidden[i,k] = tanh(t1[i,k])
    for i in range(rows):
        for k in range(h):
            hidden[i, k] = _tanh(t1[i, k])
    # scores[i,l] = Σ_k W2[k,l]·hidden[i,k] + b2[l]
    for i in range(rows):
        for l in range(c):
            scores[i, l] = b2[l]
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, h - h % 4, 4):
            hidden_here = hidden[i, k]
            hidden_here1 = hidden[i + 1, k]
            hidden_here2 = hidden[i + 2, k]
            hidden_here3 = hidden[i + 3, k]
            hidden_here4 = hidden[i, k + 1]
            hidden_here5 = hidden[i + 1, k + 1]
            hidden_here6 = hidden[i + 2, k + 1]
            hidden_here7 = hidden[i + 3, k + 1]
            hidden_here8 = hidden[i, k + 2]
            hidden_here9 = hidden[i + 1, k + 2]
            hidden_here10 = hidden[i + 2, k + 2]
            hidden_here11 = hidden[i + 3, k + 2]
            hidden_here12 = hidden[i, k + 3]
            hidden_here13 = hidden[i + 1, k + 3]
            hidden_here14 = hidden[i + 2, k + 3]
            hidden_here15 = hidden[i + 3, k + 3]
            for l in range(c):
                v6 = W2[k, l]
                v7 = W2[k + 1, l]
                v8 = W2[k + 2, l]
                v9 = W2[k + 3, l]
                scores[i, l] += (
                    v6 * hidden_here + v7 * hidden_here4 + v8 * hidden_here8 + v9 * hidden_here12
                )
                scores[i + 1, l] += (
                    v6 * hidden_here1 + v7 * hidden_here5 + v8 * hidden_here9 + v9 * hidden_here13
                )
                scores[i + 2, l] += (
                    v6 * hidden_here2 + v7 * hidden_here6 + v8 * hidden_here10 + v9 * hidden_here14
                )
                scores[i + 3, l] += (
                    v6 * hidden_here3 + v7 * hidden_here7 + v8 * hidden_here11 + v9 * hidden_here15
                )
        for k in range(h - h % 4, h):
            hidden_here = hidden[i, k]
            hidden_here1 = hidden[i + 1, k]
            hidden_here2 = hidden[i + 2, k]
            hidden_here3 = hidden[i + 3, k]
            for l in range(c):
                v10 = W2[k, l]
                scores[i, l] += v10 * hidden_here
                scores[i + 1, l] += v10 * hidden_here1
                scores[i + 2, l] += v10 * hidden_here2
                scores[i + 3, l] += v10 * hidden_here3
    for i in range(rows - rows % 4, rows):
        for k in range(h):
            hidden_here = hidden[i, k]
            for l in range(c):
                scores[i, l] += W2[k, l] * hidden_here
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): the largest element
    for i in range(rows):
        largest = -np.inf
        for l in range(c):
            v11 = scores[i, l]
            largest = v11 if v11 > largest or v11 != v11 else largest
        logsumexp1_peak[i] = _finite_or_zero(largest)
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): Σ exp(element − largest)
    for i in range(rows):
        total = 0.0
        for l in range(c):
            total += _exp(scores[i, l] - logsumexp1_peak[i])
        logsumexp1_total[i] = total
    # for logsumexp1[i] = logsumexp_l (scores[i,l]): log of the sum
    # logsumexp1[i] = logsumexp_l (scores[i,l])
    # loss = 1/n·Σ_i (logsumexp1[i] - scores[i,index1[i]])
    loss_sum = 0.0
    for i in range(rows):
        v12 = _log(logsumexp1_total[i])
        logsumexp1_rest[i] = v12
        loss_sum += logsumexp1_peak[i] + v12 - scores[i, index1[i]]
    loss[0] += loss_sum
    # scores_bar[i,l] = exp(scores[i,l] - logsumexp1[i])/n + {-1/n if l = index1[i]}
    for i in range(rows):
        for l in range(c):
            scores_bar[i, l] = (
                _exp(_subtract_both(scores[i, l], logsumexp1_peak[i], logsumexp1_rest[i])) / n
            )
    for i in range(rows):
        l = index1[i]
        scores_bar[i, l] += -(1.0 / n)
    # hidden_bar[i,k] = Σ_l W2[k,l]·scores_bar[i,l]
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, h - h % 4, 4):
            total2 = 0.0
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
            for l in range(c):
                v13 = W2[k, l]
                v14 = scores_bar[i, l]
                v15 = scores_bar[i + 1, l]
                v16 = scores_bar[i + 2, l]
                v17 = scores_bar[i + 3, l]
                v18 = W2[k + 1, l]
                v19 = W2[k + 2, l]
                v20 = W2[k + 3, l]
                total2 += v13 * v14
                total_i1 += v13 * v15
                total_i2 += v13 * v16
                total_i3 += v13 * v17
                total_k1 += v18 * v14
                total_i1_k1 += v18 * v15
                total_i2_k1 += v18 * v16
                total_i3_k1 += v18 * v17
                total_k2 += v19 * v14
                total_i1_k2 += v19 * v15
                total_i2_k2 += v19 * v16
                total_i3_k2 += v19 * v17
                total_k3 += v20 * v14
                total_i1_k3 += v20 * v15
                total_i2_k3 += v20 * v16
                total_i3_k3 += v20 * v17
            hidden_bar[i, k] = total2
            hidden_bar[i + 1, k] = total_i1
            hidden_bar[i + 2, k] = total_i2
            hidden_bar[i + 3, k] = total_i3
            hidden_bar[i, k + 1] = total_k1
            hidden_bar[i + 1, k + 1] = total_i1_k1
            hidden_bar[i + 2, k + 1] = total_i2_k1
            hidden_bar[i + 3, k + 1] = total_i3_k1
            hidden_bar[i, k + 2] = total_k2
            hidden_bar[i + 1, k + 2] = total_i1_k2
            hidden_bar[i + 2, k + 2] = total_i2_k2
            hidden_bar[i + 3, k + 2] = total_i3_k2
            hidden_bar[i, k + 3] = total_k3
            hidden_bar[i + 1, k + 3] = total_i1_k3
            hidden_bar[i + 2, k + 3] = total_i2_k3
            hidden_bar[i + 3, k + 3] = total_i3_k3
        for k in range(h - h % 4, h):
            total2 = 0.0
            total_i1 = 0.0
            total_i2 = 0.0
            total_i3 = 0.0
            for l in range(c):
                v21 = W2[k, l]
                total2 += v21 * scores_bar[i, l]
                total_i1 += v21 * scores_bar[i + 1, l]
                total_i2 += v21 * scores_bar[i + 2, l]
                total_i3 += v21 * scores_bar[i + 3, l]
            hidden_bar[i, k] = total2
            hidden_bar[i + 1, k] = total_i1
            hidden_bar[i + 2, k] = total_i2
            hidden_bar[i + 3, k] = total_i3
    for i in range(rows - rows % 4, rows):
        for k in range(h):
            total2 = 0.0
            for l in range(c):
                total2 += W2[k, l] * scores_bar[i, l]
            hidden_bar[i, k] = total2
    # t1_bar[i,k] = (1 - hidden[i,k]^2)·hidden_bar[i,k]
    # b1_bar[k] = Σ_i t1_bar[i,k]
    for i in range(rows):
        for k in range(h):
            v22 = hidden[i, k]
            v23 = (1.0 - v22 * v22) * hidden_bar[i, k]
            t1_bar[i, k] = v23
            b1_bar[k] += v23
    # W1_bar[j,k] = Σ_i X[i,j]·t1_bar[i,k]
    for j in range(0, d - d % 4, 4):
        for i in range(0, rows - rows % 4, 4):
            X_here16 = X[i, j]
            X_here17 = X[i, j + 1]
            X_here22 = X[i, j + 2]
            X_here32 = X[i, j + 3]
            X_here42 = X[i + 1, j]
            X_here52 = X[i + 1, j + 1]
            X_here62 = X[i + 1, j + 2]
            X_here72 = X[i + 1, j + 3]
            X_here82 = X[i + 2, j]
            X_here92 = X[i + 2, j + 1]
            X_here102 = X[i + 2, j + 2]
            X_here112 = X[i + 2, j + 3]
            X_here122 = X[i + 3, j]
            X_here132 = X[i + 3, j + 1]
            X_here142 = X[i + 3, j + 2]
            X_here152 = X[i + 3, j + 3]
            for k in range(h):
                v24 = t1_bar[i, k]
                v25 = t1_bar[i + 1, k]
                v26 = t1_bar[i + 2, k]
                v27 = t1_bar[i + 3, k]
                W1_bar[j, k] += X_here16 * v24 + X_here42 * v25 + X_here82 * v26 + X_here122 * v27
                W1_bar[j + 1, k] += (
                    X_here17 * v24 + X_here52 * v25 + X_here92 * v26 + X_here132 * v27
                )
                W1_bar[j + 2, k] += (
                    X_here22 * v24 + X_here62 * v25 + X_here102 * v26 + X_here142 * v27
                )
                W1_bar[j + 3, k] += (
                    X_here32 * v24 + X_here72 * v25 + X_here112 * v26 + X_here152 * v27
                )
        for i in range(rows - rows % 4, rows):
            X_here16 = X[i, j]
            X_here17 = X[i, j + 1]
            X_here22 = X[i, j + 2]
            X_here32 = X[i, j + 3]
            for k in range(h):
                v28 = t1_bar[i, k]
                W1_bar[j, k] += X_here16 * v28
                W1_bar[j + 1, k] += X_here17 * v28
                W1_bar[j + 2, k] += X_here22 * v28
                W1_bar[j + 3, k] += X_here32 * v28
    for j in range(d - d % 4, d):
        for i in range(rows):
            X_here16 = X[i, j]
            for k in range(h):
                W1_bar[j, k] += X_here16 * t1_bar[i, k]
    # W2_bar[k,l] = Σ_i hidden[i,k]·scores_bar[i,l]
    for k in range(0, h - h % 4, 4):
        for i in range(0, rows - rows % 4, 4):
            hidden_here16 = hidden[i, k]
            hidden_here17 = hidden[i, k + 1]
            hidden_here22 = hidden[i, k + 2]
            hidden_here32 = hidden[i, k + 3]
            hidden_here42 = hidden[i + 1, k]
            hidden_here52 = hidden[i + 1, k + 1]
            hidden_here62 = hidden[i + 1, k + 2]
            hidden_here72 = hidden[i + 1, k + 3]
            hidden_here82 = hidden[i + 2, k]
            hidden_here92 = hidden[i + 2, k + 1]
            hidden_here102 = hidden[i + 2, k + 2]
            hidden_here112 = hidden[i + 2, k + 3]
            hidden_here122 = hidden[i + 3, k]
            hidden_here132 = hidden[i + 3, k + 1]
            hidden_here142 = hidden[i + 3, k + 2]
            hidden_here152 = hidden[i + 3, k + 3]
            for l in range(c):
                v29 = scores_bar[i, l]
                v30 = scores_bar[i + 1, l]
                v31 = scores_bar[i + 2, l]
                v32 = scores_bar[i + 3, l]
                W2_bar[k, l] += (
                    hidden_here16 * v29
                    + hidden_here42 * v30
                    + hidden_here82 * v31
                    + hidden_here122 * v32
                )
                W2_bar[k + 1, l] += (
                    hidden_here17 * v29
                    + hidden_here52 * v30
                    + hidden_here92 * v31
                    + hidden_here132 * v32
                )
                W2_bar[k + 2, l] += (
                    hidden_here22 * v29
                    + hidden_here62 * v30
                    + hidden_here102 * v31
                    + hidden_here142 * v32
                )
                W2_bar[k + 3, l] += (
                    hidden_here32 * v29
                    + hidden_here72 * v30
                    + hidden_here112 * v31
                    + hidden_here152 * v32
                )
        for i in range(rows - rows % 4, rows):
            hidden_here16 = hidden[i, k]
            hidden_here17 = hidden[i, k + 1]
            hidden_here22 = hidden[i, k + 2]
            hidden_here32 = hidden[i, k + 3]
            for l in range(c):
                v33 = scores_bar[i, l]
                W2_bar[k, l] += hidden_here16 * v33
                W2_bar[k + 1, l] += hidden_here17 * v33
                W2_bar[k + 2, l] += hidden_here22 * v33
                W2_bar[k + 3, l] += hidden_here32 * v33
    for k in range(h - h % 4, h):
        for i in range(rows):
            hidden_here16 = hidden[i, k]
            for l in range(c):
                W2_bar[k, l] += hidden_here16 * scores_bar[i, l]
    # b2_bar[l] = Σ_i scores_bar[i,l]
    for i in range(rows):
        for l in range(c):
            b2_bar[l] += scores_bar[i, l]


_loss_grad_1_address = _address_of(_loss_grad_1)


@njit(
    "void(int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, :, ::1], float64[:, ::1])",
    parallel=True,
    **_OPTIONS,
)
def _loss_grad_1_blocks(
    address,
    blocks,
    tile,
    n,
    d,
    h,
    c,
    W1,
    X,
    b1,
    t1,
    hidden,
    W2,
    b2,
    scores,
    logsumexp1_peak,
    logsumexp1_total,
    logsumexp1_rest,
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
    for block in prange(blocks):
        first = block * n // blocks
        last = (block + 1) * n // blocks
        for start in range(first, last, tile):
            rows = min(tile, last - start)
            _call_kernel(
                address,
                (
                    rows,
                    d,
                    h,
                    c,
                    n,
                    W1,
                    X[start : start + rows],
                    b1,
                    t1[block],
                    hidden[block],
                    W2,
                    b2,
                    scores[block],
                    logsumexp1_peak[block],
                    logsumexp1_total[block],
                    logsumexp1_rest[block],
                    index1[start : start + rows],
                    loss[block],
                    scores_bar[block],
                    hidden_bar[block],
                    t1_bar[block],
                    W1_bar[block],
                    b1_bar[block],
                    W2_bar[block],
                    b2_bar[block],
                ),
            )


__name__ = _OWN_NAME

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
    tile = _count_rows(2 * h + c + 1)
    blocks2 = _count_blocks(n, h * d + 2 * h + c * h + 2 * c + 1, tile * (2 * h + c + 1) + 1)
    loss_blocks = np.zeros((blocks2, 1), np.float64)
    t1_tile = np.empty((blocks2, tile, h), np.float64)
    hidden_tile = np.empty((blocks2, tile, h), np.float64)
    scores_tile = np.empty((blocks2, tile, c), np.float64)
    logsumexp1_tile = np.empty((blocks2, tile), np.float64)
    if blocks2 > 1:
        _loss_1_blocks(
            _loss_1_address,
            blocks2,
            tile,
            n,
            d,
            h,
            c,
            W1,
            X,
            b1,
            t1_tile,
            hidden_tile,
            W2,
            b2,
            scores_tile,
            logsumexp1_tile,
            index1,
            loss_blocks,
        )
    else:
        for start in range(0, n, tile):
            rows = min(tile, n - start)
            _loss_1(
                rows,
                d,
                h,
                c,
                W1,
                X[start : start + rows],
                b1,
                t1_tile[0],
                hidden_tile[0],
                W2,
                b2,
                scores_tile[0],
                logsumexp1_tile[0],
                index1[start : start + rows],
                loss_blocks[0],
            )
    loss = _combine(loss_blocks) * (np.divide(1.0, n))
    return (loss[0],)


def _run_loss_grad(d, h, c, n, W1, b1, W2, b2, X, label):
    index1 = _check_index("loss_grad", label, c, "label", "scores", 1)
    tile = _count_rows(4 * h + 2 * c + 3)
    blocks2 = _count_blocks(
        n,
        h * d + 4 * h + c * h + 6 * c + 2 * h * c + d * h + 3,
        tile * (4 * h + 2 * c + 3) + 1 + d * h + h + h * c + c,
    )
    loss_blocks = np.zeros((blocks2, 1), np.float64)
    W1_bar_blocks = np.zeros((blocks2, d, h), np.float64)
    b1_bar_blocks = np.zeros((blocks2, h), np.float64)
    W2_bar_blocks = np.zeros((blocks2, h, c), np.float64)
    b2_bar_blocks = np.zeros((blocks2, c), np.float64)
    t1_tile = np.empty((blocks2, tile, h), np.float64)
    hidden_tile = np.empty((blocks2, tile, h), np.float64)
    scores_tile = np.empty((blocks2, tile, c), np.float64)
    logsumexp1_peak_tile = np.empty((blocks2, tile), np.float64)
    logsumexp1_total_tile = np.empty((blocks2, tile), np.float64)
    logsumexp1_rest_tile = np.empty((blocks2, tile), np.float64)
    scores_bar_tile = np.empty((blocks2, tile, c), np.float64)
    hidden_bar_tile = np.empty((blocks2, tile, h), np.float64)
    t1_bar_tile = np.empty((blocks2, tile, h), np.float64)
    if blocks2 > 1:
        _loss_grad_1_blocks(
            _loss_grad_1_address,
            blocks2,
            tile,
            n,
            d,
            h,
            c,
            W1,
            X,
            b1,
            t1_tile,
            hidden_tile,
            W2,
            b2,
            scores_tile,
            logsumexp1_peak_tile,
            logsumexp1_total_tile,
            logsumexp1_rest_tile,
            index1,
            loss_blocks,
            scores_bar_tile,
            hidden_bar_tile,
            t1_bar_tile,
            W1_bar_blocks,
            b1_bar_blocks,
            W2_bar_blocks,
            b2_bar_blocks,
        )
    else:
        for start in range(0, n, tile):
            rows = min(tile, n - start)
            _loss_grad_1(
                rows,
                d,
                h,
                c,
                n,
                W1,
                X[start : start + rows],
                b1,
                t1_tile[0],
                hidden_tile[0],
                W2,
                b2,
                scores_tile[0],
                logsumexp1_peak_tile[0],
                logsumexp1_total_tile[0],
                logsumexp1_rest_tile[0],
                index1[start : start + rows],
                loss_blocks[0],
                scores_bar_tile[0],
                hidden_bar_tile[0],
                t1_bar_tile[0],
                W1_bar_blocks[0],
                b1_bar_blocks[0],
                W2_bar_blocks[0],
                b2_bar_blocks[0],
            )
    loss = _combine(loss_blocks) * (np.divide(1.0, n))
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
    values, gradients = _run_loss_grad(*_check_loss(W1, b1, W2, b2, X, label))
    return values[0], _deliver("loss", LossGradients, gradients, False, out, accumulate)


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
    values, gradients = _run_loss_grad(*_check_loss(W1, b1, W2, b2, X, label))
    scaled = tuple(np.multiply(factor, gradient, out=gradient) for gradient in gradients)
    return values[0], _deliver("loss", LossGradients, scaled, False, out, accumulate)


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
    flags = array.flags
    if not (flags.c_contiguous and flags.writeable and flags.aligned):
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
    array = np.asarray(value)
    if array.ndim:
        raise ValueError(f"{function}: argument '{name}' has shape {array.shape}, expected 0-d")
    if array.dtype != dtype and not (
        isinstance(value, (int, float)) and np.can_cast(array.dtype, dtype, "same_kind")
    ):
        array = _convert(function, name, value, array, dtype)
    return dtype(array)


def _deliver(function, names, gradients, single, out, accumulate):
    """Gradients as a new tuple, or written (added) into the arrays of `out`."""
    if out is None:
        if accumulate:
            raise ValueError(f"{function}: accumulate=True needs out= to add to")
        return gradients[0] if single else names(*gradients)
    targets = (out,) if single else tuple(out)
    if len(targets) != len(gradients):
        raise ValueError(
            f"{function}: out has {len(targets)} arrays, expected {len(gradients)}: "
            f"{', '.join(names._fields)}"
        )
    for name, target, gradient in zip(names._fields, targets, gradients, strict=True):
        if not isinstance(target, np.ndarray) or target.shape != gradient.shape:
            found = getattr(target, "shape", type(target).__name__)
            raise ValueError(
                f"{function}: out for '{name}' must be an array of shape {gradient.shape}, "
                f"not {found}"
            )
        if target.dtype != gradient.dtype:
            raise TypeError(
                f"{function}: out for '{name}' has dtype {target.dtype}, expected {gradient.dtype}"
            )
    for target, gradient in zip(targets, gradients, strict=True):
        if accumulate:
            np.add(target, gradient, out=target)
        else:
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


def _count_rows(row_elements):
    """How many rows are computed at a time, so that 65536 elements hold their scratch."""
    fitting = 65536 // max(row_elements, 1)
    return max(32, min(1024, fitting))


def _count_blocks(samples, work, block_elements):
    """How many blocks of samples are summed apart: by sizes alone, never by the thread count."""
    by_work = samples * work // 200000
    by_memory = 16000000 // max(block_elements, 1)
    return max(1, min(16, by_work, by_memory, samples))


def _combine(partial):
    """The sum of the blocks' partial sums, in order."""
    return partial[0] if len(partial) == 1 else np.sum(partial, axis=0)


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
