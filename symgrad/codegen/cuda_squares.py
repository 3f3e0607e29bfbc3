"""Contractions in squares of a block's threads, staged in shared memory."""

from __future__ import annotations

from symgrad.codegen.cuda_loops import CudaLoops, element_text, factor
from symgrad.schedule.cuda_contractions import PARTS
from symgrad.schedule.cuda_plan import AccumulateNest, ContractNest
from symgrad.schedule.frozen import Affine, Element

__all__ = ["CudaSquares"]


class CudaSquares(CudaLoops):
    """Prints contraction nests."""

    def _fills_squares(self, nest: ContractNest) -> str:
        """By sizes alone, so that all blocks agree."""
        rows, columns, summed = (
            self.tile if a.index == nest.tile else factor(a.extent)
            for a in (nest.rows, nest.columns, nest.summed)
        )
        return f"min({rows}, {columns}) >= _LEAST_SIDE and {summed} >= _SIDE"

    def _squares(self, nest: ContractNest, number: int) -> list[str]:
        """Squares one after another: stage a strip of both factors, multiply, store."""
        self.locals = {f"sum{k}": self.allocate("total") for k in range(PARTS * PARTS)}
        i, j, k = nest.rows.index, nest.columns.index, nest.summed.index
        begin = {i: "0", j: "0", k: "0"}
        end = {a.index: factor(a.extent) for a in (nest.rows, nest.columns, nest.summed)}
        length = dict(end)
        if nest.tile is not None:
            begin[nest.tile], end[nest.tile] = self.start, self.stop
            length[nest.tile] = self.rows
        square, corners = self.allocate("square"), {n: self.allocate(f"corner_{n}") for n in (i, j)}
        corner_k, across = self.allocate(f"corner_{k}"), self.allocate("across")
        row, column, inner = (self.allocate(n) for n in ("row", "column", "inner"))
        grid = self.kernel.sample is None
        first, step = ("cuda.blockIdx.x", "cuda.gridDim.x") if grid else ("0", "1")
        offset = {n: f"{begin[n]} + " if begin[n] != "0" else "" for n in (i, j)}
        across_columns = self.allocate("squares")
        strips = [
            *self._stage("left_strip", nest.left, (i, k), corners[i], corner_k, across, end),
            *self._stage("right_strip", nest.right, (j, k), corners[j], corner_k, across, end),
        ]
        totals = [self.locals[f"sum{n}"] for n in range(PARTS * PARTS)]
        lefts = [self.allocate("a") for _ in range(PARTS)]
        rights = [self.allocate("b") for _ in range(PARTS)]
        product = [
            *(
                f"{a} = {element_text('left_strip', [inner, f'{row} + {n} * _SIDE'])}"
                for n, a in enumerate(lefts)
            ),
            *(
                f"{b} = {element_text('right_strip', [inner, f'{column} + {n} * _SIDE'])}"
                for n, b in enumerate(rights)
            ),
            *(
                f"{totals[PARTS * m + n]} += {a} * {b}"
                for m, a in enumerate(lefts)
                for n, b in enumerate(rights)
            ),
        ]
        stores: list[str] = []
        if isinstance(nest.plain, AccumulateNest):
            stores.append(f"{self.part} = 0")
            self.divided = (self.part, self._counter("groups", number))
        for m in range(PARTS):
            stores += [f"{i} = {corners[i]} + {row} + {m} * _SIDE", f"if {i} < {end[i]}:"]
            for n in range(PARTS):
                stores += [
                    f"    {j} = {corners[j]} + {column} + {n} * _SIDE",
                    f"    if {j} < {end[j]}:",
                    *("        " + line for line in self._block(nest.stores[PARTS * m + n])),
                ]
        self.divided = ("", "")
        indent = "    "
        return [
            f"{row} = {self.thread} // _SIDE",
            f"{column} = {self.thread} % _SIDE",
            f"{across_columns} = ({length[j]} + _WIDTH - 1) // _WIDTH",
            f"for {square} in range({first}, ({length[i]} + _WIDTH - 1) // _WIDTH "
            f"* {across_columns}, {step}):",
            f"    {corners[i]} = {offset[i]}{square} // {across_columns} * _WIDTH",
            f"    {corners[j]} = {offset[j]}{square} % {across_columns} * _WIDTH",
            *(f"    {total} = 0.0" for total in totals),
            f"    for {corner_k} in range({begin[k]}, {end[k]}, _SIDE):",
            *(2 * indent + line for line in strips),
            "        cuda.syncthreads()",
            # A count that the compiler does not know: unrolled, this loop fills all registers.
            f"        for {inner} in range(min(_SIDE, {end[k]} - {corner_k})):",
            *(3 * indent + line for line in product),
            "        cuda.syncthreads()",
            *(indent + line for line in stores),
        ]

    def _stage(
        self,
        strip: str,
        factor_element: Element,
        indices: tuple[str, str],
        corner: str,
        corner_k: str,
        across: str,
        end: dict[str, str],
    ) -> list[str]:
        """Copies a strip of a factor into shared memory, neighbours in memory by neighbours."""
        index, k = indices
        last = factor_element.subscripts[-1]
        along = isinstance(last, Affine) and last.single_index == k
        flat = self.allocate(self.flat)
        below = f"{flat} % _SIDE" if along else f"{flat} // _WIDTH"
        beside = f"{flat} // _SIDE" if along else f"{flat} % _WIDTH"
        return [
            f"for {flat} in range({self.thread}, _WIDTH * _SIDE, _THREADS):",
            f"    {across} = {beside}",
            f"    {index} = {corner} + {across}",
            f"    {k} = {corner_k} + {below}",
            f"    {element_text(strip, [below, across])} = ("
            f"{self._load(factor_element)} if {index} < {end[index]} and {k} < {end[k]} else 0.0)",
        ]
