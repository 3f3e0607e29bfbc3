"""Values and gradients of examples/bundle_adjustment/model.py, derived symbolically; do not edit.

source   examples/bundle_adjustment/model.py, sha256 73bc4a885f8af302afcc62b33c61ffcb5d71ee9182e4e71d0c139ac714adc7dd
symgrad  0.1.0, target cpu

residuals (line 36) and its vector-Jacobian product by cameras, points:

    index1 = index(camera_index, c)
    index2 = index(point_index, p)
    theta2[k] = Σ_l cameras[index1[k],l]^2                                  k < m, l < 3
    theta[k] = sqrt(select([theta2[k] < 1e-06], 1, theta2[k]))              k < m
    half[k] = sinc(theta[k]/2)/2                                            k < m
    first_[k] = select([theta2[k] < 1e-06], 1 + theta2[k]^2/120 - theta2[k]/6, sinc(theta[k]))    k < m
    second[k] = select([theta2[k] < 1e-06], 1/2 + theta2[k]^2/720 - theta2[k]/24, 2·half[k]^2)    k < m
    t27[k] = cameras[index1[k],1]·points[index2[k],2] - cameras[index1[k],2]·points[index2[k],1]    k < m
    t34[k] = cameras[index1[k],2]·points[index2[k],0] - cameras[index1[k],0]·points[index2[k],2]    k < m
    t41[k] = cameras[index1[k],0]·points[index2[k],1] - cameras[index1[k],1]·points[index2[k],0]    k < m
    rx[k,l] = {t27[k] if l = 0} + {t34[k] if l = 1} + {t41[k] if l = 2}     k < m, l < 3
    t50[k] = cameras[index1[k],1]·rx[k,2] - cameras[index1[k],2]·rx[k,1]    k < m
    t57[k] = cameras[index1[k],2]·rx[k,0] - cameras[index1[k],0]·rx[k,2]    k < m
    t64[k] = cameras[index1[k],0]·rx[k,1] - cameras[index1[k],1]·rx[k,0]    k < m
    t65[k,l] = {t50[k] if l = 0} + {t57[k] if l = 1} + {t64[k] if l = 2}    k < m, l < 3
    in_camera[k,l] = first_[k]·rx[k,l] + second[k]·t65[k,l] + cameras[index1[k],3 + l] + points[index2[k],l]    k < m, l < 3
    image[k,q] = -in_camera[k,q]/in_camera[k,2]                             k < m, q < 2
    radius2[k] = Σ_q image[k,q]^2                                           k < m, q < 2
    t78[k] = 1 + (radius2[k]·cameras[index1[k],8] + cameras[index1[k],7])·radius2[k]    k < m
    t79[k] = t78[k]·cameras[index1[k],6]                                    k < m
    residuals[k,q] = t79[k]·image[k,q] - observed[k,q]                      k < m, q < 2
    scale_bar[k] = Σ_q image[k,q]·residuals_cotangent[k,q]                  k < m, q < 2
    t75_bar[k] = radius2[k]·scale_bar[k]·cameras[index1[k],6]               k < m
    radius2_bar[k] = t75_bar[k]·cameras[index1[k],8] + (radius2[k]·cameras[index1[k],8] + cameras[index1[k],7])·scale_bar[k]·cameras[index1[k],6]    k < m
    k2_bar[k] = radius2[k]·t75_bar[k]                                       k < m
    t72_bar[k] = scale_bar[k]·t78[k]                                        k < m
    image_bar[k,q] = t79[k]·residuals_cotangent[k,q] + 2·radius2_bar[k]·image[k,q]    k < m, q < 2
    t71_bar[k] = -Σ_q image[k,q]·image_bar[k,q]/in_camera[k,2]              k < m, q < 2
    in_camera_bar[k,l] = {t71_bar[k] if l = 2} + {-image_bar[k,l]/in_camera[k,2] if l < 2}    k < m, l < 3
    t52_bar[k] = (cameras[index1[k],2]·in_camera_bar[k,1] - cameras[index1[k],1]·in_camera_bar[k,2])·second[k]    k < m
    t48_bar[k] = (cameras[index1[k],0]·in_camera_bar[k,2] - cameras[index1[k],2]·in_camera_bar[k,0])·second[k]    k < m
    t45_bar[k] = (cameras[index1[k],1]·in_camera_bar[k,0] - cameras[index1[k],0]·in_camera_bar[k,1])·second[k]    k < m
    rx_bar[k,l] = {t52_bar[k] if l = 0} + {t48_bar[k] if l = 1} + {t45_bar[k] if l = 2} + first_[k]·in_camera_bar[k,l]    k < m, l < 3
    t31_bar[k] = points[index2[k],1]·rx_bar[k,2] + second[k]·in_camera_bar[k,2]·rx[k,1] - points[index2[k],2]·rx_bar[k,1] - second[k]·in_camera_bar[k,1]·rx[k,2]    k < m
    t29_bar[k] = cameras[index1[k],2]·rx_bar[k,1] - cameras[index1[k],1]·rx_bar[k,2]    k < m
    t25_bar[k] = cameras[index1[k],0]·rx_bar[k,2] - cameras[index1[k],2]·rx_bar[k,0]    k < m
    t24_bar[k] = points[index2[k],0]·rx_bar[k,1] + second[k]·in_camera_bar[k,1]·rx[k,0] - points[index2[k],1]·rx_bar[k,0] - second[k]·in_camera_bar[k,0]·rx[k,1]    k < m
    t22_bar[k] = cameras[index1[k],1]·rx_bar[k,0] - cameras[index1[k],0]·rx_bar[k,1]    k < m
    t21_bar[k] = points[index2[k],2]·rx_bar[k,0] + second[k]·in_camera_bar[k,0]·rx[k,2] - points[index2[k],0]·rx_bar[k,2] - second[k]·in_camera_bar[k,2]·rx[k,0]    k < m
    second_bar[k] = Σ_l in_camera_bar[k,l]·t65[k,l]                         k < m, l < 3
    first_bar[k] = Σ_l in_camera_bar[k,l]·rx[k,l]                           k < m, l < 3
    theta_bar[k] = select([theta2[k] < 1e-06], 0, -first_bar[k]·spherical_bessel(1, theta[k]) - half[k]·second_bar[k]·spherical_bessel(1, theta[k]/2))    k < m
    theta2_bar[k] = 2·(select([theta2[k] < 1e-06], first_bar[k], 0)/120 + select([theta2[k] < 1e-06], second_bar[k], 0)/720)·theta2[k] + select([theta2[k] < 1e-06], -first_bar[k]/6 - second_bar[k]/24, (theta_bar[k]/theta[k])/2)    k < m
    t2_bar[k,l] = in_camera_bar[k,l] + {t29_bar[k] if l = 0} + {t25_bar[k] if l = 1} + {t22_bar[k] if l = 2}    k < m, l < 3
    t1_bar[k,l] = {t31_bar[k] if l = 0} + {t24_bar[k] if l = 2} + {t21_bar[k] if l = 1} + 2·theta2_bar[k]·cameras[index1[k],l]    k < m, l < 3
    camera_bar[k,r] = {k2_bar[k] if r = 8} + {t75_bar[k] if r = 7} + {t72_bar[k] if r = 6} + {in_camera_bar[k,r - 3] if 0 ≤ r - 3, r - 3 < 3} + {t1_bar[k,r] if r < 3}    k < m, r < 9
    cameras_bar[i,r] = Σ_{k: i = index1[k]} camera_bar[k,r]                 i < c, r < 9, k < m
    points_bar[j,l] = Σ_{k: j = index2[k]} t2_bar[k,l]                      j < p, l < 3, k < m
    stabilised: sin(theta[i,u]/2)/sqrt(select(small[i,u], 1, theta2[i,u])) → sinc(t5[i,u])/2, examples/bundle_adjustment/model.py:29
    stabilised: sin(sqrt(t4[i,u]))/sqrt(select(small[i,u], 1, theta2[i,u])) → sinc(theta[i,u]), examples/bundle_adjustment/model.py:30
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
_OWN_NAME, _CACHED_NAME = __name__, "symgrad_module_9cf33f5bf49d39ce"
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
def _sinc(x):
    """sin(x)/x, and 1 at 0. Error <= 2 ulp; NaN where |x| > 2^46."""
    u = np.float64(x)
    s, c, k = _sin_cos(u)
    y = c if k & 1 else s
    y = -y if k & 2 else y
    y = y / u if abs(u) <= 70368744177664.0 else np.nan
    return type(x)(1.0 if u == 0.0 else y)


@njit(**_EXACT)
def _spherical_bessel_1(x):
    """(sin(x)/x - cos(x))/x, below 2 by its power series. NaN where |x| > 2^46.

    The error counts in units in the last place of 1/x where the two terms cancel.
    """
    u = np.float64(x)
    z = u * u if abs(u) < 2.0 else 0.0
    p = -1.5472680682522736e-24 * z + 8.509974375387505e-22
    p = (p * z - 3.9145882126782523e-19) * z + 1.4797143443923793e-16
    p = (p * z - 4.498331606952833e-14) * z + 1.0706029224547743e-11
    p = (p * z - 1.9270852604185937e-09) * z + 2.505210838544172e-07
    p = (p * z - 2.2045855379188714e-05) * z + 0.0011904761904761906
    p = (p * z - 0.03333333333333333) * z + 0.3333333333333333
    near = u * p
    s, c, k = _sin_cos(u)
    sine = c if k & 1 else s
    cosine = s if k & 1 else c
    sine = -sine if k & 2 else sine
    cosine = -cosine if (k + 1) & 2 else cosine
    far = (sine / u - cosine) / u if abs(u) <= 70368744177664.0 else np.nan
    return type(x)(near if abs(u) < 2.0 else far)


if numba.config.DISABLE_JIT:

    def _stream(array, place, value):
        """array[place] = value."""
        array[place] = value

    def _end_stream():
        """Nothing."""

else:

    @numba.extending.intrinsic
    def _stream(typing, array, place, value):
        """array[place] = value, past the caches: its line is not read before it is written."""

        def generate(context, builder, signature, values):
            own = context.make_array(array)(context, builder, values[0])
            indices = numba.core.cgutils.unpack_tuple(builder, values[1])
            target = numba.core.cgutils.get_item_pointer(context, builder, array, own, indices)
            number = context.cast(builder, values[2], value, array.dtype)
            # Processors have this store for whole numbers.
            width = numba.types.Integer.from_bitwidth(array.dtype.bitwidth)
            bits = context.get_value_type(width)
            store = builder.store(
                builder.bitcast(number, bits), builder.bitcast(target, bits.as_pointer())
            )
            one = context.get_constant(numba.types.int32, 1)
            store.set_metadata("nontemporal", builder.module.add_metadata([one]))
            return context.get_dummy_value()

        return numba.types.void(array, place, value), generate

    @numba.extending.intrinsic
    def _end_stream(typing):
        """Waits until other threads see what was streamed."""

        def generate(context, builder, signature, values):
            builder.fence("seq_cst")
            return context.get_dummy_value()

        return numba.types.void(), generate


if numba.config.DISABLE_JIT:

    def _turn(target, source, index, i, j):
        """target[j + a, i + b] = source[index[i + b], j + a] for a and b below 8."""
        target[j : j + 8, i : i + 8] = source[index[i : i + 8], j : j + 8].T

else:

    @numba.extending.intrinsic
    def _turn(typing, target, source, index, i, j):
        """target[j + a, i + b] = source[index[i + b], j + a] for a and b below 8, in registers."""

        def generate(context, builder, signature, values):
            ir = numba.core.cgutils.ir
            word, align = ir.IntType(64), target.dtype.bitwidth // 8
            vector = ir.VectorType(context.get_data_type(target.dtype), 8)
            places = ir.VectorType(ir.IntType(32), 8)
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip((target, source, index), values, strict=False)
            ]

            def place(position, *indices):
                return numba.core.cgutils.get_item_pointer(
                    context, builder, signature.args[position], arrays[position], indices
                )

            def line(position, row, column):
                return builder.bitcast(place(position, row, column), vector.as_pointer())

            *_, i, j = values
            rows = [builder.load(place(2, builder.add(i, word(b)))) for b in range(8)]
            lines = [builder.load(line(1, row, j), align=align) for row in rows]
            # Elements that differ in one bit of row and column change places, bit by bit.
            for bit in (1, 2, 4):
                upper = places([p - bit + 8 if p & bit else p for p in range(8)])
                lower = places([p + 8 if p & bit else p + bit for p in range(8)])
                for a in range(8):
                    if not a & bit:
                        pair = lines[a], lines[a + bit]
                        lines[a] = builder.shuffle_vector(*pair, upper)
                        lines[a + bit] = builder.shuffle_vector(*pair, lower)
            for a, turned in enumerate(lines):
                builder.store(turned, line(0, builder.add(j, word(a)), i), align=align)
            return context.get_dummy_value()

        words = (numba.types.int64, numba.types.int64)
        return numba.types.void(target, source, index, *words), generate


# --- kernels of residuals ----------------------------------------------------------------------


@_kernel(
    "void(int64, float64[::1], float64[::1], float64[:, ::1], int64[::1], float64[:, ::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _nest1(rows, theta, theta2, cameras, index1, points, index2, second, t27, t34, t41):
    far2 = 0
    for k in range(rows):
        far2 += 70368744177664.0 < abs(theta[k] / 2.0)
    if far2:
        for k in range(rows):
            v9 = theta2[k]
            v10 = math.sin((theta[k] / 2.0)) / (theta[k] / 2.0) if (theta[k] / 2.0) else 1.0
            v11 = cameras[index1[k], 1]
            v12 = points[index2[k], 2]
            v13 = cameras[index1[k], 2]
            v14 = points[index2[k], 1]
            v15 = points[index2[k], 0]
            v16 = cameras[index1[k], 0]
            second[k] = 0.5 + v9 * v9 / 720.0 - v9 / 24.0 if v9 < 1e-06 else v10 * v10 / 2.0
            t27[k] = v11 * v12 - v13 * v14
            t34[k] = v13 * v15 - v16 * v12
            t41[k] = v16 * v14 - v11 * v15
    else:
        for k in range(rows):
            v17 = theta2[k]
            v18 = _sinc(theta[k] / 2.0)
            v19 = cameras[index1[k], 1]
            v20 = points[index2[k], 2]
            v21 = cameras[index1[k], 2]
            v22 = points[index2[k], 1]
            v23 = points[index2[k], 0]
            v24 = cameras[index1[k], 0]
            second[k] = 0.5 + v17 * v17 / 720.0 - v17 / 24.0 if v17 < 1e-06 else v18 * v18 / 2.0
            t27[k] = v19 * v20 - v21 * v22
            t34[k] = v21 * v23 - v24 * v20
            t41[k] = v24 * v22 - v19 * v23


@_kernel(
    "void(int64, int64, int64, float64[:, ::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _residuals_1(
    nest1,
    rows,
    m,
    cameras,
    index1,
    theta2,
    theta,
    first_,
    second,
    points,
    index2,
    t27,
    t34,
    t41,
    rx,
    t50,
    t57,
    t64,
    t65,
    in_camera,
    image,
    radius2,
    t79,
    observed,
    residuals,
):
    # theta2[k] = Σ_l cameras[index1[k],l]^2
    for k in range(rows):
        total = 0.0
        for l in range(3):
            v = cameras[index1[k], l]
            total += v * v
        theta2[k] = total
    # theta[k] = sqrt(select([theta2[k] < 1e-06], 1, theta2[k]))
    # first_[k] = select([theta2[k] < 1e-06], 1 + theta2[k]^2/120 - theta2[k]/6, sinc(theta[k]))
    far = 0
    for k in range(rows):
        v2 = theta2[k]
        far += 70368744177664.0 < abs(math.sqrt(1.0 if v2 < 1e-06 else v2))
    if far:
        for k in range(rows):
            v3 = theta2[k]
            v4 = v3 < 1e-06
            v5 = math.sqrt(1.0 if v4 else v3)
            theta[k] = v5
            first_[k] = (
                1.0 + v3 * v3 / 120.0 - v3 / 6.0 if v4 else (math.sin(v5) / v5 if v5 else 1.0)
            )
    else:
        for k in range(rows):
            v6 = theta2[k]
            v7 = v6 < 1e-06
            v8 = math.sqrt(1.0 if v7 else v6)
            theta[k] = v8
            first_[k] = 1.0 + v6 * v6 / 120.0 - v6 / 6.0 if v7 else _sinc(v8)
    # second[k] = select([theta2[k] < 1e-06], 1/2 + theta2[k]^2/720 - theta2[k]/24, sinc(theta[k]/2)^2/2)
    # t27[k] = cameras[index1[k],1]·points[index2[k],2] - cameras[index1[k],2]·points[index2[k],1]
    # t34[k] = cameras[index1[k],2]·points[index2[k],0] - cameras[index1[k],0]·points[index2[k],2]
    # t41[k] = cameras[index1[k],0]·points[index2[k],1] - cameras[index1[k],1]·points[index2[k],0]
    _call_kernel(
        nest1,
        (
            rows,
            theta,
            theta2,
            cameras,
            index1,
            points,
            index2,
            second,
            t27,
            t34,
            t41,
        ),
    )
    # rx[k,l] = {t27[k] if l = 0} + {t34[k] if l = 1} + {t41[k] if l = 2}
    l = 0
    if 0 <= l < 3:
        for k in range(rows):
            rx[k, l] = t27[k]
    l = 1
    if 0 <= l < 3:
        for k in range(rows):
            rx[k, l] = t34[k]
    l = 2
    if 0 <= l < 3:
        for k in range(rows):
            rx[k, l] = t41[k]
    # t50[k] = cameras[index1[k],1]·rx[k,2] - cameras[index1[k],2]·rx[k,1]
    # t57[k] = cameras[index1[k],2]·rx[k,0] - cameras[index1[k],0]·rx[k,2]
    # t64[k] = cameras[index1[k],0]·rx[k,1] - cameras[index1[k],1]·rx[k,0]
    for k in range(rows):
        v25 = cameras[index1[k], 1]
        v26 = rx[k, 2]
        v27 = cameras[index1[k], 2]
        v28 = rx[k, 1]
        v29 = rx[k, 0]
        v30 = cameras[index1[k], 0]
        t50[k] = v25 * v26 - v27 * v28
        t57[k] = v27 * v29 - v30 * v26
        t64[k] = v30 * v28 - v25 * v29
    # t65[k,l] = {t50[k] if l = 0} + {t57[k] if l = 1} + {t64[k] if l = 2}
    l = 0
    if 0 <= l < 3:
        for k in range(rows):
            t65[k, l] = t50[k]
    l = 1
    if 0 <= l < 3:
        for k in range(rows):
            t65[k, l] = t57[k]
    l = 2
    if 0 <= l < 3:
        for k in range(rows):
            t65[k, l] = t64[k]
    # in_camera[k,l] = first_[k]·rx[k,l] + second[k]·t65[k,l] + cameras[index1[k],3 + l] + points[index2[k],l]
    for k in range(rows):
        for l in range(3):
            in_camera[k, l] = (
                first_[k] * rx[k, l]
                + second[k] * t65[k, l]
                + cameras[index1[k], l + 3]
                + points[index2[k], l]
            )
    # image[k,q] = -in_camera[k,q]/in_camera[k,2]
    for q in range(2):
        for k in range(rows):
            image[q, k] = -(in_camera[k, q] / in_camera[k, 2])
    # radius2[k] = Σ_q image[k,q]^2
    for k in range(rows):
        radius2[k] = 0.0
    for q in range(0, 2, 2):
        for k in range(rows):
            v31 = image[q, k]
            v32 = image[q + 1, k]
            radius2[k] += v31 * v31 + v32 * v32
    # t79[k] = (1 + (radius2[k]·cameras[index1[k],8] + cameras[index1[k],7])·radius2[k])·cameras[index1[k],6]
    for k in range(rows):
        v33 = radius2[k]
        t79[k] = (1.0 + (v33 * cameras[index1[k], 8] + cameras[index1[k], 7]) * v33) * cameras[
            index1[k], 6
        ]
    # residuals[k,q] = t79[k]·image[k,q] - observed[k,q]
    if 8 * m * 2 > 8388608:
        for k in range(rows):
            for q in range(2):
                _stream(residuals, (k, q), t79[k] * image[q, k] - observed[k, q])
        _end_stream()
    else:
        for k in range(rows):
            for q in range(2):
                residuals[k, q] = t79[k] * image[q, k] - observed[k, q]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], int64[::1], float64[:, ::1], int64[::1], float64[:, ::1], float64[:, ::1])"
)
def _residuals_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest1,
    blocks,
    tile,
    m,
    cameras,
    index1,
    points,
    index2,
    observed,
    residuals,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    theta2 = np.empty((tile,), np.float64)
    theta = np.empty((tile,), np.float64)
    first_ = np.empty((tile,), np.float64)
    second = np.empty((tile,), np.float64)
    t27 = np.empty((tile,), np.float64)
    t34 = np.empty((tile,), np.float64)
    t41 = np.empty((tile,), np.float64)
    rx = np.empty((tile, 3), np.float64)
    t65 = np.empty((tile, 3), np.float64)
    in_camera = np.empty((tile, 3), np.float64)
    image = np.empty((2, tile), np.float64)
    begin, end = worker * blocks // workers, (worker + 1) * blocks // workers
    for block in range(begin, end):
        first = block * m // blocks
        last = (block + 1) * m // blocks
        if m >= 32 * blocks:
            first = first // 8 * 8
            last = last // 8 * 8 if last < m else last
        tiles = max(-(-(last - first) // tile), 1)
        height = (-(-(last - first) // tiles) + 7) // 8 * 8
        height = max(min(height, tile), 1)
        for start in range(first, last, height):
            rows = min(height, last - start)
            _call_kernel(
                address,
                (
                    nest1,
                    rows,
                    m,
                    cameras,
                    index1[start : start + rows],
                    theta2,
                    theta,
                    first_,
                    second,
                    points,
                    index2[start : start + rows],
                    t27,
                    t34,
                    t41,
                    rx,
                    theta2,
                    theta,
                    t27,
                    t65,
                    in_camera,
                    image,
                    first_,
                    second,
                    observed[start : start + rows],
                    residuals[start : start + rows],
                ),
            )


@_kernel(
    "void(int64, float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    **_INNER,
)
def _nest2(
    rows,
    theta,
    theta2,
    half,
    cameras_at_index1,
    points_at_index2,
    first_,
    second,
    t27,
    t34,
    t41,
    theta_bar_spherical_bessel,
):
    far2 = 0
    for k in range(rows):
        far2 += 70368744177664.0 < abs(theta[k])
    if far2:
        for k in range(rows):
            v9 = theta2[k]
            v10 = v9 < 1e-06
            v11 = v9 * v9
            v12 = theta[k]
            v13 = half[k]
            v14 = cameras_at_index1[1, k]
            v15 = points_at_index2[2, k]
            v16 = cameras_at_index1[2, k]
            v17 = points_at_index2[1, k]
            v18 = points_at_index2[0, k]
            v19 = cameras_at_index1[0, k]
            first_[k] = (
                1.0 + v11 / 120.0 - v9 / 6.0 if v10 else (math.sin(v12) / v12 if v12 else 1.0)
            )
            second[k] = 0.5 + v11 / 720.0 - v9 / 24.0 if v10 else 2.0 * v13 * v13
            t27[k] = v14 * v15 - v16 * v17
            t34[k] = v16 * v18 - v19 * v15
            t41[k] = v19 * v17 - v14 * v18
            theta_bar_spherical_bessel[k] = (
                _spherical_bessel_1(v12)
                if abs(v12) < 2.0
                else (math.sin(v12) / v12 - math.cos(v12)) / v12
            )
    else:
        for k in range(rows):
            v20 = theta2[k]
            v21 = v20 < 1e-06
            v22 = v20 * v20
            v23 = theta[k]
            v24 = half[k]
            v25 = cameras_at_index1[1, k]
            v26 = points_at_index2[2, k]
            v27 = cameras_at_index1[2, k]
            v28 = points_at_index2[1, k]
            v29 = points_at_index2[0, k]
            v30 = cameras_at_index1[0, k]
            first_[k] = 1.0 + v22 / 120.0 - v20 / 6.0 if v21 else _sinc(v23)
            second[k] = 0.5 + v22 / 720.0 - v20 / 24.0 if v21 else 2.0 * v24 * v24
            t27[k] = v25 * v26 - v27 * v28
            t34[k] = v27 * v29 - v30 * v26
            t41[k] = v30 * v28 - v25 * v29
            theta_bar_spherical_bessel[k] = _spherical_bessel_1(v23)


@_kernel(
    "void(int64, float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1])",
    **_INNER,
)
def _nest3(
    rows,
    camera_bar,
    k2_bar,
    t75_bar,
    t72_bar,
    in_camera_bar,
    t31_bar,
    t24_bar,
    t21_bar,
    theta2_bar,
    cameras_at_index1,
):
    for k in range(rows):
        for r in range(9):
            camera_bar[k, r] = 0.0
    r = 8
    if 0 <= r < 9:
        for k in range(rows):
            camera_bar[k, r] += k2_bar[k]
    r = 7
    if 0 <= r < 9:
        for k in range(rows):
            camera_bar[k, r] += t75_bar[k]
    r = 6
    if 0 <= r < 9:
        for k in range(rows):
            camera_bar[k, r] += t72_bar[k]
    for r in range(max(0, 3), min(9, 6)):
        for k in range(rows):
            camera_bar[k, r] += in_camera_bar[r - 3, k]
    r = 0
    if 0 <= r < 9:
        for k in range(rows):
            if r < 3:
                camera_bar[k, r] += t31_bar[k]
    r = 2
    if 0 <= r < 9:
        for k in range(rows):
            if r < 3:
                camera_bar[k, r] += t24_bar[k]
    r = 1
    if 0 <= r < 9:
        for k in range(rows):
            if r < 3:
                camera_bar[k, r] += t21_bar[k]
    for k in range(rows):
        for r in range(min(9, 3)):
            camera_bar[k, r] += 2.0 * theta2_bar[k] * cameras_at_index1[r, k]


@_kernel(
    "void(int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])",
    **_INNER,
)
def _residuals_grad_1(
    nest2,
    nest3,
    rows,
    m,
    observed,
    observed_packed,
    residuals_cotangent,
    residuals_cotangent_packed,
    cameras,
    index1,
    cameras_at_index1,
    points,
    index2,
    points_at_index2,
    theta2,
    theta,
    half,
    first_,
    second,
    t27,
    t34,
    t41,
    rx,
    t50,
    t57,
    t64,
    t65,
    in_camera,
    image,
    radius2,
    t78,
    t79,
    residuals_packed,
    residuals,
    scale_bar,
    t75_bar,
    radius2_bar,
    k2_bar,
    t72_bar,
    image_bar,
    t71_bar,
    in_camera_bar,
    t52_bar,
    t48_bar,
    t45_bar,
    rx_bar,
    t31_bar,
    t29_bar,
    t25_bar,
    t24_bar,
    t22_bar,
    t21_bar,
    second_bar,
    first_bar,
    theta_bar_spherical_bessel,
    theta2_bar,
    t2_bar,
    camera_bar,
    cameras_bar,
    points_bar,
):
    # observed_packed[j,i] = observed[i,j]
    # residuals_cotangent_packed[j,i] = residuals_cotangent[i,j]
    for j in range(0, 2, 2):
        for i in range(rows):
            observed_packed[j, i] = observed[i, j]
            residuals_cotangent_packed[j, i] = residuals_cotangent[i, j]
            observed_packed[j + 1, i] = observed[i, j + 1]
            residuals_cotangent_packed[j + 1, i] = residuals_cotangent[i, j + 1]
    # cameras_at_index1[i,j] = cameras[index1[i],j]
    for i in range(0, rows - rows % 8, 8):
        for j in range(0, 8, 8):
            _turn(cameras_at_index1, cameras, index1, i, j)
    for i in range(rows - rows % 8, rows):
        for j in range(8):
            cameras_at_index1[j, i] = cameras[index1[i], j]
    for j in range(8, 9):
        for i in range(rows):
            cameras_at_index1[j, i] = cameras[index1[i], j]
    # points_at_index2[i,j] = points[index2[i],j]
    for j in range(0, 3, 3):
        for i in range(rows):
            points_at_index2[j, i] = points[index2[i], j]
            points_at_index2[j + 1, i] = points[index2[i], j + 1]
            points_at_index2[j + 2, i] = points[index2[i], j + 2]
    # theta2[k] = Σ_l cameras[index1[k],l]^2
    for k in range(rows):
        theta2[k] = 0.0
    for l in range(0, 3, 3):
        for k in range(rows):
            v = cameras_at_index1[l, k]
            v2 = cameras_at_index1[l + 1, k]
            v3 = cameras_at_index1[l + 2, k]
            theta2[k] += v * v + v2 * v2 + v3 * v3
    # theta[k] = sqrt(select([theta2[k] < 1e-06], 1, theta2[k]))
    # half[k] = sinc(theta[k]/2)/2
    far = 0
    for k in range(rows):
        v4 = theta2[k]
        far += 70368744177664.0 < abs(math.sqrt(1.0 if v4 < 1e-06 else v4) / 2.0)
    if far:
        for k in range(rows):
            v5 = theta2[k]
            v6 = math.sqrt(1.0 if v5 < 1e-06 else v5)
            theta[k] = v6
            half[k] = (math.sin((v6 / 2.0)) / (v6 / 2.0) if (v6 / 2.0) else 1.0) / 2.0
    else:
        for k in range(rows):
            v7 = theta2[k]
            v8 = math.sqrt(1.0 if v7 < 1e-06 else v7)
            theta[k] = v8
            half[k] = _sinc(v8 / 2.0) / 2.0
    # first_[k] = select([theta2[k] < 1e-06], 1 + theta2[k]^2/120 - theta2[k]/6, sinc(theta[k]))
    # second[k] = select([theta2[k] < 1e-06], 1/2 + theta2[k]^2/720 - theta2[k]/24, 2·half[k]^2)
    # t27[k] = cameras[index1[k],1]·points[index2[k],2] - cameras[index1[k],2]·points[index2[k],1]
    # t34[k] = cameras[index1[k],2]·points[index2[k],0] - cameras[index1[k],0]·points[index2[k],2]
    # t41[k] = cameras[index1[k],0]·points[index2[k],1] - cameras[index1[k],1]·points[index2[k],0]
    # theta_bar_spherical_bessel[k] = spherical_bessel(theta[k])
    _call_kernel(
        nest2,
        (
            rows,
            theta,
            theta2,
            half,
            cameras_at_index1,
            points_at_index2,
            first_,
            second,
            t27,
            t34,
            t41,
            theta_bar_spherical_bessel,
        ),
    )
    # rx[k,l] = {t27[k] if l = 0} + {t34[k] if l = 1} + {t41[k] if l = 2}
    l = 0
    if 0 <= l < 3:
        for k in range(rows):
            rx[l, k] = t27[k]
    l = 1
    if 0 <= l < 3:
        for k in range(rows):
            rx[l, k] = t34[k]
    l = 2
    if 0 <= l < 3:
        for k in range(rows):
            rx[l, k] = t41[k]
    # t50[k] = cameras[index1[k],1]·rx[k,2] - cameras[index1[k],2]·rx[k,1]
    # t57[k] = cameras[index1[k],2]·rx[k,0] - cameras[index1[k],0]·rx[k,2]
    # t64[k] = cameras[index1[k],0]·rx[k,1] - cameras[index1[k],1]·rx[k,0]
    for k in range(rows):
        v31 = cameras_at_index1[1, k]
        v32 = rx[2, k]
        v33 = cameras_at_index1[2, k]
        v34 = rx[1, k]
        v35 = rx[0, k]
        v36 = cameras_at_index1[0, k]
        t50[k] = v31 * v32 - v33 * v34
        t57[k] = v33 * v35 - v36 * v32
        t64[k] = v36 * v34 - v31 * v35
    # t65[k,l] = {t50[k] if l = 0} + {t57[k] if l = 1} + {t64[k] if l = 2}
    l = 0
    if 0 <= l < 3:
        for k in range(rows):
            t65[l, k] = t50[k]
    l = 1
    if 0 <= l < 3:
        for k in range(rows):
            t65[l, k] = t57[k]
    l = 2
    if 0 <= l < 3:
        for k in range(rows):
            t65[l, k] = t64[k]
    # in_camera[k,l] = first_[k]·rx[k,l] + second[k]·t65[k,l] + cameras[index1[k],3 + l] + points[index2[k],l]
    for l in range(3):
        for k in range(rows):
            in_camera[l, k] = (
                first_[k] * rx[l, k]
                + second[k] * t65[l, k]
                + cameras_at_index1[l + 3, k]
                + points_at_index2[l, k]
            )
    # image[k,q] = -in_camera[k,q]/in_camera[k,2]
    for q in range(2):
        for k in range(rows):
            image[q, k] = -(in_camera[q, k] / in_camera[2, k])
    # radius2[k] = Σ_q image[k,q]^2
    for k in range(rows):
        radius2[k] = 0.0
    for q in range(0, 2, 2):
        for k in range(rows):
            v37 = image[q, k]
            v38 = image[q + 1, k]
            radius2[k] += v37 * v37 + v38 * v38
    # t78[k] = 1 + (radius2[k]·cameras[index1[k],8] + cameras[index1[k],7])·radius2[k]
    # t79[k] = t78[k]·cameras[index1[k],6]
    for k in range(rows):
        v39 = radius2[k]
        v40 = 1.0 + (v39 * cameras_at_index1[8, k] + cameras_at_index1[7, k]) * v39
        t78[k] = v40
        t79[k] = v40 * cameras_at_index1[6, k]
    # scale_bar[k] = Σ_q image[k,q]·residuals_cotangent[k,q]
    for k in range(rows):
        scale_bar[k] = 0.0
    for q in range(0, 2, 2):
        for k in range(rows):
            scale_bar[k] += (
                image[q, k] * residuals_cotangent_packed[q, k]
                + image[q + 1, k] * residuals_cotangent_packed[q + 1, k]
            )
    # t75_bar[k] = radius2[k]·scale_bar[k]·cameras[index1[k],6]
    # radius2_bar[k] = t75_bar[k]·cameras[index1[k],8] + (radius2[k]·cameras[index1[k],8] + cameras[index1[k],7])·scale_bar[k]·cameras[index1[k],6]
    # k2_bar[k] = radius2[k]·t75_bar[k]
    # t72_bar[k] = scale_bar[k]·t78[k]
    for k in range(rows):
        v41 = radius2[k]
        v42 = scale_bar[k]
        v43 = cameras_at_index1[6, k]
        v44 = v41 * v42 * v43
        v45 = cameras_at_index1[8, k]
        t75_bar[k] = v44
        radius2_bar[k] = v44 * v45 + (v41 * v45 + cameras_at_index1[7, k]) * v42 * v43
        k2_bar[k] = v41 * v44
        t72_bar[k] = v42 * t78[k]
    # residuals[k,q] = t79[k]·image[k,q] - observed[k,q]
    # image_bar[k,q] = t79[k]·residuals_cotangent[k,q] + 2·radius2_bar[k]·image[k,q]
    for q in range(2):
        for k in range(rows):
            residuals_packed[q, k] = t79[k] * image[q, k] - observed_packed[q, k]
        for k in range(rows):
            image_bar[q, k] = (
                t79[k] * residuals_cotangent_packed[q, k] + 2.0 * radius2_bar[k] * image[q, k]
            )
    # residuals[k,q] = residuals_packed[q,k]
    if 8 * m * 2 > 8388608:
        for k in range(rows):
            for q in range(2):
                _stream(residuals, (k, q), residuals_packed[q, k])
        _end_stream()
    else:
        for k in range(0, rows - rows % 4, 4):
            for q in range(2):
                residuals[k, q] = residuals_packed[q, k]
                residuals[k + 1, q] = residuals_packed[q, k + 1]
                residuals[k + 2, q] = residuals_packed[q, k + 2]
                residuals[k + 3, q] = residuals_packed[q, k + 3]
        for k in range(rows - rows % 4, rows):
            for q in range(2):
                residuals[k, q] = residuals_packed[q, k]
    # t71_bar[k] = -Σ_q image[k,q]·image_bar[k,q]/in_camera[k,2]
    for k in range(rows):
        t71_bar[k] = 0.0
    for q in range(0, 2, 2):
        for k in range(rows):
            v46 = in_camera[2, k]
            t71_bar[k] += -(image[q, k] * image_bar[q, k] / v46) + -(
                image[q + 1, k] * image_bar[q + 1, k] / v46
            )
    # in_camera_bar[k,l] = {t71_bar[k] if l = 2} + {-image_bar[k,l]/in_camera[k,2] if l < 2}
    l = 2
    if 0 <= l < 3:
        for k in range(rows):
            in_camera_bar[l, k] = t71_bar[k]
    for l in range(min(3, 2)):
        for k in range(rows):
            in_camera_bar[l, k] = -(image_bar[l, k] / in_camera[2, k])
    # t52_bar[k] = (cameras[index1[k],2]·in_camera_bar[k,1] - cameras[index1[k],1]·in_camera_bar[k,2])·second[k]
    # t48_bar[k] = (cameras[index1[k],0]·in_camera_bar[k,2] - cameras[index1[k],2]·in_camera_bar[k,0])·second[k]
    # t45_bar[k] = (cameras[index1[k],1]·in_camera_bar[k,0] - cameras[index1[k],0]·in_camera_bar[k,1])·second[k]
    for k in range(rows):
        v47 = cameras_at_index1[2, k]
        v48 = in_camera_bar[1, k]
        v49 = cameras_at_index1[1, k]
        v50 = in_camera_bar[2, k]
        v51 = second[k]
        v52 = cameras_at_index1[0, k]
        v53 = in_camera_bar[0, k]
        t52_bar[k] = (v47 * v48 - v49 * v50) * v51
        t48_bar[k] = (v52 * v50 - v47 * v53) * v51
        t45_bar[k] = (v49 * v53 - v52 * v48) * v51
    # rx_bar[k,l] = {t52_bar[k] if l = 0} + {t48_bar[k] if l = 1} + {t45_bar[k] if l = 2} + first_[k]·in_camera_bar[k,l]
    for k in range(rows):
        rx_bar[0, k] = t52_bar[k] + first_[k] * in_camera_bar[0, k]
    for k in range(rows):
        rx_bar[1, k] = t48_bar[k] + first_[k] * in_camera_bar[1, k]
    for k in range(rows):
        rx_bar[2, k] = t45_bar[k] + first_[k] * in_camera_bar[2, k]
    # t31_bar[k] = points[index2[k],1]·rx_bar[k,2] + second[k]·in_camera_bar[k,2]·rx[k,1] - points[index2[k],2]·rx_bar[k,1] - second[k]·in_camera_bar[k,1]·rx[k,2]
    # t29_bar[k] = cameras[index1[k],2]·rx_bar[k,1] - cameras[index1[k],1]·rx_bar[k,2]
    # t25_bar[k] = cameras[index1[k],0]·rx_bar[k,2] - cameras[index1[k],2]·rx_bar[k,0]
    # t24_bar[k] = points[index2[k],0]·rx_bar[k,1] + second[k]·in_camera_bar[k,1]·rx[k,0] - points[index2[k],1]·rx_bar[k,0] - second[k]·in_camera_bar[k,0]·rx[k,1]
    # t22_bar[k] = cameras[index1[k],1]·rx_bar[k,0] - cameras[index1[k],0]·rx_bar[k,1]
    for k in range(rows):
        v54 = points_at_index2[1, k]
        v55 = rx_bar[2, k]
        v56 = second[k]
        v57 = rx[1, k]
        v58 = rx_bar[1, k]
        v59 = v56 * in_camera_bar[1, k]
        v60 = cameras_at_index1[2, k]
        v61 = cameras_at_index1[1, k]
        v62 = cameras_at_index1[0, k]
        v63 = rx_bar[0, k]
        t31_bar[k] = (
            v54 * v55
            + v56 * in_camera_bar[2, k] * v57
            - points_at_index2[2, k] * v58
            - v59 * rx[2, k]
        )
        t29_bar[k] = v60 * v58 - v61 * v55
        t25_bar[k] = v62 * v55 - v60 * v63
        t24_bar[k] = (
            points_at_index2[0, k] * v58
            + v59 * rx[0, k]
            - v54 * v63
            - v56 * in_camera_bar[0, k] * v57
        )
        t22_bar[k] = v61 * v63 - v62 * v58
    # t21_bar[k] = points[index2[k],2]·rx_bar[k,0] + second[k]·in_camera_bar[k,0]·rx[k,2] - points[index2[k],0]·rx_bar[k,2] - second[k]·in_camera_bar[k,2]·rx[k,0]
    for k in range(rows):
        v64 = second[k]
        t21_bar[k] = (
            points_at_index2[2, k] * rx_bar[0, k]
            + v64 * in_camera_bar[0, k] * rx[2, k]
            - points_at_index2[0, k] * rx_bar[2, k]
            - v64 * in_camera_bar[2, k] * rx[0, k]
        )
    # second_bar[k] = Σ_l in_camera_bar[k,l]·t65[k,l]
    for k in range(rows):
        second_bar[k] = 0.0
    for l in range(0, 3, 3):
        for k in range(rows):
            second_bar[k] += (
                in_camera_bar[l, k] * t65[l, k]
                + in_camera_bar[l + 1, k] * t65[l + 1, k]
                + in_camera_bar[l + 2, k] * t65[l + 2, k]
            )
    # first_bar[k] = Σ_l in_camera_bar[k,l]·rx[k,l]
    for k in range(rows):
        first_bar[k] = 0.0
    for l in range(0, 3, 3):
        for k in range(rows):
            first_bar[k] += (
                in_camera_bar[l, k] * rx[l, k]
                + in_camera_bar[l + 1, k] * rx[l + 1, k]
                + in_camera_bar[l + 2, k] * rx[l + 2, k]
            )
    # theta_bar[k] = select([theta2[k] < 1e-06], 0, -first_bar[k]·spherical_bessel(1, theta[k]) - half[k]·second_bar[k]·spherical_bessel(1, theta[k]/2))
    # theta2_bar[k] = 2·(select([theta2[k] < 1e-06], first_bar[k], 0)/120 + select([theta2[k] < 1e-06], second_bar[k], 0)/720)·theta2[k] + select([theta2[k] < 1e-06], -first_bar[k]/6 - second_bar[k]/24, (theta_bar[k]/theta[k])/2)
    far3 = 0
    for k in range(rows):
        far3 += 70368744177664.0 < abs(theta[k] / 2.0)
    if far3:
        for k in range(rows):
            v65 = theta2[k]
            v66 = v65 < 1e-06
            v67 = first_bar[k]
            v68 = theta[k]
            v69 = second_bar[k]
            v70 = (
                0.0
                if v66
                else -(v67 * theta_bar_spherical_bessel[k])
                - half[k]
                * v69
                * (
                    _spherical_bessel_1((v68 / 2.0))
                    if abs((v68 / 2.0)) < 2.0
                    else (math.sin((v68 / 2.0)) / (v68 / 2.0) - math.cos((v68 / 2.0))) / (v68 / 2.0)
                )
            )
            theta2_bar[k] = 2.0 * (
                (v67 if v66 else 0.0) / 120.0 + (v69 if v66 else 0.0) / 720.0
            ) * v65 + (
                -(v67 / 6.0) - v69 / 24.0 if v66 else (0.0 if v70 == 0.0 else v70 / v68) / 2.0
            )
    else:
        for k in range(rows):
            v71 = theta2[k]
            v72 = v71 < 1e-06
            v73 = first_bar[k]
            v74 = theta[k]
            v75 = second_bar[k]
            v76 = (
                0.0
                if v72
                else -(v73 * theta_bar_spherical_bessel[k])
                - half[k] * v75 * _spherical_bessel_1(v74 / 2.0)
            )
            theta2_bar[k] = 2.0 * (
                (v73 if v72 else 0.0) / 120.0 + (v75 if v72 else 0.0) / 720.0
            ) * v71 + (
                -(v73 / 6.0) - v75 / 24.0 if v72 else (0.0 if v76 == 0.0 else v76 / v74) / 2.0
            )
    # t2_bar[k,l] = in_camera_bar[k,l] + {t29_bar[k] if l = 0} + {t25_bar[k] if l = 1} + {t22_bar[k] if l = 2}
    for k in range(rows):
        t2_bar[0, k] = in_camera_bar[0, k] + t29_bar[k]
    for k in range(rows):
        t2_bar[1, k] = in_camera_bar[1, k] + t25_bar[k]
    for k in range(rows):
        t2_bar[2, k] = in_camera_bar[2, k] + t22_bar[k]
    # t1_bar[k,l] = {t31_bar[k] if l = 0} + {t24_bar[k] if l = 2} + {t21_bar[k] if l = 1} + 2·theta2_bar[k]·cameras[index1[k],l]
    # camera_bar[k,r] = {k2_bar[k] if r = 8} + {t75_bar[k] if r = 7} + {t72_bar[k] if r = 6} + {in_camera_bar[k,r - 3] if 0 ≤ r - 3, r - 3 < 3} + {t1_bar[k,r] if r < 3}
    _call_kernel(
        nest3,
        (
            rows,
            camera_bar,
            k2_bar,
            t75_bar,
            t72_bar,
            in_camera_bar,
            t31_bar,
            t24_bar,
            t21_bar,
            theta2_bar,
            cameras_at_index1,
        ),
    )
    # cameras_bar[i,r] = Σ_{k: i = index1[k]} camera_bar[k,r]
    for k in range(rows):
        i = index1[k]
        for r in range(9):
            cameras_bar[i, r] += camera_bar[k, r]
    # points_bar[j,l] = Σ_{k: j = index2[k]} t2_bar[k,l]
    for l in range(3):
        for k in range(rows):
            j = index2[k]
            points_bar[j, l] += t2_bar[l, k]


@_kernel(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1], int64[::1], float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1])"
)
def _residuals_grad_1_blocks(
    worker,
    workers,
    each_worker,
    address,
    nest2,
    nest3,
    blocks,
    tile,
    sums,
    m,
    observed,
    residuals_cotangent,
    cameras,
    index1,
    points,
    index2,
    residuals,
    cameras_bar,
    points_bar,
):
    if worker < 0:
        _spread(each_worker, workers)
        return
    observed_packed = np.empty((2, tile), np.float64)
    residuals_cotangent_packed = np.empty((2, tile), np.float64)
    cameras_at_index1 = np.empty((9, tile), np.float64)
    points_at_index2 = np.empty((3, tile), np.float64)
    theta2 = np.empty((tile,), np.float64)
    theta = np.empty((tile,), np.float64)
    half = np.empty((tile,), np.float64)
    first_ = np.empty((tile,), np.float64)
    second = np.empty((tile,), np.float64)
    t27 = np.empty((tile,), np.float64)
    t34 = np.empty((tile,), np.float64)
    t41 = np.empty((tile,), np.float64)
    rx = np.empty((3, tile), np.float64)
    t65 = np.empty((3, tile), np.float64)
    in_camera = np.empty((3, tile), np.float64)
    image = np.empty((2, tile), np.float64)
    residuals_packed = np.empty((2, tile), np.float64)
    scale_bar = np.empty((tile,), np.float64)
    t75_bar = np.empty((tile,), np.float64)
    radius2_bar = np.empty((tile,), np.float64)
    k2_bar = np.empty((tile,), np.float64)
    t72_bar = np.empty((tile,), np.float64)
    image_bar = np.empty((2, tile), np.float64)
    in_camera_bar = np.empty((3, tile), np.float64)
    first_bar = np.empty((tile,), np.float64)
    theta_bar_spherical_bessel = np.empty((tile,), np.float64)
    theta2_bar = np.empty((tile,), np.float64)
    camera_bar = np.empty((tile, 9), np.float64)
    begin, end = worker * blocks // workers, (worker + 1) * blocks // workers
    for block in range(begin, end):
        first = block * m // blocks
        last = (block + 1) * m // blocks
        if m >= 32 * blocks:
            first = first // 8 * 8
            last = last // 8 * 8 if last < m else last
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
                    m,
                    observed[start : start + rows],
                    observed_packed,
                    residuals_cotangent[start : start + rows],
                    residuals_cotangent_packed,
                    cameras,
                    index1[start : start + rows],
                    cameras_at_index1,
                    points,
                    index2[start : start + rows],
                    points_at_index2,
                    theta2,
                    theta,
                    half,
                    first_,
                    second,
                    t27,
                    t34,
                    t41,
                    rx,
                    t27,
                    t34,
                    t41,
                    t65,
                    in_camera,
                    image,
                    t27,
                    t34,
                    t41,
                    residuals_packed,
                    residuals[start : start + rows],
                    scale_bar,
                    t75_bar,
                    radius2_bar,
                    k2_bar,
                    t72_bar,
                    image_bar,
                    t27,
                    in_camera_bar,
                    t34,
                    t41,
                    scale_bar,
                    in_camera,
                    first_,
                    radius2_bar,
                    t27,
                    t34,
                    t41,
                    scale_bar,
                    second,
                    first_bar,
                    theta_bar_spherical_bessel,
                    theta2_bar,
                    points_at_index2,
                    camera_bar,
                    cameras_bar[place],
                    points_bar[place],
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
    _residuals_1,
    _residuals_1_blocks,
    _nest2,
    _nest3,
    _residuals_grad_1,
    _residuals_grad_1_blocks,
    _each_worker,
)

# --- residuals ---------------------------------------------------------------------------------


class ResidualsGradients(NamedTuple):
    """Gradients of residuals, one for each argument it was differentiated by."""

    cameras: NDArray[np.float64]
    points: NDArray[np.float64]


def _check_residuals(cameras, points, camera_index, point_index, observed):
    """Arguments as contiguous arrays, and the sizes that their shapes give."""
    cameras = _array("residuals", "cameras", cameras, np.float64, 2, "[c, 9]")
    points = _array("residuals", "points", points, np.float64, 2, "[p, 3]")
    camera_index = _array("residuals", "camera_index", camera_index, np.int64, 1, "[m]")
    point_index = _array("residuals", "point_index", point_index, np.int64, 1, "[m]")
    observed = _array("residuals", "observed", observed, np.float64, 2, "[m, 2]")
    c = cameras.shape[0]
    p = points.shape[0]
    m = camera_index.shape[0]
    if cameras.shape[1] != 9:
        raise ValueError(
            f"residuals: axis 1 of argument 'cameras' has {cameras.shape[1]} elements, expected 9"
        )
    if points.shape[1] != 3:
        raise ValueError(
            f"residuals: axis 1 of argument 'points' has {points.shape[1]} elements, expected 3"
        )
    if point_index.shape[0] != m:
        raise ValueError(
            f"residuals: axis 0 of argument 'point_index' has {point_index.shape[0]} elements, expected m = {m} (axis 0 of 'camera_index')"
        )
    if observed.shape[0] != m:
        raise ValueError(
            f"residuals: axis 0 of argument 'observed' has {observed.shape[0]} elements, expected m = {m} (axis 0 of 'camera_index')"
        )
    if observed.shape[1] != 2:
        raise ValueError(
            f"residuals: axis 1 of argument 'observed' has {observed.shape[1]} elements, expected 2"
        )
    return c, p, m, cameras, points, camera_index, point_index, observed


def _run_residuals(c, p, m, cameras, points, camera_index, point_index, observed):
    index1 = _check_index("residuals", camera_index, c, "camera_index", "cameras", 0)
    index2 = _check_index("residuals", point_index, p, "point_index", "points", 0)
    blocks2 = _count_blocks(m, 8 * 3 + 3 * 2 + 10, 0, 64)
    tile2 = _count_rows(3 * 3 + 2 + 7, m, blocks2)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    residuals = _empty((m, 2), np.float64)
    _residuals_1_blocks.spread(
        workers2,
        _residuals_1.address(),
        _nest1.address(),
        blocks2,
        tile2,
        m,
        cameras,
        index1,
        points,
        index2,
        observed,
        residuals,
    )
    return (residuals,)


def _run_residuals_grad(
    c,
    p,
    m,
    cameras,
    points,
    camera_index,
    point_index,
    observed,
    residuals_cotangent,
    *,
    targets=(),
):
    index1 = _check_index("residuals_grad", camera_index, c, "camera_index", "cameras", 0)
    index2 = _check_index("residuals_grad", point_index, p, "point_index", "points", 0)
    blocks2 = _count_blocks(m, 9 * 2 + 9 * 9 + 21 * 3 + c * 9 + p * 3 + 28, c * 9 + p * 3, 64)
    tile2 = _count_rows(5 * 2 + 2 * 9 + 5 * 3 + 16, m, blocks2, c * 9 + p * 3)
    workers2 = min(blocks2, numba.get_num_threads()) if blocks2 > 1 else 1
    residuals = _empty((m, 2), np.float64)
    sums2 = _count_sums(m, 9 * 2 + 9 * 9 + 21 * 3 + c * 9 + p * 3 + 28, c * 9 + p * 3, blocks2)
    cameras_bar_blocks = _zeros((blocks2 * sums2, c, 9), np.float64)
    points_bar_blocks = _zeros((blocks2 * sums2, p, 3), np.float64)
    _residuals_grad_1_blocks.spread(
        workers2,
        _residuals_grad_1.address(),
        _nest2.address(),
        _nest3.address(),
        blocks2,
        tile2,
        sums2,
        m,
        observed,
        residuals_cotangent,
        cameras,
        index1,
        points,
        index2,
        residuals,
        cameras_bar_blocks,
        points_bar_blocks,
    )
    cameras_bar = _combine(cameras_bar_blocks)
    points_bar = _combine(points_bar_blocks)
    values = (residuals,)
    return values, (
        cameras_bar,
        points_bar,
    )


def residuals(
    cameras: NDArray[np.float64],
    points: NDArray[np.float64],
    camera_index: NDArray[np.int64],
    point_index: NDArray[np.int64],
    observed: NDArray[np.float64],
) -> Any:
    """Projected minus observed image positions, one row per observation, in pixels.

    Args:
        cameras: float64[c, 9]
        points: float64[p, 3]
        camera_index: int64[m]
        point_index: int64[m]
        observed: float64[m, 2]

    Returns:
        residuals: float64[m, 2]
    """
    values = _run_residuals(*_check_residuals(cameras, points, camera_index, point_index, observed))
    return values[0]


def residuals_vjp(
    cameras: NDArray[np.float64],
    points: NDArray[np.float64],
    camera_index: NDArray[np.int64],
    point_index: NDArray[np.int64],
    observed: NDArray[np.float64],
    cotangent: NDArray[np.float64],
    *,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, ResidualsGradients]:
    """The outputs of residuals, and its vector-Jacobian products with the cotangent.

    Arguments as for `residuals`, then
        the cotangent of residuals: float64[m, 2]
    """
    c, p, m, cameras, points, camera_index, point_index, observed = _check_residuals(
        cameras, points, camera_index, point_index, observed
    )
    targets = _targets("residuals", ResidualsGradients, (cameras, points), False, out, accumulate)
    seeds = (_cotangent("residuals_vjp", "residuals", cotangent, np.float64, (m, 2), "[m, 2]"),)
    places = _in_place(
        targets, accumulate, cameras, points, camera_index, point_index, observed, *seeds
    )
    values, gradients = _run_residuals_grad(
        c, p, m, cameras, points, camera_index, point_index, observed, *seeds, targets=places
    )
    delivered = _deliver(ResidualsGradients, gradients, False, targets, out, accumulate)
    return values[0], delivered


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


def _cotangent(function, output, value, dtype, shape, text):
    """The cotangent of one output, of the output's own shape and type."""
    array = _array(function, f"cotangent of {output}", value, dtype, len(shape), text)
    if array.shape != tuple(max(length, 0) for length in shape):
        raise ValueError(
            f"{function}: the cotangent of '{output}' has shape {array.shape}, "
            f"expected {shape} ({text})"
        )
    return array


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
    good &= _self_check_residuals(np.random.default_rng(seed))
    print("all gradients agree" if good else "GRADIENTS DISAGREE")
    return good


def _self_check_residuals(rng: np.random.Generator) -> bool:
    c = 4
    p = 5
    m = 6
    arguments: dict[str, Any] = {
        "cameras": rng.uniform(0.25, 0.75, (c, 9)).astype(np.float64),
        "points": rng.uniform(0.25, 0.75, (p, 3)).astype(np.float64),
        "camera_index": rng.integers(0, c, (m,), dtype=np.int64),
        "point_index": rng.integers(0, p, (m,), dtype=np.int64),
        "observed": rng.uniform(0.25, 0.75, (m, 2)).astype(np.float64),
    }
    values = residuals(**arguments)
    floating = [values]
    seeds = tuple(np.asarray(rng.standard_normal(np.shape(v))).astype(v.dtype) for v in floating)
    _, gradients = residuals_vjp(**arguments, cotangent=seeds[0])

    def total(point: dict[str, Any]) -> float:
        result: Any = residuals(**point)
        values = result if isinstance(result, tuple) else (result,)
        floating = [v for v in values if np.asarray(v).dtype.kind == "f"]
        return float(sum(np.sum(np.multiply(s, v, dtype=float)) for s, v in zip(seeds, floating)))

    return _compare("residuals", ["cameras", "points"], gradients, arguments, total, rng)


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
