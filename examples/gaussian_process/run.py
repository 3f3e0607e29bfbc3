"""Gaussian process regression: hyperparameters by the marginal likelihood and its Hessian.

python -m examples.gaussian_process.run
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import symgrad
from examples.gaussian_process.model import loss
from generated.gaussian_process_grad import loss_hessian, loss_value_and_grad

TOLERANCE = 1e-6
START = {"log_variance": 0.0, "log_length": 1.0, "log_noise": -1.0}


def main():
    data = load_diabetes()
    X = data.data / data.data.std(axis=0)
    y = (data.target - data.target.mean()) / data.target.std()

    # Every step of trust-exact solves with the exact Hessian, three by three.
    fit = symgrad.minimize(loss, START, {"X": X, "y": y}, method="trust-exact", target="numpy")
    theta = [float(fit.arguments[name]) for name in START]

    # Log-normal errors of the hyperparameters, from the module that `symgrad compile` wrote.
    value, gradient = loss_value_and_grad(*theta, X, y)
    errors = np.sqrt(np.diag(loss_hessian(*theta, X, y).solve(np.eye(3))))

    kernel = ConstantKernel(1.0) * RBF(np.exp(1.0)) + WhiteKernel(np.exp(-1.0))
    reference = GaussianProcessRegressor(kernel, alpha=0.0).fit(X, y)
    # scikit-learn has the variance, the length and the noise, as logarithms too.
    theirs = reference.kernel_.theta
    likelihood = reference.log_marginal_likelihood_value_
    difference = abs(-fit.fun / likelihood - 1)

    print("                    fitted  scikit-learn  standard error")
    for name, ours, other, error in zip(START, theta, theirs, errors, strict=True):
        print(f"{name:14s}  {ours:10.6f}    {other:10.6f}      {error:10.6f}")
    print(f"log marginal likelihood {-fit.fun:.6f}, scikit-learn {likelihood:.6f}")
    print(f"{fit.nit} iterations, largest gradient entry {max(map(abs, gradient)):.1e}")
    print(f"relative difference of the likelihood {difference:.1e}  (at most {TOLERANCE:.0e})")
    if difference > TOLERANCE or not np.isclose(value, fit.fun, rtol=1e-12):
        raise SystemExit("the fit differs from scikit-learn's")


if __name__ == "__main__":
    main()
