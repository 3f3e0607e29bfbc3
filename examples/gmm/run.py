"""A Gaussian mixture with full precision matrices on the wine data.

python -m examples.gmm.run
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score

from examples.gmm.model import log_joint
from generated.gmm_grad import log_posterior, log_posterior_value_and_grad

COMPONENTS = 3
STARTS = 5
GAMMA, M = 1.0, 1.0  # the Wishart prior: on its own, precisions near the identity


class Parameters:
    """The four parameter arrays, side by side in one vector for SciPy."""

    def __init__(self, k, d):
        self.shapes = [(k,), (k, d), (k, d), (k, d, d)]
        self.ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])

    def unpack(self, theta):
        parts = np.split(theta, self.ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def pack(self, arrays):
        return np.concatenate([np.ravel(array) for array in arrays])


def main():
    data = load_wine()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    n, d = X.shape
    parameters = Parameters(COMPONENTS, d)

    def objective(theta):
        value, gradients = log_posterior_value_and_grad(*parameters.unpack(theta), GAMMA, M, X)
        return -value / n, -parameters.pack(gradients) / n

    def fit(seed):
        """Maximise the posterior from means placed at three of the wines."""
        rng = np.random.default_rng(seed)
        mu = X[rng.choice(n, COMPONENTS, replace=False)]
        start = parameters.pack(
            [
                np.zeros(COMPONENTS),
                mu,
                np.zeros((COMPONENTS, d)),
                np.zeros((COMPONENTS, d, d)),
            ]
        )
        options = {"maxiter": 2000, "gtol": 1e-6}
        result = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        return result, start

    best, start = min((fit(seed) for seed in range(STARTS)), key=lambda pair: pair[0].fun)
    log_likelihood = [
        log_posterior(*parameters.unpack(theta), 0.0, 0.0, X) for theta in (start, best.x)
    ]
    joint = log_joint(*parameters.unpack(best.x), X)
    direct = np.sum(logsumexp(joint, axis=1))
    component = np.argmax(joint, axis=1)
    agreement = adjusted_rand_score(data.target, component)

    print(f"best of {STARTS} starts, {best.nit} iterations")
    print(f"log-likelihood         {log_likelihood[0]:.2f} -> {log_likelihood[1]:.2f}")
    print(f"  of the plain model   {direct:.2f}")
    print(f"wines per component    {np.bincount(component, minlength=COMPONENTS)}")
    print(f"adjusted Rand index against the three cultivars  {agreement:.3f}")
    if not np.isclose(log_likelihood[1], direct, rtol=1e-10):
        raise SystemExit("the generated module and the model disagree")
    if log_likelihood[1] <= log_likelihood[0]:
        raise SystemExit("the fit did not raise the likelihood")


if __name__ == "__main__":
    main()
