"""A two-layer network on the handwritten digits, trained with Adam on minibatches.

python -m examples.mlp.run
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import generated.mlp_grad as module
from examples.mlp.model import logits

REQUIRED_ACCURACY = 0.97
HIDDEN = 128
EPOCHS = 60
BATCH = 128
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 0.5


def initial_parameters(d, h, c, rng):
    """Random weights, zero biases; the first layer is large enough to use tanh's bends."""
    return [
        5 * rng.normal(size=(d, h)) / np.sqrt(d),
        np.zeros(h),
        rng.normal(size=(h, c)) / np.sqrt(h),
        np.zeros(c),
    ]


def adam(parameters, gradient_of, batches, rate):
    """Adam with decoupled weight decay, in place; the rate falls linearly to zero."""
    mean = [np.zeros_like(p) for p in parameters]
    square = [np.zeros_like(p) for p in parameters]
    for step, batch in enumerate(batches, start=1):
        rate_now = rate * (1 - step / (len(batches) + 1))
        gradients = gradient_of(parameters, batch)
        for p, g, m, s in zip(parameters, gradients, mean, square, strict=True):
            m += 0.1 * (g - m)
            s += 0.001 * (g * g - s)
            corrected = m / (1 - 0.9**step)
            scale = np.sqrt(s / (1 - 0.999**step)) + 1e-8
            p -= rate_now * (corrected / scale + WEIGHT_DECAY * p)


def accuracy(parameters, X, label):
    return np.mean(np.argmax(logits(*parameters, X), axis=1) == label)


def print_last_layer_gradient():
    """Print the derived formulas of the last layer, as they stand in the generated module."""
    print("Gradient of the last layer, from the header of generated/mlp_grad.py:")
    for line in (module.__doc__ or "").splitlines():
        if line.strip().startswith(("scores_bar[", "W2_bar[", "b2_bar[")):
            formula, _, _domain = line.strip().partition("    ")
            print("   ", formula)


def main():
    data = load_digits()
    X = data.data / 16.0
    label = data.target.astype(np.int64)
    X_train, X_test, label_train, label_test = train_test_split(
        X, label, test_size=0.2, stratify=label, random_state=0
    )

    rng = np.random.default_rng(0)
    parameters = initial_parameters(X.shape[1], HIDDEN, 10, rng)
    batches = []
    for _ in range(EPOCHS):
        order = rng.permutation(len(X_train))
        batches += [order[i : i + BATCH] for i in range(0, len(order), BATCH)]

    def gradient_of(parameters, batch):
        return module.loss_grad(*parameters, X_train[batch], label_train[batch])

    before = module.loss(*parameters, X_train, label_train)
    adam(parameters, gradient_of, batches, LEARNING_RATE)
    after = module.loss(*parameters, X_train, label_train)
    test_accuracy = accuracy(parameters, X_test, label_test)

    print(f"training loss      {before:.4f} -> {after:.4f}  ({EPOCHS} epochs)")
    print(f"training accuracy  {accuracy(parameters, X_train, label_train):.4f}")
    print(f"test accuracy      {test_accuracy:.4f}  (at least {REQUIRED_ACCURACY})")
    print()
    print_last_layer_gradient()
    if test_accuracy < REQUIRED_ACCURACY:
        raise SystemExit("the test accuracy is too low")


if __name__ == "__main__":
    main()
