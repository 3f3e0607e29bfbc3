"""Logistic regression on the breast cancer data, compared with scikit-learn.

python -m examples.logistic_regression.run
"""

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from generated.logistic_regression_grad import loss_value_and_grad

TOLERANCE = 1e-5


def main():
    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    y = data.target.astype(np.float64)
    n, d = X.shape

    # The classes can be separated, so the likelihood alone has no maximum. scikit-learn adds
    # ½‖w‖² to the sum of the losses; in terms of their mean that is ½‖w‖²/n.
    penalty = 1.0 / n

    def objective(theta):
        w, b = theta[:d], theta[d]
        value, gradient = loss_value_and_grad(w, b, X, y)
        value = value + 0.5 * penalty * (w @ w)
        return value, np.append(gradient.w + penalty * w, gradient.b)

    options = {"gtol": 1e-10, "ftol": 0.0, "maxiter": 1000}
    fit = minimize(objective, np.zeros(d + 1), jac=True, method="L-BFGS-B", options=options)

    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(X, data.target)
    expected = np.append(reference.coef_, reference.intercept_)
    difference = np.max(np.abs(fit.x - expected))
    accuracy = np.mean((X @ fit.x[:d] + fit.x[d] > 0) == (y == 1))

    print(f"objective                        {fit.fun:.8f} after {fit.nit} iterations")
    print(f"largest gradient entry           {np.max(np.abs(fit.jac)):.1e}")
    print(f"accuracy on the training data    {accuracy:.4f}")
    print(f"coefficients against scikit-learn: largest difference {difference:.1e}", end="")
    print(f"  (at most {TOLERANCE:.0e})")
    if difference > TOLERANCE:
        raise SystemExit("the coefficients differ from scikit-learn's")


if __name__ == "__main__":
    main()
