"""Values and gradients of examples/logistic_regression/model.py, derived symbolically; do not edit.

source   examples/logistic_regression/model.py, sha256 960746d94f9c982047c9c521dc400c04eac7072a9d70280ccf23a75102083712
symgrad  0.1.0, target cpu

loss (line 8) and its gradient by w, b:

    z[i] = Σ_j w[j]·X[i,j] + b                     i < n, j < d
    loss = 1/n·Σ_i (softplus(z[i]) - y[i]·z[i])    i < n
    z_bar[i] = (sigmoid(z[i]) - y[i])/n            i < n
    w_bar[j] = Σ_i z_bar[i]·X[i,j]                 j < d, i < n
    b_bar = Σ_i z_bar[i]                           i < n
    stabilised: log(1 + exp(z[i])) → softplus(z[i]), examples/logistic_regression/model.py:17

  in matrix notation (functions act on each element, 1 is a vector of ones):

    z     = Xw + b
    loss  = 1/n · 1ᵀ(softplus(z) − y ⊙ z)
    w_bar = 1/n · Xᵀ(σ(Xw + b) − y)
    b_bar = 1/n · 1ᵀ(σ(Xw + b) − y)
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_c8b6d327ba6eddab"
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
def _sigmoid(x):
    """1/(1 + e^-x) = 1 - t, and e^x·(1 - t) below 0, t = e/(1 + e), e = e^-|x|. Error <= 2 ulp."""
    u = np.float64(x)
    e = _exp(-abs(u))
    part = e / (1.0 + e)
    return type(x)(1.0 - part if u >= 0.0 else e - e * part)


@njit(**_EXACT)
def _log1p_unit(e):
    """log(1 + e), 0 <= e <= 1: k·log(2) + log(1 + f), k = 0 or 1.

    log(1 + f) = f - (f^2/2 - s·(f^2/2 + s^2·p(s^2))), s = f/(2 + f): the leading term is exact.
    """
    k = 1.0 if e > 0.41421356237309503 else 0.0
    f = 0.5 * e - 0.5 if e > 0.41421356237309503 else e
    s = f / (2.0 + f)
    z = s * s
    p = 0.1461645097955211
    p = (p * z + 0.15331721495826012) * z + 0.18182889128412458
    p = (p * z + 0.22222211134751835) * z + 0.2857142862597575
    p = (p * z + 0.39999999999899505) * z + 0.666666666666667
    square = 0.5 * f * f
    low = s * (square + z * p) + k * 5.497923018708371e-14
    return k * 0.6931471805598903 - ((square - low) - f)


@njit(**_EXACT)
def _softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). Error <= 2 ulp."""
    u = np.float64(x)
    return type(x)((0.0 if u < 0.0 else u) + _log1p_unit(_exp(-abs(u))))


# --- kernels of loss ---------------------------------------------------------------------------


@_kernel(
    "void(int64, int64, float64[::1], float64[:, ::1], float64, float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_1(rows, d, w, X, b, z, y, loss):
    # z[i] = Σ_j w[j]·X[i,j] + b
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for j in range(d):
            v = w[j]
            total += v * X[i, j]
            total_i1 += v * X[i + 1, j]
            total_i2 += v * X[i + 2, j]
            total_i3 += v * X[i + 3, j]
        z[i] = b + total
        z[i + 1] = b + total_i1
        z[i + 2] = b + total_i2
        z[i + 3] = b + total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for j in range(d):
            total += w[j] * X[i, j]
        z[i] = b + total
    # loss = 1/n·Σ_i (softplus(z[i]) - y[i]·z[i])
    loss_sum = 0.0
    for i in range(rows):
        v2 = z[i]
        loss_sum += _softplus(v2) - y[i] * v2
    loss[0] += loss_sum


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[:, ::1], float64, float64[::1], float64[:, ::1])"
)
def _loss_1_blocks(
    worker, workers, each_worker, address, blocks, tile, sums, n, d, w, X, b, y, loss
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    z = np.empty((tile,), np.float64)
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
                (rows, d, w, X[start : start + rows], b, z, y[start : start + rows], loss[place]),
            )


@_kernel(
    "void(int64, int64, int64, float64[::1], float64[:, ::1], float64, float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _loss_grad_1(rows, d, n, w, X, b, z, y, loss, z_bar, w_bar, b_bar):
    # z[i] = Σ_j w[j]·X[i,j] + b
    for i in range(0, rows - rows % 4, 4):
        total = 0.0
        total_i1 = 0.0
        total_i2 = 0.0
        total_i3 = 0.0
        for j in range(d):
            v = w[j]
            total += v * X[i, j]
            total_i1 += v * X[i + 1, j]
            total_i2 += v * X[i + 2, j]
            total_i3 += v * X[i + 3, j]
        z[i] = b + total
        z[i + 1] = b + total_i1
        z[i + 2] = b + total_i2
        z[i + 3] = b + total_i3
    for i in range(rows - rows % 4, rows):
        total = 0.0
        for j in range(d):
            total += w[j] * X[i, j]
        z[i] = b + total
    # loss = 1/n·Σ_i (softplus(z[i]) - y[i]·z[i])
    # z_bar[i] = (sigmoid(z[i]) - y[i])/n
    # b_bar = Σ_i z_bar[i]
    loss_sum = 0.0
    b_bar_sum = 0.0
    for i in range(rows):
        v2 = z[i]
        v3 = y[i]
        v4 = (_sigmoid(v2) - v3) / n
        loss_sum += _softplus(v2) - v3 * v2
        z_bar[i] = v4
        b_bar_sum += v4
    loss[0] += loss_sum
    b_bar[0] += b_bar_sum
    # w_bar[j] = Σ_i z_bar[i]·X[i,j]
    for i in range(0, rows - rows % 4, 4):
        z_bar_here = z_bar[i]
        z_bar_here1 = z_bar[i + 1]
        z_bar_here2 = z_bar[i + 2]
        z_bar_here3 = z_bar[i + 3]
        for j in range(d):
            w_bar[j] = _add_last(
                w_bar[j],
                z_bar_here * X[i, j]
                + z_bar_here1 * X[i + 1, j]
                + z_bar_here2 * X[i + 2, j]
                + z_bar_here3 * X[i + 3, j],
            )
    for i in range(rows - rows % 4, rows):
        z_bar_here = z_bar[i]
        for j in range(d):
            w_bar[j] += z_bar_here * X[i, j]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], float64[:, ::1], float64, float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])"
)
def _loss_grad_1_blocks(
    worker, workers, each_worker, address, blocks, tile, sums, n, d, w, X, b, y, loss, w_bar, b_bar
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    z = np.empty((tile,), np.float64)
    z_bar = np.empty((tile,), np.float64)
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
                    d,
                    n,
                    w,
                    X[start : start + rows],
                    b,
                    z,
                    y[start : start + rows],
                    loss[place],
                    z_bar,
                    w_bar[place],
                    b_bar[place],
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
    _each_worker,
)

# --- loss --------------------------------------------------------------------------------------


class LossGradients(NamedTuple):
    """Gradients of loss, one for each argument it was differentiated by."""

    w: NDArray[np.float64]
    b: NDArray[np.float64]


def _check_loss(w, b, X, y):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    w = _array("loss", "w", w, np.float64, 1, "[d]")
    b = _number("loss", "b", b, np.float64)
    X = _array("loss", "X", X, np.float64, 2, "[n, d]")
    y = _array("loss", "y", y, np.float64, 1, "[n]")
    d = w.shape[0]
    n = X.shape[0]
    if X.shape[1] != d:
        raise ValueError(
            f"loss: axis 1 of argument 'X' has {X.shape[1]} elements, expected d = {d} (axis 0 of 'w')"
        )
    if y.shape[0] != n:
        raise ValueError(
            f"loss: axis 0 of argument 'y' has {y.shape[0]} elements, expected n = {n} (axis 0 of 'X')"
        )
    return d, n, w, b, X, y


def _run_loss(d, n, w, b, X, y):
    blocks2 = _count_blocks(n, d + 2, 1)
    tile2 = _count_rows(1, n, blocks2, 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, d + 2, 1, blocks2)
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _loss_1_blocks.spread(
        workers2, _loss_1.address(), blocks2, tile2, sums2, n, d, w, X, b, y, loss_blocks
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    return (loss[0],)


def _run_loss_grad(d, n, w, b, X, y, *, targets=()):
    blocks2 = _count_blocks(n, 2 * d + 4, 1 + d + 1)
    tile2 = _count_rows(2, n, blocks2, 1 + d + 1)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    sums2 = _count_sums(n, 2 * d + 4, 1 + d + 1, blocks2)
    loss_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    w_bar_blocks = _zeros((blocks2 * sums2, d), np.float64)
    b_bar_blocks = np.zeros((blocks2 * sums2, 1), np.float64)
    _loss_grad_1_blocks.spread(
        workers2,
        _loss_grad_1.address(),
        blocks2,
        tile2,
        sums2,
        n,
        d,
        w,
        X,
        b,
        y,
        loss_blocks,
        w_bar_blocks,
        b_bar_blocks,
    )
    loss = _combine(loss_blocks) * (_quotient(1.0, n))
    w_bar = _combine(w_bar_blocks)
    b_bar = _combine(b_bar_blocks)
    values = (loss[0],)
    return values, (
        w_bar,
        b_bar.reshape(()),
    )


def loss(
    w: NDArray[np.float64],
    b: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Any:
    """Mean negative log-likelihood of labels y in {0, 1} under P(y=1 | x) = sigmoid(x·w + b).

    Args:
        w: float64[d]
        b: float64[]
        X: float64[n, d]
        y: float64[n]

    Returns:
        loss: float64[]
    """
    values = _run_loss(*_check_loss(w, b, X, y))
    return values[0]


def loss_value_and_grad(
    w: NDArray[np.float64],
    b: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss and its gradient by w, b.

    Arguments as for `loss`. Gradients go into the arrays of `out` if it is given (a tuple
    like the result); with `accumulate` they are added to what is there.
    """
    d, n, w, b, X, y = _check_loss(w, b, X, y)
    targets = _targets("loss", LossGradients, (w, b), False, out, accumulate)
    values, gradients = _run_loss_grad(
        d, n, w, b, X, y, targets=_in_place(targets, accumulate, w, b, X, y)
    )
    return values[0], _deliver(LossGradients, gradients, False, targets, out, accumulate)


def loss_grad(
    w: NDArray[np.float64],
    b: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> LossGradients:
    """The gradient of loss alone; see `loss_value_and_grad`."""
    return loss_value_and_grad(w, b, X, y, out=out, accumulate=accumulate)[1]


def loss_vjp(
    w: NDArray[np.float64],
    b: float,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    cotangent: float,
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, LossGradients]:
    """The value of loss, and its gradient times a 0-d cotangent."""
    factor = _number("loss_vjp", "cotangent", cotangent, np.float64)
    d, n, w, b, X, y = _check_loss(w, b, X, y)
    targets = _targets("loss", LossGradients, (w, b), False, out, accumulate)
    values, gradients = _run_loss_grad(
        d, n, w, b, X, y, targets=_in_place(targets, accumulate, w, b, X, y)
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
    n = 5
    arguments: dict[str, Any] = {
        "w": rng.uniform(0.25, 0.75, (d,)).astype(np.float64),
        "b": rng.uniform(0.25, 0.75, ()).astype(np.float64),
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

    return _compare("loss", ["w", "b"], gradients, arguments, total, rng)


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
