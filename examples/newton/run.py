"""Newton's methods on three models of the other examples, with exact second derivatives.

python -m examples.newton.run
"""

import numpy as np
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_wine

import symgrad
from examples.bundle_adjustment.model import residuals
from examples.bundle_adjustment.run import CAMERA_SCALE, CAMERAS, NOISE, POINT_SCALE, rms, scene
from examples.gmm.model import log_posterior
from examples.logistic_regression.model import loss

COMPONENTS = 3
GAMMA, M = 1.0, 1.0


def penalised(w, b, X, y, strength):
    """Logistic regression with a ridge: without it, separable data have no minimum."""
    return loss(w, b, X, y) + 0.5 * strength * np.sum(w**2)


def negative_log_posterior(alpha, mu, q, lower, X):
    """Of a Gaussian mixture, by component and observation, with a bound on the idle directions."""
    # Entries on and above the diagonal of `lower` and a constant in alpha have no effect.
    idle = np.sum(np.triu(lower) ** 2) + np.sum(alpha) ** 2
    return 0.5 * idle - log_posterior(alpha, mu, q, lower, GAMMA, M, X) / X.shape[0]


def logistic_regression():
    """Every step of trust-exact solves with the Hessian X'·diag(p(1-p))·X."""
    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    y = data.target.astype(np.float64)
    start = {"w": np.zeros(X.shape[1]), "b": 0.0}
    given = {"X": X, "y": y, "strength": 1e-3}
    fit = symgrad.minimize(
        penalised, start, given, method="trust-exact", target="numpy", options={"gtol": 1e-10}
    )
    right = np.mean((X @ fit.arguments["w"] + fit.arguments["b"] > 0) == (y == 1))
    print(f"logistic regression: {fit.nit} iterations, gradient {np.max(np.abs(fit.jac)):.0e},")
    print(f"  loss {fit.fun:.6f}, {right:.1%} of the training data right")
    return fit.success


def gaussian_mixture():
    """The Hessian has ten blocks by pairs of arguments, some of them block diagonal."""
    data = load_wine()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    d = X.shape[1]
    rng = np.random.default_rng(1)
    start = {
        "alpha": np.zeros(COMPONENTS),
        "mu": X[rng.choice(len(X), COMPONENTS, replace=False)],
        "q": np.zeros((COMPONENTS, d)),
        "lower": np.zeros((COMPONENTS, d, d)),
    }
    fit = symgrad.minimize(
        negative_log_posterior,
        start,
        {"X": X},
        method="trust-exact",
        target="numpy",
        options={"gtol": 1e-7, "maxiter": 300},
    )
    weights = np.exp(fit.arguments["alpha"] - logsumexp(fit.arguments["alpha"]))
    shown = ", ".join(f"{weight:.3f}" for weight in np.sort(weights))
    print(f"Gaussian mixture: {fit.nit} iterations, gradient {np.max(np.abs(fit.jac)):.0e},")
    print(f"  negative log-posterior {fit.fun:.6f} a wine, weights {shown}")
    return np.max(np.abs(fit.jac)) < 1e-6


def bundle_adjustment():
    """Least squares with the Jacobian as compressed rows, twelve values a row."""
    rng = np.random.default_rng(0)
    cameras, points, camera_index, point_index, observed = scene(rng)
    start = {
        "cameras": cameras + 5 * CAMERA_SCALE * rng.normal(size=cameras.shape),
        "points": points + 5 * POINT_SCALE * rng.normal(size=points.shape),
    }
    start["cameras"][CAMERAS // 2, :3] = 0.0
    given = {"camera_index": camera_index, "point_index": point_index, "observed": observed}
    before = rms(residuals(**start, **given))
    fit = symgrad.least_squares(residuals, start, given, target="numpy", x_scale="jac", max_nfev=30)
    after = rms(residuals(**fit.arguments, **given))
    rows, columns = fit.jac.shape
    print(f"bundle adjustment: {fit.nfev} evaluations of {rows} x {columns} rows of 12 values,")
    print(f"  rms reprojection error {before:.2f} -> {after:.3f} pixels")
    return after < 1.05 * NOISE * np.sqrt(2)


def main():
    for run in (logistic_regression, gaussian_mixture, bundle_adjustment):
        if not run():
            raise SystemExit(f"{run.__name__} did not converge")


if __name__ == "__main__":
    main()
