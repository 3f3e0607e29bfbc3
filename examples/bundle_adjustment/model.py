import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from symgrad import program


def cross(a, b):
    """Cross products of rows of a with rows of b."""
    return np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=1,
    )


def rotate(r, x):
    """Rotate each row of x about the axis of the same row of r, by the angle θ = ‖r‖.

    Rodrigues: x + sin(θ)/θ·(r × x) + (1 - cos(θ))/θ²·(r × (r × x)). Both factors are smooth in
    θ², so near zero their Taylor series stands in, and the square root never sees a zero.
    """
    theta2 = np.sum(r * r, axis=1, keepdims=True)
    small = theta2 < 1e-6
    theta = np.sqrt(np.where(small, 1.0, theta2))
    half = np.sin(0.5 * theta) / theta
    first = np.where(small, 1 - theta2 / 6 + theta2**2 / 120, np.sin(theta) / theta)
    second = np.where(small, 0.5 - theta2 / 24 + theta2**2 / 720, 2 * half**2)
    rx = cross(r, x)
    return x + first * rx + second * cross(r, rx)


@program(wrt=("cameras", "points"))
def residuals(
    cameras: Float64[Array, "c 9"],
    points: Float64[Array, "p 3"],
    camera_index: Int64[Array, "m"],
    point_index: Int64[Array, "m"],
    observed: Float64[Array, "m 2"],
):
    """Projected minus observed image positions, one row per observation, in pixels.

    A camera is nine numbers: rotation vector (3), translation (3), focal length, and the radial
    distortion k1, k2. It looks down its negative z axis. Observation i saw point
    point_index[i] with camera camera_index[i].
    """
    camera = cameras[camera_index]
    in_camera = rotate(camera[:, :3], points[point_index]) + camera[:, 3:6]
    image = -in_camera[:, :2] / in_camera[:, 2:]
    focal, k1, k2 = camera[:, 6], camera[:, 7], camera[:, 8]
    radius2 = np.sum(image**2, axis=1)
    scale = focal * (1 + radius2 * (k1 + k2 * radius2))
    return scale[:, None] * image - observed
