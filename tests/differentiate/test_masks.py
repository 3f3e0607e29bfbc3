"""Masks of adjoints are conditions that can be read wherever the adjoint is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import build


@pytest.mark.parametrize("shift", [1, -1, 2])
def test_masks_are_read_inside_their_arrays(shift: int) -> None:
    """What a roll moves has a mask at another index, which for some rows is none of the array's."""

    def function(x, s):
        moved = np.roll(np.exp(-x * x), shift)
        return np.sum(np.where(s > moved, s * moved, s - moved) ** 2)

    built = build(function, {"x": "f64[n]", "s": "f64[]"}, wrt=("x", "s"))
    for n in (1, 2, 3, 5):
        arguments = {"x": np.linspace(-1, 1.5, n), "s": 0.4}
        _, expected = built.reference_vjp(arguments, [np.array(1.0)])
        _, gradients = built.vjp("cpu", arguments, [np.array(1.0)])  # interpreted: checks indices
        for actual, wanted in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-14)
