"""How many digits a model loses: values and gradients against arithmetic of 50 digits and more.

`accuracy` runs a function's compiled module, evaluates the same formulas by mpmath, and says for
each output how many decimal digits were lost, at which inputs, and in which definition.
"""

from symgrad.precision.exact import evaluate_exactly
from symgrad.precision.measure import accuracy, accuracy_of
from symgrad.precision.report import Accuracy, Loss

__all__ = ["Accuracy", "Loss", "accuracy", "accuracy_of", "evaluate_exactly"]
