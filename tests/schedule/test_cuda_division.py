"""Kernels of many nests become several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from symgrad.schedule.cuda_division import arrays_in, divide
from symgrad.schedule.cuda_plan import CudaOptions
from symgrad.schedule.frozen import Affine, Element, FrozenDefinition, FrozenTerm, Operation
from symgrad.schedule.fusion import Group
from tests.support import build


def reading(name: str, *arrays: str) -> Group:
    """A group of one definition, the total of some arrays."""
    loads = tuple(
        Operation("load", (), "float64", Element(array, (Affine((("i", 1),)),))) for array in arrays
    )
    term = FrozenTerm(loads, (), "sum", ())
    return Group(None, [(FrozenDefinition(name, (), "float64", (term,), name), False)])


def names(parts: list[list[Group]]) -> list[str]:
    return ["".join(sorted(g.names())[0] for g in part) for part in parts]


def test_few_nests_stay_together() -> None:
    groups = [reading("a", "x"), reading("b", "a")]
    assert divide(groups, 2) == [groups]
    assert divide([], 2) == [[]]


@pytest.mark.parametrize(("count", "most"), [(7, 3), (20, 6), (31, 30), (100, 30), (5, 1)])
def test_parts_are_in_order_and_small_enough(count: int, most: int) -> None:
    groups = [reading(f"t{k}", f"t{k - 1}", "x") for k in range(count)]
    parts = divide(groups, most)
    assert [g for part in parts for g in part] == groups
    assert len(parts) == -(-count // most) and all(1 <= len(part) <= most for part in parts)


def test_the_cut_is_where_least_is_handed_on() -> None:
    # c needs both of a and b, everything after d needs d alone.
    groups = [
        *(reading("a", "x"), reading("b", "x"), reading("c", "a", "b"), reading("d", "c", "b")),
        *(reading(letter, "d") for letter in "efgh"),
    ]
    assert names(divide(groups, 5)) == ["abcd", "efgh"]
    groups[4:] = [reading("e", "d"), reading("f", "d", "e"), reading("g", "f"), reading("h", "g")]
    assert "d" in arrays_in(divide(groups, 5)[1])


def test_a_module_has_more_kernels_and_keeps_what_is_handed_on() -> None:
    def model(x, W, V):
        return np.sum(np.tanh(np.tanh(x @ W) @ V) ** 2)

    module = build(model, {"x": "f64[n, d]", "W": "f64[d, h]", "V": "f64[h, c]"}, wrt=("W", "V"))
    whole, divided = (
        module.source("cuda", replace(CudaOptions(), most_nests=most)) for most in (30, 3)
    )
    assert divided.count("\ndef _f_grad_") > whole.count("\ndef _f_grad_") == 1
