"""`accuracy`: the digits that a function's values and gradients lose."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from symgrad.capture import MarkedProgram, capture
from symgrad.codegen import Target
from symgrad.differentiate import Gradient, pull_back
from symgrad.driver import Derived, Timings, derive, emit
from symgrad.modules import load
from symgrad.precision.blame import blame
from symgrad.precision.exact import evaluate_exactly
from symgrad.precision.report import Accuracy, Loss
from symgrad.precision.search import Exponents, draw, first_exponents, nearby, sizes_for
from symgrad.program import DType, evaluate, is_floating
from symgrad.settling import settle_names

__all__ = ["accuracy", "accuracy_of"]

Array = np.ndarray
Inputs = Mapping[str, Any]
_ALL_DIGITS = 16.0
_DRAWS = 4  # of weights for the elements of a result: with some of them a loss cancels


def accuracy(
    function: Callable[..., Any] | MarkedProgram,
    inputs: Inputs | Sequence[Inputs] | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    shapes: Mapping[str, str] | None = None,
    target: Target = "numpy",
    dtype: DType | None = None,
    tries: int = 60,
    size: int = 3,
) -> Accuracy:
    """log₁₀(|found − exact|/(|exact|·ε)) of a function's values and gradients, at their worst.

    The exact values are those of the function as it is written and of its plain derivative, by
    mpmath with so many digits that 50 are left where the smallest and largest numbers cancel.

    Args:
        function: a Python function over NumPy names, marked with `@program` or not.
        inputs: arguments to measure at, one mapping or several; by default a search over
            exponents finds bad ones.
        wrt: arguments to differentiate by; every floating one if left out.
        shapes: `{"x": "f64[n]"}` for arguments without annotations, if there are no inputs.
        target: the target that is measured.
        dtype: overrides the type of every floating argument.
        tries: how many inputs the search draws, and half as many again around the worst.
        size: the first size of an axis in the search; the next one more, and so on.

    Raises:
        ModelError: annotations are missing or wrong, or `wrt` does not fit.
        CaptureError: an operation cannot be captured.

    >>> import numpy as np, symgrad
    >>> found = symgrad.accuracy(lambda x: np.sum(1 - np.cos(x)), {"x": np.array([1e-9])})
    >>> found.worst.digits < 1
    True
    """
    plain = function.function if isinstance(function, MarkedProgram) else function
    if wrt is None and isinstance(function, MarkedProgram):
        wrt = function.wrt
    given = [inputs] if isinstance(inputs, Mapping) else list(inputs or ())
    examples = dict(given[0]) if given and shapes is None else None
    model = capture(plain, wrt=wrt, shapes=shapes, dtype=dtype, examples=examples)
    timings = Timings()
    derived = derive(model, (), timings)
    text = emit(
        (derived,), source=model.source, digest="", target=target, options="", timings=timings
    )
    module = load(derived, text).python
    return accuracy_of(derived, module, given, tries=tries, size=size)


def accuracy_of(
    derived: Derived,
    module: ModuleType,
    inputs: Sequence[Inputs] = (),
    *,
    tries: int = 60,
    size: int = 3,
    seconds: float = math.inf,
    tried: Callable[[int, int], None] = lambda done, planned: None,
) -> Accuracy:
    """As `accuracy`, for a derived function and the module that holds its code.

    The search ends after `seconds`, and `tried` is told how many of the planned inputs are done.
    """
    meter = _Meter(derived, module)
    if inputs:
        for arguments in inputs:
            meter.measure({n: np.asarray(v) for n, v in arguments.items()}, None)
    else:
        generator = np.random.default_rng(1)
        arguments_of = meter.model_program
        sizes = sizes_for(arguments_of, size)
        meter.planned, end = tries + tries // 2, time.monotonic() + seconds

        def measure(several: Iterator[Exponents]) -> None:
            for exponents in several:
                if meter.tried and time.monotonic() > end:
                    return
                meter.measure(draw(arguments_of, exponents, sizes, generator), exponents)
                tried(meter.tried, meter.planned)

        measure(first_exponents(arguments_of, tries, generator))
        found = max(meter.worst.values(), key=lambda w: w.digits, default=None)
        if found is not None and found.exponents:
            measure(nearby(found.exponents, arguments_of, tries // 2, generator))
    return meter.report()


@dataclass(frozen=True, slots=True)
class _Worst:
    digits: float
    relative: float
    found: float
    exact: float
    inputs: dict[str, Array]
    exponents: Exponents | None


class _Meter:
    """Runs both sides and keeps the worst of each output."""

    def __init__(self, derived: Derived, module: ModuleType) -> None:
        self.derived = derived
        self.module = module
        model = settle_names(derived.model)
        self.model_program = model.program
        self.exact: Gradient = pull_back(model.program, model.wrt)
        self.dtypes = self.exact.program.dtypes()
        self.labels = [
            *self.exact.values,
            *(f"∂/∂{name}" for name in self.exact.wrt),
        ]
        self.worst: dict[str, _Worst] = {}
        self.tried = self.planned = 0

    def measure(self, arguments: dict[str, Array], exponents: Exponents | None) -> None:
        """Compares one set of arguments; inputs that were asked for with several weights."""
        self.tried += 1
        several = exponents is None and not self.derived.is_scalar
        for number in range(_DRAWS if several else 1):
            self._measure(arguments, exponents, number)

    def _measure(
        self, arguments: dict[str, Array], exponents: Exponents | None, number: int
    ) -> None:
        try:
            cotangents = self._cotangents(arguments, number)
            computed = self._computed(arguments, cotangents)
        except np.linalg.LinAlgError:
            if exponents is None:
                raise
            return  # a matrix that was drawn is singular in float64
        seeds = dict(zip(self.exact.cotangents, cotangents, strict=True))
        exact = evaluate_exactly(self.exact.program, {**arguments, **seeds})
        for label, name, found in zip(
            self.labels, self.exact.program.outputs, computed, strict=True
        ):
            self._compare(label, name, np.asarray(found), exact[name], arguments, exponents)

    def _cotangents(self, arguments: dict[str, Array], number: int) -> list[Array]:
        """Weights between 1/2 and 3/2 for each floating output; 1 for a scalar function."""
        generator = np.random.default_rng(2 + number)
        values = evaluate(self.model_program, arguments)
        seeds = []
        for name in self.exact.values:
            if is_floating(self.dtypes[name]):
                drawn = generator.uniform(0.5, 1.5, values[name].shape)
                seeds.append(np.asarray(drawn).astype(self.dtypes[name]))
        return [np.ones_like(seed) for seed in seeds] if self.derived.is_scalar else seeds

    def _computed(self, arguments: dict[str, Array], cotangents: list[Array]) -> list[Any]:
        derived = self.derived
        with np.errstate(all="ignore"):
            if derived.is_scalar:
                run = getattr(self.module, f"{derived.name}_value_and_grad")
                values, gradients = run(**arguments)
            else:
                run = getattr(self.module, f"{derived.name}_vjp")
                many = derived.model.returns_tuple
                seed = {"cotangents": tuple(cotangents)} if many else {"cotangent": cotangents[0]}
                values, gradients = run(**arguments, **seed)
        outputs = list(values) if derived.model.returns_tuple else [values]
        return outputs + ([gradients] if derived.model.single_wrt else list(gradients))

    def _compare(
        self,
        label: str,
        name: str,
        found: Array,
        exact: Array,
        arguments: dict[str, Array],
        exponents: Exponents | None,
    ) -> None:
        if not is_floating(self.dtypes[name]):
            return
        info = np.finfo(self.dtypes[name])
        for value, right in zip(found.ravel(), exact.ravel(), strict=True):
            error = _relative_error(float(value), right, info)
            if error is None:
                continue
            digits = min(_ALL_DIGITS, max(0.0, float(np.log10(max(error, 1e-300) / info.eps))))
            old = self.worst.get(label)
            if old is None or digits > old.digits:
                self.worst[label] = _Worst(
                    digits, error, float(value), float(right), arguments, exponents
                )

    def report(self) -> Accuracy:
        """The table of what was found."""
        losses = []
        for label in self.labels:
            worst = self.worst.get(label)
            if worst is None:
                continue
            where = blame(self.derived, worst.inputs) if worst.digits >= 1 else ""
            losses.append(
                Loss(
                    label,
                    worst.digits,
                    worst.relative,
                    worst.found,
                    worst.exact,
                    worst.inputs,
                    where,
                )
            )
        dtype = next(self.dtypes[name] for name in self.exact.wrt)
        planned = max(self.tried, self.planned)
        return Accuracy(self.derived.name, dtype, self.tried, tuple(losses), planned)


def _relative_error(found: float, exact: Any, info: Any) -> float | None:
    """|found − exact|/|exact|; None where the type has no such number, or there is none."""
    if mpmath.isnan(exact) or mpmath.isinf(exact):
        return None
    size = abs(exact)
    if size > float(info.max):
        return None
    if not np.isfinite(found):
        return float("inf")
    if size <= 2 * float(info.tiny):
        return 0.0 if abs(found) <= 4 * float(info.tiny) else float("inf")
    with mpmath.workdps(30):
        return float(abs(mp.mpf(found) - exact) / size)
