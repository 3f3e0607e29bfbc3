"""Random formulas at random exponents: who returns NaN, infinity or wrong digits.

    python -m bench.formulas                 200 formulas, symgrad and the peers that are installed
    python -m bench.formulas --count 2000

Each formula is a tree of everyday functions over two vectors, up to six deep. Values and gradients
are compared with mpmath's. A formula counts where all exact results are finite float64 numbers.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.autograd.rules import Rule
from symgrad.capture import capture
from symgrad.differentiate import pull_back
from symgrad.driver import Timings, derive
from symgrad.precision import evaluate_exactly

__all__ = ["Formula", "Judged", "exact_results", "judge", "random_formula", "symgrad_results"]

Array = np.ndarray
LENGTH = 3
WEIGHTS = np.array([0.7, 1.1, 1.3])  # of the elements: with equal ones much would cancel
WRONG = 1e-6  # relative error from which on a result counts as wrong

# name: text over {0}, {1}, as people write it
UNARY = {
    "exp": "np.exp({0})",
    "log": "np.log({0})",
    "log of 1 +": "np.log(1 + {0})",
    "sqrt": "np.sqrt({0})",
    "square": "({0}) ** 2",
    "sin": "np.sin({0})",
    "cos": "np.cos({0})",
    "negative": "(-({0}))",
    "abs": "np.abs({0})",
    "reciprocal": "(1 / ({0}))",
    "exp minus 1": "(np.exp({0}) - 1)",
    "1 minus cos": "(1 - np.cos({0}))",
    "sigmoid": "(1 / (1 + np.exp(-({0}))))",
    "softplus": "np.log(1 + np.exp({0}))",
    "tanh": "np.tanh({0})",
    "sinh": "((np.exp({0}) - np.exp(-({0}))) / 2)",
    "sum": "(np.sum({0}) + 0 * x)",
    "mean": "(({0}) - np.mean({0}))",
    "logsumexp": "(({0}) - np.log(np.sum(np.exp({0}))))",
    "softmax": "(np.exp({0}) / np.sum(np.exp({0})))",
    "norm": "(({0}) / np.sqrt(np.sum(({0}) ** 2)))",
    "max": "(({0}) - np.max({0}))",
    "root": "(np.sqrt(1 + ({0}) ** 2) - ({0}))",
    "positive part": "np.where(({0}) > 0, np.sqrt({0}), 0.0)",
    "sinc": "np.where(({0}) == 0, 1.0, np.sin({0}) / ({0}))",
}
BINARY = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0}) * ({1})",
    "divide": "({0}) / ({1})",
    "maximum": "np.maximum({0}, {1})",
    "log add": "np.log(np.exp({0}) + np.exp({1}))",
    "hypot": "np.sqrt(({0}) ** 2 + ({1}) ** 2)",
    "x log y": "({0}) * np.log({1})",
    "where": "np.where(({0}) > 0, {0}, {1})",
}


@dataclass(frozen=True)
class Formula:
    """A formula of x and y as Python, and the arguments it is tried at."""

    text: str
    x: Array
    y: Array

    def function(self, namespace: Any = np) -> Callable[[Any, Any], Any]:
        """The formula over the names of NumPy, JAX or a stand-in for torch."""
        found: dict[str, Any] = {"np": namespace}
        exec(f"def formula(x, y):\n    return {self.text}", found)
        formula: Callable[[Any, Any], Any] = found["formula"]
        return formula


def random_formula(rng: np.random.Generator) -> Formula:
    """A tree of one to six levels, and vectors of random magnitudes."""
    text = _tree(rng, int(rng.integers(1, 7)))
    wide = rng.uniform() < 0.5
    reach = 300.0 if wide else 3.0
    vectors = []
    for _ in range(2):
        size = 10.0 ** rng.uniform(-reach, reach)
        vectors.append(size * rng.uniform(0.5, 2.0, LENGTH) * rng.choice([-1.0, 1.0], LENGTH))
    return Formula(text, *vectors)


def _tree(rng: np.random.Generator, depth: int) -> str:
    if depth == 0:
        return str(rng.choice(["x", "y"]))
    if rng.uniform() < 0.6:
        form = UNARY[str(rng.choice(list(UNARY)))]
        return form.format(_tree(rng, depth - 1))
    form = BINARY[str(rng.choice(list(BINARY)))]
    other = int(rng.integers(0, depth))
    return form.format(_tree(rng, depth - 1), _tree(rng, other))


# --- results: the value, and the gradients by x and y of a weighted sum --------------------------

Results = tuple[Array, ...]


def exact_results(formula: Formula) -> Results | None:
    """The exact results; None where one of them is no finite float64 number."""
    model = capture(formula.function(), shapes={"x": "f64[n]", "y": "f64[n]"}, name="f", wrt=None)
    gradient = pull_back(model.program, ("x", "y"))
    seeds = dict.fromkeys(gradient.cotangents, WEIGHTS)
    values = evaluate_exactly(gradient.program, {"x": formula.x, "y": formula.y, **seeds})
    found = tuple(values[name] for name in gradient.program.outputs)
    largest = float(np.finfo(np.float64).max)
    for array in found:
        for number in array.ravel():
            if not abs(number) < largest:
                return None
    return tuple(array.astype(np.float64) for array in found)


def symgrad_results(formula: Formula, without: Sequence[str] = ()) -> Results:
    """By the array statements that symgrad prints for the gradient's program."""
    model = capture(formula.function(), shapes={"x": "f64[n]", "y": "f64[n]"}, name="f", wrt=None)
    gradient = derive(model, without, Timings()).gradient
    given = {"x": formula.x, "y": formula.y, **dict.fromkeys(gradient.cotangents, WEIGHTS)}
    with np.errstate(all="ignore"):
        value, *gradients = Rule(gradient.program).run(
            [given[a.name] for a in gradient.program.arguments]
        )
    return (value, *_both(model.wrt, gradients))


def _both(wrt: Sequence[str], gradients: Any) -> list[Array]:
    found = dict(zip(wrt, gradients, strict=True))
    return [found.get(name, np.zeros(LENGTH)) for name in ("x", "y")]


def jax_results(formula: Formula) -> Results:
    """By JAX in float64."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = formula.function(jnp)
    value, pull = jax.vjp(function, jnp.asarray(formula.x), jnp.asarray(formula.y))
    return tuple(np.asarray(a) for a in (value, *pull(jnp.asarray(WEIGHTS))))


class _Torch:
    """NumPy's names for torch's functions."""

    def __getattr__(self, name: str) -> Any:
        import torch

        if name == "max":
            return lambda x: torch.amax(x)
        return getattr(torch, name)

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        import torch

        like = a if isinstance(a, torch.Tensor) else b
        both = [v if isinstance(v, torch.Tensor) else torch.full_like(like, v) for v in (a, b)]
        return torch.where(condition, *both)


def torch_results(formula: Formula) -> Results:
    """By torch in float64."""
    import torch

    x = torch.tensor(formula.x, requires_grad=True)
    y = torch.tensor(formula.y, requires_grad=True)
    value = formula.function(_Torch())(x, y)
    grads = torch.autograd.grad(value, (x, y), torch.tensor(WEIGHTS), allow_unused=True)
    zero = np.zeros(LENGTH)
    return (value.detach().numpy(), *(zero if g is None else g.numpy() for g in grads))


# --- judgement -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Whether results hold a NaN or infinity, and the largest relative error otherwise."""

    broken: bool
    error: float

    @property
    def right(self) -> bool:
        return not self.broken and self.error < WRONG


def judge(found: Results, exact: Results) -> Judged:
    """Errors relative to the largest element of each result."""
    broken, error = False, 0.0
    for array, right in zip(found, exact, strict=True):
        array = np.broadcast_to(np.asarray(array, np.float64), right.shape)
        if not np.isfinite(array).all():
            broken = True
            continue
        scale = np.abs(right).max()
        if scale > 1e-300:
            error = max(error, float(np.abs(array / scale - right / scale).max()))
    return Judged(broken, error)


def contestants() -> dict[str, Callable[[Formula], Results]]:
    """symgrad, symgrad without the rules, and the installed peers."""
    found: dict[str, Callable[[Formula], Results]] = {
        "symgrad": symgrad_results,
        "symgrad --without stabilise": lambda f: symgrad_results(f, ("stabilise",)),
    }
    if importlib.util.find_spec("jax"):
        found["JAX"] = jax_results
    if importlib.util.find_spec("torch"):
        found["torch"] = torch_results
    return found


def run(count: int, seed: int) -> None:
    """Prints the table."""
    rng = np.random.default_rng(seed)
    tools = contestants()
    judged: dict[str, list[Judged]] = {name: [] for name in tools}
    worst: list[tuple[Judged, Formula]] = []
    tried = start = 0
    start_time = time.perf_counter()
    while len(judged["symgrad"]) < count:
        formula = random_formula(rng)
        tried += 1
        exact = exact_results(formula)
        if exact is None:
            continue
        for name, results in tools.items():
            judged[name].append(judge(results(formula), exact))
        if not judged["symgrad"][-1].right:
            worst.append((judged["symgrad"][-1], formula))
    seconds = time.perf_counter() - start_time + start
    print(f"{count} formulas of {tried} drawn have finite exact results ({seconds:.0f} s)\n")
    print("| | NaN or infinity | wrong digits | right | median error of the right |")
    print("|---|---:|---:|---:|---:|")
    for name, results in judged.items():
        broken = sum(j.broken for j in results)
        right = [j.error for j in results if j.right]
        wrong = count - broken - len(right)
        print(f"| {name} | {broken} | {wrong} | {len(right)} | {np.median(right):.1e} |")
    print("\nwhere symgrad is not right:\n")
    for verdict, formula in worst[:40]:
        state = "broken" if verdict.broken else f"{verdict.error:.0e}"
        print(f"  {state}: {formula.text}   |x| ≤ {np.abs(formula.x).max():.1e}, |y| ≤ ", end="")
        print(f"{np.abs(formula.y).max():.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run(options.count, options.seed)
