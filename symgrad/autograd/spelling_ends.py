"""Operations in which a naive spelling can end, and what they must read to be looked at."""

from __future__ import annotations

__all__ = ["DIFFERENT", "ENDS", "SUMS"]

SUMS = ("SumBackward0", "SumBackward1", "MeanBackward0", "MeanBackward1")
DIFFERENT = ("ExpBackward0", "CosBackward0", "SigmoidBackward0", "ErfBackward0", "TanhBackward0")
_ARITHMETIC = ("AddBackward0", "SubBackward0", "DivBackward0", "MulBackward0")
ENDS: dict[str, frozenset[str]] = {
    "LogBackward0": frozenset(
        (*SUMS, *DIFFERENT, *_ARITHMETIC, "ProdBackward0", "ProdBackward1", "ReciprocalBackward0")
    ),
    "Log1PBackward0": frozenset(("ExpBackward0", "NegBackward0")),
    "SqrtBackward0": frozenset((*SUMS, "AddBackward0")),
    "SubBackward0": frozenset(
        ("ExpBackward0", "CosBackward0", "SqrtBackward0", "LogBackward0", *SUMS[2:])
    ),
    "DivBackward0": frozenset(("ExpBackward0", "SinBackward0", "AddBackward0", "SubBackward0")),
    "ReciprocalBackward0": frozenset(("AddBackward0",)),
    "MulBackward0": frozenset(("LogBackward0", "Log1PBackward0")),
}
