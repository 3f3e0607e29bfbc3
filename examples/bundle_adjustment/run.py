"""Cameras and points from their images: a synthetic scene, recovered with L-BFGS.

python -m examples.bundle_adjustment.run
"""

import numpy as np
from scipy.optimize import minimize

from examples.bundle_adjustment.model import residuals as model_residuals
from generated.bundle_adjustment_grad import residuals, residuals_vjp

CAMERAS, POINTS = 12, 200
NOISE = 0.5  # standard deviation of an observation, in pixels

# How far each parameter moves for one unit of the optimiser's variables.
CAMERA_SCALE = np.array([2e-3, 2e-3, 2e-3, 1e-2, 1e-2, 1e-2, 1.0, 1e-3, 1e-3])
POINT_SCALE = 1e-2


def scene(rng):
    """Cameras on a ring around a cloud of points, and what they see of it."""
    angle = np.linspace(-0.6, 0.6, CAMERAS)
    rotation = np.stack([np.zeros(CAMERAS), angle, np.zeros(CAMERAS)], axis=1)
    rotation[CAMERAS // 2] = 0.0  # one camera with the rotation at which Rodrigues divides 0/0
    cameras = np.column_stack(
        [
            rotation,
            rng.normal(scale=0.1, size=(CAMERAS, 2)),
            np.full(CAMERAS, -6.0) + rng.normal(scale=0.2, size=CAMERAS),
            rng.uniform(480, 520, CAMERAS),
            rng.uniform(-0.05, 0.05, (CAMERAS, 2)),
        ]
    )
    points = rng.uniform(-1, 1, (POINTS, 3))
    seen = rng.random((CAMERAS, POINTS)) < 0.7
    camera_index, point_index = (index.astype(np.int64) for index in np.nonzero(seen))
    exact = model_residuals(cameras, points, camera_index, point_index, np.zeros((seen.sum(), 2)))
    observed = exact + rng.normal(scale=NOISE, size=exact.shape)
    return cameras, points, camera_index, point_index, observed


def rms(r):
    """Root mean square length of the reprojection errors."""
    return np.sqrt(np.mean(np.sum(r**2, axis=1)))


def main():
    rng = np.random.default_rng(0)
    cameras, points, camera_index, point_index, observed = scene(rng)
    start_cameras = cameras + 5 * CAMERA_SCALE * rng.normal(size=cameras.shape)
    start_points = points + 5 * POINT_SCALE * rng.normal(size=points.shape)
    # This camera starts at rotation zero exactly.
    start_cameras[CAMERAS // 2, :3] = 0.0

    def unpack(theta):
        step_cameras, step_points = np.split(theta, [cameras.size])
        return (
            start_cameras + CAMERA_SCALE * step_cameras.reshape(cameras.shape),
            start_points + POINT_SCALE * step_points.reshape(points.shape),
        )

    def objective(theta):
        """½‖r‖²; its gradient is the vector-Jacobian product with r itself."""
        arguments = (*unpack(theta), camera_index, point_index, observed)
        r, gradients = residuals_vjp(*arguments, cotangent=residuals(*arguments))
        gradient = [gradients.cameras * CAMERA_SCALE, gradients.points * POINT_SCALE]
        return 0.5 * np.sum(r**2), np.concatenate([g.ravel() for g in gradient])

    start = np.zeros(cameras.size + points.size)
    options = {"maxiter": 300, "maxfun": 400, "maxcor": 30}
    fit = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)

    before, after = (
        rms(residuals(*unpack(theta), camera_index, point_index, observed))
        for theta in (start, fit.x)
    )
    print(f"{CAMERAS} cameras, {POINTS} points, {len(observed)} observations")
    print(f"rms reprojection error  {before:.2f} -> {after:.3f} pixels, {fit.nit} iterations")
    print(f"noise in the images     {NOISE * np.sqrt(2):.3f} pixels")
    if not after < 1.05 * NOISE * np.sqrt(2):
        raise SystemExit("the scene was not recovered")


if __name__ == "__main__":
    main()
