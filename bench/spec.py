"""What the benchmark knows of a program, and what it measures: frozen values, nothing that runs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.capture import MarkedProgram

Size = tuple[int, ...]
Inputs = tuple[np.ndarray, ...]
Build = Callable[[], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Bar:
    """`ratio` times as fast as the best of `peers`, with `threads` ("one" or "all")."""

    peers: tuple[str, ...]
    ratio: float
    threads: str = "all"


@dataclass(frozen=True, slots=True)
class Case:
    """One size of a program, and what is asked of it."""

    size: Size
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """The least that a value and its gradients take: compulsory traffic and arithmetic.

    `functions` counts evaluations of the functions that `bench.machine` measures, `flops` the rest.
    """

    bytes: int
    flops: int
    functions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BenchProgram:
    """A model, its inputs and sizes, and the same model in the words of each peer.

    `jax` and `torch` map the name of a variant to a function that imports the peer and returns the
    model over its arrays; "written" is the plain transcription. A model that returns an array is
    measured by its vjp: the last input is the cotangent.
    """

    name: str
    title: str
    axes: str
    model: MarkedProgram
    inputs: Callable[..., Inputs]
    cases: tuple[Case, ...]
    quick: Size
    cost: Callable[..., Cost]
    jax: Mapping[str, Build] = field(default_factory=dict)
    torch: Mapping[str, Build] = field(default_factory=dict)
    native: str = ""
    vector: bool = False
    tolerance: float = 1e-10
    trend: tuple[Size, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the model's arguments."""
        return tuple(inspect.signature(self.model.function).parameters)

    @property
    def active(self) -> tuple[int, ...]:
        """Positions of the arguments that are differentiated by."""
        wrt = self.model.wrt
        names = (wrt,) if isinstance(wrt, str) else wrt
        assert names is not None, "a benchmark says what it differentiates by"
        return tuple(self.arguments.index(name) for name in names)

    def arrays(self, size: Size) -> Inputs:
        """The same random arrays in every process."""
        return self.inputs(np.random.default_rng(20240229), *size)

    def case(self, size: Size) -> Case:
        """The case of a size, with no bars if it has none."""
        return next((case for case in self.cases if case.size == size), Case(size))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One variant of one peer at one size: seconds of a call over all rounds.

    `error` is the deviation from symgrad's result, `commit` the state of the source that was
    measured, `moment` when, `load` how many processes then wanted a core (None: not recorded),
    `extra_bytes` the peak of memory beyond inputs and outputs.
    """

    program: str
    size: Size
    threads: int
    peer: str
    variant: str
    commit: str = ""
    moment: str = ""
    load: float | None = None
    first_call: float = 0.0
    error: float = 0.0
    calls: int = 0
    median: float = math.nan
    least: float = math.nan
    forward_median: float = math.nan
    forward_least: float = math.nan
    extra_bytes: int | None = None
    failure: str = ""

    @property
    def column(self) -> str:
        """The peer and its variant."""
        return f"{self.peer}:{self.variant}"

    @property
    def run(self) -> tuple[str, str]:
        """What measurements that may be compared have in common."""
        return self.commit, self.moment

    @property
    def key(self) -> tuple[str, Size, int, str]:
        """What a later measurement replaces."""
        return self.program, self.size, self.threads, self.column


def sources(program: BenchProgram) -> dict[str, tuple[str, ...]]:
    """Variants by peer, in the order of the table."""
    found = {"symgrad": ("module", "out="), "jax": tuple(program.jax)}
    found["torch"] = found["torch_compile"] = tuple(program.torch)
    if program.native:
        found["native"] = ("O3", "O3 -ffast-math")
    return found
