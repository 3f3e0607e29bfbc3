"""The programs of the benchmark, one file each, in the order of the table."""

from __future__ import annotations

from bench.programs import (
    attention,
    batch_norm,
    black_scholes,
    bundle_adjustment,
    elementwise,
    factorisation,
    gmm,
    kmeans,
    logistic,
    logsumexp,
    mlp,
    scalar,
)
from bench.spec import BenchProgram

PROGRAMS: dict[str, BenchProgram] = {
    module.PROGRAM.name: module.PROGRAM
    for module in (
        elementwise,
        logistic,
        mlp,
        gmm,
        kmeans,
        logsumexp,
        black_scholes,
        bundle_adjustment,
        attention,
        batch_norm,
        factorisation,
        scalar,
    )
}
