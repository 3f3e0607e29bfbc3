"""Equal nests of a kernel as one function, and scratch that is not needed together in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.codegen.outlining import nests_of, outline, take_out
from symgrad.codegen.scratch import share_scratch
from symgrad.schedule.plan import Buffer
from tests.support import assert_close, build

LAYER = """# {out}[i,j] = Σ_k {inn}[i,k]·w[{at},k,j]
for {j} in range(d):
    for i in range(rows):
        {out}[{j}, i] = 0.0
    for k in range(d):
        w_here{j} = w[{at}, k, {j}]
        for i in range(rows):
            {out}[{j}, i] += {inn}[k, i] * w_here{j}"""


def layers(count: int) -> list[str]:
    texts = [LAYER.format(out=f"h{k + 1}", inn=f"h{k}", at=k, j="jpq"[k % 3]) for k in range(count)]
    return "\n".join(texts).splitlines()


def test_equal_nests_become_calls() -> None:
    names = ["rows", "d", "w", *(f"h{k}" for k in range(4))]
    found = outline("_f_1", layers(3), names)
    (function,) = found.functions
    assert function.splitlines()[1] == "def _f_1_nest1(d, rows, h1, w, at, h0):"
    calls = [line for line in found.lines if not line.startswith("#")]
    assert calls == [f"_f_1_nest1(d, rows, h{k + 1}, w, np.int64({k}), h{k})" for k in range(3)]
    assert [line for line in found.lines if line.startswith("#")] == [
        line for line in layers(3) if line.startswith("#")
    ]


def test_few_or_different_nests_stay() -> None:
    names = ["rows", "d", "w", *(f"h{k}" for k in range(4))]
    assert outline("_f_1", layers(2), names).lines == tuple(layers(2))
    other = [line.replace("+=", "=") if "h3" in line else line for line in layers(3)]
    assert not outline("_f_1", other, names).functions


def test_an_array_used_twice_is_another_shape() -> None:
    twice = [line.replace("h2", "h3") for line in layers(3)]
    names = ["rows", "d", "w", *(f"h{k}" for k in range(4))]
    assert not outline("_f_1", twice, names).functions


LONG = """# h[i] = …
for i in range(rows):
    v = x[i, rows]
""" + "".join(f"    y[{{at}}, i] += v * x[i, rows - {k}]\n" for k in range(30))
TYPES = {"rows": "int64", "x": "float64[:, ::1]", "y": "float64[:, ::1]", "nest1": "float64"}


def test_long_nests_become_kernels_that_a_module_shares() -> None:
    known: dict[str, str] = {}
    first = take_out(LONG.format(at=3).splitlines(), TYPES, known, ["nest1"])
    (function,) = first.functions
    signature = "void(int64, float64[:, ::1], float64[:, ::1], int64)"
    assert function.splitlines()[:2] == [
        f'@_kernel("{signature}", **_INNER)',
        "def _nest1(rows, x, y, at):",
    ]
    assert first.kernels == {"nest1_": "_nest1"}, "the model has an array 'nest1'"
    assert first.lines == ("# h[i] = …", "_call_kernel(nest1_, (rows, x, y, np.int64(3),))")
    again = take_out(LONG.format(at=7).splitlines(), TYPES, known, [])
    assert not again.functions and again.kernels == {"nest1": "_nest1"}
    narrow = {**TYPES, "y": "float32[:, ::1]"}
    other = take_out(LONG.format(at=7).splitlines(), narrow, known, [])
    assert other.kernels == {"nest2": "_nest2"}


def test_what_nests_are_given_and_which_stay() -> None:
    lines = [*LONG.format(at=3).splitlines(), "# last[0] = v", "x[0, 0] = v"]
    found = take_out(lines, TYPES, {}, [])
    assert not found.kernels and found.lines == tuple(lines)
    fields = [line.replace("rows - ", "") for line in LONG.format(at=3).splitlines()]
    assert take_out(fields, TYPES, {}, []).lines[-1] == "_call_kernel(nest1, (rows, x, y,))"
    short = LONG.format(at=3).splitlines()[:20]
    assert take_out(short, TYPES, {}, []).lines == tuple(short)


def test_nests_keep_their_formulas() -> None:
    nests = nests_of(["# a", "# b", "for i in range(n):", "    x[i] = 0", "# c", "y[0] = 1"])
    assert nests == [
        (["# a", "# b"], ["for i in range(n):", "    x[i] = 0"]),
        (["# c"], ["y[0] = 1"]),
    ]


def test_scratch_is_taken_over_when_nothing_reads_it_again() -> None:
    buffers = [Buffer(f"h{k}", ("d", "n"), "float64") for k in range(5)]
    holder = share_scratch(layers(4), buffers)
    assert holder == {"h0": "h0", "h1": "h1", "h2": "h0", "h3": "h1", "h4": "h0"}


def test_scratch_of_another_shape_or_type_is_apart() -> None:
    buffers = [
        Buffer("h0", ("d", "n"), "float64"),
        Buffer("h1", ("d", "n"), "float64"),
        Buffer("h2", ("n", "d"), "float64"),
        Buffer("h3", ("d", "n"), "float32"),
        Buffer("unused", ("d", "n"), "float64"),
    ]
    assert share_scratch(layers(4), buffers) == {f"h{k}": f"h{k}" for k in range(4)}


def deep(W: Any, X: Any) -> Any:
    h = X
    for k in range(5):
        h = np.tanh(h @ W[k])
    return np.sum(h**2)


def test_values_of_a_deep_network(rng: np.random.Generator) -> None:
    built = build(deep, {"W": "f64[5, d, d]", "X": "f64[n, d]"}, wrt="W")
    W, X = rng.normal(size=(5, 4, 4)) / 2, rng.normal(size=(7, 4))
    assert "_nest1(" in built.source()
    found, expected = (
        module.f_value_and_grad(W, X)
        for module in (built.in_small_tiles().module("cpu"), built.module("numpy"))
    )
    assert_close(found[0], expected[0], 1e-12)
    assert_close(found[1], expected[1], 1e-10, atol=1e-12)
