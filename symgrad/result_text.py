"""Results of derivatives as text: the Python that makes structures of a program's arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from symgrad.differentiate.pattern import Pattern
from symgrad.program import Program
from symgrad.schedule.freeze_text import size_text
from symgrad.simplify.peeling import MatrixProduct, TransposedSum

__all__ = [
    "blocks_text",
    "camel",
    "class_files",
    "cpu_line",
    "describe",
    "element_text",
    "per_argument",
    "product_line",
    "returned_text",
    "shape_text",
    "structure_text",
]


def product_line(product: MatrixProduct | TransposedSum) -> str:
    """A product of matrices or a sum of transposed arrays by NumPy, in the formula's axes."""
    if isinstance(product, TransposedSum):
        parts = []
        for factor, name, axes in product.parts:
            plain = axes == tuple(range(len(axes)))
            text = name if plain else f"{name}.transpose({axes!r})"
            parts.append(text if factor == 1 else f"{factor!r} * {text}")
        return f"{product.name} = {' + '.join(parts)}"
    text = f"np.tensordot({product.left}, {product.right}, {product.summed!r})"
    if product.order != tuple(range(len(product.order))):
        text = f"np.ascontiguousarray({text}.transpose({product.order!r}))"
    return f"{product.name} = {text}"


def cpu_line(product: MatrixProduct | TransposedSum, program: Program) -> str:
    """The line for the target `cpu`: the sum of a matrix and a transposed one has a kernel."""
    if isinstance(product, TransposedSum) and len(product.parts) == 2:
        (factor, left, axes), (other_factor, right, other_axes) = sorted(
            product.parts, key=lambda part: part[2]
        )
        turned = axes == (0, 1) and other_axes == (1, 0) and factor == other_factor
        known = all(extent.is_Integer for extent in program.shapes()[product.name])
        if turned and not known and program.dtypes()[product.name] == "float64":
            return f"{product.name} = _add_turned({left}, {right}, {factor!r})"
    return product_line(product)


# --- results as text ------------------------------------------------------------------------------


def structure_text(pattern: Pattern) -> str:
    """The call that makes the structure of its arrays."""
    shape = shape_text(pattern.rows)
    first = pattern.values[0] if pattern.values else ""
    if pattern.kind == "diagonal":
        return f"Diagonal({first})"
    if pattern.kind in ("block_diagonal", "kronecker"):
        name = "BlockDiagonal" if pattern.kind == "block_diagonal" else "Kronecker"
        return f"{name}({first}, {pattern.tied!r}, {shape})"
    if pattern.kind == "banded":
        return f"Banded(({', '.join(pattern.values)},), {pattern.offsets!r})"
    if pattern.kind == "low_rank_plus":
        rest = pattern.values[1:]
        pairs = [f"({a}, {b})" for a, b in zip(rest[::2], rest[1::2], strict=True)]
        return f"LowRankPlus(Diagonal({first}), [{', '.join(pairs)}])"
    if pattern.kind == "sparse":
        return _parts(pattern)
    shaped = f"{first}.reshape(())" if not pattern.rows and not pattern.columns else first
    return f"Dense({shaped}, {len(pattern.rows)})"


def _parts(pattern: Pattern) -> str:
    parts = []
    rank = len(pattern.rows)
    for part in pattern.parts:
        pairs = zip(part.ties, part.tie_axes, strict=True)
        ties = [_spread(tie, axes, rank) if tie else "None" for tie, axes in pairs]
        inside = _spread(part.inside, part.inside_axes, rank) if part.inside else "None"
        fixed = f"({', '.join(ties)},)" if ties else "()"
        parts.append(f"({part.values}, {fixed}, {inside})")
    rows, columns = shape_text(pattern.rows), shape_text(pattern.columns)
    return f"Sparse.from_parts({rows}, {columns}, [{', '.join(parts)}])"


def _spread(name: str, axes: tuple[int, ...], rank: int) -> str:
    """An array over some of the row axes, with axes of length 1 for the others."""
    if len(axes) == rank:
        return name
    if not axes:
        return name
    return f"{name}[{', '.join(':' if axis in axes else 'None' for axis in range(rank))}]"


def shape_text(extents: tuple[sympy.Expr, ...]) -> str:
    texts = [size_text(extent) for extent in extents]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def element_text(program: Program, name: str) -> str:
    """An array of the program as a result: 0-d ones are held as one element."""
    return name if program.statement(name).shape else f"{name}[0]"


def returned_text(program: Program, names: Sequence[str], as_tuple: bool) -> str:
    texts = [element_text(program, name) for name in names]
    return f"({', '.join(texts)},)" if as_tuple else (texts[0] if texts else "()")


def per_argument(name: str, single: bool, program: Program, names: Sequence[str] = ()) -> str:
    """One array, or the named tuple of gradients."""
    texts = []
    for array in names or program.outputs:
        texts.append(array if program.statement(array).shape else f"{array}.reshape(())")
    if single:
        return texts[0]
    return f"{camel(name)}Gradients({', '.join(texts)})"


def blocks_text(wrt: tuple[str, ...], patterns: dict[tuple[str, str], Pattern]) -> str:
    entries = []
    for (row, column), pattern in patterns.items():
        name = f"block_{row}_{column}"
        entries.append((row, column, name, structure_text(pattern)))
    table = []
    for row, column, _, text in entries:
        table.append(f'("{row}", "{column}"): {text}')
    return f"Blocks.symmetric({wrt!r}, {{{', '.join(table)}}})"


def describe(pattern: Pattern) -> str:
    """The structure in words, for the formulas."""
    if pattern.kind in ("block_diagonal", "kronecker"):
        axes = ", ".join(size_text(pattern.rows[k]) for k in pattern.tied)
        word = (
            "block diagonal over" if pattern.kind == "block_diagonal" else "identity ⊗ block, over"
        )
        return f"{word} {axes}"
    if pattern.kind == "banded":
        return f"banded, diagonals {', '.join(map(str, pattern.offsets))}"
    if pattern.kind == "low_rank_plus":
        return f"diagonal plus rank {(len(pattern.values) - 1) // 2}"
    if pattern.kind == "sparse":
        return "sparse, compressed rows" if pattern.parts else "zero"
    return pattern.kind


def class_files(kinds: Iterable[str]) -> tuple[str, ...]:
    """Files of `symgrad.structures` that these kinds need."""
    needs = {"low_rank_plus": ("dense", "diagonal", "low_rank_plus"), "sparse": ("sparse",)}
    found = {name for kind in kinds for name in needs.get(kind, (kind,))}
    return tuple(sorted(found))


def camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
