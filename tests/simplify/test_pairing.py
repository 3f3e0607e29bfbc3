"""pair_factors: long products under a sum are multiplied in pairs with fewer loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.program import Definition, term_accesses
from symgrad.simplify.pairing import pair_factors
from tests.support import assert_same_values, captured


def weighted(X: Any, w: Any) -> Any:
    return np.einsum("ij,i,ik->jk", X, w, X)


def chain(X: Any, G: Any) -> Any:
    return np.einsum("ij,il,ik,ip,ikp->jklp", X, X, G[:, :, 0], G[:, :, 0], G)


@pytest.mark.parametrize(
    ("function", "shapes", "sizes"),
    [
        (weighted, {"X": "f64[n, d]", "w": "f64[n]"}, {"n": 5, "d": 3}),
        (chain, {"X": "f64[n, d]", "G": "f64[n, h, h]"}, {"n": 4, "d": 3, "h": 2}),
    ],
)
def test_two_factors_are_left_under_the_sum(
    function: Any, shapes: dict[str, str], sizes: dict[str, int], rng: np.random.Generator
) -> None:
    program = captured(function, **shapes)
    paired = pair_factors(program)
    assert_same_values(program, paired, rng, **sizes)
    last = paired.definitions[-1]
    assert isinstance(last, Definition)
    assert len(term_accesses(last.terms[0])) == 2
    assert pair_factors(paired) == paired


def test_weights_go_to_the_rows_that_hold_them() -> None:
    first = pair_factors(captured(weighted, X="f64[n, d]", w="f64[n]")).definitions[0]
    assert [str(extent) for extent in first.shape] == ["n", "d"]


def test_what_has_no_smaller_pair_is_left_alone() -> None:
    for function in (
        lambda a, b: np.einsum("ij,jk->ik", a, b),
        lambda a, b: np.einsum("ij,ij,ij->", a, b, a),
    ):
        program = captured(function, a="f64[n, n]", b="f64[n, n]")
        assert pair_factors(program).definitions == program.definitions
