"""Every program of the benchmark says the same thing in the words of each peer."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad
from bench.peers import flat, load_jax, load_native, load_torch
from bench.programs import PROGRAMS
from bench.session import deviation, installed
from bench.spec import BenchProgram

LOADERS = {"jax": load_jax, "torch": load_torch, "native": load_native}
VARIANTS = [
    *(("jax", p, variant) for p in PROGRAMS.values() for variant in p.jax),
    *(("torch", p, variant) for p in PROGRAMS.values() for variant in p.torch),
    *(("native", p, "O3") for p in PROGRAMS.values() if p.native),
]


@pytest.fixture(scope="module")
def references() -> dict[str, list[np.ndarray]]:
    """What symgrad returns for each program, from its array statements."""
    found = {}
    for program in PROGRAMS.values():
        module = symgrad.compile(program.model, target="numpy")
        suffix = "vjp" if program.vector else "value_and_grad"
        derive = getattr(module, f"{module.name}_{suffix}")
        found[program.name] = flat(derive(*program.arrays(program.quick)))
    return found


@pytest.mark.peers
@pytest.mark.parametrize(
    ("peer", "program", "variant"),
    VARIANTS,
    ids=[f"{peer}-{program.name}-{variant}" for peer, program, variant in VARIANTS],
)
def test_peers_agree(
    peer: str, program: BenchProgram, variant: str, references: dict[str, list[np.ndarray]]
) -> None:
    if not installed(peer):
        pytest.skip(f"{peer} is not installed")
    loaded = LOADERS[peer](program, variant, program.arrays(program.quick), 1)
    found = loaded.arrays(loaded.call())
    assert deviation(found, references[program.name]) <= program.tolerance


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_inputs_are_the_same_in_every_process(program: BenchProgram) -> None:
    first, second = program.arrays(program.quick), program.arrays(program.quick)
    assert len(first) == len(program.arguments) + program.vector
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert program.cost(*program.quick).bytes > 0
    assert {len(case.size) for case in program.cases} == {len(program.quick)}


def test_a_deviation_is_seen() -> None:
    good = [np.array(2.0), np.array([1.0, 4.0])]
    assert deviation(good, good) == 0.0
    assert deviation([np.array(2.0), np.array([1.0, 4.004])], good) == pytest.approx(1e-3)
    assert deviation([np.array(2.0), np.array([np.nan, 4.0])], good) == np.inf
    assert deviation(good[:1], good) == np.inf
