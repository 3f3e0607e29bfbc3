"""Where the ranges of indices stand behind the lines of a program."""

from __future__ import annotations

import pytest

from symgrad.program import (
    Access,
    Axis,
    Definition,
    Program,
    Term,
    format_lines,
    index_symbol,
    size_symbol,
)

AXIS = Axis(index_symbol("i"), size_symbol("n"))
ENDING = "[i] = x[i]"


def columns(*lengths: int) -> list[int]:
    """Where the ranges of lines of such lengths stand."""
    body = Term(Access("x", AXIS.index))
    names = [chr(ord("a") + k) * (length - len(ENDING)) for k, length in enumerate(lengths)]
    definitions = tuple(Definition(name, (AXIS,), "float64", (body,)) for name in names)
    lines = format_lines(Program("f", (), definitions, (names[-1],)))
    assert [len(line.split("    ")[0]) for line in lines] == list(lengths)
    return [line.index("i < n") for line in lines]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((20, 30), [34, 34]),
        ((20, 72), [76, 76]),
        ((30, 72, 73), [77, 77, 77]),  # a line a little longer than the others moves the column
        ((30, 73), [34, 77]),  # one that is much longer does not
        ((60, 76, 90), [64, 80, 94]),
        ((72, 76, 80, 90), [84, 84, 84, 94]),
    ],
)
def test_ranges_stand_below_each_other_or_well_apart(
    lengths: tuple[int, ...], expected: list[int]
) -> None:
    assert columns(*lengths) == expected
