"""Filling in missing pixels of the handwritten digits by a matrix of low rank.

python -m examples.matrix_factorisation.run
"""

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits

from examples.matrix_factorisation.model import predict
from generated.matrix_factorisation_grad import loss_value_and_grad

RANK = 20
PENALTY = 2.0
MISSING = 0.3


def rmse(difference):
    return np.sqrt(np.mean(difference**2))


def main():
    truth = load_digits().data / 16.0
    n, p = truth.shape
    rng = np.random.default_rng(0)
    observed = rng.random((n, p)) >= MISSING
    Y = np.where(observed, truth, np.nan)
    pixel_mean = np.nanmean(Y, axis=0)

    ends = np.cumsum([n * RANK, p * RANK])

    def unpack(theta):
        U, V, b = np.split(theta, ends)
        return U.reshape(n, RANK), V.reshape(p, RANK), b

    def objective(theta):
        value, gradients = loss_value_and_grad(*unpack(theta), Y, observed, PENALTY)
        return value, np.concatenate([g.ravel() for g in gradients])

    start = np.concatenate([rng.normal(scale=0.1, size=(n + p) * RANK), pixel_mean])
    options = {"maxiter": 300, "maxfun": 400, "maxcor": 20, "gtol": 1e-4}
    fit = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)

    held_out = ~observed
    baseline = rmse((pixel_mean - truth)[held_out])
    error = rmse((predict(*unpack(fit.x)) - truth)[held_out])
    print(f"{n} images of {p} pixels, {np.mean(held_out):.0%} of the pixels missing")
    print(f"loss               {objective(start)[0]:.1f} -> {fit.fun:.1f}, {fit.nit} iterations")
    print(f"held-out RMSE      {error:.4f}")
    print(f"mean of the pixel  {baseline:.4f}")
    if not error < 0.7 * baseline:
        raise SystemExit("the factorisation predicts missing pixels badly")


if __name__ == "__main__":
    main()
