"""The door of a generated module: lines that check arguments and read the sizes from them."""

from __future__ import annotations

import re

from symgrad.program.definitions import DType
from symgrad.schedule.freeze_sizes import SizeRule
from symgrad.schedule.frozen import FrozenArray

_NAME = re.compile(r"[A-Za-z_]\w*")

__all__ = ["annotation", "door_lines", "numpy_type"]


def numpy_type(dtype: DType) -> str:
    """The NumPy name of an element type."""
    return "bool_" if dtype == "bool" else dtype


def annotation(array: FrozenArray) -> str:
    """The type annotation of an argument of a public function."""
    if array.shape:
        return f"NDArray[np.{numpy_type(array.dtype)}]"
    return {"float64": "float", "float32": "float", "bool": "bool"}.get(array.dtype, "int")


def door_lines(
    function: str,
    arguments: tuple[FrozenArray, ...],
    rules: tuple[SizeRule, ...],
    requirements: tuple[str, ...],
) -> list[str]:
    """Statements that convert every argument, bind every size and refuse what does not fit.

    `requirements` are comparisons of sizes that the model takes for granted: x[3] needs 4 <= n.
    """
    lines = []
    for array in arguments:
        helper = "_array" if array.shape else "_number"
        rank = f', {len(array.shape)}, "{_shape(array)}"' if array.shape else ""
        lines.append(
            f'{array.name} = {helper}("{function}", "{array.name}", {array.name}, '
            f"np.{numpy_type(array.dtype)}{rank})"
        )
    sources: dict[str, str] = {}
    for rule in rules:
        length = f"{rule.argument}.shape[{rule.axis}]"
        if rule.kind == "bind":
            lines.append(f"{rule.size} = {length}")
            sources[rule.size] = f"axis {rule.axis} of '{rule.argument}'"
        elif rule.kind == "solve":
            lines.append(
                f'{rule.size} = _solve_size("{function}", "{rule.argument}", {rule.axis}, '
                f'{length}, "{rule.size}", {rule.text}, {rule.divisor})'
            )
            sources[rule.size] = f"axis {rule.axis} of '{rule.argument}'"
        else:
            origin = sources.get(rule.text, "")
            known = f"{rule.text} = {{{rule.text}}}" if not rule.text.isdigit() else rule.text
            said = f" ({origin})" if origin else ""
            lines.append(f"if {length} != {rule.text}:")
            lines.append(
                f'    raise ValueError(f"{function}: axis {rule.axis} of argument '
                f"'{rule.argument}' has {{{length}}} elements, expected {known}{said}\")"
            )
    for requirement in requirements:
        names = sorted(set(_NAME.findall(requirement)) - {"min", "max"})
        values = ", ".join(f"{name} = {{{name}}}" for name in names)
        lines.append(f"if not {requirement}:")
        lines.append(
            f'    raise ValueError(f"{function}: the model needs {requirement}, got {values}")'
        )
    return lines


def _shape(array: FrozenArray) -> str:
    return f"[{', '.join(array.shape)}]"
