"""What a measurement of accuracy found, and its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Accuracy", "Loss"]


@dataclass(frozen=True, slots=True)
class Loss:
    """The worst that was found for one output.

    Attributes:
        output: its name; gradients are called `∂/∂x`.
        digits: decimal digits lost beyond the rounding of the result; 16 where none is left.
        relative_error: |found − exact|/|exact| of the worst element.
        found: what was computed for it.
        exact: what it is.
        inputs: the arguments it was found at.
        definition: the formula that loses most of them, with its place in the model.
    """

    output: str
    digits: float
    relative_error: float
    found: float
    exact: float
    inputs: dict[str, np.ndarray]
    definition: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Digits lost by the values and gradients of one function; `planned` inputs, if time allows."""

    function: str
    dtype: str
    tried: int
    losses: tuple[Loss, ...]
    planned: int = 0

    @property
    def worst(self) -> Loss:
        """The output that loses most."""
        return max(self.losses, key=lambda loss: loss.digits)

    def __str__(self) -> str:
        early = f" (time for no more of {self.planned})" if self.tried < self.planned else ""
        lines = [
            f"{self.function}, {self.dtype}: decimal digits lost, the worst of {self.tried}"
            f" inputs{early}"
        ]
        width = max((len(loss.output) for loss in self.losses), default=0)
        for loss in self.losses:
            error = f"relative error {loss.relative_error:.1e}"
            if np.isinf(loss.relative_error):
                error = f"{loss.found:.3g} in place of {float(loss.exact):.3g}"
            lines.append(f"  {loss.output:{width}}  {loss.digits:4.1f}  {error}")
            if loss.digits >= 1:
                lines.append(f"  {'':{width}}        at {_inputs_text(loss.inputs)}")
                lines += [f"  {'':{width}}        in {loss.definition}"] * bool(loss.definition)
        return "\n".join(lines)


def _inputs_text(inputs: dict[str, Any]) -> str:
    """`x ≈ 3.2e-09, n = 4`: the magnitude of arrays, numbers as they are."""
    parts = []
    for name, value in inputs.items():
        array = np.asarray(value)
        if array.dtype.kind != "f":
            continue
        if array.size == 1:
            parts.append(f"{name} = {float(array.ravel()[0]):.3g}")
        else:
            parts.append(f"|{name}| ≤ {float(np.max(np.abs(array), initial=0.0)):.2g}")
    return ", ".join(parts)
