"""Poisson regression with an offset on the RAND health insurance data.

python -m examples.poisson.run
"""

import numpy as np
import statsmodels.api as sm
from scipy.optimize import minimize

from generated.poisson_grad import loss_hessian, loss_value_and_grad

TOLERANCE = 1e-6
ERROR_TOLERANCE = 1e-5


def main():
    data = sm.datasets.randhie.load_pandas()
    y = data.endog.to_numpy(dtype=np.float64)
    # The offset makes it a rate: visits to the doctor per chronic disease (plus one).
    offset = np.log1p(data.exog["disea"].to_numpy(dtype=np.float64))
    covariates = data.exog.drop(columns="disea")
    X = sm.add_constant(covariates.to_numpy(dtype=np.float64))
    names = ["const", *covariates.columns]

    # Columns of one size make the problem round, which L-BFGS rewards.
    scale = np.sqrt(np.mean(X**2, axis=0))

    def objective(scaled):
        value, gradient = loss_value_and_grad(scaled / scale, X, offset, y)
        return value, gradient / scale

    options = {"gtol": 1e-11, "ftol": 0.0, "maxiter": 5000, "maxcor": 30}
    start = np.zeros(X.shape[1])
    fit = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    beta = fit.x / scale

    reference = sm.GLM(y, X, family=sm.families.Poisson(), offset=offset).fit(tol=1e-14)
    difference = np.max(np.abs(beta - reference.params))

    # The observed information is the Hessian of the total negative log-likelihood.
    covariance = loss_hessian(beta, X, offset, y).solve(np.eye(len(beta))) / len(y)
    errors = np.sqrt(np.diag(covariance))
    error_difference = np.max(np.abs(errors / reference.bse - 1))

    print("           coefficient   statsmodels  standard error   statsmodels")
    rows = zip(names, beta, reference.params, errors, reference.bse, strict=True)
    for name, ours, theirs, error, their_error in rows:
        print(f"{name:10s} {ours:12.7f}  {theirs:12.7f}  {error:14.8f}  {their_error:12.8f}")
    print(f"log-likelihood {-fit.fun * len(y):.4f}, statsmodels {reference.llf:.4f}")
    print(f"{fit.nit} iterations, largest gradient entry {np.max(np.abs(fit.jac)):.1e}")
    print(f"largest difference of a coefficient {difference:.1e}  (at most {TOLERANCE:.0e})")
    print(
        f"largest relative difference of a standard error {error_difference:.1e}  "
        f"(at most {ERROR_TOLERANCE:.0e})"
    )
    if difference > TOLERANCE or error_difference > ERROR_TOLERANCE:
        raise SystemExit("the fit differs from statsmodels'")


if __name__ == "__main__":
    main()
