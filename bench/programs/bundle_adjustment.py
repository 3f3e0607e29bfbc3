"""Reprojection errors of a bundle adjustment: gathers of cameras and points, their vjp scatters."""

import numpy as np

from bench.spec import Bar, BenchProgram, Case, Cost
from examples.bundle_adjustment.model import residuals


def build_jax():
    import jax.numpy as jnp

    return residuals_in(jnp)


def build_torch():
    import torch

    return residuals_in(torch)


def residuals_in(xp):
    """The model in the words of a peer."""

    def cross(a, b):
        columns = [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ]
        return xp.stack(columns, 1)

    def rotate(r, x):
        theta2 = xp.sum(r * r, 1)[:, None]
        small = theta2 < 1e-6
        theta = xp.sqrt(xp.where(small, 1.0, theta2))
        half = xp.sin(0.5 * theta) / theta
        first = xp.where(small, 1 - theta2 / 6 + theta2**2 / 120, xp.sin(theta) / theta)
        second = xp.where(small, 0.5 - theta2 / 24 + theta2**2 / 720, 2 * half**2)
        rx = cross(r, x)
        return x + first * rx + second * cross(r, rx)

    def residuals(cameras, points, camera_index, point_index, observed):
        camera = cameras[camera_index]
        in_camera = rotate(camera[:, :3], points[point_index]) + camera[:, 3:6]
        image = -in_camera[:, :2] / in_camera[:, 2:]
        focal, k1, k2 = camera[:, 6], camera[:, 7], camera[:, 8]
        radius2 = xp.sum(image**2, 1)
        scale = focal * (1 + radius2 * (k1 + k2 * radius2))
        return scale[:, None] * image - observed

    return residuals


def inputs(rng, m):
    c, p = max(2, m // 2_000), max(3, m // 10)
    cameras = np.column_stack(
        [
            0.3 * rng.normal(size=(c, 3)),
            rng.normal(scale=0.1, size=(c, 2)),
            rng.normal(-6.0, 0.2, size=c),
            rng.uniform(480.0, 520.0, c),
            rng.uniform(-0.05, 0.05, (c, 2)),
        ]
    )
    points = rng.uniform(-1.0, 1.0, (p, 3))
    camera_index, point_index = rng.integers(0, c, m), rng.integers(0, p, m)
    observed, cotangent = rng.normal(size=(m, 2)), rng.normal(size=(m, 2))
    return cameras, points, camera_index, point_index, observed, cotangent


PROGRAM = BenchProgram(
    name="bundle_adjustment",
    title="bundle-adjustment residuals, vjp",
    axes="m",
    model=residuals,
    inputs=inputs,
    cases=(Case((100_000,), (Bar(("jax",), 2.0),)),),
    quick=(60,),
    cost=lambda m: Cost(
        8 * (2 * m + 6 * m) + 8 * 6 * (m // 10), 350 * m, {"sin": m, "cos": m, "divide": m}
    ),
    jax={"written": build_jax},
    torch={"written": build_torch},
    vector=True,
    tolerance=1e-9,
    trend=((1_000,), (10_000,), (100_000,), (1_000_000,)),
)
