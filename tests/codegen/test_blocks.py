"""Literals, index expressions and straight-line code as text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.codegen.blocks import NameAllocator, affine_text, number_text
from symgrad.codegen.signatures import RESERVED as KERNEL_NAMES
from symgrad.schedule.frozen import Affine
from tests.support import build


def read_back(text: str) -> object:
    return eval(text, {"np": np})


@settings(database=None, deadline=None)
@given(st.floats())
def test_floats_read_back_as_themselves(value: float) -> None:
    text, _ = number_text(value, "float64")
    found = read_back(text)
    assert isinstance(found, float)
    assert found == value or (math.isnan(found) and math.isnan(value))
    assert math.copysign(1.0, found) == math.copysign(1.0, value) or math.isnan(value)


@settings(database=None, deadline=None)
@given(st.floats(width=32, allow_nan=False))
def test_single_precision_reads_back(value: float) -> None:
    text, _ = number_text(value, "float32")
    found = read_back(text)
    assert isinstance(found, np.float32)
    assert found == np.float32(value)


@pytest.mark.parametrize("value", [0, 1, -3, 2**31, 2**53 - 1, 2**53, 10**20, -(10**25), 10**300])
def test_whole_numbers_in_floating_bodies_are_floats(value: int) -> None:
    found = read_back(number_text(value, "float64")[0])
    assert isinstance(found, float)
    assert found == float(value)


@pytest.mark.parametrize("value", [0, -7, 2**62])
def test_whole_numbers_in_integer_bodies_stay(value: int) -> None:
    assert read_back(number_text(value, "int64")[0]) == value


def test_negative_literals_are_bracketed_in_powers() -> None:
    module = build(lambda x: (-1.5) ** x + 2 ** (-x), {"x": "f64[n]"}).module("numpy")
    assert module.f(np.array([2.0]))[0] == 2.25 + 0.25


@pytest.mark.parametrize("value", [0.1, 1e-300, 1e22, 123456789.123456789, np.pi, 5e-324])
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_constants_of_a_model_keep_every_bit(value: float, target) -> None:
    found = build(lambda x: x + value, {"x": "f64[n]"}).value(target, {"x": np.zeros(1)})[0]
    assert found[0] == value


@pytest.mark.parametrize(
    ("affine", "text"),
    [
        (Affine((("i", 1),)), "i"),
        (Affine((("i", -1),), "n - 1"), "-i + n - 1"),
        (Affine((("i", 2), ("j", -1)), "3"), "2 * i - j + 3"),
        (Affine((("i", 1),), "-1"), "i - 1"),
        (Affine((), "n"), "n"),
        (Affine(()), "0"),
    ],
)
def test_affine_text(affine: Affine, text: str) -> None:
    assert affine_text(affine) == text


@settings(database=None, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ijk"), st.integers(-3, 3).filter(bool)), max_size=3),
    st.sampled_from(["0", "5", "-5", "n", "n - 1", "-n + 2", "2 * n + 1"]),
)
def test_affine_text_evaluates_to_the_form(terms: list[tuple[str, int]], rest: str) -> None:
    unique = tuple(dict(terms).items())
    numbers = {"i": 3, "j": 5, "k": 11, "n": 7}
    wanted = sum(c * numbers[name] for name, c in unique) + eval(rest, {}, numbers)
    assert eval(affine_text(Affine(unique, rest)), {}, numbers) == wanted
    renamed = affine_text(Affine(unique, rest), lambda name: f"{name} + 0")
    assert eval(renamed, {}, numbers) == wanted


def test_allocated_names_are_new() -> None:
    allocate = NameAllocator({"v", "v2"})
    assert [allocate("v"), allocate("v"), allocate("w")] == ["v3", "v4", "w"]


@pytest.mark.parametrize("name", sorted(KERNEL_NAMES)[:12])
def test_reserved_names_are_identifiers(name: str) -> None:
    assert name.isidentifier()


def test_functions_of_sizes_are_not_rounded_to_whole_numbers() -> None:
    """Helpers answer in the type of their argument, and a size is a Python integer."""
    built = build(
        lambda x: np.sum(x) * np.log(x.shape[0]) + np.log(2 * x.shape[0] + 1), {"x": "f64[n]"}
    )
    for jit in (False, True):
        (value,) = built.value("cpu", {"x": np.ones(3)}, jit=jit)
        np.testing.assert_allclose(value, 3 * np.log(3) + np.log(7))
