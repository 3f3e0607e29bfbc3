"""Forty classical losses and functions, each with its gradient as textbooks write it."""

from examples.gallery.entry import Entry
from examples.gallery.learning import LEARNING
from examples.gallery.matrices import MATRICES
from examples.gallery.models import MODELS
from examples.gallery.regression import REGRESSION
from examples.gallery.science import SCIENCE

__all__ = ["ENTRIES", "Entry"]

ENTRIES = (*REGRESSION, *LEARNING, *MODELS, *MATRICES, *SCIENCE)
